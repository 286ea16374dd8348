//! Events of Cognito's post-confirmation trigger. The response is always the unchanged event (design, section 3).
#![no_main]

use std::sync::LazyLock;

use fuzz::{block_on, users};
use lambda_runtime::{Context, LambdaEvent};
use libfuzzer_sys::fuzz_target;
use post_confirmation::{App, handler};
use serde_json::Value;

static APP: LazyLock<App> = LazyLock::new(|| App { users: users() });

fuzz_target!(|event: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Value>(event) else { return };
    let answer = block_on(handler(&APP, LambdaEvent::new(event.clone(), Context::default())));
    assert_eq!(answer, event);
});
