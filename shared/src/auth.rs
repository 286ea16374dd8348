//! Authentication: verifies Cognito access tokens, without relying on a gateway in front (design, section 6).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup, TokenConfig},
    error::{Dependency, Error},
    warm_up::Failure,
};

use self::key_set::{KeySet, KeySetError, from_object};
pub use self::refusal::TokenRefusal;

pub mod key_set;
pub mod refusal;

/// The `sub` claim of a token. Never empty, and without NUL, which PostgreSQL's text cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The subject as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subject `text`. Returns `None` if it is empty or contains a NUL.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty() && !text.contains('\0')).map(Self)
    }
}

/// A sign-in. The access tokens of one sign-in have the same `auth_time`, refreshed ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The user.
    pub subject: Subject,
    /// The `auth_time` claim, in seconds since 1970; without it, `iat`, or else 0. A sign-in from before a sign-out on all
    /// devices is rejected.
    pub at: i64,
}

/// A verified access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The sign-in that the token belongs to.
    pub sign_in: SignIn,
    /// The `exp` claim, in seconds since 1970.
    pub expires_at: i64,
}

/// The maximum size of an `Authorization` header in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

/// Tolerated clock skew, in seconds.
const LEEWAY: i64 = 60;

/// Verifies access tokens of one user pool.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    client_ids: Vec<String>,
    keys: KeySet,
    clock: Clock,
}

/// The checked claims. `aud` and other claims of a Cognito access token are ignored.
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
    #[serde(default, deserialize_with = "present")]
    auth_time: Option<i64>,
}

/// Header fields, checked before the signature. `jku`, `jwk`, `x5u` and `x5c` are ignored: the sender of the token
/// chooses the keys that they name.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, deserialize_with = "present")]
    typ: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    enc: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<Value>,
}

/// Deserializes a field if it is present. `null` is a value, not `None`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Verifier {
    /// Creates a verifier for the pool and clients of `config`, with the keys of `keys`.
    #[must_use]
    pub fn new(config: &TokenConfig, keys: KeySet, clock: Clock) -> Self {
        Self { issuer: config.issuer.clone(), client_ids: config.client_ids.clone(), keys, clock }
    }

    /// Creates a verifier for the configured pool. Fails if a variable is missing or malformed.
    pub fn from_lookup(lookup: impl Lookup, clock: Clock) -> Result<Self, ConfigError> {
        let config = TokenConfig::from_lookup(lookup)?;
        Ok(Self::new(&config, config.key_set(lookup)?, clock))
    }

    /// Prepares for the first token; see [`KeySet::warm_up`].
    pub async fn warm_up(&self) -> Result<(), Failure> {
        self.keys.warm_up().await
    }

    /// Verifies the access token in `headers`, and returns its sign-in. Fails as [`Self::verify`] does.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<SignIn, Error> {
        Ok(self.verify(headers).await?.sign_in)
    }

    /// Verifies the access token in `headers`. Fails with [`Error::Unauthenticated`], or with
    /// [`Error::Unavailable`] if the key set cannot be fetched.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<AccessToken, Error> {
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

    fn check(&self, claims: Claims) -> Result<AccessToken, TokenRefusal> {
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
        if [claims.nbf, claims.iat, claims.auth_time]
            .into_iter()
            .flatten()
            .any(|time| time.saturating_sub(LEEWAY) > now)
        {
            return Err(TokenRefusal::NotYetValid);
        }
        let subject = Subject::new(claims.sub).ok_or(TokenRefusal::SubjectMissing)?;
        let at = claims.auth_time.or(claims.iat).unwrap_or_default();
        Ok(AccessToken { sign_in: SignIn { subject, at }, expires_at: claims.exp })
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
    // API Gateway joins the values of a repeated header with commas. No token contains a comma.
    let has_three_parts = token.split('.').count() == 3
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !scheme.eq_ignore_ascii_case("bearer") || !has_three_parts {
        return Err(TokenRefusal::Malformed);
    }
    Ok(token)
}

/// Returns the `kid` of a token. Rejects other algorithms, extensions and token types.
fn key_id(token: &str) -> Result<String, TokenRefusal> {
    let header = token.split('.').next().unwrap_or_default();
    let header: Header = object(header).ok_or(TokenRefusal::HeaderMalformed)?;
    if header.alg != "RS256" {
        return Err(TokenRefusal::AlgorithmRefused);
    }
    // `b64: true` is the default (RFC 7797).
    let detached = header.b64.is_some_and(|b64| b64 != Value::Bool(true));
    if detached || header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
        return Err(TokenRefusal::ExtensionRefused);
    }
    if header.typ.is_some_and(|typ| !is_access_token(&typ)) {
        return Err(TokenRefusal::TypeRefused);
    }
    Ok(header.kid)
}

/// Returns `true` for the `typ` of an access token (RFC 8725, section 3.11; RFC 9068, section 2.1) and for plain `JWT`.
/// Media types are case-insensitive, and `application/` is optional (RFC 7515, section 4.1.9).
fn is_access_token(typ: &Value) -> bool {
    let typ = typ.as_str().unwrap_or_default().to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

/// Verifies the signature of a token, and returns its unchecked claims.
///
/// `jsonwebtoken::decode` is not used: it reads the whole header before it verifies anything, checks the claims against
/// the wall clock, and accepts a missing or wrongly typed `iss`.
fn verify(token: &str, key: &DecodingKey) -> Result<Claims, TokenRefusal> {
    let (message, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
    let is_signed = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::RS256);
    if !is_signed.is_ok_and(|is_signed| is_signed) {
        return Err(TokenRefusal::SignatureWrong);
    }
    let claims = message.split_once('.').map_or("", |(_, claims)| claims);
    object(claims).ok_or(TokenRefusal::ClaimsMalformed)
}

/// Decodes the JSON object in a part of a token. The whole part must be valid UTF-8 and JSON (RFC 7519, section 7.2).
fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    // serde_json does not validate the UTF-8 of skipped strings.
    str::from_utf8(&bytes).ok()?;
    from_object(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    /// Key and token of RFC 7515, appendix A.2.
    const KEY: &str = r#"{
        "kty": "RSA",
        "kid": "rfc-7515",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB"
    }"#;
    const SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    const NOW: i64 = 1_795_339_800;

    fn verifier() -> Verifier {
        Verifier {
            issuer: "https://pool.example".to_owned(),
            client_ids: vec!["web".to_owned(), "mobile".to_owned()],
            keys: KeySet::inline(&format!("{{\"keys\":[{KEY}]}}")).unwrap(),
            clock: Clock::from_fn(|| DateTime::from_timestamp(NOW, 999_999_999).unwrap()),
        }
    }

    /// Checks valid claims after `change`. Returns the subject, or the refusal's text.
    fn checked(change: impl FnOnce(&mut Claims)) -> Result<String, String> {
        let mut claims = Claims {
            iss: "https://pool.example".to_owned(),
            sub: "subject".to_owned(),
            token_use: "access".to_owned(),
            client_id: "mobile".to_owned(),
            exp: NOW + 3_600,
            nbf: None,
            iat: Some(NOW),
            auth_time: None,
        };
        change(&mut claims);
        let subject = verifier().check(claims);
        subject.map(|token| token.sign_in.subject.as_str().to_owned()).map_err(|refusal| refusal.to_string())
    }

    fn refused<T>(refusal: &TokenRefusal) -> Result<T, String> {
        Err(refusal.to_string())
    }

    #[test]
    fn each_required_claim_is_checked() {
        assert_eq!(checked(|_| ()), Ok("subject".to_owned()));
        assert_eq!(checked(|claims| claims.client_id = "web".to_owned()), Ok("subject".to_owned()));
        assert_eq!(
            checked(|claims| claims.iss = "https://pool.example/".to_owned()),
            refused(&TokenRefusal::IssuerRefused)
        );
        assert_eq!(checked(|claims| claims.token_use = "id".to_owned()), refused(&TokenRefusal::UseRefused));
        assert_eq!(
            checked(|claims| claims.client_id = "other".to_owned()),
            refused(&TokenRefusal::ClientRefused)
        );
        assert_eq!(checked(|claims| claims.sub.clear()), refused(&TokenRefusal::SubjectMissing));
    }

    #[test]
    fn clocks_may_differ_by_sixty_seconds() {
        let good = || Ok("subject".to_owned());
        let (expired, early) = (|| refused(&TokenRefusal::Expired), || refused(&TokenRefusal::NotYetValid));
        assert_eq!(checked(|claims| claims.exp = NOW - 59), good());
        assert_eq!(checked(|claims| claims.exp = NOW - 60), expired());
        assert_eq!(checked(|claims| claims.nbf = Some(NOW + 60)), good());
        assert_eq!(checked(|claims| claims.nbf = Some(NOW + 61)), early());
        assert_eq!(checked(|claims| claims.nbf = Some(NOW - 3_600)), good());
        assert_eq!(checked(|claims| claims.iat = None), good());
        assert_eq!(checked(|claims| claims.iat = Some(NOW + 60)), good());
        assert_eq!(checked(|claims| claims.iat = Some(NOW + 61)), early());
        // Extreme values do not overflow.
        assert_eq!(checked(|claims| claims.exp = i64::MAX), good());
        assert_eq!(checked(|claims| claims.exp = i64::MIN), expired());
        assert_eq!(checked(|claims| claims.nbf = Some(i64::MIN)), good());
        assert_eq!(checked(|claims| claims.nbf = Some(i64::MAX)), early());
    }

    #[test]
    fn a_sign_in_has_the_time_of_the_authentication_or_else_of_the_token() {
        let at = |auth_time, iat| {
            let claims = Claims {
                iss: "https://pool.example".to_owned(),
                sub: "subject".to_owned(),
                token_use: "access".to_owned(),
                client_id: "web".to_owned(),
                exp: NOW + 3_600,
                nbf: None,
                iat,
                auth_time,
            };
            verifier().check(claims).unwrap().sign_in.at
        };
        assert_eq!([at(Some(1), Some(NOW)), at(None, Some(NOW)), at(None, None)], [1, NOW, 0]);
    }

    /// The token in these `Authorization` headers, or the refusal's text.
    fn token_in(values: &[&str]) -> Result<String, String> {
        let headers =
            values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        let headers = headers.collect::<HeaderMap>();
        bearer_token(&headers).map(str::to_owned).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn the_header_is_one_bearer_token_of_three_parts() {
        assert_eq!(token_in(&["Bearer aZ0-_.b.c"]), Ok("aZ0-_.b.c".to_owned()));
        assert_eq!(token_in(&["bEARER a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(token_in(&[]), refused(&TokenRefusal::Missing));
        assert_eq!(token_in(&["Bearer a.b.c", "Bearer a.b.c"]), refused(&TokenRefusal::Repeated));
        for malformed in [
            "a.b.c",
            "Basic a.b.c",
            "Bearer",
            "Bearer ",
            "Bearer a.b",
            "Bearer a.b.c.d",
            "Bearer  a.b.c",
            "Bearer a.b.c, Bearer a.b.c",
            "Bearer a.b.c=",
            "Bearer a.b+.c",
        ] {
            assert_eq!(token_in(&[malformed]), refused(&TokenRefusal::Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn the_header_has_at_most_8_kib() {
        let fits = format!("Bearer a.b.{}", "c".repeat(8_192 - "Bearer a.b.".len()));
        assert_eq!(token_in(&[&fits]), Ok(fits["Bearer ".len()..].to_owned()));
        assert_eq!(token_in(&[&format!("{fits}c")]), refused(&TokenRefusal::Malformed));
        assert_eq!(token_in(&[&fits.repeat(2)]), refused(&TokenRefusal::Malformed));
    }

    /// The `kid` of a token with this header, or the refusal's text.
    fn key_id_of(header: &str) -> Result<String, String> {
        let token = format!("{}.claims.signature", URL_SAFE_NO_PAD.encode(header));
        key_id(&token).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_header_names_its_key_and_asks_for_no_extension() {
        assert_eq!(key_id_of(r#"{"alg":"RS256","kid":"a"}"#), Ok("a".to_owned()));
        assert_eq!(key_id_of(r#"{"alg":"RS256","kid":"a","b64":true,"jku":1,"x5c":[]}"#), Ok("a".to_owned()));
        for algorithm in ["", "none", "rs256", "RS256 ", "RS384", "HS256", "PS256", "ES256"] {
            let header = json!({"alg": algorithm, "kid": "a"}).to_string();
            assert_eq!(key_id_of(&header), refused(&TokenRefusal::AlgorithmRefused), "{algorithm:?}");
        }
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!(null)),
            ("zip", json!("DEF")),
            ("zip", json!(null)),
            ("enc", json!("A128GCM")),
            ("enc", json!(null)),
            ("b64", json!(false)),
            ("b64", json!("true")),
            ("b64", json!(null)),
        ] {
            let mut header = json!({"alg": "RS256", "kid": "a"});
            header[name] = value;
            assert_eq!(key_id_of(&header.to_string()), refused(&TokenRefusal::ExtensionRefused), "{header}");
        }
        for typ in ["JWT", "jwt", "application/jwt", "at+jwt", "AT+JWT", "Application/at+JWT"] {
            let header = json!({"alg": "RS256", "kid": "a", "typ": typ}).to_string();
            assert_eq!(key_id_of(&header), Ok("a".to_owned()), "{typ}");
        }
        for typ in
            [json!("JWE"), json!("id+jwt"), json!("application/application/jwt"), json!(""), json!(null)]
        {
            let header = json!({"alg": "RS256", "kid": "a", "typ": typ}).to_string();
            assert_eq!(key_id_of(&header), refused(&TokenRefusal::TypeRefused), "{typ}");
        }
        for malformed in
            ["", "{}", "[]", "null", r#"{"alg":"RS256"}"#, r#"{"kid":"a"}"#, r#"{"alg":1,"kid":"a"}"#]
        {
            assert_eq!(key_id_of(malformed), refused(&TokenRefusal::HeaderMalformed), "{malformed}");
        }
    }

    /// The refusal of a token whose key is known.
    async fn refusal_of(token: &str) -> TokenRefusal {
        let key = verifier().keys.get("rfc-7515").await.unwrap();
        verify(token, &key).unwrap_err()
    }

    #[tokio::test]
    async fn claims_are_read_only_when_the_key_has_signed_them() {
        // The claims in the RFC lack required ones.
        assert!(matches!(refusal_of(SIGNED).await, TokenRefusal::ClaimsMalformed));
        let (signed, signature) = SIGNED.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        for forged in [
            format!("{signed}."),
            format!("{signed}.{}", signature.replace("cC4h", "cC4i")),
            format!("{header}.{}.{signature}", claims.replace("eyJp", "eyJq")),
            format!("{claims}.{header}.{signature}"),
        ] {
            assert!(matches!(refusal_of(&forged).await, TokenRefusal::SignatureWrong), "{forged}");
        }
    }
}
