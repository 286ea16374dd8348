//! `db sessions`

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use crate::{
    context::{Context, Database},
    listing::local_time,
};

/// A session, without its query, which may contain data.
#[derive(Debug, Serialize)]
struct Session {
    pid: i32,
    user: Option<String>,
    /// `None` for a Unix socket.
    client_address: Option<String>,
    application: Option<String>,
    /// Such as `active` or `idle`; `None` if it is not visible to this user.
    state: Option<String>,
    state_since: Option<DateTime<Utc>>,
    connected_at: Option<DateTime<Utc>>,
}

pub(super) async fn run(context: &Context, database: &Database) -> Result<()> {
    let statement = include_str!("../../../sql/users/sessions.sql");
    let rows = database.query(statement, &[]).await?;
    let sessions = rows.iter().map(Session::from_row).collect::<Result<Vec<_>, _>>()?;
    let header = ["PID", "USER", "CLIENT", "APPLICATION", "STATE", "SINCE", "CONNECTED"];
    context.output.rows(&header, &sessions, Session::cells)
}

impl Session {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            pid: row.try_get("pid")?,
            user: row.try_get("user")?,
            client_address: row.try_get("client_address")?,
            application: row.try_get("application_name")?,
            state: row.try_get("state")?,
            state_since: row.try_get("state_since")?,
            connected_at: row.try_get("connected_at")?,
        })
    }

    fn cells(&self) -> Vec<String> {
        let text =
            |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).unwrap_or("-".to_owned());
        let time = |time: Option<DateTime<Utc>>| time.map_or("-".to_owned(), local_time);
        vec![
            self.pid.to_string(),
            text(&self.user),
            text(&self.client_address),
            text(&self.application),
            text(&self.state),
            time(self.state_since),
            time(self.connected_at),
        ]
    }
}
