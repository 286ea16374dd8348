//! Changes of rows that count their writes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::{Condition, Key, MemberStateRow, MessageRow, Table, Update, WriteError, from_item};
use crate::{
    backoff::Backoff,
    error::{Dependency, Error},
    random::Random,
};

/// Maximum number of attempts to write a change.
const MAX_ATTEMPTS: usize = 8;

/// A row that counts its writes in the attribute `version`. A row without the attribute has version 1.
pub(crate) trait Versioned: DeserializeOwned {
    /// The number of writes.
    fn version(&self) -> u64;
}

impl Versioned for MessageRow {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for MemberStateRow {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The parts of an update expression, without the version. They can use `:next`, the version after the write.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Assignments {
    /// Follows `SET version = :next`, so it begins with a comma unless it is empty.
    pub set: String,
    /// Further clauses, with a space before each.
    pub more: String,
    /// Placeholders with their values.
    pub values: Vec<(&'static str, AttributeValue)>,
}

impl Table {
    /// Changes a row, and returns it as it is then. `decide` gets the current row, `None` if it is absent, and returns
    /// `None` if no change is needed.
    ///
    /// Each write adds 1 to the version and requires the version that was read. Otherwise, a write that is executed long
    /// after its time limit could undo a later one. If another write came first, `decide` is asked again. If an attempt
    /// without an answer may have been made before it, the outcome is unknown, and the error [`Error::Unavailable`]. The
    /// SDK's own retries would hide such an attempt. Does not touch attributes of later versions of the system.
    pub(crate) async fn change<R: Versioned>(
        &self,
        key: &Key,
        random: &Random,
        decide: impl Fn(Option<&R>) -> Result<Option<Assignments>, Error>,
    ) -> Result<Option<R>, Error> {
        let mut stored = self.get::<R>(key).await?;
        let mut backoff = Backoff::new(random);
        let version = |row: &Option<R>| row.as_ref().map_or(0, R::version);
        // The version that an attempt without an answer would have written.
        let mut in_doubt = None;
        for _ in 0..MAX_ATTEMPTS {
            let decision = decide(stored.as_ref());
            if !matches!(decision, Ok(None)) && in_doubt.is_some_and(|doubtful| doubtful < version(&stored)) {
                break;
            }
            let Some(assignments) = decision? else { return Ok(stored) };
            match self.update_once(update_of(key, stored.as_ref().map(R::version), assignments)).await {
                Ok(item) => return from_item(item).map(Some),
                Err(WriteError::ConditionFailed { rows, .. }) => {
                    let row = rows.into_iter().next().flatten().filter(|row| !row.is_empty());
                    stored = row.map(from_item).transpose()?;
                    // That version is another's.
                    in_doubt = in_doubt.filter(|doubtful| *doubtful < version(&stored));
                }
                Err(WriteError::Unknown(_)) => in_doubt = Some(version(&stored) + 1),
                Err(WriteError::Busy(_)) => {}
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
            backoff.wait().await;
        }
        Err(Error::unavailable(Dependency::DynamoDb, "a change could not be written"))
    }
}

/// The condition that a row is still at this version, behind the placeholder `:version`, or absent.
const fn condition_of(version: Option<u64>) -> &'static str {
    match version {
        None => "attribute_not_exists(pk)",
        // The key alone would create a row in place of a removed one.
        Some(1) => "attribute_exists(pk) AND (attribute_not_exists(version) OR version = :version)",
        Some(_) => "version = :version",
    }
}

/// Requires this version, or no row, for a write that sets the version `:next`.
pub(crate) fn at_version(version: Option<u64>) -> Condition {
    let number = |number: u64| AttributeValue::N(number.to_string());
    let condition =
        Condition::new(condition_of(version)).value(":next", number(version.unwrap_or_default() + 1));
    match version {
        Some(version) => condition.value(":version", number(version)),
        None => condition,
    }
}

/// The write to a row that is still at this version, or absent.
fn update_of(key: &Key, version: Option<u64>, assignments: Assignments) -> Update {
    let Assignments { set, more, mut values } = assignments;
    let number = |number: u64| AttributeValue::N(number.to_string());
    values.push((":next", number(version.unwrap_or_default() + 1)));
    if let Some(version) = version {
        values.push((":version", number(version)));
    }
    Update {
        key: key.clone(),
        condition: condition_of(version).into(),
        set: format!("SET version = :next{set}{more}"),
        values,
    }
}
