//! Plots, as SVG.

use std::path::Path;

use anyhow::Result;
use plotters::{
    chart::ChartBuilder,
    coord::combinators::{BindKeyPoints as _, IntoLogRange as _},
    element::{Circle, PathElement, Rectangle, Text},
    prelude::{IntoDrawingArea as _, SVGBackend},
    series::LineSeries,
    style::{Color as _, IntoFont as _, RGBColor, ShapeStyle, WHITE},
};

/// Colors that most color-blind readers can distinguish (Okabe and Ito, and two of Tol's).
const COLOURS: [RGBColor; 9] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
    RGBColor(153, 153, 51),
    RGBColor(136, 34, 85),
];

/// A named line.
pub type Line = (String, Vec<(f64, f64)>);

/// The labels of a plot.
#[derive(Clone, Copy, Debug)]
pub struct Axes<'a> {
    /// The title above the plot.
    pub title: &'a str,
    /// The label below the plot.
    pub x: &'a str,
    /// The label on the left.
    pub y: &'a str,
}

/// Draws lines over a logarithmic x axis, with their names on the right. `logarithmic` applies to the y axis.
pub fn lines(file: &Path, axes: Axes<'_>, lines: &[Line], logarithmic: bool) -> Result<()> {
    const SIZE: (u32, u32) = (980, 460);
    const NAMES: i32 = 790;
    const LINE: i32 = 22;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let greatest = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
    let mut places = points().map(|point| point.0).collect::<Vec<_>>();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let (x, y) = ((least(|point| point.0), greatest(|point| point.0)), greatest(|point| point.1));
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (chart_area, names) = area.split_horizontally(NAMES);
    let mut builder = ChartBuilder::on(&chart_area);
    builder.caption(axes.title, ("sans-serif", 20)).margin(12).x_label_area_size(44).y_label_area_size(64);
    macro_rules! draw {
        ($y:expr) => {{
            let mut chart = builder
                .build_cartesian_2d((x.0 * 0.9..x.1 * 1.1).log_scale().with_key_points(places.clone()), $y)?;
            chart
                .configure_mesh()
                .x_desc(axes.x)
                .y_desc(axes.y)
                .x_label_formatter(&|place| format!("{place:.0}"))
                .light_line_style(WHITE)
                .draw()?;
            for (number, (_, points)) in lines.iter().enumerate() {
                let colour = COLOURS[number % COLOURS.len()];
                chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
                chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
            }
        }};
    }
    if logarithmic {
        draw!((least(|point| point.1) * 0.8..y * 1.25).log_scale());
    } else {
        draw!(0.0..y * 1.1);
    }
    for (number, (name, _)) in lines.iter().enumerate() {
        let y = 50 + LINE * i32::try_from(number)?;
        let style = COLOURS[number % COLOURS.len()].stroke_width(3);
        names.draw(&PathElement::new(vec![(0, y), (18, y)], style))?;
        names.draw(&Text::new(name.as_str(), (26, y - 7), ("sans-serif", 13).into_font()))?;
    }
    area.present()?;
    Ok(())
}

/// Draws bars with names and numbers, and a line at the limit `most`.
pub fn bars(file: &Path, axes: Axes<'_>, bars: &[(String, f64)], most: Option<f64>) -> Result<()> {
    const HEIGHT: i32 = 30;
    const NAMES: i32 = 230;
    const WIDTH: i32 = 480;
    let rows = i32::try_from(bars.len())?;
    let size = (820, u32::try_from(HEIGHT * rows + 90)?);
    let greatest = bars.iter().map(|(_, value)| *value).chain(most).fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    let place = |value: f64| NAMES + (value / greatest * f64::from(WIDTH)) as i32;
    let font = |size: i32| ("sans-serif", size).into_font();
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(axes.title, (14, 12), font(20)))?;
    for (row, (name, value)) in bars.iter().enumerate() {
        let y = 50 + HEIGHT * i32::try_from(row)?;
        let bar = [(NAMES, y), (place(*value).max(NAMES + 1), y + HEIGHT - 9)];
        area.draw(&Text::new(name.as_str(), (14, y + 3), font(14)))?;
        area.draw(&Rectangle::new(bar, COLOURS[0].filled()))?;
        area.draw(&Text::new(format!("{value:.2}"), (place(*value) + 8, y + 3), font(14)))?;
    }
    let bottom = 50 + HEIGHT * rows;
    if let Some(most) = most {
        let style = ShapeStyle::from(COLOURS[3]).stroke_width(2);
        area.draw(&PathElement::new(vec![(place(most), 44), (place(most), bottom)], style))?;
    }
    area.draw(&Text::new(axes.x, (NAMES, bottom + 8), font(14)))?;
    area.present()?;
    Ok(())
}
