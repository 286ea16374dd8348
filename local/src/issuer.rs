//! The token issuer: what a Cognito user pool is to the deployed functions.

use std::time::Duration;

use cruddur::{clock::Clock, random::Random};
use jsonwebtoken::jwk::JwkSet;
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

/// Issues access tokens of the shape Cognito gives them.
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
        let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        json!({
            "sub": sub,
            "iss": self.url,
            "client_id": CLIENT_ID,
            "origin_jti": self.uuid(),
            "event_id": self.uuid(),
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": now,
            "exp": now.saturating_add(lifetime),
            "iat": now,
            "jti": self.uuid(),
            "version": 2,
            "username": username,
        })
    }

    /// A token of any header and claims, however wrong. The signature is this issuer's RS256 in any case.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        self.key.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A token of exactly these bytes, which need not even be JSON.
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> Result<String, KeyError> {
        self.key.sign(header, payload)
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
