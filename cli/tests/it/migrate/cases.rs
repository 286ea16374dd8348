//! Each thing that can be the matter with an old group, by itself.

use cli::migrate::{Basis, Left, LeftKind, Line};
use cruddur::{
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    random::Random,
    user::User,
};
use serde_json::{Value, json};
use testing::invariants;
use uuid::Uuid;

use super::move_in::{MoveIn, Told};

const GROUP: &str = "5ae290ed-55d1-47a0-bc6d-fe2bc2700399";
const OTHER_GROUP: &str = "8c0f4f8e-6d0c-4a55-9e2e-3f2b8b0d7c11";

pub(super) fn message(group: &str, sk: &str, sender: &User, text: &str) -> Value {
    json!({
        "pk": {"S": format!("MSG#{group}")},
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
        "pk": {"S": format!("GRP#{}", owner.uuid)},
        "sk": {"S": sk},
        "message_group_uuid": {"S": group},
        "message": {"S": text},
        "user_uuid": {"S": other.uuid.to_string()},
        "user_display_name": {"S": other.display_name},
        "user_handle": {"S": other.handle},
    })
}

/// The table's conversations as texts, by their groups.
fn texts(move_in: &MoveIn) -> Vec<(Uuid, Vec<String>)> {
    let rows = move_in.rows().into_values();
    let rows = rows.filter(|row| {
        let pk = row["pk"]["S"].as_str().unwrap();
        !pk.starts_with("MSG#") || pk[4..].parse::<Uuid>().is_ok_and(|uuid| uuid.get_version_num() == 5)
    });
    let messages = invariants::messages(&rows.collect::<Vec<_>>());
    messages
        .into_iter()
        .map(|(group, rows)| (group, rows.into_iter().map(|row| row.message).collect()))
        .collect()
}

fn left(told: &Told) -> Vec<&Left> {
    told.lines.iter().filter_map(|line| if let Line::Left(left) = line { Some(left) } else { None }).collect()
}

fn redirects(told: &Told) -> Vec<(&str, Uuid, Basis)> {
    let redirect = |line| match line {
        &Line::Redirect { ref old, new, basis } => Some((old.as_str(), new, basis)),
        Line::Left(_) => None,
    };
    told.lines.iter().filter_map(redirect).collect()
}

#[tokio::test]
async fn groups_of_one_pair_become_one_in_the_order_of_time() {
    let move_in = MoveIn::with_users(2).await;
    let [a, b] = [&move_in.users[0], &move_in.users[1]];
    move_in.put_all(&[
        // By their texts, these are in another order.
        message(GROUP, "2023-01-01T12:00:00+02:00", a, "one"),
        message(GROUP, "2023-01-01T10:00:01.5+00:00", b, "three"),
        message(OTHER_GROUP, "2023-01-01T05:00:01-05:00", b, "two"),
        message(OTHER_GROUP, "2023-01-01T12:00:02", a, "four"),
        inbox_row(GROUP, a, "2023-01-01T12:00:00+02:00", b, "one"),
        inbox_row(OTHER_GROUP, b, "2023-01-01T12:00:02", a, "four"),
    ]);
    let told = move_in.migrate().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&move_in), [(group, ["one", "two", "three", "four"].map(str::to_owned).to_vec())]);
    assert_eq!(redirects(&told), [(GROUP, group, Basis::InboxRows), (OTHER_GROUP, group, Basis::InboxRows)]);
    assert_eq!(left(&told), Vec::<&Left>::new());
    assert_eq!(move_in.findings().await, []);
    // 12:00:02 by the clock of a machine at +02:00.
    let inbox = move_in.rows().into_keys().filter(|(pk, _)| pk.starts_with("GRP#")).map(|(_, sk)| sk);
    assert_eq!(inbox.map(|sk| sk[..27].to_owned()).collect::<Vec<_>>(), ["2023-01-01T10:00:02.000000Z"; 2]);
}

#[tokio::test]
async fn messages_of_one_instant_keep_the_order_in_which_they_were_listed() {
    let move_in = MoveIn::with_users(2).await;
    let [a, b] = [&move_in.users[0], &move_in.users[1]];
    let spellings =
        ["10:00:00+00:00", "10:00:00.000000+00:00", "11:00:00+01:00", "12:00:00", "12:00:00.000+02:00"];
    let times = spellings.map(|time| format!("2023-01-01T{time}"));
    move_in.put_all(times.iter().map(|time| message(GROUP, time, a, time)).collect::<Vec<_>>().iter());
    move_in.put_all(&[inbox_row(GROUP, a, &times[0], b, &times[0])]);
    move_in.migrate().await;
    let mut expected = times.to_vec();
    expected.sort();
    assert_eq!(texts(&move_in), [(uuid_of_pair(a.uuid, b.uuid), expected)]);
}

#[tokio::test]
async fn what_can_not_be_decided_stays_and_is_listed() {
    let move_in = MoveIn::with_users(3).await;
    let [a, b, c] = [&move_in.users[0], &move_in.users[1], &move_in.users[2]];
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
        message("@nobody-at-all", time, a, "who is that?"),
        message(&format!("@{}", a.handle), time, a, "to myself"),
        message("undefined", time, a, "where?"),
        inbox_row("a5a2d3a1-4d0f-4c7e-9b57-3d2a0b3f4c5e", a, time, b, "lost"),
        inbox_row("a5a2d3a1-4d0f-4c7e-9b57-3d2a0b3f4c5e", c, time, c, "myself"),
    ];
    move_in.put_all(&rows);
    let before = move_in.rows();
    let told = move_in.migrate().await;
    assert_eq!(move_in.rows(), before);
    let mut why = left(&told)
        .into_iter()
        .map(|left| (left.pk.as_str(), left.rows, left.why.as_str()))
        .collect::<Vec<_>>();
    why.sort_unstable();
    let (in_group, in_other) = (format!("MSG#{GROUP}"), format!("MSG#{OTHER_GROUP}"));
    let (inbox_of_a, inbox_of_c) = (format!("GRP#{}", a.uuid), format!("GRP#{}", c.uuid));
    let to_myself = format!("MSG#@{}", a.handle);
    let mut expected = vec![
        (inbox_of_a.as_str(), 1, "its conversation is not brought over"),
        (inbox_of_c.as_str(), 1, "it names its owner as the other member"),
        (in_group.as_str(), 1, "an attribute is missing or malformed"),
        (in_group.as_str(), 1, "its sort key has no time"),
        (in_group.as_str(), 1, "nothing tells whom its only sender wrote to"),
        (in_other.as_str(), 3, "more than two have written, and no inbox row tells whose it is"),
        ("MSG#@nobody-at-all", 1, "nobody is called so"),
        (to_myself.as_str(), 1, "it is their sender's own handle"),
        ("MSG#undefined", 1, "no conversation has such a partition key"),
    ];
    expected.sort_unstable();
    assert_eq!(why, expected);
    assert_eq!((told.summary.left_messages, told.summary.left_rows), (9, 2));
}

#[tokio::test]
async fn what_a_stranger_wrote_stays_and_the_conversation_goes() {
    let move_in = MoveIn::with_users(3).await;
    let [a, b, mallory] = [&move_in.users[0], &move_in.users[1], &move_in.users[2]];
    let time = "2023-01-02T10:00:00+00:00";
    move_in.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", a, "between us"),
        message(GROUP, time, mallory, "I am in"),
        inbox_row(GROUP, a, time, b, "I am in"),
        inbox_row(GROUP, b, time, a, "I am in"),
    ]);
    let told = move_in.migrate().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&move_in), [(group, vec!["between us".to_owned()])]);
    assert_eq!(
        left(&told),
        [&Left {
            kind: LeftKind::Message,
            pk: format!("MSG#{GROUP}"),
            sk: None,
            sender: Some(mallory.uuid),
            rows: 1,
            why: "their sender is not in the conversation".to_owned(),
        }]
    );
    assert_eq!(move_in.findings().await, [("old_row", (format!("MSG#{GROUP}"), time.to_owned()))]);
}

#[tokio::test]
async fn messages_under_a_handle_go_to_whom_they_were_for() {
    let move_in = MoveIn::with_users(3).await;
    let [a, b, c] = [&move_in.users[0], &move_in.users[1], &move_in.users[2]];
    let to_c = format!("@{}", c.handle.to_uppercase());
    move_in.put_all(&[
        message(&to_c, "2023-01-01T10:00:00+00:00", a, "from a"),
        message(&to_c, "2023-01-01T10:00:01+00:00", b, "from b"),
    ]);
    move_in.migrate().await;
    let mut expected = vec![
        (uuid_of_pair(a.uuid, c.uuid), vec!["from a".to_owned()]),
        (uuid_of_pair(b.uuid, c.uuid), vec!["from b".to_owned()]),
    ];
    expected.sort();
    assert_eq!(texts(&move_in), expected);
    assert_eq!(move_in.findings().await, []);
}

#[tokio::test]
async fn a_handle_that_more_than_one_had_tells_nobody() {
    let move_in = MoveIn::with_users(3).await;
    let [a, b, c] = [&move_in.users[0], &move_in.users[1], &move_in.users[2]];
    let before = User { handle: c.handle.clone(), ..b.clone() };
    let under_the_handle = message(&format!("@{}", c.handle), "2023-01-01T10:00:00+00:00", a, "to whom?");
    move_in.put_all(&[
        under_the_handle.clone(),
        message(GROUP, "2022-01-01T10:00:00+00:00", &before, "I was called so"),
        inbox_row(GROUP, a, "2022-01-01T10:00:00+00:00", &before, "I was called so"),
    ]);
    let told = move_in.migrate().await;
    assert_eq!(
        left(&told).iter().map(|left| left.why.as_str()).collect::<Vec<_>>(),
        ["more than one user was called so"]
    );
    let key =
        (under_the_handle["pk"]["S"].as_str().unwrap().to_owned(), "2023-01-01T10:00:00+00:00".to_owned());
    assert_eq!(move_in.rows().get(&key), Some(&under_the_handle));
}

#[tokio::test]
async fn an_inbox_row_whose_group_is_lost_goes_when_its_message_is_there_and_is_listed_otherwise() {
    let move_in = MoveIn::with_users(3).await;
    let [a, b, c] = [&move_in.users[0], &move_in.users[1], &move_in.users[2]];
    let time = "2023-01-01T10:00:00+00:00";
    let mut without = inbox_row(GROUP, a, time, b, "hello");
    without.as_object_mut().unwrap().remove("message_group_uuid");
    move_in.put_all(&[
        message(GROUP, time, a, "hello"),
        inbox_row(GROUP, b, time, a, "hello"),
        without,
        inbox_row("undefined", c, time, a, "lost"),
    ]);
    assert_eq!(
        move_in.findings().await.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(),
        ["old_row"; 4]
    );
    let told = move_in.migrate().await;
    let inbox_of_c = format!("GRP#{}", c.uuid);
    assert_eq!(left(&told).iter().map(|left| &left.pk).collect::<Vec<_>>(), [&inbox_of_c]);
    assert_eq!(move_in.findings().await, [("old_row", (inbox_of_c, time.to_owned()))]);
}

#[tokio::test]
async fn rows_of_any_size_fit_into_transactions() {
    let move_in = MoveIn::with_users(2).await;
    let [a, b] = [&move_in.users[0], &move_in.users[1]];
    let large = |number: usize| {
        let mut row = message(GROUP, &format!("2023-01-01T10:00:{number:02}+00:00"), a, "with more");
        row["attachment"] = json!({"B": "QUJD".repeat(70_000)});
        row
    };
    move_in.put_all((0..30).map(large).collect::<Vec<_>>().iter());
    move_in.put_all(&[inbox_row(GROUP, a, "2023-01-01T10:00:29+00:00", b, "with more")]);
    assert_eq!(move_in.migrate().await.summary.messages, 30);
    assert_eq!(move_in.findings().await, []);
}

#[tokio::test]
async fn who_is_gone_keeps_the_names_that_the_rows_have() {
    let move_in = MoveIn::with_users(1).await;
    let a = &move_in.users[0];
    let gone =
        User { uuid: Uuid::from_u128(7), handle: "gone".to_owned(), display_name: "Gone Away".to_owned() };
    move_in.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", &gone, "bye"),
        message(GROUP, "2023-01-01T10:00:01+00:00", a, "bye"),
    ]);
    let told = move_in.migrate().await;
    let group = uuid_of_pair(a.uuid, gone.uuid);
    assert_eq!(redirects(&told), [(GROUP, group, Basis::Senders)]);
    let membership = move_in.rows().remove(&(format!("MEM#{group}"), "MEM".to_owned())).unwrap();
    let names = &membership["members"]["M"][gone.uuid.to_string()]["M"];
    assert_eq!((&names["handle"]["S"], &names["display_name"]["S"]), (&json!("gone"), &json!("Gone Away")));
    assert_eq!(move_in.findings().await, []);
}

#[tokio::test]
async fn a_time_without_an_offset_is_asked_about_before_anything_is_written() {
    let move_in = MoveIn::with_users(2).await;
    let [a, b] = [&move_in.users[0], &move_in.users[1]];
    move_in.put_all(&[
        message(GROUP, "2023-01-01T10:00:00", a, "when?"),
        inbox_row(GROUP, a, "2023-01-01T10:00:00", b, "when?"),
    ]);
    let before = move_in.rows();
    let mut migration = move_in.migration();
    migration.assume_offset = None;
    let error = migration.run(false, &|_| Ok(())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 rows have times without an offset from UTC: say with --assume-offset what the clocks of the machines \
         showed that wrote them, such as --assume-offset=+00:00"
    );
    assert_eq!(move_in.rows(), before);
    move_in.migrate().await;
    // Also where no group tells of it.
    move_in.put_all(&[message(&format!("@{}", b.handle), "2023-01-01T11:00:00", a, "late")]);
    migration.assume_offset = chrono::FixedOffset::east_opt(0);
    let error = migration.run(false, &|_| Ok(())).await.unwrap_err();
    assert!(error.to_string().starts_with("an earlier run was told --assume-offset=+02:00"), "{error}");
}

#[tokio::test]
async fn two_who_have_found_each_other_in_the_new_system_have_all_of_it_in_one_conversation() {
    let move_in = MoveIn::with_users(2).await;
    let [a, b] = [&move_in.users[0], &move_in.users[1]];
    let send = async |from: &User, to: &User, text: &str| {
        let target = Target::User { handle: Some(to.handle.parse().unwrap()), receiver: to.clone() };
        let new =
            NewMessage { sender: from.clone(), target, text: text.parse().unwrap(), idempotency_key: None };
        Messages::new(move_in.world.table(), move_in.world.clock.clock(), Random::system(), None)
            .send(new)
            .await
            .unwrap();
    };
    move_in.put_all(&[
        message(GROUP, "2023-01-01T10:00:00+00:00", a, "old"),
        // After what they have written in the new system: a clock was wrong.
        message(GROUP, "2026-12-01T10:00:00+00:00", b, "ahead"),
        inbox_row(GROUP, a, "2023-01-01T10:00:00+00:00", b, "old"),
    ]);
    send(a, b, "new").await;
    move_in.migrate().await;
    send(b, a, "newer").await;
    move_in.world.deliver_all().await;
    let group = uuid_of_pair(a.uuid, b.uuid);
    assert_eq!(texts(&move_in), [(group, ["old", "new", "ahead", "newer"].map(str::to_owned).to_vec())]);
    assert_eq!(move_in.findings().await, []);
}
