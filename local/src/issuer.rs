//! The token issuer: what a Cognito user pool is to the deployed functions.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use cruddur::{clock::Clock, random::Random};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::key::{KeyError, SigningKey};

mod key;

/// The id of the local user pool, in the form `region_id` of the real ones.
pub const USER_POOL_ID: &str = "local_cruddur";

/// The id of the local user pool's one client.
pub const CLIENT_ID: &str = "cruddur-local-client";

/// The path of the issuer on the local stack.
pub const ISSUER_PATH: &str = "/local/issuer";

/// What is appended to an issuer's URL to get that of its key set.
pub const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// How long an access token is good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// How long a refresh token is good for: as long as Cognito's, unless told otherwise.
pub const REFRESH_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A user who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's `sub`.
    pub sub: String,
    /// The handle.
    pub handle: String,
    /// The name to show.
    pub display_name: String,
}

#[derive(Deserialize)]
struct RefreshClaims {
    sub: String,
    token_use: String,
    exp: i64,
}

fn lifetime(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)
}

/// Issues tokens of the shape Cognito gives them.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    key: SigningKey,
    clock: Clock,
    random: Random,
}

impl Issuer {
    /// The issuer of the local stack at `port`.
    #[must_use]
    pub fn at_port(port: u16, key: SigningKey, clock: Clock, random: Random) -> Self {
        Self::new(format!("http://127.0.0.1:{port}{ISSUER_PATH}"), key, clock, random)
    }

    /// An issuer whose tokens carry `url` as their `iss`.
    pub fn new(url: impl Into<String>, key: SigningKey, clock: Clock, random: Random) -> Self {
        Self { url: url.into(), key, clock, random }
    }

    /// The `iss` of its tokens, and what `COGNITO_ISSUER` has to be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key set, as it is served at [`KEY_SET_PATH`] and as `COGNITO_JWKS` takes it.
    #[must_use]
    pub fn key_set(&self) -> JwkSet {
        JwkSet { keys: vec![self.key.public().clone()] }
    }

    /// An access token for the user with this `sub` and user name, good from now on for [`TOKEN_LIFETIME`].
    pub fn access_token(&self, sub: &str, username: &str) -> Result<String, KeyError> {
        self.sign(&self.header(), &self.claims(sub, username))
    }

    /// The header of an access token. Cognito sends no `typ`.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({"kid": self.key.id(), "alg": "RS256"})
    }

    /// The claims of an access token.
    #[must_use]
    pub fn claims(&self, sub: &str, username: &str) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "sub": sub,
            "iss": self.url,
            "client_id": CLIENT_ID,
            "origin_jti": self.uuid(),
            "event_id": self.uuid(),
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": now,
            "exp": now.saturating_add(lifetime(TOKEN_LIFETIME)),
            "iat": now,
            "jti": self.uuid(),
            "version": 2,
            "username": username,
        })
    }

    /// The id token of a user who has signed in, for the client that asked with `nonce`. (Cognito gives the names for
    /// the scope `profile`, which is taken as asked for.)
    pub fn id_token(&self, user: &SignedIn, nonce: Option<&str>) -> Result<String, KeyError> {
        let now = self.clock.now().timestamp();
        let mut claims = json!({
            "sub": user.sub,
            "iss": self.url,
            "aud": CLIENT_ID,
            "origin_jti": self.uuid(),
            "event_id": self.uuid(),
            "token_use": "id",
            "auth_time": now,
            "exp": now.saturating_add(lifetime(TOKEN_LIFETIME)),
            "iat": now,
            "jti": self.uuid(),
            "cognito:username": user.handle,
            "preferred_username": user.handle,
            "name": user.display_name,
        });
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        self.sign(&self.header(), &claims)
    }

    /// A token that gets new ones for the user with this `sub`, for [`REFRESH_LIFETIME`]. It is no use as an access
    /// token. (Cognito's can't be read; this one can, so that it outlives a restart of the stack.)
    pub fn refresh_token(&self, sub: &str) -> Result<String, KeyError> {
        let now = self.clock.now().timestamp();
        let claims = json!({
            "sub": sub,
            "iss": self.url,
            "token_use": "refresh",
            "exp": now.saturating_add(lifetime(REFRESH_LIFETIME)),
            "iat": now,
            "jti": self.uuid(),
        });
        self.sign(&self.header(), &claims)
    }

    /// The `sub` of a refresh token of this issuer that is still good.
    #[must_use]
    pub fn subject_of_refresh_token(&self, token: &str) -> Option<String> {
        let key = DecodingKey::from_jwk(self.key.public()).ok()?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.url]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Against this issuer's clock, below.
        validation.validate_exp = false;
        let claims = decode::<RefreshClaims>(token, &key, &validation).ok()?.claims;
        let good = claims.token_use == "refresh" && claims.exp > self.clock.now().timestamp();
        good.then_some(claims.sub)
    }

    /// A token of any header and claims, however wrong. The signature is this issuer's RS256 in any case.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        self.key.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A token of exactly these bytes, which need not even be JSON.
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> Result<String, KeyError> {
        self.key.sign(header, payload)
    }

    /// The time as the tokens have it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A text that nobody guesses.
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

    /// Making a key takes long enough to do it once.
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

    const URL: &str = "http://127.0.0.1:4567/local/issuer";

    fn issuer() -> Issuer {
        let now = DateTime::from_timestamp(1_795_000_000, 999_999_999).unwrap();
        let random = Random::from_fn(|bytes| bytes.fill(0));
        Issuer::at_port(4567, KEY.clone(), Clock::from_fn(move || now), random)
    }

    /// The claims of a token that the key set proves, whatever its times.
    fn verify(issuer: &Issuer, token: &str) -> Result<Value, ErrorKind> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
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
    fn a_changed_token_is_not_proved() {
        let issuer = issuer();
        let token = issuer.access_token("7a1c", "sunyoung").unwrap();
        let other = issuer.access_token("0000", "scarlett").unwrap();
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        assert_eq!(verify(&issuer, &format!("{signed}.{signature}")), Err(ErrorKind::InvalidSignature));
    }

    #[test]
    fn exact_bytes_are_signed_as_they_are() {
        let issuer = issuer();
        let token = issuer.sign_bytes(br#"{"alg" : "none"}"#, b"not JSON").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(signed, "eyJhbGciIDogIm5vbmUifQ.bm90IEpTT04");
        assert_eq!(signature.len(), 342);
    }

    #[test]
    fn the_key_set_tells_one_public_rsa_key() {
        let key_set = serde_json::to_value(issuer().key_set()).unwrap();
        let key = key_set["keys"][0].as_object().unwrap();
        assert_eq!(key.keys().collect::<Vec<_>>(), ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&key["alg"], &key["kty"], &key["use"]), (&json!("RS256"), &json!("RSA"), &json!("sig")));
        assert_eq!(key["e"], "AQAB");
        assert_eq!(key["n"].as_str().unwrap().len(), 342);
    }
}
