//! Pagination: page sizes, cursors and pages.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::sort_key::SortKey;

/// The maximum number of rows on a page: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// Rows on the largest page.
    pub const MAX: Self = Self(100);

    /// Returns the limit as a number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a number from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number from 1 to 100")]
pub struct InvalidLimit;

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `parse` would also accept `+5`.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidLimit);
        }
        match text.parse() {
            Ok(number) if (1..=Self::MAX.0).contains(&number) => Ok(Self(number)),
            _ => Err(InvalidLimit),
        }
    }
}

/// The start of a page: the rows after the row with this sort key, in the order of the list.
///
/// Opaque to clients: unpadded base64url of the sort key. A cursor names no partition, so it cannot lead to another
/// list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<K = SortKey>(pub K);

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct InvalidCursor;

impl<K: fmt::Display> fmt::Display for Cursor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_string()))
    }
}

impl<K: FromStr + fmt::Display> FromStr for Cursor<K> {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let sort_key = std::str::from_utf8(&bytes).map_err(|_| InvalidCursor)?;
        let parsed: K = sort_key.parse().map_err(|_| InvalidCursor)?;
        // Each cursor has one spelling, although a UUID can be spelled in several ways.
        if parsed.to_string() == sort_key { Ok(Self(parsed)) } else { Err(InvalidCursor) }
    }
}

/// The page parameters of a list request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K = SortKey> {
    /// The maximum number of rows.
    pub limit: Limit,
    /// The start of the page. `None` starts at the first row of the list.
    pub cursor: Option<Cursor<K>>,
}

impl<K> Default for PageRequest<K> {
    fn default() -> Self {
        Self { limit: Limit::default(), cursor: None }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K = SortKey> {
    /// The rows.
    pub items: Vec<T>,
    /// The start of the next page. `None` on the last page.
    pub next: Option<Cursor<K>>,
}

impl<T, K> Page<T, K> {
    /// Creates a page of the first `limit` of `rows`. Callers read one row more than the limit; with it, the page has a
    /// `next` cursor.
    pub(crate) fn of(mut rows: Vec<T>, limit: usize, sort_key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| Cursor(sort_key(row))) } else { None };
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::{table::RowKind, timestamp::Timestamp};

    const KEY: &str = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001";

    #[test]
    fn limits_are_1_to_100() {
        for (text, expected) in [
            ("1", Ok(1)),
            ("100", Ok(100)),
            ("020", Ok(20)),
            ("0", Err(InvalidLimit)),
            ("101", Err(InvalidLimit)),
            ("256", Err(InvalidLimit)),
            ("+5", Err(InvalidLimit)),
            ("-1", Err(InvalidLimit)),
            ("", Err(InvalidLimit)),
            (" 5", Err(InvalidLimit)),
            ("5.0", Err(InvalidLimit)),
            ("٥", Err(InvalidLimit)),
        ] {
            assert_eq!(text.parse().map(Limit::get), expected, "{text:?}");
        }
    }

    #[test]
    fn a_limit_prints_as_its_number() {
        assert_eq!(Limit::default().to_string(), "20");
    }

    #[test]
    fn the_next_page_starts_after_the_last_row_if_there_is_another() {
        let key =
            |number: u128| SortKey { message_uuid: uuid::Uuid::from_u128(number), ..KEY.parse().unwrap() };
        let page = |rows: &[u128]| Page::of(rows.to_vec(), 2, |number| key(*number));
        assert_eq!(page(&[]), Page { items: vec![], next: None });
        assert_eq!(page(&[3]), Page { items: vec![3], next: None });
        assert_eq!(page(&[3, 2]), Page { items: vec![3, 2], next: None });
        assert_eq!(page(&[3, 2, 1]), Page { items: vec![3, 2], next: Some(Cursor(key(2))) });
    }

    #[test]
    fn a_cursor_is_the_base64url_of_the_sort_key() {
        let cursor: Cursor = Cursor(KEY.parse().unwrap());
        assert_eq!(URL_SAFE_NO_PAD.decode(cursor.to_string()).unwrap(), KEY.as_bytes());
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn malformed_cursors_are_rejected() {
        let good = Cursor(KEY.parse::<SortKey>().unwrap()).to_string();
        for text in [
            String::new(),
            format!("{good}="),
            good.replace('_', "/"),
            format!(" {good}"),
            URL_SAFE_NO_PAD.encode(RowKind::Message.partition("0195b5a0-0000-7000-8000-000000000001")),
            URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
            KEY.to_owned(),
        ] {
            let expected = if text == good { Ok(Cursor(KEY.parse().unwrap())) } else { Err(InvalidCursor) };
            assert_eq!(text.parse::<Cursor>(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cursor_of_a_uuid_has_one_spelling() {
        let uuid: uuid::Uuid = "0195b5a0-0000-7000-8000-00000000000a".parse().unwrap();
        assert_eq!(Cursor(uuid).to_string().parse(), Ok(Cursor(uuid)));
        for text in [uuid.to_string().to_uppercase(), uuid.simple().to_string(), KEY.to_owned()] {
            let cursor = URL_SAFE_NO_PAD.encode(text);
            assert_eq!(cursor.parse::<Cursor<uuid::Uuid>>(), Err(InvalidCursor), "{cursor}");
        }
    }

    proptest! {
        #[test]
        fn a_limit_is_a_number_in_digits(text in "0{0,2}[0-9]{0,3}|[+-]?[0-9]{0,2}.?|.{0,5}") {
            let digits = text.trim_start_matches('0');
            let expected = (1..=100_u8).find(|number| number.to_string() == digits);
            prop_assert_eq!(text.parse::<Limit>().ok().map(Limit::get), expected);
        }

        #[test]
        fn a_cursor_prints_as_it_was_sent(
            micros in 0..=253_402_300_799_999_999_i64,
            uuid: u128,
            place in 0..86_usize,
            char in "[0-9A-Za-z_+/=-]",
            text in ".{0,120}",
        ) {
            let created_at = Timestamp::new(DateTime::from_timestamp_micros(micros).unwrap());
            let cursor = Cursor(SortKey { created_at, message_uuid: uuid::Uuid::from_u128(uuid) });
            let good = cursor.to_string();
            prop_assert_eq!(good.parse(), Ok(cursor));
            let mut other = good;
            other.replace_range(place..=place, &char);
            for text in [other, text] {
                if let Ok(cursor) = text.parse::<Cursor>() {
                    prop_assert_eq!(cursor.to_string(), text);
                }
            }
        }
    }
}
