//! Texts and times of a load's messages, the same in every run.

use chrono::{DateTime, TimeDelta, Utc};
use cruddur::message::text::MessageText;
use fastrand::Rng;

/// Start and length of the messages' year, which is over, so that no message is from the future.
const FIRST: DateTime<Utc> = DateTime::from_timestamp(1_735_689_600, 0).unwrap();
const YEAR: TimeDelta = TimeDelta::days(365);

const WORDS: [&str; 24] = [
    "and",
    "the",
    "train",
    "message",
    "tomorrow",
    "perhaps",
    "you",
    "see",
    "inbox",
    "again",
    "naïve",
    "café",
    "später",
    "日本語",
    "🎉",
    "once",
    "never",
    "it",
    "was",
    "late",
    "answer",
    "we",
    "write",
    "O'Brien",
];

/// The text of message `number` in a group. Most are short, some are long, and a few have the maximum length.
pub(super) fn text(group: u32, number: u32) -> String {
    let mut random = seeded(group, number);
    let chars = match random.u8(..16) {
        0 => MessageText::MAX_CHARS,
        1 | 2 => random.usize(200..1000),
        _ => random.usize(1..=120),
    };
    let mut text = String::new();
    // Each word adds at least one character.
    for _ in 0..chars {
        text.push_str(random.choice(WORDS).unwrap_or_default());
        text.push(' ');
    }
    text.chars().take(chars).collect()
}

/// The time of message `number`. The messages of a group are spread evenly over the year.
pub(super) fn time(group: u32, number: u32, total: u32) -> DateTime<Utc> {
    // Each group has its own offset within the step.
    let step = YEAR / i32::try_from(total.max(1)).unwrap_or(i32::MAX);
    let micros = step.num_microseconds().unwrap_or(1).max(1);
    let offset = seeded(group, u32::MAX).i64(0..micros);
    FIRST + TimeDelta::microseconds(micros * i64::from(number) + offset)
}

/// A generator with the same numbers in every run.
fn seeded(group: u32, number: u32) -> Rng {
    Rng::with_seed((u64::from(group) << 32) | u64::from(number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_are_valid_and_some_have_the_maximum_length() {
        let lengths = (0..50)
            .flat_map(|group| (0..20).map(move |number| text(group, number)))
            .map(|text| {
                text.parse::<MessageText>().unwrap();
                text.chars().count()
            })
            .collect::<BTreeSet<_>>();
        assert_eq!(lengths.last(), Some(&1024));
        assert!(lengths.len() > 100, "{lengths:?}");
    }

    #[test]
    fn a_text_is_the_same_in_every_run() {
        assert_eq!(text(0, 0), text(0, 0));
        assert_ne!(text(0, 1), text(1, 0));
    }

    #[test]
    fn times_increase_within_a_group_and_the_year() {
        for total in [1, 2, 1000] {
            let times = (0..total).map(|number| time(7, number, total)).collect::<Vec<_>>();
            assert!(times.is_sorted_by(|a, b| a < b), "{total}");
            assert!(times[0] >= FIRST && *times.last().unwrap() < FIRST + YEAR, "{total}");
        }
    }

    #[test]
    fn groups_have_different_times() {
        assert_ne!(time(1, 0, 5), time(2, 0, 5));
    }
}
