//! `db seed`

use anyhow::Result;
use seed::demo::{self, DEMO_USERS};
use serde_json::json;

use crate::context::{Context, Database};

pub(super) async fn run(context: &Context, database: &Database) -> Result<()> {
    demo::ensure_users(&database.postgres()).await.map_err(|error| database.query_error(&error))?;
    let handles = DEMO_USERS.map(|user| user.handle);
    let sentence = format!("the demo users exist: {}", handles.join(", "));
    context.output.result(&sentence, &json!({"database": database.place, "users": handles}))
}
