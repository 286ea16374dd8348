//! Generates a new key for the sample events, signs their tokens with it, writes the public half to
//! `events/key-set.json`, and discards the private half.
//!
//! The tokens are valid until the year 9999, for the local stack's issuer only. Its key set contains this key
//! besides its own; it issues tokens to anyone who asks, anyway. Run this when a new event needs a token: put
//! `Bearer ACCESS_TOKEN`, or `bearer.ACCESS_TOKEN` in an offer of subprotocols, in its place.

use std::{fs, path::Path};

use chrono::DateTime;
use cruddur::{clock::Clock, random::Random};
use local::issuer::{ISSUER_PATH, Issuer, SigningKey};
use seed::demo::DEMO_USERS;
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let [sunyoung, ..] = DEMO_USERS;
    // All events have the same token. Only the signature differs from run to run.
    let issued_at = DateTime::from_timestamp(1_767_225_600, 0).ok_or("no such time")?;
    let issuer = Issuer::new(
        format!("http://127.0.0.1:4567{ISSUER_PATH}"),
        SigningKey::generate()?,
        Clock::from_fn(move || issued_at),
        Random::from_fn(|bytes| bytes.fill(0)),
    );
    let mut claims = issuer.claims(&sunyoung.cognito_user_id.to_string(), sunyoung.handle);
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("exp".to_owned(), json!(253_402_300_799_i64));
    }
    let token = issuer.sign(&issuer.header(), &claims)?;
    for function in fs::read_dir(&events)? {
        let function = function?.path();
        if function.is_dir() {
            for case in fs::read_dir(function)? {
                let file = case?.path();
                let event = fs::read_to_string(&file)?;
                fs::write(&file, with_token(&event, &token))?;
            }
        }
    }
    let key_set = serde_json::to_string_pretty(&issuer.key_set())? + "\n";
    fs::write(events.join("key-set.json"), key_set)?;
    Ok(())
}

/// Replaces the placeholders, or the tokens of an earlier run, in `event` by `token`.
fn with_token(event: &str, token: &str) -> String {
    ["\"Bearer ", "bearer."].into_iter().fold(event.to_owned(), |event, scheme| {
        let mut parts = event.split(scheme);
        let start = parts.next().unwrap_or_default().to_owned();
        parts.fold(start, |signed, part| {
            let end = part.find(['"', ',']).unwrap_or(part.len());
            let (word, rest) = part.split_at(end);
            let is_token = word == "ACCESS_TOKEN" || (word.starts_with("ey") && word.split('.').count() == 3);
            format!("{signed}{scheme}{}{rest}", if is_token { token } else { word })
        })
    })
}
