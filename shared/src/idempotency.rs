//! Sending a message at most once, however often the request comes.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{sort_key::SortKey, timestamp::Timestamp, user::User};

/// A key that the client makes once for each message it means to send: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is not 1 to 64 visible ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 64 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidIdempotencyKey) }
    }
}

/// What a request asks for: a key that comes again with another hash was used for something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestHash(String);

impl RequestHash {
    /// The hash of the kind of target (`group`, `user` or `handle`), the target in its canonical form, and the text.
    #[must_use]
    pub fn new(kind: &'static str, target: &str, text: &str) -> Self {
        // Neither kinds nor targets contain NUL, so no two requests are joined to the same bytes.
        let digest = Sha256::digest(format!("{kind}\0{target}\0{text}"));
        Self(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// The row `IDEM#{user}#{key}`: what a request with a key was answered (design, section 2). It holds no text;
/// an equal hash means an equal text, which the repeated request brings along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// `IDEM#{user}#{key}`
    pub pk: String,
    /// `IDEM`
    pub sk: String,
    /// What was asked for.
    pub request_hash: RequestHash,
    /// The group the message went to.
    pub group_uuid: Uuid,
    /// The message.
    pub message_uuid: Uuid,
    /// When it was created.
    pub created_at: Timestamp,
    /// The sender's handle in the answer.
    pub handle: String,
    /// The sender's name in the answer.
    pub display_name: String,
    /// When DynamoDB may delete the row, in seconds since 1970. (It does so within days: a key is kept for
    /// 24 hours at least.)
    pub expires_at: i64,
}

impl IdempotencyRow {
    const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

    /// The row for a message at `sk`.
    #[must_use]
    pub fn new(
        key: &IdempotencyKey,
        request_hash: RequestHash,
        group_uuid: Uuid,
        sk: SortKey,
        sender: &User,
        now: Timestamp,
    ) -> Self {
        Self {
            pk: format!("IDEM#{}#{}", sender.uuid, key.0),
            sk: "IDEM".to_owned(),
            request_hash,
            group_uuid,
            message_uuid: sk.message_uuid,
            created_at: sk.created_at,
            handle: sender.handle.clone(),
            display_name: sender.display_name.clone(),
            // From the current time and not the message's, which may lie ahead of it.
            expires_at: (now.to_utc() + Self::KEPT_FOR).timestamp(),
        }
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
    fn the_hash_tells_kind_target_and_text_apart() {
        let hash = RequestHash::new("handle", "scarlett", "hi");
        assert_eq!(hash, RequestHash::new("handle", "scarlett", "hi"));
        assert_ne!(hash, RequestHash::new("group", "scarlett", "hi"));
        assert_ne!(hash, RequestHash::new("user", "scarlett", "hi"));
        assert_ne!(hash, RequestHash::new("handle", "scarlet", "thi"));
        assert_ne!(hash, RequestHash::new("handle", "scarlett", "hi "));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = text.parse::<IdempotencyKey>();
        }
    }
}
