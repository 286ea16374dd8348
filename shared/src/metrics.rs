//! What is measured, and CloudWatch's embedded metric format, in which a log line carries its own metrics.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "CruddurMessages";

/// The one dimension: which function measured. Nothing that grows with users or groups belongs there, since each
/// combination of values is a metric of its own, and paid for.
pub const DIMENSION: &str = "FunctionName";

/// Values of one metric in a line at most (as the format has it).
const MAX_VALUES: usize = 100;

/// What is measured. The variants' names are the metrics' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// Messages that were stored.
    MessagesSent,
    /// Requests that were answered with the message that an earlier one with their idempotency key had stored.
    MessagesReplayed,
    /// Messages that were refused since their sender was over the send limit.
    SendsLimited,
    /// Messages that the send limit let through without counting them, since DynamoDB could not be asked.
    SendsUncounted,
    /// Groups that were opened by a message.
    GroupsCreated,
    /// Inbox rows that were moved to a newer message.
    RowsMoved,
    /// Inbox rows that stood at the message, or at a newer one, already.
    RowsAlreadyThere,
    /// Inbox rows that had to be searched for, since they were not where the index showed them.
    RowsLocated,
    /// Groups whose move failed, or was not started for want of time; they are delivered again.
    GroupsNotMoved,
    /// Stream records that claim to be new messages and are malformed; they are passed over.
    RecordsSkipped,
    /// From the creation of a message to the end of the move of its group's inbox rows.
    MoveDelay,
    /// Tokens that name a key which the key set does not have.
    UnknownKeys,
    /// Confirmed users who could not be entered in the table of users.
    UsersNotEntered,
    /// First invocations of an execution environment.
    ColdStarts,
    /// Read request units, as DynamoDB reports them.
    ReadRequestUnits,
    /// Write request units, as DynamoDB reports them.
    WriteRequestUnits,
}

/// A metric's unit, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// How many.
    Count,
    /// How long.
    Milliseconds,
}

impl Metric {
    /// What its values are counted in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::MoveDelay => Unit::Milliseconds,
            Self::MessagesSent
            | Self::MessagesReplayed
            | Self::SendsLimited
            | Self::SendsUncounted
            | Self::GroupsCreated
            | Self::RowsMoved
            | Self::RowsAlreadyThere
            | Self::RowsLocated
            | Self::GroupsNotMoved
            | Self::RecordsSkipped
            | Self::UnknownKeys
            | Self::UsersNotEntered
            | Self::ColdStarts
            | Self::ReadRequestUnits
            | Self::WriteRequestUnits => Unit::Count,
        }
    }
}

/// What was measured. Its text is a JSON object, each member a metric: a number or an array of numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measured(BTreeMap<Metric, Values>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Values {
    Sum(f64),
    Each(Vec<f64>),
}

impl Measured {
    /// Adds `value` to a metric that is a sum. Nothing is kept of zero: no alarm waits for it.
    pub fn add(&mut self, metric: Metric, value: f64) {
        if value == 0.0 || !value.is_finite() {
            return;
        }
        match self.0.entry(metric).or_insert(Values::Sum(0.0)) {
            Values::Sum(sum) => *sum += value,
            Values::Each(values) => values.push(value),
        }
    }

    /// One more value of a metric whose values count each by itself, such as a duration.
    pub fn push(&mut self, metric: Metric, value: f64) {
        if !value.is_finite() {
            return;
        }
        match self.0.entry(metric).or_insert(Values::Each(Vec::new())) {
            Values::Sum(sum) => *sum += value,
            Values::Each(values) => values.push(value),
        }
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same in parts that fit a line each: the first has all sums, the others what values are left.
    #[must_use]
    pub fn into_lines(mut self) -> Vec<Self> {
        let mut lines = Vec::new();
        loop {
            let mut rest = BTreeMap::new();
            for (metric, values) in &mut self.0 {
                if let Values::Each(values) = values
                    && values.len() > MAX_VALUES
                {
                    rest.insert(*metric, Values::Each(values.split_off(MAX_VALUES)));
                }
            }
            lines.push(self);
            if rest.is_empty() {
                return lines;
            }
            self = Self(rest);
        }
    }

    /// The members that make a log line, written at `now`, a carrier of these metrics: the metrics themselves,
    /// the dimension, and `_aws`, which tells CloudWatch where to look.
    #[must_use]
    pub fn embedded<'a>(&'a self, function: &'a str, now: DateTime<Utc>) -> impl Serialize {
        let metrics = self.0.keys().map(|metric| Definition { name: *metric, unit: metric.unit() });
        Embedded {
            values: self,
            function_name: function,
            aws: Metadata {
                timestamp: now.timestamp_millis(),
                directives: [Directive {
                    namespace: NAMESPACE,
                    dimensions: [[DIMENSION]],
                    metrics: metrics.collect(),
                }],
            },
        }
    }
}

/// See "Specification: embedded metric format" in CloudWatch's user guide.
#[derive(Serialize)]
struct Embedded<'a> {
    #[serde(flatten)]
    values: &'a Measured,
    #[serde(rename = "FunctionName")]
    function_name: &'a str,
    #[serde(rename = "_aws")]
    aws: Metadata,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(rename = "Timestamp")]
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

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Measured {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_add_up_and_zero_is_left_out() {
        let mut measured = Measured::default();
        measured.add(Metric::RowsMoved, 2.0);
        measured.add(Metric::RowsMoved, 1.0);
        measured.add(Metric::RowsLocated, 0.0);
        measured.push(Metric::MoveDelay, 0.0);
        measured.push(Metric::MoveDelay, 12.5);
        assert_eq!(measured.to_string(), r#"{"RowsMoved":3.0,"MoveDelay":[0.0,12.5]}"#);
    }

    #[test]
    fn what_is_no_number_is_not_measured() {
        let mut measured = Measured::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            measured.add(Metric::WriteRequestUnits, value);
            measured.push(Metric::MoveDelay, value);
        }
        assert!(measured.is_empty(), "{measured}");
    }

    proptest! {
        #[test]
        fn no_line_has_more_than_100_values_and_no_value_is_lost_or_doubled(count in 0_u16..1_000) {
            let mut measured = Measured::default();
            measured.add(Metric::RowsMoved, 7.0);
            for number in 0..count {
                measured.push(Metric::MoveDelay, f64::from(number));
            }
            let lines = measured.into_lines();
            let mut values = Vec::new();
            for (place, Measured(line)) in lines.iter().enumerate() {
                prop_assert_eq!(line.contains_key(&Metric::RowsMoved), place == 0);
                if let Some(Values::Each(delays)) = line.get(&Metric::MoveDelay) {
                    prop_assert!((1..=100).contains(&delays.len()));
                    values.extend(delays.iter().copied());
                }
            }
            prop_assert_eq!(values, (0..count).map(f64::from).collect::<Vec<_>>());
        }

        #[test]
        fn the_text_can_be_read_back(sum in 1_u32.., delays in proptest::collection::vec(0_u32.., 1..20)) {
            let mut measured = Measured::default();
            measured.add(Metric::MessagesSent, f64::from(sum));
            for delay in delays {
                measured.push(Metric::MoveDelay, f64::from(delay) / 1000.0);
            }
            prop_assert_eq!(measured.to_string().parse::<Measured>().unwrap(), measured);
        }
    }
}
