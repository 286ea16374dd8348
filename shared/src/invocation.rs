//! What one invocation did: gathered while it runs, and told at its end, in one line.
//!
//! Facts are noted where they become known and find their invocation through the task that it runs in. So many
//! invocations may run at a time in one process, as they do in the local stack, and code that runs outside of any,
//! such as an admin command, may say what it likes: nobody listens.

use std::cell::RefCell;

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    dynamodb::Units,
    metrics::{Measured, Metric},
};

/// The target of the lines that tell of an invocation. The function's log never leaves them out, whatever
/// `RUST_LOG` says: the metrics are in them, and alarms hang on those.
pub const TARGET: &str = "cruddur::invocation";

/// How an invocation ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// What to call it: a lower-case fragment.
    pub message: &'static str,
    /// The status, of a request.
    pub status: Option<u16>,
    /// Why a request was refused. (The cause of a failure is an error line of its own.)
    pub cause: Option<String>,
}

impl Ended {
    /// An end that there is no more to say of.
    #[must_use]
    pub fn with(message: &'static str) -> Self {
        Self { message, ..Self::default() }
    }
}

#[derive(Debug, Default)]
struct Facts {
    user_uuid: Option<Uuid>,
    group_uuid: Option<Uuid>,
    message_uuid: Option<Uuid>,
    records: Option<usize>,
    groups: Option<usize>,
    units: Option<Units>,
    measured: Measured,
}

tokio::task_local! {
    static FACTS: RefCell<Facts>;
}

fn note(fact: impl FnOnce(&mut Facts)) {
    // Outside of an invocation there is nothing to note.
    let _ = FACTS.try_with(|facts| fact(&mut facts.borrow_mut()));
}

/// The invocation speaks for this user.
pub fn user(uuid: Uuid) {
    note(|facts| facts.user_uuid = Some(uuid));
}

/// The invocation is about this group.
pub fn group(uuid: Uuid) {
    note(|facts| facts.group_uuid = Some(uuid));
}

/// The invocation is about this message.
pub fn message(uuid: Uuid) {
    note(|facts| facts.message_uuid = Some(uuid));
}

/// The invocation got a batch of so many records, of so many groups.
pub fn batch(records: usize, groups: usize) {
    note(|facts| (facts.records, facts.groups) = (Some(records), Some(groups)));
}

/// Counts `number` more.
#[expect(clippy::cast_precision_loss, reason = "nothing that an invocation counts comes near to 2^53")]
pub fn count(metric: Metric, number: usize) {
    note(|facts| facts.measured.add(metric, number as f64));
}

/// One more value of a metric whose values count each by itself.
pub fn measure(metric: Metric, value: f64) {
    note(|facts| facts.measured.push(metric, value));
}

/// A call to DynamoDB has cost this.
pub(crate) fn consumed(cost: Units) {
    note(|facts| {
        let units = facts.units.get_or_insert_default();
        units.read += cost.read;
        units.write += cost.write;
    });
}

/// Carries out `work` as one invocation of `route`, and tells of it.
pub fn observe<T>(route: &'static str, work: impl Future<Output = (T, Ended)>) -> impl Future<Output = T> {
    // Boxed before it is part of another future: what a function's `main` waits for would be nested too deeply for
    // the compiler.
    let work = Box::pin(work);
    async move {
        let begin = Instant::now();
        let work = async {
            let (answer, ended) = work.await;
            (answer, ended, FACTS.with(RefCell::take))
        };
        let (answer, ended, facts) = FACTS.scope(RefCell::default(), work).await;
        tell(route, &ended, facts, begin.elapsed().as_secs_f64() * 1_000.0);
        answer
    }
}

fn tell(route: &str, ended: &Ended, facts: Facts, duration_ms: f64) {
    let Facts { user_uuid, group_uuid, message_uuid, records, groups, units, mut measured } = facts;
    if let Some(units) = units {
        measured.add(Metric::ReadRequestUnits, units.read);
        measured.add(Metric::WriteRequestUnits, units.write);
    }
    let mut lines = measured.into_lines().into_iter();
    let metrics = lines.next().filter(|metrics| !metrics.is_empty());
    tracing::info!(
        target: TARGET,
        route,
        status = ended.status,
        cause = ended.cause.as_deref(),
        // To the microsecond.
        duration_ms = (duration_ms * 1_000.0).round() / 1_000.0,
        user_uuid = user_uuid.map(tracing::field::display),
        group_uuid = group_uuid.map(tracing::field::display),
        message_uuid = message_uuid.map(tracing::field::display),
        records,
        groups,
        read_request_units = units.map(|units| units.read),
        write_request_units = units.map(|units| units.write),
        metrics = metrics.map(tracing::field::display),
        "{}",
        ended.message,
    );
    for metrics in lines {
        tracing::info!(target: TARGET, route, %metrics, "more of what was measured");
    }
}
