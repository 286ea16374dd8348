//! The send limit (design, section 3), on the table itself.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use cruddur::{
    clock::Clock,
    config::SendLimitConfig,
    error::Error,
    send_limit::SendLimit,
    table::{Key, SendLimitRow},
};
use futures_util::future::join_all;
use insta::assert_debug_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use testing::{Answer, Failure, Fault, Sends, TestUser, World, invariants, sends::user, world::TABLE};
use tokio::time::Instant;
use uuid::Uuid;

/// A limit of `burst` messages at once and one more per `interval` seconds.
pub(crate) fn limit(burst: u32, interval: u32) -> SendLimitConfig {
    SendLimitConfig { burst: burst.try_into().unwrap(), interval: interval.try_into().unwrap() }
}

/// A world with a limit of three messages at once and one more per ten seconds.
async fn limited_world() -> World {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.send_limit = Some(limit(3, 10)));
    world
}

/// `alice` and `bob`, their group, which bob has opened, and the body of a message to it.
async fn conversation(world: &World) -> (TestUser, TestUser, Value) {
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    (alice, bob, json!({"message_group_uuid": group_uuid, "message": "and on"}))
}

async fn statuses(world: &World, sender: &TestUser, body: &Value, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(world.post(sender, body).await.status.as_u16());
    }
    statuses
}

fn retry_after(answer: &Answer) -> i64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

fn bucket_of(rows: &[Value], user_uuid: Uuid) -> Option<SendLimitRow> {
    let key = Key::SendLimit(user_uuid);
    let row = rows.iter().find(|row| row["pk"]["S"] == key.pk())?;
    let number = |name: &str| row[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
    Some(SendLimitRow {
        tokens: number("tokens").try_into().unwrap(),
        refilled_at: number("refilled_at"),
        expires_at: number("expires_at"),
    })
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_the_time_to_wait() {
    let world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    assert_eq!(statuses(&world, &alice, &body, 3).await, [200; 3]);
    let rows = world.rows();
    world.clock.advance(TimeDelta::milliseconds(2_500));
    assert_debug_snapshot!(world.post(&alice, &body).await, @r#"
    429
    content-type: application/json
    retry-after: 8
    ["rate_limited"]
    "#);
    assert_eq!(world.rows(), rows);
    assert_eq!(invariants::check(&rows), Vec::<String>::new());

    world.clock.advance(TimeDelta::seconds(8));
    assert_eq!(statuses(&world, &alice, &body, 2).await, [200, 429]);
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn a_retry_after_the_stated_time_succeeds_and_an_earlier_one_does_not() {
    let world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    assert_eq!(statuses(&world, &alice, &body, 3).await, [200; 3]);
    for moved in [0, 1, 999_999, 1_000_000, 3_600_000_000] {
        world.clock.advance(TimeDelta::microseconds(moved));
        let _ = statuses(&world, &alice, &body, 3).await;
        let wait = retry_after(&world.post(&alice, &body).await);
        world.clock.advance(TimeDelta::seconds(wait - 1));
        assert_eq!(statuses(&world, &alice, &body, 1).await, [429], "{moved}");
        world.clock.advance(TimeDelta::seconds(1));
        assert_eq!(statuses(&world, &alice, &body, 1).await, [200], "{moved}");
    }
}

#[tokio::test]
async fn new_conversations_have_a_limit_of_their_own() {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.conversation_limit = Some(limit(2, 360)));
    let alice = world.user("alice").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(world.user("other").await);
    }
    let to = |user: &TestUser| json!({"handle": user.user.handle, "message": "hello"});
    for other in &others[..2] {
        assert_eq!(statuses(&world, &alice, &to(other), 1).await, [200]);
    }
    let rows = world.rows();
    let refused = world.post(&alice, &to(&others[2])).await;
    assert_eq!((refused.brief(), retry_after(&refused)), ((429, "[\"rate_limited\"]"), 360));
    assert_eq!(world.rows(), rows);

    // Open conversations and those that others open are not limited.
    assert_eq!(statuses(&world, &alice, &to(&others[0]), 5).await, [200; 5]);
    assert_eq!(statuses(&world, &others[2], &to(&alice), 1).await, [200]);
    assert_eq!(statuses(&world, &alice, &to(&others[2]), 1).await, [200]);

    world.clock.advance(TimeDelta::seconds(360));
    let [next, last] = [world.user("other").await, world.user("other").await];
    assert_eq!(statuses(&world, &alice, &to(&next), 1).await, [200]);
    assert_eq!(statuses(&world, &alice, &to(&last), 1).await, [429]);
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn a_user_who_floods_does_not_disturb_others() {
    let world = limited_world().await;
    let (alice, bob, body) = conversation(&world).await;
    let floods = join_all((0..50).map(|_| world.post(&alice, &body))).await;
    let passed = floods.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(passed, 3);
    assert!(floods.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 429)));
    // Two are left: the message that opened the group counts.
    assert_eq!(statuses(&world, &bob, &body, 3).await, [200, 200, 429]);
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn every_environment_counts_in_the_same_row() {
    let mut world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    for expected in [200, 200, 200, 429, 429] {
        // A new environment with an empty cache.
        world.redeploy(|_| ());
        assert_eq!(statuses(&world, &alice, &body, 1).await, [expected]);
    }
    world.clock.advance(TimeDelta::seconds(10));
    for expected in [200, 429] {
        world.redeploy(|_| ());
        assert_eq!(statuses(&world, &alice, &body, 1).await, [expected]);
    }
}

#[tokio::test]
async fn the_row_may_go_when_the_bucket_is_full() {
    let world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    let start = world.parts.clock.now().timestamp();
    assert_eq!(statuses(&world, &alice, &body, 2).await, [200; 2]);
    let bucket = bucket_of(&world.rows(), alice.user.uuid).unwrap();
    assert_eq!(bucket, SendLimitRow { tokens: 1, refilled_at: start, expires_at: start + 20 });

    // The time to live deletes the row, and an operator may.
    let key = Key::SendLimit(alice.user.uuid);
    let key = json!({"pk": {"S": key.pk()}, "sk": {"S": key.sk()}});
    let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    assert_eq!(statuses(&world, &alice, &body, 4).await, [200, 200, 200, 429]);
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let world = World::new().await;
    let (alice, _, body) = conversation(&world).await;
    let _ = world.emulator.take_calls();
    assert_eq!(statuses(&world, &alice, &body, 30).await, [200; 30]);
    assert!(world.emulator.take_calls().iter().all(|call| call.operation != "UpdateItem"));
    assert_eq!(bucket_of(&world.rows(), alice.user.uuid), None);
}

#[tokio::test]
async fn requests_that_reach_the_look_ups_count_and_earlier_rejections_do_not() {
    let world = limited_world().await;
    let (alice, bob, body) = conversation(&world).await;
    let nowhere = json!({"message_group_uuid": Uuid::nil(), "message": "hello"});
    for (case, body) in [
        ("a broken rule", json!({"message_group_uuid": "x", "message": "hello"})),
        ("no receiver", json!({"handle": "nobody-at-all", "message": "hello"})),
        ("oneself", json!({"handle": alice.user.handle, "message": "hello"})),
    ] {
        assert_eq!(statuses(&world, &alice, &body, 5).await, [422; 5], "{case}");
    }
    assert_eq!(bucket_of(&world.rows(), alice.user.uuid), None);

    // A group that does not exist; a message; the same request again, which stores nothing.
    assert_eq!(statuses(&world, &alice, &nowhere, 1).await, [404]);
    let key = [("idempotency-key", "key")];
    let first = world.post_with(&alice, &key, body.to_string()).await;
    assert_eq!(world.post_with(&alice, &key, body.to_string()).await.ok(), first.ok());
    assert_eq!(statuses(&world, &alice, &body, 1).await, [429]);
    // Over the limit, the response reveals nothing about the group.
    assert_eq!(statuses(&world, &alice, &nowhere, 1).await, [429]);
    let to_bob = json!({"handle": bob.user.handle, "message": "hello"});
    assert_eq!(statuses(&world, &alice, &to_bob, 1).await, [429]);
    let to_unknown = json!({"handle": "nobody-at-all", "message": "hello"});
    assert_eq!(statuses(&world, &alice, &to_unknown, 1).await, [422]);
}

#[tokio::test]
async fn a_limit_that_cannot_be_asked_lets_messages_through() {
    let mut world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    for failure in [
        Failure::Reset,
        Failure::Status(500, "InternalServerError"),
        Failure::Status(400, "ProvisionedThroughputExceededException"),
        Failure::Status(400, "ThrottlingException"),
        Failure::Status(400, "RequestLimitExceeded"),
    ] {
        world.emulator.inject(move |call| match &*call.operation {
            "UpdateItem" => Fault::NotExecuted(failure),
            _ => Fault::None,
        });
        assert_eq!(statuses(&world, &alice, &body, 4).await, [200; 4], "{failure:?}");
    }
    assert_eq!(bucket_of(&world.rows(), alice.user.uuid), None);

    // A table that rejects all updates is a fault of ours, and must not go unnoticed.
    world.redeploy(|_| ());
    world.emulator.inject(|call| match &*call.operation {
        "UpdateItem" => Fault::NotExecuted(Failure::Status(400, "ResourceNotFoundException")),
        _ => Fault::None,
    });
    let rows = world.rows();
    assert_eq!(world.post(&alice, &body).await.brief(), (500, "[\"internal_error\"]"));
    assert_eq!(world.rows(), rows);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_silent_holds_a_message_up_for_two_seconds() {
    let sends = Sends::new().await;
    sends.emulator.inject(|_| Fault::NotExecuted(Failure::Silence));
    let start = Instant::now();
    let admitted = SendLimit::new(limit(1, 1)).admit(&sends.table, &sends.clock.clock(), Uuid::nil()).await;
    assert!(admitted.is_ok(), "{admitted:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test]
async fn a_lost_answer_costs_one_token() {
    let world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    world.emulator.fail("UpdateItem", 1, Fault::Lost(Failure::Reset));
    assert_eq!(statuses(&world, &alice, &body, 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn simultaneous_messages_take_one_token_each() {
    for burst in [1, 2, 7, 20] {
        let sends = Sends::new().await;
        let rate = limit(burst, 5);
        let environments: Vec<_> = (0..20).map(|_| SendLimit::new(rate)).collect();
        let clock = sends.clock.clock();
        for round in 0..3 {
            let sender = user(round).uuid;
            let wishes = environments.iter().map(|limit| limit.admit(&sends.table, &clock, sender));
            let admitted = join_all(wishes).await.into_iter().flatten().count();
            assert_eq!(admitted, usize::try_from(burst).unwrap(), "{burst}");
        }
    }
}

/// One step of a run.
#[derive(Clone, Debug)]
struct Step {
    /// Microseconds since the previous step.
    after: i64,
    /// Environments that send a message at the same time.
    through: Vec<usize>,
}

fn any_step() -> impl Strategy<Value = Step> {
    let after =
        prop_oneof![3 => Just(0), 3 => 0..2_000_000_i64, 2 => 0..20_000_000_i64, 1 => 0..300_000_000_i64];
    (after, prop::collection::vec(0..ENVIRONMENTS, 1..5)).prop_map(|(after, through)| Step { after, through })
}

const ENVIRONMENTS: usize = 3;

/// Environments that send one user's messages, with inaccurate clocks.
struct Environments {
    sends: Sends,
    rate: SendLimitConfig,
    now: Arc<AtomicI64>,
    each: Vec<(SendLimit, Clock)>,
}

impl Environments {
    async fn new(rate: SendLimitConfig, ahead: &[i64]) -> Self {
        let sends = Sends::new().await;
        let now = Arc::new(AtomicI64::new(sends.clock.clock().now().timestamp_micros()));
        let each = ahead.iter().map(|ahead| {
            let (ahead, now) = (*ahead, Arc::clone(&now));
            let clock = Clock::from_fn(move || {
                DateTime::from_timestamp_micros(now.load(Ordering::Relaxed) + ahead).unwrap()
            });
            (SendLimit::new(rate), clock)
        });
        Self { sends, rate, each: each.collect(), now }
    }

    /// The true time.
    fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    fn pass(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::Relaxed);
    }

    /// Sends a message through each of these environments at once. Returns which were allowed.
    async fn send(&self, through: &[usize]) -> Vec<bool> {
        let wishes = through.iter().map(|index| {
            let (limit, clock) = &self.each[*index];
            limit.admit(&self.sends.table, clock, Uuid::nil())
        });
        let longest = self.time_to_fill() + u64::from(self.rate.interval.get()) + 1;
        let passed = join_all(wishes).await.into_iter().map(|answer| match answer {
            Ok(()) => true,
            Err(Error::RateLimited { retry_after }) if (1..=longest).contains(&retry_after) => false,
            Err(error) => panic!("{error:?}"),
        });
        passed.collect()
    }

    fn time_to_fill(&self) -> u64 {
        u64::from(self.rate.burst.get()) * u64::from(self.rate.interval.get())
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// The limit holds for any choice of environments, however old their caches are and however far apart their clocks.
    #[test]
    fn no_time_span_exceeds_the_limit_and_no_user_is_locked_out(
        burst in 1_u32..6,
        interval in 1_u32..5,
        ahead in prop::collection::vec(-500_000..500_000_i64, ENVIRONMENTS),
        steps in prop::collection::vec(any_step(), 1..30),
    ) {
        run(async {
            let environments = Environments::new(limit(burst, interval), &ahead).await;
            let mut passed: Vec<i64> = Vec::new();
            for step in &steps {
                environments.pass(step.after);
                let sent = environments.send(&step.through).await;
                passed.extend(sent.into_iter().filter(|passed| *passed).map(|_| environments.now()));
            }
            let apart = ahead.iter().max().unwrap() - ahead.iter().min().unwrap();
            for (first, begin) in passed.iter().enumerate() {
                for (last, end) in passed.iter().enumerate().skip(first) {
                    let span = end - begin + apart;
                    let most = i64::from(burst) + span / (i64::from(interval) * 1_000_000);
                    let sent = i64::try_from(last - first + 1).unwrap();
                    assert!(sent <= most, "{sent} messages in {span} µs: {passed:?}");
                }
            }
            // One more second, for rounding.
            let full_again = i64::try_from(environments.time_to_fill()).unwrap() * 1_000_000 + apart + 1_000_000;
            environments.pass(full_again);
            let all_of_a_bucket = vec![0; usize::try_from(burst).unwrap()];
            assert!(environments.send(&all_of_a_bucket).await.into_iter().all(|passed| passed));
        });
    }

    /// A clock that jumps back allows no extra messages, and one that was ahead locks no user out.
    #[test]
    fn after_a_jump_of_the_clock_the_limit_holds_and_ends(
        burst in 1_u32..6,
        interval in 1_u32..5,
        jump in prop_oneof![-10_000_000_000..0_i64, 0..10_000_000_000_i64],
    ) {
        run(async {
            // The first clock is correct, the second is ahead or behind.
            let environments = Environments::new(limit(burst, interval), &[0, jump]).await;
            let count = |passed: Vec<bool>| passed.into_iter().filter(|passed| *passed).count();
            let more_than_all = usize::try_from(burst).unwrap() + 2;
            let through = |index: usize| vec![index; more_than_all];
            let mut sent = count(environments.send(&through(0)).await);
            sent += count(environments.send(&through(1)).await);
            // A clock ahead may have refilled one bucket; a clock behind has not. A bucket with an
            // implausible time allows one message.
            let most = if jump > 0 { 2 * burst } else { burst } + 1;
            assert!(sent <= usize::try_from(most).unwrap(), "{sent}");
            for _ in 0..2 {
                // The row stores whole seconds: each of the two clocks may be rounded by almost one.
                let seconds = i64::try_from(environments.time_to_fill()).unwrap() + i64::from(interval) + 2;
                environments.pass(seconds * 1_000_000);
                // A clock ahead by almost this span has just emptied the bucket.
                if count(environments.send(&[0]).await) == 0 {
                    environments.pass(seconds * 1_000_000);
                    assert!(count(environments.send(&[0]).await) == 1);
                }
            }
        });
    }
}

#[tokio::test]
async fn a_burst_through_several_environments_costs_a_second_update_at_most() {
    let environments = Environments::new(limit(20, 1), &[0, 0, 0]).await;
    for (index, most) in [(0, 1), (1, 2), (2, 2), (0, 1), (1, 1), (2, 1)] {
        let _ = environments.sends.emulator.take_calls();
        assert_eq!(environments.send(&[index]).await, [true]);
        let calls = environments.sends.emulator.take_calls();
        assert!(calls.iter().all(|call| call.operation == "UpdateItem"));
        assert_eq!(calls.len(), most, "{index}");
    }
}

#[tokio::test]
async fn a_flood_costs_one_refused_update_per_interval_and_nothing_is_read() {
    let world = limited_world().await;
    let (alice, _, body) = conversation(&world).await;
    assert_eq!(statuses(&world, &alice, &body, 3).await, [200; 3]);
    let _ = world.emulator.take_calls();
    for second in 0..30 {
        assert_eq!(
            statuses(&world, &alice, &body, 20).await.iter().filter(|status| **status == 200).count(),
            usize::from(second > 0 && second % 10 == 0),
            "{second}"
        );
        world.clock.advance(TimeDelta::seconds(1));
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in world.emulator.take_calls() {
        *calls.entry(call.operation).or_default() += 1;
    }
    // Two messages were allowed.
    let expected = [("GetItem", 2), ("PutItem", 2), ("Query", 2), ("UpdateItem", 2)];
    assert_eq!(calls, expected.map(|(operation, times)| (operation.to_owned(), times)).into());
}
