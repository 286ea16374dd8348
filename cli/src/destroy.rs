//! `destroy`: deletes a deployment.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cognitoidentityprovider::{
    Client as Cognito, error::ProvideErrorMetadata as _, types::DeletionProtectionType,
};
use aws_sdk_dynamodb::Client as DynamoDb;
use clap::Args;
use tokio::time::sleep;

use crate::{
    advice::advised,
    aws_calls::Calls,
    bucket::Bucket,
    context::{Context, account, aws_error},
    outcome::Outcome,
    output::{Output, printable},
    stack::{Stack, events::Events, place},
};

pub(crate) const LONG_ABOUT: &str = "\
Deletes a deployment: the CloudFormation stack with its functions, API, alarms and logs, and the uploaded code. The table \
with all messages, and a user pool that the stack created, stay, unless --with-data is given. The database of users and \
the web client's host are not part of a deployment.

Termination protection is respected: with it, nothing is deleted unless --unprotect is given. The command asks for the \
stack's name, also with --yes; in scripts, use --confirm. It always works in AWS. In a VPC, the deletion takes 20 to 40 \
minutes; after an interruption, run the command again.";

pub(crate) const AFTER_HELP: &str = "\
If the stack is deleted already, its data is deleted by name: --with-data --table NAME --user-pool ID.

Examples:
  cruddur destroy --unprotect
  cruddur destroy --unprotect --confirm cruddur-messages
  cruddur destroy --unprotect --with-data";

const POLL: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "cruddur-messages")]
    stack: String,

    /// Delete the table and the pool, too: all messages, and all users' sign-ins
    #[arg(long)]
    with_data: bool,

    /// End the stack's termination protection
    #[arg(long)]
    unprotect: bool,

    /// The stack's name again, in place of the question
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,

    /// With --with-data, the pool of a stack that is deleted already
    #[arg(long, value_name = "ID", requires = "with_data")]
    user_pool: Option<String>,

    /// The bucket of the code [default: cruddur-deploy-{account}-{region}]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
}

/// Data that a stack leaves.
#[derive(Debug, Default)]
struct Data {
    table: Option<String>,
    /// A pool that the stack has created.
    pool: Option<String>,
}

pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let context = &context.in_aws();
    let output = context.output;
    let name = &options.stack;
    let sdk = &context.aws_config().await?;
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let account = account(sdk).await?;
    output.step("AWS", &format!("account {account}, region {region}"))?;
    let stack = Stack::find(sdk, name).await?;
    let data = match &stack {
        Some(stack) => Data {
            table: stack.resource(sdk, "MessageTable").await?,
            pool: stack.resource(sdk, "UserPool").await?,
        },
        None => Data { table: context.global.table.clone(), pool: options.user_pool.clone() },
    };
    let calls = Calls::new(sdk)?;
    let bucket = Bucket::new(&calls, &account, &region, options.bucket.as_deref())?;
    let Some(stack) = stack else {
        output.step("stack", &format!("{name} is not there"))?;
        return delete_rest(sdk, output, &options, &bucket, &data).await;
    };
    if stack.is_protected && !options.unprotect {
        return Err(advised(format!("stack {name} has termination protection"), "add --unprotect to end it"));
    }
    let deleted = if options.with_data { &data } else { &Data::default() };
    confirm(&options, &consequence(Some(format!("the stack {name}")), deleted))?;
    delete_stack(sdk, output, &stack).await?;
    delete_code(output, &options, &bucket).await?;
    if options.with_data {
        delete_data(sdk, output, &data).await?;
    } else {
        for (what, remains) in [("the table", &data.table), ("the user pool", &data.pool)] {
            if let Some(remains) = remains {
                output.step("remains", &format!("{what} {remains}"))?;
            }
        }
    }
    output.step("remains", "the database of users, and the web client's host")?;
    Ok(Outcome::Done)
}

/// Deletes what an earlier run, or another command, has left of a deleted stack.
async fn delete_rest(
    sdk: &SdkConfig,
    output: Output,
    options: &Options,
    bucket: &Bucket<'_>,
    data: &Data,
) -> Result<Outcome> {
    let name = &options.stack;
    if options.with_data && data.table.is_none() && data.pool.is_none() {
        bail!("name the data of the deleted stack with --table and --user-pool");
    }
    let deleted = if options.with_data { data } else { &Data::default() };
    let has_code = bucket.exists().await? && bucket.has_any(&format!("{name}/")).await?;
    if has_code || options.with_data {
        let code = has_code.then(|| format!("the code of {name} in the bucket {}", bucket.name));
        confirm(options, &consequence(code, deleted))?;
    }
    delete_code(output, options, bucket).await?;
    if options.with_data {
        delete_data(sdk, output, data).await?;
    } else {
        output.step(
            "remains",
            "table and user pool, if the stack has left them; delete them with --with-data --table NAME --user-pool ID",
        )?;
    }
    Ok(Outcome::Done)
}

/// A sentence about what a confirmation deletes: the stack or its code, and data.
fn consequence(stack_or_code: Option<String>, data: &Data) -> String {
    let parts = [
        stack_or_code,
        data.table.as_ref().map(|table| format!("the table {table} with every message")),
        data.pool.as_ref().map(|pool| format!("the user pool {pool} with every user")),
    ];
    format!("this deletes {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Fails unless the user has typed the stack's name.
fn confirm(options: &Options, action: &str) -> Result<()> {
    let name = &options.stack;
    let typed = match &options.confirm {
        Some(typed) => typed.clone(),
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => {
            write!(anstream::stderr(), "{}; type {name} to continue: ", printable(action))?;
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            line.trim().to_owned()
        }
        None => return Err(advised(action, format!("add --confirm {name}"))),
    };
    if typed == *name { Ok(()) } else { bail!("not confirmed: {} is not {name}", printable(&typed)) }
}

async fn delete_stack(sdk: &SdkConfig, output: Output, stack: &Stack) -> Result<()> {
    let client = Client::new(sdk);
    let failed = |error| aws_error(&place(sdk), &error);
    let mut events = if stack.status == "DELETE_IN_PROGRESS" {
        Events::of_running(sdk, &stack.id)
    } else {
        if stack.is_protected {
            let call = client.update_termination_protection().stack_name(&stack.id);
            let ended = call.enable_termination_protection(false).send().await;
            ended.map_err(|error| aws_error(&place(sdk), &error))?;
        }
        let events = Events::from_now(sdk, &stack.id).await?;
        client.delete_stack().stack_name(&stack.id).send().await.map_err(failed)?;
        events
    };
    let status = events.follow(output, None).await?;
    if status == "DELETE_COMPLETE" {
        return output.step("deleted", &format!("the stack {}", stack.name));
    }
    Err(advised(
        format!("the deletion failed, and the stack is {status}"),
        "correct the cause, and run the command again",
    ))
}

/// Deletes the uploaded code of the stack, and this command's bucket after the last stack.
async fn delete_code(output: Output, options: &Options, bucket: &Bucket<'_>) -> Result<()> {
    if !bucket.exists().await? {
        return Ok(());
    }
    let number = bucket.delete_all(&format!("{}/", options.stack)).await?;
    output.step("deleted", &format!("{number} objects in the bucket {}", bucket.name))?;
    if options.bucket.is_none() && bucket.delete_if_empty().await? {
        return output.step("deleted", &format!("the bucket {}", bucket.name));
    }
    output.step("remains", &format!("the bucket {}", bucket.name))
}

async fn delete_data(sdk: &SdkConfig, output: Output, data: &Data) -> Result<()> {
    if let Some(table) = &data.table {
        delete_table(sdk, table).await?;
        output.step("deleted", &format!("the table {table}"))?;
    }
    if let Some(pool) = &data.pool {
        delete_pool(sdk, pool).await?;
        output.step("deleted", &format!("the user pool {pool}"))?;
        output.step(
            "remains",
            "the database's users keep their handles: a new deployment needs an empty database",
        )?;
    }
    Ok(())
}

async fn delete_table(sdk: &SdkConfig, table: &str) -> Result<()> {
    let client = DynamoDb::new(sdk);
    let unprotected = client.update_table().table_name(table).deletion_protection_enabled(false).send().await;
    match unprotected {
        Ok(_) => {}
        Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
        Err(error) => return Err(aws_error("DynamoDB", &error)),
    }
    let deleted = client.delete_table().table_name(table).send().await;
    deleted.map_err(|error| aws_error("DynamoDB", &error))?;
    loop {
        match client.describe_table().table_name(table).send().await {
            Ok(_) => sleep(POLL).await,
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
            Err(error) => return Err(aws_error("DynamoDB", &error)),
        }
    }
}

async fn delete_pool(sdk: &SdkConfig, pool: &str) -> Result<()> {
    let client = Cognito::new(sdk);
    let described = match client.describe_user_pool().user_pool_id(pool).send().await {
        Ok(described) => described.user_pool,
        Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
        Err(error) => return Err(aws_error("Cognito", &error)),
    };
    if let Some(domain) = described.as_ref().and_then(|pool| pool.domain()) {
        let deleted = client.delete_user_pool_domain().user_pool_id(pool).domain(domain).send().await;
        deleted.map_err(|error| aws_error("Cognito", &error))?;
    }
    // This resets the pool's other settings, which are deleted in a moment.
    let unprotected = client.update_user_pool().user_pool_id(pool);
    let unprotected = unprotected.deletion_protection(DeletionProtectionType::Inactive).send().await;
    unprotected.map_err(|error| aws_error("Cognito", &error))?;
    let deleted = client.delete_user_pool().user_pool_id(pool).send().await;
    deleted.map_err(|error| aws_error("Cognito", &error))?;
    Ok(())
}
