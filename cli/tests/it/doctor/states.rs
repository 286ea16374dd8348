//! Read markers, edits, deletions and reactions: damage to their rows, and rows that lag behind them.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cli::doctor::{Kind, Mode, Status};
use cruddur::{
    block::Blocks,
    message::{change::MessageChange, reaction::ReactionChange},
    random::Random,
    sort_key::SortKey,
    table::{Key, Partition, reactions_attribute},
};
use serde_json::{Value, json};
use testing::{invariants, world::TABLE};
use uuid::{Uuid, uuid};

use super::clinic::{Brief, Clinic};

/// After every message.
const LATER: &str = "2026-12-01T00:00:00.000000Z#01a20297-4dc0-7000-8000-000000000001";

/// A conversation of users 0 and 1 with four messages: the second one is deleted, the third one edited, and the first and
/// the last one have reactions. User 0 has read two messages and shares that. User 1 does not share markers, has read
/// everything, and has marked the third message as unread.
struct Conversation {
    clinic: Clinic,
    group: Uuid,
    messages: [SortKey; 4],
}

impl Conversation {
    async fn new() -> Self {
        let clinic = Clinic::with_groups(0, 0).await;
        let mut messages = Vec::new();
        for (number, text) in ["one", "two", "three", "four"].into_iter().enumerate() {
            let sent = clinic.send(number % 2, 1 - number % 2, text).await;
            messages.push(SortKey { created_at: sent.created_at, message_uuid: sent.uuid });
        }
        let group = clinic.group(0, 1);
        let conversation = Self { clinic, group, messages: messages.try_into().unwrap() };
        conversation.change(0, 2, &edit("three, edited")).await;
        conversation.change(1, 1, &MessageChange::Delete).await;
        conversation.react(1, 0, "👍").await;
        conversation.react(0, 3, "🎉").await;
        let Self { clinic, messages, .. } = &conversation;
        let [first, second] = [0, 1].map(|user| clinic.users[user].uuid);
        clinic.states().mark_read(first, group, Some(messages[1]), true).await.unwrap();
        clinic.states().mark_read(second, group, None, false).await.unwrap();
        clinic.states().mark_unread(second, group, messages[2]).await.unwrap();
        conversation.deliver().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(invariants::check_logged(&clinic.world.rows()), Vec::<String>::new());
        conversation
    }

    async fn change(&self, user: usize, message: usize, change: &MessageChange) {
        let user = self.clinic.users[user].uuid;
        self.clinic.messages().change(user, self.group, self.messages[message], change).await.unwrap();
    }

    async fn react(&self, user: usize, message: usize, emoji: &str) {
        let change = ReactionChange::Add(emoji.parse().unwrap());
        let user = self.clinic.users[user].uuid;
        self.clinic.messages().react(user, self.group, self.messages[message], change).await.unwrap();
    }

    async fn deliver(&self) {
        self.clinic.world.deliver_all().await;
        self.clinic.deliver_changes().await;
    }

    fn message_key(&self, message: usize) -> Key {
        Key::Message { group_uuid: self.group, sk: self.messages[message] }
    }

    fn state_key(&self, user: usize) -> Key {
        Key::MemberState { group_uuid: self.group, user_uuid: self.clinic.users[user].uuid }
    }

    /// The inbox row of a user.
    fn inbox_row(&self, user: usize) -> Value {
        let pk = Partition::Inbox(self.clinic.users[user].uuid).to_string();
        let mut rows = self.clinic.world.rows().into_iter();
        rows.rfind(|row| row["pk"]["S"] == json!(pk)).unwrap()
    }

    /// Changes the row at a key. `null` removes an attribute.
    fn edit_row(&self, key: &Key, changes: &Value) {
        self.edit(self.clinic.row_at(key).unwrap(), changes);
    }

    fn edit_inbox_row(&self, user: usize, changes: &Value) {
        self.edit(self.inbox_row(user), changes);
    }

    fn edit(&self, mut row: Value, changes: &Value) {
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.clinic.put(&row);
    }

    /// Changes the list of changes in the newest row of a user's log.
    fn edit_log(&self, user: usize, edit: impl FnOnce(&mut Vec<Value>)) {
        let pk = Partition::EventLog(self.clinic.users[user].uuid).to_string();
        let mut rows = self.clinic.world.emulator.rows(TABLE).into_iter();
        let (_, mut row) = rows.rfind(|((of, _), _)| *of == pk).unwrap();
        edit(row["changes"]["L"].as_array_mut().unwrap());
        self.clinic.put(&row);
    }

    fn logged(&self, kind: &str, more: &Value) -> Value {
        let mut change = json!({"kind": {"S": kind}, "group_uuid": {"S": self.group.to_string()}});
        change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"M": change})
    }

    /// Asserts that a check finds these kinds, and that a repair leaves nothing and breaks nothing. Returns the rows after
    /// the repair.
    async fn assert_repaired(&self, name: &str, expected: &[Kind]) -> Vec<Value> {
        let found = self.clinic.examine(Mode::Check).await;
        assert_eq!(kinds(&found.brief()), expected.iter().copied().collect(), "{name}: {:?}", found.findings);
        assert_eq!(found.groups(), [self.group].into(), "{name}");
        let repaired = self.clinic.examine(Mode::Repair).await;
        assert_eq!(repaired.summary.left, 0, "{name}: {:?}", repaired.findings);
        assert_eq!(self.clinic.examine(Mode::Check).await.findings, [], "{name}");
        let rows = self.clinic.world.rows();
        assert_eq!(invariants::check_at_rest(&rows), Vec::<String>::new(), "{name}");
        // The repair's own records change no inbox row.
        self.deliver().await;
        let inbox_rows = |rows: Vec<Value>| {
            rows.into_iter().filter(|row| row["message_group_uuid"].is_object()).collect::<Vec<_>>()
        };
        let delivered = self.clinic.world.rows();
        assert_eq!(inbox_rows(delivered.clone()), inbox_rows(rows.clone()), "{name}");
        assert_eq!(invariants::check_logged(&delivered), Vec::<String>::new(), "{name}");
        rows
    }
}

fn edit(text: &str) -> MessageChange {
    MessageChange::Edit { text: text.parse().unwrap(), window: TimeDelta::minutes(15) }
}

fn kinds(found: &[Brief]) -> BTreeSet<Kind> {
    found.iter().map(|(kind, ..)| *kind).collect()
}

fn number(number: u64) -> Value {
    json!({"N": number.to_string()})
}

#[tokio::test]
async fn a_conversation_with_markers_edits_deletions_and_reactions_has_no_findings() {
    let conversation = Conversation::new().await;
    let before = conversation.clinic.world.rows();
    for mode in [Mode::Check, Mode::Plan, Mode::Repair] {
        assert_eq!(conversation.clinic.examine(mode).await.findings, [], "{mode:?}");
    }
    assert_eq!(conversation.clinic.world.rows(), before);
}

#[tokio::test]
async fn an_inbox_row_that_is_not_the_join_is_joined_again() {
    let changes = [
        ("markers are lost", 0, json!({"read_sk": null, "own_sk": null})),
        ("the owner's message does not count", 0, json!({"own_sk": null})),
        ("a marker is after the newest message", 0, json!({"own_sk": {"S": LATER}})),
        ("a marker is none of the state's", 0, json!({"read_sk": {"S": LATER}})),
        ("no state was joined", 0, json!({"state_version": null, "read_sk": {"S": "-"}})),
        ("no state was joined, and the floor is lost", 1, json!({"state_version": null, "floor_sk": null})),
        ("a later state was joined", 1, json!({"state_version": number(9)})),
        ("the floor is lost", 1, json!({"floor_sk": null})),
        ("an own message counts in spite of the floor", 1, json!({"read_sk": null, "floor_sk": null})),
        ("a reaction was not joined", 0, json!({"version": null})),
        ("a later version was joined", 0, json!({"version": number(9), "message": {"S": "later"}})),
        ("the sender is unknown", 1, json!({"mine": null})),
        ("the sender is another one", 0, json!({"mine": {"BOOL": true}})),
        ("it is edited", 0, json!({"edited_at": {"S": "2026-11-22T09:30:00.000000Z"}})),
        ("it is deleted", 1, json!({"deleted_at": {"S": "2026-11-22T09:30:00.000000Z"}})),
        ("it is blocked", 0, json!({"blocked": {"BOOL": true}})),
    ];
    for (name, user, change) in changes {
        let conversation = Conversation::new().await;
        let before = conversation.clinic.world.rows();
        conversation.edit_inbox_row(user, &change);
        let after = conversation.assert_repaired(name, &[Kind::InboxRowNotJoined]).await;
        assert_eq!(after, before, "{name}");
    }
}

#[tokio::test]
async fn a_missing_row_is_the_join() {
    for user in [0, 1] {
        let conversation = Conversation::new().await;
        let before = conversation.clinic.world.rows();
        let row = conversation.inbox_row(user);
        conversation.clinic.delete(row["pk"]["S"].as_str().unwrap(), row["sk"]["S"].as_str().unwrap());
        let after = conversation.assert_repaired("missing", &[Kind::InboxRowMissing]).await;
        assert_eq!(after, before);
    }
}

#[tokio::test]
async fn changes_that_were_not_delivered_are_joined_and_logged_after_the_grace_period() {
    let conversation = Conversation::new().await;
    let clinic = &conversation.clinic;
    conversation.change(1, 3, &edit("four, edited")).await;
    conversation.change(1, 3, &MessageChange::Delete).await;
    clinic.states().mark_read(clinic.users[0].uuid, conversation.group, None, true).await.unwrap();
    clinic.world.clock.advance(TimeDelta::seconds(59));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
    clinic.world.clock.advance(TimeDelta::seconds(2));
    conversation.assert_repaired("undelivered", &[Kind::InboxRowNotJoined, Kind::EventMissing]).await;
    let row = conversation.inbox_row(0);
    assert_eq!((&row["message"]["S"], row["deleted_at"].is_object()), (&json!(""), true));
}

#[tokio::test]
async fn after_an_earlier_stream_handler_moved_a_row_it_is_unread_again() {
    for has_state in [true, false] {
        let conversation = Conversation::new().await;
        let clinic = &conversation.clinic;
        // Read up to the end: by a marker, or by an own message.
        let user = if has_state {
            clinic.states().mark_read(clinic.users[0].uuid, conversation.group, None, true).await.unwrap();
            0
        } else {
            for user in [0, 1] {
                let key = conversation.state_key(user);
                clinic.delete(&key.pk(), &key.sk());
            }
            assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0);
            1
        };
        conversation.deliver().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        let read = conversation.inbox_row(user);
        assert!(read["read_sk"].is_null() && read["own_sk"].is_null(), "{read}");

        let sent = clinic.send(1 - user, user, "five").await;
        // It keeps all attributes that it does not know.
        for user in [0, 1] {
            let row = conversation.inbox_row(user);
            clinic.delete(row["pk"]["S"].as_str().unwrap(), row["sk"]["S"].as_str().unwrap());
            let sk = format!("{}#{}", sent.created_at, sent.uuid);
            conversation.edit(row, &json!({"sk": {"S": sk}, "message": {"S": "five"}}));
        }
        clinic.world.clock.advance(TimeDelta::minutes(5));
        let expected = [Kind::InboxRowNotJoined, Kind::EventMissing];
        conversation.assert_repaired("moved", &expected).await;
        let unread = conversation.inbox_row(user);
        let marker = if has_state { "read_sk" } else { "own_sk" };
        assert_eq!(unread[marker], read["sk"], "{unread}");
    }
}

#[tokio::test]
async fn a_row_of_an_earlier_version_stays_read() {
    let clinic = Clinic::with_groups(0, 0).await;
    clinic.send(0, 1, "one").await;
    let sent = clinic.send(0, 1, "two").await;
    clinic.world.deliver_all().await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    let mut rows = Vec::new();
    for (pk, sk) in clinic.inbox_rows_of(0, 1) {
        let mut row = clinic.row(&pk, &sk).unwrap();
        row.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "read_sk" | "mine"));
        clinic.put(&row);
        rows.push(row);
    }
    let repaired = clinic.examine(Mode::Repair).await;
    // The sender's row lacks only `mine`.
    assert_eq!(kinds(&repaired.brief()), [Kind::InboxRowNotJoined].into());
    rows[0]["mine"] = json!({"BOOL": true});
    let keys = clinic.inbox_rows_of(0, 1).into_iter();
    assert_eq!(keys.map(|(pk, sk)| clinic.row(&pk, &sk).unwrap()).collect::<Vec<_>>(), rows);
    let sk = format!("{}#{}", sent.created_at, sent.uuid);
    assert_eq!(rows[1]["sk"]["S"], json!(sk));
}

#[tokio::test]
async fn markers_after_the_newest_message_are_set_to_it() {
    for (name, change) in [
        ("read_sk", json!({"read_sk": {"S": LATER}})),
        ("floor_sk", json!({"floor_sk": {"S": LATER}})),
        ("seen_sk", json!({"seen_sk": {"S": LATER}})),
        ("all", json!({"read_sk": {"S": LATER}, "floor_sk": {"S": LATER}, "seen_sk": {"S": LATER}})),
    ] {
        for is_joined in [false, true] {
            let conversation = Conversation::new().await;
            let newest = json!({"S": conversation.messages[3].to_string()});
            let key = conversation.state_key(0);
            let mut more = change.clone();
            more["version"] = number(2);
            conversation.edit_row(&key, &more);
            if is_joined {
                conversation.clinic.deliver_changes().await;
                conversation.assert_repaired(name, &[Kind::MarkerAhead]).await;
            } else {
                let repaired = conversation.clinic.examine(Mode::Repair).await;
                assert_eq!(repaired.summary.left, 0, "{name}: {:?}", repaired.findings);
                let rows = conversation.clinic.world.rows();
                assert_eq!(invariants::check_at_rest(&rows), Vec::<String>::new(), "{name}");
            }
            let state = conversation.clinic.row_at(&key).unwrap();
            for marker in change.as_object().unwrap().keys() {
                assert_eq!(state[marker], newest, "{name}");
            }
            assert_eq!(state["version"], number(3), "{name}");
        }
    }
}

#[tokio::test]
async fn states_of_strangers_and_of_groups_that_do_not_exist_are_deleted() {
    let conversation = Conversation::new().await;
    let clinic = &conversation.clinic;
    let before = clinic.world.rows();
    let mut state = clinic.row_at(&conversation.state_key(0)).unwrap();
    state["sk"] = json!({"S": clinic.users[2].uuid.to_string()});
    clinic.put(&state);
    let after = conversation.assert_repaired("stranger", &[Kind::MemberStateOfStranger]).await;
    assert_eq!(after, before);

    let nowhere = clinic.group(0, 2);
    state["pk"] = json!({"S": Partition::MemberStates(nowhere).to_string()});
    clinic.put(&state);
    let found = clinic.examine(Mode::Repair).await.brief();
    let (pk, sk) = (state["pk"]["S"].as_str().unwrap(), state["sk"]["S"].as_str().unwrap());
    let (kind, status) = (Kind::MemberStateOfStranger, Status::Repaired);
    assert_eq!(found, [(kind, pk.to_owned(), Some(sk.to_owned()), status)]);
    assert_eq!(clinic.world.rows(), before);
}

#[tokio::test]
async fn a_malformed_state_is_deleted_and_its_marker_with_it() {
    let conversation = Conversation::new().await;
    conversation.edit_row(&conversation.state_key(0), &json!({"read_at": {"S": "yesterday"}}));
    let expected = [Kind::MemberStateMalformed, Kind::InboxRowNotJoined, Kind::EventWithoutChange];
    conversation.assert_repaired("malformed", &expected).await;
    let row = conversation.inbox_row(0);
    // Read up to the own message.
    assert_eq!(row["own_sk"]["S"], json!(conversation.messages[2].to_string()));
    assert!(row["state_version"].is_null(), "{row}");
}

#[tokio::test]
async fn what_is_left_of_a_deleted_message_is_removed() {
    for (name, value) in [
        ("message", json!({"S": "secret"})),
        ("reactions", json!({"SS": ["👍"]})),
        ("reply_sk", json!({"S": LATER})),
        ("edited_at", json!({"S": "2026-11-22T09:30:00.000000Z"})),
    ] {
        let conversation = Conversation::new().await;
        let key = conversation.message_key(1);
        let mut before = conversation.clinic.row_at(&key).unwrap();
        let reactions = reactions_attribute(conversation.clinic.users[0].uuid);
        let attribute = if name == "reactions" { &reactions } else { name };
        conversation.edit_row(&key, &json!({attribute: value}));
        conversation.assert_repaired(name, &[Kind::TombstoneWithContent]).await;
        before["version"] = number(3);
        assert_eq!(conversation.clinic.row_at(&key), Some(before), "{name}");
    }
}

#[tokio::test]
async fn a_deleted_newest_message_with_text_leaves_no_text_in_inboxes() {
    let conversation = Conversation::new().await;
    conversation.change(1, 3, &MessageChange::Delete).await;
    conversation.deliver().await;
    conversation.clinic.world.clock.advance(TimeDelta::minutes(5));
    conversation.edit_row(&conversation.message_key(3), &json!({"message": {"S": "secret"}}));
    for user in [0, 1] {
        conversation.edit_inbox_row(user, &json!({"message": {"S": "secret"}}));
    }
    let rows = conversation.assert_repaired("newest", &[Kind::TombstoneWithContent]).await;
    assert!(!json!(rows).to_string().contains("secret"));
}

#[tokio::test]
async fn reactions_of_strangers_are_removed() {
    for message in [0, 3] {
        let conversation = Conversation::new().await;
        let key = conversation.message_key(message);
        let mut before = conversation.clinic.row_at(&key).unwrap();
        let strangers = [2, 3].map(|user| reactions_attribute(conversation.clinic.users[user].uuid));
        let [first, second] = strangers;
        let emoji = json!({"SS": ["🎉", "👍"]});
        conversation.edit_row(&key, &json!({first: emoji.clone(), second: emoji}));
        conversation.assert_repaired("reaction", &[Kind::ReactionOfStranger]).await;
        before["version"] = number(3);
        assert_eq!(conversation.clinic.row_at(&key), Some(before));
    }
}

const NO_MESSAGE: &str = "2026-11-22T09:30:00.500000Z#01a20297-4dc0-7000-8000-000000000001";

#[tokio::test]
async fn events_of_changes_that_do_not_exist_are_removed() {
    let conversation = Conversation::new().await;
    let stored = json!({"S": conversation.messages[2].to_string()});
    let stranger = json!({"S": uuid!("01a20297-4dc0-4000-8000-000000000001").to_string()});
    let user = |place: usize| json!({"S": conversation.clinic.users[place].uuid.to_string()});
    let read = |user: Value, version: u64| {
        let more = json!({"user_uuid": user, "version": number(version), "read_sk": {"S": "-"}});
        conversation.logged("read", &more)
    };
    let changed =
        |sk: &Value| conversation.logged("message_changed", &json!({"message_sk": sk, "version": number(9)}));
    for (name, kind, change) in [
        ("message", Kind::EventWithoutMessage, changed(&json!({"S": NO_MESSAGE}))),
        ("version", Kind::EventWithoutChange, changed(&stored)),
        ("state", Kind::EventWithoutChange, read(user(0), 9)),
        ("user", Kind::EventWithoutChange, read(stranger, 1)),
        ("private", Kind::EventOfPrivateMarker, read(user(1), 1)),
    ] {
        let before = conversation.clinic.world.rows();
        conversation.edit_log(0, |changes| changes.push(change));
        let after = conversation.assert_repaired(name, &[kind]).await;
        assert_eq!(after, before, "{name}");
    }
}

#[tokio::test]
async fn an_event_of_a_marker_after_the_shared_one_is_removed() {
    let conversation = Conversation::new().await;
    let clinic = &conversation.clinic;
    let reader = clinic.users[0].uuid;
    clinic.states().mark_read(reader, conversation.group, None, false).await.unwrap();
    conversation.deliver().await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
    let before = clinic.world.rows();
    let more = json!({
        "user_uuid": {"S": reader.to_string()}, "version": number(2), "read_sk": {"S": "-"},
    });
    conversation.edit_log(1, |changes| changes.push(conversation.logged("read", &more)));
    let after = conversation.assert_repaired("private", &[Kind::EventOfPrivateMarker]).await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn missing_events_of_edits_deletions_and_markers_are_appended() {
    for (name, kind, user, place) in [
        ("edit", "message_changed", 0, 2),
        ("deletion", "message_changed", 1, 1),
        ("own marker", "read", 0, 0),
        ("private marker", "read", 1, 1),
        ("marker of the other member", "read", 1, 0),
    ] {
        let conversation = Conversation::new().await;
        let reader = json!(conversation.clinic.users[place.min(1)].uuid.to_string());
        let message = json!(conversation.messages[place].to_string());
        let mut removed = 0;
        conversation.edit_log(user, |changes| {
            let all = changes.len();
            changes.retain(|change| {
                let change = &change["M"];
                let is_of = change["user_uuid"]["S"] == reader || change["message_sk"]["S"] == message;
                change["kind"]["S"] != json!(kind) || !is_of
            });
            removed = all - changes.len();
        });
        assert_eq!(removed, 1, "{name}");
        conversation.assert_repaired(name, &[Kind::EventMissing]).await;
    }
}

#[tokio::test]
async fn a_change_of_a_message_that_is_older_than_the_log_has_an_event() {
    let conversation = Conversation::new().await;
    let clinic = &conversation.clinic;
    clinic.world.clock.advance(TimeDelta::days(20));
    // The log gets a new start.
    clinic.send(0, 2, "elsewhere").await;
    clinic.world.deliver_all().await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
    conversation.change(0, 0, &MessageChange::Delete).await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    let found = clinic.examine(Mode::Repair).await.brief();
    let pk = Partition::EventLog(clinic.users[0].uuid).to_string();
    assert_eq!(found, [(Kind::EventMissing, pk, None, Status::Repaired)]);
}

#[tokio::test]
async fn membership_and_state_show_a_block_as_its_own_row_has_it() {
    enum Of {
        Membership,
        State,
    }
    let shown = |user: Uuid| json!({"blocked_by": {"SS": [user.to_string()]}});
    for (name, is_blocked, of, is_joined) in [
        ("the membership does not show it", true, Of::Membership, true),
        ("the state does not show it", true, Of::State, false),
        ("the membership shows it after its end", false, Of::Membership, true),
        ("the state shows it after its end", false, Of::State, false),
    ] {
        let conversation = Conversation::new().await;
        let clinic = &conversation.clinic;
        let [me, other] = [0, 1].map(|user| clinic.users[user].uuid);
        let blocks = Blocks::new(clinic.world.table(), clinic.world.clock.clock(), Random::system());
        blocks.block(me, other).await.unwrap();
        if !is_blocked {
            blocks.unblock(me, other).await.unwrap();
        }
        conversation.deliver().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");
        let change = match (&of, is_blocked) {
            (Of::Membership, true) => json!({"blocked_by": null}),
            (Of::Membership, false) => shown(me),
            (Of::State, true) => json!({"blocked": null}),
            (Of::State, false) => json!({"blocked": {"BOOL": true}}),
        };
        let key = match of {
            Of::Membership => Key::Membership(conversation.group),
            Of::State => conversation.state_key(0),
        };
        conversation.edit_row(&key, &change);
        let expected = if is_joined {
            BTreeSet::from([Kind::BlockDiffers])
        } else {
            BTreeSet::from([Kind::BlockDiffers, Kind::InboxRowNotJoined])
        };
        let found = clinic.examine(Mode::Check).await;
        assert_eq!(kinds(&found.brief()), expected, "{name}: {:?}", found.findings);
        assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0, "{name}");
        conversation.deliver().await;
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");
        assert_eq!(invariants::check_logged(&clinic.world.rows()), Vec::<String>::new(), "{name}");
    }
}
