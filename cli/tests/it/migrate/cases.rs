//! Single cases of old groups.

use cli::{
    doctor::Kind,
    migrate::{Basis, Left, LeftKind, Line},
};
use cruddur::{
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    random::Random,
    table::{Key, Partition, RowKind},
    user::{Receiver, User},
};
use serde_json::{Value, json};
use testing::invariants;
use uuid::Uuid;

use super::old_table::{OldTable, Reported, is_new};

const GROUP: &str = "5ae290ed-55d1-47a0-bc6d-fe2bc2700399";
const OTHER_GROUP: &str = "8c0f4f8e-6d0c-4a55-9e2e-3f2b8b0d7c11";

pub(super) fn message(group: &str, sk: &str, sender: &User, text: &str) -> Value {
    json!({
        "pk": {"S": RowKind::Message.partition(group)},
        "sk": {"S": sk},
        "message_uuid": {"S": Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{group}{sk}").as_bytes()).to_string()},
        "message": {"S": text},
        "user_uuid": {"S": sender.uuid.to_string()},
        "user_display_name": {"S": sender.display_name},
        "user_handle": {"S": sender.handle},
    })
}

fn inbox_row(group: &str, owner: &User, sk: &str, other: &User, text: &str) -> Value {
    json!({
        "pk": {"S": Partition::Inbox(owner.uuid).to_string()},
        "sk": {"S": sk},
        "message_group_uuid": {"S": group},
        "message": {"S": text},
        "user_uuid": {"S": other.uuid.to_string()},
        "user_display_name": {"S": other.display_name},
        "user_handle": {"S": other.handle},
    })
}

/// The texts of this system's conversations, by group.
fn texts(old_table: &OldTable) -> Vec<(Uuid, Vec<String>)> {
    let rows = old_table.rows().into_values();
    let rows = rows.filter(|row| {
        let pk = row["pk"]["S"].as_str().unwrap();
        RowKind::of_partition(pk) != Some(RowKind::Message)
            || pk.split_once('#').is_some_and(|(_, group)| is_new(group))
    });
    let messages = invariants::messages(&rows.collect::<Vec<_>>());
    messages
        .into_iter()
        .map(|(group, rows)| (group, rows.into_iter().map(|row| row.message).collect()))
        .collect()
}

fn left(reported: &Reported) -> Vec<&Left> {
    reported
        .lines
        .iter()
        .filter_map(|line| if let Line::Left(left) = line { Some(left) } else { None })
        .collect()
}

fn redirects(reported: &Reported) -> Vec<(&str, Uuid, Basis)> {
    let redirect = |line| match line {
        &Line::Redirect { ref old, new, basis } => Some((old.as_str(), new, basis)),
        Line::Left(_) => None,
    };
    reported.lines.iter().filter_map(redirect).collect()
}

#[tokio::test]
async fn groups_of_one_pair_become_one_in_order_of_time() {
    let old_table = OldTable::with_users(2).await;
    let [a, b] = [&old_table.users[0], &old_table.users[1]];
    old_table.put_all(&[
        // Their sort keys are in another order.
        message(GROUP, "2023-01-01T12:00:00+02:00", a, "one"),
        message(GROUP, "2023-01-01T10:00:01.5+00:00", b, "three"),
        message(OTHER_GROUP, "2023-01-01T05:00:01-05:00", b, "two"),
        message(OTHER_GROUP, "2023-01-01T12:00:02", a, "four"),
        inbox_row(GROUP, a, "2023-01-01T12:00:00+02:00", b, "one"),
        inbox_row(OTHER_GROUP, b, "2023-01-01T12:00:02", a, "four"),
    ]);
    let reported = old_table.migrate().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&old_table), [(group, ["one", "two", "three", "four"].map(str::to_owned).to_vec())]);
    assert_eq!(
        redirects(&reported),
        [(GROUP, group, Basis::InboxRows), (OTHER_GROUP, group, Basis::InboxRows)]
    );
    assert_eq!(left(&reported), Vec::<&Left>::new());
    assert_eq!(old_table.findings().await, []);
    // 12:00:02 at +02:00.
    let inbox = old_table.rows().into_keys();
    let inbox = inbox.filter(|(pk, _)| RowKind::of_partition(pk) == Some(RowKind::Inbox)).map(|(_, sk)| sk);
    assert_eq!(inbox.map(|sk| sk[..27].to_owned()).collect::<Vec<_>>(), ["2023-01-01T10:00:02.000000Z"; 2]);
}

#[tokio::test]
async fn messages_of_one_instant_keep_the_order_in_which_they_were_listed() {
    let old_table = OldTable::with_users(2).await;
    let [a, b] = [&old_table.users[0], &old_table.users[1]];
    let spellings =
        ["10:00:00+00:00", "10:00:00.000000+00:00", "11:00:00+01:00", "12:00:00", "12:00:00.000+02:00"];
    let times = spellings.map(|time| format!("2023-01-01T{time}"));
    old_table.put_all(times.iter().map(|time| message(GROUP, time, a, time)).collect::<Vec<_>>().iter());
    old_table.put_all(&[inbox_row(GROUP, a, &times[0], b, &times[0])]);
    old_table.migrate().await;
    let mut expected = times.to_vec();
    expected.sort();
    assert_eq!(texts(&old_table), [(uuid_of_pair(a.uuid, b.uuid), expected)]);
}

#[tokio::test]
async fn undecidable_rows_are_left_and_listed() {
    let old_table = OldTable::with_users(3).await;
    let [a, b, c] = [&old_table.users[0], &old_table.users[1], &old_table.users[2]];
    let time = "2023-01-01T10:00:00+00:00";
    let mut nameless = message(GROUP, "2023-01-03T10:00:00+00:00", a, "no uuid");
    nameless.as_object_mut().unwrap().remove("message_uuid");
    let rows = [
        message(GROUP, time, a, "to whom?"),
        nameless,
        message(GROUP, "some day", a, "when?"),
        message(OTHER_GROUP, time, a, "one of three"),
        message(OTHER_GROUP, "2023-01-02T10:00:00+00:00", b, "two of three"),
        message(OTHER_GROUP, "2023-01-03T10:00:00+00:00", c, "three of three"),
        message("@unknown", time, a, "who is that?"),
        message(&format!("@{}", a.handle), time, a, "to myself"),
        message("undefined", time, a, "where?"),
        inbox_row("a5a2d3a1-4d0f-4c7e-9b57-3d2a0b3f4c5e", a, time, b, "lost"),
        inbox_row("a5a2d3a1-4d0f-4c7e-9b57-3d2a0b3f4c5e", c, time, c, "myself"),
    ];
    old_table.put_all(&rows);
    let before = old_table.rows();
    let reported = old_table.migrate().await;
    assert_eq!(old_table.rows(), before);
    let mut why = left(&reported)
        .into_iter()
        .map(|left| (left.pk.clone(), left.rows, left.why.as_str()))
        .collect::<Vec<_>>();
    why.sort_unstable();
    let messages = |id: &str| RowKind::Message.partition(id);
    let inbox_of = |user: &User| Partition::Inbox(user.uuid).to_string();
    let mut expected = vec![
        (inbox_of(a), 1, "its conversation is not migrated"),
        (inbox_of(c), 1, "it names its owner as the other member"),
        (messages(GROUP), 1, "an attribute is missing or malformed"),
        (messages(GROUP), 1, "its sort key has no time"),
        (messages(GROUP), 1, "one sender, and no inbox row names the receiver"),
        (messages(OTHER_GROUP), 3, "more than two senders, and no inbox row names the members"),
        (messages("@unknown"), 1, "no user has this handle"),
        (messages(&format!("@{}", a.handle)), 1, "the handle is the sender's own"),
        (messages("undefined"), 1, "unknown form of partition key"),
    ];
    expected.sort_unstable();
    assert_eq!(why, expected);
    assert_eq!((reported.summary.left_messages, reported.summary.left_rows), (9, 2));
}

#[tokio::test]
async fn messages_of_a_stranger_are_left_and_the_conversation_is_migrated() {
    let old_table = OldTable::with_users(3).await;
    let [a, b, mallory] = [&old_table.users[0], &old_table.users[1], &old_table.users[2]];
    let time = "2023-01-02T10:00:00+00:00";
    old_table.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", a, "between us"),
        message(GROUP, time, mallory, "I am in"),
        inbox_row(GROUP, a, time, b, "I am in"),
        inbox_row(GROUP, b, time, a, "I am in"),
    ]);
    let reported = old_table.migrate().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&old_table), [(group, vec!["between us".to_owned()])]);
    assert_eq!(
        left(&reported),
        [&Left {
            kind: LeftKind::Message,
            pk: RowKind::Message.partition(GROUP),
            sk: None,
            sender: Some(mallory.uuid),
            rows: 1,
            why: "their sender is not a member".to_owned(),
        }]
    );
    assert_eq!(
        old_table.findings().await,
        [(Kind::OldRow, (RowKind::Message.partition(GROUP), time.to_owned()))]
    );
}

#[tokio::test]
async fn messages_under_a_handle_go_to_its_owner() {
    let old_table = OldTable::with_users(3).await;
    let [a, b, c] = [&old_table.users[0], &old_table.users[1], &old_table.users[2]];
    let to_c = format!("@{}", c.handle.to_uppercase());
    old_table.put_all(&[
        message(&to_c, "2023-01-01T10:00:00+00:00", a, "from a"),
        message(&to_c, "2023-01-01T10:00:01+00:00", b, "from b"),
    ]);
    old_table.migrate().await;
    let mut expected = vec![
        (uuid_of_pair(a.uuid, c.uuid), vec!["from a".to_owned()]),
        (uuid_of_pair(b.uuid, c.uuid), vec!["from b".to_owned()]),
    ];
    expected.sort();
    assert_eq!(texts(&old_table), expected);
    assert_eq!(old_table.findings().await, []);
}

#[tokio::test]
async fn a_handle_with_two_owners_is_left() {
    let old_table = OldTable::with_users(3).await;
    let [a, b, c] = [&old_table.users[0], &old_table.users[1], &old_table.users[2]];
    let before = User { handle: c.handle.clone(), ..b.clone() };
    let under_the_handle = message(&format!("@{}", c.handle), "2023-01-01T10:00:00+00:00", a, "to whom?");
    old_table.put_all(&[
        under_the_handle.clone(),
        message(GROUP, "2022-01-01T10:00:00+00:00", &before, "I was called so"),
        inbox_row(GROUP, a, "2022-01-01T10:00:00+00:00", &before, "I was called so"),
    ]);
    let reported = old_table.migrate().await;
    assert_eq!(
        left(&reported).iter().map(|left| left.why.as_str()).collect::<Vec<_>>(),
        ["more than one user had this handle"]
    );
    let key =
        (under_the_handle["pk"]["S"].as_str().unwrap().to_owned(), "2023-01-01T10:00:00+00:00".to_owned());
    assert_eq!(old_table.rows().get(&key), Some(&under_the_handle));
}

#[tokio::test]
async fn an_inbox_row_without_a_group_is_deleted_if_its_message_exists_and_listed_otherwise() {
    let old_table = OldTable::with_users(3).await;
    let [a, b, c] = [&old_table.users[0], &old_table.users[1], &old_table.users[2]];
    let time = "2023-01-01T10:00:00+00:00";
    let mut without = inbox_row(GROUP, a, time, b, "hello");
    without.as_object_mut().unwrap().remove("message_group_uuid");
    old_table.put_all(&[
        message(GROUP, time, a, "hello"),
        inbox_row(GROUP, b, time, a, "hello"),
        without,
        inbox_row("undefined", c, time, a, "lost"),
    ]);
    assert_eq!(
        old_table.findings().await.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(),
        [Kind::OldRow; 4]
    );
    let reported = old_table.migrate().await;
    let inbox_of_c = Partition::Inbox(c.uuid).to_string();
    assert_eq!(left(&reported).iter().map(|left| &left.pk).collect::<Vec<_>>(), [&inbox_of_c]);
    assert_eq!(old_table.findings().await, [(Kind::OldRow, (inbox_of_c, time.to_owned()))]);
}

#[tokio::test]
async fn rows_of_any_size_fit_into_transactions() {
    let old_table = OldTable::with_users(2).await;
    let [a, b] = [&old_table.users[0], &old_table.users[1]];
    let large = |number: usize| {
        let mut row = message(GROUP, &format!("2023-01-01T10:00:{number:02}+00:00"), a, "with more");
        row["attachment"] = json!({"B": "QUJD".repeat(70_000)});
        row
    };
    old_table.put_all((0..30).map(large).collect::<Vec<_>>().iter());
    old_table.put_all(&[inbox_row(GROUP, a, "2023-01-01T10:00:29+00:00", b, "with more")]);
    assert_eq!(old_table.migrate().await.summary.messages, 30);
    assert_eq!(old_table.findings().await, []);
}

#[tokio::test]
async fn a_user_who_is_gone_keeps_the_names_in_the_rows() {
    let old_table = OldTable::with_users(1).await;
    let a = &old_table.users[0];
    let gone =
        User { uuid: Uuid::from_u128(7), handle: "gone".to_owned(), display_name: "Gone Away".to_owned() };
    old_table.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", &gone, "bye"),
        message(GROUP, "2023-01-01T10:00:01+00:00", a, "bye"),
    ]);
    let reported = old_table.migrate().await;
    let group = uuid_of_pair(a.uuid, gone.uuid);
    assert_eq!(redirects(&reported), [(GROUP, group, Basis::Senders)]);
    let membership = Key::Membership(group);
    let membership = old_table.rows().remove(&(membership.pk(), membership.sk())).unwrap();
    let names = &membership["members"]["M"][gone.uuid.to_string()]["M"];
    assert_eq!((&names["handle"]["S"], &names["display_name"]["S"]), (&json!("gone"), &json!("Gone Away")));
    assert_eq!(old_table.findings().await, []);
}

#[tokio::test]
async fn a_time_without_an_offset_fails_before_anything_is_written() {
    let old_table = OldTable::with_users(2).await;
    let [a, b] = [&old_table.users[0], &old_table.users[1]];
    old_table.put_all(&[
        message(GROUP, "2023-01-01T10:00:00", a, "when?"),
        inbox_row(GROUP, a, "2023-01-01T10:00:00", b, "when?"),
    ]);
    let before = old_table.rows();
    let mut migration = old_table.migration();
    migration.assume_offset = None;
    let error = migration.run(false, &|_| Ok(())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 rows have times without a UTC offset; give the offset of the machines that wrote them, such as \
         --assume-offset=+00:00"
    );
    assert_eq!(old_table.rows(), before);
    old_table.migrate().await;
    // Without a group, too.
    old_table.put_all(&[message(&format!("@{}", b.handle), "2023-01-01T11:00:00", a, "late")]);
    migration.assume_offset = chrono::FixedOffset::east_opt(0);
    let error = migration.run(false, &|_| Ok(())).await.unwrap_err();
    assert!(error.to_string().starts_with("an earlier run used --assume-offset=+02:00"), "{error}");
}

#[tokio::test]
async fn a_pair_that_already_uses_the_new_system_has_one_conversation() {
    let old_table = OldTable::with_users(2).await;
    let [a, b] = [&old_table.users[0], &old_table.users[1]];
    let send = async |from: &User, to: &User, text: &str| {
        let target = Target::User {
            handle: Some(to.handle.parse().unwrap()),
            receiver: Receiver::of_everyone(to.clone()),
        };
        let new = NewMessage {
            sender: from.clone(),
            target,
            text: text.parse().unwrap(),
            reply_to: None,
            idempotency_key: None,
        };
        Messages::new(old_table.world.table(), old_table.world.clock.clock(), Random::system(), None)
            .send(new)
            .await
            .unwrap();
    };
    old_table.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", a, "old"),
        // Newer than the messages in the new system, by a wrong clock.
        message(GROUP, "2026-12-01T10:00:00+00:00", b, "ahead"),
        inbox_row(GROUP, a, "2023-01-01T10:00:00+00:00", b, "old"),
    ]);
    send(a, b, "new").await;
    old_table.migrate().await;
    send(b, a, "newer").await;
    old_table.world.deliver_all().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&old_table), [(group, ["old", "new", "ahead", "newer"].map(str::to_owned).to_vec())]);
    assert_eq!(old_table.findings().await, []);
}
