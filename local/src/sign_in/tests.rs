//! Tests of the endpoints as a client and a browser call them.

use std::sync::Mutex;

use axum::body::Body;
use chrono::{DateTime, TimeDelta};
use cruddur::{clock::Clock, postgres::DatabaseServer, random::Random};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::issuer::{CLIENT_ID, SigningKey};

const BACK: &str = "http://localhost:5173/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`], from RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn allowed_hosts() -> AllowedHosts {
    AllowedHosts::new(&["192.168.1.5".parse().unwrap()])
}

struct Browser {
    router: Router,
    issuer: Arc<Issuer>,
    now: Arc<Mutex<DateTime<chrono::Utc>>>,
}

struct Page {
    status: u16,
    location: String,
    body: String,
}

impl Browser {
    async fn new() -> Self {
        let now = Arc::new(Mutex::new("2026-11-22T09:30:00Z".parse().unwrap()));
        let shared = Arc::clone(&now);
        let clock = Clock::from_fn(move || *shared.lock().unwrap());
        let key = SigningKey::generate().unwrap();
        let issuer =
            Arc::new(Issuer::new("http://127.0.0.1:4567/local/issuer", key, clock, Random::system()));
        let postgres = testing::postgres::shared();
        seed::demo::ensure_local_users(&postgres).await.unwrap();
        let router = router(postgres, Arc::clone(&issuer), Sessions::open(None).unwrap(), allowed_hosts());
        Self { router, issuer, now }
    }

    /// The same stack with PostgreSQL unreachable.
    fn without_postgres(&self) -> Self {
        // Nothing listens on the port of the discard protocol.
        let server: DatabaseServer = "postgresql://me@127.0.0.1:9/cruddur".parse().unwrap();
        let postgres = Arc::new(Postgres::new(server));
        let router =
            router(postgres, Arc::clone(&self.issuer), Sessions::open(None).unwrap(), allowed_hosts());
        Self { router, issuer: Arc::clone(&self.issuer), now: Arc::clone(&self.now) }
    }

    fn later(&self, by: TimeDelta) {
        *self.now.lock().unwrap() += by;
    }

    async fn send(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::builder()
            .method(method)
            .uri(format!("{ISSUER_PATH}{path}"))
            .header("host", "localhost:5173")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let location = response.headers().get("location").map(|url| url.to_str().unwrap().to_owned());
        Page {
            status: response.status().as_u16(),
            location: location.unwrap_or_default(),
            body: String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec())
                .unwrap(),
        }
    }

    /// Sends a valid authorization request with `changes`.
    async fn authorize(&self, method: Method, handle: &str, changes: &[(&str, &str)]) -> Page {
        let mut form = vec![
            ("handle", handle),
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", BACK),
            ("scope", "openid profile"),
            ("state", "st&te"),
            ("nonce", "n-0S6"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            form.retain(|(field, _)| field != name);
            form.push((name, value));
        }
        if method == Method::GET {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            return self.send(method, &format!("/authorize?{query}"), &[]).await;
        }
        self.send(method, "/authorize", &form).await
    }

    /// Returns a code for `sunyoung`.
    async fn code(&self) -> String {
        self.code_of("sunyoung").await
    }

    async fn code_of(&self, handle: &str) -> String {
        let picked = self.authorize(Method::POST, handle, &[]).await;
        let (url, query) = picked.location.split_once('?').unwrap();
        assert_eq!((picked.status, url), (303, BACK));
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let [(code_name, code), (state_name, state)] = &parameters[..] else { panic!("{query}") };
        assert_eq!((&**code_name, &**state_name, &**state), ("code", "state", "st&te"));
        code.to_string()
    }

    async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in changes {
            form.retain(|(field, _)| field != name);
            form.push((name, value));
        }
        self.token(&form).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.send(Method::POST, "/token", form).await;
        let mut body: Value = serde_json::from_str(&answer.body).unwrap();
        if let Some(description) = body.as_object_mut().and_then(|body| body.remove("error_description")) {
            assert_ne!(description.as_str().unwrap(), "");
        }
        (answer.status, body)
    }

    /// Signs in and returns the tokens.
    async fn sign_in(&self) -> Value {
        let (status, tokens) = self.exchange(&self.code().await, &[]).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn revoke(&self, form: &[(&str, &str)]) -> (u16, String) {
        let answer = self.send(Method::POST, "/revoke", form).await;
        (answer.status, answer.body)
    }

    async fn refresh(&self, token: &Value) -> (u16, Value) {
        let token = token.as_str().unwrap();
        self.token(&[("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", token)])
            .await
    }
}

fn claims(token: &Value) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token.as_str().unwrap()).unwrap().claims
}

fn bad_request(error: &str) -> (u16, Value) {
    (400, json!({"error": error}))
}

#[tokio::test]
async fn discovery_has_the_host_of_the_request() {
    let found = Browser::new().await.send(Method::GET, "/.well-known/openid-configuration", &[]).await;
    let found: Value = serde_json::from_str(&found.body).unwrap();
    assert_eq!(found["issuer"], "http://127.0.0.1:4567/local/issuer");
    assert_eq!(found["authorization_endpoint"], "http://localhost:5173/local/issuer/authorize");
    assert_eq!(found["token_endpoint"], "http://localhost:5173/local/issuer/token");
    assert_eq!(found["revocation_endpoint"], "http://localhost:5173/local/issuer/revoke");
    assert_eq!(found["jwks_uri"], "http://localhost:5173/local/issuer/.well-known/jwks.json");
}

#[tokio::test]
async fn the_page_shows_the_users_and_keeps_the_request() {
    let page = Browser::new().await.authorize(Method::GET, "", &[]).await;
    assert_eq!(page.status, 200);
    for part in [
        r#"<button name="handle" value="sunyoung">"#,
        "Scarlett Ho",
        "signed up as “Sam Lee”",
        r#"<input type="hidden" name="state" value="st&amp;te">"#,
        r#"<input type="hidden" name="code_challenge" value="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM">"#,
    ] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
}

#[tokio::test]
async fn an_unknown_handle_is_shown_as_text() {
    for handle in ["<script>", "nobody-at-all"] {
        let page = Browser::new().await.authorize(Method::POST, handle, &[]).await;
        assert_eq!((page.status, &*page.location), (200, ""));
        assert!(page.body.contains(&handle.replace('<', "&lt;").replace('>', "&gt;")), "{}", page.body);
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_code_is_exchanged_for_tokens_of_the_picked_user() {
    let browser = Browser::new().await;
    let (status, tokens) = browser.exchange(&browser.code().await, &[]).await;
    assert_eq!((status, &tokens["token_type"], &tokens["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    let id = claims(&tokens["id_token"]);
    let expected = [
        ("sub", json!("5a1e0000-0000-4000-8000-000000000001")),
        ("aud", json!(CLIENT_ID)),
        ("iss", json!(browser.issuer.url())),
        ("token_use", json!("id")),
        ("preferred_username", json!("sunyoung")),
        ("name", json!("Sunyoung Lee")),
        ("nonce", json!("n-0S6")),
        ("exp", json!(1_795_343_400)),
    ];
    for (name, value) in expected {
        assert_eq!(id[name], value, "{name}");
    }
    let access = claims(&tokens["access_token"]);
    assert_eq!((&access["token_use"], &access["sub"]), (&json!("access"), &id["sub"]));
}

#[tokio::test]
async fn a_code_is_valid_once_and_for_five_minutes() {
    let browser = Browser::new().await;
    let code = browser.code().await;
    assert_eq!(browser.exchange(&code, &[]).await.0, 200);
    assert_eq!(browser.exchange(&code, &[]).await, bad_request("invalid_grant"));
    let code = browser.code().await;
    browser.later(TimeDelta::minutes(5));
    assert_eq!(browser.exchange(&code, &[]).await, bad_request("invalid_grant"));
}

#[tokio::test]
async fn a_failed_exchange_uses_up_the_code() {
    let browser = Browser::new().await;
    for changes in [("code_verifier", CHALLENGE), ("redirect_uri", "http://localhost:5173/elsewhere")] {
        let code = browser.code().await;
        assert_eq!(browser.exchange(&code, &[changes]).await, bad_request("invalid_grant"), "{changes:?}");
        assert_eq!(browser.exchange(&code, &[]).await, bad_request("invalid_grant"), "{changes:?}");
    }
}

#[tokio::test]
async fn refreshed_tokens_have_the_time_and_the_id_of_the_sign_in() {
    let browser = Browser::new().await;
    let first = browser.sign_in().await;
    let mut newest = first.clone();
    for _ in 0..3 {
        browser.later(TimeDelta::hours(1));
        let (status, renewed) = browser.refresh(&newest["refresh_token"]).await;
        assert_eq!((status, &renewed["expires_in"]), (200, &json!(3600)));
        newest = renewed;
    }
    for token in ["access_token", "id_token", "refresh_token"] {
        let (first, newest) = (claims(&first[token]), claims(&newest[token]));
        for name in ["sub", "auth_time", "origin_jti"] {
            assert!(first[name] != Value::Null && first[name] == newest[name], "{token} {name}: {newest}");
        }
        let later = newest["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap();
        assert_eq!(later, 3 * 3_600, "{token}");
    }
    let id = claims(&newest["id_token"]);
    assert_eq!((&id["preferred_username"], id.get("nonce")), (&json!("sunyoung"), None));
}

#[tokio::test]
async fn only_refresh_tokens_are_exchanged_for_thirty_days_after_the_sign_in() {
    let browser = Browser::new().await;
    let tokens = browser.sign_in().await;
    for token in [&tokens["access_token"], &tokens["id_token"], &json!("x.y.z"), &json!("")] {
        assert_eq!(browser.refresh(token).await, bad_request("invalid_grant"));
    }
    browser.later(TimeDelta::days(29));
    let (status, renewed) = browser.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200);
    browser.later(TimeDelta::days(1));
    assert_eq!(browser.refresh(&renewed["refresh_token"]).await, bad_request("invalid_grant"));
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session() {
    let browser = Browser::new().await;
    let first = browser.sign_in().await["refresh_token"].clone();
    let other = browser.sign_in().await["refresh_token"].clone();
    let (_, renewed) = browser.refresh(&first).await;
    // The first response was lost.
    browser.later(TimeDelta::seconds(10));
    let (status, repeated) = browser.refresh(&first).await;
    assert_eq!((status, repeated["refresh_token"] == first), (200, false));
    let (status, newest) = browser.refresh(&renewed["refresh_token"]).await;
    assert_eq!(status, 200);
    browser.later(TimeDelta::seconds(11));
    for token in [&renewed["refresh_token"], &newest["refresh_token"]] {
        assert_eq!(browser.refresh(token).await, bad_request("invalid_grant"));
    }
    assert_eq!(browser.refresh(&other).await.0, 200);
}

#[tokio::test]
async fn a_revoked_session_cannot_be_refreshed() {
    let browser = Browser::new().await;
    let first = browser.sign_in().await;
    let (_, newest) = browser.refresh(&first["refresh_token"]).await;
    let ok = (200, String::new());
    let token = |token: &Value| token.as_str().unwrap().to_owned();
    // Any token of the session ends it, and repeating is no error.
    for _ in 0..2 {
        let spent = token(&first["refresh_token"]);
        let form = [("client_id", CLIENT_ID), ("token", &*spent), ("token_type_hint", "refresh_token")];
        assert_eq!(browser.revoke(&form).await, ok);
        assert_eq!(browser.refresh(&newest["refresh_token"]).await, bad_request("invalid_grant"));
    }
    assert_eq!(browser.revoke(&[("client_id", CLIENT_ID), ("token", "x.y.z")]).await, ok);
    let access = token(&newest["access_token"]);
    for (form, error) in [
        (vec![("client_id", CLIENT_ID), ("token", &*access)], "unsupported_token_type"),
        (vec![("client_id", "another"), ("token", &*access)], "invalid_client"),
        (vec![("client_id", CLIENT_ID)], "invalid_request"),
    ] {
        let (status, body) = browser.revoke(&form).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["error"]), (400, &json!(error)));
    }
}

#[tokio::test]
async fn an_id_token_has_the_attributes_of_the_sign_up() {
    let browser = Browser::new().await;
    for (handle, username, name) in [
        ("user-5a1e0007", json!("andrew"), "Andrew Stone"),
        ("user-5a1e0008", json!("Sam Lee"), "Sam Lee"),
        ("user-5a1e0009", Value::Null, "Robin Park"),
        ("jo.rivera", json!("jo.keller"), "Jo Keller"),
    ] {
        let (_, tokens) = browser.exchange(&browser.code_of(handle).await, &[]).await;
        let (_, renewed) = browser.refresh(&tokens["refresh_token"]).await;
        for tokens in [tokens, renewed] {
            let id = claims(&tokens["id_token"]);
            assert_eq!((&id["preferred_username"], &id["name"]), (&username, &json!(name)), "{handle}");
            assert_eq!(claims(&tokens["access_token"])["sub"], id["sub"]);
        }
    }
}

#[tokio::test]
async fn while_postgres_is_unavailable_sessions_are_kept_and_the_page_reloads() {
    let browser = Browser::new().await;
    let unavailable = browser.without_postgres();
    let token = browser.sign_in().await["refresh_token"].clone();
    assert_eq!(unavailable.refresh(&token).await, (503, json!({"error": "temporarily_unavailable"})));
    assert_eq!(browser.refresh(&token).await.0, 200);
    for method in [Method::GET, Method::POST] {
        let page = unavailable.authorize(method.clone(), "@Scarlett", &[]).await;
        assert_eq!(page.status, 503);
        let mut parts =
            vec![r#"<meta http-equiv="refresh" content="2">"#, "PostgreSQL can't be reached: ", "<style>"];
        if method == Method::POST {
            parts.extend([r#"<button name="handle" value="scarlett">"#, r#"name="state" value="st&amp;te""#]);
        }
        for part in parts {
            assert!(page.body.contains(part), "{part}\n{}", page.body);
        }
    }
}

#[tokio::test]
async fn repeated_and_missing_parameters_are_an_invalid_request() {
    let browser = Browser::new().await;
    let twice = [("client_id", CLIENT_ID), ("client_id", CLIENT_ID), ("grant_type", "refresh_token")];
    let without = |name| {
        let form = [("client_id", CLIENT_ID), ("grant_type", "refresh_token"), ("refresh_token", "x")];
        form.into_iter().filter(move |(field, _)| *field != name).collect::<Vec<_>>()
    };
    for form in [twice.to_vec(), without("grant_type"), without("refresh_token")] {
        assert_eq!(browser.token(&form).await, bad_request("invalid_request"), "{form:?}");
    }
    assert_eq!(browser.token(&without("client_id")).await, bad_request("invalid_client"));
}

#[tokio::test]
async fn redirects_to_other_machines_are_rejected() {
    let browser = Browser::new().await;
    for elsewhere in [
        "https://example.com/callback",
        "http://localhost.example.com/",
        "http://localhost@example.com/",
        "http://example.com@localhost/",
        "//example.com/",
        "javascript:alert(1)",
        "",
    ] {
        for method in [Method::GET, Method::POST] {
            let page = browser.authorize(method, "sunyoung", &[("redirect_uri", elsewhere)]).await;
            assert_eq!((page.status, &*page.location), (400, ""), "{elsewhere}");
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", CLIENT_ID), ("logout_uri", elsewhere)])
            .finish();
        let page = browser.send(Method::GET, &format!("/logout?{query}"), &[]).await;
        assert_eq!((page.status, &*page.location), (400, ""), "{elsewhere}");
    }
}

#[tokio::test]
async fn errors_of_the_client_are_reported_to_the_client() {
    let browser = Browser::new().await;
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "profile"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("prompt", "none"), "login_required"),
    ] {
        let page = browser.authorize(Method::GET, "", &[change]).await;
        let expected = format!("{BACK}?error={error}&");
        assert!(
            page.status == 303 && page.location.starts_with(&expected),
            "{} {}",
            page.status,
            page.location
        );
        assert!(page.location.ends_with("&state=st%26te"), "{}", page.location);
    }
    let other = browser.authorize(Method::GET, "", &[("client_id", "another")]).await;
    assert_eq!((other.status, &*other.location), (400, ""));
    let exchange = |change| async move {
        let browser = Browser::new().await;
        browser.exchange("code", &[change]).await
    };
    assert_eq!(exchange(("client_id", "another")).await, bad_request("invalid_client"));
    assert_eq!(exchange(("grant_type", "password")).await, bad_request("unsupported_grant_type"));
}

#[tokio::test]
async fn logout_redirects_to_the_given_uri() {
    let browser = Browser::new().await;
    let path = format!("/logout?client_id={CLIENT_ID}&logout_uri=http%3A%2F%2F127.0.0.1%3A4567%2F");
    let page = browser.send(Method::GET, &path, &[]).await;
    assert_eq!((page.status, &*page.location), (303, "http://127.0.0.1:4567/"));
}
