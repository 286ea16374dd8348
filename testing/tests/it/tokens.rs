//! Access tokens: every check of the contract (design, section 6), as a client meets it.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use axum::body::Body;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use cruddur::{
    auth::{TokenRefusal, Verifier},
    error::Error,
};
use http::{HeaderMap, HeaderValue, Request, header::AUTHORIZATION};
use local::issuer::CLIENT_ID;
use serde_json::{Value, json};
use testing::{Answer, TestUser, World};

const REFUSED: &str =
    "401\ncontent-type: application/json\nwww-authenticate: Bearer error=\"invalid_token\"\n{}";

/// A world with a user, and a key of the pool with which a test can sign as it likes.
struct Pool {
    world: World,
    alice: TestUser,
    pair: RsaKeyPair,
}

/// The `kid` of the test's own key.
const KID: &str = "the-tests-own-key";

impl Pool {
    async fn new() -> Self {
        let mut world = World::new().await;
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let mut keys = serde_json::to_value(world.issuer.key_set()).unwrap();
        keys["keys"].as_array_mut().unwrap().push(json!({
            "kty": "RSA",
            "kid": KID,
            "use": "sig",
            "n": BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": BASE64_URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }));
        world.redeploy(|parts| parts.tokens.key_set = Some(keys.to_string()));
        let alice = world.user("alice").await;
        Self { world, alice, pair }
    }

    /// Good claims.
    fn claims(&self) -> Value {
        self.world.issuer.claims(&self.alice.subject, &self.alice.user.handle)
    }

    /// Good claims, but for one: another value, or none.
    fn claims_but(&self, name: &str, value: Option<Value>) -> Value {
        but(self.claims(), name, value)
    }

    fn now(&self) -> i64 {
        self.world.clock.clock().now().timestamp()
    }

    /// A token by the issuer's key.
    fn issued(&self, header: &Value, claims: &Value) -> String {
        self.world.issuer.sign(header, claims).unwrap()
    }

    /// A token by the test's own key.
    fn signed(&self, encoding: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The answer to a request with these `Authorization` headers.
    async fn answer(&self, authorization: &[&[u8]]) -> Answer {
        let mut request = Request::builder().uri("/api/message_groups").body(Body::empty()).unwrap();
        for value in authorization {
            request.headers_mut().append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        self.world.request(request).await
    }

    async fn accepts(&self, case: &str, token: &str) {
        let answer = self.answer(&[format!("Bearer {token}").as_bytes()]).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "[]"), "{case}");
    }

    async fn refuses(&self, case: &str, token: &str) {
        self.refuses_headers(case, &[format!("Bearer {token}").as_bytes()]).await;
    }

    async fn refuses_headers(&self, case: &str, authorization: &[&[u8]]) {
        assert_eq!(format!("{:?}", self.answer(authorization).await), REFUSED, "{case}");
    }
}

/// `object` with another value for `name`, or without it.
fn but(mut object: Value, name: &str, value: Option<Value>) -> Value {
    let fields = object.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
    object
}

/// The two parts of a token that are signed.
fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

#[tokio::test]
async fn a_good_token_is_accepted_however_the_scheme_is_written() {
    let pool = Pool::new().await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let answer = pool.answer(&[format!("{scheme} {}", pool.alice.token).as_bytes()]).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "[]"), "{scheme}");
    }
    let header = json!({"alg": "RS256", "kid": KID});
    pool.accepts("the test's own key", &pool.signed(&RSA_PKCS1_SHA256, &header, &pool.claims())).await;
}

#[tokio::test]
async fn a_header_that_is_not_one_bearer_token_of_three_parts_is_refused() {
    let pool = Pool::new().await;
    let token = &pool.alice.token;
    let bearer = format!("Bearer {token}");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    pool.refuses_headers("no header", &[]).await;
    pool.refuses_headers("the header twice", &[bearer.as_bytes(), bearer.as_bytes()]).await;
    pool.refuses_headers("a good header after a bad one", &[b"Basic YTpi", bearer.as_bytes()]).await;
    for (case, value) in [
        ("empty", String::new()),
        ("the scheme alone", "Bearer".to_owned()),
        ("the scheme and a space", "Bearer ".to_owned()),
        ("the token alone", token.clone()),
        ("Basic", format!("Basic {token}")),
        ("a longer scheme", format!("Bearers {token}")),
        ("no space", format!("Bearer{token}")),
        ("two spaces", format!("Bearer  {token}")),
        ("a tab", format!("Bearer\t{token}")),
        ("quotes", format!("Bearer \"{token}\"")),
        ("something behind", format!("Bearer {token} more")),
        ("two tokens, as API Gateway joins them", format!("Bearer {token},Bearer {token}")),
        ("one part", format!("Bearer {signature}")),
        ("two parts", format!("Bearer {signed}")),
        ("four parts", format!("Bearer {token}.{signature}")),
        ("five parts, as an encrypted token has", format!("Bearer {token}.{signature}.{signature}")),
        ("three empty parts", "Bearer ..".to_owned()),
        ("padding", format!("Bearer {token}==")),
        ("the other base64 alphabet", format!("Bearer {signed}.+/+/")),
    ] {
        pool.refuses_headers(case, &[value.as_bytes()]).await;
    }
    pool.refuses_headers("bytes that are no ASCII", &[&[bearer.as_bytes(), b"\xc3\xa9"].concat()]).await;
}

/// API Gateway joins the headers into one; other front doors may not.
#[tokio::test]
async fn two_headers_are_refused_even_when_they_are_equal() {
    let pool = Pool::new().await;
    let tokens = &pool.world.parts.tokens;
    let verifier = Verifier::new(tokens, tokens.key_set().unwrap(), pool.world.clock.clock());
    let value = HeaderValue::try_from(format!("Bearer {}", pool.alice.token)).unwrap();
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, value.clone())]);
    assert_eq!(verifier.authenticate(&headers).await.unwrap().as_str(), pool.alice.subject);
    headers.append(AUTHORIZATION, value);
    let refused = verifier.authenticate(&headers).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(TokenRefusal::Repeated))), "{refused:?}");
}

#[tokio::test]
async fn a_header_has_8_kib_at_most() {
    let pool = Pool::new().await;
    let of_length = |length: usize| {
        (0..9_000)
            .rev()
            .flat_map(|long| (0..4).map(move |short| (long, short)))
            .filter(|(long, _)| (5_000..5_700).contains(long))
            .map(|(long, short)| {
                let header = but(pool.world.issuer.header(), "typ", Some(json!("J".repeat(short))));
                (header, pool.claims_but("scope", Some(json!("s".repeat(long)))))
            })
            .find(|(header, claims)| {
                "Bearer ".len() + unsigned(header, claims).len() + ".".len() + 342 == length
            })
            .map(|(header, claims)| format!("Bearer {}", pool.issued(&header, &claims)))
            .unwrap()
    };
    let (longest, too_long) = (of_length(8 * 1024), of_length(8 * 1024 + 1));
    assert_eq!((longest.len(), too_long.len()), (8_192, 8_193));
    assert_eq!(pool.answer(&[longest.as_bytes()]).await.body, "[]");
    pool.refuses_headers("8193 bytes", &[too_long.as_bytes()]).await;
}

#[tokio::test]
async fn no_algorithm_but_rs256_is_accepted() {
    let pool = Pool::new().await;
    let header = |alg: &str| json!({"alg": alg, "kid": KID});
    let claims = pool.claims();
    for alg in
        ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "HS256", "RS384", "RS512", "ES256", "EdDSA"]
    {
        let header = header(alg);
        pool.refuses(
            &format!("{alg:?} with an empty signature"),
            &format!("{}.", unsigned(&header, &claims)),
        )
        .await;
        pool.refuses(
            &format!("{alg:?} over an RS256 signature"),
            &pool.signed(&RSA_PKCS1_SHA256, &header, &claims),
        )
        .await;
    }
    for (case, alg) in [("missing", None), ("null", Some(json!(null))), ("array", Some(json!(["RS256"])))] {
        let header = but(header("RS256"), "alg", alg);
        pool.refuses(&format!("alg {case}"), &pool.signed(&RSA_PKCS1_SHA256, &header, &claims)).await;
    }
    pool.refuses("true RS384", &pool.signed(&RSA_PKCS1_SHA384, &header("RS384"), &claims)).await;
    pool.refuses("RS384 called RS256", &pool.signed(&RSA_PKCS1_SHA384, &header("RS256"), &claims)).await;
    pool.refuses("true PS256", &pool.signed(&RSA_PSS_SHA256, &header("PS256"), &claims)).await;
    pool.refuses("PS256 called RS256", &pool.signed(&RSA_PSS_SHA256, &header("RS256"), &claims)).await;
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_hs256_with() {
    let pool = Pool::new().await;
    let public = pool.pair.public_key();
    let der = public.as_ref();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(der)
    );
    let modulus = public.modulus().big_endian_without_leading_zero();
    for (case, secret) in [("DER", der), ("PEM", pem.as_bytes()), ("modulus", modulus)] {
        for alg in ["HS256", "RS256"] {
            let signed = unsigned(&json!({"alg": alg, "kid": KID}), &pool.claims());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
            let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag));
            pool.refuses(&format!("HS256 with the {case}, called {alg}"), &token).await;
        }
    }
}

#[tokio::test]
async fn the_kid_names_a_key_exactly() {
    let pool = Pool::new().await;
    let kid = pool.world.issuer.header()["kid"].as_str().unwrap().to_owned();
    let swapped =
        kid.chars()
            .map(|char| {
                if char.is_ascii_lowercase() { char.to_ascii_uppercase() } else { char.to_ascii_lowercase() }
            })
            .collect::<String>();
    for (case, value) in [
        ("missing", None),
        ("null", Some(json!(null))),
        ("empty", Some(json!(""))),
        ("unknown", Some(json!("unknown"))),
        ("another case", Some(json!(swapped))),
        ("a space behind", Some(json!(format!("{kid} ")))),
        ("a part", Some(json!(&kid[..kid.len() - 1]))),
        ("another key of the set", Some(json!(KID))),
        ("a number", Some(json!(1))),
        ("an array", Some(json!([kid]))),
    ] {
        let header = but(pool.world.issuer.header(), "kid", value);
        pool.refuses(case, &pool.issued(&header, &pool.claims())).await;
    }
}

#[tokio::test]
async fn a_token_that_means_to_be_read_in_another_way_is_refused() {
    let pool = Pool::new().await;
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("crit", json!(null)),
        ("zip", json!("DEF")),
        ("zip", json!("")),
        ("zip", json!(null)),
        ("enc", json!("A128GCM")),
        ("enc", json!(null)),
        ("b64", json!(false)),
        ("b64", json!("false")),
        ("b64", json!(0)),
    ] {
        let header = but(pool.world.issuer.header(), name, Some(value.clone()));
        pool.refuses(&format!("{name}: {value}"), &pool.issued(&header, &pool.claims())).await;
    }
    let header = but(pool.world.issuer.header(), "b64", Some(json!(true)));
    pool.accepts("b64: true is the default", &pool.issued(&header, &pool.claims())).await;
}

#[tokio::test]
async fn keys_that_a_token_brings_along_play_no_part() {
    let pool = Pool::new().await;
    let own = serde_json::to_value(&pool.world.issuer.key_set().keys[0]).unwrap();
    let other = BASE64_URL_SAFE_NO_PAD.encode([0xc7; 256]);
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("jwk", own.clone()),
        ("jwk", json!({"kty": "RSA", "n": other, "e": "AQAB"})),
        ("x5u", json!("http://127.0.0.1:1/certificate.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("MIIB")),
        ("unheard-of", json!({"of": 1})),
    ] {
        let header = but(pool.world.issuer.header(), name, Some(value.clone()));
        pool.accepts(&format!("{name}: {value}"), &pool.issued(&header, &pool.claims())).await;
    }
    // The test's own key signs, and the token says so: the key is still the one that `kid` names.
    let kid = pool.world.issuer.header()["kid"].clone();
    let public = pool.pair.public_key();
    let brought = json!({
        "kty": "RSA",
        "kid": kid,
        "n": BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        "e": "AQAB",
    });
    let header = json!({"alg": "RS256", "kid": kid, "jwk": brought});
    pool.refuses("the key it brings", &pool.signed(&RSA_PKCS1_SHA256, &header, &pool.claims())).await;
}

#[tokio::test]
async fn nothing_in_a_token_can_be_changed() {
    let pool = Pool::new().await;
    let token = &pool.alice.token;
    let parts = token.split('.').collect::<Vec<_>>();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let bob = pool.world.user("bob").await;
    let encode = |claims: &Value| BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let bobs = encode(&pool.world.issuer.claims(&bob.subject, &bob.user.handle));
    let spaced = BASE64_URL_SAFE_NO_PAD.encode(pool.world.issuer.header().to_string() + " ");
    let mut flipped = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[128] ^= 1;
    let flipped = BASE64_URL_SAFE_NO_PAD.encode(flipped);
    for (case, token) in [
        ("another's claims", format!("{header}.{bobs}.{signature}")),
        (
            "later claims",
            format!(
                "{header}.{}.{signature}",
                encode(&pool.claims_but("exp", Some(json!(9_999_999_999_i64))))
            ),
        ),
        ("a header with a space", format!("{spaced}.{payload}.{signature}")),
        ("one bit of the signature", format!("{header}.{payload}.{flipped}")),
        ("a signature cut short", format!("{header}.{payload}.{}", &signature[..signature.len() - 4])),
        ("no signature", format!("{header}.{payload}.")),
        ("another's signature", format!("{header}.{payload}.{}", bob.token.rsplit_once('.').unwrap().1)),
        ("no claims", format!("{header}..{signature}")),
    ] {
        pool.refuses(case, &token).await;
    }
}

#[tokio::test]
async fn a_token_that_is_no_json_is_refused_however_well_signed() {
    let pool = Pool::new().await;
    let header = pool.world.issuer.header().to_string();
    let claims = pool.claims().to_string();
    let sign = |header: &str, claims: &str| {
        pool.world.issuer.sign_bytes(header.as_bytes(), claims.as_bytes()).unwrap()
    };
    let kid = &pool.world.issuer.header()["kid"];
    let twice = format!(r#"{{"alg":"none","alg":"RS256","kid":{kid}}}"#);
    let sub_twice = claims.replacen('{', r#"{"sub":"another","#, 1);
    for (case, token) in [
        ("an empty header", sign("", &claims)),
        ("a header that is no JSON", sign("RS256", &claims)),
        ("a header that is an array", sign("[]", &claims)),
        ("a header with something behind", sign(&format!("{header}{{}}"), &claims)),
        ("two algorithms", sign(&twice, &claims)),
        ("empty claims", sign(&header, "")),
        ("claims that are an array", sign(&header, &format!("[{claims}]"))),
        ("claims that are a string", sign(&header, &json!(claims).to_string())),
        ("claims with something behind", sign(&header, &format!("{claims}{{}}"))),
        ("two subjects", sign(&header, &sub_twice)),
    ] {
        pool.refuses(case, &token).await;
    }
    let token = pool.world.issuer.sign_bytes(header.as_bytes(), b"\xff\xfe{}").unwrap();
    pool.refuses("claims that are no UTF-8", &token).await;
    pool.accepts("the same bytes, unchanged", &sign(&header, &claims)).await;
}

#[tokio::test]
async fn every_claim_has_to_be_right_and_of_the_right_type() {
    let pool = Pool::new().await;
    let issuer = pool.world.issuer.url().to_owned();
    let (now, subject) = (pool.now(), &pool.alice.subject);
    for (name, value) in [
        ("iss", None),
        ("iss", Some(json!(null))),
        ("iss", Some(json!(""))),
        ("iss", Some(json!([issuer]))),
        ("iss", Some(json!("http://issuer.test/"))),
        ("iss", Some(json!("HTTP://ISSUER.TEST"))),
        ("iss", Some(json!("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Another"))),
        ("token_use", None),
        ("token_use", Some(json!(null))),
        ("token_use", Some(json!("id"))),
        ("token_use", Some(json!("refresh"))),
        ("token_use", Some(json!("Access"))),
        ("token_use", Some(json!(["access"]))),
        ("client_id", None),
        ("client_id", Some(json!(null))),
        ("client_id", Some(json!(""))),
        ("client_id", Some(json!("another-client"))),
        ("client_id", Some(json!(CLIENT_ID.to_uppercase()))),
        ("client_id", Some(json!([CLIENT_ID]))),
        ("sub", None),
        ("sub", Some(json!(null))),
        ("sub", Some(json!(""))),
        ("sub", Some(json!([subject]))),
        ("sub", Some(json!(1))),
        ("exp", None),
        ("exp", Some(json!(null))),
        ("exp", Some(json!((now + 600).to_string()))),
        ("exp", Some(json!(true))),
        ("exp", Some(json!(0))),
        ("exp", Some(json!(-1))),
        ("exp", Some(json!(i64::MIN))),
        ("exp", Some(json!(1e300))),
        ("nbf", Some(json!(now + 3_600))),
        ("nbf", Some(json!("0"))),
        ("nbf", Some(json!(i64::MAX))),
        ("iat", Some(json!(now + 3_600))),
        ("iat", Some(json!("0"))),
        ("iat", Some(json!(i64::MAX))),
    ] {
        let case = format!("{name}: {value:?}");
        pool.refuses(&case, &pool.issued(&pool.world.issuer.header(), &pool.claims_but(name, value))).await;
    }
    // An id token carries the client as its audience; so might an access token, which changes nothing.
    let id_token = but(but(pool.claims(), "client_id", None), "aud", Some(json!(CLIENT_ID)));
    pool.refuses("aud in place of client_id", &pool.issued(&pool.world.issuer.header(), &id_token)).await;
    for (name, value) in [
        ("aud", Some(json!("another"))),
        ("nbf", Some(json!(now))),
        ("iat", None),
        ("exp", Some(json!(i64::MAX))),
        ("scope", None),
        ("username", None),
        ("cognito:groups", Some(json!(["admins"]))),
    ] {
        let case = format!("{name}: {value:?}");
        pool.accepts(&case, &pool.issued(&pool.world.issuer.header(), &pool.claims_but(name, value))).await;
    }
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let pool = Pool::new().await;
    let now = pool.now();
    let token = |name: &str, at: i64| {
        pool.issued(&pool.world.issuer.header(), &pool.claims_but(name, Some(json!(at))))
    };
    // A token is good before `exp` and no longer at it (RFC 7519), hence not at the last second either.
    pool.accepts("expired for 59 s", &token("exp", now - 59)).await;
    pool.refuses("expired for 60 s", &token("exp", now - 60)).await;
    pool.refuses("expired for 61 s", &token("exp", now - 61)).await;
    for name in ["nbf", "iat"] {
        pool.accepts(&format!("{name} in 59 s"), &token(name, now + 59)).await;
        pool.accepts(&format!("{name} in 60 s"), &token(name, now + 60)).await;
        pool.refuses(&format!("{name} in 61 s"), &token(name, now + 61)).await;
    }
}

#[tokio::test]
async fn a_token_ends_an_hour_and_a_minute_after_it_began() {
    let pool = Pool::new().await;
    let minutes = chrono::TimeDelta::minutes;
    pool.world.clock.advance(minutes(60) + chrono::TimeDelta::seconds(59));
    pool.accepts("in its last second", &pool.alice.token).await;
    pool.world.clock.advance(chrono::TimeDelta::seconds(1));
    pool.refuses("a second later", &pool.alice.token).await;
    pool.world.clock.advance(minutes(-62));
    pool.accepts("a minute before it was issued", &pool.alice.token).await;
    pool.world.clock.advance(chrono::TimeDelta::seconds(-1));
    pool.refuses("a second earlier", &pool.alice.token).await;
}

#[tokio::test]
async fn each_client_of_the_list_is_accepted() {
    let mut pool = Pool::new().await;
    pool.world.redeploy(|parts| parts.tokens.client_ids = vec!["web".to_owned(), "mobile".to_owned()]);
    let header = pool.world.issuer.header();
    for client in ["web", "mobile"] {
        pool.accepts(client, &pool.issued(&header, &pool.claims_but("client_id", Some(json!(client))))).await;
    }
    pool.refuses("a client that was in it before", &pool.alice.token).await;
    pool.refuses("both", &pool.issued(&header, &pool.claims_but("client_id", Some(json!("web,mobile")))))
        .await;
}

#[tokio::test]
async fn every_route_but_the_public_one_asks_for_a_token() {
    let pool = Pool::new().await;
    let handle = &pool.alice.user.handle;
    for (method, path) in [
        ("GET", "/api/message_groups"),
        ("GET", "/api/messages/0195b5a0-0000-7000-8000-000000000001"),
        ("GET", "/api/messages/not-a-uuid?limit=0"),
        ("POST", "/api/messages"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::from("{")).unwrap();
        assert_eq!(format!("{:?}", pool.world.request(request).await), REFUSED, "{method} {path}");
    }
    let path = format!("/api/users/@{handle}/short");
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    assert_eq!(pool.world.request(request).await.ok()["handle"], json!(handle));
}

#[tokio::test]
async fn a_good_token_without_a_user_is_not_provisioned() {
    let pool = Pool::new().await;
    let claims = pool.claims_but("sub", Some(json!("00000000-0000-4000-8000-00000000dead")));
    let token = pool.issued(&pool.world.issuer.header(), &claims);
    let answer = pool.answer(&[format!("Bearer {token}").as_bytes()]).await;
    assert_eq!(format!("{answer:?}"), "403\ncontent-type: application/json\n[\"user_not_provisioned\"]");
}
