//! `Authorization` headers, one per line, with `{h}`, `{c}` and `{s}` for the parts of a good token. Whoever has nothing
//! but a good token gets in with exactly that, and with nothing else (design, section 6).
#![no_main]

use std::sync::LazyLock;

use cruddur::auth::Verifier;
use fuzz::{GOOD_TOKEN, SUBJECT, block_on, verifier};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);

fuzz_target!(|lines: &str| {
    let parts: Vec<&str> = GOOD_TOKEN.split('.').collect();
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in lines.lines().take(8) {
        let value = ["{h}", "{c}", "{s}"]
            .iter()
            .zip(&parts)
            .fold(line.to_owned(), |value, (name, part)| value.replace(name, part));
        if let Ok(header) = HeaderValue::from_str(&value) {
            headers.append(header::AUTHORIZATION, header);
            values.push(value);
        }
    }
    let is_good = match &*values {
        [value] => value
            .split_once(' ')
            .is_some_and(|(scheme, token)| scheme.to_ascii_lowercase() == "bearer" && token == *GOOD_TOKEN),
        _ => false,
    };
    match block_on(VERIFIER.authenticate(&headers)) {
        Ok(subject) => assert!(is_good && subject.as_str() == SUBJECT, "accepted {values:?}"),
        Err(error) => assert!(!is_good, "refused a good token: {error}"),
    }
});
