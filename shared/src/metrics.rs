//! Metrics, and their serialization in CloudWatch's embedded metric format (EMF): members of a log line.
//!
//! No published writer fits: `metrics_cloudwatch_embedded` counts per process rather than per invocation, and
//! `metrique-writer-format-emf` would add some 40 crates to each function.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::log::line::Line;

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "CruddurMessages";

/// The only dimension. CloudWatch bills each combination of dimension values as a metric, so no dimension may grow with
/// users or groups.
const DIMENSION: &str = "FunctionName";

/// The format's maximum number of values per metric and line.
const MAX_VALUES: usize = 100;

/// A metric. The variant's name is the metric's name in CloudWatch. All are counts except the two delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Metric {
    /// Messages stored.
    MessagesSent,
    /// Requests answered with a message stored by an earlier request with the same idempotency key.
    MessagesReplayed,
    /// Messages rejected because the sender exceeded the send limit.
    SendsLimited,
    /// Messages that bypassed the send limit because DynamoDB was unavailable.
    SendsUncounted,
    /// Messages reported to the operator.
    MessagesReported,
    /// Groups created by a first message.
    GroupsCreated,
    /// Inbox rows moved to a newer message.
    RowsMoved,
    /// Inbox rows changed at their position: by an edit of the newest message, or by a read marker.
    RowsChanged,
    /// Inbox rows that had all changes.
    RowsAlreadyThere,
    /// Inbox rows that were not where the index showed them and had to be located.
    RowsLocated,
    /// Moves of groups that failed, or did not start for lack of time. Lambda delivers the records again.
    GroupsNotMoved,
    /// Skipped stream records: malformed records of new messages.
    RecordsSkipped,
    /// Milliseconds from a message's creation to the end of the move of its group's inbox rows.
    MoveDelay,
    /// Changes appended to event logs.
    EventsLogged,
    /// Log rows that could not be written because another writer took their number. The append is repeated.
    LogConflicts,
    /// Frames accepted by API Gateway.
    Pushed,
    /// Frames to connections that no longer exist.
    PushGone,
    /// Frames that were not sent: API Gateway rejected them or did not answer, or pushes were paused.
    PushDropped,
    /// Milliseconds from a message's creation to the end of a push.
    PushDelay,
    /// Tokens with a key that is not in the key set.
    UnknownKeys,
    /// Confirmed users who could not be written to the users table.
    UsersNotEntered,
    /// Accounts that were erased completely.
    AccountsErased,
    /// Passes of erasures that failed. They are repeated.
    ErasuresFailed,
    /// Reports deleted at the end of their retention.
    ReportsDeleted,
    /// First invocations of an execution environment.
    ColdStarts,
    /// Read request units, as reported by DynamoDB.
    ReadRequestUnits,
    /// Write request units, as reported by DynamoDB.
    WriteRequestUnits,
}

/// A metric's unit, as CloudWatch names it.
#[derive(PartialEq, Serialize)]
enum Unit {
    Count,
    Milliseconds,
}

impl Metric {
    fn unit(self) -> Unit {
        match self {
            Self::MoveDelay | Self::PushDelay => Unit::Milliseconds,
            _ => Unit::Count,
        }
    }
}

/// Measured values of one invocation, by metric. Counts are summed; durations are kept one by one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Measurements(BTreeMap<Metric, Vec<f64>>);

impl Measurements {
    /// Adds `value` to a count, or appends it to the values of a duration. Drops zero counts and non-finite values.
    pub(crate) fn record(&mut self, metric: Metric, value: f64) {
        let is_count = metric.unit() == Unit::Count;
        if !value.is_finite() || (is_count && value == 0.0) {
            return;
        }
        let values = self.0.entry(metric).or_default();
        match values.first_mut() {
            Some(sum) if is_count => *sum += value,
            _ => values.push(value),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes and returns the values that exceed the limit of one line.
    pub(crate) fn split_off_excess(&mut self) -> Self {
        let long = self.0.iter_mut().filter(|(_, values)| values.len() > MAX_VALUES);
        Self(long.map(|(metric, values)| (*metric, values.split_off(MAX_VALUES))).collect())
    }

    /// Adds each metric to a log line: a count as a number, a duration as an array of numbers.
    pub(crate) fn put_values(&self, line: &mut Line) {
        for (metric, values) in &self.0 {
            match &values[..] {
                [sum] if metric.unit() == Unit::Count => line.put(metric, sum),
                values => line.put(metric, values),
            }
        }
    }

    /// Adds the dimension and `_aws` to a line of `function`, written at `now`. CloudWatch finds the metrics through
    /// `_aws`.
    pub(crate) fn put_metadata(&self, line: &mut Line, function: &str, now: DateTime<Utc>) {
        if self.is_empty() {
            return;
        }
        let metrics = self.0.keys().map(|&name| Definition { name, unit: name.unit() }).collect();
        let directive = Directive { namespace: NAMESPACE, dimensions: [[DIMENSION]], metrics };
        line.put(DIMENSION, function);
        line.put("_aws", &Metadata { timestamp: now.timestamp_millis(), directives: [directive] });
    }
}

/// See "Specification: embedded metric format" in CloudWatch's user guide.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: i64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: Metric,
    unit: Unit,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(measurements: &Measurements) -> String {
        let mut line = Line::default();
        measurements.put_values(&mut line);
        line.to_string()
    }

    #[test]
    fn counts_add_up_and_zero_counts_are_dropped() {
        let mut measurements = Measurements::default();
        measurements.record(Metric::RowsMoved, 2.0);
        measurements.record(Metric::RowsMoved, 1.0);
        measurements.record(Metric::RowsLocated, 0.0);
        measurements.record(Metric::MoveDelay, 0.0);
        measurements.record(Metric::MoveDelay, 12.5);
        assert_eq!(written(&measurements), r#"{"RowsMoved":3.0,"MoveDelay":[0.0,12.5]}"#);
    }

    #[test]
    fn non_finite_values_are_dropped() {
        let mut measurements = Measurements::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            measurements.record(Metric::WriteRequestUnits, value);
            measurements.record(Metric::MoveDelay, value);
        }
        assert_eq!(measurements, Measurements::default());
    }

    proptest! {
        #[test]
        fn no_line_has_more_than_100_values_and_none_is_lost_or_repeated(count in 0_u16..1_000) {
            let mut rest = Measurements::default();
            rest.record(Metric::RowsMoved, 7.0);
            for number in 0..count {
                rest.record(Metric::MoveDelay, f64::from(number));
            }
            let mut delays = Vec::new();
            let mut lines = 0;
            while !rest.is_empty() {
                let excess = rest.split_off_excess();
                prop_assert_eq!(rest.0.contains_key(&Metric::RowsMoved), lines == 0);
                let values = rest.0.remove(&Metric::MoveDelay).unwrap_or_default();
                prop_assert!(values.len() <= 100);
                delays.extend(values);
                rest = excess;
                lines += 1;
            }
            prop_assert_eq!(delays, (0..count).map(f64::from).collect::<Vec<_>>());
        }
    }
}
