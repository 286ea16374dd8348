//! Who calls: Cognito access tokens, verified here and not only by a gateway in front (design, section 6).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup, TokenConfig},
    error::{Dependency, Error},
};

use self::key_set::{KeySet, KeySetError};

pub mod key_set;

/// The `sub` of a token: whom it speaks for. Never empty, and without NUL, which PostgreSQL's text can't hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// As a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subject `text`; none when it is empty or has a NUL.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty() && !text.contains('\0')).map(Self)
    }
}

/// Why a token is refused. The client learns only that it was.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// No `Authorization` header.
    #[error("there is no Authorization header")]
    Missing,
    /// More than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    Repeated,
    /// Not `Bearer` and a token of three parts in at most [`MAX_AUTHORIZATION_BYTES`] bytes.
    #[error("the Authorization header is not Bearer with a token of three parts")]
    Malformed,
    /// The token's header is not a JSON object with `alg` and `kid`.
    #[error("the token's header is malformed")]
    HeaderMalformed,
    /// Another algorithm than RS256.
    #[error("the token's algorithm is not RS256")]
    AlgorithmRefused,
    /// `crit`, `zip`, `enc` or `b64: false`: the token means to be read in another way than it is here.
    #[error("the token's header asks for an extension")]
    ExtensionRefused,
    /// No key of the pool has the token's `kid`.
    #[error("the token's key is not in the key set")]
    KeyUnknown,
    /// No key of the pool has made the signature.
    #[error("the token's signature is wrong")]
    SignatureWrong,
    /// The claims are not a JSON object, or one that decides is missing or of another type.
    // Without the parser's own text, which quotes what it stumbled over.
    #[error("the token's claims are malformed")]
    ClaimsMalformed,
    /// Another issuer than the pool.
    #[error("the token is another issuer's")]
    IssuerRefused,
    /// Not an access token.
    #[error("the token is not an access token")]
    UseRefused,
    /// A client that is not in the list.
    #[error("the token was given to another client")]
    ClientRefused,
    /// A `sub` that is empty or has a NUL.
    #[error("the token has no subject")]
    SubjectMissing,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// Bytes in an `Authorization` header at most.
pub const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 60;

/// Verifies access tokens of one user pool.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    client_ids: Vec<String>,
    keys: KeySet,
    clock: Clock,
}

/// The claims that decide. `aud` and the rest of a Cognito access token play no part here.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    token_use: String,
    client_id: String,
    exp: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
}

/// The part of a token's header that is looked at before its key is. `jku`, `jwk`, `x5u` and `x5c` name keys
/// that the sender of a token likes: they are ignored.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, deserialize_with = "present")]
    crit: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    enc: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<Value>,
}

/// A field that is there, even when it is `null`: that is a value like any other, and not none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Verifier {
    /// A verifier for the pool and clients of `config`, with the keys of `keys`.
    #[must_use]
    pub fn new(config: &TokenConfig, keys: KeySet, clock: Clock) -> Self {
        Self { issuer: config.issuer.clone(), client_ids: config.client_ids.clone(), keys, clock }
    }

    /// A verifier for the configured pool.
    pub fn from_lookup(lookup: impl Lookup, clock: Clock) -> Result<Self, ConfigError> {
        let config = TokenConfig::from_lookup(lookup)?;
        Ok(Self::new(&config, config.key_set()?, clock))
    }

    /// Whom the request with these headers speaks for.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Subject, Error> {
        let token = bearer_token(headers).map_err(Error::Unauthenticated)?;
        let key_id = key_id(token).map_err(Error::Unauthenticated)?;
        let key = match self.keys.get(&key_id).await {
            Ok(key) => key,
            Err(KeySetError::KeyUnknown) => return Err(Error::Unauthenticated(TokenRefusal::KeyUnknown)),
            Err(error @ KeySetError::Unreachable(_)) => {
                return Err(Error::unavailable(Dependency::KeySet, error));
            }
        };
        let claims = verify(token, &key).map_err(Error::Unauthenticated)?;
        self.check(claims).map_err(Error::Unauthenticated)
    }

    fn check(&self, claims: Claims) -> Result<Subject, TokenRefusal> {
        let now = self.clock.now().timestamp();
        if claims.iss != self.issuer {
            return Err(TokenRefusal::IssuerRefused);
        }
        if claims.token_use != "access" {
            return Err(TokenRefusal::UseRefused);
        }
        if !self.client_ids.contains(&claims.client_id) {
            return Err(TokenRefusal::ClientRefused);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenRefusal::Expired);
        }
        if [claims.nbf, claims.iat].into_iter().flatten().any(|time| time.saturating_sub(LEEWAY) > now) {
            return Err(TokenRefusal::NotYetValid);
        }
        Subject::new(claims.sub).ok_or(TokenRefusal::SubjectMissing)
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, TokenRefusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(TokenRefusal::Missing)?;
    if values.next().is_some() {
        return Err(TokenRefusal::Repeated);
    }
    if value.len() > MAX_AUTHORIZATION_BYTES {
        return Err(TokenRefusal::Malformed);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(TokenRefusal::Malformed)?;
    // A comma is what API Gateway puts between the values of a repeated header; no token contains one.
    let of_three_parts = token.split('.').count() == 3
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !scheme.eq_ignore_ascii_case("bearer") || !of_three_parts {
        return Err(TokenRefusal::Malformed);
    }
    Ok(token)
}

/// The `kid` of a token whose header asks for nothing out of the ordinary.
fn key_id(token: &str) -> Result<String, TokenRefusal> {
    let header = token.split('.').next().unwrap_or_default();
    let header: Header = object(header).ok_or(TokenRefusal::HeaderMalformed)?;
    if header.alg != "RS256" {
        return Err(TokenRefusal::AlgorithmRefused);
    }
    // RFC 7797: `b64: true` is the default and changes nothing.
    let detached = header.b64.is_some_and(|b64| b64 != Value::Bool(true));
    if detached || header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
        return Err(TokenRefusal::ExtensionRefused);
    }
    Ok(header.kid)
}

/// The claims of a token that `key` has signed.
///
/// Not with `jsonwebtoken::decode`: that reads all of the header before it verifies anything, checks the claims
/// against the wall clock, and lets a missing or oddly typed `iss` pass. What the claims say is checked by
/// [`Verifier::check`].
fn verify(token: &str, key: &DecodingKey) -> Result<Claims, TokenRefusal> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
    let is_signed = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::RS256);
    if !is_signed.is_ok_and(|is_signed| is_signed) {
        return Err(TokenRefusal::SignatureWrong);
    }
    let claims = message.split_once('.').map_or("", |(_, claims)| claims);
    object(claims).ok_or(TokenRefusal::ClaimsMalformed)
}

/// The JSON object in a part of a token (RFC 7519, section 7.2: UTF-8, and completely valid).
fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    // All of it: serde_json looks at the bytes of no string that it skips.
    let text = str::from_utf8(&bytes).ok()?;
    // serde would take an array of the fields' values for a struct as well.
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok())?
}
