//! Objects of requests: every route with everything that a caller may access, may not access, or invent.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::table::{Partition, RowKind};
use serde_json::{Value, json};
use testing::TestUser;
use uuid::{Uuid, uuid};

use super::{
    scene::{BOBS_KEY, LogCursor, Scene, SentMessage},
    specification::{MessageOf, Wanted},
};

/// The uuid of no group.
pub(super) fn unknown_group() -> Uuid {
    uuid!("c92d7a17-1028-5aeb-a163-d307bd465359")
}

/// A row of the matrix.
pub(super) struct Object {
    pub(super) route: &'static str,
    pub(super) name: &'static str,
    pub(super) plan: Plan,
    pub(super) wanted: Wanted,
}

/// A request without its caller.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Object {
    /// The same request about a group that does not exist. `None` if the request is not about a group.
    pub(super) fn plan_for_unknown_object(&self) -> Option<Plan> {
        if let Wanted::ExportedMessages { position, before, .. } = &self.wanted {
            let path = exported_messages(unknown_group(), position, before);
            return Some(Plan { path, ..self.plan.clone() });
        }
        let (Wanted::Messages { group, .. }
        | Wanted::ToGroup { group, .. }
        | Wanted::Group(group)
        | Wanted::Marked(group)
        | Wanted::Answered { group, .. }
        | Wanted::Edited { message: MessageOf { group, .. }, .. }
        | Wanted::Reacted(MessageOf { group, .. })
        | Wanted::Reported(MessageOf { group, .. })) = &self.wanted
        else {
            return None;
        };
        let (group, unknown) = (group.to_string(), unknown_group().to_string());
        let about_nothing = |text: &str| {
            text.replace(&group, &unknown).replace(&group.to_uppercase(), &unknown.to_uppercase())
        };
        Some(Plan {
            path: about_nothing(&self.plan.path),
            body: about_nothing(&self.plan.body),
            ..self.plan.clone()
        })
    }
}

/// The path of an export that continues before a message of a group.
fn exported_messages(group: Uuid, position: &str, before: &str) -> String {
    let place = format!("message/{position}/{group}/{before}");
    format!("/api/me/export?cursor={}", BASE64_URL_SAFE_NO_PAD.encode(place))
}

/// All rows.
pub(super) fn objects(scene: &Scene) -> Vec<Object> {
    [
        inboxes(scene),
        groups(scene),
        sends_to_groups(scene),
        sends_to_handles(scene),
        sends_to_users(scene),
        users(scene),
        search(scene),
        blocks(scene),
        me(scene),
        devices(scene),
        erasures(scene),
        exports(scene),
        events(scene),
        shown_groups(scene),
        marks(scene),
        reports(scene),
        settings(scene),
        requests(scene),
        edits(scene),
        reactions(scene),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const DEFAULT_LIMIT: usize = 20;

fn get(route: &'static str, name: &'static str, path: impl Into<String>, wanted: Wanted) -> Object {
    let plan = Plan { method: "GET", path: path.into(), headers: vec![], body: String::new() };
    Object { route, name, plan, wanted }
}

fn post(route: &'static str, name: &'static str, body: &Value, wanted: Wanted) -> Object {
    let path = "/api/messages".to_owned();
    Object {
        route,
        name,
        plan: Plan { method: "POST", path, headers: vec![], body: body.to_string() },
        wanted,
    }
}

/// Adds headers in which gateways name the caller. The functions must ignore all of them.
fn pretend(scene: &Scene, mut object: Object) -> Object {
    let mallory = &scene.mallory;
    object.plan.headers.extend([
        ("x-user-id", mallory.user.uuid.to_string()),
        ("x-user-uuid", mallory.user.uuid.to_string()),
        ("x-forwarded-user", mallory.user.handle.clone()),
        ("x-amzn-oidc-identity", mallory.subject.clone()),
        ("x-amzn-oidc-accesstoken", mallory.token.clone()),
        (
            "x-amzn-request-context",
            json!({"authorizer": {"jwt": {"claims": {"sub": mallory.subject}}}}).to_string(),
        ),
        ("x-original-url", format!("/api/messages/{}", scene.newest(mallory, &scene.carol).group)),
        ("x-http-method-override", "DELETE".to_owned()),
        ("cookie", format!("access_token={}", mallory.token)),
    ]);
    object
}

fn broken(code: &'static str) -> Wanted {
    Wanted::Broken(422, vec![code])
}

fn inboxes(scene: &Scene) -> Vec<Object> {
    let inbox = |limit: usize, before: Option<&SentMessage>| Wanted::Inbox {
        limit,
        before: before.map(SentMessage::sort_key),
    };
    let row =
        |name, query: &str, wanted| get("GET groups", name, format!("/api/message_groups{query}"), wanted);
    let (alice, bob, mallory, carol) = (&scene.alice, &scene.bob, &scene.mallory, &scene.carol);
    let members = scene.newest(alice, bob);
    let strangers = scene.newest(mallory, carol);
    let oldest = &scene.messages[0];
    let inbox_partition = Partition::Inbox(mallory.user.uuid).to_string();
    let injected = format!(
        "?user_uuid={0}&user={0}&sub={1}&pk={2}&partition={2}&message_group_uuid={3}",
        mallory.user.uuid,
        mallory.subject,
        inbox_partition.replace('#', "%23"),
        strangers.group
    );
    let partition = BASE64_URL_SAFE_NO_PAD.encode(&inbox_partition);
    let longer = BASE64_URL_SAFE_NO_PAD.encode(format!("{inbox_partition}#{}", strangers.sort_key()));
    let json_key = json!({"pk": inbox_partition, "sk": strangers.sort_key()});
    let json_key = BASE64_URL_SAFE_NO_PAD.encode(json_key.to_string());
    vec![
        row("all", "", inbox(DEFAULT_LIMIT, None)),
        row("the first", "?limit=1", inbox(1, None)),
        row(
            "from the member's cursor",
            &format!("?cursor={}", members.cursor()),
            inbox(DEFAULT_LIMIT, Some(members)),
        ),
        row(
            "from the stranger's cursor",
            &format!("?cursor={}", strangers.cursor()),
            inbox(DEFAULT_LIMIT, Some(strangers)),
        ),
        row(
            "from a cursor of messages",
            &format!("?cursor={}", oldest.cursor()),
            inbox(DEFAULT_LIMIT, Some(oldest)),
        ),
        row(
            "one, from the stranger's cursor",
            &format!("?limit=1&cursor={}", strangers.cursor()),
            inbox(1, Some(strangers)),
        ),
        row("cursor: a partition", &format!("?cursor={partition}"), broken("cursor_invalid")),
        row("cursor: a partition and a key", &format!("?cursor={longer}"), broken("cursor_invalid")),
        row("cursor: a key of DynamoDB", &format!("?cursor={json_key}"), broken("cursor_invalid")),
        row("cursor: empty", "?cursor=", broken("cursor_invalid")),
        row("cursor: two", &format!("?cursor={0}&cursor={0}", members.cursor()), broken("cursor_invalid")),
        row("limit: 0", "?limit=0", broken("limit_invalid")),
        row("limit: 101", "?limit=101", broken("limit_invalid")),
        row("limit: two", "?limit=1&limit=100", broken("limit_invalid")),
        row("limit: an expression", "?limit=1%20OR%201=1", broken("limit_invalid")),
        row("the stranger's uuids in the query", &injected, inbox(DEFAULT_LIMIT, None)),
        pretend(scene, row("the stranger in headers", "", inbox(DEFAULT_LIMIT, None))),
    ]
}

fn groups(scene: &Scene) -> Vec<Object> {
    let of = |group: Uuid, limit: usize, before: Option<&SentMessage>| Wanted::Messages {
        group,
        limit,
        before: before.map(SentMessage::sort_key),
    };
    let row = |name, path: &str, wanted| get("GET messages", name, format!("/api/messages/{path}"), wanted);
    let (alice, bob, mallory, carol) = (&scene.alice, &scene.bob, &scene.mallory, &scene.carol);
    let (newest, strangers) = (scene.newest(alice, bob), scene.newest(mallory, carol));
    let second = &scene.messages[3];
    let (own, foreign, unknown) = (newest.group, strangers.group, unknown_group());
    let third = scene.newest(alice, carol).group;
    let all = |group| of(group, DEFAULT_LIMIT, None);
    let partition = Partition::Messages(foreign).to_string();
    let injected = format!(
        "{own}?message_group_uuid={foreign}&user_uuid={0}&user={0}&sub={1}&pk={2}",
        mallory.user.uuid,
        mallory.subject,
        partition.replace('#', "%23")
    );
    let partition = BASE64_URL_SAFE_NO_PAD.encode(partition);
    let invalid = || broken("message_group_uuid_invalid");
    vec![
        row("the members' group", &own.to_string(), all(own)),
        row("the members' group in capitals", &own.to_string().to_uppercase(), all(own)),
        row("the members' group, the newest", &format!("{own}?limit=1"), of(own, 1, None)),
        row("the stranger's group", &foreign.to_string(), all(foreign)),
        row("the stranger's group, the newest", &format!("{foreign}?limit=1"), of(foreign, 1, None)),
        row("the member's group with carol", &third.to_string(), all(third)),
        row("an unknown group", &unknown.to_string(), all(unknown)),
        row(
            "the members' group, own cursor",
            &format!("{own}?limit=1&cursor={}", second.cursor()),
            of(own, 1, Some(second)),
        ),
        row(
            "the members' group, the stranger's cursor",
            &format!("{own}?cursor={}", strangers.cursor()),
            of(own, DEFAULT_LIMIT, Some(strangers)),
        ),
        row(
            "the stranger's group, the members' cursor",
            &format!("{foreign}?cursor={}", newest.cursor()),
            of(foreign, DEFAULT_LIMIT, Some(newest)),
        ),
        row(
            "an unknown group, the members' cursor",
            &format!("{unknown}?cursor={}", newest.cursor()),
            of(unknown, DEFAULT_LIMIT, Some(newest)),
        ),
        row(
            "the members' group, a partition for a cursor",
            &format!("{own}?cursor={partition}"),
            broken("cursor_invalid"),
        ),
        row(
            "the stranger's group, a malformed cursor",
            &format!("{foreign}?cursor=x"),
            broken("cursor_invalid"),
        ),
        row("the stranger's group, limit 0", &format!("{foreign}?limit=0"), broken("limit_invalid")),
        row("a malformed uuid", "not-a-uuid", invalid()),
        row("a uuid in braces", &format!("%7B{own}%7D"), invalid()),
        row("a uuid without hyphens", &own.simple().to_string(), invalid()),
        row("two uuids", &format!("{own},{foreign}"), invalid()),
        row("a partition", &Partition::Messages(own).to_string().replace('#', "%23"), invalid()),
        row("a user's uuid", &mallory.user.uuid.to_string(), all(mallory.user.uuid)),
        row("the nil uuid", &Uuid::nil().to_string(), all(Uuid::nil())),
        row("white space", "%20", broken("message_group_uuid_blank")),
        row("the stranger's uuids in the query", &injected, all(own)),
        pretend(scene, row("the members' group, the stranger in headers", &own.to_string(), all(own))),
        pretend(
            scene,
            row("the stranger's group, the stranger in headers", &foreign.to_string(), all(foreign)),
        ),
    ]
}

/// Adds to `body` every name that rows, events and tokens give the sender, and another group's keys.
fn injected(mut body: Value, pretended: &TestUser, group: Uuid) -> Value {
    let user = &pretended.user;
    let more = json!({
        "user_uuid": user.uuid,
        "user_handle": user.handle,
        "user_display_name": user.display_name,
        "sender": {"uuid": user.uuid},
        "sender_uuid": user.uuid,
        "cognito_user_id": pretended.subject,
        "sub": pretended.subject,
        "members": {user.uuid.to_string(): {"handle": user.handle, "display_name": user.display_name}},
        "uuid": "0195b5a0-0000-7000-8000-000000000001",
        "message_uuid": "0195b5a0-0000-7000-8000-000000000001",
        "created_at": "2020-01-01T00:00:00.000000Z",
        "pk": Partition::Messages(group).to_string(),
        "sk": RowKind::Membership.tag(),
        "group_uuid": group,
        "expires_at": 0,
        "__proto__": {"message_group_uuid": group},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn sends_to_groups(scene: &Scene) -> Vec<Object> {
    const TEXT: &str = "something new for the group";
    let to = |group: Uuid| Wanted::ToGroup { group, text: TEXT.to_owned(), key: None };
    let row = |name, body: &Value, wanted| post("POST to group", name, body, wanted);
    let (alice, mallory) = (&scene.alice.user, &scene.mallory.user);
    let own = scene.newest(&scene.alice, &scene.bob).group;
    let foreign = scene.newest(&scene.mallory, &scene.carol).group;
    let unknown = unknown_group();
    let plain = |group: Uuid| json!({"message_group_uuid": group, "message": TEXT});
    let injected = |group: Uuid, pretended: &TestUser| injected(plain(group), pretended, foreign);
    let with_key = |mut object: Object, key: &'static str| {
        object.plan.headers.push(("idempotency-key", key.to_owned()));
        if let Wanted::ToGroup { key: wanted, .. } = &mut object.wanted {
            *wanted = Some(key);
        }
        object
    };
    let both =
        |group: Uuid, handle: &str| json!({"message_group_uuid": group, "handle": handle, "message": TEXT});
    let twice = plain(foreign).to_string().replacen('{', &format!("{{\"message_group_uuid\":\"{own}\","), 1);
    let mut named_twice = row("two groups, the stranger's last", &json!({}), to(foreign));
    named_twice.plan.body = twice;
    vec![
        row("the members' group", &plain(own), to(own)),
        row("the stranger's group", &plain(foreign), to(foreign)),
        row("an unknown group", &plain(unknown), to(unknown)),
        row(
            "the members' group in capitals",
            &json!({"message_group_uuid": own.to_string().to_uppercase(), "message": TEXT}),
            to(own),
        ),
        row("the nil uuid", &plain(Uuid::nil()), to(Uuid::nil())),
        row(
            "a malformed uuid",
            &json!({"message_group_uuid": "not-a-uuid", "message": TEXT}),
            broken("message_group_uuid_invalid"),
        ),
        row(
            "a blank uuid",
            &json!({"message_group_uuid": " ", "message": TEXT}),
            broken("message_group_uuid_blank"),
        ),
        row(
            "a number for a uuid",
            &json!({"message_group_uuid": 1, "message": TEXT}),
            Wanted::Broken(400, vec!["body_invalid"]),
        ),
        row(
            "two uuids in an array",
            &json!({"message_group_uuid": [own, foreign], "message": TEXT}),
            Wanted::Broken(400, vec!["body_invalid"]),
        ),
        row(
            "the stranger's group, no text",
            &json!({"message_group_uuid": foreign, "message": ""}),
            broken("message_blank"),
        ),
        row("the members' group and the stranger's handle", &both(own, &mallory.handle), to(own)),
        row("the stranger's group and the member's handle", &both(foreign, &alice.handle), to(foreign)),
        row("an unknown group and the member's handle", &both(unknown, &alice.handle), to(unknown)),
        row("the members' group, the stranger in the body", &injected(own, &scene.mallory), to(own)),
        row("the stranger's group, the member in the body", &injected(foreign, &scene.alice), to(foreign)),
        row(
            "the stranger's group, the stranger in the body",
            &injected(foreign, &scene.mallory),
            to(foreign),
        ),
        pretend(scene, row("the members' group, the stranger in headers", &plain(own), to(own))),
        pretend(scene, row("the stranger's group, the stranger in headers", &plain(foreign), to(foreign))),
        with_key(row("the members' group, bob's key", &plain(own), to(own)), BOBS_KEY),
        with_key(row("the stranger's group, bob's key", &plain(foreign), to(foreign)), BOBS_KEY),
        with_key(row("an unknown group, bob's key", &plain(unknown), to(unknown)), BOBS_KEY),
        named_twice,
    ]
}

fn sends_to_handles(scene: &Scene) -> Vec<Object> {
    const TEXT: &str = "something new";
    let to = |receiver: Option<&TestUser>| Wanted::ToUser {
        receiver: receiver.map(|receiver| receiver.user.clone()),
        text: TEXT.to_owned(),
    };
    let row = |name, body: &Value, wanted| post("POST to handle", name, body, wanted);
    let plain = |handle: &str| json!({"handle": handle, "message": TEXT});
    let (alice, mallory, carol) = (&scene.alice, &scene.mallory, &scene.carol);
    let injected = json!({
        "handle": carol.user.handle,
        "message": TEXT,
        "message_group_uuid": null,
        "user_uuid": null,
        "sender": mallory.user.handle,
        "sub": mallory.subject,
        "receiver_uuid": mallory.user.uuid,
        "members": [mallory.user.uuid],
    });
    vec![
        row("the member", &plain(&alice.user.handle), to(Some(alice))),
        row("the other member", &plain(&scene.bob.user.handle), to(Some(&scene.bob))),
        row("the stranger", &plain(&mallory.user.handle), to(Some(mallory))),
        row(
            "the stranger in capitals, with @",
            &plain(&format!("@{}", mallory.user.handle.to_uppercase())),
            to(Some(mallory)),
        ),
        row("an unknown handle", &plain("nobody-has-this"), to(None)),
        row("a malformed handle", &plain("@@"), to(None)),
        row("a uuid for a handle", &plain(&alice.user.uuid.to_string()), to(None)),
        row("SQL for a handle", &plain("' OR '1'='1"), to(None)),
        row("a blank handle", &plain(" "), broken("user_reciever_handle_blank")),
        row(
            "an object for a handle",
            &json!({"handle": {"$ne": null}, "message": TEXT}),
            Wanted::Broken(400, vec!["body_invalid"]),
        ),
        row(
            "a blank group and a handle",
            &json!({"handle": alice.user.handle, "message_group_uuid": "", "message": TEXT}),
            broken("message_group_uuid_blank"),
        ),
        row("carol, the stranger in the body", &injected, to(Some(carol))),
        pretend(scene, row("carol, the stranger in headers", &plain(&carol.user.handle), to(Some(carol)))),
    ]
}

fn sends_to_users(scene: &Scene) -> Vec<Object> {
    const TEXT: &str = "something new for a user";
    let to = |receiver: Option<&TestUser>| Wanted::ToUser {
        receiver: receiver.map(|receiver| receiver.user.clone()),
        text: TEXT.to_owned(),
    };
    let row = |name, body: &Value, wanted| post("POST to uuid", name, body, wanted);
    let plain = |uuid: &str| json!({"user_uuid": uuid, "message": TEXT});
    let (alice, bob, mallory, carol) = (&scene.alice, &scene.bob, &scene.mallory, &scene.carol);
    let uuid_of = |user: &TestUser| user.user.uuid.to_string();
    let and_handle = |uuid: &str, handle: &str| json!({"user_uuid": uuid, "handle": handle, "message": TEXT});
    let foreign = scene.newest(mallory, carol).group;
    let invalid = || broken("user_uuid_invalid");
    vec![
        row("the member", &plain(&uuid_of(alice)), to(Some(alice))),
        row("the other member", &plain(&uuid_of(bob)), to(Some(bob))),
        row("the stranger", &plain(&uuid_of(mallory)), to(Some(mallory))),
        row("the stranger in capitals", &plain(&uuid_of(mallory).to_uppercase()), to(Some(mallory))),
        row("an unknown uuid", &plain(&unknown_group().to_string()), to(None)),
        row("the stranger's group", &plain(&foreign.to_string()), to(None)),
        row("the nil uuid", &plain(&Uuid::nil().to_string()), to(None)),
        row("a handle for a uuid", &plain(&alice.user.handle), invalid()),
        row("a uuid without hyphens", &plain(&alice.user.uuid.simple().to_string()), invalid()),
        row("a blank uuid", &plain(" "), invalid()),
        row("SQL for a uuid", &plain("' OR '1'='1"), invalid()),
        row(
            "a number for a uuid",
            &json!({"user_uuid": 1, "message": TEXT}),
            Wanted::Broken(400, vec!["body_invalid"]),
        ),
        row(
            "carol and the stranger's handle",
            &and_handle(&uuid_of(carol), &mallory.user.handle),
            to(Some(carol)),
        ),
        row(
            "an unknown uuid and the member's handle",
            &and_handle(&unknown_group().to_string(), &alice.user.handle),
            to(None),
        ),
        pretend(scene, row("carol, the stranger in headers", &plain(&uuid_of(carol)), to(Some(carol)))),
    ]
}

fn request(
    route: &'static str,
    name: &'static str,
    (method, path): (&'static str, String),
    body: &Value,
    wanted: Wanted,
) -> Object {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Object { route, name, plan: Plan { method, path, headers: vec![], body }, wanted }
}

/// The groups of alice and bob, of mallory and carol, and of nobody, each with a name for the first two members, the
/// stranger, and nobody.
fn three_groups(scene: &Scene) -> [(&'static str, Uuid); 3] {
    [
        ("the members' group", scene.newest(&scene.alice, &scene.bob).group),
        ("the stranger's group", scene.newest(&scene.mallory, &scene.carol).group),
        ("an unknown group", unknown_group()),
    ]
}

fn shown_groups(scene: &Scene) -> Vec<Object> {
    let row =
        |name, path: &str, wanted| get("GET group", name, format!("/api/message_groups/{path}"), wanted);
    let mut rows: Vec<_> =
        three_groups(scene).map(|(name, group)| row(name, &group.to_string(), Wanted::Group(group))).into();
    let foreign = scene.newest(&scene.mallory, &scene.carol).group;
    rows.extend([
        row("a malformed uuid", "not-a-uuid", broken("message_group_uuid_invalid")),
        pretend(scene, row("the stranger's, in headers too", &foreign.to_string(), Wanted::Group(foreign))),
        get("GET unread", "all", "/api/unread", Wanted::Unread),
        pretend(scene, get("GET unread", "the stranger in headers", "/api/unread", Wanted::Unread)),
    ]);
    rows
}

fn marks(scene: &Scene) -> Vec<Object> {
    let path = |group: &str| format!("/api/message_groups/{group}/read");
    let newest = scene.newest(&scene.alice, &scene.bob);
    let place = json!({"message_uuid": newest.uuid, "created_at": newest.created_at});
    let query = format!("?message_uuid={}&created_at={}", newest.uuid, newest.created_at);
    let put = |name, group: &str, body: &Value, wanted| {
        request("PUT read", name, ("PUT", path(group)), body, wanted)
    };
    let delete = |name, group: &str, query: &str, wanted| {
        request("DELETE read", name, ("DELETE", path(group) + query), &Value::Null, wanted)
    };
    let mut rows = vec![];
    for (name, group) in three_groups(scene) {
        let uuid = group.to_string();
        rows.extend([
            put(name, &uuid, &json!({}), Wanted::Marked(group)),
            put(name, &uuid, &place, Wanted::Marked(group)),
            delete(name, &uuid, &query, Wanted::Marked(group)),
        ]);
    }
    let foreign = scene.newest(&scene.mallory, &scene.carol).group.to_string();
    let both = || Wanted::Broken(422, vec!["message_uuid_invalid", "created_at_invalid"]);
    rows.extend([
        put("a malformed uuid", "x", &json!({}), broken("message_group_uuid_invalid")),
        put("no time", &foreign, &json!({"message_uuid": newest.uuid}), broken("created_at_invalid")),
        put("malformed", &foreign, &json!({"message_uuid": "", "created_at": ""}), both()),
        put("an array", &foreign, &json!([]), Wanted::Broken(400, vec!["body_invalid"])),
        delete("no message", &foreign, "", both()),
        delete(
            "two",
            &foreign,
            &format!("{query}&message_uuid={}", newest.uuid),
            broken("message_uuid_invalid"),
        ),
    ]);
    rows
}

fn settings(scene: &Scene) -> Vec<Object> {
    let patch = |name, group: &str, body: &Value, wanted| {
        request("PATCH group", name, ("PATCH", format!("/api/message_groups/{group}")), body, wanted)
    };
    let mute = json!({"muted_until": "2026-11-23T09:30:00.000000Z"});
    let mut rows = vec![];
    for (name, group) in three_groups(scene) {
        let uuid = group.to_string();
        rows.extend([
            patch(name, &uuid, &mute, Wanted::Marked(group)),
            patch(name, &uuid, &json!({"hidden": true, "cleared": true}), Wanted::Marked(group)),
        ]);
    }
    let foreign = scene.newest(&scene.mallory, &scene.carol).group.to_string();
    rows.extend([
        patch("a malformed uuid", "x", &mute, broken("message_group_uuid_invalid")),
        patch("a malformed time", &foreign, &json!({"muted_until": "later"}), broken("muted_until_invalid")),
        patch("nothing cleared", &foreign, &json!({"cleared": false}), broken("cleared_invalid")),
        patch("an array", &foreign, &json!([]), Wanted::Broken(400, vec!["body_invalid"])),
    ]);
    rows
}

fn requests(scene: &Scene) -> Vec<Object> {
    let list = |name, query: &str, wanted| {
        get("GET requests", name, format!("/api/message_requests{query}"), wanted)
    };
    let answer = |name, method, group: &str, wanted| {
        let path = format!("/api/message_requests/{group}");
        request("answer", name, (method, path), &Value::Null, wanted)
    };
    let mut rows = vec![];
    for (name, group) in three_groups(scene) {
        let uuid = group.to_string();
        rows.extend([
            answer(name, "PUT", &uuid, Wanted::Answered { group, accepts: true }),
            answer(name, "DELETE", &uuid, Wanted::Answered { group, accepts: false }),
        ]);
    }
    rows.extend([
        answer("a malformed uuid", "PUT", "x", broken("message_group_uuid_invalid")),
        answer("a malformed uuid", "DELETE", "x", broken("message_group_uuid_invalid")),
        list("all", "", Wanted::Requests),
        list("a malformed limit", "?limit=0", broken("limit_invalid")),
        pretend(scene, list("the stranger in headers", "", Wanted::Requests)),
    ]);
    rows
}

fn reports(scene: &Scene) -> Vec<Object> {
    let path = || "/api/reports".to_owned();
    let post = |name, body: &Value, wanted| request("POST reports", name, ("POST", path()), body, wanted);
    let (bobs, foreign) =
        (scene.newest(&scene.alice, &scene.bob), scene.newest(&scene.mallory, &scene.carol));
    let mut rows = vec![];
    for (name, group, message, exists) in [
        ("bob's message", bobs.group, bobs, true),
        ("the stranger's message", foreign.group, foreign, true),
        ("the stranger's message in the members' group", bobs.group, foreign, false),
        ("bob's message in the stranger's group", foreign.group, bobs, false),
        ("bob's message in an unknown group", unknown_group(), bobs, false),
    ] {
        let body = json!({
            "message_group_uuid": group,
            "message_uuid": message.uuid,
            "created_at": message.created_at,
            "reason": "spam",
        });
        let message = exists.then(|| message.clone());
        rows.push(post(name, &body, Wanted::Reported(MessageOf { group, message })));
    }
    let all =
        vec!["message_group_uuid_blank", "message_uuid_invalid", "created_at_invalid", "reason_invalid"];
    rows.push(post("nothing", &json!({}), Wanted::Broken(422, all)));
    rows
}

fn edits(scene: &Scene) -> Vec<Object> {
    const TEXT: &str = "another text";
    let put =
        |name, path: String, body: &Value, wanted| request("PUT message", name, ("PUT", path), body, wanted);
    let delete = |name, path, wanted| request("DELETE message", name, ("DELETE", path), &Value::Null, wanted);
    let path = |group: Uuid, uuid: &str| format!("/api/messages/{group}/{uuid}");
    let body = |created_at: &str| json!({"message": TEXT, "created_at": created_at});
    let (bobs, foreign) =
        (scene.newest(&scene.alice, &scene.bob), scene.newest(&scene.mallory, &scene.carol));
    let alices = &scene.messages[0];
    let wanted = |group: Uuid, message: Option<&SentMessage>, text: Option<&str>| Wanted::Edited {
        message: MessageOf { group, message: message.cloned() },
        text: text.map(str::to_owned),
    };
    let mut rows = vec![];
    for (name, group, message, exists) in [
        ("alice's message", bobs.group, alices, true),
        ("bob's message", bobs.group, bobs, true),
        ("the stranger's message", foreign.group, foreign, true),
        ("the stranger's message in the members' group", bobs.group, foreign, false),
        ("bob's message in the stranger's group", foreign.group, bobs, false),
        ("bob's message in an unknown group", unknown_group(), bobs, false),
    ] {
        let stored = exists.then_some(message);
        let query = format!("?created_at={}", message.created_at);
        rows.extend([
            put(
                name,
                path(group, &message.uuid),
                &body(&message.created_at),
                wanted(group, stored, Some(TEXT)),
            ),
            delete(name, path(group, &message.uuid) + &query, wanted(group, stored, None)),
        ]);
    }
    let uuid = &bobs.uuid;
    rows.extend([
        put(
            "bob's message at another time",
            path(bobs.group, uuid),
            &body(&alices.created_at),
            wanted(bobs.group, None, Some(TEXT)),
        ),
        put("no time", path(foreign.group, uuid), &json!({"message": TEXT}), broken("created_at_invalid")),
        put(
            "no text, no time, no uuid",
            path(foreign.group, "x"),
            &json!({}),
            Wanted::Broken(422, vec!["message_blank", "message_uuid_invalid", "created_at_invalid"]),
        ),
        delete("no time", path(foreign.group, uuid), broken("created_at_invalid")),
    ]);
    rows
}

fn reactions(scene: &Scene) -> Vec<Object> {
    const THUMBS_UP: &str = "%F0%9F%91%8D";
    let row =
        |method, name, path: String, wanted| request("reaction", name, (method, path), &Value::Null, wanted);
    let path = |group: Uuid, uuid: &str, emoji: &str, created_at: &str| {
        format!("/api/messages/{group}/{uuid}/reactions/{emoji}?created_at={created_at}")
    };
    let (bobs, foreign) =
        (scene.newest(&scene.alice, &scene.bob), scene.newest(&scene.mallory, &scene.carol));
    let mut rows = vec![];
    for (name, group, message, exists) in [
        ("bob's message", bobs.group, bobs, true),
        ("the stranger's message", foreign.group, foreign, true),
        ("the stranger's message in the members' group", bobs.group, foreign, false),
        ("bob's message in an unknown group", unknown_group(), bobs, false),
    ] {
        let path = path(group, &message.uuid, THUMBS_UP, &message.created_at);
        let wanted = Wanted::Reacted(MessageOf { group, message: exists.then(|| message.clone()) });
        rows.extend([row("PUT", name, path.clone(), wanted.clone()), row("DELETE", name, path, wanted)]);
    }
    rows.extend([
        row(
            "PUT",
            "a letter",
            path(foreign.group, &bobs.uuid, "a", &bobs.created_at),
            broken("reaction_invalid"),
        ),
        row(
            "DELETE",
            "an expression",
            path(foreign.group, &bobs.uuid, ":emoji", &bobs.created_at),
            broken("reaction_invalid"),
        ),
    ]);
    rows
}

fn me(scene: &Scene) -> Vec<Object> {
    let patch =
        |name, body: &Value, wanted| request("PATCH me", name, ("PATCH", "/api/me".to_owned()), body, wanted);
    let strangers =
        json!({"uuid": scene.mallory.user.uuid, "sub": scene.mallory.subject, "read_receipts": true});
    let row = |name, query: &str| get("GET me", name, format!("/api/me{query}"), Wanted::Me);
    let mallory = &scene.mallory;
    let injected = format!("?user_uuid={0}&uuid={0}&sub={1}", mallory.user.uuid, mallory.subject);
    vec![
        row("oneself", ""),
        row("the stranger's uuids in the query", &injected),
        pretend(scene, row("the stranger in headers", "")),
        patch("nothing", &json!({}), Wanted::Me),
        patch("the stranger in the body", &strangers, Wanted::Me),
        pretend(scene, patch("the stranger in headers", &json!({}), Wanted::Me)),
        patch("a blank name", &json!({"display_name": " "}), broken("display_name_invalid")),
        patch(
            "text for a setting",
            &json!({"read_receipts": "no"}),
            Wanted::Broken(400, vec!["body_invalid"]),
        ),
    ]
}

fn devices(scene: &Scene) -> Vec<Object> {
    let mallory = &scene.mallory;
    let injected = format!(
        "?user_uuid={0}&uuid={0}&sub={1}&pk={2}",
        mallory.user.uuid,
        mallory.subject,
        Partition::Connections(mallory.user.uuid).to_string().replace('#', "%23")
    );
    let list =
        |name, query: &str| get("GET devices", name, format!("/api/me/devices{query}"), Wanted::Devices);
    let end = |name, query: &str| {
        let path = ("DELETE", format!("/api/me/devices{query}"));
        request("DELETE devices", name, path, &Value::Null, Wanted::SignedOut)
    };
    vec![
        list("one's own", ""),
        list("the stranger's uuids in the query", &injected),
        pretend(scene, list("the stranger in headers", "")),
        end("one's own", ""),
        end("the stranger's uuids in the query", &injected),
        pretend(scene, end("the stranger in headers", "")),
    ]
}

fn erasures(scene: &Scene) -> Vec<Object> {
    let mallory = &scene.mallory;
    let injected = json!({"uuid": mallory.user.uuid, "sub": mallory.subject, "handle": mallory.user.handle});
    let erase = |name, body: &Value| {
        request("DELETE me", name, ("DELETE", "/api/me".to_owned()), body, Wanted::Erased)
    };
    vec![
        erase("oneself", &Value::Null),
        erase("the stranger in the body", &injected),
        pretend(scene, erase("the stranger in headers", &Value::Null)),
    ]
}

fn exports(scene: &Scene) -> Vec<Object> {
    let row = |name, query: &str, wanted| get("GET export", name, format!("/api/me/export{query}"), wanted);
    let from = |place: &str| format!("?cursor={}", BASE64_URL_SAFE_NO_PAD.encode(place));
    let (members, strangers) =
        (scene.newest(&scene.alice, &scene.bob), scene.newest(&scene.mallory, &scene.carol));
    let messages = |name, group: Uuid, position: &SentMessage, message: &SentMessage| {
        let (position, before) = (position.sort_key(), message.sort_key());
        let path = exported_messages(group, &position, &before);
        get("GET export", name, path, Wanted::ExportedMessages { group, position, before })
    };
    let mallory = &scene.mallory;
    let injected = format!("?user_uuid={0}&uuid={0}&sub={1}", mallory.user.uuid, mallory.subject);
    vec![
        row("the first page", "", Wanted::ExportedUsers),
        row("the groups", &from("group"), Wanted::ExportedGroups),
        messages("the members' messages", members.group, members, members),
        messages("the stranger's messages", strangers.group, strangers, strangers),
        messages("the members' messages, the stranger's place", members.group, members, strangers),
        messages("messages of an unknown group", unknown_group(), members, members),
        row("cursor: of the inbox", &format!("?cursor={}", members.cursor()), broken("cursor_invalid")),
        row("cursor: another place", &from("me"), broken("cursor_invalid")),
        row("the stranger's uuids in the query", &injected, Wanted::ExportedUsers),
        pretend(scene, row("the stranger in headers", "", Wanted::ExportedUsers)),
    ]
}

fn users(scene: &Scene) -> Vec<Object> {
    let row = |name, handle: &str, user: Option<&TestUser>| {
        let user = user.map(|user| user.user.clone());
        get("GET user", name, format!("/api/users/{handle}/short"), Wanted::User(user))
    };
    let alice = &scene.alice;
    let handle = &alice.user.handle;
    vec![
        row("the member", &format!("@{handle}"), Some(alice)),
        row("the member, encoded", &format!("%40{}", handle.to_uppercase()), Some(alice)),
        row("the stranger", &format!("@{}", scene.mallory.user.handle), Some(&scene.mallory)),
        row("an unknown handle", "@nobody-has-this", None),
        row("a malformed handle", "@@", None),
        row("a uuid", &format!("@{}", alice.user.uuid), None),
        row("SQL", "@'%20OR%20'1'='1", None),
        pretend(scene, row("the member, the stranger in headers", &format!("@{handle}"), Some(alice))),
    ]
}

fn search(scene: &Scene) -> Vec<Object> {
    let row = |name, query: &str, wanted| get("GET users", name, format!("/api/users{query}"), wanted);
    let found = |name, user: &TestUser, more: &str| {
        row(name, &format!("?prefix={}{more}", user.user.handle), Wanted::Search(user.user.clone()))
    };
    let (alice, mallory) = (&scene.alice, &scene.mallory);
    let injected = format!("&user_uuid={0}&uuid={0}&sub={1}", mallory.user.uuid, mallory.subject);
    vec![
        found("the member", alice, ""),
        found("the stranger", mallory, ""),
        found("the member, the stranger's uuids in the query", alice, &injected),
        pretend(scene, found("the member, the stranger in headers", alice, "")),
        row("no prefix", "", broken("prefix_invalid")),
    ]
}

fn blocks(scene: &Scene) -> Vec<Object> {
    let (alice, bob, mallory) = (&scene.alice, &scene.bob, &scene.mallory);
    let change = |method, name, uuid: &str, wanted| {
        request("block", name, (method, format!("/api/blocks/{uuid}")), &Value::Null, wanted)
    };
    let of = |method, name, user: &TestUser| {
        change(method, name, &user.user.uuid.to_string(), Wanted::Blocked(Some(user.user.clone())))
    };
    let unknown = unknown_group().to_string();
    let injected = format!(
        "?user_uuid={0}&user={0}&sub={1}&pk={2}",
        mallory.user.uuid,
        mallory.subject,
        Partition::Blocks(mallory.user.uuid).to_string().replace('#', "%23")
    );
    let row = |name, query: &str, wanted| get("GET blocks", name, format!("/api/blocks{query}"), wanted);
    let of_inbox = scene.newest(alice, bob).cursor();
    vec![
        of("PUT", "bob", bob),
        of("DELETE", "bob", bob),
        of("PUT", "the stranger", mallory),
        pretend(scene, of("PUT", "bob, the stranger in headers", bob)),
        change(
            "PUT",
            "bob, in capitals",
            &bob.user.uuid.to_string().to_uppercase(),
            Wanted::Blocked(Some(bob.user.clone())),
        ),
        change("PUT", "nobody", &unknown, Wanted::Blocked(None)),
        change("DELETE", "nobody", &unknown, Wanted::Blocked(None)),
        change("PUT", "a handle", &bob.user.handle, broken("user_uuid_invalid")),
        row("all", "", Wanted::Blocks),
        row(
            "from the stranger's uuid",
            &format!("?cursor={}", BASE64_URL_SAFE_NO_PAD.encode(mallory.user.uuid.to_string())),
            Wanted::Blocks,
        ),
        row("cursor: of the inbox", &format!("?cursor={of_inbox}"), broken("cursor_invalid")),
        row("limit: 0", "?limit=0", broken("limit_invalid")),
        row("the stranger's uuids in the query", &injected, Wanted::Blocks),
        pretend(scene, row("the stranger in headers", "", Wanted::Blocks)),
    ]
}

fn events(scene: &Scene) -> Vec<Object> {
    let row = |name, query: &str, wanted| get("GET events", name, format!("/api/events{query}"), wanted);
    let after = |cursor: LogCursor, limit| Wanted::Events { after: Some(cursor), limit };
    let end = || Wanted::Events { after: None, limit: 100 };
    let (alice, mallory) = (&scene.alice.user, &scene.mallory);
    let cursors = |user| scene.log(user).into_iter().map(|(cursor, _)| cursor).collect::<Vec<_>>();
    let (members, strangers) = (cursors(alice), cursors(&mallory.user));
    let (start, first, last) = (members[0], members[1], members[members.len() - 1]);
    let other_time = LogCursor { at: first.at + 1, ..first };
    let ahead = LogCursor { number: last.number + 1, ..last };
    let partition = Partition::EventLog(mallory.user.uuid).to_string();
    let injected = format!(
        "?user_uuid={0}&user={0}&sub={1}&pk={2}",
        mallory.user.uuid,
        mallory.subject,
        partition.replace('#', "%23")
    );
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let inboxs = scene.newest(&scene.alice, &scene.bob).cursor();
    let invalid = || broken("cursor_invalid");
    vec![
        row("the end", "", end()),
        row("from the member's start", &format!("?after={start}"), after(start, 100)),
        row("two, from the member's start", &format!("?after={start}&limit=2"), after(start, 2)),
        row("from the member's first", &format!("?after={first}"), after(first, 100)),
        row("from the member's last", &format!("?after={last}"), after(last, 100)),
        row("from the stranger's start", &format!("?after={}", strangers[0]), after(strangers[0], 100)),
        row("from the stranger's first", &format!("?after={}", strangers[1]), after(strangers[1], 100)),
        row("from another time", &format!("?after={other_time}"), after(other_time, 100)),
        row("from a number ahead", &format!("?after={ahead}"), after(ahead, 100)),
        row("after: a cursor of a list", &format!("?after={inboxs}"), invalid()),
        row("after: a partition", &format!("?after={}", encoded(&partition)), invalid()),
        row(
            "after: a partition and a number",
            &format!("?after={}", encoded(&format!("{partition}#{:016}", strangers[1].number))),
            invalid(),
        ),
        row("after: the number 0", &format!("?after={}", encoded("0-1")), invalid()),
        row("after: empty", "?after=", invalid()),
        row("after: two", &format!("?after={first}&after={}", strangers[1]), invalid()),
        row("limit: 0", &format!("?limit=0&after={first}"), broken("limit_invalid")),
        row("limit: 101", "?limit=101", broken("limit_invalid")),
        row("limit: two", "?limit=1&limit=100", broken("limit_invalid")),
        row("the stranger's uuids in the query", &injected, end()),
        pretend(scene, row("the stranger in headers", &format!("?after={start}"), after(start, 100))),
    ]
}
