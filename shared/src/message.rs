//! Messages: their text, their rows, and how they are listed and created.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    dynamodb::{Newest, Table, from_texts},
    error::Error,
    message_group::{KnownMembers, Membership},
    page::{Cursor, Page, PageRequest},
    sort_key::SortKey,
    timestamp::Timestamp,
    user::{ShowsUser, User},
    warm_up,
};

pub mod create;

/// The text of a message: 1 to 1024 Unicode scalar values, not only white space, kept as it was sent.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MessageText(String);

/// Why a text is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessageText {
    /// Nothing, or nothing but white space (`char::is_whitespace`).
    #[error("the message is blank")]
    Blank,
    /// More than [`MessageText::MAX_CHARS`] Unicode scalar values.
    #[error("the message has more than 1024 characters")]
    TooLong,
    /// More than [`MessageText::MAX_CHARS`] Unicode scalar values, all of them white space.
    #[error("the message is blank and has more than 1024 characters")]
    BlankAndTooLong,
}

impl MessageText {
    /// Unicode scalar values in a text at most.
    pub const MAX_CHARS: usize = 1024;

    /// Bytes of an inbox row's text at most: they keep the row, and so each of the two writes that move it,
    /// under one write unit of 1 KB.
    pub const MAX_PREVIEW_BYTES: usize = 480;

    /// As a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text for inbox rows.
    #[must_use]
    pub fn preview(&self) -> String {
        preview(&self.0)
    }
}

impl FromStr for MessageText {
    type Err = InvalidMessageText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let blank = text.chars().all(char::is_whitespace);
        let too_long = text.chars().nth(Self::MAX_CHARS).is_some();
        match (blank, too_long) {
            (false, false) => Ok(Self(text.to_owned())),
            (true, false) => Err(InvalidMessageText::Blank),
            (false, true) => Err(InvalidMessageText::TooLong),
            (true, true) => Err(InvalidMessageText::BlankAndTooLong),
        }
    }
}

impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the text: what is debug-printed ends in logs.
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

/// `text` as an inbox row shows it: at most [`MessageText::MAX_PREVIEW_BYTES`] bytes, cut at a scalar and then
/// ended with `…` (which counts).
#[must_use]
pub fn preview(text: &str) -> String {
    const ELLIPSIS: char = '…';
    if text.len() <= MessageText::MAX_PREVIEW_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MessageText::MAX_PREVIEW_BYTES - ELLIPSIS.len_utf8());
    let mut cut = text.get(..end).unwrap_or_default().to_owned();
    cut.push(ELLIPSIS);
    cut
}

/// A row `MSG#{group}`: one message (design, section 2). Its sort key carries time and uuid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// `MSG#{group}`
    pub pk: String,
    /// Time and uuid.
    pub sk: SortKey,
    /// The uuid once more, so that a refused write can be told from one's own earlier try.
    pub message_uuid: Uuid,
    /// The whole text.
    pub message: String,
    /// Who sent it.
    #[serde(rename = "user_uuid")]
    pub sender_uuid: Uuid,
    /// The sender's name at the time of sending.
    #[serde(rename = "user_display_name")]
    pub sender_display_name: String,
    /// The sender's handle at the time of sending.
    #[serde(rename = "user_handle")]
    pub sender_handle: String,
}

impl MessageRow {
    /// The row of a new message at `sk`.
    #[must_use]
    pub fn new(group_uuid: Uuid, sk: SortKey, text: &MessageText, sender: &User) -> Self {
        Self {
            pk: partition_key(group_uuid),
            sk,
            message_uuid: sk.message_uuid,
            message: text.as_str().to_owned(),
            sender_uuid: sender.uuid,
            sender_display_name: sender.display_name.clone(),
            sender_handle: sender.handle.clone(),
        }
    }
}

/// The partition of a group's messages.
#[must_use]
pub fn partition_key(group_uuid: Uuid) -> String {
    format!("MSG#{group_uuid}")
}

/// The messages of a group, oldest to newest, for one of its members: the page that ends at the cursor, or at
/// the newest message.
///
/// No message is read before the caller is known to be a member. Otherwise the duration and the cost of a rejection
/// would depend on a conversation that the caller is not in (I10).
pub async fn list(
    table: &Table,
    members: &KnownMembers,
    caller: Uuid,
    group_uuid: Uuid,
    request: PageRequest,
) -> Result<Page<Message>, Error> {
    if !members.contains(caller, group_uuid) {
        Membership::get_as(table, group_uuid, caller).await?;
        members.insert(caller, group_uuid);
    }
    let limit = usize::from(request.limit.get());
    let newest = Newest {
        pk: partition_key(group_uuid),
        before: request.cursor.map(|Cursor(sort_key)| sort_key.to_string()),
        limit: limit + 1,
        attributes: Some(ListedMessage::ATTRIBUTES),
    };
    let rows = table.newest(newest).await?;
    let rows = rows.into_iter().map(from_texts).collect::<Result<Vec<ListedMessage>, _>>()?;
    let page = Page::of(rows, limit, |row| row.sk);
    Ok(Page { items: page.items.into_iter().rev().map(Message::from).collect(), next: page.next })
}

/// Gets ready for the first listing: reads the membership of the nil uuid, which no group has.
pub async fn warm_up(table: &Table) {
    warm_up::log_failure("DynamoDB", Membership::get(table, Uuid::nil()).await);
}

/// Of a [`MessageRow`], what a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedMessage {
    sk: SortKey,
    message: String,
    user_uuid: Uuid,
    user_display_name: String,
    user_handle: String,
}

impl ListedMessage {
    /// Their names.
    const ATTRIBUTES: &str = "sk, message, user_uuid, user_display_name, user_handle";
}

impl ShowsUser for Message {
    fn user_uuid(&self) -> Uuid {
        self.user_uuid
    }

    fn set_names(&mut self, user: &User) {
        self.handle.clone_from(&user.handle);
        self.display_name.clone_from(&user.display_name);
    }
}

/// A message as it is sent to clients (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The message's uuid.
    pub uuid: Uuid,
    /// The sender.
    pub user_uuid: Uuid,
    /// The sender's name.
    pub display_name: String,
    /// The sender's handle.
    pub handle: String,
    /// The whole text.
    pub message: String,
    /// When it was created.
    pub created_at: Timestamp,
}

impl From<ListedMessage> for Message {
    fn from(row: ListedMessage) -> Self {
        Self {
            uuid: row.sk.message_uuid,
            user_uuid: row.user_uuid,
            display_name: row.user_display_name,
            handle: row.user_handle,
            message: row.message,
            created_at: row.sk.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(text: &str) -> Result<(), InvalidMessageText> {
        text.parse::<MessageText>().map(drop)
    }

    #[test]
    fn a_message_has_at_most_1024_scalar_values_of_any_kind() {
        // ASCII; one scalar of two bytes; two scalars that compose; a pair of UTF-16 surrogates; a family of
        // four joined by zero-width joiners (seven scalars); NUL.
        for (unit, scalars) in [
            ("a", 1),
            ("é", 1),
            ("e\u{301}", 2),
            ("😀", 1),
            ("👨\u{200d}👩\u{200d}👧\u{200d}👦", 7),
            ("\0", 1),
        ] {
            let fits = unit.repeat(1024 / scalars) + &"x".repeat(1024 % scalars);
            assert_eq!(check(&fits), Ok(()), "{unit:?}");
            assert_eq!(check(&(fits + "x")), Err(InvalidMessageText::TooLong), "{unit:?}");
        }
    }

    #[test]
    fn only_white_space_is_blank() {
        for blank in ["", " ", "\t\r\n", "\u{a0}", "\u{2003}\u{3000}", "\u{85}"] {
            assert_eq!(check(blank), Err(InvalidMessageText::Blank), "{blank:?}");
        }
        for text in ["\0", "\u{200b}", "\u{feff}", " . ", "\u{301}"] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn white_space_beyond_the_limit_is_blank_and_too_long() {
        assert_eq!(check(&" ".repeat(1024)), Err(InvalidMessageText::Blank));
        assert_eq!(check(&" ".repeat(1025)), Err(InvalidMessageText::BlankAndTooLong));
    }

    #[test]
    fn a_text_is_kept_as_it_was_sent() {
        let text = "  e\u{301}\r\n\0 \u{202e}x ";
        assert_eq!(text.parse::<MessageText>().unwrap().as_str(), text);
    }

    #[test]
    fn what_is_debug_printed_of_a_text_is_only_its_size() {
        assert_eq!(format!("{:?}", "sécret".parse::<MessageText>().unwrap()), "MessageText(7 bytes)");
    }

    #[test]
    fn a_row_has_the_attributes_of_the_contract_and_is_sent_to_clients_without_its_keys() {
        let uuid = "0195b5a0-0000-7000-8000-000000000001";
        let sk = format!("2026-11-22T09:30:00.123456Z#{uuid}").parse().unwrap();
        let sender = User {
            uuid: Uuid::from_u128(3),
            handle: "sunyoung".to_owned(),
            display_name: "Sunyoung".to_owned(),
        };
        let row = MessageRow::new(Uuid::from_u128(4), sk, &"hello".parse().unwrap(), &sender);
        let row = serde_json::to_value(&row).unwrap();
        assert_eq!(
            row,
            json!({
                "pk": "MSG#00000000-0000-0000-0000-000000000004",
                "sk": "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001",
                "message_uuid": uuid,
                "message": "hello",
                "user_uuid": "00000000-0000-0000-0000-000000000003",
                "user_display_name": "Sunyoung",
                "user_handle": "sunyoung",
            })
        );
        let attributes =
            ListedMessage::ATTRIBUTES.split(", ").map(|name| (name.to_owned(), row[name].clone()));
        let listed: ListedMessage = serde_json::from_value(attributes.collect()).unwrap();
        assert_eq!(
            serde_json::to_value(Message::from(listed)).unwrap(),
            json!({
                "uuid": uuid,
                "user_uuid": "00000000-0000-0000-0000-000000000003",
                "display_name": "Sunyoung",
                "handle": "sunyoung",
                "message": "hello",
                "created_at": "2026-11-22T09:30:00.123456Z",
            })
        );
    }

    #[test]
    fn a_preview_of_480_bytes_is_the_text_itself() {
        assert_eq!(preview(&"a".repeat(480)), "a".repeat(480));
        assert_eq!(preview(&"é".repeat(240)), "é".repeat(240));
    }

    #[test]
    fn a_longer_preview_is_cut_at_a_scalar_and_ends_with_an_ellipsis() {
        assert_eq!(preview(&"a".repeat(481)), "a".repeat(477) + "…");
        // 477 bytes hold 119 scalars of four bytes and a byte of the next.
        assert_eq!(preview(&"😀".repeat(121)), "😀".repeat(119) + "…");
    }

    proptest! {
        #[test]
        fn a_preview_fits_and_begins_as_the_text_does(text in "\\PC{0,1100}") {
            let preview = preview(&text);
            prop_assert!(preview.len() <= MessageText::MAX_PREVIEW_BYTES);
            if text.len() > MessageText::MAX_PREVIEW_BYTES {
                let cut = preview.strip_suffix('…').unwrap();
                prop_assert!(text.starts_with(cut));
                prop_assert!(cut.len() > MessageText::MAX_PREVIEW_BYTES - 3 - 4);
            } else {
                prop_assert_eq!(preview, text);
            }
        }
    }
}
