//! Self-invocations: a move writes rows whose records are in the stream, too. The mapping's filter keeps them
//! from invoking the function again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use cruddur::{
    clock::Clock,
    dynamodb::{CallLimits, client},
    message_group::Inbox,
    random::Random,
    stream::Batch,
    table::Table,
    user::User,
};
use lambda_runtime::LambdaEvent;
use local::{
    deployment::stream_filters,
    engines::dynamodb::DynamoDb,
    function::Function,
    mapping::{self, Mapping},
};
use serde::Serialize;
use uuid::Uuid;

use crate::stage::{TABLE, sdk, send};

/// The records and invocations that messages cause.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SelfInvocations {
    /// Whether the mapping had the template's filter.
    pub filtered: bool,
    /// Number of messages, each sent after all effects of the previous one.
    pub messages: u64,
    /// Number of records that reached the function.
    pub records: u64,
    /// Number of invocations.
    pub invocations: u64,
}

/// Number of messages sent.
const MESSAGES: u64 = 20;

/// Measures with and without the filter.
pub async fn self_invocations() -> Result<Vec<SelfInvocations>> {
    Ok(vec![count(true).await?, count(false).await?])
}

async fn count(filtered: bool) -> Result<SelfInvocations> {
    let engine = DynamoDb::start(None, 0).await?;
    let sdk = sdk(engine.endpoint_url());
    let table = Table::new(client(&sdk, CallLimits::ADMIN), TABLE);
    let stream_arn = schema::message_table::ensure(table.client(), TABLE).await?.stream_arn;
    let reached = Arc::new(Reached::default());
    let filters = if filtered { stream_filters().into() } else { Vec::new() };
    let options = mapping::Options {
        filters,
        ..mapping::Options::new(aws_sdk_dynamodbstreams::Client::new(&sdk), stream_arn)
    };
    let mapping = Mapping::start(options, stream_handler(table.clone(), Arc::clone(&reached)))?;
    let [sunyoung, scarlett] = [("sunyoung", 1), ("scarlett", 2)].map(|(name, number)| User {
        uuid: Uuid::from_u128(number),
        handle: name.to_owned(),
        display_name: name.to_owned(),
    });
    for _ in 0..MESSAGES {
        send(&table, &sunyoung, &scarlett).await?;
        // First the message, then the writes of its move.
        mapping.idle().await;
        mapping.idle().await;
    }
    mapping.stop().await;
    engine.shutdown().await?;
    let [records, invocations] =
        [&reached.records, &reached.invocations].map(|sum| sum.load(Ordering::Relaxed));
    Ok(SelfInvocations { filtered, messages: MESSAGES, records, invocations })
}

#[derive(Default)]
struct Reached {
    records: AtomicU64,
    invocations: AtomicU64,
}

/// The function, which counts its records and invocations.
fn stream_handler(table: Table, reached: Arc<Reached>) -> Function {
    let app = stream_handler::App { inbox: Inbox::new(table, Random::system()), clock: Clock::system() };
    let app = Arc::new(app);
    Function::event("stream-handler", Duration::from_mins(1), move |event: LambdaEvent<Batch>| {
        let (app, reached) = (Arc::clone(&app), Arc::clone(&reached));
        async move {
            reached.invocations.fetch_add(1, Ordering::Relaxed);
            let records = u64::try_from(event.payload.len()).unwrap_or(u64::MAX);
            reached.records.fetch_add(records, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(stream_handler::handler(&app, event).await)
        }
    })
}
