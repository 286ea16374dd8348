//! The sort key of messages and inbox rows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::{TIMESTAMP_LENGTH, Timestamp};

/// The sort key `{created_at}#{message_uuid}`: of a message, and of the inbox rows at that message.
///
/// The UUID makes sort keys unique, so two messages of the same microsecond never overwrite each other (design, section
/// 2). Sort keys and their texts have the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SortKey {
    /// The message's creation time.
    pub created_at: Timestamp,
    /// The message's UUID.
    pub message_uuid: Uuid,
}

/// The text is not a sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time, `#` and a message uuid")]
pub struct InvalidSortKey;

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.created_at, self.message_uuid)
    }
}

impl FromStr for SortKey {
    type Err = InvalidSortKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (created_at, rest) = text.split_at_checked(TIMESTAMP_LENGTH).ok_or(InvalidSortKey)?;
        let message_uuid = rest.strip_prefix('#').ok_or(InvalidSortKey)?;
        let created_at = created_at.parse().map_err(|_| InvalidSortKey)?;
        let uuid: Uuid = message_uuid.parse().map_err(|_| InvalidSortKey)?;
        // `Uuid` parses several spellings; only the printed one is valid in a key.
        let mut buffer = Uuid::encode_buffer();
        if uuid.hyphenated().encode_lower(&mut buffer) == message_uuid {
            Ok(Self { created_at, message_uuid: uuid })
        } else {
            Err(InvalidSortKey)
        }
    }
}

impl TryFrom<String> for SortKey {
    type Error = InvalidSortKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SortKey> for String {
    fn from(value: SortKey) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        pub(crate) fn any_sort_key()(micros in 0..=253_402_300_799_999_999_i64, uuid in any::<u128>()) -> SortKey {
            SortKey {
                created_at: Timestamp::new(DateTime::from_timestamp_micros(micros).unwrap()),
                message_uuid: Uuid::from_u128(uuid),
            }
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(key in any_sort_key()) {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn texts_sort_as_keys_do(a in any_sort_key(), b in any_sort_key(), same_time: bool) {
            let b = if same_time { SortKey { created_at: a.created_at, ..b } } else { b };
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn parsed_text_prints_the_same(
            key in any_sort_key(),
            place in 0..64_usize,
            char in "[0-9a-fA-FTZ.:#-]",
            text in ".{0,80}",
        ) {
            let mut other = key.to_string();
            other.replace_range(place..=place, &char);
            for text in [other, text] {
                if let Ok(key) = text.parse::<SortKey>() {
                    prop_assert_eq!(key.to_string(), text);
                }
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "2026-11-22T09:30:00.123456Z",
            "2026-11-22T09:30:00.123456Z#",
            "2026-11-22T09:30:00.123456Z#0195b5a0000070008000000000000001",
            "2026-11-22T09:30:00.123456Z#0195B5A0-0000-7000-8000-000000000001",
            "2026-11-22T09:30:00.123456Z 0195b5a0-0000-7000-8000-000000000001",
            "2026-11-22T09:30:00.123456Zé",
        ] {
            assert_eq!(text.parse::<SortKey>(), Err(InvalidSortKey), "{text}");
        }
    }
}
