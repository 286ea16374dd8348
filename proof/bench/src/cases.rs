//! The measured functions and their events.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use cruddur::{clock::Clock, random::Random, sort_key::SortKey, table::RowKind, timestamp::Timestamp};
use local::deployment::FUNCTIONS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::services::Services;

/// The reference with only the runtime.
pub(crate) const HELLO_WORLD: &str = "hello-world";

/// The reference with the runtime, the SDK and one call.
pub(crate) const GET_ITEM: &str = "get-item";

/// The group of the sample events, with sunyoung and scarlett.
const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";

/// The event that opens a connection of the sample events' caller.
pub(crate) const OPEN_CONNECTION: &str = "open-connection/opened";

/// A text that gives a message row of about 380 bytes, and an inbox row of about 350.
pub(crate) const TEXT: &str =
    "Have you seen the new stream handler? It moves both rows at once, and it writes not a single one twice.";

/// A function with one kind of event.
pub(crate) struct Case {
    /// The name in tables.
    pub name: &'static str,
    /// The function's name, which is also that of its package and binary.
    pub function: &'static str,
    event: Value,
    /// Changes the event before each invocation.
    edit: fn(&mut Value, &Services),
}

impl Case {
    fn new(function: &'static str) -> Result<Self> {
        let (event, edit): (_, fn(&mut Value, &Services)) = match function {
            HELLO_WORLD | GET_ITEM | "list-message-groups" => ("list-message-groups/first-page", |_, _| ()),
            "list-messages" => ("list-messages/first-page", |_, _| ()),
            "create-message" => ("create-message/to-group", |event, _| set_text(event)),
            "show-user" => ("show-user/found", |_, _| ()),
            "show-me" => ("show-me/found", |_, _| ()),
            "search-users" => ("search-users/found", |_, _| ()),
            // Blocks and unblocks in turn, so that each invocation writes.
            "block-user" => ("block-user/block", |event, services| {
                let blocked = event["pathParameters"]["user_uuid"].as_str().unwrap_or_default();
                let is_blocked = blocked.parse().is_ok_and(|blocked| services.is_blocked(blocked));
                event["requestContext"]["http"]["method"] = json!(if is_blocked { "DELETE" } else { "PUT" });
            }),
            "list-message-requests" => ("list-message-requests/first-page", |_, _| ()),
            "answer-message-request" => ("answer-message-request/accept", |_, _| ()),
            "list-blocks" => ("list-blocks/first-page", |_, _| ()),
            "export-me" => ("export-me/first-page", |_, _| ()),
            // Mutes until another time, so that each invocation writes.
            "update-message-group" => ("update-message-group/mute", |event, _| {
                let end = Timestamp::new(Clock::system().now());
                event["body"] = json!(json!({"muted_until": end}).to_string());
            }),
            // The second report of a message, after the first invocation.
            "create-report" => ("create-report/message-not-found", |event, services| {
                let sk = services.newest_message();
                event["body"] = json!(
                    json!({
                        "message_group_uuid": GROUP,
                        "message_uuid": sk.message_uuid,
                        "created_at": sk.created_at,
                        "reason": "spam",
                    })
                    .to_string()
                );
            }),
            "update-me" => ("update-me/nothing", |_, _| ()),
            "erase-me" => ("erase-me/no-token", |_, _| ()),
            "list-devices" => ("list-devices/open", |_, _| ()),
            "sign-out" => ("sign-out/no-token", |_, _| ()),
            "erase-accounts" => ("erase-accounts/schedule", |_, _| ()),
            "show-message-group" => ("show-message-group/found", |_, _| ()),
            "count-unread" => ("count-unread/counted", |_, _| ()),
            // Marks as read and unread in turn, so that each invocation writes.
            "mark-read" => ("mark-read/unread-from-message", |event, services| {
                let sk = services.newest_message();
                let is_unread = services.is_marked_as_unread();
                event["requestContext"]["http"]["method"] = json!(if is_unread { "PUT" } else { "DELETE" });
                event["body"] = json!("{}");
                event["rawQueryString"] =
                    json!(format!("message_uuid={}&created_at={}", sk.message_uuid, sk.created_at));
            }),
            "change-message" => ("change-message/edit", |event, services| {
                let sk = services.newest_message();
                event["pathParameters"]["message_uuid"] = json!(sk.message_uuid);
                let text = format!("{TEXT} {}", Uuid::new_v4());
                event["body"] = json!(json!({"message": text, "created_at": sk.created_at}).to_string());
            }),
            "react-to-message" => ("react-to-message/add", |event, services| {
                let sk = services.newest_message();
                event["pathParameters"]["message_uuid"] = json!(sk.message_uuid);
                event["rawQueryString"] = json!(format!("created_at={}", sk.created_at));
                // Adds and removes in turn, so that each invocation writes.
                let is_there = services.has_reactions(sk);
                event["requestContext"]["http"]["method"] = json!(if is_there { "DELETE" } else { "PUT" });
            }),
            "list-events" => ("list-events/end", |event, services| {
                event["rawQueryString"] = json!(format!("after={}", services.newest_event()));
            }),
            "open-connection" => (OPEN_CONNECTION, |event, _| {
                event["requestContext"]["connectedAt"] = json!(Clock::system().now().timestamp_millis());
            }),
            "stream-handler" => {
                ("stream-handler/insert", |event, _| set_message(&mut event["Records"][0], GROUP))
            }
            "post-confirmation" => ("post-confirmation/confirm-sign-up-of-a-known-user", |_, _| ()),
            _ => bail!("no event to measure {function} with; add one to proof/bench/src/cases.rs"),
        };
        Ok(Self { name: function, function, event: sample(event)?, edit })
    }

    pub(crate) fn is_reference(&self) -> bool {
        [HELLO_WORLD, GET_ITEM].contains(&self.function)
    }

    /// The event of the next invocation.
    pub(crate) fn event(&self, services: &Services) -> Bytes {
        let mut event = self.event.clone();
        (self.edit)(&mut event, services);
        Bytes::from(event.to_string())
    }
}

/// All cases: the two references, the deployed functions, and variants of their events.
pub(crate) fn cases() -> Result<Vec<Case>> {
    let functions = [HELLO_WORLD, GET_ITEM].into_iter().chain(FUNCTIONS.iter().map(|function| function.name));
    let mut cases = functions.map(Case::new).collect::<Result<Vec<_>>>()?;
    let keyed = Case::new("create-message")?;
    cases.push(Case {
        name: "create-message, with a key",
        edit: |event, _| set_text_and_key(event),
        ..keyed
    });
    let end = Case::new("list-events")?;
    cases.push(Case { name: "list-events, of the end", edit: |_, _| (), ..end });
    Ok(cases)
}

/// Reads a file in `events/`.
pub(crate) fn sample(name: &str) -> Result<Value> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"));
    let file = folder.join(format!("{name}.json"));
    let text = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn set_text_and_key(event: &mut Value) {
    set_text(event);
    event["headers"]["idempotency-key"] = json!(Uuid::new_v4());
}

fn set_text(event: &mut Value) {
    event["body"] = json!(json!({"message": TEXT, "message_group_uuid": GROUP}).to_string());
}

/// Turns `record` into that of a message in `group` that is newer than all earlier ones.
pub(crate) fn set_message(record: &mut Value, group: &str) {
    let now = Clock::system().now();
    let message_uuid = Random::system().uuid_v7(now);
    let sk = SortKey { created_at: Timestamp::new(now), message_uuid };
    let sk = json!({"S": sk.to_string()});
    let pk = json!({"S": RowKind::Message.partition(group)});
    let stream = &mut record["dynamodb"];
    stream["Keys"] = json!({"pk": pk, "sk": sk});
    stream["NewImage"]["pk"] = pk;
    stream["NewImage"]["sk"] = sk;
    stream["NewImage"]["message_uuid"] = json!({"S": message_uuid});
    stream["NewImage"]["message"] = json!({"S": TEXT});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_an_event() {
        let cases = cases().unwrap();
        let of_functions = cases.iter().filter(|case| case.name == case.function && !case.is_reference());
        assert_eq!(of_functions.count(), FUNCTIONS.len());
    }

    #[test]
    fn each_event_with_a_key_has_its_own() {
        let [mut one, mut other] = [(); 2].map(|()| json!({}));
        set_text_and_key(&mut one);
        set_text_and_key(&mut other);
        assert_ne!(one["headers"], other["headers"]);
    }
}
