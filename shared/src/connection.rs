//! Open sockets of users' devices (design, section 3).

use std::cmp::Reverse;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    config::{ConfigError, Lookup},
    dynamodb::{CallLimits, within_time_limit},
    error::{Dependency, Error},
    table::{Condition, ConnectionRow, Item, Key, Partition, Row, Table, WriteError},
    timestamp::Timestamp,
    warm_up::{self, Failure},
};

/// The longest duration of a connection. API Gateway closes connections after two hours.
const MAX_DURATION: TimeDelta = TimeDelta::minutes(115);

/// The maximum number of devices with a connection per user.
pub const MAX_DEVICES: usize = 20;

/// A connection that a device opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConnection {
    /// The device.
    pub device_uuid: Uuid,
    /// API Gateway's name of the connection.
    pub connection_id: String,
    /// The time at which API Gateway accepted the connection.
    pub connected_at: DateTime<Utc>,
    /// The end of the token, in seconds since 1970.
    pub token_expires_at: i64,
    /// The `User-Agent` of the device, cut at [`MAX_USER_AGENT_BYTES`].
    pub user_agent: Option<String>,
}

/// The longest stored `User-Agent`, in bytes.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// A connected device, as its user is shown it (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The UUID that the device chose.
    pub device_uuid: Uuid,
    /// The time at which the socket was opened.
    pub connected_at: Timestamp,
    /// The beginning of the device's `User-Agent`, if it sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// The connections of all users.
#[derive(Clone, Debug)]
pub struct Connections {
    table: Table,
}

impl Connections {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        Ok(Self::new(Table::from_lookup(lookup, limits)?))
    }

    /// Opens the connection to DynamoDB: issues the first opening's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        warm_up::call(Dependency::DynamoDb, self.of_user(Uuid::nil())).await
    }

    /// Reads the connections of a user, consistently. Includes those that are over.
    pub async fn of_user(&self, user_uuid: Uuid) -> Result<Vec<ConnectionRow>, Error> {
        // More than the maximum: two devices may open a connection at the same time.
        let limit = MAX_DEVICES * 2;
        let items = self.table.rows_from(Partition::Connections(user_uuid), "0", limit).await?;
        Ok(items.into_iter().filter_map(connection).collect())
    }

    /// Stores a connection in place of the device's earlier one. Fails with [`Error::ConnectionOutdated`] if the device
    /// has a later one. Deletes the oldest connections beyond [`MAX_DEVICES`].
    pub async fn open(&self, user_uuid: Uuid, new: NewConnection) -> Result<ConnectionRow, Error> {
        let key = Key::Connection { user_uuid, device_uuid: new.device_uuid };
        let row = ConnectionRow {
            pk: key.pk(),
            sk: new.device_uuid,
            connected_at: new.connected_at.timestamp_millis(),
            expires_at: (new.connected_at + MAX_DURATION).timestamp().min(new.token_expires_at),
            connection_id: new.connection_id,
            user_agent: new.user_agent,
        };
        let (stored, others) = tokio::join!(self.put(&row), self.of_user(user_uuid));
        stored?;
        let mut others = others?;
        others.retain(|other| other.sk != row.sk);
        others.sort_unstable_by_key(|other| other.connected_at);
        let excess = (others.len() + 1).saturating_sub(MAX_DEVICES);
        for oldest in others.iter().take(excess) {
            self.remove(user_uuid, oldest).await?;
        }
        Ok(row)
    }

    /// The user's devices whose connections have not ended by `now`, the latest first.
    pub async fn devices(&self, user_uuid: Uuid, now: DateTime<Utc>) -> Result<Vec<Device>, Error> {
        let mut rows = self.of_user(user_uuid).await?;
        rows.retain(|row| row.expires_at > now.timestamp());
        rows.sort_unstable_by_key(|row| Reverse(row.connected_at));
        Ok(rows.into_iter().map(Device::from).collect())
    }

    /// Deletes all connections of a user.
    pub async fn remove_all(&self, user_uuid: Uuid) -> Result<(), Error> {
        let deletions = self.table.delete_partition(Partition::Connections(user_uuid));
        within_time_limit(Box::pin(deletions)).await
    }

    async fn put(&self, row: &ConnectionRow) -> Result<(), Error> {
        let condition =
            Condition::new("attribute_not_exists(pk) OR connected_at < :connected_at OR connection_id = :id")
                .value(":connected_at", AttributeValue::N(row.connected_at.to_string()))
                .value(":id", AttributeValue::S(row.connection_id.clone()));
        // A repetition by the SDK could be executed after the deletion of the row.
        match self.table.put_once(row, condition).await {
            Err(WriteError::ConditionFailed { .. }) => Err(Error::ConnectionOutdated),
            stored => Ok(stored?),
        }
    }

    /// Deletes a connection, unless the device has opened another one meanwhile.
    pub async fn remove(&self, user_uuid: Uuid, row: &ConnectionRow) -> Result<(), Error> {
        let key = Key::Connection { user_uuid, device_uuid: row.sk };
        let same =
            Condition::exists().and_equal("connection_id", AttributeValue::S(row.connection_id.clone()));
        Ok(self.table.delete_if(&key, same).await?)
    }
}

impl From<ConnectionRow> for Device {
    fn from(row: ConnectionRow) -> Self {
        let connected_at = DateTime::from_timestamp_millis(row.connected_at).unwrap_or_default();
        Self { device_uuid: row.sk, connected_at: Timestamp::new(connected_at), user_agent: row.user_agent }
    }
}

fn connection(item: Item) -> Option<ConnectionRow> {
    match Row::parse(item) {
        Ok(Row::Connection(row)) => Some(row),
        Ok(_) => None,
        Err(error) => {
            tracing::error!(cause = %error, "skipped a malformed connection; `cruddur ddb doctor` explains it");
            None
        }
    }
}
