//! Accepted and rejected tokens.

use anyhow::Result;
use serde_json::json;

use crate::{Stage, expect::unauthenticated};

pub(super) async fn refused(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let token = &sunyoung.token;
    let (signed, _) = token.rsplit_once('.').unwrap_or_default();
    let (_, signature) = scarlett.token.rsplit_once('.').unwrap_or_default();
    let group = "/api/messages/0195b5a0-0000-7000-8000-000000000001";
    for (case, authorization) in [
        ("no token", None),
        ("no scheme", Some(token.clone())),
        ("another scheme", Some(format!("Basic {token}"))),
        ("garbage", Some("Bearer a.b.c".to_owned())),
        ("no signature", Some(format!("Bearer {signed}."))),
        ("another's signature", Some(format!("Bearer {signed}.{signature}"))),
    ] {
        let mut headers = vec![];
        headers.extend(authorization.as_deref().map(|authorization| ("authorization", authorization)));
        for (method, path) in [("GET", "/api/message_groups"), ("GET", group), ("POST", "/api/messages")] {
            // Even if the rest of the request is invalid.
            let body = if method == "POST" { json!({"message": ""}).to_string() } else { String::new() };
            let answer = stage.request(method, path, &headers, body).await?;
            unauthenticated(&format!("{method} {path} with {case}"), &answer)?;
        }
    }
    Ok(())
}
