//! Columns of users.

use unicode_width::UnicodeWidthStr as _;

use crate::output::cut;

/// Columns for a handle: the most that one has.
pub(super) const HANDLE: usize = 30;

/// Columns for a sub, which is never cut.
pub(super) const SUB: usize = 36;

/// `text`, cut or filled to `columns` of a terminal. (A table would cut what has to be copied.)
pub(super) fn column(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let filling = " ".repeat(columns.saturating_sub(text.width()));
    text + &filling
}
