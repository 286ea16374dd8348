//! Messages and conversations as lines of text.

use std::io::{self, IsTerminal as _};

use chrono::{DateTime, Local, Utc};
use clap::Args;
use unicode_width::UnicodeWidthStr as _;
use uuid::Uuid;

use crate::output::{Output, columns, cut, printable};

/// The minimum width of a text, on any terminal.
const TEXT_COLUMNS: usize = 20;

/// The maximum width of a name.
const NAME_COLUMNS: usize = 20;

/// The maximum width of a quoted text.
const QUOTE_COLUMNS: usize = 24;

/// The number of unread messages from which the API does not count.
const MANY_UNREAD: usize = 100;

#[derive(Clone, Copy, Debug, Args)]
pub struct Columns {
    /// Also show UUIDs; --output json always has them
    #[arg(long)]
    pub uuids: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message or conversation, if its UUID is shown.
    pub uuid: Option<Uuid>,
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
    lines(entries, false).iter().try_for_each(|line| output.line(line))
}

/// The same, below a line with the names of the columns if stdout is a terminal.
pub fn list(output: Output, entries: &[Entry]) -> io::Result<()> {
    let has_header = io::stdout().is_terminal() && !entries.is_empty();
    lines(entries, has_header).iter().try_for_each(|line| output.line(line))
}

fn lines(entries: &[Entry], has_header: bool) -> Vec<String> {
    let unread = |entry: &Entry| match entry.unread {
        0 => String::new(),
        MANY_UNREAD.. => format!("({}+)", MANY_UNREAD - 1),
        unread => format!("({unread})"),
    };
    let name = |name: &String| cut(name, NAME_COLUMNS);
    let column =
        |title, cell: &dyn Fn(&Entry) -> String| Column::new(title, entries.iter().map(cell), has_header);
    let cells = [
        column("HANDLE", &|entry| format!("@{}", printable(&entry.handle))),
        column("NAME", &|entry| entry.display_name.as_ref().map(name).unwrap_or_default()),
        column("TIME", &|entry| local_time(entry.created_at)),
        column("UNREAD", &unread),
        column("UUID", &|entry| entry.uuid.map(|uuid| uuid.to_string()).unwrap_or_default()),
    ];
    let cells = cells.iter().filter(|column| !column.is_empty()).collect::<Vec<_>>();
    let line = |row: usize, text: &dyn Fn(usize) -> String| {
        let mut line = String::new();
        for column in &cells {
            line.extend(column.cells.get(row).map(|cell| pad(cell, column.width)));
            line.push_str("  ");
        }
        let left = usize::from(columns()).saturating_sub(line.width()).max(TEXT_COLUMNS);
        line + &text(left)
    };
    let header = has_header.then(|| line(0, &|_| "MESSAGE".to_owned()));
    let first = usize::from(has_header);
    let rows =
        entries.iter().enumerate().map(|(row, entry)| line(first + row, &|left| entry.content.line(left)));
    header.into_iter().chain(rows).collect()
}

/// A column in front of the text.
struct Column {
    /// With the title first if there is a header.
    cells: Vec<String>,
    width: usize,
    has_header: bool,
}

impl Column {
    fn new(title: &str, cells: impl Iterator<Item = String>, has_header: bool) -> Self {
        let title = has_header.then(|| title.to_owned());
        let cells = title.into_iter().chain(cells).collect::<Vec<_>>();
        let width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        Self { cells, width, has_header }
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().skip(usize::from(self.has_header)).all(String::is_empty)
    }
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
            uuid: None,
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
        assert_eq!(lines(&[unread(0)], false), [format!("@bo  {time}  hi")]);
        assert_eq!(
            lines(&[unread(0), unread(7), unread(99), unread(100)], false),
            ["     ", "(7)  ", "(99) ", "(99+)"].map(|count| format!("@bo  {time}  {count}  hi"))
        );
    }

    #[test]
    fn columns_are_aligned_and_texts_are_cut() {
        let time = local_time(DateTime::UNIX_EPOCH);
        let long = entry("bo", &"x".repeat(200));
        let entries = [entry("alice", "hi\nthere"), Entry { display_name: Some("B".to_owned()), ..long }];
        let lines = |has_header| lines(&entries, has_header);
        let text = format!("{}…", "x".repeat(64));
        assert_eq!(
            lines(false),
            [format!("@alice  日本  {time}  hi there"), format!("@bo     B     {time}  {text}")]
        );
        assert_eq!(
            lines(true),
            [
                format!("HANDLE  NAME  {:19}  MESSAGE", "TIME"),
                format!("@alice  日本  {time}  hi there"),
                format!("@bo     B     {time}  {text}")
            ]
        );
    }
}
