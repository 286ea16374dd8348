//! Messages and conversations as lines of text.

use std::io;

use chrono::{DateTime, Local, Utc};
use unicode_width::UnicodeWidthStr as _;

use crate::output::{Output, columns, cut, printable};

/// The minimum width of a text, on any terminal.
const TEXT_COLUMNS: usize = 20;

/// The maximum width of a name.
const NAME_COLUMNS: usize = 20;

/// The maximum width of a quoted text.
const QUOTE_COLUMNS: usize = 24;

/// The number of unread messages from which the API does not count.
const MANY_UNREAD: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The group of a conversation; `None` for a message.
    pub message_group_uuid: Option<String>,
    /// The sender, or the other member.
    pub handle: String,
    pub display_name: Option<String>,
    pub created_at: DateTime<Utc>,
    /// Unread messages of a conversation. 0 for a message.
    pub unread: usize,
    pub content: Content,
}

/// A message, or the newest message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub text: String,
    pub is_deleted: bool,
    pub is_edited: bool,
    /// The newest message of a conversation is the user's own.
    pub is_own: bool,
    /// The text of the message that this one answers, empty if that is not known or deleted.
    pub quote: Option<String>,
    /// Emoji and numbers of users.
    pub reactions: Vec<(String, usize)>,
}

impl Content {
    /// Returns the content on one line. Cuts the text, and nothing else.
    fn line(&self, columns: usize) -> String {
        let before = match &self.quote {
            Some(quote) if quote.is_empty() => "[↪] ".to_owned(),
            Some(quote) => format!("[↪ {}] ", cut(quote, QUOTE_COLUMNS)),
            None if self.is_own => "You: ".to_owned(),
            None => String::new(),
        };
        let mut after = String::new();
        if self.is_edited && !self.is_deleted {
            after.push_str(" (edited)");
        }
        if !self.reactions.is_empty() {
            let reactions = self.reactions.iter().map(|(emoji, users)| match users {
                1 => printable(emoji),
                _ => format!("{} {users}", printable(emoji)),
            });
            after = format!("{after} [{}]", reactions.collect::<Vec<_>>().join(" "));
        }
        let text = if self.is_deleted { "(deleted)" } else { &self.text };
        let left = columns.saturating_sub(before.width() + after.width()).max(TEXT_COLUMNS);
        format!("{before}{}{after}", cut(text, left))
    }
}

/// Writes each entry as a line in columns, as wide as the terminal.
pub fn show(output: Output, entries: &[Entry]) -> io::Result<()> {
    lines(entries).iter().try_for_each(|line| output.line(line))
}

fn lines(entries: &[Entry]) -> Vec<String> {
    let handle = |entry: &Entry| format!("@{}", printable(&entry.handle));
    let name = |entry: &Entry| entry.display_name.as_ref().map(|name| cut(name, NAME_COLUMNS));
    let handle_columns = entries.iter().map(|entry| handle(entry).width()).max().unwrap_or(0);
    let name_columns = entries.iter().filter_map(name).map(|name| name.width()).max().unwrap_or(0);
    let unread = |entry: &Entry| match entry.unread {
        0 => String::new(),
        MANY_UNREAD.. => format!("({}+)", MANY_UNREAD - 1),
        unread => format!("({unread})"),
    };
    let unread_columns = entries.iter().map(|entry| unread(entry).width()).max().unwrap_or(0);
    let line = |entry: &Entry| {
        let mut cells = Vec::new();
        cells.extend(entry.message_group_uuid.as_deref().map(printable));
        cells.push(pad(&handle(entry), handle_columns));
        cells.extend(name(entry).map(|name| pad(&name, name_columns)));
        cells.push(local_time(entry.created_at));
        if unread_columns > 0 {
            cells.push(pad(&unread(entry), unread_columns));
        }
        let mut line = cells.join("  ");
        let left = usize::from(columns()).saturating_sub(line.width() + 2).max(TEXT_COLUMNS);
        line.push_str("  ");
        line.push_str(&entry.content.line(left));
        line
    };
    entries.iter().map(line).collect()
}

#[must_use]
pub fn local_time(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(handle: &str, message: &str) -> Entry {
        Entry {
            message_group_uuid: None,
            handle: handle.to_owned(),
            display_name: Some("日本".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            unread: 0,
            content: Content { text: message.to_owned(), ..Content::default() },
        }
    }

    #[test]
    fn a_line_shows_what_happened_to_a_message() {
        let text = || Content { text: "x".repeat(60), ..Content::default() };
        let reactions = vec![("👍".to_owned(), 2), ("🎉".to_owned(), 1)];
        for (content, expected) in [
            (Content { is_edited: true, ..text() }, format!("{}… (edited)", "x".repeat(30))),
            (Content { is_deleted: true, is_edited: true, ..text() }, "(deleted)".to_owned()),
            (Content { reactions, ..text() }, format!("{}… [👍 2 🎉]", "x".repeat(29))),
            (Content { is_own: true, ..text() }, format!("You: {}…", "x".repeat(34))),
            (Content { quote: Some("a\nb".to_owned()), ..text() }, format!("[↪ a b] {}…", "x".repeat(31))),
            (Content { quote: Some(String::new()), ..text() }, format!("[↪] {}…", "x".repeat(35))),
        ] {
            assert_eq!(content.line(40), expected);
        }
        let quote = Some("q".repeat(60));
        let line = Content { quote, ..text() }.line(10);
        assert_eq!(line, format!("[↪ {}…] {}…", "q".repeat(23), "x".repeat(19)));
    }

    #[test]
    fn unread_messages_have_a_column_if_there_are_any() {
        let unread = |unread| Entry { unread, display_name: None, ..entry("bo", "hi") };
        let time = local_time(DateTime::UNIX_EPOCH);
        assert_eq!(lines(&[unread(0)]), [format!("@bo  {time}  hi")]);
        assert_eq!(
            lines(&[unread(0), unread(7), unread(99), unread(100)]),
            ["     ", "(7)  ", "(99) ", "(99+)"].map(|count| format!("@bo  {time}  {count}  hi"))
        );
    }

    #[test]
    fn columns_are_aligned_and_texts_are_cut() {
        let time = local_time(DateTime::UNIX_EPOCH);
        let long = entry("bo", &"x".repeat(200));
        let lines =
            lines(&[entry("alice", "hi\nthere"), Entry { display_name: Some("B".to_owned()), ..long }]);
        let text = format!("{}…", "x".repeat(64));
        assert_eq!(
            lines,
            [format!("@alice  日本  {time}  hi there"), format!("@bo     B     {time}  {text}")]
        );
    }
}
