//! Sort keys and times. Each parses from exactly one spelling, the one that is written, and the texts sort
//! like the values (design, section 2).
#![no_main]

use arbitrary::Arbitrary;
use chrono::DateTime;
use cruddur::{
    sort_key::SortKey,
    timestamp::{TIMESTAMP_LENGTH, Timestamp},
};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

#[derive(Arbitrary, Debug)]
struct Key {
    seconds: i64,
    nanoseconds: u32,
    message_uuid: u128,
}

impl Key {
    fn sort_key(&self) -> Option<SortKey> {
        // Draw half of them from the present: most 64-bit numbers are not valid times.
        let seconds =
            if self.seconds % 2 == 0 { 1_700_000_000 + self.seconds % 1_000_000_000 } else { self.seconds };
        let time = DateTime::from_timestamp(seconds, self.nanoseconds % 2_000_000_000)?;
        Some(SortKey { created_at: Timestamp::new(time), message_uuid: Uuid::from_u128(self.message_uuid) })
    }
}

/// Whether a text has the stored form of a time. Ignores whether day and month exist in the calendar.
fn has_the_form_of_a_time(text: &str) -> bool {
    text.len() == TIMESTAMP_LENGTH
        && text.bytes().zip(b"0000-00-00T00:00:00.000000Z").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        })
}

fuzz_target!(|input: (Key, Key, &str)| {
    let (a, b, text) = input;
    if let (Some(a), Some(b)) = (a.sort_key(), b.sort_key()) {
        for key in [a, b] {
            let text = key.to_string();
            assert_eq!(text.parse(), Ok(key));
            let (time, uuid) = text.split_once('#').expect("two parts");
            assert!(has_the_form_of_a_time(time), "{text}");
            assert_eq!(time.parse(), Ok(key.created_at));
            assert_eq!(uuid.len(), 36);
            assert!(key.created_at.successor() >= key.created_at);
        }
        assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert!(has_the_form_of_a_time(text), "{text:?}");
        assert_eq!(time.to_string(), text);
    }
    if let Ok(key) = text.parse::<SortKey>() {
        assert_eq!(key.to_string(), text);
    }
});
