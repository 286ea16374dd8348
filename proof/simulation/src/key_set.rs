//! The user pool: the issuer that the functions accept, and its key set's URL.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::{auth::key_set::KeySet, config::TokenConfig};
use dynamodb_fake::{Dice, FaultKind, Faults};
use serde_json::{Value, json};

/// The pool's only key. A run does not depend on its value.
static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

const KID: &str = "key-1";
const ISSUER: &str = "https://pool.test";
const CLIENT: &str = "client";

pub(crate) fn config() -> TokenConfig {
    TokenConfig { issuer: ISSUER.to_owned(), client_ids: vec![CLIENT.to_owned()], key_set: None }
}

/// Returns an access token that ends at `expires_at`, in seconds since 1970. Caches it for the process: signing is the
/// slowest step of a run.
pub(crate) fn token(subject: &str, expires_at: i64) -> String {
    static TOKENS: Mutex<BTreeMap<(String, i64), String>> = Mutex::new(BTreeMap::new());
    let mut tokens = TOKENS.lock().unwrap();
    tokens.entry((subject.to_owned(), expires_at)).or_insert_with(|| sign(subject, expires_at)).clone()
}

fn sign(subject: &str, expires_at: i64) -> String {
    const TEN_DAYS: i64 = 10 * 24 * 3_600;
    let claims = json!({
        "iss": ISSUER,
        "sub": subject,
        "token_use": "access",
        "client_id": CLIENT,
        "iat": expires_at - TEN_DAYS,
        "exp": expires_at,
    });
    let part = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "RS256", "kid": KID})), part(&claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The URL of the key set.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// The fault of all requests, if any.
    fault: Arc<Mutex<Option<FaultKind>>>,
    faults: Faults,
    dice: Dice,
}

impl Pool {
    /// Creates a healthy pool.
    pub(crate) fn new(faults: Faults, dice: Dice) -> Self {
        Self { fault: Arc::default(), faults, dice }
    }

    /// Makes all requests fail with `fault`, or none.
    pub(crate) fn set_fault(&self, fault: Option<FaultKind>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// The key set of a new execution environment: empty, fetched on first use.
    pub(crate) fn key_set(&self) -> KeySet {
        KeySet::from_url_over(
            SharedHttpConnector::new(self.clone()),
            format!("{ISSUER}/.well-known/jwks.json"),
        )
    }

    async fn serve(self) -> Result<HttpResponse, ConnectorError> {
        tokio::time::sleep(self.dice.duration(Duration::from_millis(1), Duration::from_millis(30))).await;
        let fault = *self.fault.lock().unwrap();
        let mut body = key_set().to_string();
        if let Some(fault) = fault {
            self.faults.count(fault);
            match fault {
                FaultKind::KeySetDown => return Err(ConnectorError::io("connection refused".into())),
                FaultKind::KeySetSlow => std::future::pending::<()>().await,
                _ => body.truncate(self.dice.below(body.len())),
            }
        }
        let response = http::Response::builder().status(200).body(SdkBody::from(body)).unwrap();
        Ok(HttpResponse::try_from(response).unwrap())
    }
}

impl HttpConnector for Pool {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().serve())
    }
}

fn key_set() -> Value {
    let public = KEY.public_key();
    json!({"keys": [{
        "kty": "RSA",
        "kid": KID,
        "use": "sig",
        "alg": "RS256",
        "n": BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        "e": BASE64_URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
    }]})
}
