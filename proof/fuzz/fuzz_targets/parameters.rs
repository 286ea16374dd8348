//! Client-supplied values in paths, queries and headers: handles, uuids, limits, idempotency keys, texts.
//! Each is accepted or rejected by the contract's rules (design, sections 2 and 5), restated here.
#![no_main]

use cruddur::{
    error::Violation, idempotency::IdempotencyKey, message::text::InvalidMessageText,
    message::text::MessageText, message::text::preview, page::Limit, request::message_group_uuid,
    user::Handle,
};
use libfuzzer_sys::fuzz_target;

fn handle(text: &str) {
    let name = text.strip_prefix('@').unwrap_or(text);
    let fits = !name.is_empty()
        && name.chars().count() <= 30
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char));
    let parsed = text.parse::<Handle>();
    assert_eq!(
        parsed.as_ref().ok().map(Handle::canonical),
        fits.then(|| name.to_ascii_lowercase()).as_deref()
    );
}

fn uuid(text: &str) {
    let groups: Vec<_> = text.split('-').collect();
    let is_uuid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match message_group_uuid(text) {
        Ok(uuid) => assert!(is_uuid && uuid.to_string() == text.to_ascii_lowercase(), "{text:?}"),
        Err(Violation::MessageGroupUuidBlank) => assert!(text.trim().is_empty(), "{text:?}"),
        Err(violation) => {
            assert_eq!(violation, Violation::MessageGroupUuidInvalid);
            assert!(!is_uuid && !text.trim().is_empty(), "{text:?}");
        }
    }
}

fn limit(text: &str) {
    let digits = text.trim_start_matches('0');
    let expected = (!text.is_empty() && text.len() - digits.len() < 1_000_000)
        .then(|| (1..=100_u8).find(|number| number.to_string() == digits))
        .flatten();
    assert_eq!(text.parse::<Limit>().ok().map(Limit::get), expected, "{text:?}");
}

fn idempotency_key(text: &str) {
    let fits =
        (1..=64).contains(&text.chars().count()) && text.chars().all(|char| ('!'..='~').contains(&char));
    assert_eq!(text.parse::<IdempotencyKey>().is_ok(), fits, "{text:?}");
}

fn message(text: &str) {
    let expected = match (text.trim().is_empty(), text.chars().count()) {
        (true, ..=1024) => Err(InvalidMessageText::Blank),
        (true, _) => Err(InvalidMessageText::BlankAndTooLong),
        (false, 1..=1024) => Ok(text),
        (false, _) => Err(InvalidMessageText::TooLong),
    };
    let parsed = text.parse::<MessageText>();
    assert_eq!(parsed.as_ref().map(MessageText::as_str), expected.as_ref().copied());

    let preview = preview(text);
    if text.len() <= 480 {
        assert_eq!(preview, text);
    } else {
        let cut = preview.strip_suffix('…').expect("an ellipsis");
        assert!(preview.len() <= 480 && text.starts_with(cut));
        // The cut is no shorter than necessary.
        let next = text[cut.len()..].chars().next().map_or(0, char::len_utf8);
        assert!(preview.len() + next > 480, "{text:?}");
    }
}

fuzz_target!(|input: (&str, u16)| {
    let (text, times) = input;
    handle(text);
    uuid(text);
    limit(text);
    idempotency_key(text);
    message(text);
    message(&text.repeat(usize::from(times) % 2_000));
});
