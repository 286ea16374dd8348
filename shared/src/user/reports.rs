//! Storing reports of messages (design, section 3).

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::Users;
use crate::{error::Error, invocation, metrics::Metric, report::NewReport};

/// Seconds after which a user over the limit of reports may try again. The limit itself is in `create.sql`.
const RETRY_AFTER: u64 = 3_600;

impl Users {
    /// Stores a report, and returns its UUID. A second report of a message by the same user stores nothing and has the
    /// UUID of the first.
    ///
    /// Fails with [`Error::RateLimited`] if the user has reported 50 messages in the last 24 hours.
    pub async fn store_report(&self, report: &NewReport) -> Result<Uuid, Error> {
        let statement = include_str!("../../../sql/reports/create.sql");
        let parameters = [
            (&report.reporter_uuid as _, Type::UUID),
            (&report.group_uuid as _, Type::UUID),
            (&report.message_uuid as _, Type::UUID),
            (&report.sender_uuid as _, Type::UUID),
            (&report.reason.as_str() as _, Type::TEXT),
            (&report.messages as _, Type::TEXT),
        ];
        // The statement does not see a report that was stored after it began: then the second one does.
        for _ in 0..2 {
            if let Some(row) = self.postgres.query(statement, &parameters).await?.first() {
                let is_new: bool = row.try_get("is_new").map_err(Error::internal)?;
                invocation::count(Metric::MessagesReported, usize::from(is_new));
                return row.try_get("uuid").map_err(Error::internal);
            }
        }
        Err(Error::RateLimited { retry_after: RETRY_AFTER })
    }
}
