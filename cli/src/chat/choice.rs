//! Messages on the command line: by their place from the end, or by UUID.

use std::{collections::BTreeSet, num::NonZeroU32, str::FromStr};

use anyhow::{Result, bail};
use uuid::Uuid;

use super::api::{Api, Row};
use crate::advice::advised;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// 1 is the newest message.
    FromEnd(NonZeroU32),
    Uuid(Uuid),
}

impl FromStr for Choice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.parse(), text.parse()) {
            (Ok(place), _) => Ok(Self::FromEnd(place)),
            (_, Ok(uuid)) => Ok(Self::Uuid(uuid)),
            _ => Err("neither a UUID nor a place from the end, which begins at 1"),
        }
    }
}

/// Finds a message of a conversation. Places count messages that are not deleted: those of `sender`, or all.
pub(super) async fn find(
    api: &mut Api,
    group_uuid: Uuid,
    choice: Choice,
    sender: Option<Uuid>,
) -> Result<Row> {
    let mut left = match choice {
        Choice::Uuid(uuid) => {
            let Some(row) = api.messages_with(group_uuid, &BTreeSet::from([uuid])).await?.pop() else {
                bail!("no message {uuid} in the conversation");
            };
            return Ok(row);
        }
        Choice::FromEnd(place) => place.get(),
    };
    let mut next = Some(format!("/api/messages/{group_uuid}?limit=100"));
    while let Some(path) = next {
        let page = api.page(&path).await?;
        // Each page is oldest first.
        for row in page.rows.into_iter().rev() {
            if row.deleted_at.is_none() && sender.is_none_or(|sender| row.user_uuid == sender) {
                left -= 1;
                if left == 0 {
                    return Ok(row);
                }
            }
        }
        next = page.next;
    }
    let whose = if sender.is_some() { " of yours" } else { "" };
    Err(advised(format!("the conversation has fewer messages{whose} than that"), "deleted ones do not count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_place_from_the_end_or_a_uuid() {
        assert_eq!("1".parse(), Ok(Choice::FromEnd(NonZeroU32::MIN)));
        let uuid = "0195b5a0-0000-7000-8000-00000000000a";
        assert_eq!(uuid.parse(), Ok(Choice::Uuid(uuid.parse().unwrap())));
        for text in ["", "0", "-1", "last", "4294967296"] {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }
}
