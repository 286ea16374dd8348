//! Idempotency keys: a request may be repeated with its key, and still sends one message.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::sort_key::SortKey;

/// A client's key for a message: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is not 1 to 64 visible ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 64 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidIdempotencyKey) }
    }
}

/// The hash of a request. Another hash under the same key means that the key was used for another request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestHash(String);

impl RequestHash {
    /// Hashes the kind of target (`group`, `user` or `handle`), the target in its canonical form, the text, and the
    /// message that it answers.
    #[must_use]
    pub fn new(kind: &'static str, target: &str, text: &str, reply_to: Option<SortKey>) -> Self {
        // Kinds, targets and sort keys contain no NUL, and no kind is called `reply`. So different requests have
        // different bytes.
        let digest = Sha256::digest(match reply_to {
            None => format!("{kind}\0{target}\0{text}"),
            Some(sk) => format!("reply\0{sk}\0{kind}\0{target}\0{text}"),
        });
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_1_to_64_visible_ascii_characters() {
        for good in ["a", "!~#\"", &"k".repeat(64)] {
            assert_eq!(good.parse(), Ok(IdempotencyKey(good.to_owned())));
        }
        for bad in ["", " ", "a b", "é", "a\t", "\u{7f}", &"k".repeat(65)] {
            assert_eq!(bad.parse::<IdempotencyKey>(), Err(InvalidIdempotencyKey), "{bad:?}");
        }
    }

    #[test]
    fn different_requests_have_different_hashes() {
        let hash = RequestHash::new("handle", "scarlett", "hi", None);
        assert_eq!(hash, RequestHash::new("handle", "scarlett", "hi", None));
        assert_ne!(hash, RequestHash::new("group", "scarlett", "hi", None));
        assert_ne!(hash, RequestHash::new("user", "scarlett", "hi", None));
        assert_ne!(hash, RequestHash::new("handle", "scarlet", "thi", None));
        assert_ne!(hash, RequestHash::new("handle", "scarlett", "hi ", None));
        let sk = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001";
        let reply = RequestHash::new("handle", "scarlett", "hi", Some(sk.parse().unwrap()));
        assert_ne!(hash, reply);
    }

    proptest! {
        #[test]
        fn a_key_is_accepted_if_it_is_visible_and_fits(text in "[!-~]{0,66}[ é\\x7f]?|.{0,80}") {
            let fits =
                (1..=64).contains(&text.len()) && text.chars().all(|char| ('!'..='~').contains(&char));
            prop_assert_eq!(text.parse::<IdempotencyKey>().is_ok(), fits);
        }
    }
}
