//! What the API says when it says no, in plain words.

use std::fmt;

use http::StatusCode;
use serde_json::Value;

use crate::output::printable;

/// The codes of the API (design, section 5).
const SENTENCES: [(&str, &str); 20] = [
    ("body_invalid", "the API can't read the request"),
    ("user_not_provisioned", "the token is good, but its user is not in the database of users"),
    ("message_group_not_found", "there is no such conversation, or you are not in it"),
    ("user_not_found", "nobody has this handle"),
    ("body_too_large", "the message is far too long"),
    ("message_group_uuid_blank", "the conversation's uuid is empty"),
    ("message_group_uuid_invalid", "the conversation's uuid is none"),
    ("user_uuid_invalid", "the user's uuid is not a UUID"),
    ("user_reciever_handle_blank", "the handle is empty"),
    ("user_reciever_not_found", "nobody has this handle"),
    ("user_reciever_is_sender", "you can't write to yourself"),
    ("message_blank", "there is nothing in the message but white space"),
    ("message_exceed_max_chars", "the message has more than 1024 characters"),
    ("limit_invalid", "the limit is not a number from 1 to 100"),
    ("cursor_invalid", "the cursor is not one that a list gave"),
    ("idempotency_key_invalid", "the idempotency key is not 1 to 64 visible ASCII characters"),
    ("idempotency_key_reused", "the idempotency key was used for another message"),
    ("rate_limited", "you are sending too fast: wait a moment"),
    ("internal_error", "something is broken on the API's side; its log says what"),
    ("unavailable", "the API can't reach its databases at the moment"),
];

/// Why the API refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Codes(Vec<String>),
    Message(String),
    Unsaid,
}

impl Refusal {
    /// What an answer with this status and this body says: an array of codes, or `{"message"}` where the gateway
    /// itself has answered.
    pub(super) fn new(status: StatusCode, body: &str) -> Self {
        let reason = match serde_json::from_str(body) {
            Ok(Value::Array(codes)) if !codes.is_empty() => {
                let code = |code: Value| code.as_str().map_or_else(|| code.to_string(), str::to_owned);
                Reason::Codes(codes.into_iter().map(code).collect())
            }
            Ok(body) => match body.get("message").and_then(Value::as_str) {
                Some(message) => Reason::Message(message.to_owned()),
                None => Reason::Unsaid,
            },
            Err(_) => Reason::Unsaid,
        };
        Self { status, reason }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == StatusCode::UNAUTHORIZED {
            return f.write_str("the API refuses the access token: it has expired, or is for another API");
        }
        match &self.reason {
            Reason::Codes(codes) => {
                let sentence = |code: &String| {
                    let known = SENTENCES.iter().find(|(known, _)| known == code);
                    known.map_or_else(
                        || format!("the API says {}", printable(code)),
                        |(_, sentence)| (*sentence).to_owned(),
                    )
                };
                f.write_str(&codes.iter().map(sentence).collect::<Vec<_>>().join("; "))
            }
            Reason::Message(message) => {
                write!(f, "the API says {} (status {})", printable(message), self.status.as_u16())
            }
            Reason::Unsaid => write!(f, "the API answers with status {} and no reason", self.status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use cruddur::error::Violation;

    use super::*;

    fn said(status: u16, body: &str) -> String {
        Refusal::new(StatusCode::from_u16(status).unwrap(), body).to_string()
    }

    #[test]
    fn each_rule_has_a_sentence() {
        use Violation::*;
        for violation in [
            MessageGroupUuidBlank,
            MessageGroupUuidInvalid,
            UserUuidInvalid,
            ReceiverHandleBlank,
            ReceiverNotFound,
            ReceiverIsSender,
            MessageBlank,
            MessageExceedsMaxChars,
            LimitInvalid,
            CursorInvalid,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
        ] {
            let code = violation.code();
            assert!(SENTENCES.iter().any(|(known, _)| *known == code), "{code}");
        }
    }

    #[test]
    fn several_codes_are_several_sentences() {
        assert_eq!(
            said(422, r#"["user_reciever_not_found", "message_blank"]"#),
            "nobody has this handle; there is nothing in the message but white space"
        );
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_is() {
        assert_eq!(said(422, r#"["new_code"]"#), "the API says new_code");
        assert_eq!(
            said(429, r#"{"message": "Too Many Requests"}"#),
            "the API says Too Many Requests (status 429)"
        );
        assert_eq!(said(502, "<html>"), "the API answers with status 502 and no reason");
    }

    #[test]
    fn an_empty_object_is_a_refused_token() {
        assert_eq!(
            said(401, "{}"),
            "the API refuses the access token: it has expired, or is for another API"
        );
    }
}
