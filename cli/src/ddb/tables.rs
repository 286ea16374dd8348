//! `ddb list-tables`

use anyhow::Result;
use serde_json::json;

use crate::{
    context::{Context, note},
    outcome::Outcome,
};

pub(super) async fn run(context: &Context) -> Result<Outcome> {
    let dynamodb = context.dynamodb().await?;
    let mut start = None;
    let mut tables = 0_usize;
    loop {
        let answer = dynamodb.client.list_tables().set_exclusive_start_table_name(start).send().await;
        let answer = answer.map_err(|error| context.dynamodb_error(&dynamodb, &error))?;
        for name in answer.table_names() {
            context.output.result(name, &json!({"name": name}))?;
        }
        tables += answer.table_names().len();
        start = answer.last_evaluated_table_name;
        if start.is_none() {
            break;
        }
    }
    if tables == 0 {
        note(&format!("{} has no tables; create one with `cruddur ddb schema-load`", dynamodb.place));
    }
    Ok(Outcome::Done)
}
