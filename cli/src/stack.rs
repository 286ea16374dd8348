//! CloudFormation stacks.

use std::collections::HashMap;

use anyhow::Result;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::{advice::advised, context::aws_error};

pub(crate) mod events;

/// The stack's output, absent without a WebSocket API.
pub(crate) const WEBSOCKET_URL: &str = "WebSocketUrl";

/// The status of a stack that has change sets and no resources.
pub(crate) const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) name: String,
    /// The ARN, which also names a deleted stack.
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) is_protected: bool,
    /// Values of parameters. `NoEcho` values are masked.
    pub(crate) parameters: HashMap<String, String>,
    outputs: HashMap<String, String>,
}

impl Stack {
    /// Describes a stack. Returns `None` if it does not exist.
    pub(crate) async fn find(sdk: &SdkConfig, name: &str) -> Result<Option<Self>> {
        let answer = match Client::new(sdk).describe_stacks().stack_name(name).send().await {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(aws_error(&place(sdk), &error)),
        };
        let Some(stack) = answer.stacks().first() else { return Ok(None) };
        let pair = |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), value?.to_owned()));
        let parameters = stack.parameters().iter();
        let outputs = stack.outputs().iter();
        Ok(Some(Self {
            name: stack.stack_name().unwrap_or(name).to_owned(),
            id: stack.stack_id().unwrap_or(name).to_owned(),
            status: stack.stack_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
            reason: stack.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            is_protected: stack.enable_termination_protection() == Some(true),
            parameters: parameters
                .filter_map(|found| pair(found.parameter_key(), found.parameter_value()))
                .collect(),
            outputs: outputs.filter_map(|found| pair(found.output_key(), found.output_value())).collect(),
        }))
    }

    /// Describes a stack. Fails if it does not exist.
    pub(crate) async fn describe(sdk: &SdkConfig, name: &str) -> Result<Self> {
        Self::find(sdk, name).await?.ok_or_else(|| {
            let region = sdk.region().map(ToString::to_string).unwrap_or_default();
            advised(
                format!("no stack {name} in {region}"),
                "check --stack, or deploy it with `cruddur deploy` or `sam deploy`",
            )
        })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(status: &str) -> Self {
        Self {
            name: "cruddur-messages".to_owned(),
            id: "arn".to_owned(),
            status: status.to_owned(),
            reason: None,
            is_protected: false,
            parameters: HashMap::new(),
            outputs: HashMap::new(),
        }
    }

    /// Returns an output unless it is empty.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The physical id of a resource. Returns `None` if the stack does not have it.
    pub(crate) async fn resource(&self, sdk: &SdkConfig, logical_id: &str) -> Result<Option<String>> {
        let call = Client::new(sdk).describe_stack_resource();
        match call.stack_name(&self.id).logical_resource_id(logical_id).send().await {
            Ok(answer) => {
                let resource = answer.stack_resource_detail();
                Ok(resource.and_then(|resource| resource.physical_resource_id()).map(str::to_owned))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(aws_error(&place(sdk), &error)),
        }
    }
}

/// CloudFormation's location, for messages.
pub(crate) fn place(sdk: &SdkConfig) -> String {
    format!("CloudFormation in {}", sdk.region().map(ToString::to_string).unwrap_or_default())
}

fn is_missing<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ValidationError")
        && error.message().is_some_and(|message| message.contains("does not exist"))
}
