//! Lambda's event source mapping for any table. Delivers the records of its stream to `stream-handler` behind
//! an invocation API, such as that of cargo-lambda's emulator.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use acceptance::Client;
use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use clap::Parser;
use local::{
    deployment::stream_filters,
    function::{Function, InvocationError},
    mapping::{self, Mapping},
};
use serde_json::Value;
use testing::Answer;
use tracing_subscriber::EnvFilter;

const STREAM_HANDLER: &str = "stream-handler";

/// Delivers the records of a table's stream to the function stream-handler, as template.yaml's mapping does.
///
/// Runs until it is killed. Starts at the oldest record. Prints the number of records under way to standard
/// output, and failures of batches to standard error.
#[derive(Debug, Parser)]
#[command(name = "deliver-stream", version)]
struct Options {
    /// Endpoint of DynamoDB Local, for its tables and streams.
    #[arg(long, value_name = "URL")]
    dynamodb_url: String,

    /// Origin of the API that invokes the function.
    #[arg(long, value_name = "URL")]
    invoke_url: String,

    /// Seconds without a response after which an invocation has failed. This includes a function whose
    /// process is gone, since an emulator may not notice.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=30))]
    timeout: u64,

    /// File for the metadata of records that are given up, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    dead_letter_file: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info")).with_writer(io::stderr).init();

    let sdk = sdk_config(&options).await;
    let table =
        aws_sdk_dynamodb::Client::new(&sdk).describe_table().table_name("cruddur-messages").send().await?;
    let stream_arn =
        table.table.and_then(|table| table.latest_stream_arn).context("the table has no stream")?;
    let client = aws_sdk_dynamodbstreams::Client::new(&sdk);
    let mapping_options = mapping::Options {
        filters: stream_filters().into(),
        dead_letter_file: Some(options.dead_letter_file.clone()),
        ..mapping::Options::new(client, stream_arn)
    };
    let mapping = Mapping::start(mapping_options, stream_handler(&options)?)?;

    let mut progress = mapping.progress();
    let mut printed = None;
    while progress.changed().await.is_ok() {
        let pending = progress.borrow_and_update().pending();
        if printed.replace(pending) != Some(pending) {
            writeln!(io::stdout(), "{pending} records are under way")?;
        }
    }
    Ok(())
}

/// The function behind the invocation API.
fn stream_handler(options: &Options) -> Result<Function> {
    let url: Arc<str> =
        format!("{}/2015-03-31/functions/{STREAM_HANDLER}/invocations", options.invoke_url).into();
    let client = Client::new()?;
    Ok(Function::remote(STREAM_HANDLER, Duration::from_secs(options.timeout), move |payload| {
        let (client, url) = (client.clone(), Arc::clone(&url));
        async move { invoke(&client, &url, payload).await }
    }))
}

async fn invoke(client: &Client, url: &str, payload: String) -> Result<String, InvocationError> {
    let answer = client.request("POST", url, &[], payload).await;
    let answer = answer.map_err(|error| InvocationError::Failed(format!("{error:#}")))?;
    if answer.status != 200 {
        return Err(InvocationError::Failed(format!("unexpected response {}", answer.status)));
    }
    if is_function_error(&answer) {
        return Err(InvocationError::Failed(answer.body));
    }
    Ok(answer.body)
}

/// Whether the function failed. Lambda sets a header. cargo-lambda's emulator does not: its response is the
/// runtime's error report, with the fields of an error.
fn is_function_error(answer: &Answer) -> bool {
    answer.header("x-amz-function-error").is_some()
        || serde_json::from_str::<Value>(&answer.body)
            .is_ok_and(|body| body.get("errorType").is_some() && body.get("errorMessage").is_some())
}

/// Emulators require credentials and accept any. Real credentials are never sent to one.
async fn sdk_config(options: &Options) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "deliver-stream"))
        .endpoint_url(&options.dynamodb_url)
        .load()
        .await
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn answer(headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Answer { status: StatusCode::OK, headers, body: body.to_owned() }
    }

    #[test]
    fn a_function_error_has_lambdas_header_or_the_fields_of_an_error() {
        let error = r#"{"errorType": "panic", "errorMessage": "at the disco"}"#;
        assert!(is_function_error(&answer(&[("x-amz-function-error", "Unhandled")], "null")));
        assert!(is_function_error(&answer(&[], error)));
    }

    #[test]
    fn batch_item_failures_are_not_a_function_error() {
        assert!(!is_function_error(&answer(&[], r#"{"batchItemFailures": [{"itemIdentifier": "1"}]}"#)));
        assert!(!is_function_error(&answer(&[], "null")));
    }
}
