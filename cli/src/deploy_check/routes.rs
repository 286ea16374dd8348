//! What the API answers whoever shows no token: each route is there, guarded, and reaches what it needs.

use anyhow::Result;
use cruddur::{clock::Clock, random::Random};
use http::{StatusCode, header};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    api::{Answer, Api, Token},
    check::{Good, Look, Problem},
    report::Report,
};

/// What a browser asks to be allowed to send.
const REQUEST_HEADERS: [&str; 3] = ["authorization", "content-type", "idempotency-key"];

/// What the page has to see of an answer.
const EXPOSED_HEADERS: [&str; 2] = ["Link", "Retry-After"];

/// The origin of nobody: `.invalid` is no domain, and never will be one.
const OTHER_ORIGIN: &str = "https://deploy-check.invalid";

/// A conversation that nobody has: group uuids are of version 5.
const NO_GROUP: &str = "/api/messages/00000000-0000-4000-8000-000000000000";

/// Whether anything answers at all.
pub(super) async fn check_reachable(report: &mut Report, api: &Api) -> Result<bool> {
    let look = async {
        api.send(api.request(Method::GET, "/"), None).await?;
        Ok(Good::new(format!("{} answers", api.url())))
    };
    Ok(report.check("API", look).await?.is_some())
}

/// Every route, without a token.
pub(super) async fn check(report: &mut Report, api: &Api) -> Result<()> {
    report.check("GET /api/message_groups", guarded(api, Method::GET, "/api/message_groups")).await?;
    report.check("GET /api/messages/{group}", guarded(api, Method::GET, NO_GROUP)).await?;
    report.check("POST /api/messages", guarded(api, Method::POST, "/api/messages")).await?;
    report.check("GET /api/users/@{handle}/short", nobody(api)).await?;
    report.check("another route", no_route(api)).await?;
    report.check("an unsigned token", unsigned(api)).await?;
    Ok(())
}

/// The front end at `origin` may call the API from a browser.
pub(super) async fn check_origin(report: &mut Report, api: &Api, origin: &str) -> Result<()> {
    report.check(&format!("CORS of {origin}"), allowed(api, origin)).await?;
    Ok(())
}

/// No other front end may.
pub(super) async fn check_other_origin(report: &mut Report, api: &Api) -> Result<()> {
    report.check("CORS of another origin", not_allowed(api)).await?;
    Ok(())
}

async fn guarded(api: &Api, method: Method, path: &str) -> Look {
    let mut request = api.request(method.clone(), path);
    if method == Method::POST {
        request = request.json(&json!({"message": "nobody says this", "handle": "nobody"}));
    }
    refused(&api.send(request, None).await?, "without a token")
}

/// One that nobody has signed. It names no key: unknown keys would raise an alarm.
async fn unsigned(api: &Api) -> Look {
    let token = Token::new("eyJhbGciOiJub25lIn0.e30.bm9ib2R5");
    let token = token.ok_or_else(|| Problem::new("the token can't be sent", "report this"))?;
    refused(&api.get("/api/message_groups", &token).await?, "with it")
}

/// 401, which names the scheme: the function's own, or that of an authorizer in front of it.
fn refused(answer: &Answer, when: &str) -> Look {
    if answer.status != StatusCode::UNAUTHORIZED {
        let mut problem = answer.unexpected(&format!("401 {when}"));
        if answer.status.is_success() {
            "whoever asks is answered: take the API off the network, and look who stands between"
                .clone_into(&mut problem.advice);
        }
        return Err(problem);
    }
    match answer.header(header::WWW_AUTHENTICATE.as_str()) {
        // With an authorizer in front, only a good token gets as far as the function.
        Some(scheme) if scheme.starts_with("Bearer") && is_of_gateway(answer) => {
            Ok(Good::new(format!("401 {when}, of the gateway's own: the function was not asked")))
        }
        Some(scheme) if scheme.starts_with("Bearer") => Ok(Good::new(format!("401 {when}"))),
        _ => Err(Problem::new(
            format!("it answers 401 {when}, but no header WWW-Authenticate"),
            "is something in between that takes headers away?",
        )),
    }
}

/// The gateway's own answers have a message, the functions' 401 is empty.
fn is_of_gateway(answer: &Answer) -> bool {
    answer.json::<Value>().is_some_and(|body| body.get("message").is_some())
}

/// A handle that nobody has takes a look into PostgreSQL to find that out.
async fn nobody(api: &Api) -> Look {
    let uuid = Random::system().uuid_v7(Clock::system().now()).simple().to_string();
    // The last digits are the random ones; together it is shorter than a handle may be.
    let handle = format!("nobody-{}", uuid.get(12..).unwrap_or_default());
    let answer = api.send(api.request(Method::GET, &format!("/api/users/@{handle}/short")), None).await?;
    if answer.status == StatusCode::NOT_FOUND && answer.json() == Some(json!(["user_not_found"])) {
        return Ok(Good::new("404 user_not_found for a handle of nobody's: PostgreSQL is there"));
    }
    Err(answer.unexpected("404 [\"user_not_found\"]"))
}

async fn no_route(api: &Api) -> Look {
    let answer = api.send(api.request(Method::GET, "/api/deploy-check"), None).await?;
    // The gateway's answer is an object, the functions' are arrays.
    if answer.status == StatusCode::NOT_FOUND && answer.json::<Value>().is_some_and(|body| body.is_object()) {
        return Ok(Good::new("404 of the gateway's"));
    }
    let seen = format!("it answers {}, and not 404 {{\"message\": …}}", answer.shown());
    Err(Problem::new(seen, "is it the API's --url, and not that of the web client?"))
}

async fn allowed(api: &Api, origin: &str) -> Look {
    let preflight = preflight(api, origin).await?;
    if preflight.header("access-control-allow-origin") != Some(origin) {
        return Err(Problem::new(
            format!("a page of it may not call the API ({})", preflight.shown()),
            "name exactly this origin among the template's AllowedOrigins, without a slash at its end",
        ));
    }
    let lacking = |answer: &Answer, name: &str, wanted: &[&str]| {
        let listed = answer.header(name).unwrap_or_default().to_ascii_lowercase();
        let listed = listed.split(',').map(str::trim).collect::<Vec<_>>();
        let lacks = |word: &&str| !listed.contains(&"*") && !listed.contains(&&*word.to_ascii_lowercase());
        wanted.iter().copied().filter(lacks).map(str::to_owned).collect::<Vec<_>>()
    };
    let request = api.request(Method::GET, "/api/message_groups").header(header::ORIGIN, origin);
    let answer = api.send(request, None).await?;
    let lacks = [
        ("methods", lacking(&preflight, "access-control-allow-methods", &["GET", "POST"])),
        ("request headers", lacking(&preflight, "access-control-allow-headers", &REQUEST_HEADERS)),
        ("answer headers", lacking(&answer, "access-control-expose-headers", &EXPOSED_HEADERS)),
    ];
    let lacks = lacks.into_iter().filter(|(_, lacking)| !lacking.is_empty());
    let lacks = lacks.map(|(what, lacking)| format!("{what} {}", lacking.join(", "))).collect::<Vec<_>>();
    if answer.header("access-control-allow-origin") != Some(origin) {
        return Err(Problem::new(
            format!("a page of it may ask, but not read the answer ({})", answer.shown()),
            "something between the browser and the API takes the header Access-Control-Allow-Origin away",
        ));
    }
    if !lacks.is_empty() {
        return Err(Problem::new(
            format!("a page of it may not use {}", lacks.join("; ")),
            "deploy the template's CorsConfiguration as it is",
        ));
    }
    Ok(Good::new("a page of it may call the API"))
}

async fn not_allowed(api: &Api) -> Look {
    let preflight = preflight(api, OTHER_ORIGIN).await?;
    match preflight.header("access-control-allow-origin") {
        None => Ok(Good::new("a page of it may not call the API")),
        Some(origin) => Err(Problem::new(
            format!("a page of {OTHER_ORIGIN} may call the API: it allows {origin}"),
            "name the front ends' exact origins in the template's AllowedOrigins, and no *",
        )),
    }
}

async fn preflight(api: &Api, origin: &str) -> Result<Answer, Problem> {
    let request = api
        .request(Method::OPTIONS, "/api/messages")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, REQUEST_HEADERS.join(","));
    api.send(request, None).await
}
