//! The authorization matrix: every route, called by every kind of caller about every kind of object. Each
//! expected cell is computed from the contract (design, sections 3 and 5; I10) and compared with the
//! functions' response.

mod objects;
mod scene;
mod specification;

use std::{collections::BTreeSet, fmt::Write as _};

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::{
    table::{Key, Partition, RowKind},
    user::User,
};
use http::Request;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testing::{Answer, Call, sockets::connect_event};
use uuid::Uuid;

use self::{
    objects::{Object, Plan, objects, unknown_group},
    scene::{Identity, Scene, SentMessage},
    specification::{Expected, MessageOf, Wanted, specified},
};
use crate::strangers::whole;

/// Minimum number of cells.
const CELLS: usize = 800;

/// One cell of the matrix.
struct Cell<'a> {
    scene: &'a Scene,
    identity: Identity,
    object: &'a Object,
    answer: Answer,
    calls: Vec<Call>,
    before: Vec<Value>,
    after: Vec<Value>,
}

impl<'a> Cell<'a> {
    async fn of(scene: &'a Scene, identity: Identity, object: &'a Object) -> Self {
        let before = scene.world.rows();
        let _ = scene.world.emulator.take_calls();
        let answer = ask(scene, identity, &object.plan).await;
        let calls = scene.world.emulator.take_calls();
        Self { scene, identity, object, answer, calls, before, after: scene.world.rows() }
    }

    /// Compares the cell with the specification. Returns the message that was sent, if any.
    async fn judge(&self) -> Result<Option<SentMessage>, String> {
        let expected = specified(self.scene, self.identity, &self.object.wanted);
        self.check_answer(&expected)?;
        self.check_calls(&expected)?;
        self.check_that_nothing_foreign_is_shown()?;
        if let Expected::Sent { .. } = expected {
            return self.check_sent(&expected).map(Some);
        }
        if let Expected::Changed { keys, .. } = &expected {
            return self.check_changed(keys).map(|()| None);
        }
        if self.before != self.after {
            return Err(format!("the table changed to {:?}", self.after));
        }
        // Members may learn how a member's key was used, and whose a message is.
        let is_of_members = match &expected {
            Expected::Shown(_)
            | Expected::List { .. }
            | Expected::Lines { .. }
            | Expected::Reported
            | Expected::Refused(422, _) => true,
            Expected::Refused(_, codes) => {
                matches!(codes[..], ["message_not_yours" | "message_not_found" | "request_accepted"])
            }
            _ => false,
        };
        if !is_of_members {
            self.check_that_unknown_is_the_same().await?;
        }
        Ok(None)
    }

    fn check_answer(&self, expected: &Expected) -> Result<(), String> {
        let answer = format!("{:?}", self.answer);
        let json = "content-type: application/json";
        let wanted = match expected {
            Expected::Unauthenticated => {
                format!("401\n{json}\nwww-authenticate: Bearer error=\"invalid_token\"\n{{}}")
            }
            Expected::Refused(status, codes) => format!("{status}\n{json}\n{}", json!(codes)),
            Expected::Shown(value) => format!("200\n{json}\n{}", self.as_written(value)?),
            Expected::List { items, next } => {
                let link = next.as_ref().map_or(String::new(), |next| format!("link: {next}\n"));
                format!("200\n{json}\n{link}{}", self.as_written(&json!(items))?)
            }
            Expected::Lines { lines, next } => {
                let link = next.as_ref().map_or(String::new(), |next| {
                    let cursor = BASE64_URL_SAFE_NO_PAD.encode(next);
                    format!("link: </api/me/export?cursor={cursor}>; rel=\"next\"\n")
                });
                let written =
                    self.answer.body.lines().map(|line| serde_json::from_str(line).unwrap_or_default());
                if written.collect::<Vec<Value>>() != *lines {
                    return Err(format!("{answer}\ninstead of {lines:?}"));
                }
                format!("200\ncontent-type: application/x-ndjson\n{link}{}", self.answer.body)
            }
            Expected::Sent { .. } if self.answer.status.as_u16() == 200 => return Ok(()),
            Expected::Changed { body: None, .. } => "204\n".to_owned(),
            Expected::Accepted => "202\n".to_owned(),
            Expected::Changed { body: Some(part), .. } => {
                let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
                let has_part = part.as_object().unwrap().iter().all(|(name, value)| body[name] == *value);
                if self.answer.status.as_u16() == 200 && has_part {
                    return Ok(());
                }
                format!("200 with {part}")
            }
            Expected::Reported => {
                let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
                let uuid = body["uuid"].as_str().and_then(|uuid| uuid.parse::<Uuid>().ok());
                format!("201\n{json}\n{}", json!({"uuid": uuid}))
            }
            Expected::Sent { .. } => "200 with a message".to_owned(),
        };
        if answer == wanted { Ok(()) } else { Err(format!("{answer}\ninstead of {wanted}")) }
    }

    /// Returns the body if it equals this value. The order of fields is the functions' own.
    fn as_written(&self, value: &Value) -> Result<&str, String> {
        let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
        if body == *value {
            Ok(&self.answer.body)
        } else {
            Err(format!("{:?}\ninstead of {value}", self.answer))
        }
    }

    /// Checks the calls to DynamoDB. There is none before the request is valid, none about another object,
    /// and no write unless a message is sent.
    fn check_calls(&self, expected: &Expected) -> Result<(), String> {
        let caller = self.scene.caller(self.identity);
        let allowed = match (&self.object.wanted, caller) {
            _ if caller.is_none() || matches!(expected, Expected::Refused(400, _)) => vec![],
            // No part of a group is read for a caller outside it.
            (
                Wanted::Messages { group, .. }
                | Wanted::ToGroup { group, .. }
                | Wanted::Group(group)
                | Wanted::Marked(group)
                | Wanted::Edited { message: MessageOf { group, .. }, .. }
                | Wanted::Reacted(MessageOf { group, .. })
                | Wanted::Reported(MessageOf { group, .. })
                | Wanted::ExportedMessages { group, .. },
                Some(_),
            ) if matches!(&expected, Expected::Refused(404, codes) if codes[..] == ["message_group_not_found"]) =>
            {
                vec![Key::Membership(*group).pk()]
            }
            // Unread messages are counted in the caller's groups.
            (Wanted::Inbox { .. } | Wanted::Unread, Some(caller)) => {
                let own = self.scene.messages.iter().filter(|message| message.is_of(caller));
                let groups = own.map(|message| Partition::Messages(message.group).to_string());
                let inboxes = [Partition::Requests(caller.uuid), Partition::Inbox(caller.uuid)];
                groups.chain(inboxes.map(|partition| partition.to_string())).collect()
            }
            (Wanted::Group(group) | Wanted::Marked(group), Some(caller)) => {
                let mut allowed = Vec::from(partitions_of_group(*group));
                allowed.push(Partition::MemberStates(*group).to_string());
                if matches!(self.object.wanted, Wanted::Group(_)) {
                    allowed.push(Partition::Inbox(caller.uuid).to_string());
                }
                allowed
            }
            (Wanted::Requests, Some(caller)) => vec![Partition::Requests(caller.uuid).to_string()],
            (Wanted::Answered { group, .. }, Some(_)) => vec![Key::Membership(*group).pk()],
            (Wanted::ExportedGroups, Some(caller)) => {
                let own = self.scene.messages.iter().filter(|message| message.is_of(caller));
                let groups = own.flat_map(|message| {
                    let states = Partition::MemberStates(message.group).to_string();
                    [partitions_of_group(message.group).as_slice(), &[states]].concat()
                });
                groups.chain([Partition::Inbox(caller.uuid).to_string()]).collect()
            }
            (Wanted::Messages { group, .. } | Wanted::ExportedMessages { group, .. }, Some(_)) => {
                let states = Partition::MemberStates(*group).to_string();
                [partitions_of_group(*group).as_slice(), &[states]].concat()
            }
            (
                Wanted::Edited { message: MessageOf { group, .. }, .. }
                | Wanted::Reacted(MessageOf { group, .. })
                | Wanted::Reported(MessageOf { group, .. }),
                Some(_),
            ) => partitions_of_group(*group).into(),
            (Wanted::Events { .. }, Some(caller)) => vec![Partition::EventLog(caller.uuid).to_string()],
            (Wanted::ToGroup { group, key, .. }, Some(caller)) => {
                let mut allowed = Vec::from(partitions_of_group(*group));
                allowed.extend(key.map(|key| idempotency_partition(caller, key)));
                allowed
            }
            (Wanted::ToUser { receiver: Some(receiver), .. }, Some(caller)) if receiver != caller => {
                let group = cruddur::message_group::uuid_of_pair(caller.uuid, receiver.uuid);
                let inboxes = [caller, receiver].map(|user| Partition::Inbox(user.uuid).to_string());
                let blocks = [caller, receiver].map(|user| Partition::Blocks(user.uuid).to_string());
                [partitions_of_group(group), inboxes, blocks].concat()
            }
            (Wanted::Blocked(Some(user)), Some(caller)) if user != caller => {
                let group = cruddur::message_group::uuid_of_pair(caller.uuid, user.uuid);
                vec![
                    Partition::Blocks(caller.uuid).to_string(),
                    Key::Membership(group).pk(),
                    Partition::MemberStates(group).to_string(),
                ]
            }
            (Wanted::Blocks | Wanted::Devices | Wanted::SignedOut | Wanted::ExportedUsers, Some(caller)) => {
                let own = [Partition::Blocks(caller.uuid), Partition::Connections(caller.uuid)];
                own.map(|partition| partition.to_string()).into()
            }
            _ => vec![],
        };
        for call in &self.calls {
            let writes = !matches!(&*call.operation, "GetItem" | "Query");
            if writes
                && !matches!(
                    expected,
                    Expected::Sent { .. } | Expected::Changed { .. } | Expected::Refused(422, _)
                )
            {
                return Err(format!("it writes: {call:?}"));
            }
            let mut named = vec![];
            partitions(&call.request, &mut named);
            // The index names the group without a prefix.
            let is_of_index = call.request["IndexName"].is_string() && matches!(expected, Expected::Shown(_));
            if (named.is_empty() && !is_of_index)
                || !named.iter().all(|partition| allowed.contains(partition))
            {
                return Err(format!("a call about {named:?}, where only {allowed:?} are asked for"));
            }
        }
        Ok(())
    }

    /// The response contains no part of a conversation that the caller is not in.
    fn check_that_nothing_foreign_is_shown(&self) -> Result<(), String> {
        let caller = self.scene.caller(self.identity);
        let shown = format!("{:?} {}", self.answer.headers, self.answer.body);
        let foreign =
            self.scene.messages.iter().filter(|message| caller.is_none_or(|caller| !message.is_of(caller)));
        for message in foreign {
            let mut secrets = vec![message.uuid.clone(), message.group.to_string(), message.cursor()];
            // Callers in a row send the same text, each in their own message.
            if !self.object.plan.body.contains(&message.text) {
                secrets.push(message.text.clone());
            }
            if let Some(secret) = secrets.iter().find(|secret| shown.contains(secret.as_str())) {
                return Err(format!("it shows {secret}"));
            }
        }
        Ok(())
    }

    /// A caller without access gets the same response as for an object that does not exist.
    async fn check_that_unknown_is_the_same(&self) -> Result<(), String> {
        let Some(unknown) = self.object.plan_for_unknown_object() else { return Ok(()) };
        let unknown = whole(ask(self.scene, self.identity, &unknown).await);
        let cost = |calls: &[Call]| {
            calls.iter().map(|call| (call.operation.clone(), call.units())).collect::<Vec<_>>()
        };
        let (known_cost, unknown_cost) = (cost(&self.calls), cost(&self.scene.world.emulator.take_calls()));
        if known_cost != unknown_cost {
            return Err(format!("it costs {known_cost:?}, and {unknown_cost:?} for an unknown group"));
        }
        let known = whole(self.answer.clone());
        if known != unknown {
            return Err(format!("{known:?} differs from {unknown:?}, as of an unknown group"));
        }
        if self.scene.world.rows() == self.before {
            Ok(())
        } else {
            Err("the unknown group was written".into())
        }
    }

    /// No row has changed, except those with these keys.
    fn check_changed(&self, keys: &[Key]) -> Result<(), String> {
        let is_it =
            |row: &Value| keys.iter().any(|key| row["pk"]["S"] == key.pk() && row["sk"]["S"] == key.sk());
        let others = |rows: &[Value]| rows.iter().filter(|row| !is_it(row)).cloned().collect::<Vec<_>>();
        if others(&self.before) == others(&self.after) {
            Ok(())
        } else {
            Err(format!("the table changed to {:?}", self.after))
        }
    }

    /// The message is the caller's, and the only other new rows open the group or store the idempotency key.
    fn check_sent(&self, expected: &Expected) -> Result<SentMessage, String> {
        let Expected::Sent { group, pair, sender, text, opens, key } = expected else {
            return Err("nothing was to be sent".to_owned());
        };
        let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
        let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let message = SentMessage {
            group: *group,
            pair: *pair.clone(),
            sender: sender.clone(),
            uuid: field("uuid"),
            created_at: field("created_at"),
            text: text.clone(),
        };
        let answered = json!({
            "message_group_uuid": group,
            "uuid": message.uuid,
            "user_uuid": sender.uuid,
            "display_name": sender.display_name,
            "handle": sender.handle,
            "message": text,
            "created_at": message.created_at,
        });
        if body != answered || message.uuid.len() != 36 || message.created_at.len() != 27 {
            return Err(format!("{body} instead of {answered}"));
        }
        let [messages, membership] = partitions_of_group(*group);
        let mut partitions = vec![messages.clone()];
        if *opens {
            partitions.push(membership);
            partitions.extend(pair.iter().map(|member| Partition::Inbox(member.uuid).to_string()));
        }
        partitions.extend(key.map(|key| idempotency_partition(sender, key)));
        partitions.sort();
        let new = self.after.iter().filter(|row| !self.before.contains(row)).collect::<Vec<_>>();
        let mut written =
            new.iter().map(|row| row["pk"]["S"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        written.sort();
        if written != partitions || self.after.len() != self.before.len() + new.len() {
            return Err(format!("rows of {written:?} are new or changed instead of {partitions:?}"));
        }
        let row = new.iter().find(|row| row["pk"]["S"] == messages).unwrap();
        let stored = ["sk", "user_uuid", "user_handle", "user_display_name", "message", "message_uuid"]
            .map(|name| row[name]["S"].as_str().unwrap_or_default().to_owned());
        let wanted = [
            message.sort_key(),
            sender.uuid.to_string(),
            sender.handle.clone(),
            sender.display_name.clone(),
            text.clone(),
            message.uuid.clone(),
        ];
        if stored == wanted {
            Ok(message)
        } else {
            Err(format!("{stored:?} is stored instead of {wanted:?}"))
        }
    }

    /// A short form of the response. For a list: the number of items, and whether there are more. For a
    /// message: the number of new rows.
    fn shown(&self) -> String {
        let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
        let status = self.answer.status.as_u16();
        if self.answer.header("content-type") == Some("application/x-ndjson") {
            let more = if self.answer.next_page().is_some() { "+" } else { "" };
            return format!("{status} {} lines{more}", self.answer.body.lines().count());
        }
        match (status, &body) {
            (200, Value::Array(items)) => {
                let more = if self.answer.next_page().is_some() { "+" } else { "" };
                format!("200 {}{more}", items.len())
            }
            (200, body) if body["conversations"].is_u64() => format!("200 {} unread", body["conversations"]),
            (200, body) if body["members"].is_array() => {
                format!("200 group ({} unread)", body["unread_count"])
            }
            (200, body) if body["version"].is_u64() => format!("200 version {}", body["version"]),
            (200, body) if body["message_group_uuid"].is_null() => "200 user".to_owned(),
            (200, _) => format!("200 sent (+{})", self.after.len() - self.before.len()),
            (_, Value::Array(codes)) => {
                let codes = codes.iter().filter_map(Value::as_str).collect::<Vec<_>>();
                format!("{status} {}", codes.join(" "))
            }
            _ => status.to_string(),
        }
    }
}

/// Partitions of the group's messages and membership.
fn partitions_of_group(group: Uuid) -> [String; 2] {
    [Partition::Messages(group).to_string(), Key::Membership(group).pk()]
}

fn idempotency_partition(sender: &User, key: &str) -> String {
    RowKind::Idempotency.partition(format_args!("{}#{key}", sender.uuid))
}

/// Collects the partitions named anywhere in a request.
fn partitions(request: &Value, found: &mut Vec<String>) {
    match request {
        Value::String(text) if RowKind::of_partition(text).is_some() => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| partitions(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| partitions(value, found)),
        _ => {}
    }
}

async fn ask(scene: &Scene, identity: Identity, plan: &Plan) -> Answer {
    let mut request = Request::builder().method(plan.method).uri(&plan.path);
    if let Some(authorization) = scene.authorization(identity) {
        request = request.header("authorization", authorization);
    }
    for (name, value) in &plan.headers {
        request = request.header(*name, value);
    }
    scene.world.request(request.body(Body::from(plan.body.clone())).unwrap()).await
}

/// Responses in columns, preceded by routes and objects.
fn table(rows: &[[String; 2]], cells: &[[String; Identity::ALL.len()]]) -> String {
    let heads = Identity::ALL.map(|identity| identity.name().to_owned());
    let mut lines =
        vec![["route".to_owned(), "object".to_owned()].into_iter().chain(heads).collect::<Vec<_>>()];
    lines.extend(rows.iter().zip(cells).map(|(row, cells)| row.iter().chain(cells).cloned().collect()));
    let columns = 2 + Identity::ALL.len();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
    let widths = (0..columns).map(width).collect::<Vec<_>>();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            write!(row, "{cell:width$}  ").unwrap();
        }
        writeln!(text, "{}", row.trim_end()).unwrap();
    }
    text
}

#[tokio::test]
async fn every_caller_gets_the_contracts_answer_for_every_object() {
    let (mut rows, mut cells, mut wrong) = (vec![], vec![], vec![]);
    let mut scene = Scene::new().await;
    let count = objects(&scene).len();
    for index in 0..count {
        // Each row starts with the same conversations.
        if scene.has_changed() {
            scene = Scene::new().await;
        }
        let object = objects(&scene).swap_remove(index);
        let mut row = Identity::ALL.map(|_| String::new());
        let mut ended = BTreeSet::new();
        for (identity, shown) in Identity::ALL.into_iter().zip(&mut row) {
            let cell = Cell::of(&scene, identity, &object).await;
            *shown = cell.shown();
            if matches!(object.wanted, Wanted::SignedOut | Wanted::Erased) {
                ended.extend(scene.caller(identity).map(|caller| caller.uuid));
                for user in [&scene.alice, &scene.bob, &scene.mallory, &scene.carol] {
                    let is_admitted = scene.world.get(user, "/api/me").await.status == 200;
                    assert_eq!(
                        is_admitted,
                        !ended.contains(&user.user.uuid),
                        "{} {}",
                        object.name,
                        identity.name()
                    );
                }
            }
            match cell.judge().await {
                Ok(message) => {
                    let ends_access = matches!(object.wanted, Wanted::SignedOut | Wanted::Erased);
                    scene.is_changed |= ends_access || cell.before != cell.after;
                    scene.record(message, &object.wanted);
                }
                Err(error) => {
                    wrong.push(format!("{} {}, {}: {error}", object.route, object.name, identity.name()));
                }
            }
        }
        rows.push([object.route.to_owned(), object.name.to_owned()]);
        cells.push(row);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count * Identity::ALL.len() >= CELLS, "{} cells", count * Identity::ALL.len());
    assert_snapshot!("authorization_matrix", table(&rows, &cells));
}

#[tokio::test]
async fn every_caller_gets_the_answer_of_the_routes_from_the_handshake_of_a_socket() {
    let scene = Scene::new().await;
    let device = "cruddur.v1, device.0195b5a0-0000-7000-8000-0000000000de";
    for identity in Identity::ALL {
        let authorization = scene.authorization(identity);
        let token = authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        let offer = token.map_or(device.to_owned(), |token| format!("{device}, bearer.{token}"));
        let expected = match specified(&scene, identity, &Wanted::Me) {
            Expected::Shown(_) => json!([200, null]),
            Expected::Unauthenticated => json!([401, "{}"]),
            Expected::Refused(status, codes) => json!([status, json!(codes).to_string()]),
            other => panic!("{other:?}"),
        };
        for headers in [
            json!({"Sec-WebSocket-Protocol": offer}),
            json!({"Sec-WebSocket-Protocol": device, "Authorization": authorization}),
        ] {
            let before = scene.world.rows();
            let _ = scene.world.emulator.take_calls();
            let event = connect_event("ABC=", 1_795_339_900_000, &headers);
            let answer = scene.world.functions["open-connection"].invoke(event.to_string()).await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(json!([answer["statusCode"], answer["body"]]), expected, "{}", identity.name());
            let mut named = vec![];
            for call in scene.world.emulator.take_calls() {
                partitions(&call.request, &mut named);
            }
            let own = scene.caller(identity).map(|caller| Partition::Connections(caller.uuid).to_string());
            assert!(named.iter().all(|partition| Some(partition) == own.as_ref()), "{named:?}");
            let new = scene.world.rows().into_iter().filter(|row| !before.contains(row));
            assert!(new.into_iter().all(|row| row["pk"]["S"].as_str() == own.as_deref()));
            assert!(own.is_some() || scene.world.rows() == before);
        }
    }
}

#[tokio::test]
async fn the_unknown_group_has_no_message() {
    let scene = Scene::new().await;
    assert!(scene.messages.iter().all(|message| message.group != unknown_group()));
}
