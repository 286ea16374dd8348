//! Checks of routes without a token, and of CORS.

use anyhow::Result;
use cruddur::{clock::Clock, random::Random};
use http::{StatusCode, header};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    api::{Api, Reply},
    report::{CheckResult, Problem, Report, Success},
};
use crate::chat::api::bearer;

/// The methods of the API.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The request headers of a browser's preflight.
const REQUEST_HEADERS: [&str; 3] = ["authorization", "content-type", "idempotency-key"];

/// The response headers that the web client reads.
const EXPOSED_HEADERS: [&str; 2] = ["Link", "Retry-After"];

/// An origin that exists nowhere.
const OTHER_ORIGIN: &str = "https://deploy-check.invalid";

/// A conversation that does not exist: group UUIDs have version 5.
const NO_GROUP: &str = "/api/messages/00000000-0000-4000-8000-000000000000";

/// Checks every route without a token.
pub(super) async fn check(report: &mut Report, api: &Api) -> Result<()> {
    report.check("GET /api/message_groups", guarded(api, Method::GET, "/api/message_groups")).await?;
    report.check("GET /api/messages/{group}", guarded(api, Method::GET, NO_GROUP)).await?;
    report.check("POST /api/messages", guarded(api, Method::POST, "/api/messages")).await?;
    report.check("GET /api/events", guarded(api, Method::GET, "/api/events")).await?;
    report.check("GET /api/users/@{handle}/short", unknown_handle(api)).await?;
    report.check("another route", no_route(api)).await?;
    report.check("an unsigned token", unsigned(api)).await?;
    Ok(())
}

async fn guarded(api: &Api, method: Method, path: &str) -> CheckResult {
    let mut request = api.request(method.clone(), path);
    if method == Method::POST {
        request = request.json(&json!({"message": "without a token", "handle": "unknown"}));
    }
    unauthorized(&api.send(request, None).await?, "without a token")
}

/// An unsigned token without a key id, since unknown keys raise an alarm.
async fn unsigned(api: &Api) -> CheckResult {
    let token = bearer("eyJhbGciOiJub25lIn0.e30.bm9ib2R5");
    let token = token.ok_or_else(|| Problem::new("the token can't be sent", "report this"))?;
    unauthorized(&api.get("/api/message_groups", &token).await?, "with it")
}

/// Checks a 401 with its scheme, by the function or by an authorizer in front of it.
fn unauthorized(answer: &Reply, when: &str) -> CheckResult {
    if answer.status != StatusCode::UNAUTHORIZED {
        let mut problem = answer.unexpected(&format!("401 {when}"));
        if answer.status.is_success() {
            "the API is open to everyone; disable it, and check for a proxy in front of it"
                .clone_into(&mut problem.advice);
        }
        return Err(problem);
    }
    // The gateway's responses have a message, the functions' 401 is empty.
    let is_of_gateway = answer.json::<Value>().is_some_and(|body| body.get("message").is_some());
    match answer.header(header::WWW_AUTHENTICATE.as_str()) {
        // With an authorizer, only valid tokens reach the function.
        Some(scheme) if scheme.starts_with("Bearer") && is_of_gateway => {
            Ok(Success::new(format!("401 {when}, by the gateway without the function")))
        }
        Some(scheme) if scheme.starts_with("Bearer") => Ok(Success::new(format!("401 {when}"))),
        _ => Err(Problem::new(
            format!("401 {when} without the header WWW-Authenticate"),
            "check for a proxy that removes headers",
        )),
    }
}

/// Checks a handle that does not exist, which takes a query to PostgreSQL.
async fn unknown_handle(api: &Api) -> CheckResult {
    let uuid = Random::system().uuid_v7(Clock::system().now()).simple().to_string();
    // The last digits are random. The whole is within the limit of a handle.
    let handle = format!("unknown-{}", uuid.get(12..).unwrap_or_default());
    let answer = api.send(api.request(Method::GET, &format!("/api/users/@{handle}/short")), None).await?;
    if answer.status == StatusCode::NOT_FOUND && answer.json() == Some(json!(["user_not_found"])) {
        return Ok(Success::new("404 user_not_found for an unknown handle: PostgreSQL is reachable"));
    }
    Err(answer.unexpected("404 [\"user_not_found\"]"))
}

async fn no_route(api: &Api) -> CheckResult {
    let answer = api.send(api.request(Method::GET, "/api/deploy-check"), None).await?;
    // The gateway returns an object, the functions return arrays.
    if answer.status == StatusCode::NOT_FOUND && answer.json::<Value>().is_some_and(|body| body.is_object()) {
        return Ok(Success::new("404 by the gateway"));
    }
    let seen = format!("unexpected response {}, expected 404 {{\"message\": …}}", answer.shown());
    Err(Problem::new(seen, "check that --url is the API's and not the web client's"))
}

/// Checks that a web client at `origin` may call the API.
pub(super) async fn allowed(api: &Api, origin: &str) -> CheckResult {
    let preflight = preflight(api, origin).await?;
    if preflight.header("access-control-allow-origin") != Some(origin) {
        return Err(Problem::new(
            format!("pages may not call the API ({})", preflight.shown()),
            "add exactly this origin, without a trailing slash, to the template's AllowedOrigins",
        ));
    }
    let lacking = |answer: &Reply, name: &str, wanted: &[&str]| {
        let listed = answer.header(name).unwrap_or_default().to_ascii_lowercase();
        let listed = listed.split(',').map(str::trim).collect::<Vec<_>>();
        let lacks = |word: &&str| !listed.contains(&"*") && !listed.contains(&&*word.to_ascii_lowercase());
        wanted.iter().copied().filter(lacks).map(str::to_owned).collect::<Vec<_>>()
    };
    let request = api.request(Method::GET, "/api/message_groups").header(header::ORIGIN, origin);
    let answer = api.send(request, None).await?;
    let lacks = [
        ("methods", lacking(&preflight, "access-control-allow-methods", &METHODS)),
        ("request headers", lacking(&preflight, "access-control-allow-headers", &REQUEST_HEADERS)),
        ("response headers", lacking(&answer, "access-control-expose-headers", &EXPOSED_HEADERS)),
    ];
    let lacks = lacks.into_iter().filter(|(_, lacking)| !lacking.is_empty());
    let lacks = lacks.map(|(what, lacking)| format!("{what} {}", lacking.join(", "))).collect::<Vec<_>>();
    if answer.header("access-control-allow-origin") != Some(origin) {
        return Err(Problem::new(
            format!("pages may send requests, but not read responses ({})", answer.shown()),
            "check for a proxy that removes the header Access-Control-Allow-Origin",
        ));
    }
    if !lacks.is_empty() {
        return Err(Problem::new(
            format!("pages may not use {}", lacks.join("; ")),
            "deploy the template's CorsConfiguration as it is",
        ));
    }
    Ok(Success::new("pages may call the API"))
}

/// The web client's page. Returns `None` if it cannot be reached.
pub(super) async fn page(origin: &str) -> Result<Option<Reply>> {
    let api = Api::new(origin.to_owned())?;
    Ok(api.send(api.request(Method::GET, "/"), None).await.ok())
}

/// Checks that a page's headers forbid frames and content sniffing and, over HTTPS, require HTTPS.
pub(super) fn protected(origin: &str, page: &Reply) -> CheckResult {
    let has = |name: &str, wanted: &str| {
        page.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(wanted))
    };
    let framing = has("x-frame-options", "deny")
        || has("x-frame-options", "sameorigin")
        || has("content-security-policy", "frame-ancestors");
    let lacks = [
        ("X-Frame-Options or frame-ancestors", framing),
        ("X-Content-Type-Options", has("x-content-type-options", "nosniff")),
        (
            "Strict-Transport-Security",
            !origin.starts_with("https:") || has("strict-transport-security", "max-age"),
        ),
    ];
    let lacks = lacks.into_iter().filter(|(_, given)| !given).map(|(name, _)| name).collect::<Vec<_>>();
    if !lacks.is_empty() {
        return Err(Problem::new(
            format!("the page is sent without {}", lacks.join(", ")),
            "add a response headers policy to its hosting, such as CloudFront's SecurityHeadersPolicy",
        ));
    }
    Ok(Success::new("the page has security headers"))
}

/// Checks that another web client may not call the API.
pub(super) async fn not_allowed(api: &Api) -> CheckResult {
    let preflight = preflight(api, OTHER_ORIGIN).await?;
    match preflight.header("access-control-allow-origin") {
        None => Ok(Success::new("pages may not call the API")),
        Some(origin) => Err(Problem::new(
            format!("pages of {OTHER_ORIGIN} may call the API, which allows {origin}"),
            "set the template's AllowedOrigins to exact origins, without *",
        )),
    }
}

async fn preflight(api: &Api, origin: &str) -> Result<Reply, Problem> {
    let request = api
        .request(Method::OPTIONS, "/api/messages")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, REQUEST_HEADERS.join(","));
    api.send(request, None).await
}
