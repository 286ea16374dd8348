//! Error responses of the API in plain words.

use http::StatusCode;
use serde_json::Value;

use crate::output::printable;

/// The API's error codes, with descriptions.
const DESCRIPTIONS: [(&str, &str); 41] = [
    ("body_invalid", "the API can't read the request"),
    (
        "user_not_provisioned",
        "the token is valid, but its user is not in the database of users, or is suspended",
    ),
    ("message_group_not_found", "no such conversation, or you are not a member"),
    ("message_not_found", "no such message in the conversation"),
    ("user_blocked", "you have blocked this user"),
    ("message_not_accepted", "this user does not accept messages from you"),
    ("request_pending", "this user has not answered your first message yet"),
    ("request_accepted", "the conversation is accepted"),
    ("message_not_yours", "only its sender can change a message"),
    ("edit_window_over", "the message is too old to be edited"),
    ("message_deleted", "the message is deleted"),
    ("reaction_limit", "a message takes at most five reactions of yours"),
    ("user_not_found", "no user has this handle"),
    ("user_is_caller", "you can't block yourself"),
    ("body_too_large", "the message is far too long"),
    ("message_group_uuid_blank", "the conversation's UUID is empty"),
    ("message_group_uuid_invalid", "the conversation's UUID is malformed"),
    ("user_uuid_invalid", "the user's UUID is malformed"),
    ("user_reciever_handle_blank", "the handle is empty"),
    ("user_reciever_not_found", "no user has this handle"),
    ("user_reciever_is_sender", "you can't write to yourself"),
    ("message_blank", "the message is blank"),
    ("message_exceed_max_chars", "the message has more than 1024 characters"),
    ("limit_invalid", "the limit is not a number from 1 to 100"),
    ("cursor_invalid", "the cursor is not one that a list gave"),
    ("message_uuid_invalid", "the message's UUID is malformed"),
    ("created_at_invalid", "the message's time is malformed"),
    ("reaction_invalid", "the reaction is not one emoji"),
    ("messages_from_invalid", "the setting must be everyone, requests or nobody"),
    ("prefix_invalid", "the text to search for does not have 1 to 64 characters"),
    ("reply_to_invalid", "the answered message is not in the conversation"),
    ("device_invalid", "the device's UUID is malformed"),
    ("connection_outdated", "the device has opened a later connection"),
    ("idempotency_key_invalid", "the idempotency key is not 1 to 64 visible ASCII characters"),
    ("idempotency_key_reused", "the idempotency key was used for another message"),
    ("muted_until_invalid", "the end of the mute is malformed"),
    ("cleared_invalid", "cleared messages can't be brought back"),
    ("reason_invalid", "the reason of the report is unknown"),
    ("rate_limited", "too many messages or reports, wait a moment"),
    ("internal_error", "internal error of the API"),
    ("unavailable", "the API can't reach its databases at the moment"),
];

/// Advice about error codes.
const ADVICE: [(&str, &str); 3] = [
    ("user_blocked", "end the block with `cruddur unblock`"),
    ("request_accepted", "end the conversation with `cruddur block`"),
    ("internal_error", "see the API's log"),
];

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    reason: String,
    pub(super) tip: Option<&'static str>,
}

impl Refusal {
    /// Parses an array of codes from a function, or `{"message"}` from the gateway.
    pub(super) fn new(status: StatusCode, body: &str) -> Self {
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        Self { status, reason: reason(status, &body), tip: tip(status, &body) }
    }
}

fn reason(status: StatusCode, body: &Value) -> String {
    if status == StatusCode::UNAUTHORIZED {
        return "the API rejected the access token".to_owned();
    }
    match (body, body.get("message").and_then(Value::as_str)) {
        (Value::Array(codes), _) if !codes.is_empty() => {
            codes.iter().map(description).collect::<Vec<_>>().join("; ")
        }
        (_, Some(message)) => format!("API error {} (status {})", printable(message), status.as_u16()),
        (_, None) => format!("the API returned status {} without a reason", status.as_u16()),
    }
}

fn tip(status: StatusCode, body: &Value) -> Option<&'static str> {
    if status == StatusCode::UNAUTHORIZED {
        return Some("sign in again; the token has expired, or is for another API");
    }
    let codes = body.as_array()?;
    ADVICE.iter().find(|(code, _)| codes.iter().any(|known| known == code)).map(|(_, tip)| *tip)
}

fn description(code: &Value) -> String {
    let code = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    match DESCRIPTIONS.iter().find(|(known, _)| *known == code) {
        Some((_, description)) => (*description).to_owned(),
        None => format!("API error {}", printable(&code)),
    }
}

#[cfg(test)]
mod tests {
    use cruddur::error::Violation;

    use super::*;

    fn message(status: u16, body: &str) -> String {
        Refusal::new(StatusCode::from_u16(status).unwrap(), body).to_string()
    }

    #[test]
    fn each_violation_has_a_description() {
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
            DeviceInvalid,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            MessagesFromInvalid,
            UserIsCaller,
            MutedUntilInvalid,
            ClearedInvalid,
            ReasonInvalid,
        ] {
            let code = violation.code();
            assert!(DESCRIPTIONS.iter().any(|(known, _)| *known == code), "{code}");
        }
    }

    #[test]
    fn several_codes_are_joined() {
        assert_eq!(
            message(422, r#"["user_reciever_not_found", "message_blank"]"#),
            "no user has this handle; the message is blank"
        );
    }

    #[test]
    fn unknown_reasons_are_shown_verbatim() {
        assert_eq!(message(422, r#"["new_code"]"#), "API error new_code");
        assert_eq!(
            message(429, r#"{"message": "Too Many Requests"}"#),
            "API error Too Many Requests (status 429)"
        );
        assert_eq!(message(502, "<html>"), "the API returned status 502 without a reason");
    }

    #[test]
    fn a_401_is_a_rejected_token() {
        assert_eq!(message(401, "{}"), "the API rejected the access token");
    }

    #[test]
    fn advice_is_about_known_codes() {
        for (code, _) in ADVICE {
            assert!(DESCRIPTIONS.iter().any(|(known, _)| *known == code), "{code}");
        }
        let refusal = Refusal::new(StatusCode::FORBIDDEN, r#"["user_blocked"]"#);
        assert_eq!(refusal.tip, Some("end the block with `cruddur unblock`"));
    }
}
