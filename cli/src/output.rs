//! Output: results on stdout as text or JSON, progress on stderr if it is a terminal.

use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use unicode_width::UnicodeWidthChar as _;

use crate::global::Format;

/// Columns of a line if stdout is not a terminal.
const COLUMNS: u16 = 100;

#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
}

impl Output {
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    pub fn text(self, text: &str) -> io::Result<()> {
        let mut stdout = anstream::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes the names of columns if stdout is a terminal.
    pub fn header(self, line: &str) -> io::Result<()> {
        if io::stdout().is_terminal() { self.line(line) } else { Ok(()) }
    }

    pub fn line(self, line: &str) -> io::Result<()> {
        self.text(&format!("{line}\n"))
    }

    /// Writes a JSON object on a line. On a terminal, control characters are escaped.
    pub fn json(self, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(value)?;
        Ok(self.line(&if io::stdout().is_terminal() { escaped(&json) } else { json })?)
    }

    /// Writes the sentence, or the object with `--output json`.
    pub fn result(self, sentence: &str, value: &impl Serialize) -> Result<()> {
        if self.is_json() { self.json(value) } else { Ok(self.line(sentence)?) }
    }

    /// Writes a finished step of a long command.
    pub(crate) fn step(self, name: &str, seen: &str) -> Result<()> {
        self.result(&format!("{name:10}  {}", printable(seen)), &json!({"step": name, "seen": seen}))
    }

    /// Writes a table, with a header if stdout is a terminal, or an object per item with `--output json`.
    pub fn rows<T: Serialize>(
        self,
        header: &[&str],
        items: &[T],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<()> {
        if self.is_json() {
            return items.iter().try_for_each(|item| self.json(item));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(columns());
        if io::stdout().is_terminal() && !items.is_empty() {
            table.set_header(header.iter().copied());
        }
        for item in items {
            let cells = cells(item);
            let mut row = comfy_table::Row::from(cells.iter().map(|cell| printable(cell)));
            // Long texts are cut, so that a row is one line.
            row.max_height(1);
            table.add_row(row);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

#[must_use]
pub fn columns() -> u16 {
    if io::stdout().is_terminal() { Table::new().width().unwrap_or(COLUMNS) } else { COLUMNS }
}

/// Escapes control, bidirectional formatting and invisible characters as `\uXXXX`. Outside of strings JSON has none.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for char in json.chars() {
        let is_escaped = char.is_control()
            || is_formatting(char)
            || matches!(
                char,
                '\u{200b}'
                    | '\u{2028}'
                    | '\u{2029}'
                    | '\u{2060}'..='\u{2064}'
                    | '\u{206a}'..='\u{206f}'
                    | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e007f}'
            );
        if is_escaped {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(char);
        }
    }
    escaped
}

/// Returns whether a character changes the direction of text.
fn is_formatting(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// Returns `text` on one line, without control and bidirectional formatting characters.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|char| match char {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            _ if char.is_control() => Some('\u{fffd}'),
            _ if is_formatting(char) => None,
            _ => Some(char),
        })
        .collect()
}

/// Returns [`printable`] text, cut to `columns` of a terminal with `…`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    let text = printable(text);
    let width = |char: char| char.width().unwrap_or(0);
    if text.chars().map(width).sum::<usize>() <= columns {
        return text;
    }
    let mut left = columns.saturating_sub(1);
    let mut cut = text
        .chars()
        .take_while(|char| {
            let fits = width(*char) <= left;
            left = left.saturating_sub(width(*char));
            fits
        })
        .collect::<String>();
    cut.push('…');
    cut
}

/// Shows progress on stderr if it is a terminal, towards `total` if known.
#[must_use]
pub fn progress(prefix: &'static str, total: Option<u64>) -> ProgressBar {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target).with_prefix(prefix);
    let template = match total {
        Some(_) => "{prefix} {wide_bar} {human_pos}/{human_len} {rate} {eta}",
        None => "{prefix} {spinner} {human_pos} {rate} {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
            // Writing to a string can't fail.
            let _ = write!(text, "{}", rate(state.per_sec()));
        };
        bar.set_style(style.with_key("rate", rate));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A number per second, such as `614/s`; `0.3/s` for small ones.
#[must_use]
pub fn rate(per_second: f64) -> String {
    let decimals = usize::from(per_second > 0.0 && per_second < 9.95);
    format!("{per_second:.decimals$}/s")
}

/// A time in its two largest units, such as `1.4 s`, `42 s` or `2 min 5 s`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_formatting_characters_are_not_printed() {
        assert_eq!(
            printable("a\u{1b}[31mred\u{7}\nb\u{202e}c\u{9b}2J"),
            "a\u{fffd}[31mred\u{fffd} bc\u{fffd}2J"
        );
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let text = "a\u{1b}[31m\u{7f}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}\u{e0041}\"\\ \u{e4}\u{65e5}\u{1f600}";
        let json = serde_json::to_string(&[text]).unwrap();
        let expected =
            r#"["a\u001b[31m\u007f\u009b31m\u202e\u2066\u200f\u2028\ufeff\udb40\udc41\"\\ ä日😀"]"#;
        assert_eq!(escaped(&json), expected);
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped(&json)).unwrap(), [text]);
    }

    #[test]
    fn rates_and_durations_have_no_meaningless_digits() {
        let rates = [0.0, 0.25, 9.9, 9.96, 614.1303].map(rate);
        assert_eq!(rates, ["0/s", "0.2/s", "9.9/s", "10/s", "614/s"]);
        let durations = [0, 1_449, 9_999, 10_000, 59_999, 125_000, 3_599_999, 7_260_000];
        assert_eq!(
            durations.map(|milliseconds| duration(Duration::from_millis(milliseconds))),
            ["0.0 s", "1.4 s", "10.0 s", "10 s", "59 s", "2 min 5 s", "59 min 59 s", "2 h 1 min"]
        );
    }

    #[test]
    fn a_text_is_cut_to_columns_and_not_to_characters() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("日本語日本語", 6), "日本…");
        assert_eq!(cut("", 0), "");
    }
}
