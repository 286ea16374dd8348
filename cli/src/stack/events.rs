//! Events of a stack's operation.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use anyhow::Result;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{Client, types::StackEvent};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::place;
use crate::{
    context::{aws_error, note},
    output::{Output, printable, progress},
};

const POLL: Duration = Duration::from_secs(2);

/// Time between two lines about progress if stderr is not a terminal.
const LINES: Duration = Duration::from_secs(30);

/// The resource type of the stack's own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// Statuses of the stack at the start of an operation.
const STARTS: [&str; 4] =
    ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];

/// The events of one operation.
#[derive(Debug)]
pub(crate) struct Events<'a> {
    sdk: &'a SdkConfig,
    client: Client,
    stack_id: &'a str,
    /// The newest known event. `None`: the events start with the running operation.
    last: Option<String>,
    /// The reasons of failed resources.
    pub(crate) failures: Vec<String>,
}

impl<'a> Events<'a> {
    /// The events since the start of the running operation.
    pub(crate) fn of_running(sdk: &'a SdkConfig, stack_id: &'a str) -> Self {
        Self { sdk, client: Client::new(sdk), stack_id, last: None, failures: Vec::new() }
    }

    /// The events from now on, for an operation that starts later.
    pub(crate) async fn from_now(sdk: &'a SdkConfig, stack_id: &'a str) -> Result<Self> {
        let mut events = Self::of_running(sdk, stack_id);
        events.read_new().await?;
        Ok(events)
    }

    /// Waits for the end of the operation, and prints failed resources with their reasons. Returns the stack's status.
    pub(crate) async fn follow(&mut self, output: Output, resources: Option<u64>) -> Result<String> {
        let bar = progress("resources", resources);
        let (mut completed, mut line) = (0, Instant::now());
        loop {
            let mut end = None;
            for event in self.read_new().await? {
                let status = status(&event);
                if event.resource_type() == Some(STACK) {
                    end = (!status.ends_with("_IN_PROGRESS")).then(|| status.to_owned());
                } else if status.ends_with("_FAILED") {
                    bar.suspend(|| print_failure(output, &event))?;
                    self.failures.extend(event.resource_status_reason().map(str::to_owned));
                } else if status.ends_with("_COMPLETE") {
                    completed += 1;
                }
            }
            bar.set_position(completed);
            if let Some(status) = end {
                bar.finish_and_clear();
                return Ok(status);
            }
            if !io::stderr().is_terminal() && line.elapsed() >= LINES {
                note(&format!("{completed} resources are done"));
                line = Instant::now();
            }
            sleep(POLL).await;
        }
    }

    /// Reads the events since the last call, oldest first.
    async fn read_new(&mut self) -> Result<Vec<StackEvent>> {
        let mut events = Vec::new();
        let pages = self.client.describe_stack_events().stack_name(self.stack_id);
        let mut pages = pages.into_paginator().send();
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws_error(&place(self.sdk), &error))?;
            for event in page.stack_events.unwrap_or_default() {
                if self.last.is_some() && self.last.as_deref() == event.event_id() {
                    break 'pages;
                }
                let is_start = event.resource_type() == Some(STACK) && STARTS.contains(&status(&event));
                events.push(event);
                if is_start {
                    break 'pages;
                }
            }
        }
        if let Some(newest) = events.first() {
            self.last = newest.event_id().map(str::to_owned);
        }
        events.reverse();
        Ok(events)
    }
}

fn status(event: &StackEvent) -> &str {
    event.resource_status().map_or("", |status| status.as_str())
}

fn print_failure(output: Output, event: &StackEvent) -> Result<()> {
    let reason = event.resource_status_reason().unwrap_or("no reason given");
    // CloudFormation cancels the other resources after a failure.
    if reason.starts_with("Resource creation cancelled") || reason.starts_with("Resource update cancelled") {
        return Ok(());
    }
    let resource = event.logical_resource_id().unwrap_or_default();
    output.result(
        &format!("FAILED      {resource}: {}", printable(reason)),
        &json!({"resource": resource, "status": status(event), "reason": reason}),
    )
}
