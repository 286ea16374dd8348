//! Wildcards.

/// Whether `text` matches `pattern`. `*` stands for any characters or none, and `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // Position to continue from after the last star, which then covers one more character.
    let mut retry = None;
    loop {
        match (pattern.next(), text.clone().next()) {
            (Some('*'), _) => retry = Some((pattern.clone(), text.clone())),
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, mut under_star)) = retry.take() else { return false };
                if under_star.next().is_none() {
                    return false;
                }
                (pattern, text) = (after_star.clone(), under_star.clone());
                retry = Some((after_star, under_star));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "anything: at/all"),
            ("MSG#*", "MSG#"),
            ("MSG#*", "MSG#1"),
            ("*Item", "GetItem"),
            ("a*b*c", "a-b-b-c"),
            ("a*bc", "abcbc"),
            ("?SG#?", "MSG#1"),
            ("**", "x"),
            ("é?", "éü"),
        ] {
            assert!(matches(pattern, text), "{pattern} should be {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("MSG#*", "MSG"),
            ("MSG#*", "IDEM#MSG#1"),
            ("MSG#*", "msg#1"),
            ("MSG#?", "MSG#"),
            ("MSG#?", "MSG#12"),
            ("a*b", "abc"),
            ("a*b*c", "a-c-b"),
            ("a.c", "abc"),
        ] {
            assert!(!matches(pattern, text), "{pattern} should not be {text}");
        }
    }
}
