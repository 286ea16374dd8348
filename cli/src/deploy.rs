//! `deploy`: from built functions to a working deployment.
//!
//! The command calls CloudFormation and S3 itself instead of `sam deploy`. A release then needs neither the SAM CLI nor a
//! checkout, the checks see the change set before it is executed, and an interrupted run continues by what AWS has. SAM's
//! transform runs in CloudFormation in either case, and both ways may be used in turn for the same stack.
//!
//! Each step looks at what is there. The order matters: functions need the database's schema at their first start, and
//! the stack invokes each new version before it gets requests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use clap::Args;
use http::Request;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::{
    answers::{Answers, Ask},
    artifacts::Artifacts,
    changes::{ChangeSet, Proposal},
    template::Template,
};
use crate::{
    advice::advised,
    aws_calls::{Calls, LAMBDA},
    bucket::Bucket,
    context::{Context, account, aws_error, note},
    deploy_check, files,
    outcome::Outcome,
    output::{Output, printable, progress},
    stack::{IN_REVIEW, Stack, events::Events, place},
};

mod answers;
mod artifacts;
mod changes;
mod database;
mod template;

pub(crate) const LONG_ABOUT: &str = "\
Deploys the functions and everything around them to AWS, or updates a deployment: finds the built functions, asks for \
the template's parameters, uploads the code, shows the changes, applies the database's migrations, executes the changes, \
protects the data, checks the deployment, and prints the web client's configuration.

A second run asks for nothing, since the stack keeps the answers, and changes only what is different. After a failure or \
an interruption, run the command again: it continues. A failed first deployment keeps the resources that it has created; \
a failed update is rolled back.

The command always works in AWS, with the credentials and region of the AWS CLI. It stores the answers of an unfinished \
first deployment on this machine, without the database's URLs.";

pub(crate) const AFTER_HELP: &str = "\
The functions are those of a release (--artifacts), or of the last `cargo lambda build --release --arm64 --output-format \
zip` or `sam build`. The database and its roles have to exist: see section 1 of docs/DEPLOY.md, which also describes the \
permissions.

Examples:
  cruddur deploy
  cruddur deploy --artifacts ~/Downloads/cruddur-functions-arm64 --config config.json
  cruddur deploy --plan
  cruddur deploy --parameter AlarmEmail=operator@cruddur.example
  cruddur deploy --yes --parameter DatabaseUrl=@/run/secrets/url --parameter AllowedOrigins=https://cruddur.example \\
    --parameter UserPoolDomainPrefix=cruddur-messages

Exit code 3: deployed, but a check failed.";

/// Lambda's concurrency that an account can't reserve.
const UNRESERVED: i64 = 100;

#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "cruddur-messages")]
    stack: String,

    /// The folder of the built functions: {function}.zip, {function}/bootstrap.zip or {function}/bootstrap
    /// [default: target/lambda or .aws-sam/build, whichever is newer]
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,

    /// The template [default: template.yaml, or that of this version]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,

    /// A parameter of the template (may be repeated); with @, the value is read from a file
    #[arg(long, value_name = "NAME=[@]VALUE")]
    parameter: Vec<String>,

    /// Ask for all parameters, also those whose defaults suit most deployments
    #[arg(long)]
    ask_all: bool,

    /// The bucket for the code [default: cruddur-deploy-{account}-{region}, created if missing]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,

    /// Neither migrate nor check the database, which can't be reached from here
    #[arg(long)]
    skip_database: bool,

    /// Do not check the deployment
    #[arg(long)]
    skip_check: bool,

    /// Create two test users for the check, as `deploy-check` does
    #[arg(long, conflicts_with = "skip_check")]
    create_test_users: bool,

    /// The URL of the WebSocket API for the check [default: the stack's output]
    #[arg(long, value_name = "URL")]
    websocket_url: Option<String>,

    /// Write the web client's configuration to this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the steps and the changes, and change nothing except the bucket, which gets the template
    #[arg(long)]
    plan: bool,
}

/// A stack between two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No stack, or one without resources.
    New,
    /// The first deployment has failed, and its resources are there.
    Unfinished,
    Complete,
}

pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let context = &context.in_aws();
    let output = context.output;
    if let Some(file) = &options.config {
        check_folder(file)?;
    }
    let ask = Ask::new(context.global.yes, options.ask_all);
    let sdk = &context.aws_config().await?;
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let account = account(sdk).await?;
    output.step("AWS", &format!("account {account}, region {region}"))?;

    let template = Template::read(options.template.as_deref())?;
    output.step("template", &template.source)?;
    let artifacts = Artifacts::find(options.artifacts.as_deref(), &template.functions)?;
    let (number, folder) = (template.functions.len(), artifacts.folder.display());
    output.step("functions", &format!("{number} for {} in {folder}", artifacts.architecture))?;
    let (stack, state) = settled(sdk, &options.stack, output).await?;
    let status = stack.as_ref().map_or("not there yet", |stack| &*stack.status);
    output.step("stack", &format!("{} ({status})", options.stack))?;

    let answers_file = format!("deploy-{account}-{region}-{}.json", options.stack);
    let kept = match (&stack, state) {
        (Some(stack), State::Unfinished | State::Complete) => stack.parameters.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let mut answers = Answers::collect(&template, &options.parameter, kept, &answers_file, ask)?;
    answers.set_architecture(artifacts.architecture)?;
    let calls = Calls::new(sdk)?;
    check_concurrency(&calls, &template, &answers, stack.as_ref()).await?;
    let databases = if options.skip_database {
        output.step("database", "skipped")?;
        None
    } else {
        let database = database::as_owner(context, ask)?.database().await?;
        database.connect().await?.close().await;
        let of_roles = database::sign_in_roles(context, &answers).await?;
        output.step("database", &format!("{} can be reached", database.place))?;
        Some((database, of_roles))
    };

    let bucket = Bucket::new(&calls, &account, &region, options.bucket.as_deref())?;
    let template_url = upload(output, &bucket, &options, &template, &artifacts).await?;
    let is_new = state == State::New;
    let parameters = answers.parameters(&template);
    let proposal = Proposal { stack: &options.stack, is_new, template_url, parameters };
    let changes = ChangeSet::create(sdk, proposal).await?;
    if let Some(changes) = &changes {
        output.step("changes", &format!("{} resources", changes.changes.len()))?;
        changes.print(output, options.plan)?;
        if let Err(error) = changes.check() {
            changes.discard(is_new).await?;
            return Err(error);
        }
    } else {
        output.step("changes", "none")?;
    }
    if options.plan {
        if let Some(changes) = changes {
            changes.discard(is_new).await?;
        }
        return plan(output, databases.is_some(), options.skip_check);
    }
    let prepared = async {
        if changes.is_some() {
            context
                .ask(&format!("this deploys the stack {} in account {account}, {region}", options.stack))?;
        }
        if let Some((database, of_roles)) = &databases {
            database::migrate(context, database, &answers).await?;
            database::check_roles(of_roles).await?;
        }
        anyhow::Ok(())
    };
    if let Err(error) = prepared.await {
        if let Some(changes) = &changes {
            let discarded = changes.discard(is_new).await;
            discarded.unwrap_or_else(|error| note(&format!("the change set is not deleted: {error:#}")));
        }
        return Err(error);
    }
    if let Some(changes) = changes {
        execute(sdk, output, &changes, state, &template).await?;
    }
    files::remove(&answers_file)?;
    finish(context, sdk, &options, &template).await
}

/// Fails unless a file can be written to its folder.
fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(advised(
            format!("--config: no folder {}", folder.display()),
            "create it, or name another file",
        )),
        None => Ok(()),
    }
}

/// Prints the steps that follow a plan.
fn plan(output: Output, migrates: bool, skip_check: bool) -> Result<Outcome> {
    let steps = [
        migrates.then_some(
            "apply missing migrations, grant the functions' roles their permissions, and check the roles",
        ),
        Some("upload the functions that the bucket lacks, and execute the changes"),
        Some("protect the stack and its data"),
        (!skip_check).then_some("check the deployment"),
    ];
    for seen in steps.into_iter().flatten() {
        output.step("then", seen)?;
    }
    Ok(Outcome::Done)
}

/// Finds the stack, and waits for the end of an operation that is running.
async fn settled(sdk: &SdkConfig, name: &str, output: Output) -> Result<(Option<Stack>, State)> {
    let mut stack = Stack::find(sdk, name).await?;
    if let Some(found) = stack.as_ref().filter(|stack| is_running(&stack.status)) {
        output.step("stack", &format!("{name} ({}), until it ends", found.status))?;
        Events::of_running(sdk, &found.id).follow(output, None).await?;
        stack = Stack::find(sdk, name).await?;
    }
    let state = state(stack.as_ref())?;
    Ok((stack, state))
}

fn is_running(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != IN_REVIEW
}

fn state(stack: Option<&Stack>) -> Result<State> {
    let Some(Stack { name, status, .. }) = stack else { return Ok(State::New) };
    let tip = match &**status {
        IN_REVIEW => return Ok(State::New),
        "CREATE_FAILED" | "UPDATE_FAILED" => return Ok(State::Unfinished),
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => return Ok(State::Complete),
        "UPDATE_ROLLBACK_FAILED" => {
            format!(
                "correct the cause, and run `aws cloudformation continue-update-rollback --stack-name {name}`"
            )
        }
        _ => format!(
            "delete it with `cruddur destroy --stack {name}`; docs/DEPLOY.md describes how to import a table and a pool \
             that it leaves"
        ),
    };
    Err(advised(format!("stack {name} is {status}, which can't be updated"), tip))
}

/// Fails if the account lacks the concurrency that the functions reserve.
async fn check_concurrency(
    calls: &Calls,
    template: &Template,
    answers: &Answers,
    stack: Option<&Stack>,
) -> Result<()> {
    let of_stack = |name: &str| stack.and_then(|stack| stack.parameters.get(name)).map(String::as_str);
    let reserved = |value: &dyn Fn(&str) -> Option<String>| {
        let number = |name: &str| value(name).and_then(|number| number.parse::<i64>().ok()).unwrap_or(0);
        let limited = template.functions.iter().filter(|function| function.is_limited).count();
        i64::try_from(limited).unwrap_or(i64::MAX).saturating_mul(number("FunctionConcurrency"))
            + number("LookUpConcurrency")
    };
    let before = reserved(&|name| of_stack(name).map(str::to_owned));
    let after =
        reserved(&|name| answers.effective(template, name).or_else(|| of_stack(name)).map(str::to_owned));
    if after <= before {
        return Ok(());
    }
    let settings: Value = calls.call(LAMBDA, "/2016-08-19/account-settings", &Request::default()).await?;
    let unreserved = settings.pointer("/AccountLimit/UnreservedConcurrentExecutions").and_then(Value::as_i64);
    let unreserved = unreserved.context("Lambda does not show the account's concurrency")?;
    if unreserved - (after - before) >= UNRESERVED {
        return Ok(());
    }
    Err(advised(
        format!(
            "FunctionConcurrency and LookUpConcurrency reserve {after}, but {unreserved} are unreserved in the account, of \
             which {UNRESERVED} have to remain"
        ),
        "use 0 for both, or ask AWS for a higher quota of concurrent executions",
    ))
}

/// Uploads the code that the bucket lacks, and the template with its locations. Returns the template's URL. A plan uploads
/// only the template.
async fn upload(
    output: Output,
    bucket: &Bucket<'_>,
    options: &Options,
    template: &Template,
    artifacts: &Artifacts,
) -> Result<String> {
    if !bucket.exists().await? {
        bucket.create().await?;
        output.step("bucket", &format!("created {}", bucket.name))?;
    }
    let stack = &options.stack;
    let action = if options.plan { "reading functions" } else { "uploading functions" };
    let bar = progress(action, Some(template.functions.len() as u64));
    let (mut keys, mut uploaded) = (Vec::new(), 0);
    for (index, function) in template.functions.iter().enumerate() {
        let zip = artifacts.zip(index)?;
        // By content, so that CloudFormation sees which functions have changed.
        let key = format!("{stack}/{}-{}.zip", function.binary, digest(&zip));
        if !options.plan && !bucket.has(&key).await? {
            bucket.put(&key, zip).await?;
            uploaded += 1;
        }
        keys.push((&*function.resource, key));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let text = template.with_code(|function| {
        let (_, key) = keys.iter().find(|(resource, _)| *resource == function.resource)?;
        Some(format!("s3://{}/{key}", bucket.name))
    });
    let key = format!("{stack}/template-{}.yaml", digest(text.as_bytes()));
    bucket.put(&key, text.into_bytes()).await?;
    let what = if options.plan { "the template".to_owned() } else { format!("{uploaded} functions") };
    output.step("upload", &format!("{what} to the bucket {}", bucket.name))?;
    Ok(bucket.url_of(&key))
}

/// The first half of a SHA-256 hash in hexadecimal digits.
fn digest(content: &[u8]) -> String {
    let bytes = Sha256::digest(content);
    bytes.iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

async fn execute(
    sdk: &SdkConfig,
    output: Output,
    changes: &ChangeSet<'_>,
    state: State,
    template: &Template,
) -> Result<()> {
    // A rollback of the first deployment would leave table and pool without a stack.
    let keep = state != State::Complete;
    let mut events = Events::from_now(sdk, &changes.stack_id).await?;
    changes.execute(keep).await?;
    let status = events.follow(output, Some(changes.changes.len() as u64)).await?;
    if matches!(&*status, "CREATE_COMPLETE" | "UPDATE_COMPLETE") {
        return output.step("stack", &status);
    }
    let binary = events.failures.iter().find_map(|reason| template.released(changes.stack, reason));
    let log = binary
        .map(|binary| format!("see `aws logs tail /aws/lambda/{}/{binary} --since 1h`; ", changes.stack));
    let log = log.unwrap_or_default();
    let correct = "correct the cause, such as a value with --parameter NAME=VALUE, or NAME=@FILE for a URL";
    let tip = if keep {
        format!("{log}{correct}, and run the command again: it continues")
    } else {
        format!("the earlier version serves all requests; {log}{correct}, and run the command again")
    };
    Err(advised(format!("the deployment failed, and the stack is {status}"), tip))
}

/// Protects and checks the deployment, and prints the web client's configuration and what is left to do.
async fn finish(
    context: &Context,
    sdk: &SdkConfig,
    options: &Options,
    template: &Template,
) -> Result<Outcome> {
    let output = context.output;
    let name = &options.stack;
    let client = Client::new(sdk);
    let policy = client.set_stack_policy().stack_name(name);
    let policy = policy.stack_policy_body(include_str!("../../docs/stack-policy.json")).send().await;
    policy.map_err(|error| aws_error(&place(sdk), &error))?;
    let protection = client.update_termination_protection().stack_name(name);
    let protection = protection.enable_termination_protection(true).send().await;
    protection.map_err(|error| aws_error(&place(sdk), &error))?;
    output.step("protection", "no update replaces the data, and the stack can't be deleted by mistake")?;

    let stack = Stack::describe(sdk, name).await?;
    let origins = stack.parameters.get("AllowedOrigins").map(String::as_str).unwrap_or_default();
    let checked = if options.skip_check {
        Ok(Outcome::Done)
    } else {
        let origins = origins.split(',').map(str::to_owned).collect();
        let check = deploy_check::Options::after_deployment(
            name,
            origins,
            options.create_test_users,
            options.websocket_url.clone(),
        );
        Box::pin(deploy_check::run(context, check)).await
    };
    let config = stack.output("FrontEndConfig").context("the stack has no output FrontEndConfig")?;
    let config: Value = serde_json::from_str(config).context("the output FrontEndConfig is malformed")?;
    if let Some(file) = &options.config {
        let text = format!("{}\n", serde_json::to_string_pretty(&config)?);
        fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))?;
        output.step("config", &format!("written to {}", file.display()))?;
    }
    if output.is_json() {
        output.json(&json!({"config": config}))?;
    } else {
        output.line(&format!(
            "\nconfig.json of the web client:\n{}\n",
            serde_json::to_string_pretty(&config)?
        ))?;
    }
    next_steps(output, &stack, options, template)?;
    checked
}

fn next_steps(output: Output, stack: &Stack, options: &Options, template: &Template) -> Result<()> {
    let value = |name: &str| {
        let value = stack.parameters.get(name).map(String::as_str);
        value.or_else(|| template.parameter(name)?.default.as_deref()).unwrap_or_default()
    };
    let name = &stack.name;
    let pool = stack.output("UserPoolId").unwrap_or_default();
    let mut steps = Vec::new();
    for (domain, target) in
        [("ApiDomainName", "ApiDomainTarget"), ("WebSocketDomainName", "WebSocketDomainTarget")]
    {
        if let Some(target) = stack.output(target) {
            steps.push(format!("point the DNS record of {} at {target}", value(domain)));
        }
    }
    if !value("UserPoolId").is_empty() {
        let function = stack.output("PostConfirmationFunctionArn").unwrap_or_default();
        steps.push(format!("make {function} the post-confirmation trigger of the pool {pool}"));
    }
    if !value("SubnetIds").is_empty() && value("CognitoJwks").is_empty() {
        steps.push(format!(
            "without a NAT gateway: cruddur deploy --stack {name} --parameter \"CognitoJwks=$(cruddur cognito jwks \
             --user-pool {pool})\""
        ));
    }
    if !value("AlarmEmail").is_empty() {
        steps.push(format!("confirm the subscription in the mail to {}", value("AlarmEmail")));
    }
    let origins = value("AllowedOrigins");
    steps.push(format!(
        "serve the web client with this config.json at {origins} (section 3 of docs/DEPLOY.md)"
    ));
    if !options.create_test_users {
        let origins = origins.replace(',', " --origin ");
        steps.push(format!(
            "cruddur deploy-check --target aws --stack {name} --create-test-users --origin {origins}"
        ));
    }
    if output.is_json() {
        return output.json(&json!({"next_steps": steps}));
    }
    output.line("Next steps:")?;
    steps.iter().try_for_each(|step| output.line(&format!("- {}", printable(step))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_configuration_has_to_exist() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_folder(Path::new("config.json")).is_ok());
        assert!(check_folder(&folder.path().join("config.json")).is_ok());
        let error = check_folder(&folder.path().join("dist/config.json")).unwrap_err().to_string();
        assert!(error.starts_with("--config: no folder") && error.contains("dist; create it"), "{error}");
    }

    #[test]
    fn a_deployment_continues_where_the_stack_is() {
        let state = |status: &str| {
            let stack = Stack::for_tests(status);
            state(Some(&stack)).map_err(|error| error.to_string())
        };
        for (status, expected) in [
            ("REVIEW_IN_PROGRESS", State::New),
            ("CREATE_FAILED", State::Unfinished),
            ("UPDATE_FAILED", State::Unfinished),
            ("CREATE_COMPLETE", State::Complete),
            ("UPDATE_ROLLBACK_COMPLETE", State::Complete),
        ] {
            assert_eq!(state(status), Ok(expected), "{status}");
        }
        assert!(state("ROLLBACK_COMPLETE").unwrap_err().contains("cruddur destroy"));
        assert!(state("UPDATE_ROLLBACK_FAILED").unwrap_err().contains("continue-update-rollback"));
    }
}
