//! The token issuer: the local replacement for a Cognito user pool.

use std::time::Duration;

use anyhow::Result;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use cruddur::{clock::Clock, random::Random};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::key::SigningKey;
use crate::function::without_nulls;

mod key;

/// The id of the local user pool, in Cognito's form `region_id`.
pub const USER_POOL_ID: &str = "local_cruddur";

/// The id of the pool's only client.
pub const CLIENT_ID: &str = "cruddur-local-client";

/// The issuer's path on the local stack.
pub const ISSUER_PATH: &str = "/local/issuer";

/// The path of the key set, relative to the issuer's URL.
pub const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// Default lifetime of access and id tokens, as in Cognito. `--access-token-lifetime` overrides it.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// Lifetime of a session from the sign-in, as in Cognito. A refresh doesn't extend it.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A user of the local pool, with the attributes of the sign-up. The row in `users` may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUser {
    /// The user's `sub`. Also the user name, as in a pool with sign-in by email address.
    pub sub: String,
    /// The handle requested at sign-up. Not validated.
    pub preferred_username: Option<String>,
    /// The name given at sign-up.
    pub name: String,
}

/// A session, which starts with a sign-in. All its tokens, including refreshed ones, carry its id and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub sub: String,
    /// The claim `origin_jti`.
    pub id: Uuid,
    /// The claim `auth_time`: seconds since 1970.
    pub auth_time: i64,
}

impl Session {
    /// The session's end, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.auth_time.saturating_add(seconds(SESSION_LIFETIME))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session to continue.
    pub session: Session,
    /// The number of earlier refreshes in this session.
    pub generation: u32,
}

/// The claims common to all tokens of this issuer, and those of refresh tokens.
#[derive(Deserialize)]
struct OwnClaims {
    sub: String,
    token_use: String,
    exp: i64,
    auth_time: i64,
    origin_jti: Uuid,
    generation: Option<u32>,
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Issues tokens in Cognito's format.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    key: SigningKey,
    token_lifetime: Duration,
    clock: Clock,
    random: Random,
}

impl Issuer {
    /// Creates an issuer with `url` as the `iss` claim.
    pub fn new(url: impl Into<String>, key: SigningKey, clock: Clock, random: Random) -> Self {
        Self { url: url.into(), key, token_lifetime: TOKEN_LIFETIME, clock, random }
    }

    /// Replaces the lifetime of access and id tokens, [`TOKEN_LIFETIME`] by default.
    #[must_use]
    pub fn with_token_lifetime(self, token_lifetime: Duration) -> Self {
        Self { token_lifetime, ..self }
    }

    #[must_use]
    pub fn token_lifetime(&self) -> Duration {
        self.token_lifetime
    }

    /// The `iss` claim, and the value of `COGNITO_ISSUER`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key set, as served at [`KEY_SET_PATH`] and expected in `COGNITO_JWKS`.
    #[must_use]
    pub fn key_set(&self) -> JwkSet {
        JwkSet { keys: vec![self.key.public().clone()] }
    }

    /// Starts a session at the current time.
    #[must_use]
    pub fn begin_session(&self, sub: &str) -> Session {
        Session { sub: sub.to_owned(), id: self.uuid(), auth_time: self.clock.now().timestamp() }
    }

    /// An access token with a session of its own, which can't be refreshed.
    pub fn access_token(&self, sub: &str, username: &str) -> Result<String> {
        self.sign(&self.header(), &self.claims(sub, username))
    }

    pub fn access_token_of(&self, session: &Session) -> Result<String> {
        self.sign(&self.header(), &self.claims_of(session, &session.sub))
    }

    /// The header of an access token. Cognito omits `typ`.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({"kid": self.key.id(), "alg": "RS256"})
    }

    /// The claims of an access token with a session of its own.
    #[must_use]
    pub fn claims(&self, sub: &str, username: &str) -> Value {
        self.claims_of(&self.begin_session(sub), username)
    }

    fn claims_of(&self, session: &Session, username: &str) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "sub": session.sub,
            "iss": self.url,
            "client_id": CLIENT_ID,
            "origin_jti": session.id,
            "event_id": self.uuid(),
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": session.auth_time,
            "exp": now.saturating_add(seconds(self.token_lifetime)),
            "iat": now,
            "jti": self.uuid(),
            "version": 2,
            "username": username,
        })
    }

    /// An id token. `nonce` is that of the authorization request; refreshed tokens have none.
    ///
    /// Cognito includes the names only for the scope `profile`; this issuer always does.
    pub fn id_token(&self, user: &PoolUser, session: &Session, nonce: Option<&str>) -> Result<String> {
        let now = self.clock.now().timestamp();
        let claims = without_nulls(json!({
            "sub": session.sub,
            "iss": self.url,
            "aud": CLIENT_ID,
            "origin_jti": session.id,
            "event_id": self.uuid(),
            "token_use": "id",
            "auth_time": session.auth_time,
            "exp": now.saturating_add(seconds(self.token_lifetime)),
            "iat": now,
            "jti": self.uuid(),
            "cognito:username": user.sub,
            "name": user.name,
            "nonce": nonce,
            "preferred_username": user.preferred_username,
        }));
        self.sign(&self.header(), &claims)
    }

    /// A refresh token, valid until the session ends. The API rejects it as an access token.
    ///
    /// Cognito's refresh tokens are encrypted. These are signed only, so that they survive a restart of the
    /// stack.
    pub fn refresh_token(&self, token: &RefreshToken) -> Result<String> {
        let RefreshToken { session, generation } = token;
        let claims = json!({
            "sub": session.sub,
            "iss": self.url,
            "token_use": "refresh",
            "origin_jti": session.id,
            "auth_time": session.auth_time,
            "exp": session.expires_at(),
            "iat": self.clock.now().timestamp(),
            "generation": generation,
        });
        self.sign(&self.header(), &claims)
    }

    /// Reads a refresh token. Returns `None` if the token is not a refresh token of this issuer or its
    /// session has expired.
    #[must_use]
    pub fn read_refresh_token(&self, token: &str) -> Option<RefreshToken> {
        let claims = self.verify(token)?;
        let is_current = claims.token_use == "refresh" && claims.exp > self.clock.now().timestamp();
        let generation = claims.generation.filter(|_| is_current)?;
        let session = Session { sub: claims.sub, id: claims.origin_jti, auth_time: claims.auth_time };
        Some(RefreshToken { session, generation })
    }

    /// Returns `true` if a text is an access or id token of this issuer, expired or not.
    #[must_use]
    pub fn is_access_or_id_token(&self, token: &str) -> bool {
        self.verify(token).is_some_and(|claims| matches!(&*claims.token_use, "access" | "id"))
    }

    fn verify(&self, token: &str) -> Option<OwnClaims> {
        let key = DecodingKey::from_jwk(self.key.public()).ok()?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.url]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The caller checks `exp` against this issuer's clock. Only id tokens have an audience.
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode::<OwnClaims>(token, &key, &validation).ok().map(|token| token.claims)
    }

    /// Signs any header and claims, valid or not, with this issuer's RS256 key.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String> {
        self.key.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// Signs arbitrary bytes, which need not be JSON.
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> Result<String> {
        self.key.sign(header, payload)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A random, unguessable text.
    pub(crate) fn secret(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.random.bytes::<24>())
    }

    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use chrono::DateTime;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, errors::ErrorKind};

    use super::*;

    /// Shared, because generating a key is slow.
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

    const URL: &str = "http://127.0.0.1:4567/local/issuer";

    fn issuer() -> Issuer {
        let now = DateTime::from_timestamp(1_795_000_000, 999_999_999).unwrap();
        let random = Random::from_fn(|bytes| bytes.fill(0));
        Issuer::new(URL, KEY.clone(), Clock::from_fn(move || now), random)
    }

    /// Verifies a token with the key set, ignoring its times, and returns its claims.
    fn verify(issuer: &Issuer, token: &str) -> Result<Value, ErrorKind> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let keys = issuer.key_set();
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        match decode(token, &key, &validation) {
            Ok(token) => Ok(token.claims),
            Err(error) => Err(error.kind().clone()),
        }
    }

    #[test]
    fn an_access_token_has_the_claims_of_cognitos() {
        let issuer = issuer();
        let token = issuer.access_token("7a1c", "sunyoung").unwrap();
        let uuid = "00000000-0000-4000-8000-000000000000";
        assert_eq!(
            verify(&issuer, &token),
            Ok(json!({
                "sub": "7a1c",
                "iss": URL,
                "client_id": "cruddur-local-client",
                "origin_jti": uuid,
                "event_id": uuid,
                "token_use": "access",
                "scope": "aws.cognito.signin.user.admin",
                "auth_time": 1_795_000_000,
                "exp": 1_795_003_600,
                "iat": 1_795_000_000,
                "jti": uuid,
                "version": 2,
                "username": "sunyoung",
            }))
        );
    }

    #[test]
    fn a_shorter_lifetime_applies_to_access_and_id_tokens_and_not_to_the_session() {
        let issuer = issuer().with_token_lifetime(Duration::from_secs(5));
        let session = issuer.begin_session("7a1c");
        let user =
            PoolUser { sub: "7a1c".to_owned(), preferred_username: None, name: "Sunyoung Lee".to_owned() };
        let refresh_token = RefreshToken { session: session.clone(), generation: 7 };
        let expires = |token: Result<String>| verify(&issuer, &token.unwrap()).unwrap()["exp"].clone();
        assert_eq!(expires(issuer.access_token("7a1c", "sunyoung")), 1_795_000_005);
        assert_eq!(expires(issuer.access_token_of(&session)), 1_795_000_005);
        assert_eq!(expires(issuer.id_token(&user, &session, None)), 1_795_000_005);
        let token = issuer.refresh_token(&refresh_token).unwrap();
        assert_eq!(verify(&issuer, &token).unwrap()["exp"], 1_795_000_000 + 30 * 24 * 3_600);
        assert_eq!(issuer.read_refresh_token(&token), Some(refresh_token));
    }

    #[test]
    fn a_changed_token_has_an_invalid_signature() {
        let issuer = issuer();
        let token = issuer.access_token("7a1c", "sunyoung").unwrap();
        let other = issuer.access_token("0000", "scarlett").unwrap();
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        assert_eq!(verify(&issuer, &format!("{signed}.{signature}")), Err(ErrorKind::InvalidSignature));
    }

    #[test]
    fn bytes_that_are_not_json_are_signed_unchanged() {
        let issuer = issuer();
        let token = issuer.sign_bytes(br#"{"alg" : "none"}"#, b"not JSON").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(signed, "eyJhbGciIDogIm5vbmUifQ.bm90IEpTT04");
        assert_eq!(signature.len(), 342);
    }

    #[test]
    fn the_key_set_has_one_public_rsa_key() {
        let key_set = serde_json::to_value(issuer().key_set()).unwrap();
        let key = key_set["keys"][0].as_object().unwrap();
        assert_eq!(key.keys().collect::<Vec<_>>(), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&key["alg"], &key["kty"], &key["use"]), (&json!("RS256"), &json!("RSA"), &json!("sig")));
        assert_eq!(key["e"], "AQAB");
        assert_eq!(key["n"].as_str().unwrap().len(), 342);
    }
}
