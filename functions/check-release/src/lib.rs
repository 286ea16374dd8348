//! Custom resource of the template: publishes a version of each function, and checks it before it gets traffic.
//!
//! `CloudFormation` points the functions' aliases to the versions that this function returns. If a version is unhealthy,
//! the deployment fails, and `CloudFormation` rolls it back.

#![warn(missing_docs)]

use std::{collections::BTreeMap, time::Duration};

use cruddur::{
    clock::Clock,
    config::{AwsConfig, ConfigError, Lookup},
    error::Chain,
    https,
    invocation::{self, Completion},
    signed_call::Signer,
    start,
    warm_up::Failure,
};
use futures_util::future::join_all;
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use self::{
    calls::{CallError, Calls},
    release::{ReleaseError, first_characters},
};

mod calls;
mod release;
#[cfg(test)]
mod tests;

/// The function's name in the log.
const NAME: &str = "check-release";

/// Time limit of a version. The function's timeout is 120 s, and `CloudFormation` must get an answer before that.
const LIMIT: Duration = Duration::from_secs(90);

/// Time limit for reading the stack's status, which comes before.
const STATUS_LIMIT: Duration = Duration::from_secs(10);

/// The maximum size of an answer to `CloudFormation`, in bytes.
const MAX_ANSWER_BYTES: usize = 4096;

/// The function's client.
#[derive(Debug)]
pub struct App {
    calls: Calls,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
        let endpoints = calls::Endpoints::from_lookup(&region, lookup);
        let connector = https::connector(&endpoints.lambda, lookup);
        Ok(Self {
            calls: Calls::new(Signer::new(region, credentials, Clock::system()), endpoints, connector),
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        Vec::new()
    }
}

/// An event of `CloudFormation`. It has no `Debug`, because its URL is a secret: it authorizes the answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Value,
}

/// Functions' names by logical id.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    functions: BTreeMap<String, String>,
}

/// The released versions by logical id, or the reason for the failure.
type Outcome = Result<BTreeMap<String, u64>, String>;

/// Answers `CloudFormation` at the event's URL.
pub async fn handler(app: &App, event: LambdaEvent<Value>) {
    invocation::observe(NAME, async { ((), serve(app, &event.payload).await) }).await;
}

async fn serve(app: &App, event: &Value) -> Completion {
    let event = match Event::deserialize(event) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(cause = %Chain(&error), "the event is not of a custom resource");
            return Completion::new("failed");
        }
    };
    let outcome = app.outcome(&event).await;
    let message = match &outcome {
        Ok(_) => "released",
        Err(reason) => {
            tracing::error!(cause = reason, "could not release");
            "not released"
        }
    };
    let answered = match answer(&event, &outcome) {
        Ok(answer) => app.calls.put(&event.response_url, answer).await,
        Err(error) => Err(CallError::Unsent(error.into())),
    };
    match answered {
        Ok(()) => Completion::new(message),
        Err(error) => {
            tracing::error!(cause = %Chain(&error), "could not answer CloudFormation");
            Completion::new("failed")
        }
    }
}

impl App {
    async fn outcome(&self, event: &Event) -> Outcome {
        // Versions and aliases of a deleted stack are deleted with their functions.
        if event.request_type == "Delete" {
            return Ok(BTreeMap::new());
        }
        let properties = Properties::deserialize(&event.resource_properties);
        let Properties { functions } =
            properties.map_err(|error| format!("the resource's properties are malformed: {error}"))?;
        let is_rollback =
            timeout(STATUS_LIMIT, self.calls.is_rollback(&event.stack_id)).await.unwrap_or(false);
        let checks = functions.into_iter().map(|(id, function)| async move {
            let released = timeout(LIMIT, self.calls.release(&function, is_rollback)).await;
            match released.unwrap_or(Err(ReleaseError::TimedOut(LIMIT))) {
                Ok(version) => Ok((id, version)),
                Err(error) => Err(format!("{function}: {}", first_characters(&Chain(&error).to_string()))),
            }
        });
        let mut versions = BTreeMap::new();
        let mut failures = Vec::new();
        for checked in join_all(checks).await {
            match checked {
                Ok((id, version)) => _ = versions.insert(id, version),
                Err(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() { Ok(versions) } else { Err(failures.join("; ")) }
    }
}

/// An answer to `CloudFormation`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<&'a str, String>,
}

/// The answer to `event`, as JSON. A reason that is too long is cut.
fn answer(event: &Event, outcome: &Outcome) -> Result<String, serde_json::Error> {
    let physical_id = event.physical_resource_id.clone();
    let physical_id =
        physical_id.unwrap_or_else(|| format!("{}/{}", event.stack_id, event.logical_resource_id));
    let mut answer = Answer {
        status: "SUCCESS",
        reason: None,
        physical_resource_id: &physical_id,
        stack_id: &event.stack_id,
        request_id: &event.request_id,
        logical_resource_id: &event.logical_resource_id,
        data: BTreeMap::new(),
    };
    let mut reason = match outcome {
        Ok(versions) => {
            answer.data = versions.iter().map(|(id, version)| (&**id, version.to_string())).collect();
            return serde_json::to_string(&answer);
        }
        Err(reason) => &**reason,
    };
    answer.status = "FAILED";
    loop {
        answer.reason = Some(reason);
        let text = serde_json::to_string(&answer)?;
        match reason.char_indices().next_back() {
            Some((last, _)) if text.len() > MAX_ANSWER_BYTES => reason = reason.get(..last).unwrap_or(""),
            _ => return Ok(text),
        }
    }
}
