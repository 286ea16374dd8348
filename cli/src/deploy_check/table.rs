//! The table, as the functions need it.

use aws_sdk_dynamodb::types::PointInTimeRecoveryStatus;
use cruddur::error::Chain;
use schema::message_table::{Examined, examine};

use super::check::{Good, Look, Problem};
use crate::context::{Context, DynamoDb};

/// Keys, index, stream and time to live. Gives what the table is like.
pub(super) async fn check(dynamodb: &DynamoDb) -> Look<Examined> {
    let DynamoDb { table_name, place, client, .. } = dynamodb;
    let table = examine(client, table_name).await.map_err(|error| {
        let seen = format!("{place}, table {table_name}: {}", Chain(&error));
        Problem::new(seen, "is the name right (--table), and may these credentials describe the table?")
    })?;
    let Some(table) = table else {
        let seen = format!("{place} has no table {table_name}");
        return Err(Problem::new(seen, "name the deployment's with --table, or deploy it"));
    };
    if !table.is_active {
        let seen = format!("{table_name} or its index is not active");
        return Err(Problem::new(seen, "wait until AWS has made or changed it, and check again"));
    }
    if !table.differences.is_empty() {
        let differences = table.differences.iter().map(ToString::to_string).collect::<Vec<_>>();
        let seen = format!("{table_name}: {}", differences.join(", "));
        return Err(Problem::new(
            seen,
            "deploy the template's table as it is; somebody has changed it by hand",
        ));
    }
    let seen =
        format!("{table_name} is active, with keys, index, stream and time to live as they have to be");
    Ok(Good::with(seen, table))
}

/// What protects the messages from a mistake. (The local stack's table has nothing of the kind.)
pub(super) async fn check_protection(context: &Context, dynamodb: &DynamoDb, table: &Examined) -> Look {
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
    let mut lacks = Vec::new();
    if recovery != Some(&PointInTimeRecoveryStatus::Enabled) {
        lacks.push("point-in-time recovery is off");
    }
    if !table.is_protected {
        lacks.push("deletion protection is off");
    }
    if lacks.is_empty() {
        return Ok(Good::new("point-in-time recovery and deletion protection are on"));
    }
    let advice = "switch it on, as the template has it: what is deleted by mistake is lost otherwise";
    Err(Problem::new(format!("{place}, table {table_name}: {}", lacks.join(", ")), advice))
}
