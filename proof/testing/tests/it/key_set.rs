//! The pool's key set: which keys are accepted, and how it is fetched.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    response::Response,
};
use base64::{
    Engine as _,
    prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use cruddur::{
    auth::{
        Verifier,
        key_set::{KeySet, KeySetError},
    },
    clock::Clock,
    config::{ConfigError, TokenConfig},
    error::{Chain, Dependency, Error},
    random::Random,
    respond,
};
use futures_util::{StreamExt as _, future::join_all, stream};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use local::issuer::{CLIENT_ID, Issuer, SigningKey};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{self, Instant},
};

use crate::relay::Relay;

fn key_set(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

/// A key as the local issuer publishes it.
fn good(kid: &str) -> Value {
    key(kid, &[0xc7; 256])
}

/// A key with this modulus. No token is verified with it, so any number will do.
fn key(kid: &str, modulus: &[u8]) -> Value {
    json!({
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": kid,
        "n": BASE64_URL_SAFE_NO_PAD.encode(modulus),
        "e": "AQAB",
    })
}

fn with_exponent(exponent: &[u8]) -> Value {
    good_but("e", Some(json!(BASE64_URL_SAFE_NO_PAD.encode(exponent))))
}

fn good_but(name: &str, value: Option<Value>) -> Value {
    let mut key = good("odd");
    let fields = key.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
    key
}

/// Result of looking up `kid`.
async fn outcome(keys: &KeySet, kid: &str) -> &'static str {
    match keys.get(kid).await {
        Ok(_) => "known",
        Err(KeySetError::KeyUnknown) => "unknown",
        Err(KeySetError::Unreachable(_)) => "unreachable",
    }
}

#[tokio::test]
async fn a_key_that_is_not_for_rs256_is_not_used_and_hides_no_other() {
    let mut of_2047_bits = [0xff; 256];
    of_2047_bits[0] = 0x7f;
    for (case, odd) in [
        ("for encryption", good_but("use", Some(json!("enc")))),
        ("for something else", good_but("use", Some(json!("")))),
        ("of 1024 bits", key("odd", &[0xc7; 128])),
        ("of 2047 bits", key("odd", &of_2047_bits)),
        ("of 1024 bits after as many zeros", key("odd", &[[0; 128], [0xc7; 128]].concat())),
        ("of no bits", key("odd", &[])),
        ("of another kind", good_but("kty", Some(json!("EC")))),
        ("on a curve", json!({"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AA", "y": "AA"})),
        ("of no kind", good_but("kty", None)),
        ("for RS512", good_but("alg", Some(json!("RS512")))),
        ("for PS256", good_but("alg", Some(json!("PS256")))),
        ("for HS256", good_but("alg", Some(json!("HS256")))),
        ("for RSA-OAEP", good_but("alg", Some(json!("RSA-OAEP")))),
        ("for something unheard of", good_but("alg", Some(json!("XYZ")))),
        ("without an id", good_but("kid", None)),
        ("with a number for an id", good_but("kid", Some(json!(1)))),
        ("without a modulus", good_but("n", None)),
        ("with an odd modulus", good_but("n", Some(json!("***")))),
        ("with a modulus in padded base64", good_but("n", Some(json!(BASE64_URL_SAFE.encode([0xc7; 256]))))),
        ("with an even modulus", key("odd", &[0xc8; 256])),
        ("of 8193 bits", key("odd", &[&[1][..], &[0xc7; 1024]].concat())),
        ("without an exponent", good_but("e", None)),
        ("with a malformed exponent", good_but("e", Some(json!("***")))),
        ("with an exponent that is a number", good_but("e", Some(json!(65_537)))),
        ("with an exponent of no bits", with_exponent(&[])),
        ("with the exponent 0", with_exponent(&[0])),
        // Any power with this exponent is the text itself: anyone could sign.
        ("with the exponent 1", with_exponent(&[1])),
        ("with the exponent 1 after zeros", with_exponent(&[0, 0, 1])),
        ("with the exponent 2", with_exponent(&[2])),
        ("with the exponent 65536", with_exponent(&[1, 0, 0])),
        ("with an exponent of 34 bits", with_exponent(&[2, 0, 0, 0, 1])),
        ("with an exponent as long as the modulus", with_exponent(&[0xc7; 256])),
        ("with null for an id", good_but("kid", Some(json!(null)))),
        ("with a number for a use", good_but("use", Some(json!(1)))),
        ("with both uses", good_but("use", Some(json!(["sig", "enc"])))),
        ("for signatures in capitals", good_but("use", Some(json!("SIG")))),
        ("of a kind in lower case", good_but("kty", Some(json!("rsa")))),
        ("for RS256 in lower case", good_but("alg", Some(json!("rs256")))),
        ("for wrapping keys", good_but("key_ops", Some(json!(["encrypt", "wrapKey"])))),
        ("for signing", good_but("key_ops", Some(json!(["sign"])))),
        ("for nothing", good_but("key_ops", Some(json!([])))),
        ("with an operation that is no list", good_but("key_ops", Some(json!("verify")))),
        ("with an operation in capitals", good_but("key_ops", Some(json!(["VERIFY"])))),
        ("of a generator whose keys can be factored", roca()),
        ("null", json!(null)),
        ("a string", json!("odd")),
        ("an array", json!([])),
        ("an array of its values", json!(["RSA", "odd", good("odd")["n"], good("odd")["e"], "sig", "RS256"])),
    ] {
        let keys = KeySet::inline(&key_set(&[odd.clone(), good("good"), odd.clone()])).unwrap();
        assert_eq!(outcome(&keys, "odd").await, "unknown", "{case}");
        assert_eq!(outcome(&keys, "good").await, "known", "{case}");
        let error = KeySet::inline(&key_set(&[odd])).err().map(|error| error.to_string());
        let expected = "no key of the set is an RSA key of at least 2048 bits for signatures";
        assert_eq!(error.as_deref(), Some(expected), "{case}");
    }
}

#[tokio::test]
async fn a_key_needs_no_use_and_no_algorithm() {
    for (case, odd) in [
        ("no use", good_but("use", None)),
        ("null for a use", good_but("use", Some(json!(null)))),
        ("no algorithm", good_but("alg", None)),
        ("to verify with", good_but("key_ops", Some(json!(["verify"])))),
        ("to verify with and more", good_but("key_ops", Some(json!(["encrypt", "verify"])))),
        ("null for its operations", good_but("key_ops", Some(json!(null)))),
        ("more than is asked for", good_but("x5t", Some(json!("AA")))),
        ("4096 bits", key("odd", &[0xc7; 512])),
        ("8192 bits", key("odd", &[0xc7; 1024])),
        ("2048 bits after a zero", key("odd", &[&[0][..], &[0xc7; 256]].concat())),
        ("the exponent 3", with_exponent(&[3])),
        ("an exponent of 33 bits", with_exponent(&[1, 0, 0, 0, 1])),
    ] {
        let keys = KeySet::inline(&key_set(&[odd])).unwrap();
        assert_eq!(outcome(&keys, "odd").await, "known", "{case}");
        assert_eq!(outcome(&keys, "ODD").await, "unknown", "{case}");
    }
}

/// A key made by the generator of CVE-2017-15361, from Project Wycheproof (`json_web_key_test.json`, test 7).
fn roca() -> Value {
    let mut roca = good("odd");
    roca["n"] = json!(ROCA_MODULUS);
    roca
}

const ROCA_MODULUS: &str = concat!(
    "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId",
    "7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp",
    "7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iM",
    "USP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE",
);

/// Members that a public key must not have.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[test]
fn a_configured_key_set_with_a_private_key_stops_the_function_and_says_so() {
    for name in PRIVATE_MEMBERS {
        let mut odd = json!({"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AA", "y": "AA"});
        odd[name] = json!("c2VjcmV0");
        for keys in [vec![good_but(name, Some(json!("c2VjcmV0")))], vec![good("good"), odd]] {
            let error = KeySet::inline(&key_set(&keys)).unwrap_err().to_string();
            assert!(error.starts_with("it holds a private key"), "{name}: {error}");
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_private_key_at_the_url_is_left_out() {
    for name in PRIVATE_MEMBERS {
        let server = Server::with(&[good_but(name, Some(json!("c2VjcmV0"))), good("good")]).await;
        let keys = KeySet::from_url(server.url(), |_| None);
        assert_eq!(outcome(&keys, "good").await, "known", "{name}");
        assert_eq!(outcome(&keys, "odd").await, "unknown", "{name}");
    }
}

#[tokio::test]
async fn of_two_keys_with_one_id_neither_is_used() {
    let other = || key("twice", &[0xc5; 256]);
    for keys in [
        [good("twice"), good("good"), other()],
        [other(), good("twice"), good("good")],
        [good("twice"), good("twice"), good("good")],
    ] {
        let keys = KeySet::inline(&key_set(&keys)).unwrap();
        assert_eq!(outcome(&keys, "twice").await, "unknown");
        assert_eq!(outcome(&keys, "good").await, "known");
    }
    assert!(KeySet::inline(&key_set(&[good("twice"), other()])).is_err());
    // A key for another use cannot have signed.
    let mut for_encryption = other();
    for_encryption["use"] = json!("enc");
    let keys = KeySet::inline(&key_set(&[good("twice"), for_encryption])).unwrap();
    assert_eq!(outcome(&keys, "twice").await, "known");
}

#[test]
fn a_configured_key_set_without_a_key_stops_the_function() {
    for (case, key_set) in [
        ("no JSON", "keys".to_owned()),
        ("not an object", "[]".to_owned()),
        ("an array of its keys", json!([[good("good")]]).to_string()),
        ("no keys", "{}".to_owned()),
        ("keys that are no array", json!({"keys": good("good")}).to_string()),
        ("an empty array", key_set(&[])),
        ("keys for encryption", key_set(&[good_but("use", Some(json!("enc")))])),
        ("something behind", key_set(&[good("good")]) + "}"),
    ] {
        let result = Verifier::from_lookup(
            |name| match name {
                "AWS_COGNITO_USER_POOL_ID" => Some("eu-central-1_AbCdEfGhI".to_owned()),
                "AWS_COGNITO_USER_POOL_CLIENT_ID" => Some("client".to_owned()),
                "COGNITO_JWKS" => Some(key_set.clone()),
                _ => None,
            },
            Clock::system(),
        );
        let Err(error @ ConfigError::Malformed { name: "COGNITO_JWKS", .. }) = result else {
            panic!("{case}: {result:?}")
        };
        assert!(error.to_string().starts_with("COGNITO_JWKS is malformed: "), "{case}: {error}");
    }
}

/// A server for a key set.
struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    fetches: AtomicUsize,
    /// Notified when a request has arrived and its reply has been sent, as far as it goes.
    fetched: Notify,
    reply: Mutex<Reply>,
}

#[derive(Clone)]
enum Reply {
    Body(u16, Bytes),
    Redirect(String),
    /// No response.
    Silence,
    /// The start of a response, then silence.
    Beginning,
    /// A response whose connection breaks after these bytes.
    BrokenOff(Bytes),
    /// An endless response.
    Endless,
}

impl Server {
    async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            fetches: AtomicUsize::new(0),
            fetched: Notify::new(),
            reply: Mutex::new(reply),
        });
        let served = Arc::clone(&state);
        let router = Router::new().fallback(move || {
            let state = Arc::clone(&served);
            async move { state.answer().await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, state }
    }

    async fn with(keys: &[Value]) -> Self {
        Self::start(Reply::keys(keys)).await
    }

    fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    fn set(&self, reply: Reply) {
        *self.state.reply.lock().unwrap() = reply;
    }

    fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }
}

impl Reply {
    fn keys(keys: &[Value]) -> Self {
        Self::Body(200, key_set(keys).into())
    }
}

impl State {
    async fn answer(&self) -> Response {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.fetched.notify_one();
        let reply = self.reply.lock().unwrap().clone();
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
        match reply {
            Reply::Body(status, body) => Response::builder().status(status).body(Body::from(body)).unwrap(),
            Reply::Redirect(location) => {
                Response::builder().status(302).header("location", location).body(Body::empty()).unwrap()
            }
            Reply::Silence => std::future::pending().await,
            Reply::Beginning => {
                let beginning = stream::once(async move { chunk() }).chain(stream::pending());
                Response::new(Body::from_stream(beginning))
            }
            Reply::BrokenOff(beginning) => {
                let broken = Err(std::io::Error::other("broken off"));
                Response::new(Body::from_stream(stream::iter([Ok(beginning), broken])))
            }
            Reply::Endless => Response::new(Body::from_stream(stream::repeat_with(chunk))),
        }
    }
}

/// Advances time without waiting. Time does not stay paused: with open sockets, the runtime would advance it
/// whenever it waits for one.
async fn pass(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_hundred_requests_at_once_fetch_the_key_set_once() {
    let server = Server::with(&[good("a"), good("b")]).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    assert_eq!(server.fetches(), 0, "before anybody asked");
    let outcomes =
        join_all((0..100).map(|index| outcome(&keys, if index % 2 == 0 { "a" } else { "b" }))).await;
    assert_eq!(outcomes, ["known"; 100]);
    assert_eq!(server.fetches(), 1);
    pass(Duration::from_hours(24)).await;
    assert_eq!(outcome(&keys, "a").await, "known");
    assert_eq!(server.fetches(), 1, "a day later");
}

#[tokio::test]
async fn after_a_warm_up_no_token_waits_for_the_key_set() {
    let server = Server::with(&[good("a")]).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    keys.warm_up().await.unwrap();
    assert_eq!(server.fetches(), 1);
    assert_eq!(outcome(&keys, "a").await, "known");
    keys.warm_up().await.unwrap();
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_warm_up_that_fails_does_not_keep_the_first_token_from_trying() {
    let server = Server::start(Reply::Body(500, Bytes::new())).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    let failure = keys.warm_up().await.unwrap_err();
    assert_eq!(
        (failure.dependency, failure.chain().to_string()),
        (Dependency::KeySet, "the key set's URL answers 500".to_owned())
    );
    assert_eq!(server.fetches(), 1);
    server.set(Reply::keys(&[good("a")]));
    assert_eq!(outcome(&keys, "a").await, "known");
    assert_eq!(server.fetches(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_ten_seconds() {
    let server = Server::with(&[good("a")]).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    let unknown = (0..1_000).map(|number| format!("unknown-{number}")).collect::<Vec<_>>();
    let outcomes = join_all(unknown.iter().map(|kid| outcome(&keys, kid))).await;
    assert_eq!(outcomes, ["unknown"; 1_000]);
    assert_eq!(server.fetches(), 1);
    // The real time of the fetch also counts, so leave a margin before the tenth second.
    pass(9 * SECOND).await;
    assert_eq!(outcome(&keys, "unknown").await, "unknown");
    assert_eq!(server.fetches(), 1, "after 9 s");
    pass(SECOND).await;
    let outcomes = join_all(unknown.iter().map(|kid| outcome(&keys, kid))).await;
    assert_eq!(outcomes, ["unknown"; 1_000]);
    assert_eq!(server.fetches(), 2, "after 10 s");
    assert_eq!(outcome(&keys, "a").await, "known");
    assert_eq!(server.fetches(), 2);
}

#[tokio::test]
async fn a_rotation_is_picked_up() {
    let server = Server::with(&[good("old")]).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    assert_eq!(outcome(&keys, "old").await, "known");
    server.set(Reply::keys(&[good("old"), good("new")]));
    assert_eq!(outcome(&keys, "new").await, "unknown", "too soon after the first fetch");
    pass(10 * SECOND).await;
    assert_eq!(outcome(&keys, "new").await, "known");
    assert_eq!(outcome(&keys, "old").await, "known");
    server.set(Reply::keys(&[good("newest")]));
    pass(10 * SECOND).await;
    assert_eq!(outcome(&keys, "newest").await, "known");
    assert_eq!(outcome(&keys, "old").await, "unknown", "a key that was taken out of the set");
    assert_eq!(server.fetches(), 3);
}

#[tokio::test]
async fn known_keys_go_on_working_while_the_url_is_down() {
    let server = Server::with(&[good("a")]).await;
    let relay = Relay::to(server.address).await;
    let keys = KeySet::from_url(format!("http://{}/keys", relay.address()), |_| None);
    assert_eq!(outcome(&keys, "a").await, "known");
    relay.go_down();
    pass(10 * SECOND).await;
    assert_eq!(outcome(&keys, "new").await, "unreachable");
    assert_eq!(outcome(&keys, "a").await, "known");
    let tries = relay.accepted();
    assert_eq!(outcome(&keys, "new").await, "unreachable", "without another try");
    assert_eq!(relay.accepted(), tries);
    relay.come_back();
    server.set(Reply::keys(&[good("a"), good("new")]));
    pass(10 * SECOND).await;
    assert_eq!(outcome(&keys, "new").await, "known");
}

#[tokio::test]
async fn a_response_that_is_not_a_key_set_is_ignored_and_the_next_may_be_one() {
    let target = Server::with(&[good("a")]).await;
    let whole = key_set(&[good("a")]);
    let of_length = |length: usize| {
        let padding = "x".repeat(length - json!({"keys": [good("a")], "padding": ""}).to_string().len());
        json!({"keys": [good("a")], "padding": padding}).to_string()
    };
    let mut replies = vec![
        ("a redirect to a key set".to_owned(), Reply::Redirect(target.url())),
        ("a redirect to itself".to_owned(), Reply::Redirect("/keys".to_owned())),
        ("nothing".to_owned(), Reply::Body(200, Bytes::new())),
        ("no JSON".to_owned(), Reply::Body(200, "<html>".into())),
        ("JSON with a byte order mark".to_owned(), Reply::Body(200, format!("\u{feff}{whole}").into())),
        ("compressed".to_owned(), Reply::Body(200, [b"\x1f\x8b\x08", whole.as_bytes()].concat().into())),
        ("a key alone".to_owned(), Reply::Body(200, good("a").to_string().into())),
        ("keys by their ids".to_owned(), Reply::Body(200, json!({"a": good("a")}).to_string().into())),
        ("the end of a key set".to_owned(), Reply::Body(200, whole.clone().split_off(20).into())),
        (
            "the beginning of a key set".to_owned(),
            Reply::Body(200, whole[..whole.len() - 1].to_owned().into()),
        ),
        ("a key set that breaks off".to_owned(), Reply::BrokenOff(whole[..100].to_owned().into())),
        ("a key set without an end".to_owned(), Reply::BrokenOff(whole.clone().into())),
        ("no usable key".to_owned(), Reply::keys(&[good_but("use", Some(json!("enc")))])),
        ("no key".to_owned(), Reply::keys(&[])),
        ("a byte more than 64 KiB".to_owned(), Reply::Body(200, of_length(64 * 1024 + 1).into())),
        ("4 MiB".to_owned(), Reply::Body(200, of_length(4 * 1024 * 1024).into())),
        ("a body that goes on for ever".to_owned(), Reply::Endless),
    ];
    for status in [201, 203, 204, 206, 300, 301, 304, 307, 308, 400, 401, 403, 404, 418, 429, 500, 502, 503] {
        let body = if matches!(status, 204 | 304) { String::new() } else { whole.clone() };
        replies.push((format!("{status} with a key set"), Reply::Body(status, body.into())));
    }
    for (case, reply) in replies {
        let server = Server::start(reply).await;
        let keys = KeySet::from_url(server.url(), |_| None);
        let first = time::timeout(30 * SECOND, outcome(&keys, "a")).await;
        assert_eq!(first, Ok("unreachable"), "{case}");
        assert_eq!(server.fetches(), 1, "{case}");
        server.set(Reply::Body(200, of_length(64 * 1024).into()));
        assert_eq!(outcome(&keys, "a").await, "unreachable", "{case}: too soon for another fetch");
        pass(10 * SECOND).await;
        assert_eq!(outcome(&keys, "a").await, "known", "after {case}");
        assert_eq!(server.fetches(), 2, "{case}");
    }
    assert_eq!(target.fetches(), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_closed_port_is_not_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(outcome(&KeySet::from_url(url, |_| None), "a").await, "unreachable");
    assert_eq!(outcome(&KeySet::from_url("no URL", |_| None), "a").await, "unreachable");
}

#[tokio::test]
async fn a_hundred_requests_at_once_share_a_failed_fetch_as_well() {
    let server = Server::start(Reply::Body(500, Bytes::new())).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    assert_eq!(join_all((0..100).map(|_| outcome(&keys, "a"))).await, ["unreachable"; 100]);
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn known_keys_do_not_wait_for_a_fetch() {
    let server = Server::with(&[good("a")]).await;
    let keys = Arc::new(KeySet::from_url(server.url(), |_| None));
    assert_eq!(outcome(&keys, "a").await, "known");
    server.state.fetched.notified().await;
    server.set(Reply::Silence);
    pass(10 * SECOND).await;
    let asked = Arc::clone(&keys);
    let asking = tokio::spawn(async move { outcome(&asked, "new").await });
    server.state.fetched.notified().await;
    assert_eq!(join_all((0..100).map(|_| outcome(&keys, "a"))).await, ["known"; 100]);
    assert!(!asking.is_finished(), "the fetch was over before");

    // The caller may be gone before the response arrives. The next caller fetches again.
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    server.set(Reply::keys(&[good("a"), good("new")]));
    assert_eq!(outcome(&keys, "new").await, "known");
    assert_eq!(server.fetches(), 3);
}

/// Whether a verifier with these `keys` accepts `token`.
async fn takes(issuer: &Issuer, keys: &[Value], token: &str) -> bool {
    let config = TokenConfig {
        issuer: issuer.url().to_owned(),
        client_ids: vec![CLIENT_ID.to_owned()],
        key_set: Some(key_set(keys)),
    };
    let verifier = Verifier::new(&config, config.key_set(|_| None).unwrap(), Clock::system());
    let value = format!("Bearer {token}").parse().unwrap();
    match verifier.authenticate(&HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])).await {
        Ok(sign_in) => sign_in.subject.as_str() == "5a1e",
        Err(Error::Unauthenticated(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_key_that_counts_as_known_verifies() {
    let issuer = |key| Issuer::new("http://issuer.test", key, Clock::system(), Random::system());
    let (own, foreign) = (issuer(SigningKey::generate().unwrap()), issuer(SigningKey::generate().unwrap()));
    let published = |issuer: &Issuer, kid: &str| {
        let mut key = serde_json::to_value(&issuer.key_set().keys[0]).unwrap();
        key["kid"] = json!(kid);
        key
    };
    let token = own.sign(&json!({"alg": "RS256", "kid": "k"}), &own.claims("5a1e", "sunyoung")).unwrap();
    let key = published(&own, "k");
    let with_zeros = |name: &str| {
        let number = BASE64_URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let mut key = key.clone();
        key[name] = json!(BASE64_URL_SAFE_NO_PAD.encode([&[0, 0][..], &number].concat()));
        key
    };
    let mut unusable = published(&foreign, "k");
    unusable["use"] = json!("enc");
    let other = || published(&foreign, "other");
    for (case, keys, expected) in [
        ("as published", vec![key.clone()], true),
        ("zeros before the modulus", vec![with_zeros("n")], true),
        ("zeros before the exponent", vec![with_zeros("e")], true),
        ("another key beside it", vec![other(), key.clone()], true),
        ("an unusable one of the same id before it", vec![unusable.clone(), key.clone()], true),
        ("an unusable one of the same id behind it", vec![key.clone(), unusable], true),
        // Key ids are unique (RFC 7517, section 4.5). If one is not, none of its keys is accepted.
        ("the same twice", vec![key.clone(), key.clone(), other()], false),
        ("another of the same id before it", vec![published(&foreign, "k"), key.clone(), other()], false),
        ("another of the same id behind it", vec![key.clone(), published(&foreign, "k"), other()], false),
        ("its id at another key", vec![published(&foreign, "k"), published(&own, "other")], false),
    ] {
        assert_eq!(takes(&own, &keys, &token).await, expected, "{case}");
    }
}

#[tokio::test]
async fn garbage_does_not_take_the_place_of_known_keys() {
    let server = Server::with(&[good("a")]).await;
    let keys = KeySet::from_url(server.url(), |_| None);
    assert_eq!(outcome(&keys, "a").await, "known");
    for reply in [Reply::Body(200, "<html>".into()), Reply::keys(&[]), Reply::Body(500, Bytes::new())] {
        server.set(reply);
        pass(10 * SECOND).await;
        assert_eq!(outcome(&keys, "new").await, "unreachable");
        assert_eq!(outcome(&keys, "a").await, "known");
    }
    assert_eq!(server.fetches(), 4);
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up_after_three_seconds() {
    for reply in [Reply::Silence, Reply::Beginning] {
        let server = Server::start(reply).await;
        let keys = Arc::new(KeySet::from_url(server.url(), |_| None));
        let asked = Arc::clone(&keys);
        let asking = tokio::spawn(async move { outcome(&asked, "a").await });
        server.state.fetched.notified().await;
        // From here on, only the time limit can end the fetch. Time may pass as soon as all tasks wait.
        time::pause();
        let start = Instant::now();
        let outcome = time::timeout(60 * SECOND, asking).await.unwrap().unwrap();
        assert_eq!(outcome, "unreachable");
        // An upper bound: time before the pause also counts.
        assert!(start.elapsed() < Duration::from_millis(3_100), "{:?}", start.elapsed());
        time::resume();
    }
}

#[tokio::test]
async fn an_unavailable_key_set_is_a_503_and_not_a_401() {
    let server = Server::start(Reply::Body(500, Bytes::new())).await;
    let key = SigningKey::generate().unwrap();
    let issuer = Issuer::new(format!("http://{}", server.address), key, Clock::system(), Random::system());
    let config = TokenConfig {
        issuer: issuer.url().to_owned(),
        client_ids: vec![CLIENT_ID.to_owned()],
        key_set: None,
    };
    let verifier = Verifier::new(&config, config.key_set(|_| None).unwrap(), Clock::system());
    let headers = |token: String| {
        HeaderMap::from_iter([(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
    };
    let token = headers(issuer.access_token("5a1e", "sunyoung").unwrap());

    let error = verifier.authenticate(&token).await.unwrap_err();
    let Error::Unavailable { what: Dependency::KeySet, .. } = &error else { panic!("{error}") };
    assert_eq!(
        Chain(&error).to_string(),
        "the key set can't be reached: the key set can't be fetched: the key set's URL answers 500"
    );
    let response = respond::answer("GET /api/message_groups", async { Err(error) }).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "[\"unavailable\"]");

    server.set(Reply::Body(200, serde_json::to_vec(&issuer.key_set()).unwrap().into()));
    pass(10 * SECOND).await;
    assert_eq!(verifier.authenticate(&token).await.unwrap().subject.as_str(), "5a1e");
    let header = json!({"alg": "RS256", "kid": "unknown"});
    let unknown = issuer.sign(&header, &issuer.claims("5a1e", "sunyoung")).unwrap();
    let refused = verifier.authenticate(&headers(unknown)).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
    assert_eq!(server.fetches(), 2);
}
