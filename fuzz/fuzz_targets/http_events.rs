//! Events of API Gateway, for all functions behind it, with `ACCESS_TOKEN` for a good token. Whatever comes, the answer is one of
//! the wire format (design, section 5): no 500, and a 503 only because the users can't be looked up.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fuzz::{FUNCTIONS, GOOD_TOKEN, block_on, check_answer};
use http::uri::PathAndQuery;
use lambda_http::request::LambdaRequest;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// The event with what API Gateway writes into it and no client. `lambda_http` panics where the host, the protocol or the
/// request's target make no URI, or where the body is said to be base64 and is not; none of that comes through a gateway.
fn by_the_gateway(mut event: Value) -> Option<Value> {
    let fields = event.as_object_mut()?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (path, query) = (text("rawPath"), text("rawQueryString"));
    // The path is percent-decoded by then.
    if !path.starts_with('/') || format!("/?{query}").parse::<PathAndQuery>().is_err() {
        return None;
    }
    let context = json!({"http": {"method": "GET", "path": path}, "stage": "$default"});
    if fields.get("isBase64Encoded") == Some(&json!(true)) {
        let body = STANDARD.encode(text("body"));
        fields.insert("body".to_owned(), json!(body));
    }
    fields.insert("version".to_owned(), json!("2.0"));
    fields.insert("requestContext".to_owned(), context);
    let headers = fields.get_mut("headers")?.as_object_mut()?;
    headers.retain(|name, _| !["host", "x-forwarded-proto"].iter().any(|own| name.eq_ignore_ascii_case(own)));
    headers.insert("host".to_owned(), json!("api.example"));
    headers.insert("x-forwarded-proto".to_owned(), json!("https"));
    Some(event)
}

fuzz_target!(|event: &str| {
    let event = event.replace("ACCESS_TOKEN", &GOOD_TOKEN);
    let Some(event) = serde_json::from_str(&event).ok().and_then(by_the_gateway) else { return };
    for function in 0..5 {
        // The runtime answers for what is no event.
        let Ok(event) = serde_json::from_value::<LambdaRequest>(event.clone()) else { return };
        let answer = block_on(async {
            let request = event.into();
            match function {
                0 => list_message_groups::handler(&FUNCTIONS.list_message_groups, request).await,
                1 => list_messages::handler(&FUNCTIONS.list_messages, request).await,
                2 => create_message::handler(&FUNCTIONS.create_message, request).await,
                3 => show_user::handler(&FUNCTIONS.show_user, request).await,
                _ => show_me::handler(&FUNCTIONS.show_me, request).await,
            }
        });
        let _ = check_answer(&answer);
    }
});
