//! Checks of the table.

use aws_sdk_dynamodb::types::PointInTimeRecoveryStatus;
use cruddur::error::Chain;
use schema::message_table::{Examined, examine};

use super::report::{CheckResult, Problem, Success};
use crate::context::{Context, DynamoDb};

/// Checks keys, index, stream and time to live.
pub(super) async fn check(dynamodb: &DynamoDb) -> CheckResult<Examined> {
    let DynamoDb { table_name, place, client, .. } = dynamodb;
    let table = examine(client, table_name).await.map_err(|error| {
        let seen = format!("{place}, table {table_name}: {}", Chain(&error));
        Problem::new(seen, "check --table, and whether these credentials may describe the table")
    })?;
    let Some(table) = table else {
        let seen = format!("{place} has no table {table_name}");
        return Err(Problem::new(seen, "check --table, or deploy the table"));
    };
    if !table.is_active {
        let seen = format!("{table_name} or its index is not active");
        return Err(Problem::new(seen, "wait until AWS has created or changed it, and check again"));
    }
    if !table.differences.is_empty() {
        let seen = format!("{table_name}: {}", table.differences.join(", "));
        return Err(Problem::new(seen, "deploy the template's table again, since it was changed"));
    }
    let seen = format!("{table_name} is active, with the right keys, index, stream and time to live");
    Ok(Success::with(seen, table))
}

/// Checks backups and deletion protection, which the local stack's table does not have.
pub(super) async fn check_protection(
    context: &Context,
    dynamodb: &DynamoDb,
    table: &Examined,
) -> CheckResult {
    let DynamoDb { table_name, place, client, .. } = dynamodb;
    let answer = client.describe_continuous_backups().table_name(table_name).send().await;
    let answer = answer.map_err(|error| {
        let error = context.dynamodb_error(dynamodb, &error).to_string();
        Problem::of_call(error, "dynamodb:DescribeContinuousBackups")
    })?;
    let recovery = answer
        .continuous_backups_description()
        .and_then(|backups| backups.point_in_time_recovery_description())
        .and_then(|recovery| recovery.point_in_time_recovery_status());
    let mut missing = Vec::new();
    if recovery != Some(&PointInTimeRecoveryStatus::Enabled) {
        missing.push("point-in-time recovery is off");
    }
    if !table.is_protected {
        missing.push("deletion protection is off");
    }
    if missing.is_empty() {
        return Ok(Success::new("point-in-time recovery and deletion protection are on"));
    }
    let advice = "enable it, as in the template; otherwise a deletion by mistake can't be undone";
    Err(Problem::new(format!("{place}, table {table_name}: {}", missing.join(", ")), advice))
}
