//! Project Wycheproof's vectors of RSA signatures and of JSON Web Signatures and Keys with RSA keys, run
//! through the key set and the verifier. `wycheproof/README.md` states their source.

use std::{collections::BTreeMap, io::Read as _};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::{
    auth::{TokenRefusal, Verifier, key_set::KeySet},
    clock::Clock,
    config::TokenConfig,
    error::Error,
};
use flate2::read::GzDecoder;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde_json::{Value, json};

use super::with_token;

#[derive(Deserialize)]
struct Vectors {
    rsa: Vec<RsaGroup>,
    jws: Vec<JwsGroup>,
}

/// Signatures by one key.
#[derive(Deserialize)]
struct RsaGroup {
    file: String,
    n: String,
    e: String,
    tests: Vec<RsaTest>,
}

/// Number, expected result, message and signature, the last two in base64url.
#[derive(Deserialize)]
struct RsaTest(u32, Expected, String, String);

/// Tokens for one key set.
#[derive(Deserialize)]
struct JwsGroup {
    file: String,
    keys: Vec<Value>,
    tests: Vec<JwsTest>,
}

/// Number, expected result and token.
#[derive(Deserialize)]
struct JwsTest(u32, Expected, String);

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Valid,
    Invalid,
    /// Old signers omitted a NULL (`MissingNull`); accepting it is optional.
    Acceptable,
}

fn vectors() -> Vectors {
    let mut json = String::new();
    GzDecoder::new(&include_bytes!("wycheproof/vectors.json.gz")[..]).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn key_set(keys: &[Value]) -> Result<KeySet, String> {
    KeySet::inline(&json!({"keys": keys}).to_string()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_signature_is_accepted_exactly_when_it_is_valid() {
    let mut counts = BTreeMap::new();
    for RsaGroup { file, n, e, tests } in vectors().rsa {
        let keys = key_set(&[json!({"kty": "RSA", "kid": "key", "n": n, "e": e})]).unwrap();
        let key = keys.get("key").await.unwrap();
        for RsaTest(id, expected, message, signature) in tests {
            let message = BASE64_URL_SAFE_NO_PAD.decode(message).unwrap();
            let verified = crypto::verify(&signature, &message, &key, Algorithm::RS256);
            let accepted = verified.is_ok_and(|verified| verified);
            assert_eq!(accepted, expected == Expected::Valid, "{file} {id}, which is {expected:?}");
            *counts.entry(accepted).or_insert(0) += 1;
        }
    }
    assert_eq!(counts, BTreeMap::from([(true, 31), (false, 1_003)]));
}

#[tokio::test]
async fn a_token_is_verified_exactly_when_it_is_valid_and_signed_with_rs256() {
    let config = TokenConfig { issuer: String::new(), client_ids: Vec::new(), key_set: None };
    let mut counts = BTreeMap::new();
    for JwsGroup { file, keys, tests } in vectors().jws {
        let is_for_rs256 = keys.iter().all(|key| key["alg"] == "RS256");
        let verifier = key_set(&keys).map(|keys| Verifier::new(&config, keys, Clock::system()));
        for JwsTest(id, expected, token) in tests {
            // The payloads are not claims. The verifier finds out only after it has accepted the signature.
            let is_accepted = match &verifier {
                Ok(verifier) => matches!(
                    verifier.authenticate(with_token(&token).headers()).await,
                    Err(Error::Unauthenticated(TokenRefusal::ClaimsMalformed))
                ),
                Err(_) => false,
            };
            let expected = expected == Expected::Valid && is_for_rs256;
            assert_eq!(is_accepted, expected, "{file} {id}: {token}");
            *counts.entry(is_accepted).or_insert(0) += 1;
        }
    }
    assert_eq!(counts, BTreeMap::from([(true, 10), (false, 328)]));
}
