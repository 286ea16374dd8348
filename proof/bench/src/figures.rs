//! Statistics and unit conversions.

use std::time::Duration;

/// The given percentile. Returns 0 if there are no values.
#[must_use]
pub fn percentile(values: &[f64], of_hundred: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (values.len() * of_hundred).div_ceil(100).max(1) - 1;
    values.get(place).copied().unwrap_or(0.0)
}

#[must_use]
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// Converts to milliseconds.
#[must_use]
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Converts to megabytes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "to three digits")]
pub fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&values).to_bits(), 2.0_f64.to_bits());
        assert_eq!(percentile(&values, 99).to_bits(), 4.0_f64.to_bits());
        assert_eq!(percentile(&values, 1).to_bits(), 1.0_f64.to_bits());
        assert_eq!(median(&[]).to_bits(), 0.0_f64.to_bits());
    }
}
