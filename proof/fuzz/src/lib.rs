//! Shared parts of the fuzz targets: an issuer whose tokens pass the signature check, and the functions over
//! unreachable databases, so that a request gets as far as its first look-up.
//!
//! Targets assert the contract (docs/DESIGN.md), restated without the code under test.

use std::sync::{Arc, LazyLock};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use cruddur::{
    auth::{Verifier, key_set::KeySet},
    clock::Clock,
    config::TokenConfig,
    dynamodb::{CallLimits, client},
    message::Messages,
    message_group::Inbox,
    postgres::{DatabaseServer, Postgres},
    random::Random,
    table::Table,
    user::Users,
};
use lambda_http::{Body, Response};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// The functions' time, in seconds since 1970.
pub const NOW: i64 = 1_795_339_800;

pub const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";

pub const CLIENT_ID: &str = "messages";

pub const KEY_ID: &str = "good";

pub const SUBJECT: &str = "5a1e0000-0000-4000-8000-000000000001";

pub const HEADER: &str = r#"{"alg":"RS256","kid":"good"}"#;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Signs tokens with a key generated per process. No input contains a signature, so none depends on the key.
pub struct Issuer {
    pair: RsaKeyPair,
    key_set: String,
}

/// The issuer whose tokens are accepted.
pub static GOOD_ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

impl Issuer {
    fn new() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let public = pair.public_key();
        let key_set = json!({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }]});
        Self { pair, key_set: key_set.to_string() }
    }

    /// Signs any header and claims.
    #[must_use]
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub static GOOD_TOKEN: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "token_use": "access", "client_id": CLIENT_ID,
        "exp": NOW + 3_600, "iat": NOW,
    });
    GOOD_ISSUER.sign(HEADER.as_bytes(), claims.to_string().as_bytes())
});

/// A clock fixed at [`NOW`].
#[must_use]
pub fn clock() -> Clock {
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    Clock::from_fn(move || now)
}

/// A verifier that accepts tokens of [`GOOD_ISSUER`].
#[must_use]
pub fn verifier() -> Verifier {
    let config = TokenConfig {
        issuer: ISSUER.to_owned(),
        client_ids: vec![CLIENT_ID.to_owned()],
        key_set: Some(GOOD_ISSUER.key_set.clone()),
    };
    let keys = KeySet::inline(&GOOD_ISSUER.key_set).expect("a key set");
    Verifier::new(&config, keys, clock())
}

/// Users in an unreachable database: its socket's folder does not exist.
#[must_use]
pub fn users() -> Users {
    let server: DatabaseServer = "postgresql://cruddur@%2Fnowhere/users".parse().expect("a URL");
    Users::new(Arc::new(Postgres::new(server)))
}

/// A table that is never called: users are looked up first.
fn table() -> Table {
    let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    Table::new(client(&sdk, CallLimits::READ), "cruddur-messages")
}

fn random() -> Random {
    Random::from_fn(|bytes| bytes.fill(0))
}

/// The functions behind the API.
pub struct Functions {
    /// `GET /api/message_groups`
    pub list_message_groups: list_message_groups::App,
    /// `GET /api/messages/{message_group_uuid}`
    pub list_messages: list_messages::App,
    /// `POST /api/messages`
    pub create_message: create_message::App,
    /// `GET /api/users/{handle}/short`
    pub show_user: show_user::App,
    /// `GET /api/me`
    pub show_me: show_me::App,
}

pub static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| Functions {
    list_message_groups: list_message_groups::App {
        verifier: verifier(),
        users: users(),
        inbox: Inbox::new(table(), random()),
    },
    list_messages: list_messages::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    create_message: create_message::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    show_user: show_user::App { users: users() },
    show_me: show_me::App { verifier: verifier(), users: users() },
});

/// Codes with their statuses, in the order of the table in the design (section 5).
const CODES: [(u16, &str); 13] = [
    (400, "body_invalid"),
    (404, "user_not_found"),
    (413, "body_too_large"),
    (422, "message_group_uuid_blank"),
    (422, "message_group_uuid_invalid"),
    (422, "user_uuid_invalid"),
    (422, "user_reciever_handle_blank"),
    (422, "message_blank"),
    (422, "message_exceed_max_chars"),
    (422, "limit_invalid"),
    (422, "cursor_invalid"),
    (422, "idempotency_key_invalid"),
    (503, "unavailable"),
];

/// Status and codes of a response given before any look-up.
///
/// # Panics
/// If the response does not have the wire format.
#[must_use]
pub fn check_answer(answer: &Response<Body>) -> (u16, Vec<String>) {
    let status = answer.status().as_u16();
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let Body::Text(body) = answer.body() else { panic!("no text: {answer:?}") };
    assert_eq!(header("content-type"), Some("application/json"), "{answer:?}");
    if status == 401 {
        assert_eq!(body, "{}");
        assert_eq!(header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        return (status, vec![]);
    }
    let codes: Vec<String> = serde_json::from_str(body).expect("an array of codes");
    let places = codes.iter().map(|code| CODES.iter().position(|known| *known == (status, code)));
    let places: Option<Vec<usize>> = places.collect();
    // Each code appears once, in the table's order.
    assert!(
        places.is_some_and(|places| !places.is_empty() && places.is_sorted_by(|a, b| a < b)),
        "{answer:?}"
    );
    assert_eq!(header("retry-after"), (status == 503).then_some("1"), "{answer:?}");
    (status, codes)
}
