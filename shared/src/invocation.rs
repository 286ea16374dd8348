//! Facts about an invocation, recorded while it runs and logged as one line at its end.
//!
//! The current invocation is task-local, since many invocations share a process in the local stack. Outside an
//! invocation, such as in an admin command, the functions of this module do nothing.

use std::cell::RefCell;

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    dynamodb::Units,
    log::{self, Line},
    metrics::{Measurements, Metric},
};

/// The outcome of an invocation.
#[derive(Clone, Debug, Default)]
pub struct Completion {
    /// The log message, a lower-case fragment.
    pub message: &'static str,
    /// The response status of a request.
    pub status: Option<u16>,
    /// The reason for rejecting a request. Failures have a separate error line with the cause.
    pub cause: Option<String>,
}

impl Completion {
    /// Creates a completion without status and cause.
    #[must_use]
    pub fn new(message: &'static str) -> Self {
        Self { message, ..Self::default() }
    }
}

#[derive(Default)]
struct Invocation {
    user_uuid: Option<Uuid>,
    group_uuid: Option<Uuid>,
    message_uuid: Option<Uuid>,
    records: Option<usize>,
    groups: Option<usize>,
    units: Option<Units>,
    measurements: Measurements,
}

tokio::task_local! {
    static CURRENT: RefCell<Invocation>;
}

fn update(change: impl FnOnce(&mut Invocation)) {
    // The error means that the caller is outside an invocation.
    let _ = CURRENT.try_with(|invocation| change(&mut invocation.borrow_mut()));
}

/// Records the user on whose behalf the invocation acts.
pub fn user(uuid: Uuid) {
    update(|invocation| invocation.user_uuid = Some(uuid));
}

/// Records the group that the invocation reads or writes.
pub fn group(uuid: Uuid) {
    update(|invocation| invocation.group_uuid = Some(uuid));
}

/// Records the message that the invocation stores or processes.
pub fn message(uuid: Uuid) {
    update(|invocation| invocation.message_uuid = Some(uuid));
}

/// Records the size of a stream batch.
pub fn batch(records: usize, groups: usize) {
    update(|invocation| (invocation.records, invocation.groups) = (Some(records), Some(groups)));
}

/// Adds `number` to a count.
#[expect(clippy::cast_precision_loss, reason = "counts of one invocation are far below 2^53")]
pub fn count(metric: Metric, number: usize) {
    measure(metric, number as f64);
}

/// Records one value of a metric.
pub fn measure(metric: Metric, value: f64) {
    update(|invocation| invocation.measurements.record(metric, value));
}

/// Adds the cost of a call to DynamoDB.
pub(crate) fn consumed(cost: Units) {
    update(|invocation| {
        let units = invocation.units.get_or_insert_default();
        units.read += cost.read;
        units.write += cost.write;
    });
}

/// Runs `work` as one invocation of `route`, and logs it.
pub fn observe<T>(
    route: &'static str,
    work: impl Future<Output = (T, Completion)>,
) -> impl Future<Output = T> {
    // Boxed: otherwise the future exceeds the compiler's limit on nested types.
    let work = Box::pin(work);
    async move {
        let begin = Instant::now();
        let work = async {
            let (answer, completion) = work.await;
            (answer, completion, CURRENT.with(RefCell::take))
        };
        let (answer, completion, invocation) = CURRENT.scope(RefCell::default(), work).await;
        invocation.log(route, &completion, begin.elapsed().as_secs_f64() * 1_000.0);
        answer
    }
}

impl Invocation {
    fn log(self, route: &str, completion: &Completion, duration_ms: f64) {
        let Self { user_uuid, group_uuid, message_uuid, records, groups, units, mut measurements } = self;
        let mut line = Line::default();
        line.put("message", completion.message);
        line.put("route", route);
        line.put_some("status", completion.status);
        line.put_some("cause", completion.cause.as_deref());
        // Rounded to microseconds.
        line.put("duration_ms", &((duration_ms * 1_000.0).round() / 1_000.0));
        line.put_some("user_uuid", user_uuid);
        line.put_some("group_uuid", group_uuid);
        line.put_some("message_uuid", message_uuid);
        line.put_some("records", records);
        line.put_some("groups", groups);
        if let Some(Units { read, write }) = units {
            line.put("read_request_units", &read);
            line.put("write_request_units", &write);
            measurements.record(Metric::ReadRequestUnits, read);
            measurements.record(Metric::WriteRequestUnits, write);
        }
        loop {
            let excess = measurements.split_off_excess();
            log::write(line, measurements);
            if excess.is_empty() {
                break;
            }
            measurements = excess;
            line = Line::default();
            line.put("message", "further metric values");
            line.put("route", route);
        }
    }
}
