//! Valid and invalid requests to send a message. The expected response is computed here from the order of
//! checks (design, section 5). A valid request gets as far as the user look-up, which fails: the database is unreachable.
#![no_main]

use arbitrary::Arbitrary;
use fuzz::{FUNCTIONS, GOOD_TOKEN, block_on, check_answer};
use http::{HeaderValue, Request};
use lambda_http::Body;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[derive(Arbitrary, Debug)]
struct Send<'a> {
    /// One time in 256, the request has no token.
    token: u8,
    idempotency_keys: Vec<&'a [u8]>,
    body: Content<'a>,
    as_bytes: bool,
}

#[derive(Arbitrary, Debug)]
enum Content<'a> {
    Bytes(&'a [u8]),
    Fields {
        message: Field<'a>,
        message_group_uuid: Field<'a>,
        user_uuid: Field<'a>,
        handle: Field<'a>,
        other: Option<(&'a str, &'a str)>,
        /// Number of spaces after the object.
        padding: u16,
    },
}

#[derive(Arbitrary, Debug)]
enum Field<'a> {
    Absent,
    Null,
    Number(i64),
    List,
    Text(&'a str),
    /// A text, repeated.
    Repeated(&'a str, u16),
    Uuid {
        bits: u128,
        upper_case: bool,
        hyphens: bool,
    },
}

impl Field<'_> {
    fn value(&self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Null => Some(Value::Null),
            Self::Number(number) => Some(json!(number)),
            Self::List => Some(json!([])),
            Self::Text(text) => Some(json!(text)),
            Self::Repeated(text, times) => Some(json!(text.repeat(usize::from(*times % 2_000)))),
            Self::Uuid { bits, upper_case, hyphens } => {
                let uuid = uuid::Uuid::from_u128(*bits);
                let text = if *hyphens { uuid.hyphenated().to_string() } else { uuid.simple().to_string() };
                Some(json!(if *upper_case { text.to_uppercase() } else { text }))
            }
        }
    }
}

impl Content<'_> {
    fn render(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Fields { message, message_group_uuid, user_uuid, handle, other, padding } => {
                let mut fields = Map::new();
                if let Some((name, value)) = other {
                    fields.insert((*name).to_owned(), json!(value));
                }
                for (name, field) in [
                    ("message", message),
                    ("message_group_uuid", message_group_uuid),
                    ("user_uuid", user_uuid),
                    ("handle", handle),
                ] {
                    if let Some(value) = field.value() {
                        fields.insert(name.to_owned(), value);
                    }
                }
                Value::Object(fields)
                    .to_string()
                    .into_bytes()
                    .into_iter()
                    .chain(std::iter::repeat_n(b' ', usize::from(*padding)))
                    .collect()
            }
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Expected status and codes, except those that depend on a look-up.
fn expected(body: &[u8], idempotency_keys: &[HeaderValue]) -> (u16, Vec<&'static str>) {
    const BODY_INVALID: (u16, &str) = (400, "body_invalid");
    if body.len() > 16 * 1024 {
        return (413, vec!["body_too_large"]);
    }
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return (BODY_INVALID.0, vec![BODY_INVALID.1]);
    };
    let mut texts = [None; 4];
    for (text, name) in texts.iter_mut().zip(["message", "message_group_uuid", "user_uuid", "handle"]) {
        match fields.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => *text = Some(value.as_str()),
            Some(_) => return (BODY_INVALID.0, vec![BODY_INVALID.1]),
        }
    }
    let [message, group, user, handle] = texts;
    let mut codes = Vec::new();
    match (group, user, handle) {
        (Some(group), _, _) if is_blank(group) => codes.push("message_group_uuid_blank"),
        (Some(group), _, _) if !is_uuid(group) => codes.push("message_group_uuid_invalid"),
        (None, Some(user), _) if !is_uuid(user) => codes.push("user_uuid_invalid"),
        (None, None, handle) if handle.is_none_or(is_blank) => codes.push("user_reciever_handle_blank"),
        _ => {}
    }
    let message = message.unwrap_or_default();
    if is_blank(message) {
        codes.push("message_blank");
    }
    if message.chars().count() > 1024 {
        codes.push("message_exceed_max_chars");
    }
    match idempotency_keys {
        [] => {}
        [key]
            if (1..=64).contains(&key.len())
                && key.as_bytes().iter().all(|byte| (0x21..=0x7e).contains(byte)) => {}
        _ => codes.push("idempotency_key_invalid"),
    }
    if codes.is_empty() { (503, vec!["unavailable"]) } else { (422, codes) }
}

fuzz_target!(|send: Send<'_>| {
    let body = send.body.render();
    let mut request = Request::new(match String::from_utf8(body.clone()) {
        Ok(text) if !send.as_bytes => Body::Text(text),
        _ => Body::Binary(body.clone()),
    });
    let has_token = send.token != 0;
    if has_token {
        let value = HeaderValue::try_from(format!("Bearer {}", *GOOD_TOKEN)).expect("visible ASCII");
        request.headers_mut().insert("authorization", value);
    }
    let keys: Vec<_> =
        send.idempotency_keys.iter().take(3).filter_map(|key| HeaderValue::from_bytes(key).ok()).collect();
    for key in &keys {
        request.headers_mut().append("idempotency-key", key.clone());
    }

    let answer = block_on(create_message::handler(&FUNCTIONS.create_message, request));
    let (status, codes) = check_answer(&answer);
    let expected = if has_token { expected(&body, &keys) } else { (401, vec![]) };
    assert_eq!((status, codes.iter().map(String::as_str).collect()), expected, "{send:?}");
});
