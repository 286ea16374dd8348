//! Change sets.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    types::{Capability, ChangeSetStatus, ChangeSetType, Parameter, Replacement, Tag},
};
use cruddur::clock::Clock;
use serde::Serialize;
use tokio::time::sleep;

use crate::{
    advice::advised,
    context::aws_error,
    output::{Output, printable},
    stack::{IN_REVIEW, Stack, place},
};

const POLL: Duration = Duration::from_secs(1);

/// Resources with data, which no update may replace or delete.
const DATA: [&str; 4] = ["MessageTable", "UserPool", "UserPoolClient", "UserPoolDomain"];

/// A change set that CloudFormation has created and not executed.
#[derive(Debug)]
pub(super) struct ChangeSet<'a> {
    sdk: &'a SdkConfig,
    client: Client,
    pub(super) stack: &'a str,
    /// The stack's ARN.
    pub(super) stack_id: String,
    name: String,
    pub(super) changes: Vec<Change>,
}

/// A change of a resource.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    /// `Add`, `Modify` or `Remove`.
    action: String,
    resource: String,
    #[serde(rename = "type")]
    kind: String,
    /// CloudFormation's `Replacement`: `True`, `False` or `Conditional`.
    replacement: Option<String>,
}

/// The input of a change set.
#[derive(Debug)]
pub(super) struct Proposal<'a> {
    pub(super) stack: &'a str,
    pub(super) is_new: bool,
    pub(super) template_url: String,
    pub(super) parameters: Vec<Parameter>,
}

impl<'a> ChangeSet<'a> {
    /// Creates a change set. Returns `None` if there are no changes.
    pub(super) async fn create(sdk: &'a SdkConfig, proposal: Proposal<'a>) -> Result<Option<Self>> {
        let client = Client::new(sdk);
        let Proposal { stack, is_new, template_url, parameters } = proposal;
        let kind = if is_new { ChangeSetType::Create } else { ChangeSetType::Update };
        // As in samconfig.toml, so that `sam deploy` of the same version changes nothing.
        let tag = Tag::builder().key("project").value("cruddur-messages").build();
        let name = format!("cruddur-{}", Clock::system().now().timestamp_millis());
        let created = client
            .create_change_set()
            .stack_name(stack)
            .change_set_name(&name)
            .change_set_type(kind)
            .template_url(template_url)
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityIam)
            .tags(tag)
            .send()
            .await;
        let created = created.map_err(|error| aws_error(&place(sdk), &error))?;
        let stack_id = created.stack_id.context("CloudFormation returns no stack")?;
        let mut set = Self { sdk, client, stack, stack_id, name, changes: Vec::new() };
        if set.wait().await? { Ok(Some(set)) } else { Ok(None) }
    }

    /// Waits until CloudFormation has compared the template with the stack. Returns whether there are changes.
    async fn wait(&mut self) -> Result<bool> {
        loop {
            let call = self.client.describe_change_set().stack_name(self.stack).change_set_name(&self.name);
            let set = call.send().await.map_err(|error| aws_error(&place(self.sdk), &error))?;
            match set.status() {
                Some(ChangeSetStatus::CreateComplete) => break,
                Some(ChangeSetStatus::Failed) => {
                    self.delete().await?;
                    let reason = set.status_reason().unwrap_or("no reason given");
                    if reason.contains("didn't contain changes")
                        || reason.contains("No updates are to be performed")
                    {
                        return Ok(false);
                    }
                    return Err(advised(
                        format!("CloudFormation rejects the deployment: {reason}"),
                        "correct it, such as a value with --parameter NAME=VALUE, and run the command again",
                    ));
                }
                _ => sleep(POLL).await,
            }
        }
        let call = self.client.describe_change_set().stack_name(self.stack).change_set_name(&self.name);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws_error(&place(self.sdk), &error))?;
            self.changes.extend(page.changes().iter().filter_map(Change::from_answer));
        }
        Ok(true)
    }

    /// Fails if data would be lost.
    pub(super) fn check(&self) -> Result<()> {
        let lost = self.changes.iter().filter(|change| {
            let is_replaced = change.replacement.as_deref() == Some(Replacement::True.as_str());
            DATA.contains(&&*change.resource) && (is_replaced || change.action == "Remove")
        });
        let lost = lost.map(|change| &*change.resource).collect::<Vec<_>>();
        if lost.is_empty() {
            return Ok(());
        }
        Err(advised(
            format!("the deployment would replace or remove {}, which have the users' data", lost.join(", ")),
            "keep MessageTableName, UserPoolId, UserPoolClientIds and UserPoolDomainPrefix as they are; docs/DEPLOY.md \
             describes how to import a table",
        ))
    }

    /// Prints each change, or their numbers and each replacement.
    pub(super) fn print(&self, output: Output, all: bool) -> Result<()> {
        if all || output.is_json() {
            return output.rows(&["ACTION", "RESOURCE", "TYPE", "REPLACEMENT"], &self.changes, |change| {
                let replacement = match change.replacement.as_deref() {
                    Some("True") => "replaced",
                    Some("Conditional") => "maybe replaced",
                    _ => "",
                };
                vec![
                    change.action.clone(),
                    change.resource.clone(),
                    change.kind.clone(),
                    replacement.to_owned(),
                ]
            });
        }
        let mut numbers = BTreeMap::<_, usize>::new();
        for change in &self.changes {
            *numbers.entry((&*change.action, &*change.kind)).or_default() += 1;
        }
        for ((action, kind), number) in numbers {
            output.line(&format!("{number:6}  {action:7} {}", printable(kind)))?;
        }
        let replaced = self.changes.iter().filter(|change| change.replacement.as_deref() == Some("True"));
        replaced
            .map(|change| format!("replaced  {}", change.resource))
            .try_for_each(|line| output.line(&line))?;
        Ok(())
    }

    /// Executes the change set. With `keep`, resources stay after a failure, and the next deployment continues.
    pub(super) async fn execute(&self, keep: bool) -> Result<()> {
        let call = self.client.execute_change_set().stack_name(self.stack).change_set_name(&self.name);
        let executed = call.disable_rollback(keep).send().await;
        executed.map_err(|error| aws_error(&place(self.sdk), &error))?;
        Ok(())
    }

    pub(super) async fn delete(&self) -> Result<()> {
        let call = self.client.delete_change_set().stack_name(self.stack).change_set_name(&self.name);
        call.send().await.map_err(|error| aws_error(&place(self.sdk), &error))?;
        Ok(())
    }

    /// Deletes the change set, and the empty stack that CloudFormation has created for it.
    pub(super) async fn discard(&self, is_new: bool) -> Result<()> {
        // Another run may have deployed the stack meanwhile.
        let is_empty =
            is_new && Stack::find(self.sdk, self.stack).await?.is_some_and(|stack| stack.status == IN_REVIEW);
        self.delete().await?;
        if !is_empty {
            return Ok(());
        }
        let deleted = self.client.delete_stack().stack_name(&self.stack_id).send().await;
        deleted.map_err(|error| aws_error(&place(self.sdk), &error))?;
        Ok(())
    }
}

impl Change {
    fn from_answer(change: &aws_sdk_cloudformation::types::Change) -> Option<Self> {
        let change = change.resource_change()?;
        Some(Self {
            action: change.action()?.as_str().to_owned(),
            resource: change.logical_resource_id()?.to_owned(),
            kind: change.resource_type()?.to_owned(),
            replacement: change.replacement().map(|replacement| replacement.as_str().to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    fn check(action: &str, resource: &str, replacement: Option<&str>) -> Result<()> {
        let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let text = |text: &str| text.to_owned();
        let change = Change {
            action: text(action),
            resource: text(resource),
            kind: text("AWS::DynamoDB::Table"),
            replacement: replacement.map(text),
        };
        let (stack, stack_id, name) = ("messages", text("arn"), text("set"));
        ChangeSet { sdk: &sdk, client: Client::new(&sdk), stack, stack_id, name, changes: vec![change] }
            .check()
    }

    #[test]
    fn no_deployment_replaces_or_removes_data() {
        assert!(check("Add", "MessageTable", None).is_ok());
        assert!(check("Modify", "MessageTable", Some("Conditional")).is_ok());
        assert!(check("Modify", "ApiStage", Some("True")).is_ok());
        assert!(check("Modify", "MessageTable", Some("True")).is_err());
        assert!(check("Remove", "UserPool", None).is_err());
    }
}
