//! Request parsing. Each part is validated once, and has a type of its own from then on.

use std::{fmt::Display, str::FromStr};

use lambda_http::{Body, Request, RequestExt as _};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    error::{Error, Violation},
    event_log::EventCursor,
    idempotency::IdempotencyKey,
    message::text::{InvalidMessageText, MessageText},
    page::{Cursor, Limit, PageRequest},
    sort_key::SortKey,
    timestamp::Timestamp,
    user::search::NamePrefix,
};

/// The maximum size of a body in bytes, after base64 decoding.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// The rules that a request breaks. All syntactic rules are checked before the first look-up (design, section 5).
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// No violations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value, or adds the violation and returns `None`.
    pub fn check<T>(&mut self, result: Result<T, Violation>) -> Option<T> {
        result.map_err(|violation| self.add(violation)).ok()
    }

    /// Adds a violation.
    pub fn add(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    /// Converts the violations into an error, in the order of the wire format.
    #[must_use]
    pub fn into_error(mut self) -> Error {
        self.0.sort_unstable();
        self.0.dedup();
        Error::Invalid(self.0)
    }
}

/// Parses the body as a JSON object. Ignores the `Content-Type`. Fails with [`Error::BodyTooLarge`] or
/// [`Error::BodyInvalid`].
pub fn json_object(request: &Request) -> Result<JsonObject, Error> {
    let body: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::BodyTooLarge);
    }
    serde_json::from_slice(body).map(JsonObject).map_err(|_| Error::BodyInvalid)
}

/// A JSON object with typed access to its fields.
#[derive(Debug)]
pub struct JsonObject(Map<String, Value>);

impl JsonObject {
    /// Takes the field `name`. Returns `None` if it is absent or `null`. Fails with [`Error::BodyInvalid`] if it has
    /// another type.
    pub fn field<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value) => serde_json::from_value(value).map_err(|_| Error::BodyInvalid),
        }
    }

    /// Takes the field `name`, as [`Self::field`] does, but returns `Some(None)` if it is `null`.
    pub fn nullable<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<Option<T>>, Error> {
        if self.0.contains_key(name) { self.field(name).map(Some) } else { Ok(None) }
    }
}

/// Returns the path parameter `name`, percent-decoded. API Gateway decodes path parameters; emulators do not. Valid
/// values contain no percent sign, so decoding twice is harmless.
#[must_use]
pub fn path_parameter(request: &Request, name: &str) -> String {
    let parameters = request.path_parameters();
    let raw = parameters.first(name).unwrap_or_default();
    percent_decode_str(raw).decode_utf8_lossy().into_owned()
}

/// Parses a group's UUID: 36 characters with hyphens, in any case.
pub fn message_group_uuid(text: &str) -> Result<Uuid, Violation> {
    if text.chars().all(char::is_whitespace) {
        return Err(Violation::MessageGroupUuidBlank);
    }
    uuid(text).ok_or(Violation::MessageGroupUuidInvalid)
}

/// Parses a user's UUID: 36 characters with hyphens, in any case.
pub fn user_uuid(text: &str) -> Result<Uuid, Violation> {
    uuid(text).ok_or(Violation::UserUuidInvalid)
}

/// Parses a message's UUID: 36 characters with hyphens, in any case.
pub fn message_uuid(text: &str) -> Result<Uuid, Violation> {
    uuid(text).ok_or(Violation::MessageUuidInvalid)
}

/// Parses a message's creation time, as answers spell it.
pub fn created_at(text: &str) -> Result<Timestamp, Violation> {
    text.parse().map_err(|_| Violation::CreatedAtInvalid)
}

/// Parses the sort key of the message with the path parameter `message_uuid` and the query parameter `created_at`.
pub fn message_in_path(request: &Request, violations: &mut Violations) -> Option<SortKey> {
    let message_uuid = violations.check(message_uuid(&path_parameter(request, "message_uuid")));
    let created_at = created_at_parameter(request, violations);
    Some(SortKey { created_at: created_at?, message_uuid: message_uuid? })
}

/// Parses the query parameter `created_at`.
pub fn created_at_parameter(request: &Request, violations: &mut Violations) -> Option<Timestamp> {
    let created_at = parameter(request, "created_at", Violation::CreatedAtInvalid);
    violations.check(created_at.and_then(|created_at| created_at.ok_or(Violation::CreatedAtInvalid)))
}

/// Parses the query parameter `prefix`, the beginning of a name.
pub fn name_prefix(request: &Request) -> Result<NamePrefix, Violation> {
    parameter(request, "prefix", Violation::PrefixInvalid)?.ok_or(Violation::PrefixInvalid)
}

/// Parses the sort key of the message with the query parameters `message_uuid` and `created_at`.
pub fn message_in_query(request: &Request, violations: &mut Violations) -> Option<SortKey> {
    let text = parameter::<String>(request, "message_uuid", Violation::MessageUuidInvalid);
    let message_uuid = violations.check(text.and_then(|text| message_uuid(&text.unwrap_or_default())));
    let created_at = created_at_parameter(request, violations);
    Some(SortKey { created_at: created_at?, message_uuid: message_uuid? })
}

/// Parses a device's UUID: 36 characters with hyphens, in any case.
pub fn device_uuid(text: &str) -> Result<Uuid, Violation> {
    uuid(text).ok_or(Violation::DeviceInvalid)
}

fn uuid(text: &str) -> Option<Uuid> {
    // The forms without hyphens, in braces and as a URN have 32, 38 and 45 characters.
    if text.len() == 36 { text.parse().ok() } else { None }
}

/// Parses a message's text.
pub fn message_text(text: &str, violations: &mut Violations) -> Option<MessageText> {
    let text = text.parse::<MessageText>();
    if matches!(text, Err(InvalidMessageText::Blank | InvalidMessageText::BlankAndTooLong)) {
        violations.add(Violation::MessageBlank);
    }
    if matches!(text, Err(InvalidMessageText::TooLong | InvalidMessageText::BlankAndTooLong)) {
        violations.add(Violation::MessageExceedsMaxChars);
    }
    text.ok()
}

/// Parses `limit` and `cursor` of a list request.
pub fn page_request<K: FromStr + Display>(
    request: &Request,
    violations: &mut Violations,
) -> Option<PageRequest<K>> {
    let limit = violations.check(parameter(request, "limit", Violation::LimitInvalid));
    let cursor = page_cursor(request, violations);
    Some(PageRequest { limit: limit?.unwrap_or_else(Limit::default), cursor: cursor? })
}

/// Parses `cursor` of a request for a page of fixed size.
pub fn page_cursor<K: FromStr + Display>(
    request: &Request,
    violations: &mut Violations,
) -> Option<Option<Cursor<K>>> {
    violations.check(parameter(request, "cursor", Violation::CursorInvalid))
}

/// The parameters of a request for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsRequest {
    /// The last place that the reader has. `None` asks for the end of the log.
    pub after: Option<EventCursor>,
    /// The maximum number of log rows.
    pub limit: Limit,
}

/// Parses `limit` and `after` of a request for events.
pub fn events_request(request: &Request, violations: &mut Violations) -> Option<EventsRequest> {
    let limit = violations.check(parameter(request, "limit", Violation::LimitInvalid));
    let after = violations.check(parameter::<EventCursor>(request, "after", Violation::CursorInvalid));
    Some(EventsRequest { limit: limit?.unwrap_or(Limit::MAX), after: after? })
}

/// Parses a query parameter. Rejects repeated parameters.
fn parameter<T: FromStr>(
    request: &Request,
    name: &str,
    violation: Violation,
) -> Result<Option<T>, Violation> {
    let parameters = request.query_string_parameters();
    match parameters.all(name).as_deref() {
        None | Some([]) => Ok(None),
        Some([text]) => text.parse().map(Some).map_err(|_| violation),
        Some(_) => Err(violation),
    }
}

/// Parses the `Idempotency-Key` header. Returns `None` if it is absent.
pub fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, Violation> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(Violation::IdempotencyKeyInvalid),
        (Some(_), Some(_)) => Err(Violation::IdempotencyKeyInvalid),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "0195b5a0-0000-7000-8000-00000000000a";

    fn with_body(body: impl Into<Body>) -> Request {
        Request::new(body.into())
    }

    #[test]
    fn a_uuid_has_36_characters_with_hyphens_in_any_case() {
        let uuid = UUID.parse().unwrap();
        assert_eq!(message_group_uuid(UUID), Ok(uuid));
        assert_eq!(message_group_uuid(&UUID.to_uppercase()), Ok(uuid));
        assert_eq!(user_uuid(&UUID.to_uppercase()), Ok(uuid));
        for blank in ["", " ", "\u{3000}\n"] {
            assert_eq!(message_group_uuid(blank), Err(Violation::MessageGroupUuidBlank), "{blank:?}");
            assert_eq!(user_uuid(blank), Err(Violation::UserUuidInvalid), "{blank:?}");
        }
        for bad in [
            "x",
            &UUID.replace('-', ""),
            &format!("{{{UUID}}}"),
            &format!("urn:uuid:{UUID}"),
            &format!(" {UUID}"),
            &UUID.replace('a', "g"),
            &UUID.replace("-8000-", "8000--"),
        ] {
            assert_eq!(message_group_uuid(bad), Err(Violation::MessageGroupUuidInvalid), "{bad:?}");
            assert_eq!(user_uuid(bad), Err(Violation::UserUuidInvalid), "{bad:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_a_json_object_is_rejected() {
        for body in ["", " ", "null", "[]", "[\"a\"]", "\"a\"", "1", "{", "{}x", "{\"a\":1,}"] {
            assert!(matches!(json_object(&with_body(body)), Err(Error::BodyInvalid)), "{body:?}");
        }
        assert!(matches!(json_object(&with_body(vec![0xff])), Err(Error::BodyInvalid)));
        assert!(matches!(json_object(&Request::new(Body::Empty)), Err(Error::BodyInvalid)));
    }

    #[test]
    fn a_body_has_at_most_16_kib() {
        let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(16_384 - 8));
        assert_eq!(fits.len(), 16_384);
        assert!(json_object(&with_body(fits.clone())).is_ok());
        assert!(matches!(json_object(&with_body(fits.clone() + " ")), Err(Error::BodyTooLarge)));
        assert!(matches!(json_object(&with_body(fits.repeat(2).into_bytes())), Err(Error::BodyTooLarge)));
    }

    #[test]
    fn a_body_may_come_as_text_or_as_bytes() {
        for body in [Body::from("{\"a\":1}"), Body::from(b"{\"a\":1}".to_vec())] {
            assert_eq!(json_object(&with_body(body)).unwrap().field("a").unwrap(), Some(1));
        }
    }

    #[test]
    fn null_counts_as_absent_and_a_wrong_type_is_refused() {
        let mut object = json_object(&with_body("{\"a\":null,\"b\":1,\"c\":\"x\"}")).unwrap();
        assert_eq!(object.field::<String>("a").unwrap(), None);
        assert!(matches!(object.field::<String>("b"), Err(Error::BodyInvalid)));
        assert_eq!(object.field::<String>("c").unwrap(), Some("x".to_owned()));
        assert_eq!(object.field::<String>("d").unwrap(), None);
    }

    #[test]
    fn null_and_absent_differ_where_null_has_a_meaning() {
        let mut object = json_object(&with_body("{\"a\":null,\"b\":1,\"c\":\"x\"}")).unwrap();
        assert_eq!(object.nullable::<String>("a").unwrap(), Some(None));
        assert!(matches!(object.nullable::<String>("b"), Err(Error::BodyInvalid)));
        assert_eq!(object.nullable("c").unwrap(), Some(Some("x".to_owned())));
        assert_eq!(object.nullable::<String>("d").unwrap(), None);
    }

    #[test]
    fn broken_rules_come_in_the_order_of_the_wire_format() {
        let mut violations = Violations::new();
        violations.check::<()>(Err(Violation::IdempotencyKeyInvalid));
        violations.check::<()>(Err(Violation::MessageBlank));
        violations.check::<()>(Err(Violation::MessageGroupUuidBlank));
        let Error::Invalid(codes) = violations.into_error() else { panic!("not the broken rules") };
        assert_eq!(
            codes,
            [Violation::MessageGroupUuidBlank, Violation::MessageBlank, Violation::IdempotencyKeyInvalid]
        );
    }

    #[test]
    fn a_valid_value_adds_no_violation() {
        let mut violations = Violations::new();
        assert_eq!(violations.check(Ok(5)), Some(5));
        assert!(violations.0.is_empty());
    }

    #[test]
    fn a_path_parameter_is_percent_decoded() {
        for (raw, expected) in [("@sunyoung", "@sunyoung"), ("%40sun%C3%B6", "@sunö"), ("%ff", "\u{fffd}")] {
            let request = Request::default()
                .with_path_parameters(HashMap::from([("handle".to_owned(), raw.to_owned())]));
            assert_eq!(path_parameter(&request, "handle"), expected);
            assert_eq!(path_parameter(&request, "other"), "");
        }
    }

    /// Parses these query parameters.
    fn listed(parameters: &[(&str, &[&str])]) -> Result<PageRequest, Vec<Violation>> {
        let parameters = parameters.iter().map(|(name, values)| {
            ((*name).to_owned(), values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
        });
        let request = Request::default().with_query_string_parameters(parameters.collect::<HashMap<_, _>>());
        let mut violations = Violations::new();
        page_request(&request, &mut violations).ok_or(violations.0)
    }

    #[test]
    fn a_list_takes_a_limit_and_a_cursor_each_at_most_once() {
        let cursor = Cursor(format!("2026-11-22T09:30:00.123456Z#{UUID}").parse().unwrap());
        let text: &str = &cursor.to_string();
        let (limit_invalid, cursor_invalid) = (Violation::LimitInvalid, Violation::CursorInvalid);
        assert_eq!(listed(&[]), Ok(PageRequest::default()));
        assert_eq!(
            listed(&[("limit", &["5"]), ("cursor", &[text]), ("other", &["x", "y"])]),
            Ok(PageRequest { limit: "5".parse().unwrap(), cursor: Some(cursor) })
        );
        for bad in [&[""][..], &["0"], &["5", "5"]] {
            assert_eq!(listed(&[("limit", bad), ("cursor", &[text])]), Err(vec![limit_invalid]), "{bad:?}");
        }
        for bad in [&[""][..], &["x"], &[text, text]] {
            assert_eq!(listed(&[("limit", &["5"]), ("cursor", bad)]), Err(vec![cursor_invalid]), "{bad:?}");
        }
        assert_eq!(
            listed(&[("limit", &["0"]), ("cursor", &["x"])]),
            Err(vec![limit_invalid, cursor_invalid])
        );
    }

    #[test]
    fn a_request_has_at_most_one_idempotency_key() {
        let with_keys = |keys: &[&'static str]| {
            let mut request = Request::default();
            for key in keys {
                request.headers_mut().append("idempotency-key", http::HeaderValue::from_static(key));
            }
            idempotency_key(&request)
        };
        assert_eq!(with_keys(&[]), Ok(None));
        assert_eq!(with_keys(&["once"]), Ok(Some("once".parse().unwrap())));
        for bad in [&[""][..], &["on ce"], &["once", "once"]] {
            assert_eq!(with_keys(bad), Err(Violation::IdempotencyKeyInvalid), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_uuid_has_five_groups_of_hexadecimal_digits(
            text in "[0-9a-fA-F]{7,9}(-[0-9a-f]{4}){3}-[0-9a-fA-F]{11,13}|[0-9a-f-]{36}|[ \t\u{3000}]{0,3}|.{0,50}",
        ) {
            let groups = text.split('-').collect::<Vec<_>>();
            let is_uuid = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let expected = match text.parse() {
                Ok(uuid) if is_uuid => Ok(uuid),
                _ if text.trim().is_empty() => Err(Violation::MessageGroupUuidBlank),
                _ => Err(Violation::MessageGroupUuidInvalid),
            };
            prop_assert_eq!(message_group_uuid(&text), expected);
        }

        #[test]
        fn no_body_panics(text in ".{0,50}") {
            let _ = json_object(&with_body(text));
        }
    }
}
