//! Timestamps in their stored form: UTC with microseconds in 27 bytes. String order is time order.

use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

/// A time in UTC with microsecond precision, in the years 0000 to 9999.
///
/// Formatted as RFC 3339 with exactly six fractional digits and `Z`: 27 bytes that sort like the times (design, section
/// 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(DateTime<Utc>);

/// Bytes in the text of a [`Timestamp`].
pub const TIMESTAMP_LENGTH: usize = 27;

/// The text is not a timestamp in the stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UTC time with six fractional digits, such as 2026-11-22T09:30:00.000000Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0000-01-01T00:00:00.000000Z
    const FIRST: DateTime<Utc> = DateTime::from_timestamp(-62_167_219_200, 0).unwrap();
    /// 9999-12-31T23:59:59.999999Z
    pub const LAST: Self = Self(DateTime::from_timestamp(253_402_300_799, 999_999_000).unwrap());

    /// Creates a timestamp: truncates `time` to microseconds, and clamps it to the years 0000 to 9999.
    #[must_use]
    pub fn new(time: DateTime<Utc>) -> Self {
        let time = time.clamp(Self::FIRST, Self::LAST.0);
        // chrono formats a leap second as `:60`, which many parsers reject. Use the end of the second before instead.
        let time = match time.nanosecond() {
            1_000_000_000.. => time.with_nanosecond(999_999_999).unwrap_or(time),
            _ => time,
        };
        Self(time.trunc_subsecs(6))
    }

    /// The next representable time, one microsecond later.
    #[must_use]
    pub fn successor(self) -> Self {
        Self::new(self.0 + TimeDelta::microseconds(1))
    }

    /// Converts to chrono's type.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 3339 also allows other forms and leap seconds, which are never stored.
        if !has_stored_form(text) {
            return Err(InvalidTimestamp);
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp)?;
        if time.nanosecond() >= 1_000_000_000 { Err(InvalidTimestamp) } else { Ok(Self::new(time.to_utc())) }
    }
}

/// Returns `true` if `text` has digits and separators at the positions of the stored form.
fn has_stored_form(text: &str) -> bool {
    const FORM: &[u8; TIMESTAMP_LENGTH] = b"0000-00-00T00:00:00.000000Z";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == TIMESTAMP_LENGTH && text.bytes().zip(FORM).all(fits)
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(value: Timestamp) -> Self {
        // chrono's fast path. A format string would be parsed again for every row of a page.
        value.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_timestamp() -> impl Strategy<Value = Timestamp> {
        (Timestamp::FIRST.timestamp_micros()..=Timestamp::LAST.0.timestamp_micros())
            .prop_map(|micros| Timestamp::new(DateTime::from_timestamp_micros(micros).unwrap()))
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(time in any_timestamp()) {
            let text = time.to_string();
            prop_assert_eq!(text.len(), TIMESTAMP_LENGTH);
            prop_assert_eq!(text.parse(), Ok(time));
        }

        #[test]
        fn texts_sort_like_times(a in any_timestamp(), b in any_timestamp()) {
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn parsed_text_prints_the_same(text in "[0-9+-]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{6}Z") {
            if let Ok(time) = text.parse::<Timestamp>() {
                prop_assert_eq!(time.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Timestamp>();
        }

        #[test]
        fn no_time_of_chrono_panics(seconds in any::<i64>(), nanos in 0_u32..2_000_000_000) {
            if let Some(time) = DateTime::from_timestamp(seconds, nanos) {
                let time = Timestamp::new(time);
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }
    }

    #[test]
    fn other_forms_of_the_same_time_are_rejected() {
        for text in [
            "2026-11-22T09:30:00Z",
            "2026-11-22T09:30:00.123Z",
            "2026-11-22T09:30:00.123456",
            "2026-11-22T09:30:00.123456789Z",
            "2026-11-22T09:30:00.123456+00:00",
            "2026-11-22 09:30:00.123456Z",
            "2026-11-22t09:30:00.123456z",
            "2026-11-22T23:59:60.123456Z",
            "2026-02-30T09:30:00.123456Z",
            "",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn a_time_beyond_the_years_0000_to_9999_becomes_the_nearest_within() {
        for (time, expected) in [
            (DateTime::<Utc>::MIN_UTC, "0000-01-01T00:00:00.000000Z"),
            (DateTime::<Utc>::MAX_UTC, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::new(time).to_string(), expected);
        }
    }

    #[test]
    fn the_successor_is_one_microsecond_later() {
        let time: Timestamp = "2026-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(time.successor().to_string(), "2027-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_leap_second_is_folded_into_the_second_before() {
        let leap = DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap();
        assert_eq!(Timestamp::new(leap).to_string(), "2016-12-31T23:59:59.999999Z");
    }
}
