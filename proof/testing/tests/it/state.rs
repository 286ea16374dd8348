//! Read markers, unread counts, receipts, edits, deletions, reactions and replies (design, section 3).

use std::time::Duration;

use chrono::TimeDelta;
use cruddur::table::RowKind;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use testing::{
    Failure::{Reset, Silence},
    Fault::{Late, Lost},
    TestUser, World,
    sockets::Sockets,
    world::kind_of,
};
use uuid::Uuid;

use checker::invariants;

/// Alice and Bob with a conversation, each with a socket.
struct Scene {
    world: World,
    sockets: Sockets,
    alice: TestUser,
    bob: TestUser,
    group: Uuid,
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::new().await;
        let sockets = Sockets::default();
        world.redeploy(|parts| parts.push = Some(sockets.parts()));
        let (alice, bob, group) = world.pair().await;
        assert_eq!(world.connect(&alice, 1, "a").await["statusCode"], 200);
        assert_eq!(world.connect(&bob, 1, "b").await["statusCode"], 200);
        Self { world, sockets, alice, bob, group }
    }

    /// Sends a message, and moves the inbox rows.
    async fn send(&self, sender: &TestUser, text: &str) -> Value {
        self.world.clock.advance(TimeDelta::seconds(1));
        let receiver = if sender.user == self.alice.user { &self.bob } else { &self.alice };
        let sent = self.world.send(sender, receiver, text).await;
        self.world.deliver_all().await;
        sent
    }

    async fn unread(&self, user: &TestUser) -> u64 {
        let groups = self.world.get(user, "/api/message_groups").await.ok();
        let count = groups[0]["unread_count"].as_u64().unwrap();
        let conversations = self.world.get(user, "/api/unread").await.ok();
        assert_eq!(conversations, json!({"conversations": u64::from(count > 0), "more": false}));
        assert_eq!(self.shown(user).await["unread_count"], count);
        count
    }

    async fn mark_read(&self, user: &TestUser, message: &Value) {
        let body = match message["uuid"].as_str() {
            Some(uuid) => json!({"message_uuid": uuid, "created_at": message["created_at"]}),
            None => json!({}),
        };
        self.ask(user, Method::PUT, &format!("/api/message_groups/{}/read", self.group), &body, 204).await;
        self.world.deliver_all().await;
    }

    async fn mark_unread(&self, user: &TestUser, message: &Value) {
        let path = format!(
            "/api/message_groups/{}/read?message_uuid={}&created_at={}",
            self.group,
            message["uuid"].as_str().unwrap(),
            message["created_at"].as_str().unwrap()
        );
        self.ask(user, Method::DELETE, &path, &Value::Null, 204).await;
        self.world.deliver_all().await;
    }

    async fn shown(&self, user: &TestUser) -> Value {
        self.world.get(user, &format!("/api/message_groups/{}", self.group)).await.ok()
    }

    async fn messages(&self, user: &TestUser) -> Value {
        self.world.get(user, &format!("/api/messages/{}", self.group)).await.ok()
    }

    fn path(&self, message: &Value, more: &str) -> String {
        let (uuid, time) = (message["uuid"].as_str().unwrap(), message["created_at"].as_str().unwrap());
        format!("/api/messages/{}/{uuid}{more}?created_at={time}", self.group)
    }

    /// Fails unless the answer has the status. Returns its body.
    #[track_caller]
    fn ask(
        &self,
        user: &TestUser,
        method: Method,
        path: &str,
        body: &Value,
        status: u16,
    ) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.world.ask(user, method, path, body).await;
            assert_eq!(answer.status, status, "{answer:?} for {path}, {caller}");
            answer.body
        }
    }

    async fn edit(&self, user: &TestUser, message: &Value, text: &str, status: u16) -> String {
        let body = json!({"message": text, "created_at": message["created_at"]});
        self.ask(user, Method::PUT, &self.path(message, ""), &body, status).await
    }

    async fn delete(&self, user: &TestUser, message: &Value, status: u16) -> String {
        self.ask(user, Method::DELETE, &self.path(message, ""), &Value::Null, status).await
    }

    async fn react(
        &self,
        user: &TestUser,
        message: &Value,
        emoji: &str,
        method: Method,
        status: u16,
    ) -> String {
        let encoded = utf8_percent_encode(emoji, NON_ALPHANUMERIC).to_string();
        let path = self.path(message, &format!("/reactions/{encoded}"));
        self.ask(user, method, &path, &Value::Null, status).await
    }

    async fn set_receipts(&self, user: &TestUser, on: bool) {
        self.ask(user, Method::PATCH, "/api/me", &json!({"read_receipts": on}), 200).await;
    }

    fn assert_at_rest(&self) {
        assert_eq!(invariants::check_at_rest(&self.world.rows()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn unread_messages_are_those_of_the_other_after_the_marker() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    assert_eq!((scene.unread(alice).await, scene.unread(bob).await), (0, 1));
    let two = scene.send(alice, "two").await;
    scene.send(alice, "three").await;
    assert_eq!(scene.unread(bob).await, 3);
    scene.mark_read(bob, &two).await;
    assert_eq!(scene.unread(bob).await, 1);
    // A marker that is not greater changes nothing.
    scene.mark_read(bob, &one).await;
    assert_eq!(scene.unread(bob).await, 1);
    // One's own message counts as reading.
    scene.send(bob, "four").await;
    assert_eq!((scene.unread(alice).await, scene.unread(bob).await), (1, 0));
    scene.mark_read(alice, &Value::Null).await;
    assert_eq!(scene.unread(alice).await, 0);
    // Also a group that was read and answered is unread again.
    scene.mark_unread(bob, &two).await;
    assert_eq!(scene.unread(bob).await, 2);
    scene.send(bob, "five").await;
    assert_eq!(scene.unread(bob).await, 0);
    scene.mark_unread(bob, &one).await;
    assert_eq!(scene.unread(bob).await, 3);
    scene.assert_at_rest();
}

#[tokio::test]
async fn a_marker_from_the_future_is_clamped() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    scene.send(alice, "one").await;
    let future = json!({"uuid": Uuid::max(), "created_at": "2999-01-01T00:00:00.000000Z"});
    scene.mark_read(bob, &future).await;
    assert_eq!(scene.unread(bob).await, 0);
    scene.send(alice, "two").await;
    assert_eq!(scene.unread(bob).await, 1);
    scene.assert_at_rest();
}

#[tokio::test]
async fn unread_messages_are_counted_up_to_a_hundred() {
    let scene = Scene::new().await;
    for number in 0..103 {
        scene.world.send(&scene.alice, &scene.bob, &number.to_string()).await;
    }
    scene.world.deliver_all().await;
    assert_eq!(scene.unread(&scene.bob).await, 100);
    scene.mark_read(&scene.bob, &Value::Null).await;
    assert_eq!(scene.unread(&scene.bob).await, 0);
}

#[tokio::test]
async fn the_badge_reaches_zero_although_the_newest_message_or_its_sender_is_deleted() {
    for deletes_sender in [false, true] {
        let scene = Scene::new().await;
        let (alice, bob) = (&scene.alice, &scene.bob);
        scene.send(alice, "one").await;
        let two = scene.send(alice, "two").await;
        assert_eq!(scene.unread(bob).await, 2);
        if deletes_sender {
            let delete = "DELETE FROM users WHERE uuid = $1";
            let parameters = [(&alice.user.uuid as _, tokio_postgres::types::Type::UUID)];
            scene.world.parts.postgres.query(delete, &parameters).await.unwrap();
        } else {
            scene.delete(alice, &two, 204).await;
            assert_eq!(scene.unread(bob).await, 1, "before the row follows");
            scene.world.deliver_all().await;
            assert_eq!(scene.unread(bob).await, 1);
        }
        scene.mark_read(bob, &two).await;
        assert_eq!(scene.unread(bob).await, 0);
        scene.assert_at_rest();
    }
}

/// Everything that a user can learn: answers with their headers, events and frames.
async fn all_that_is_shown(scene: &Scene, user: &TestUser, connection_id: &str) -> String {
    let frames = scene.sockets.take_frames().into_iter().filter(|(id, _)| id == connection_id);
    let frames = frames.map(|(_, frame)| frame.to_string()).collect::<Vec<_>>();
    let mut shown = vec![format!("{frames:?}")];
    let events = scene.world.get(user, "/api/events").await;
    for path in [
        "/api/message_groups",
        "/api/unread",
        "/api/me",
        &format!("/api/messages/{}", scene.group),
        &format!("/api/message_groups/{}", scene.group),
    ] {
        shown.push(format!("{:?}", scene.world.get(user, path).await));
    }
    shown.push(format!("{events:?}"));
    shown.join("\n")
}

#[tokio::test]
async fn without_receipts_on_both_sides_nothing_tells_the_other_what_is_read() {
    for (alices, bobs) in [(false, true), (true, false), (false, false)] {
        let scene = Scene::new().await;
        let (alice, bob) = (&scene.alice, &scene.bob);
        scene.set_receipts(alice, alices).await;
        scene.set_receipts(bob, bobs).await;
        let one = scene.send(alice, "one").await;
        scene.send(alice, "two").await;
        let _ = scene.sockets.take_frames();
        let unread = all_that_is_shown(&scene, alice, "a").await;
        scene.mark_read(bob, &one).await;
        assert_eq!(all_that_is_shown(&scene, alice, "a").await, unread, "one is read");
        scene.mark_read(bob, &Value::Null).await;
        scene.mark_unread(bob, &one).await;
        scene.mark_read(bob, &Value::Null).await;
        assert_eq!(all_that_is_shown(&scene, alice, "a").await, unread, "both are read");
        // Turning receipts on tells nothing about the time before.
        scene.set_receipts(alice, true).await;
        scene.set_receipts(bob, true).await;
        let members = scene.shown(alice).await["members"].clone();
        assert!(
            members.as_array().unwrap().iter().all(|member| member["last_read_at"].is_null()),
            "{members}"
        );
    }
}

#[tokio::test]
async fn with_receipts_on_both_sides_the_other_sees_what_is_read() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    let _ = scene.sockets.take_frames();
    scene.mark_read(bob, &Value::Null).await;
    for (user, id) in [(alice, "a"), (bob, "b")] {
        let members = scene.shown(user).await["members"].clone();
        let of_bob = members.as_array().unwrap().iter().find(|member| member["uuid"] == json!(bob.user.uuid));
        assert_eq!(of_bob.unwrap()["last_read_message_uuid"], one["uuid"]);
        let frames = scene.sockets.take_frames();
        if id == "a" {
            let (_, frame) = frames.iter().find(|(connection, _)| connection == id).unwrap();
            let event = &frame["events"][0];
            assert_eq!((&event["type"], &event["user_uuid"]), (&json!("read"), &json!(bob.user.uuid)));
            assert_eq!(event["last_read_message_uuid"], one["uuid"]);
        }
    }
    // Marking as unread is a private matter.
    let before = scene.shown(alice).await;
    scene.mark_unread(bob, &one).await;
    assert_eq!(scene.shown(alice).await, before);
    assert!(scene.sockets.take_frames().iter().all(|(id, _)| id == "b"));
    // Turned off later, a receipt disappears.
    scene.set_receipts(alice, false).await;
    assert!(scene.shown(alice).await["members"][0]["last_read_at"].is_null());
    scene.assert_at_rest();
}

#[tokio::test]
async fn an_edit_and_a_deletion_are_shown_everywhere_and_repeated_ones_change_nothing() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    let two = scene.send(alice, "secret two").await;
    let _ = scene.sockets.take_frames();
    for _ in 0..2 {
        let edited: Value = serde_json::from_str(&scene.edit(alice, &two, "better two", 200).await).unwrap();
        assert_eq!((&edited["message"], &edited["version"]), (&json!("better two"), &json!(2)));
        scene.world.deliver_all().await;
    }
    let frames = scene.sockets.take_frames();
    assert_eq!(frames.len(), 2, "one for each member: {frames:?}");
    for (_, frame) in &frames {
        assert_eq!(frame["events"][0]["type"], "message_changed");
        assert_eq!(frame["messages"][0]["message"], "better two");
        assert_eq!(frame["message_groups"][0]["message"], "better two");
    }
    for _ in 0..2 {
        scene.delete(alice, &two, 204).await;
        scene.world.deliver_all().await;
    }
    scene.delete(alice, &one, 204).await;
    scene.world.deliver_all().await;
    for user in [alice, bob] {
        let messages = scene.messages(user).await;
        for (message, version) in messages.as_array().unwrap().iter().zip([2, 3]) {
            assert_eq!((&message["message"], &message["version"]), (&json!(""), &json!(version)));
            assert!(message["deleted_at"].is_string() && message["edited_at"].is_null(), "{message}");
        }
        let group = &scene.world.get(user, "/api/message_groups").await.ok()[0];
        assert_eq!((&group["message"], &group["created_at"]), (&json!(""), &two["created_at"]));
    }
    let rows = scene.world.rows().iter().map(Value::to_string).collect::<String>();
    assert!(!rows.contains("secret two") && !rows.contains("better two"), "{rows}");
    assert_eq!(scene.edit(alice, &two, "third", 409).await, r#"["message_deleted"]"#);
    assert_eq!(scene.react(bob, &two, "👍", Method::PUT, 409).await, r#"["message_deleted"]"#);
    assert_eq!(scene.unread(bob).await, 0);
    scene.assert_at_rest();
}

#[tokio::test]
async fn a_message_can_be_edited_for_a_quarter_of_an_hour_and_deleted_at_any_time() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    scene.world.clock.advance(TimeDelta::seconds(899));
    scene.edit(alice, &one, "two", 200).await;
    scene.world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(scene.edit(alice, &one, "three", 403).await, r#"["edit_window_over"]"#);
    assert_eq!(scene.edit(bob, &one, "three", 403).await, r#"["message_not_yours"]"#);
    assert_eq!(scene.delete(bob, &one, 403).await, r#"["message_not_yours"]"#);
    scene.delete(alice, &one, 204).await;
}

#[tokio::test]
async fn a_user_has_up_to_five_reactions_to_a_message() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    let emoji = ["👍", "❤️", "😂", "😮", "😢"];
    for emoji in emoji {
        for _ in 0..2 {
            scene.react(bob, &one, emoji, Method::PUT, 204).await;
        }
    }
    assert_eq!(scene.react(bob, &one, "🎉", Method::PUT, 409).await, r#"["reaction_limit"]"#);
    // The form without a variation selector is the same emoji.
    scene.react(bob, &one, "❤", Method::PUT, 204).await;
    scene.react(alice, &one, "👍", Method::PUT, 204).await;
    let messages = scene.messages(alice).await;
    let reactions = messages[0]["reactions"].as_array().unwrap();
    assert_eq!(reactions.len(), 5);
    let mut both = [alice.user.uuid, bob.user.uuid];
    both.sort_unstable();
    assert!(reactions.contains(&json!({"emoji": "👍", "user_uuids": both})), "{reactions:?}");
    // Seven writes, of six emoji.
    assert_eq!(messages[0]["version"], 1 + 6);
    for emoji in emoji {
        for _ in 0..2 {
            scene.react(bob, &one, emoji, Method::DELETE, 204).await;
        }
    }
    let messages = scene.messages(bob).await;
    assert_eq!(messages[0]["reactions"], json!([{"emoji": "👍", "user_uuids": [alice.user.uuid]}]));
    scene.world.deliver_all().await;
    scene.assert_at_rest();
}

#[tokio::test]
async fn a_reply_shows_the_answered_message_as_it_is() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let old = scene.send(alice, "an old message").await;
    let long = scene.send(alice, &"é".repeat(100)).await;
    let reply = async |to: &Value, key: Option<&str>| {
        let reference = json!({"uuid": to["uuid"], "created_at": to["created_at"]});
        let body = json!({"message_group_uuid": scene.group, "message": "a reply", "reply_to": reference});
        let headers = key.map(|key| ("idempotency-key", key));
        scene.world.post_with(bob, headers.as_slice(), body.to_string()).await
    };
    assert_eq!(reply(&old, Some("once")).await.ok()["reply_to"]["uuid"], old["uuid"]);
    let long_reply = reply(&long, None).await.ok();
    let quoted = async |limit: usize| {
        let messages =
            scene.world.get(bob, &format!("/api/messages/{}?limit={limit}", scene.group)).await.ok();
        messages.as_array().unwrap().iter().map(|message| message["reply_to"].clone()).collect::<Vec<_>>()
    };
    let quote = |message: &Value, text: Option<&str>| {
        let mut quote = json!({"uuid": message["uuid"], "created_at": message["created_at"], "user_uuid": alice.user.uuid});
        if let Some(text) = text {
            quote["message"] = json!(text);
        }
        quote
    };
    let cut = "é".repeat(58) + "…";
    let both = [quote(&old, Some("an old message")), quote(&long, Some(&cut))];
    assert_eq!(quoted(4).await[2..], both);
    assert_eq!(quoted(2).await, both);
    scene.edit(alice, &old, "a newer text", 200).await;
    scene.delete(alice, &long, 204).await;
    assert_eq!(quoted(2).await, [quote(&old, Some("a newer text")), quote(&long, None)]);
    // A repeated request is answered as before, although the answered message was deleted.
    scene.delete(alice, &old, 204).await;
    assert_eq!(reply(&old, Some("once")).await.ok()["message"], "a reply");
    assert_eq!(reply(&old, Some("twice")).await.brief(), (409, "[\"message_deleted\"]"));
    let absent = json!({"uuid": Uuid::max(), "created_at": old["created_at"]});
    assert_eq!(reply(&absent, None).await.brief(), (404, "[\"message_not_found\"]"));
    scene.delete(bob, &long_reply, 204).await;
    scene.world.deliver_all().await;
    assert_eq!(quoted(1).await, [Value::Null]);
    let messages = scene.world.rows().into_iter().filter(|row| kind_of(row) == Some(RowKind::Message));
    assert_eq!(messages.count(), 4);
    scene.assert_at_rest();
}

#[tokio::test]
async fn a_changed_name_is_shown_and_a_bad_one_refused() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    scene.send(alice, "one").await;
    let me =
        scene.ask(alice, Method::PATCH, "/api/me", &json!({"display_name": " Alice\u{202e} A. "}), 200).await;
    assert_eq!(serde_json::from_str::<Value>(&me).unwrap()["display_name"], "Alice A.");
    assert_eq!(scene.shown(bob).await["display_name"], "Alice A.");
    let body = json!({"display_name": "\u{200b}"});
    assert_eq!(scene.ask(alice, Method::PATCH, "/api/me", &body, 422).await, r#"["display_name_invalid"]"#);
}

/// A write may be executed long after its time limit. It must not undo a later one.
#[tokio::test]
async fn a_late_write_changes_nothing() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    scene.send(alice, "two").await;
    let late = || scene.world.emulator.fail("UpdateItem", 1, Late(Reset, Duration::from_millis(300)));

    late();
    scene.edit(alice, &one, "edited", 200).await;
    scene.edit(alice, &one, "edited again", 200).await;
    late();
    scene.react(bob, &one, "👍", Method::PUT, 204).await;
    scene.react(bob, &one, "👍", Method::DELETE, 204).await;
    late();
    scene.ask(bob, Method::PUT, &format!("/api/message_groups/{}/read", scene.group), &json!({}), 204).await;
    scene.mark_unread(bob, &one).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    scene.world.deliver_all().await;
    let messages = scene.messages(bob).await;
    assert_eq!((&messages[0]["message"], messages[0].get("reactions")), (&json!("edited again"), None));
    assert_eq!(scene.unread(bob).await, 2);
    scene.assert_at_rest();
}

/// A write is executed, and its answer lost. It must not be repeated after another one, nor refused.
#[tokio::test]
async fn an_edit_that_another_change_follows_is_neither_repeated_nor_refused() {
    let scene = Scene::new().await;
    let alice = &scene.alice;
    let one = scene.send(alice, "one").await;
    let later = || tokio::time::sleep(Duration::from_millis(300));
    let lose_one = || scene.world.emulator.fail("UpdateItem", 1, Lost(Silence));

    lose_one();
    tokio::join!(scene.edit(alice, &one, "edited", 503), async {
        later().await;
        scene.edit(alice, &one, "edited again", 200).await;
    });
    assert_eq!(scene.messages(alice).await[0]["message"], "edited again");

    lose_one();
    tokio::join!(scene.edit(alice, &one, "edited once more", 503), async {
        later().await;
        scene.delete(alice, &one, 204).await;
    });
    scene.world.deliver_all().await;
    scene.assert_at_rest();
}

#[tokio::test]
async fn a_receipt_never_goes_back_and_is_sent_once() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    let one = scene.send(alice, "one").await;
    scene.send(alice, "two").await;
    scene.mark_read(bob, &Value::Null).await;
    let told = scene.shown(alice).await["members"].clone();
    let _ = scene.sockets.take_frames();
    scene.mark_unread(bob, &one).await;
    scene.mark_read(bob, &one).await;
    scene.mark_read(bob, &Value::Null).await;
    assert_eq!(scene.shown(alice).await["members"], told);
    let frames = scene.sockets.take_frames();
    assert!(frames.iter().all(|(id, _)| id == "b"), "{frames:?}");
}

#[tokio::test]
async fn a_group_is_shown_as_it_is_although_the_index_lags() {
    let scene = Scene::new().await;
    let (alice, bob) = (&scene.alice, &scene.bob);
    scene.send(alice, "one").await;
    let is_inbox_row = |row: &Value| kind_of(row) == Some(RowKind::Inbox);
    let old = scene.world.rows().into_iter().filter(is_inbox_row).collect::<Vec<_>>();
    scene.send(alice, "two").await;
    for lagging in [vec![], old] {
        scene.world.emulator.edit_answers(move |call, answer| {
            if call.request["IndexName"].is_string() {
                answer["Items"] = json!(lagging);
            }
        });
        let shown = scene.shown(bob).await;
        assert_eq!((&shown["message"], &shown["unread_count"]), (&json!("two"), &json!(2)));
    }
}
