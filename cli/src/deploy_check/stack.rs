//! The stack and its outputs.

use std::collections::HashMap;

use anyhow::Result;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{Client, error::ProvideErrorMetadata as _};

use super::report::{CheckResult, Problem, Success};
use crate::{advice::advised, context::aws_error};

/// The stack's output, absent without a WebSocket API.
pub(super) const WEBSOCKET_URL: &str = "WebSocketUrl";

#[derive(Debug)]
pub(super) struct Stack {
    pub(super) name: String,
    status: String,
    reason: Option<String>,
    outputs: HashMap<String, String>,
}

impl Stack {
    /// Describes a stack. Fails if it does not exist.
    pub(super) async fn describe(sdk: &SdkConfig, name: &str) -> Result<Self> {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let missing = || {
            advised(format!("no stack {name} in {region}"), "check --stack, or deploy it with `sam deploy`")
        };
        let answer = Client::new(sdk).describe_stacks().stack_name(name).send().await;
        let answer = answer.map_err(|error| {
            let is_missing = error.code() == Some("ValidationError")
                && error.message().is_some_and(|message| message.contains("does not exist"));
            if is_missing { missing() } else { aws_error(&format!("CloudFormation in {region}"), &error) }
        })?;
        let stack = answer.stacks().first().ok_or_else(missing)?;
        let output = |output: &aws_sdk_cloudformation::types::Output| {
            Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
        };
        Ok(Self {
            name: stack.stack_name().unwrap_or(name).to_owned(),
            status: stack.stack_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
            reason: stack.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            outputs: stack.outputs().iter().filter_map(output).collect(),
        })
    }

    /// Returns an output unless it is empty.
    pub(super) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Checks that the last deployment succeeded.
    pub(super) fn check(&self) -> CheckResult {
        let Self { name, status, reason, .. } = self;
        let advice = match &**status {
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "IMPORT_COMPLETE"
            | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => {
                // The reason may be that of an earlier deployment.
                return Ok(Success::new(format!("{name} is {status}")));
            }
            status if status.contains("ROLLBACK") => {
                "the last deployment was rolled back; see `aws cloudformation describe-stack-events` for the first failure"
            }
            status if status.ends_with("_IN_PROGRESS") => {
                "wait until CloudFormation is done, and check again"
            }
            _ => {
                "see `aws cloudformation describe-stack-events` for the first failure, fix it, and deploy again"
            }
        };
        let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        Err(Problem::new(format!("{name} is {status}{reason}"), advice))
    }
}
