//! Messages and conversations as lines of text.

use std::io;

use chrono::{DateTime, Local, Utc};
use unicode_width::UnicodeWidthStr as _;

use crate::output::{Output, columns, cut, printable};

/// The minimum width of a text, on any terminal.
const TEXT_COLUMNS: usize = 20;

/// The maximum width of a name.
const NAME_COLUMNS: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The group of a conversation; `None` for a message.
    pub message_group_uuid: Option<String>,
    /// The sender, or the other member.
    pub handle: String,
    pub display_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub message: String,
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
    let line = |entry: &Entry| {
        let mut cells = Vec::new();
        cells.extend(entry.message_group_uuid.as_deref().map(printable));
        cells.push(pad(&handle(entry), handle_columns));
        cells.extend(name(entry).map(|name| pad(&name, name_columns)));
        cells.push(local_time(entry.created_at));
        let mut line = cells.join("  ");
        let left = usize::from(columns()).saturating_sub(line.width() + 2).max(TEXT_COLUMNS);
        line.push_str("  ");
        line.push_str(&cut(&entry.message, left));
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
            message: message.to_owned(),
        }
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
