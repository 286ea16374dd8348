//! The user pool's public keys: inline, or fetched from a URL and cached.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    ops::RangeInclusive,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Limited};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, de::Error as _};
use serde_json::{Map, Value, value::RawValue};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    environment::Lookup,
    error::{Cause, Dependency},
    https,
    warm_up::Failure,
};

/// The time limit for fetching the key set.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The minimum time between two fetches. Tokens with unknown keys cannot cause more.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// The maximum size of a key set in bytes. A Cognito key set has two keys in about 1 KB.
const MAX_BYTES: usize = 64 * 1024;

/// Accepted sizes of an RSA modulus, in bits. The minimum is that of RFC 7518, section 3.3; the maximum is aws-lc-rs's.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// Accepted sizes of an RSA exponent, in bits. The exponent 1 is excluded; the maximum is aws-lc-rs's.
const EXPONENT_BITS: RangeInclusive<usize> = 2..=33;

type Keys = HashMap<String, Arc<DecodingKey>>;

/// The public keys of a user pool, by `kid`.
pub struct KeySet {
    keys: RwLock<Keys>,
    source: Option<Source>,
}

struct Source {
    url: String,
    connector: SharedHttpConnector,
    last_fetch: Mutex<Option<Fetch>>,
}

struct Fetch {
    at: Instant,
    succeeded: bool,
}

/// The reason for a missing key.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The key set has no key with this `kid`.
    #[error("no key of the set has this id")]
    KeyUnknown,
    /// The key set could not be fetched.
    #[error("the key set can't be fetched")]
    Unreachable(#[source] Cause),
}

/// Primes whose residues identify a modulus of Infineon's weak generator; see [`is_roca`].
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Members of private and symmetric JWKs (RFC 7518, section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The reason for rejecting an inline key set.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// The text is not a JSON key set.
    #[error("not a JSON Web Key Set")]
    Malformed(#[from] serde_json::Error),
    /// No key can verify RS256.
    #[error("no key of the set is an RSA key of at least 2048 bits for signatures")]
    NoKey,
    /// A key is private.
    #[error(
        "it holds a private key; put the pool's public key set there, and replace that key wherever it is in use"
    )]
    PrivateKey,
}

impl KeySet {
    /// Parses the keys in `json`. They are never fetched again: for functions in a VPC without Internet access. Rejects
    /// private keys: anyone who may read the configuration could read them.
    pub fn inline(json: &str) -> Result<Self, InvalidKeySet> {
        let set: JwkSet<'_> = from_object(json.as_bytes())?;
        if set.keys.iter().any(|jwk| is_private(jwk)) {
            return Err(InvalidKeySet::PrivateKey);
        }
        Ok(Self { keys: RwLock::new(parse(json.as_bytes())?), source: None })
    }

    /// The key set at `url`, fetched for the first token. `lookup` may replace the trusted certificate authorities.
    #[must_use]
    pub fn from_url(url: impl Into<String>, lookup: impl Lookup) -> Self {
        let url = url.into();
        let connector = https::connector(&url, lookup);
        Self::from_url_over(connector, url)
    }

    /// [`Self::from_url`] with the caller's connector.
    #[must_use]
    pub fn from_url_over(connector: SharedHttpConnector, url: impl Into<String>) -> Self {
        let source = Source { url: url.into(), connector, last_fetch: Mutex::new(None) };
        Self { keys: RwLock::default(), source: Some(source) }
    }

    /// Fetches the keys if they have a URL and the last fetch did not succeed. After a failure, the first token retries.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let Some(source) = &self.source else { return Ok(()) };
        let mut last_fetch = source.last_fetch.lock().await;
        if last_fetch.as_ref().is_some_and(|fetch| fetch.succeeded) {
            return Ok(());
        }
        let fetched = self.fetch(source, &mut last_fetch).await;
        fetched.map_err(|cause| {
            *last_fetch = None;
            Failure { dependency: Dependency::KeySet, cause }
        })
    }

    /// Returns the key with this `kid`, compared byte for byte. Fetches the key set if the `kid` is unknown, at
    /// most once in 10 s.
    pub async fn get(&self, key_id: &str) -> Result<Arc<DecodingKey>, KeySetError> {
        if let Some(key) = self.cached(key_id) {
            return Ok(key);
        }
        let source = self.source.as_ref().ok_or(KeySetError::KeyUnknown)?;
        // The lock is held during the fetch: concurrent callers wait, and then use the result.
        let mut last_fetch = source.last_fetch.lock().await;
        if let Some(key) = self.cached(key_id) {
            return Ok(key);
        }
        match &*last_fetch {
            Some(fetch) if fetch.at.elapsed() < FETCH_INTERVAL => {
                return Err(if fetch.succeeded {
                    KeySetError::KeyUnknown
                } else {
                    KeySetError::Unreachable("the last try was less than 10 s ago".into())
                });
            }
            _ => {}
        }
        self.fetch(source, &mut last_fetch).await.map_err(KeySetError::Unreachable)?;
        self.cached(key_id).ok_or(KeySetError::KeyUnknown)
    }

    async fn fetch(&self, source: &Source, last_fetch: &mut Option<Fetch>) -> Result<(), Cause> {
        let fetched = source.fetch().await;
        *last_fetch = Some(Fetch { at: Instant::now(), succeeded: fetched.is_ok() });
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = fetched?;
        Ok(())
    }

    fn cached(&self, key_id: &str) -> Option<Arc<DecodingKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key_id).cloned()
    }
}

impl Source {
    async fn fetch(&self) -> Result<Keys, Cause> {
        timeout(FETCH_TIMEOUT, async {
            let answer = self.connector.call(HttpRequest::get(self.url.as_str())?).await?;
            // Redirects are not followed: only the configured URL is trusted.
            if answer.status().as_u16() != 200 {
                return Err(format!("the key set's URL answers {}", answer.status().as_u16()).into());
            }
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await?.to_bytes();
            Ok(parse(&body)?)
        })
        .await
        .map_err(|_| "no answer within 3 s")?
    }
}

#[derive(Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
}

fn parse(json: &[u8]) -> Result<Keys, InvalidKeySet> {
    let set: JwkSet<'_> = from_object(json)?;
    // Unusable keys, such as those of another type, are skipped.
    let public = set.keys.iter().filter(|jwk| !is_private(jwk));
    let usable = public.filter_map(|jwk| usable(from_object(jwk.get().as_bytes()).ok()?));
    let mut keys = Keys::new();
    let mut ambiguous = HashSet::new();
    for (key_id, key) in usable {
        if keys.insert(key_id.clone(), key).is_some() {
            ambiguous.insert(key_id);
        }
    }
    // Keys with the same `kid` are ambiguous.
    keys.retain(|key_id, _| !ambiguous.contains(key_id));
    if keys.is_empty() { Err(InvalidKeySet::NoKey) } else { Ok(keys) }
}

/// Returns `true` for private and symmetric keys.
fn is_private(jwk: &RawValue) -> bool {
    let members = serde_json::from_str::<Map<String, Value>>(jwk.get());
    members.is_ok_and(|members| PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)))
}

fn usable(jwk: Jwk) -> Option<(String, Arc<DecodingKey>)> {
    let signs = jwk.kty == "RSA"
        && jwk.public_key_use.is_none_or(|public_key_use| public_key_use == "sig")
        && jwk.alg.is_none_or(|alg| alg == "RS256")
        && jwk.key_ops.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    let (modulus, exponent) = (number(&jwk.n)?, number(&jwk.e)?);
    // Both are odd (RFC 8017, section 3.1).
    let verifies = is_odd(&modulus)
        && is_odd(&exponent)
        && MODULUS_BITS.contains(&bits(&modulus))
        && EXPONENT_BITS.contains(&bits(&exponent))
        && !is_roca(&modulus);
    (signs && verifies)
        .then(|| (jwk.kid, Arc::new(DecodingKey::from_rsa_raw_components(&modulus, &exponent))))
}

/// Decodes the big-endian number in a key parameter. Drops leading zeros: some issuers add them against RFC 7518,
/// section 6.3.1.1, and verification fails with them.
fn number(parameter: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(parameter).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

/// Detects moduli of the generator of CVE-2017-15361 (ROCA), which can be factored. Modulo many small primes, the
/// generator's primes are powers of 65537, and so is their product. One in 2^27 other moduli matches too.
fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| {
        let residue = modulus.iter().fold(0, |residue, byte| (residue * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * 65_537 % prime;
            power == residue
        })
    })
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("url", &self.source.as_ref().map(|source| &source.url))
            .finish_non_exhaustive()
    }
}

/// Deserializes a JSON object. Rejects arrays, which serde would accept for a struct.
pub(super) fn from_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    if json.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(json)
    } else {
        Err(serde_json::Error::custom("not an object"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A key with a modulus of `bytes` bytes that starts with `first`.
    fn key(first: u8, bytes: usize) -> Value {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
    }

    /// `key` with the member `name` replaced.
    fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
        key[name] = value.into();
        key
    }

    fn is_usable(key: &Value) -> bool {
        let keys = parse(json!({"keys": [key]}).to_string().as_bytes());
        keys.is_ok_and(|keys| keys.keys().eq(["a"]))
    }

    #[test]
    fn a_usable_key_is_for_rsa_signatures() {
        let good = || key(0x80, 256);
        for key in [good(), with(good(), "use", "sig"), with(good(), "alg", "RS256"), with(good(), "x5t", 1)]
        {
            assert!(is_usable(&key), "{key}");
        }
        for key in [
            with(good(), "kty", "EC"),
            with(good(), "use", "enc"),
            with(good(), "use", "enc, sig"),
            with(good(), "alg", "RS512"),
            with(good(), "kid", Value::Null),
            with(good(), "n", "+/="),
            with(good(), "e", "+/="),
            json!("a key"),
        ] {
            assert!(!is_usable(&key), "{key}");
        }
    }

    #[test]
    fn a_modulus_has_at_least_2048_bits() {
        for (first, bytes, expected) in [
            (0xff, 255, false),
            (0x7f, 256, false),
            (0x80, 256, true),
            (0x00, 256, false),
            // A leading zero byte.
            (0x00, 257, true),
            (0x01, 257, true),
            (0x80, 512, true),
        ] {
            assert_eq!(is_usable(&key(first, bytes)), expected, "{first:#04x} and {bytes} bytes");
        }
    }

    #[test]
    fn an_unusable_key_does_not_hide_the_others() {
        let set = json!({"keys": [{"kty": "OKP"}, key(0x80, 256), with(key(0x7f, 256), "kid", "b")]});
        let keys = KeySet::inline(&set.to_string()).unwrap();
        assert!(keys.cached("a").is_some());
        assert!(keys.cached("b").is_none());
        assert!(keys.cached("A").is_none());
    }

    #[test]
    fn a_set_without_a_usable_key_is_rejected() {
        for set in [json!({"keys": []}), json!({"keys": [key(0xff, 128)]})] {
            assert!(matches!(KeySet::inline(&set.to_string()), Err(InvalidKeySet::NoKey)), "{set}");
        }
        for text in ["", "{}", "[]", "{\"keys\":{}}"] {
            assert!(matches!(KeySet::inline(text), Err(InvalidKeySet::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn debug_shows_the_url() {
        let url = "https://pool.example/.well-known/jwks.json";
        assert!(format!("{:?}", KeySet::from_url(url, |_| None)).contains(url));
    }
}
