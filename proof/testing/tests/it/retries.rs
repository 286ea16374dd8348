//! Sends repeated by the client or by the function: every acknowledged message is stored, and no request
//! stores two messages (I5, I6).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use chrono::TimeDelta;
use cruddur::{
    error::Error,
    message::send::Sent,
    message_group::uuid_of_pair,
    table::{Key, MessageRow},
};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};
use testing::{
    Answer, Call,
    Failure::{self, Canceled, Reset, Silence, Stall, Status},
    Fault::{self, Late, Lost, NotExecuted},
    Sends, TestUser, World, invariants,
    sends::user,
    world::TABLE,
};
use uuid::Uuid;

/// A kind of write of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendKind {
    /// One row in an existing group.
    Plain,
    /// With an idempotency key.
    Keyed,
    /// A first message by handle.
    Opening,
    /// A first message with an idempotency key.
    KeyedOpening,
}

impl SendKind {
    const ALL: [Self; 4] = [Self::Plain, Self::Keyed, Self::Opening, Self::KeyedOpening];

    fn operation(self) -> &'static str {
        if self == Self::Plain { "PutItem" } else { "TransactWriteItems" }
    }

    fn has_key(self) -> bool {
        matches!(self, Self::Keyed | Self::KeyedOpening)
    }

    /// Number of rows in the write.
    fn actions(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Keyed => 2,
            Self::Opening => 4,
            Self::KeyedOpening => 5,
        }
    }
}

/// A request to send a message between two new users.
struct Request<'a> {
    world: &'a World,
    kind: SendKind,
    alice: TestUser,
    bob: TestUser,
    group_uuid: Uuid,
}

const TEXT: &str = "once only";

impl<'a> Request<'a> {
    async fn new(world: &'a World, kind: SendKind) -> Self {
        let (alice, bob, group_uuid) = world.pair().await;
        world.emulator.inject(|_| Fault::None);
        if matches!(kind, SendKind::Plain | SendKind::Keyed) {
            world.send(&bob, &alice, "hello").await;
        }
        let _ = world.emulator.take_calls();
        Self { world, kind, alice, bob, group_uuid }
    }

    fn body(&self) -> Value {
        match self.kind {
            SendKind::Plain | SendKind::Keyed => {
                json!({"message_group_uuid": self.group_uuid, "message": TEXT})
            }
            SendKind::Opening | SendKind::KeyedOpening => {
                json!({"handle": self.bob.user.handle, "message": TEXT})
            }
        }
    }

    /// Sends the request. Returns the response, and the duration since the first call.
    async fn post(&self) -> (Answer, Duration) {
        let headers: &[(&str, &str)] = if self.kind.has_key() { &[("idempotency-key", "key")] } else { &[] };
        let post = self.world.post_with(&self.alice, headers, self.body().to_string());
        self.world.emulator.with_time_paused(post).await
    }

    /// Messages of the group with the text.
    fn stored(&self) -> Vec<MessageRow> {
        let mut messages =
            invariants::messages(&self.world.rows()).remove(&self.group_uuid).unwrap_or_default();
        messages.retain(|message| message.message == TEXT);
        messages
    }

    /// The response describes the message, and the message is stored once.
    #[track_caller]
    fn assert_stored_as_answered(&self, answer: &Answer, case: &str) {
        let answer = answer.ok();
        let stored = self.stored();
        assert_eq!(stored.len(), 1, "{case}");
        assert_eq!(answer["uuid"], json!(stored[0].message_uuid), "{case}");
        assert_eq!(answer["created_at"], json!(stored[0].sk.created_at), "{case}");
        assert_eq!(answer["message_group_uuid"], json!(self.group_uuid), "{case}");
        assert_eq!(answer["message"], TEXT, "{case}");
        assert_eq!(invariants::check(&self.world.rows()), Vec::<String>::new(), "{case}");
    }

    #[track_caller]
    fn assert_nothing_stored(&self, case: &str) {
        assert_eq!(self.stored(), [], "{case}");
        assert_eq!(invariants::check(&self.world.rows()), Vec::<String>::new(), "{case}");
    }

    /// Takes the writes since the last call.
    fn take_writes(&self) -> Vec<Call> {
        let mut calls = self.world.emulator.take_calls();
        calls.retain(|call| matches!(&*call.operation, "PutItem" | "TransactWriteItems"));
        calls
    }
}

/// A write's content without additions of the SDK or the emulator.
fn intended(call: &Call) -> Value {
    let mut request = call.request.clone();
    request.as_object_mut().unwrap().remove("ClientRequestToken");
    request
}

#[track_caller]
fn assert_unavailable(answer: &Answer, case: &str) {
    assert_eq!(answer.status.as_u16(), 503, "{case}: {answer:?}");
    assert_eq!(answer.body, r#"["unavailable"]"#, "{case}");
    assert_eq!(answer.header("retry-after"), Some("1"), "{case}");
}

#[track_caller]
fn assert_internal_error(answer: &Answer, case: &str) {
    assert_eq!(answer.status.as_u16(), 500, "{case}: {answer:?}");
    assert_eq!(answer.body, r#"["internal_error"]"#, "{case}");
}

/// Failures that leave a call's outcome unknown.
const UNKNOWN: [Failure; 5] =
    [Reset, Silence, Stall, Status(500, "InternalServerError"), Status(503, "ServiceUnavailable")];

/// Throttling errors of DynamoDB.
const THROTTLING: [Failure; 3] = [
    Status(400, "ProvisionedThroughputExceededException"),
    Status(400, "ThrottlingException"),
    Status(400, "RequestLimitExceeded"),
];

#[tokio::test]
async fn a_repeated_request_with_a_key_gets_the_same_answer_and_stores_one_message() {
    let world = World::new().await;
    for kind in [SendKind::Keyed, SendKind::KeyedOpening] {
        let send = Request::new(&world, kind).await;
        let (first, _) = send.post().await;
        send.assert_stored_as_answered(&first, &format!("{kind:?}"));
        for _ in 0..3 {
            // Neither later messages nor elapsed time change the response.
            world.send(&send.bob, &send.alice, "an answer").await;
            world.clock.advance(TimeDelta::minutes(7));
            let (again, _) = send.post().await;
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{kind:?}");
        }
        send.assert_stored_as_answered(&first, &format!("{kind:?}"));
    }
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let carol = world.user("carol").await;
    world.send(&alice, &bob, "hello").await;
    let with_carol = world.send(&alice, &carol, "hello").await["message_group_uuid"].clone();
    let to_group = json!({"message_group_uuid": group_uuid, "message": TEXT});
    let to_handle = json!({"handle": bob.user.handle, "message": TEXT});
    let headers = |key| [("idempotency-key", key)];
    world.post_with(&alice, &headers("group"), to_group.to_string()).await.ok();
    world.post_with(&alice, &headers("handle"), to_handle.to_string()).await.ok();
    let rows = world.rows();

    let dave = world.user("dave").await;
    for (key, what, body) in [
        ("group", "another text", json!({"message_group_uuid": group_uuid, "message": "another"})),
        ("group", "a longer text", json!({"message_group_uuid": group_uuid, "message": format!("{TEXT} ")})),
        ("group", "another group", json!({"message_group_uuid": with_carol, "message": TEXT})),
        ("group", "a handle in place of the group", to_handle.clone()),
        ("handle", "the group in place of a handle", to_group.clone()),
        ("handle", "another handle", json!({"handle": carol.user.handle, "message": TEXT})),
        ("handle", "a handle whose group is new", json!({"handle": dave.user.handle, "message": TEXT})),
        ("handle", "another text", json!({"handle": bob.user.handle, "message": "another"})),
    ] {
        let answer = world.post_with(&alice, &headers(key), body.to_string()).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}: {answer:?}");
        assert_eq!(answer.body, r#"["idempotency_key_reused"]"#, "{what}");
    }
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn a_key_is_its_users_own() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": TEXT}).to_string();
    let mut uuids = Vec::new();
    for (user, key) in [(&alice, "key"), (&bob, "key"), (&alice, "KEY")] {
        let answer = world.post_with(user, &[("idempotency-key", key)], body.clone()).await.ok();
        uuids.push(answer["uuid"].as_str().unwrap().to_owned());
    }
    uuids.sort_unstable();
    uuids.dedup();
    assert_eq!(uuids.len(), 3);
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_is_kept_for_24_hours_from_the_request_on() {
    let world = World::new().await;
    let send = Request::new(&world, SendKind::Keyed).await;
    // The message's time is ahead: the group's newest message has a clock that was an hour fast.
    world.clock.advance(TimeDelta::hours(1));
    world.send(&send.bob, &send.alice, "from the future").await;
    world.clock.advance(TimeDelta::hours(-1));
    send.post().await.0.ok();
    let key = Key::Idempotency { user_uuid: send.alice.user.uuid, key: "key".parse().unwrap() };
    let rows = world.emulator.rows(TABLE);
    // 2026-11-23T09:30:00Z
    assert_eq!(rows[&(key.pk(), key.sk())]["expires_at"], json!({"N": "1795426200"}));
}

#[tokio::test]
async fn without_a_key_every_request_is_a_message_of_its_own() {
    let world = World::new().await;
    let send = Request::new(&world, SendKind::Plain).await;
    let (first, _) = send.post().await;
    let (second, _) = send.post().await;
    assert_ne!(first.ok()["uuid"], second.ok()["uuid"]);
    assert_eq!(send.stored().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_known_for_a_success_and_the_message_not_stored_twice() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        for failure in UNKNOWN {
            // The SDK's retries make up for a loss. Further losses are retried by the function, unless too
            // much time has passed.
            for times in [1, if matches!(failure, Silence | Stall) { 2 } else { 4 }] {
                let case = format!("{kind:?}, {failure:?}, {times} times");
                let send = Request::new(&world, kind).await;
                world.emulator.fail(kind.operation(), times, Lost(failure));
                let (answer, _) = send.post().await;
                send.assert_stored_as_answered(&answer, &case);
                let writes = send.take_writes();
                assert!(writes.len() > times, "{case}");
                assert!(writes.iter().all(|write| intended(write) == intended(&writes[0])), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_it_with_the_same_key() {
    let world = World::new().await;
    for kind in [SendKind::Keyed, SendKind::KeyedOpening] {
        for failure in UNKNOWN {
            let case = format!("{kind:?}, {failure:?}");
            let send = Request::new(&world, kind).await;
            // The function hears nothing on any attempt. The first one is carried out.
            world.emulator.fail(kind.operation(), usize::MAX, Lost(failure));
            let (lost, _) = send.post().await;
            assert_unavailable(&lost, &case);
            world.emulator.inject(|_| Fault::None);
            let (answer, _) = send.post().await;
            send.assert_stored_as_answered(&answer, &case);
            let (again, _) = send.post().await;
            assert_eq!(again.body, answer.body, "{case}");
        }
    }
}

#[tokio::test]
async fn a_write_that_lands_late_is_not_doubled() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        for (failure, delay) in [
            (Reset, 1),
            (Reset, 3_000),
            (Silence, 2_500),
            (Silence, 30_000),
            (Status(500, "InternalServerError"), 100),
        ] {
            for times in [1, if failure == Silence { 2 } else { 4 }] {
                let case = format!("{kind:?}, {failure:?} and {delay} ms, {times} times");
                let send = Request::new(&world, kind).await;
                world.emulator.fail(kind.operation(), times, Late(failure, Duration::from_millis(delay)));
                let (answer, _) = send.post().await;
                send.assert_stored_as_answered(&answer, &case);
                let ((), _) = world.emulator.with_time_paused(everything_lands(&send)).await;
                send.assert_stored_as_answered(&answer, &case);
            }
        }
    }
}

/// Waits until late writes have landed. Calling this pauses time.
async fn everything_lands(request: &Request<'_>) {
    let _ = request.world.table().client().describe_table().table_name(TABLE).send().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test]
async fn a_write_that_lands_after_the_503_answers_the_same_key() {
    let world = World::new().await;
    for kind in [SendKind::Keyed, SendKind::KeyedOpening] {
        let send = Request::new(&world, kind).await;
        world.emulator.fail(kind.operation(), usize::MAX, Late(Reset, Duration::from_secs(20)));
        let (lost, _) = send.post().await;
        assert_unavailable(&lost, &format!("{kind:?}"));
        send.assert_nothing_stored(&format!("{kind:?}"));

        world.emulator.inject(|_| Fault::None);
        let ((), _) = world.emulator.with_time_paused(everything_lands(&send)).await;
        let (answer, _) = send.post().await;
        send.assert_stored_as_answered(&answer, &format!("{kind:?}"));
    }
}

#[tokio::test]
async fn a_repeated_request_and_a_late_write_of_the_first_end_in_one_message() {
    let world = World::new().await;
    for kind in [SendKind::Keyed, SendKind::KeyedOpening] {
        let send = Request::new(&world, kind).await;
        world.emulator.fail(kind.operation(), usize::MAX, Late(Reset, Duration::from_secs(20)));
        let (lost, _) = send.post().await;
        assert_unavailable(&lost, &format!("{kind:?}"));

        world.emulator.inject(|_| Fault::None);
        let (answer, _) = send.post().await;
        send.assert_stored_as_answered(&answer, &format!("{kind:?}"));
        let ((), _) = world.emulator.with_time_paused(everything_lands(&send)).await;
        send.assert_stored_as_answered(&answer, &format!("{kind:?}"));
    }
}

#[tokio::test]
async fn conflicts_and_throttling_are_waited_out_with_the_same_uuid_and_sort_key() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        let mut failures = THROTTLING.to_vec();
        failures.push(Status(400, "TransactionInProgressException"));
        failures.push(Status(400, "TransactionConflictException"));
        if kind != SendKind::Plain {
            failures.extend([
                Canceled(&["None", "TransactionConflict"]),
                Canceled(&["TransactionConflict", "None", "None", "TransactionConflict"]),
                Canceled(&["ThrottlingError", "None"]),
                Canceled(&["None", "ProvisionedThroughputExceeded"]),
            ]);
        }
        for failure in failures {
            let case = format!("{kind:?}, {failure:?}");
            let send = Request::new(&world, kind).await;
            world.emulator.fail(kind.operation(), 5, NotExecuted(failure));
            let (answer, _) = send.post().await;
            send.assert_stored_as_answered(&answer, &case);
            let writes = send.take_writes();
            assert_eq!(writes.len(), 6, "{case}");
            assert!(writes.iter().all(|write| intended(write) == intended(&writes[0])), "{case}");
        }
    }
}

#[tokio::test]
async fn waits_between_tries_are_spread_and_grow() {
    let world = World::new().await;
    let mut waited = Vec::new();
    for _ in 0..4 {
        let send = Request::new(&world, SendKind::Keyed).await;
        world.emulator.fail("TransactWriteItems", 6, NotExecuted(Canceled(&["None", "TransactionConflict"])));
        let (answer, elapsed) = send.post().await;
        send.assert_stored_as_answered(&answer, "");
        // At most 25, 50, 100, 200, 400 and 800 ms.
        assert!(elapsed <= Duration::from_millis(1_575 + 20), "{elapsed:?}");
        waited.push(elapsed);
    }
    waited.dedup();
    assert!(waited.len() > 1, "every try of every request waited equally long: {waited:?}");
}

#[tokio::test]
async fn a_conflict_beside_a_blocking_row_is_retried() {
    // While the other side's first message is being committed, some of its rows exist and others are still locked.
    let world = World::new().await;
    for (kind, reasons) in [
        (
            SendKind::Opening,
            &["None", "TransactionConflict", "ConditionalCheckFailed", "TransactionConflict"][..],
        ),
        (
            SendKind::KeyedOpening,
            &["None", "None", "TransactionConflict", "TransactionConflict", "ConditionalCheckFailed"],
        ),
    ] {
        let send = Request::new(&world, kind).await;
        world.emulator.fail(kind.operation(), 1, NotExecuted(Canceled(reasons)));
        let (answer, _) = send.post().await;
        send.assert_stored_as_answered(&answer, &format!("{kind:?}"));
    }
}

#[tokio::test]
async fn a_repeated_request_is_not_answered_before_its_message_can_be_read() {
    // A transaction becomes visible row by row: here the key's row before the message.
    let world = World::new().await;
    for kind in [SendKind::Keyed, SendKind::KeyedOpening] {
        let send = Request::new(&world, kind).await;
        let (first, _) = send.post().await;
        let _ = world.emulator.take_calls();
        // One for the plan, and three for looking up the message itself.
        let mut hidden = 4;
        world.emulator.edit_answers(move |call, answer| {
            if call.operation == "Query" && hidden > 0 {
                hidden -= 1;
                answer["Items"] = json!([]);
                answer.as_object_mut().unwrap().remove("LastEvaluatedKey");
            }
        });
        let (again, _) = send.post().await;
        world.emulator.edit_answers(|_, _| ());
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{kind:?}");
        assert_eq!(send.take_writes().len(), 4, "{kind:?}");
        send.assert_stored_as_answered(&first, &format!("{kind:?}"));
    }
}

#[tokio::test]
async fn permanent_errors_fail_at_once() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        let mut failures = vec![
            Status(400, "AccessDeniedException"),
            Status(400, "ValidationException"),
            Status(400, "ResourceNotFoundException"),
            Status(400, "UnrecognizedClientException"),
            Status(400, "ItemCollectionSizeLimitExceededException"),
        ];
        if kind != SendKind::Plain {
            failures.extend([
                Canceled(&["None", "ValidationError"]),
                Canceled(&["TransactionConflict", "ValidationError"]),
                Canceled(&["ItemCollectionSizeLimitExceeded", "None"]),
                Status(400, "IdempotentParameterMismatchException"),
            ]);
        }
        for failure in failures {
            let case = format!("{kind:?}, {failure:?}");
            let send = Request::new(&world, kind).await;
            world.emulator.fail(kind.operation(), 1, NotExecuted(failure));
            let (answer, elapsed) = send.post().await;
            assert_internal_error(&answer, &case);
            assert_eq!(elapsed, Duration::ZERO, "{case}");
            assert_eq!(send.take_writes().len(), 1, "{case}");
            send.assert_nothing_stored(&case);
        }
    }
}

#[tokio::test]
async fn a_failure_after_a_write_with_an_unknown_outcome_stays_unknown() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        let case = format!("{kind:?}");
        let send = Request::new(&world, kind).await;
        // Each of the SDK's three attempts may still be carried out. The two attempts after them were not.
        let mut faults = VecDeque::from([
            NotExecuted(Status(500, "InternalServerError")),
            NotExecuted(Status(500, "InternalServerError")),
            NotExecuted(Status(500, "InternalServerError")),
            NotExecuted(Status(400, "TransactionConflictException")),
            NotExecuted(Status(400, "AccessDeniedException")),
        ]);
        world.emulator.inject(move |call| {
            if call.operation == kind.operation() {
                faults.pop_front().unwrap_or(Fault::None)
            } else {
                Fault::None
            }
        });
        let (answer, _) = send.post().await;
        assert_unavailable(&answer, &case);
        assert_eq!(send.take_writes().len(), 5, "{case}");
        send.assert_nothing_stored(&case);
    }
}

#[tokio::test]
async fn permanent_failures_end_in_503_long_before_the_functions_timeout() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        let mut failures = [UNKNOWN.as_slice(), &THROTTLING].concat();
        failures.push(Status(400, "TransactionInProgressException"));
        failures.push(Status(400, "TransactionConflictException"));
        if kind != SendKind::Plain {
            failures.push(Canceled(&["None", "TransactionConflict"]));
        }
        for failure in failures {
            let case = format!("{kind:?}, {failure:?}");
            let send = Request::new(&world, kind).await;
            world.emulator.fail(kind.operation(), usize::MAX, NotExecuted(failure));
            let (answer, elapsed) = send.post().await;
            assert_unavailable(&answer, &case);
            // The function's timeout is 25 s, and user look-ups come on top of this.
            assert!(elapsed <= Duration::from_secs(15), "{case}: {elapsed:?}");
            let writes = send.take_writes();
            assert!((3..100).contains(&writes.len()), "{case}: {} writes", writes.len());
            assert!(writes.iter().all(|write| intended(write) == intended(&writes[0])), "{case}");
            send.assert_nothing_stored(&case);
        }
    }
}

#[tokio::test]
async fn a_blocking_group_that_is_never_visible_ends_in_503_after_five_seconds() {
    let world = World::new().await;
    for kind in [SendKind::Opening, SendKind::KeyedOpening] {
        let case = format!("{kind:?}");
        let send = Request::new(&world, kind).await;
        world.send(&send.bob, &send.alice, "hello").await;
        world.emulator.edit_answers(|call, answer| {
            if call.operation == "GetItem" {
                answer.as_object_mut().unwrap().remove("Item");
            }
        });
        let (answer, elapsed) = send.post().await;
        world.emulator.edit_answers(|_, _| ());
        assert_unavailable(&answer, &case);
        // The last wait, of at most a second, may start just before the limit.
        assert!((5_000..=6_000).contains(&elapsed.as_millis()), "{case}: {elapsed:?}");
        send.assert_nothing_stored(&case);
    }
}

#[tokio::test]
async fn even_the_slowest_calls_end_before_the_functions_timeout() {
    // The reads answer just within their third attempt. The writes are lost, and the last one starts at the
    // last moment. When the other side has opened the group meanwhile, everything starts again.
    let world = World::new().await;
    for kind in SendKind::ALL {
        let send = Request::new(&world, kind).await;
        let mut seen = std::collections::HashMap::<String, usize>::new();
        world.emulator.set_latency(Duration::from_millis(1_900));
        world.emulator.inject(move |call| {
            let count = seen.entry(call.operation.clone()).or_default();
            *count += 1;
            match &*call.operation {
                "GetItem" | "Query" if *count <= 2 => NotExecuted(Silence),
                "GetItem" | "Query" => Fault::None,
                _ if *count <= 2 => NotExecuted(Status(500, "InternalServerError")),
                _ => NotExecuted(Silence),
            }
        });
        let (answer, elapsed) = send.post().await;
        world.emulator.set_latency(Duration::ZERO);
        world.emulator.inject(|_| Fault::None);
        assert_unavailable(&answer, &format!("{kind:?}"));
        assert!(elapsed < Duration::from_secs(20), "{kind:?}: {elapsed:?}");
    }
}

#[tokio::test]
async fn reads_that_fail_write_nothing() {
    let world = World::new().await;
    for operation in ["GetItem", "Query"] {
        for failure in [UNKNOWN.as_slice(), &THROTTLING].concat() {
            let case = format!("{operation}, {failure:?}");
            let send = Request::new(&world, SendKind::Plain).await;
            world.emulator.fail(operation, usize::MAX, NotExecuted(failure));
            let (answer, elapsed) = send.post().await;
            assert_unavailable(&answer, &case);
            assert!(elapsed <= Duration::from_secs(8), "{case}: {elapsed:?}");
            assert_eq!(send.take_writes().len(), 0, "{case}");
            // The SDK makes up for a single failure.
            world.emulator.fail(operation, 1, NotExecuted(failure));
            let (answer, _) = send.post().await;
            send.assert_stored_as_answered(&answer, &case);
        }
        for failure in [Status(400, "AccessDeniedException"), Status(400, "ResourceNotFoundException")] {
            let case = format!("{operation}, {failure:?}");
            let send = Request::new(&world, SendKind::Plain).await;
            world.emulator.fail(operation, 1, NotExecuted(failure));
            let (answer, elapsed) = send.post().await;
            assert_internal_error(&answer, &case);
            assert_eq!(elapsed, Duration::ZERO, "{case}");
            assert_eq!(send.take_writes().len(), 0, "{case}");
        }
    }
}

#[tokio::test]
async fn an_error_of_dynamodb_is_hidden_from_the_client() {
    let world = World::new().await;
    let send = Request::new(&world, SendKind::Plain).await;
    world.emulator.fail("PutItem", 1, NotExecuted(Status(400, "AccessDeniedException")));
    let (answer, _) = send.post().await;
    let mut shown = String::new();
    writeln!(shown, "{:?} {}", answer.headers, answer.body).unwrap();
    assert!(!shown.contains("AccessDenied") && !shown.contains("injected"), "{shown}");
}

#[tokio::test]
async fn concurrent_duplicates_are_answered_equally_and_stored_once() {
    let world = World::new().await;
    let send = Request::new(&world, SendKind::Keyed).await;
    world.post(&send.alice, &json!({"message_group_uuid": send.group_uuid, "message": "warm"})).await.ok();
    let _ = world.emulator.take_calls();
    // All requests read before the first one writes.
    world.emulator.set_latency(Duration::from_millis(10));
    let body = send.body().to_string();
    let posts = (0..12).map(|_| world.post_with(&send.alice, &[("idempotency-key", "key")], body.clone()));
    tokio::time::pause();
    let answers = join_all(posts).await;
    tokio::time::resume();
    world.emulator.set_latency(Duration::ZERO);
    assert_eq!(send.take_writes().len(), 12);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    send.assert_stored_as_answered(&answers[0], "");
}

/// Sends the text from the first user to the second, without PostgreSQL.
async fn send(sends: &Sends, kind: SendKind) -> Result<Sent, Error> {
    let (alice, bob) = (user(1), user(2));
    let key = kind.has_key().then_some("key");
    match kind {
        SendKind::Plain | SendKind::Keyed => {
            sends.to_group(&alice, uuid_of_pair(alice.uuid, bob.uuid), TEXT, key).await
        }
        SendKind::Opening | SendKind::KeyedOpening => sends.to_user(&alice, &bob, TEXT, key).await,
    }
}

fn stored(rows: &[Value]) -> Vec<MessageRow> {
    let mut messages: Vec<MessageRow> = invariants::messages(rows).into_values().flatten().collect();
    messages.retain(|message| message.message == TEXT);
    messages
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let unknown = prop::sample::select(UNKNOWN.to_vec());
    let busy = prop::sample::select(
        [THROTTLING.as_slice(), &[Status(400, "TransactionInProgressException")]].concat(),
    );
    let delay = (0_u64..12_000).prop_map(Duration::from_millis);
    prop_oneof![
        1 => Just(Fault::None),
        2 => busy.prop_map(NotExecuted),
        2 => unknown.clone().prop_map(NotExecuted),
        3 => unknown.clone().prop_map(Lost),
        3 => (unknown, delay).prop_map(|(failure, delay)| Late(failure, delay)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_messages_are_stored_once_under_any_faults(
        kind in prop::sample::select(SendKind::ALL.to_vec()),
        faults in prop::collection::vec(any_fault(), 0..16),
        repeat: bool,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let sends = Sends::new().await;
            if matches!(kind, SendKind::Plain | SendKind::Keyed) {
                sends.to_user(&user(2), &user(1), "hello", None).await.unwrap();
            }
            let mut faults = VecDeque::from(faults);
            sends.emulator.inject(move |call| {
                if call.operation == kind.operation() { faults.pop_front().unwrap_or(Fault::None) } else { Fault::None }
            });
            let mut answers = vec![send(&sends, kind).await];
            if repeat && kind.has_key() {
                answers.push(send(&sends, kind).await);
            }
            for moment in ["at once", "after a minute"] {
                let stored = stored(&sends.rows());
                assert!(stored.len() <= 1, "{moment}: {stored:?}");
                for answer in &answers {
                    match answer {
                        Ok(sent) => {
                            assert_eq!(stored.len(), 1, "{moment}");
                            assert_eq!(sent.uuid, stored[0].message_uuid, "{moment}");
                            assert_eq!(sent.created_at, stored[0].sk.created_at, "{moment}");
                        }
                        Err(Error::Unavailable { .. }) => {}
                        Err(error) => panic!("{moment}: {error}"),
                    }
                }
                assert_eq!(invariants::check(&sends.rows()), Vec::<String>::new(), "{moment}");
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        });
    }
}

#[tokio::test]
async fn concurrent_duplicates_of_a_first_message_are_answered_equally_and_stored_once() {
    let sends = Sends::new().await;
    tokio::time::pause();
    sends.emulator.set_latency(Duration::from_millis(10));
    let answers = join_all((0..12).map(|_| send(&sends, SendKind::KeyedOpening))).await;
    let answers: Vec<Sent> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let stored = stored(&sends.rows());
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].message_uuid, answers[0].uuid);
    assert_eq!(invariants::check(&sends.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn each_path_writes_its_number_of_rows_under_conditions() {
    let world = World::new().await;
    for kind in SendKind::ALL {
        let send = Request::new(&world, kind).await;
        send.post().await.0.ok();
        let writes = send.take_writes();
        assert_eq!(writes.len(), 1, "{kind:?}");
        let request = &writes[0].request;
        let puts: Vec<&Value> = match request["TransactItems"].as_array() {
            Some(actions) => actions.iter().filter_map(|action| action.get("Put")).collect(),
            None => vec![request],
        };
        assert_eq!(puts.len(), kind.actions(), "{kind:?}");
        for put in puts {
            // Nothing is overwritten (I7), and the error returns the existing row.
            assert_eq!(put["ConditionExpression"], "attribute_not_exists(pk)", "{kind:?}");
            assert_eq!(put["ReturnValuesOnConditionCheckFailure"], "ALL_OLD", "{kind:?}");
        }
    }
}
