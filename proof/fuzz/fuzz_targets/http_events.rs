//! API Gateway events for every function behind the API, with `ACCESS_TOKEN` in place of a valid token. Every
//! JSON object gets a response of the wire format (design, section 5): never a 500, and a 503 only because
//! users cannot be looked up.
#![no_main]

use cruddur::event::Event;
use fuzz::{FUNCTIONS, GOOD_TOKEN, block_on, check_answer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|event: &str| {
    let event = event.replace("ACCESS_TOKEN", &GOOD_TOKEN);
    let Ok(event @ Value::Object(_)) = serde_json::from_str(&event) else { return };
    for function in 0..5 {
        let request = serde_json::from_value::<Event>(event.clone()).expect("an event").into();
        let answer = block_on(async {
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
