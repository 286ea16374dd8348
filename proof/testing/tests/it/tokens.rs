//! Access tokens: every check of the contract (design, section 6), and every known attack.
//!
//! The attacks come from RFC 8725, from the advisories on JWT libraries, and from the catalogs of `PortSwigger`
//! and `jwt_tool`. They are tables of named cases: a modified valid token and the reason for its rejection. Each is a
//! request, and the handshake of a socket in both spellings: with the header, and with the token as a subprotocol.

mod claims;
mod headers;
mod signatures;
mod transport;
mod wycheproof;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair},
};
use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::{
    auth::{TokenRefusal, Verifier},
    error::Error,
    random::Random,
};
use http::{
    HeaderMap, HeaderValue, Request,
    header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
};
use local::issuer::{Issuer, SigningKey};
use serde_json::{Value, json};
use testing::{Answer, TestUser, World, broken_postgres};

const REFUSED: &str =
    "401\ncontent-type: application/json\nwww-authenticate: Bearer error=\"invalid_token\"\n{}";

/// Minimum number of cases.
const CASES: usize = 760;

/// `kid` of the test's own key, which is in the pool's key set.
const KID: &str = "the-tests-own-key";

/// The key with this `kid`, with which tests sign anything. Generating one takes a moment.
static OWN_KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

/// A key outside the pool.
static FOREIGN_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// A request with a token, and its expected result.
struct Case {
    name: String,
    request: Request<Body>,
    expected: Expected,
}

enum Expected {
    /// Accepted as alice's.
    Accepted,
    Refused(TokenRefusal),
}

impl Case {
    fn accepted(name: impl Into<String>, token: &str) -> Self {
        Self::of(name, with_token(token), Expected::Accepted)
    }

    fn refused(name: impl Into<String>, reason: TokenRefusal, token: &str) -> Self {
        Self::of(name, with_token(token), Expected::Refused(reason))
    }

    fn of(name: impl Into<String>, request: Request<Body>, expected: Expected) -> Self {
        Self { name: name.into(), request, expected }
    }
}

fn with_token(token: &str) -> Request<Body> {
    with_headers(&[format!("Bearer {token}").as_bytes()])
}

/// A request with these `Authorization` headers.
fn with_headers(values: &[&[u8]]) -> Request<Body> {
    let request = Request::builder().uri("/api/message_groups");
    let request = values.iter().fold(request, |request, value| request.header(AUTHORIZATION, *value));
    request.body(Body::empty()).unwrap()
}

/// A user, and the functions. They must not read users or messages before the token is verified.
struct Pool {
    world: World,
    /// The same functions with the same key set, where every look-up in PostgreSQL fails.
    blind: World,
    verifier: Verifier,
    alice: TestUser,
}

impl Pool {
    async fn new() -> Self {
        let (mut world, mut blind) = (World::new().await, World::new().await);
        let public = OWN_KEY.public_key();
        let mut keys = serde_json::to_value(world.issuer.key_set()).unwrap();
        keys["keys"].as_array_mut().unwrap().push(json!({
            "kty": "RSA",
            "kid": KID,
            "use": "sig",
            "n": BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": BASE64_URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }));
        let keys = Some(keys.to_string());
        world.redeploy(|parts| parts.tokens.key_set.clone_from(&keys));
        blind.redeploy(|parts| {
            parts.tokens.key_set = keys;
            parts.postgres = broken_postgres::unreachable();
        });
        let tokens = &world.parts.tokens;
        let verifier = Verifier::new(tokens, tokens.key_set(|_| None).unwrap(), world.clock.clock());
        let alice = world.user("alice").await;
        Self { world, blind, verifier, alice }
    }

    /// A valid header.
    fn header(&self) -> Value {
        self.world.issuer.header()
    }

    /// The header's `kid`.
    fn kid(&self) -> String {
        self.header()["kid"].as_str().unwrap().to_owned()
    }

    /// Valid claims.
    fn claims(&self) -> Value {
        self.world.issuer.claims(&self.alice.subject, &self.alice.user.handle)
    }

    fn now(&self) -> i64 {
        self.world.clock.clock().now().timestamp()
    }

    /// A token signed by the issuer's key.
    fn issued(&self, header: &Value, claims: &Value) -> String {
        self.world.issuer.sign(header, claims).unwrap()
    }

    /// A token signed by the issuer's key, with one parameter of a valid header changed.
    fn header_but(&self, name: &str, value: Option<Value>) -> String {
        self.issued(&but(self.header(), name, value), &self.claims())
    }

    /// A token signed by the issuer's key, with one valid claim changed.
    fn claims_but(&self, name: &str, value: Option<Value>) -> String {
        self.issued(&self.header(), &but(self.claims(), name, value))
    }

    /// A token signed by the issuer's key, with exactly these bytes.
    fn of_bytes(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.world.issuer.sign_bytes(header.as_ref(), claims.as_ref()).unwrap()
    }

    /// Another pool with its own key; its issuer's URL is `url`.
    fn foreign_issuer(&self, url: &str) -> Issuer {
        Issuer::new(url, FOREIGN_KEY.clone(), self.world.clock.clock(), Random::system())
    }

    /// Subject of a request.
    async fn subject(&self, headers: &HeaderMap) -> Result<String, TokenRefusal> {
        match self.verifier.authenticate(headers).await {
            Ok(sign_in) => Ok(sign_in.subject.as_str().to_owned()),
            Err(Error::Unauthenticated(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs a table of cases against the verifier and the functions.
    async fn judge(&self, cases: Vec<Case>) {
        let mut wrong = vec![];
        // First check that the untouched token is accepted.
        let untouched = [
            Case::accepted("untouched", &self.alice.token),
            Case::accepted("untouched, by the test's own key", &self.own(&RSA_PKCS1_SHA256, "RS256")),
        ];
        for case in untouched.into_iter().chain(cases) {
            let subject = self.subject(case.request.headers()).await;
            for handshake in handshakes(case.request.headers()) {
                if let Err(answer) = self.judge_handshake(&handshake, &case).await {
                    wrong.push(format!("{}: {answer} to {handshake}", case.name));
                }
            }
            let (function, expected) = match case.expected {
                Expected::Accepted => (self.answer(case.request).await, Ok(self.alice.subject.clone())),
                Expected::Refused(reason) => (self.refusal(case.request).await, Err(reason)),
            };
            // Refusals do not implement `PartialEq`; compare their names.
            if format!("{subject:?}") != format!("{expected:?}") {
                wrong.push(format!("{}: {subject:?} instead of {expected:?}", case.name));
            }
            if let Err(function) = function {
                wrong.push(format!("{}: {function}", case.name));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Fails unless the response accepts the request.
    async fn answer(&self, request: Request<Body>) -> Result<(), String> {
        let answer = self.world.request(request).await;
        if answer.brief() == (200, "[]") { Ok(()) } else { Err(format!("{answer:?}")) }
    }

    /// Fails unless the response is exactly the expected 401, without any look-up. A look-up in PostgreSQL
    /// would change the response.
    async fn refusal(&self, request: Request<Body>) -> Result<(), String> {
        let answer = self.blind.request(request).await;
        let calls = self.blind.emulator.take_calls();
        if format!("{answer:?}") == REFUSED && has_no_further_header(&answer) && calls.is_empty() {
            Ok(())
        } else {
            Err(format!("{answer:?} {:?} after {calls:?}", answer.headers))
        }
    }

    /// Fails unless the handshake is accepted or refused as the request of this case.
    async fn judge_handshake(&self, handshake: &Value, case: &Case) -> Result<(), String> {
        let (world, expected) = match case.expected {
            // Requests have a leeway after the token's end, sockets have none.
            Expected::Accepted if !self.has_ended(case).await => (&self.world, json!([200, null, null])),
            _ => (&self.blind, json!([401, "Bearer error=\"invalid_token\"", "{}"])),
        };
        let answer = world.functions["open-connection"].invoke(handshake.to_string()).await;
        let answer: Value = serde_json::from_str(&answer.unwrap()).unwrap();
        let shown = json!([answer["statusCode"], answer["headers"]["www-authenticate"], answer["body"]]);
        let calls = self.blind.emulator.take_calls();
        if shown == expected && calls.is_empty() { Ok(()) } else { Err(format!("{answer} after {calls:?}")) }
    }

    /// Whether the token is only valid by the leeway.
    async fn has_ended(&self, case: &Case) -> bool {
        let token = self.verifier.verify(case.request.headers()).await;
        token.is_ok_and(|token| token.expires_at <= self.now())
    }

    /// A token signed by the test's own key. The header names `alg`; the signature uses `encoding`.
    fn own(&self, encoding: &'static dyn RsaEncoding, alg: &str) -> String {
        let signed = unsigned(&json!({"alg": alg, "kid": KID}), &self.claims());
        with_signature(&signed, &own_signature(encoding, signed.as_bytes()))
    }
}

/// Whether the response has no headers except those of a 401 and the gateway's.
fn has_no_further_header(answer: &Answer) -> bool {
    let names = answer.headers.keys().map(http::HeaderName::as_str).collect::<BTreeSet<_>>();
    names
        == BTreeSet::from([
            "apigw-requestid",
            "cache-control",
            "content-length",
            "content-type",
            "www-authenticate",
            "x-content-type-options",
        ])
}

/// The handshakes of a socket with these headers: as they are, and with the token as a subprotocol if it can be one.
fn handshakes(headers: &HeaderMap) -> Vec<Value> {
    let device = "cruddur.v1, device.0195b5a0-0000-7000-8000-0000000000de";
    let event = |headers: HeaderMap| {
        let mut values = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in &headers {
            values.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()));
        }
        json!({
            "multiValueHeaders": values,
            "requestContext": {"connectionId": "abc=", "connectedAt": 1_795_339_800_000_i64},
        })
    };
    let mut as_they_are = headers.clone();
    as_they_are.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(device));
    let mut offered = headers.clone();
    offered.remove(AUTHORIZATION);
    let mut values = headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or_default());
    let token = match (values.next(), values.next()) {
        (Some(value), None) => value.strip_prefix("Bearer ").filter(|token| is_subprotocol(token)),
        _ => None,
    };
    let offered = token.map(|token| {
        offered.append(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::try_from(format!("{device}, bearer.{token}")).unwrap(),
        );
        event(offered)
    });
    [event(as_they_are)].into_iter().chain(offered).collect()
}

/// Whether browsers accept the text as a subprotocol: a token of RFC 9110, section 5.6.2.
fn is_subprotocol(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
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

fn encoded(part: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}

/// The two signed parts of a token.
fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()))
}

fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", encoded(signature))
}

/// A signature by the test's own key.
fn own_signature(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; OWN_KEY.public_modulus_len()];
    OWN_KEY.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

/// The three parts of a token.
fn parts(token: &str) -> [&str; 3] {
    let parts = token.split('.').collect::<Vec<_>>();
    parts.try_into().unwrap()
}

#[tokio::test]
async fn every_case_has_a_unique_name() {
    let pool = Pool::new().await;
    let tables = [
        headers::cases(&pool),
        claims::cases(&pool).await,
        signatures::cases(&pool).await,
        transport::cases(&pool),
    ];
    let names = tables.iter().flatten().map(|case| &*case.name);
    let unique = names.clone().collect::<BTreeSet<_>>();
    let twice = unique.iter().filter(|name| names.clone().filter(|other| other == *name).count() > 1);
    assert_eq!(twice.collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(unique.len() >= CASES, "{} cases", unique.len());
}

#[tokio::test]
async fn a_token_ends_an_hour_and_a_minute_after_it_began() {
    let pool = Pool::new().await;
    let status = async || pool.world.get(&pool.alice, "/api/message_groups").await.status.as_u16();
    let minutes = chrono::TimeDelta::minutes;
    pool.world.clock.advance(minutes(60) + chrono::TimeDelta::seconds(59));
    assert_eq!(status().await, 200, "in its last second");
    pool.world.clock.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(status().await, 401, "a second later");
    pool.world.clock.advance(minutes(-62));
    assert_eq!(status().await, 200, "a minute before it was issued");
    pool.world.clock.advance(chrono::TimeDelta::seconds(-1));
    assert_eq!(status().await, 401, "a second earlier");
}

#[tokio::test]
async fn each_client_of_the_list_is_accepted() {
    let mut pool = Pool::new().await;
    pool.world.redeploy(|parts| parts.tokens.client_ids = vec!["web".to_owned(), "mobile".to_owned()]);
    for (client, status) in [
        ("web", 200),
        ("mobile", 200),
        ("web,mobile", 401),
        ("we", 401),
        ("webmobile", 401),
        ("WEB", 401),
        ("", 401),
        // Previously in the list.
        (local::issuer::CLIENT_ID, 401),
    ] {
        let token = pool.claims_but("client_id", Some(json!(client)));
        let answer = pool.world.request(with_token(&token)).await;
        assert_eq!(answer.status.as_u16(), status, "{client:?}");
    }
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
    for subject in
        ["00000000-0000-4000-8000-00000000dead", "' OR '1'='1", "%", &"s".repeat(4_000), "\u{10ffff}"]
    {
        let token = pool.claims_but("sub", Some(json!(subject)));
        let answer = pool.world.request(with_token(&token)).await;
        assert_eq!(
            format!("{answer:?}"),
            "403\ncontent-type: application/json\n[\"user_not_provisioned\"]",
            "{subject:?}"
        );
    }
}

/// A token of another pool under the `kid` of one of this pool's keys, with this pool's own claims.
#[tokio::test]
async fn a_key_counts_and_not_its_name() {
    let pool = Pool::new().await;
    let foreign = pool.foreign_issuer(pool.world.issuer.url());
    let token = foreign.sign(&pool.header(), &pool.claims()).unwrap();
    assert_eq!(format!("{:?}", pool.world.request(with_token(&token)).await), REFUSED);
    // The same token is valid if the pool has that key.
    let mut keys = serde_json::to_value(foreign.key_set()).unwrap();
    keys["keys"][0]["kid"] = json!(pool.kid());
    let mut tokens = pool.world.parts.tokens.clone();
    tokens.key_set = Some(keys.to_string());
    let verifier = Verifier::new(&tokens, tokens.key_set(|_| None).unwrap(), pool.world.clock.clock());
    let sign_in = verifier.authenticate(with_token(&token).headers()).await.unwrap();
    assert_eq!(sign_in.subject.as_str(), pool.alice.subject);
}
