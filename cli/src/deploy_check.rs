//! `deploy-check`: checks a deployment from outside.
//!
//! A failed check prints advice, and skips only the checks that depend on it. In order: resources as AWS describes
//! them, the API without a token, messages between two test users, dead letters and alarms.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use clap::Args;
use cruddur::{config::environment, user::Handle};
use reqwest::Method;

use self::{
    api::Api,
    conversation::Pair,
    pool::{Pool, TEST_HANDLES, TestUser},
    report::{Problem, Report, Success},
    socket::Address,
};
use crate::{
    advice::advised,
    aws_calls::Calls,
    chat::api::{self as chat_api, TokenError, bearer},
    cognito::pool as user_pool,
    context::{Context, account, note},
    outcome::Outcome,
    stack::{Stack, WEBSOCKET_URL},
};

mod alarms;
mod api;
mod conversation;
mod events;
mod pool;
mod report;
mod routes;
mod socket;
mod stack;
mod stream;
mod table;

pub(crate) const LONG_ABOUT: &str = "\
Checks a deployment, or the local stack, from outside, and prints a fix for each failed check: the stack, the table, the \
stream mapping, the pool's trigger, each route, CORS, tokens, a WebSocket, two messages between two test users, the \
move of their inboxes, their events, dead letters and alarms.

Each run leaves two messages in the conversation of the test users, their events, and the row of a closed connection, \
and changes nothing else except what --create-test-users describes. Tokens and passwords are never shown.

With --target aws and --stack, resources are found by the stack's outputs. Without --stack, name them with --url, --table \
and --user-pool; checks of resources that are not named are skipped.";

pub(crate) const AFTER_HELP: &str = "\
Test users in AWS: use --create-test-users, or sign two users in, set CRUDDUR_TOKEN_A and CRUDDUR_TOKEN_B to their \
access tokens (the Authorization header of the web client's requests), and --receiver to the second one's handle.

Examples:
  cruddur deploy-check
  cruddur deploy-check --target aws --stack cruddur-messages --create-test-users
  cruddur deploy-check --target aws --stack cruddur-messages --origin https://cruddur.example --receiver lore
  cruddur deploy-check --target aws --url https://….execute-api.eu-central-1.amazonaws.com --receiver lore
  cruddur --output json deploy-check | jq -r 'select(.result == \"failed\") | .advice'

Exit code 3: a check failed. 1: nothing could be checked.";

/// The test users of the local stack: demo users without conversations.
const LOCAL_HANDLES: [&str; 2] = ["lore", "mock"];

/// The default of `--timeout`.
const TIMEOUT: u64 = 30;

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,

    /// The URL of the WebSocket API [default: the stack's output, or the local stack's]
    #[arg(long, value_name = "URL")]
    websocket_url: Option<String>,

    /// An origin of the web client (may be repeated)
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,

    /// The first test user's handle, on the local stack [default: lore]
    #[arg(long, value_name = "@HANDLE")]
    sender: Option<Handle>,

    /// The second test user's handle [default: mock, on the local stack]
    #[arg(long, value_name = "@HANDLE", conflicts_with = "create_test_users")]
    receiver: Option<Handle>,

    /// Create two test users in the pool if they are missing (deploy-check-a and deploy-check-b), sign them in with
    /// random passwords, add them to the database of users with the pool's post-confirmation trigger, and disable them
    /// at the end. Requires a client that allows `ALLOW_ADMIN_USER_PASSWORD_AUTH`
    #[arg(long)]
    create_test_users: bool,

    /// The pool client of the test users [default: the stack's output, or the first of `AWS_COGNITO_USER_POOL_CLIENT_ID`]
    #[arg(long, value_name = "ID", requires = "create_test_users")]
    client: Option<String>,

    /// The time limit for inboxes to show a message
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT, value_parser = clap::value_parser!(u64).range(1..=900))]
    timeout: u64,

    #[command(flatten)]
    pool: user_pool::Options,
}

impl Options {
    /// The checks of a stack that has just been deployed.
    pub(crate) fn after_deployment(
        stack: &str,
        origin: Vec<String>,
        create_test_users: bool,
        websocket_url: Option<String>,
    ) -> Self {
        Self {
            stack: Some(stack.to_owned()),
            websocket_url,
            origin,
            sender: None,
            receiver: None,
            create_test_users,
            client: None,
            timeout: TIMEOUT,
            pool: user_pool::Options { user_pool: None, cognito_url: None },
        }
    }
}

pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let mut report = Report::new(context.output);
    if context.is_aws() {
        let deployment = Deployment::find(context, &options).await?;
        Box::pin(deployment.check(context, &options, &mut report)).await?;
    } else {
        if options.stack.is_some() || options.create_test_users {
            return Err(advised("--stack and --create-test-users are for AWS", "add --target aws"));
        }
        let dynamodb = context.dynamodb().await?;
        report.check("table", table::check(&dynamodb)).await?;
        let api = Api::new(context.stack_url()?)?;
        if check_without_token(&mut report, &api, &options).await? {
            let pair = local_pair(context, &options, &mut report).await?;
            let address = match &options.websocket_url {
                Some(url) => Ok(url.clone()),
                None => context
                    .local_websocket_url()
                    .await?
                    .ok_or_else(|| "the stack has no WebSocket API".to_owned()),
            };
            let time_limit = Duration::from_secs(options.timeout);
            conversation::check(&mut report, &api, &address, &pair, time_limit).await?;
        }
    }
    report.finish()
}

/// Returns whether the API is reachable.
async fn check_without_token(report: &mut Report, api: &Api, options: &Options) -> Result<bool> {
    let respond = async {
        api.send(api.request(Method::GET, "/"), None).await?;
        Ok(Success::new(format!("{} responds", api.url)))
    };
    if report.check("API", respond).await?.is_none() {
        report.skip("routes, tokens, messages", "requires the API")?;
        return Ok(false);
    }
    routes::check(report, api).await?;
    for origin in &options.origin {
        report.check(&format!("CORS of {origin}"), routes::allowed(api, origin)).await?;
        let name = format!("page of {origin}");
        match routes::page(origin).await? {
            Some(page) => drop(report.check(&name, async { routes::protected(origin, &page) }).await?),
            None => report.skip(&name, "the page can't be reached from here; check --origin")?,
        }
    }
    if options.origin.is_empty() {
        report.skip("CORS", "requires --origin")?;
    } else {
        report.check("CORS of another origin", routes::not_allowed(api)).await?;
    }
    Ok(true)
}

async fn local_pair(context: &Context, options: &Options, report: &mut Report) -> Result<Pair> {
    let [sender, receiver] = LOCAL_HANDLES.map(str::parse::<Handle>);
    let sender = options.sender.clone().map_or(sender, Ok)?;
    let receiver = options.receiver.clone().map_or(receiver, Ok)?;
    let url = context.stack_url()?;
    let client = chat_api::client(&url)?;
    let token = async |handle: &Handle| {
        let answer = chat_api::issue_token(&client, &url, handle).await;
        let answer = answer.map_err(|error| {
            let advice = match error {
                TokenError::UnknownHandle { .. } => "use --sender and --receiver with existing users",
                TokenError::Failed { .. } => "see the output of `cargo run`, and check again in a moment",
                _ => "check --url, and whether a local stack is running there",
            };
            Problem::new(error.to_string(), advice)
        })?;
        let token = chat_api::access_token(&answer).and_then(bearer).ok_or_else(|| {
            Problem::new("the response has no access_token", "check whether --url is a local stack")
        })?;
        Ok(Success::with(format!("one for {}", handle.canonical()), token))
    };
    let (of_sender, of_receiver) = (token(&sender), token(&receiver));
    Ok(Pair {
        sender: report.check("a token for the sender", of_sender).await?,
        receiver: report.check("a token for the receiver", of_receiver).await?,
        handle: Some(receiver),
    })
}

/// The known resources of a deployment in AWS.
struct Deployment {
    /// `None` if nothing requires credentials.
    sdk: Option<SdkConfig>,
    stack: Option<Stack>,
    url: String,
    table: Option<String>,
    pool: Option<Pool>,
    client_id: Option<String>,
}

impl Deployment {
    /// Finds the resources, and prints account and region first.
    async fn find(context: &Context, options: &Options) -> Result<Self> {
        // With --stack, variables of the shell may belong to another deployment.
        let (named_pool, named_table) = if options.stack.is_some() {
            let pool = options.pool.user_pool.is_some().then(|| options.pool.configured(context));
            (pool.transpose()?.flatten(), context.global.table.clone())
        } else {
            (
                options.pool.configured(context)?,
                context.global.table.clone().or_else(|| environment("DDB_MESSAGE_TABLE")),
            )
        };
        let sdk = if options.stack.is_some() || named_pool.is_some() || named_table.is_some() {
            Some(context.aws_config().await?)
        } else {
            None
        };
        let stack = match (&sdk, &options.stack) {
            (Some(sdk), Some(name)) => {
                let region = sdk.region().map(ToString::to_string).unwrap_or_default();
                note(&format!("AWS account {}, region {region}, stack {name}", account(sdk).await?));
                Some(Stack::describe(sdk, name).await?)
            }
            _ => None,
        };
        let output = |name: &str| stack.as_ref().and_then(|stack| stack.output(name)).map(str::to_owned);
        let is_given =
            if stack.is_some() { context.global.url.is_some() } else { context.given_url().is_some() };
        let url = match (is_given, output("ApiUrl")) {
            (false, Some(url)) => url.trim_end_matches('/').to_owned(),
            (false, None) if stack.is_some() => {
                return Err(advised("the stack has no output ApiUrl", "use --url"));
            }
            (false, None) => bail!("use --stack, or --url"),
            (true, _) => context.api_url()?,
        };
        let of_stack = output("UserPoolId")
            .filter(|_| named_pool.is_none())
            .map(|id| user_pool::Options { user_pool: Some(id), ..options.pool.clone() }.configured(context));
        let pool = match named_pool.or(of_stack.transpose()?.flatten()) {
            Some(pool) => Some(Pool::new(pool).await),
            None => None,
        };
        let variable = environment("AWS_COGNITO_USER_POOL_CLIENT_ID").filter(|_| stack.is_none());
        let variable = variable.unwrap_or_default();
        let variable = variable.split(',').next().filter(|id| !id.is_empty()).map(str::to_owned);
        let client_id = options.client.clone().or_else(|| output("UserPoolClientId")).or(variable);
        if options.create_test_users && (pool.is_none() || client_id.is_none()) {
            bail!("--create-test-users requires --stack, or --user-pool and --client");
        }
        let table = named_table.or_else(|| output("MessageTableName"));
        Ok(Self { sdk, stack, url, table, pool, client_id })
    }

    async fn check(&self, context: &Context, options: &Options, report: &mut Report) -> Result<()> {
        let calls = self.sdk.as_ref().map(Calls::new).transpose()?;
        let output = |name: &str| self.stack.as_ref().and_then(|stack| stack.output(name));
        let check = self.stack.as_ref().map(|stack| async { stack::check(stack) });
        report.check_or_skip("stack", check, "--stack").await?;
        self.check_table(context, report, calls.as_ref()).await?;
        let check = self.pool.as_ref();
        let check = check.map(|pool| Box::pin(pool.check_trigger(output("PostConfirmationFunctionArn"))));
        let trigger = report.check_or_skip("sign-up trigger", check, "--user-pool").await?;
        let api = Api::new(self.url.clone())?;
        if check_without_token(report, &api, options).await? {
            let mut test_users = Vec::new();
            let trigger = trigger.as_deref();
            let address = self.websocket_address(options);
            let check = async {
                let pair = self.pair(options, report, calls.as_ref(), trigger, &api, &mut test_users).await?;
                conversation::check(report, &api, &address, &pair, Duration::from_secs(options.timeout)).await
            };
            let mut checked = Box::pin(check).await;
            // After any failure, even of the output, so that no test user can sign in.
            if let Some(pool) = &self.pool {
                for user in &test_users {
                    let ended = report.check("disabling a test user", pool.disable(user)).await;
                    checked = checked.and(ended.map(drop));
                }
            }
            checked?;
        }
        let queue = calls.as_ref().zip(output("StreamDeadLetterQueueUrl"));
        let check = queue.map(|(calls, queue)| stream::check_dead_letters(calls, queue));
        report.check_or_skip("dead letters", check, "the stack's output StreamDeadLetterQueueUrl").await?;
        let alarms = calls.as_ref().zip(self.stack.as_ref());
        let check = alarms.map(|(calls, stack)| alarms::check(calls, stack));
        report.check_or_skip("alarms", check, "--stack").await?;
        let topic = self.sdk.as_ref().zip(output("AlarmTopicArn"));
        let check = topic.map(|(sdk, topic)| Box::pin(alarms::check_topic(sdk, topic)));
        report.check_or_skip("alarm topic", check, "the stack's output AlarmTopicArn").await?;
        Ok(())
    }

    fn websocket_address(&self, options: &Options) -> Address {
        let output = self.stack.as_ref().map(|stack| stack.output(WEBSOCKET_URL));
        match (&options.websocket_url, output) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(Some(url))) => Ok(url.to_owned()),
            (None, Some(None)) => Err("the stack has no WebSocket API (WebSocketApi=false)".to_owned()),
            (None, None) => Err("requires --stack or --websocket-url".to_owned()),
        }
    }

    async fn check_table(&self, context: &Context, report: &mut Report, calls: Option<&Calls>) -> Result<()> {
        let names = ["table", "backups", "stream mapping"];
        let (Some(calls), Some(table)) = (calls, &self.table) else {
            return names.iter().try_for_each(|name| report.skip(name, "requires --table"));
        };
        let dynamodb = context.with_table(table).dynamodb().await?;
        let Some(table) = report.check(names[0], table::check(&dynamodb)).await? else {
            return names.iter().skip(1).try_for_each(|name| report.skip(name, "requires the table"));
        };
        report.check(names[1], table::check_protection(context, &dynamodb, &table)).await?;
        if let Some(stream_arn) = &table.stream_arn {
            report.check(names[2], stream::check_mapping(calls, stream_arn)).await?;
        }
        Ok(())
    }

    /// The test users. Those who can sign in from now on are added to `users`.
    async fn pair(
        &self,
        options: &Options,
        report: &mut Report,
        calls: Option<&Calls>,
        trigger: Option<&str>,
        api: &Api,
        users: &mut Vec<TestUser>,
    ) -> Result<Pair> {
        if !options.create_test_users {
            let token = |name| environment(name).and_then(|token| bearer(&token));
            let (sender, receiver) = (token("CRUDDUR_TOKEN_A"), token("CRUDDUR_TOKEN_B"));
            return Ok(Pair { sender, receiver, handle: options.receiver.clone() });
        }
        // Checked in `find`.
        let pool = self.pool.as_ref().context("no pool")?;
        let client_id = self.client_id.as_ref().context("no client of the pool")?;
        let mut tokens = [None, None];
        for (handle, of_user) in TEST_HANDLES.into_iter().zip(&mut tokens) {
            let signed_in = Box::pin(pool.sign_in(client_id, handle, users));
            let Some(token) = report.check("a test user", signed_in).await? else { continue };
            let sign_up = calls.zip(trigger).zip(users.last());
            let check = sign_up.map(|((calls, function), user)| pool.confirm(calls, function, user));
            report.check_or_skip("post-confirmation", check, "the sign-up trigger").await?;
            *of_user = Some(token);
        }
        let [_, handle] = TEST_HANDLES;
        let [sender, receiver] = tokens;
        // Another user of the database may have had the handle before.
        let in_database = match &receiver {
            Some(token) => api.own_handle(token).await,
            None => None,
        };
        let handle = in_database.map_or_else(|| handle.parse(), Ok)?;
        Ok(Pair { sender, receiver, handle: Some(handle) })
    }
}
