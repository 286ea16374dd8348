//! Columns of users.

use unicode_width::UnicodeWidthStr as _;

use crate::output::cut;

/// Width of the longest handle.
pub(super) const HANDLE_COLUMNS: usize = 30;

/// Width of a sub, which is never cut.
pub(super) const SUB_COLUMNS: usize = 36;

/// Cuts or pads text. A table would cut subs, which have to be copied.
pub(super) fn column(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let padding = " ".repeat(columns.saturating_sub(text.width()));
    text + &padding
}
