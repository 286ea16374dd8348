//! Tokens with a valid signature and any header and claims. A token is accepted if and only if it satisfies
//! section 6 of the design, restated here.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use cruddur::auth::{MAX_AUTHORIZATION_BYTES, Verifier};
use fuzz::{CLIENT_ID, ISSUER, KEY_ID, NOW, SUBJECT, block_on, sign, verifier};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);

#[derive(Arbitrary, Debug)]
struct Token<'a> {
    header: Part<'a>,
    claims: Part<'a>,
}

#[derive(Arbitrary, Debug)]
enum Part<'a> {
    /// Fields of a valid token with these replaced; later ones win.
    Changed(Vec<(Name<'a>, Field<'a>)>),
    /// Fields of a valid token with one written twice.
    Repeated(u8, Field<'a>),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Known(u8),
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Field<'a> {
    Absent,
    Null,
    Bool(bool),
    /// One of [`NEAR`].
    Near(u8),
    Number(i64),
    Fraction(f64),
    Text(&'a str),
    /// The valid value of another field.
    Known(u8),
    /// The valid value as the only element of a list.
    Listed,
}

/// Offsets from now in seconds, around the leeway.
const NEAR: [i64; 6] = [-61, -60, -59, 59, 60, 61];

const HEADER_FIELDS: [&str; 10] = ["alg", "kid", "crit", "zip", "enc", "b64", "typ", "jwk", "jku", "x5c"];
const CLAIM_FIELDS: [&str; 9] =
    ["iss", "sub", "token_use", "client_id", "exp", "nbf", "iat", "aud", "username"];

impl Part<'_> {
    fn render(&self, good: &Map<String, Value>, names: &[&str]) -> Vec<u8> {
        let known = |index: u8| names[usize::from(index) % names.len()];
        let value = |name: &str, field: &Field<'_>| match field {
            Field::Absent => None,
            Field::Null => Some(Value::Null),
            Field::Bool(bool) => Some(json!(bool)),
            Field::Near(index) => Some(json!(NOW + NEAR[usize::from(*index) % NEAR.len()])),
            Field::Number(number) => Some(json!(number)),
            Field::Fraction(number) => Some(json!(number)),
            Field::Text(text) => Some(json!(text)),
            Field::Known(index) => good.get(known(*index)).cloned(),
            Field::Listed => Some(json!([good.get(name)])),
        };
        match self {
            Self::Changed(changes) => {
                let mut fields = good.clone();
                for (name, field) in changes {
                    let name = match name {
                        Name::Known(index) => known(*index),
                        Name::Other(name) => name,
                    };
                    match value(name, field) {
                        Some(value) => fields.insert(name.to_owned(), value),
                        None => fields.remove(name),
                    };
                }
                Value::Object(fields).to_string().into_bytes()
            }
            Self::Repeated(index, field) => {
                let name = known(*index);
                let first = json!({name: value(name, field)}).to_string();
                let rest = Value::Object(good.clone()).to_string();
                format!("{},{}", first.trim_end_matches('}'), rest.trim_start_matches('{')).into_bytes()
            }
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }

    /// Whether a field that must be unique is repeated.
    fn repeats(&self, good: &Map<String, Value>, names: &[&str], decisive: usize) -> bool {
        match self {
            Self::Repeated(index, _) => {
                let index = usize::from(*index) % names.len();
                index < decisive && good.contains_key(names[index])
            }
            _ => false,
        }
    }
}

fn good_header() -> Map<String, Value> {
    Map::from_iter([("alg".to_owned(), json!("RS256")), ("kid".to_owned(), json!(KEY_ID))])
}

fn good_claims() -> Map<String, Value> {
    let claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "token_use": "access", "client_id": CLIENT_ID,
        "exp": NOW + 3_600, "iat": NOW, "nbf": NOW,
    });
    claims.as_object().cloned().unwrap_or_default()
}

fn object(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok()
}

fn header_is_good(header: &Map<String, Value>) -> bool {
    header.get("alg") == Some(&json!("RS256"))
        && header.get("kid") == Some(&json!(KEY_ID))
        && ["crit", "zip", "enc"].iter().all(|name| !header.contains_key(*name))
        && matches!(header.get("b64"), None | Some(Value::Bool(true)))
        && header.get("typ").is_none_or(|typ| {
            let types = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
            typ.as_str().is_some_and(|typ| types.iter().any(|name| typ.eq_ignore_ascii_case(name)))
        })
}

/// Returns the subject if the claims are valid.
fn good_subject(claims: &Map<String, Value>) -> Option<&str> {
    let subject =
        claims.get("sub")?.as_str().filter(|subject| !subject.is_empty() && !subject.contains('\0'))?;
    let begun = |name| match claims.get(name) {
        None => true,
        Some(time) => time.as_i64().is_some_and(|time| i128::from(time) <= i128::from(NOW) + 60),
    };
    let is_good = claims.get("iss")?.as_str()? == ISSUER
        && claims.get("token_use")?.as_str()? == "access"
        && claims.get("client_id")?.as_str()? == CLIENT_ID
        && i128::from(claims.get("exp")?.as_i64()?) > i128::from(NOW) - 60
        && begun("nbf")
        && begun("iat");
    is_good.then_some(subject)
}

fuzz_target!(|token: Token<'_>| {
    let header = token.header.render(&good_header(), &HEADER_FIELDS);
    let claims = token.claims.render(&good_claims(), &CLAIM_FIELDS);
    let value = format!("Bearer {}", sign(&header, &claims));

    // serde_json keeps the last of two equal names. Either will do: the token must be rejected anyway.
    let fields = object(&claims);
    let mut expected = fields.as_ref().and_then(good_subject);
    let repeats = token.header.repeats(&good_header(), &HEADER_FIELDS, 6)
        || token.claims.repeats(&good_claims(), &CLAIM_FIELDS, 7);
    if !object(&header).is_some_and(|header| header_is_good(&header))
        || repeats
        || value.len() > MAX_AUTHORIZATION_BYTES
    {
        expected = None;
    }
    let bytes_alone = matches!(token.header, Part::Bytes(_)) || matches!(token.claims, Part::Bytes(_));

    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::try_from(value).expect("visible ASCII"));
    match (block_on(VERIFIER.authenticate(&headers)), expected) {
        (Ok(sign_in), expected) => assert_eq!(Some(sign_in.subject.as_str()), expected, "accepted {token:?}"),
        // Raw bytes may repeat a name or nest deeply, and are then correctly rejected.
        (Err(_), Some(_)) if bytes_alone => {}
        (Err(error), expected) => assert_eq!(expected, None, "refused {token:?}: {error:?}"),
    }
});
