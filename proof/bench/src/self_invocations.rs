//! Whether a move invokes the function again that made it: the records of its own writes are in the stream, too, and it is the
//! mapping's filter that keeps them from it.

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

/// What messages have set off.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SelfInvocations {
    /// Whether the filter of the template was in the mapping.
    pub filtered: bool,
    /// Messages, each sent when all that the one before had set off was over.
    pub messages: u64,
    /// Records that reached the function.
    pub records: u64,
    /// How often it was invoked.
    pub invocations: u64,
}

/// Messages that are sent.
const MESSAGES: u64 = 20;

/// With the filter, and without it.
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
        // The message, and then what its move has written.
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

/// The function, which is counted.
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
