//! Named figures and their medians.

use indexmap::IndexMap;

/// Figures by name, in the order of the table's columns.
pub(crate) type Figures = IndexMap<&'static str, f64>;

/// Repeated measurements of the same figures.
#[derive(Default)]
pub(crate) struct Samples(IndexMap<&'static str, Vec<f64>>);

impl Samples {
    pub(crate) fn add(&mut self, figures: impl IntoIterator<Item = (&'static str, f64)>) {
        for (name, value) in figures {
            self.0.entry(name).or_default().push(value);
        }
    }

    pub(crate) fn medians(self) -> Figures {
        self.0.into_iter().map(|(name, values)| (name, median(values))).collect()
    }
}

/// The lower median. Returns 0 if there are no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values = values.into_iter().collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

/// Converts a count.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_one_of_the_values() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([]).to_bits(), 0.0_f64.to_bits());
    }
}
