//! Shared parts of the fuzz targets: an issuer whose tokens pass the signature check, and users in an unreachable
//! database, so that a request gets as far as its first look-up.
//!
//! Targets assert the contract (docs/DESIGN.md), restated without the code under test.

use std::sync::{Arc, LazyLock};

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
    postgres::{DatabaseServer, Postgres},
    user::Users,
};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// The functions' time, in seconds since 1970.
pub const NOW: i64 = 1_795_339_800;

pub const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";

pub const CLIENT_ID: &str = "messages";

pub const KEY_ID: &str = "good";

pub const SUBJECT: &str = "5a1e0000-0000-4000-8000-000000000001";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// The issuer's key, generated per process. No input contains a signature, so none depends on the key.
static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"));

/// Signs any header and claims with the accepted key.
#[must_use]
pub fn sign(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub static GOOD_TOKEN: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "token_use": "access", "client_id": CLIENT_ID,
        "exp": NOW + 3_600, "iat": NOW,
    });
    sign(br#"{"alg":"RS256","kid":"good"}"#, claims.to_string().as_bytes())
});

/// A clock fixed at [`NOW`].
#[must_use]
pub fn clock() -> Clock {
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    Clock::from_fn(move || now)
}

/// A verifier that accepts tokens of [`sign`].
#[must_use]
pub fn verifier() -> Verifier {
    let public = KEY.public_key();
    let key_set = json!({"keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
    }]});
    let keys = KeySet::inline(&key_set.to_string()).expect("a key set");
    let config =
        TokenConfig { issuer: ISSUER.to_owned(), client_ids: vec![CLIENT_ID.to_owned()], key_set: None };
    Verifier::new(&config, keys, clock())
}

/// Users in an unreachable database: its socket's folder does not exist.
#[must_use]
pub fn users() -> Users {
    let server: DatabaseServer = "postgresql://cruddur@%2Fnowhere/users".parse().expect("a URL");
    Users::new(Arc::new(Postgres::new(server)))
}
