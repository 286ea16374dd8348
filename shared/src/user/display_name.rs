//! Display names.

use std::str::FromStr;

/// A display name: 1 to 64 Unicode scalar values, on one line, without invisible characters and controls of text
/// direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

/// The text has not 1 to 64 visible characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 64 visible characters")]
pub struct InvalidDisplayName;

impl DisplayName {
    /// Maximum length in Unicode scalar values.
    pub const MAX_CHARS: usize = 64;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = InvalidDisplayName;

    /// Removes what a name must not contain, and the spaces around it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let visible = visible(text);
        let name = visible.trim();
        let fits = (1..=Self::MAX_CHARS).contains(&name.chars().count());
        if fits { Ok(Self(name.to_owned())) } else { Err(InvalidDisplayName) }
    }
}

/// Puts `text` on one line, and removes control characters, invisible characters and controls of text direction. Keeps
/// joiners and variation selectors after a letter or emoji.
pub(super) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut before = ' ';
    for char in text.chars() {
        let kept = match char {
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            // Not after ASCII letters, where they would only make different names look equal.
            '\u{200c}' | '\u{200d}'
                if before == '\u{fe0f}' || (is_letter_or_emoji(before) && !before.is_ascii()) =>
            {
                char
            }
            '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
                if matches!(before, '0'..='9' | '#' | '*')
                    || (is_letter_or_emoji(before) && !before.is_ascii()) =>
            {
                char
            }
            // Flags of regions: a black flag followed by tags.
            '\u{e0020}'..='\u{e007f}' if matches!(before, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}') => char,
            char if char.is_control() || is_invisible(char) => continue,
            char => char,
        };
        visible.push(kept);
        before = kept;
    }
    visible
}

fn is_letter_or_emoji(char: char) -> bool {
    !char.is_whitespace() && !is_invisible(char)
}

/// Returns `true` for invisible characters other than spaces: Unicode's `Default_Ignorable_Code_Point`, controls of
/// text direction, and two characters that are blank in every font.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, InvalidDisplayName> {
        text.parse().map(|DisplayName(name)| name)
    }

    #[test]
    fn a_display_name_has_1_to_64_characters() {
        assert_eq!(parsed(" Sunyoung Lee ").as_deref(), Ok("Sunyoung Lee"));
        assert_eq!(parsed(&"é".repeat(64)), Ok("é".repeat(64)));
        for bad in ["", " \t", &"é".repeat(65)] {
            assert_eq!(parsed(bad), Err(InvalidDisplayName), "{bad:?}");
        }
    }

    #[test]
    fn a_display_name_has_no_invisible_or_direction_characters() {
        for (name, expected) in [
            ("Bank support \u{202e}.tey", "Bank support .tey"),
            ("\u{2066}a\u{2069}\u{200e}\u{200f}\u{61c}", "a"),
            ("a\u{1b}[31m\u{9b}31m\u{7f}", "a[31m31m"),
            ("Sunyoung\r\nLee\u{2028}x", "Sunyoung  Lee x"),
            ("an\u{200b}d\u{ad}re\u{2060}w\u{feff}", "andrew"),
            ("an\u{200d}dr\u{200c}ew", "andrew"),
            ("an\u{fe0f}\u{200d}drew", "andrew"),
            ("x\u{e0041}\u{e0042}", "x"),
        ] {
            assert_eq!(parsed(name).as_deref(), Ok(expected), "{name:?}");
        }
        for nothing in [
            "\u{200b}",
            "\u{200d}\u{200c}",
            "\u{fe0f}",
            " \u{202e}\u{3164} \u{2800}",
            "\u{e0041}",
            "\u{115f}\u{1160}\u{ffa0}",
            "\n\u{9b}",
        ] {
            assert_eq!(parsed(nothing), Err(InvalidDisplayName), "{nothing:?}");
        }
    }

    #[test]
    fn names_in_any_script_are_kept() {
        for name in [
            "Łukasz O’Brien-Nguyễn 3rd",
            "e\u{301}",
            "שרה לוי",
            "محمد علی",
            // Persian with a zero-width non-joiner, Sinhala with a joiner, Malayalam with one at the end.
            "علی\u{200c}رضا",
            "ශ්\u{200d}රී",
            "അവന്\u{200d}",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈 🇩🇪",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            // A variant of an ideograph in a Japanese name.
            "葛\u{e0100}城",
            "ᠮᠣᠩᠭᠣᠯ\u{180b}",
        ] {
            assert_eq!(parsed(name).as_deref(), Ok(name));
        }
    }
}
