//! Message texts and their previews.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// The text of a message: 1 to 1024 Unicode scalar values, not only white space. Stored verbatim.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MessageText(String);

/// The reason for rejecting a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessageText {
    /// Empty, or only white space (`char::is_whitespace`).
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
    /// Maximum length in Unicode scalar values.
    pub const MAX_CHARS: usize = 1024;

    /// Maximum length of a preview in bytes. An inbox row with such a preview is below 1 KB, so each of the two writes
    /// that move the row costs one write unit.
    pub const MAX_PREVIEW_BYTES: usize = 480;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The preview for inbox rows.
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
        // Debug output may be logged, and logs must not contain texts.
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

/// Truncates `text` to at most [`MessageText::MAX_PREVIEW_BYTES`] bytes, at a scalar boundary. A truncated text ends
/// with `…`, which counts towards the limit.
#[must_use]
pub fn preview(text: &str) -> String {
    cut(text, MessageText::MAX_PREVIEW_BYTES)
}

/// Truncates `text` to at most `max_bytes` bytes (at least 3), as [`preview`] does.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len_utf8()));
    let mut cut = text.get(..end).unwrap_or_default().to_owned();
    cut.push(ELLIPSIS);
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_text_is_kept_verbatim() {
        let text = "  e\u{301}\r\n\0 \u{202e}x ";
        assert_eq!(text.parse::<MessageText>().unwrap().as_str(), text);
    }

    #[test]
    fn debug_output_shows_only_the_size() {
        assert_eq!(format!("{:?}", "sécret".parse::<MessageText>().unwrap()), "MessageText(7 bytes)");
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
        fn a_text_is_accepted_if_it_fits_and_is_not_blank(text in "[ \t\u{3000}]{1020,1030}x?|\\PC{1020,1030}|.{0,5}") {
            let expected = match (text.trim().is_empty(), text.chars().count() > 1024) {
                (true, true) => Err(InvalidMessageText::BlankAndTooLong),
                (true, false) => Err(InvalidMessageText::Blank),
                (false, true) => Err(InvalidMessageText::TooLong),
                (false, false) => Ok(()),
            };
            prop_assert_eq!(check(&text), expected);
        }

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
