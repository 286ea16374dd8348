//! Overload and lasting outages: no acknowledged message is lost or duplicated, and the same functions work
//! again once the outage is over. `key_set` tests the key set's outages, and `send_limit` a flooding user.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cruddur::user::User;
use futures_util::future::{join, join_all};
use http::StatusCode;
use serde_json::{Value, json};
use testing::{
    Answer,
    Failure::{self, Canceled, Reset, Status},
    Fault::{self, Lost, NotExecuted},
    TestUser, World, invariants,
};
use tokio::time::{self, Instant, sleep};
use uuid::Uuid;

use crate::{postgres::Database, relay::Relay, send_limit::limit};

const BEGIN: Duration = Duration::from_secs(5);
const END: Duration = Duration::from_secs(65);

/// Throttling errors of DynamoDB; the last occurs only in transactions.
const THROTTLING: [Failure; 4] = [
    Status(400, "ProvisionedThroughputExceededException"),
    Status(400, "ThrottlingException"),
    Status(400, "RequestLimitExceeded"),
    Canceled(&["None", "ThrottlingError"]),
];

/// A world whose users' database can go down, with pairs of users who have a group.
struct Stand {
    world: World,
    database: Database,
    relay: Relay,
    pairs: Vec<(TestUser, TestUser, Uuid)>,
    /// A user who has not been looked up yet.
    unknown: TestUser,
}

impl Stand {
    async fn new(pairs: usize) -> Self {
        let mut world = World::new().await;
        let pairs = join_all((0..pairs).map(|_| world.pair())).await;
        let unknown = world.user("carol").await;
        for (alice, bob, _) in &pairs {
            world.send(alice, bob, "hello").await;
        }
        world.deliver_all().await;
        let database = Database::turn().await;
        let relay = database.relay().await;
        let client = database.client().await;
        for user in pairs.iter().flat_map(|(alice, bob, _)| [alice, bob]).chain([&unknown]) {
            let statement = "INSERT INTO public.users (uuid, handle, display_name, cognito_user_id) VALUES ($1, $2, $3, $4)";
            let User { uuid, handle, display_name } = &user.user;
            client.execute(statement, &[uuid, handle, display_name, &user.subject]).await.unwrap();
        }
        drop(client);
        let postgres = Arc::new(database.through(&relay));
        world.redeploy(|parts| {
            parts.postgres = postgres;
            parts.send_limit = Some(limit(1_000, 1));
        });
        let stand = Self { world, database, relay, pairs, unknown };
        for (alice, bob, group_uuid) in &stand.pairs {
            for user in [alice, bob] {
                stand.world.get(user, "/api/message_groups").await.ok();
                stand.world.get(user, &format!("/api/messages/{group_uuid}")).await.ok();
                stand.world.post(user, &to_group(*group_uuid, "hello again")).await.ok();
            }
        }
        stand.world.deliver_all().await;
        stand
    }

    /// Throttles every call to DynamoDB between [`BEGIN`] and [`END`].
    fn throttle_for_a_minute(&self) -> Instant {
        let start = Instant::now();
        let mut number = 0;
        self.world.emulator.inject(move |call| {
            if !(BEGIN..END).contains(&start.elapsed()) {
                return Fault::None;
            }
            number += 1;
            let kinds = if call.operation == "TransactWriteItems" { 4 } else { 3 };
            NotExecuted(THROTTLING[number % kinds])
        });
        start
    }
}

fn to_group(group_uuid: Uuid, text: &str) -> Value {
    json!({"message_group_uuid": group_uuid, "message": text})
}

/// Responses as clients saw them.
#[derive(Default)]
struct Seen {
    /// Number of responses by status.
    statuses: RefCell<BTreeMap<u16, usize>>,
    /// Acknowledged messages: uuid and text.
    acknowledged: RefCell<BTreeMap<String, String>>,
}

impl Seen {
    /// Counts a response, which must be a 200, or a 503 with a time to wait.
    #[track_caller]
    fn note(&self, answer: &Answer) {
        if answer.status != 200 {
            assert_eq!(answer.brief(), (503, "[\"unavailable\"]"));
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        *self.statuses.borrow_mut().entry(answer.status.as_u16()).or_default() += 1;
    }

    fn count(&self, status: u16) -> usize {
        self.statuses.borrow().get(&status).copied().unwrap_or_default()
    }
}

/// Sends messages until `end`, each with its own key. Retries with the same key after every 503.
async fn client(world: &World, sender: &TestUser, group_uuid: Uuid, end: Instant, seen: &Seen) {
    for number in 0.. {
        let text = format!("{} of {}", number, sender.user.handle);
        let body = to_group(group_uuid, &text).to_string();
        let key = format!("key-{number}");
        loop {
            let answer = world.post_with(sender, &[("idempotency-key", &key)], body.clone()).await;
            seen.note(&answer);
            if answer.status == 200 {
                let uuid = answer.ok()["uuid"].as_str().unwrap().to_owned();
                assert_eq!(seen.acknowledged.borrow_mut().insert(uuid, text), None);
                break;
            }
            sleep(Duration::from_secs(answer.header("retry-after").unwrap().parse().unwrap())).await;
        }
        if Instant::now() > end {
            return;
        }
        sleep(Duration::from_millis(700)).await;
    }
}

/// Reads inbox and conversation every three seconds until `end`, as an open page does.
async fn reader(world: &World, user: &TestUser, group_uuid: Uuid, end: Instant, seen: &Seen) {
    while Instant::now() < end {
        seen.note(&world.get(user, "/api/message_groups").await);
        seen.note(&world.get(user, &format!("/api/messages/{group_uuid}")).await);
        sleep(Duration::from_secs(3)).await;
    }
}

/// Redelivers everything until `end`, as the mapping does after a failure. Returns whether any delivery failed.
async fn mapping(world: &World, end: Instant) -> bool {
    let mut failed = false;
    while Instant::now() < end {
        let answer = world.deliver(&world.stream_event()).await;
        failed |= answer["batchItemFailures"] != json!([]);
        sleep(Duration::from_secs(5)).await;
    }
    failed
}

#[tokio::test]
async fn a_minute_of_throttling_without_postgres_loses_no_message_and_leaves_no_partial_write() {
    let stand = Stand::new(2).await;
    let Stand { world, relay, pairs, .. } = &stand;
    // The database is down all the time. With time paused, a database that answers looks like one that does not.
    relay.go_down();
    time::pause();
    let before = invariants::messages(&world.rows());
    let start = stand.throttle_for_a_minute();
    let end = start + END + Duration::from_secs(5);
    let (sends, lists) = (Seen::default(), Seen::default());
    let clients = pairs
        .iter()
        .flat_map(|(alice, bob, group)| [alice, bob].map(|user| client(world, user, *group, end, &sends)));
    let readers = pairs.iter().map(|(alice, _, group)| reader(world, alice, *group, end, &lists));
    let people = join(join_all(clients), join_all(readers));
    let (_, failed) = join(people, mapping(world, end)).await;

    assert!(failed, "the mapping was not disturbed");
    for (seen, name) in [(&sends, "sends"), (&lists, "lists")] {
        assert!(seen.count(200) > 10 && seen.count(503) > 10, "{name}: {:?}", seen.statuses);
    }
    // Acknowledged messages are stored once each, and no others are.
    let mut stored = BTreeMap::new();
    for (group, messages) in invariants::messages(&world.rows()) {
        for message in messages.into_iter().skip(before[&group].len()) {
            assert_eq!(stored.insert(message.message_uuid.to_string(), message.message), None);
        }
    }
    assert_eq!(stored, *sends.acknowledged.borrow());
    let texts: BTreeSet<_> = stored.values().collect();
    assert_eq!(texts.len(), stored.len());
    // One delivery brings the inboxes up to date.
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());

    // The database comes back, and the same functions find every user again.
    time::resume();
    relay.come_back();
    let (alice, bob, group_uuid) = &pairs[0];
    world.post(alice, &to_group(*group_uuid, "after all that")).await.ok();
    world.post(alice, &json!({"handle": bob.user.handle, "message": "and that"})).await.ok();
    world.post(&stand.unknown, &json!({"handle": bob.user.handle, "message": "and I"})).await.ok();
    world.get(&stand.unknown, "/api/message_groups").await.ok();
    world.get_anonymously(&format!("/api/users/@{}/short", bob.user.handle)).await.ok();
    drop(stand.database);
}

#[tokio::test]
async fn without_both_databases_every_request_gets_503_until_either_is_back() {
    let stand = Stand::new(1).await;
    let Stand { world, relay, pairs, unknown, .. } = &stand;
    let (alice, bob, group_uuid) = &pairs[0];
    let messages = format!("/api/messages/{group_uuid}");
    let to_bob = json!({"handle": bob.user.handle, "message": "hello"});
    let ask = || async {
        let short = format!("/api/users/@{}/short", bob.user.handle);
        [
            world.get(alice, "/api/message_groups").await,
            world.get(alice, &messages).await,
            world.post(alice, &to_group(*group_uuid, "hello")).await,
            world.post(alice, &to_bob).await,
            world.get(unknown, "/api/message_groups").await,
            world.get_anonymously(&short).await,
        ]
        .map(|answer| {
            assert!(matches!(answer.status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{answer:?}");
            assert_eq!(answer.header("retry-after").is_some(), answer.status != 200, "{answer:?}");
            answer.status.as_u16()
        })
    };
    assert_eq!(ask().await[..4], [200; 4]);
    for (dynamodb, postgres, expected) in [
        (false, false, [503, 503, 503, 503, 503, 503]),
        (false, true, [503, 503, 503, 503, 503, 200]),
        (true, false, [200, 200, 200, 503, 200, 503]),
        (true, true, [200; 6]),
    ] {
        if dynamodb {
            world.emulator.inject(|_| Fault::None);
        } else {
            world.emulator.inject(|_| NotExecuted(THROTTLING[1]));
        }
        if postgres {
            relay.come_back();
        } else {
            relay.go_down();
        }
        time::pause();
        time::advance(Duration::from_mins(2)).await;
        time::resume();
        assert_eq!(ask().await, expected, "DynamoDB: {dynamodb}, PostgreSQL: {postgres}");
    }
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
    drop(stand.database);
}

/// The SDK shares one retry quota among all calls of a process. An outage uses it up.
#[tokio::test]
async fn when_the_sdk_has_no_retries_left_requests_fail_at_once_and_it_gets_them_back() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let inbox = || world.get(&alice, "/api/message_groups");
    inbox().await.ok();
    let calls = || world.emulator.take_calls().len();
    let _ = calls();
    time::pause();
    let start = Instant::now();
    world.emulator.inject(|_| NotExecuted(THROTTLING[1]));
    let mut tries = Vec::new();
    while tries.last() != Some(&1) {
        assert!(tries.len() < 1_000, "{tries:?}");
        assert_eq!(inbox().await.brief(), (503, "[\"unavailable\"]"));
        tries.push(calls());
    }
    assert_eq!(tries[0], 3);
    let used_up = start.elapsed();
    // From here on no request waits for a retry.
    for _ in 0..10 {
        assert_eq!(inbox().await.brief(), (503, "[\"unavailable\"]"));
        assert_eq!(calls(), 1);
    }
    assert_eq!(start.elapsed(), used_up);

    world.emulator.inject(|_| Fault::None);
    inbox().await.ok();
    assert_eq!((calls(), start.elapsed()), (1, used_up));
    // Each success refills a part of the quota. With enough of them, a single fault is hidden again.
    for _ in 0..20 {
        inbox().await.ok();
    }
    let _ = calls();
    world.emulator.fail("Query", 1, NotExecuted(THROTTLING[1]));
    inbox().await.ok();
    assert_eq!(calls(), 2);
}

/// Without the SDK's retries, the function's own retries remain.
#[tokio::test]
async fn without_the_sdks_retries_no_acknowledged_message_is_lost_or_doubled() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    world.post(&alice, &to_group(group_uuid, "hello again")).await.ok();
    time::pause();
    world.emulator.inject(|call| match &*call.operation {
        "GetItem" => NotExecuted(THROTTLING[1]),
        _ => Fault::None,
    });
    for _ in 0..100 {
        assert_eq!(
            world.post(&alice, &to_group(group_uuid, "never")).await.brief(),
            (503, "[\"unavailable\"]")
        );
    }
    let _ = world.emulator.take_calls();
    for failure in [THROTTLING[0], THROTTLING[1], THROTTLING[2], Reset, Status(500, "InternalServerError")] {
        for (operation, with_key) in [("PutItem", false), ("TransactWriteItems", true)] {
            for fault in [NotExecuted(failure), Lost(failure)] {
                if matches!(fault, Lost(Status(400, _))) {
                    continue;
                }
                let text = format!("{failure:?} {operation} {fault:?}");
                let key = format!("{}", world.rows().len());
                let headers: Vec<_> = with_key.then_some(("idempotency-key", &*key)).into_iter().collect();
                world.emulator.fail(operation, 3, fault);
                let answer = world.post_with(&alice, &headers, to_group(group_uuid, &text).to_string()).await;
                let uuid = answer.ok()["uuid"].clone();
                let messages = invariants::messages(&world.rows()).remove(&group_uuid).unwrap();
                let stored: Vec<_> = messages.iter().filter(|message| message.message == text).collect();
                assert_eq!(stored.len(), 1, "{text}");
                assert_eq!(json!(stored[0].message_uuid), uuid, "{text}");
            }
        }
    }
    assert!(
        invariants::messages(&world.rows())[&group_uuid].iter().all(|message| message.message != "never")
    );
}
