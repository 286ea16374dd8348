//! What `template.yaml` deploys, on this machine: the seven functions with their timeouts, the routes, and the
//! mapping of the stream. A test holds the two against each other.

use std::{sync::Arc, time::Duration};

use aws_config::{AppName, SdkConfig};
use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, SendLimitConfig, TokenConfig},
    dynamodb::{CallLimits, Table, client},
    message_group::KnownMembers,
    postgres::Postgres,
    random::Random,
    send_limit::SendLimit,
    user::Users,
};

use crate::{function::Function, gateway::Route};

/// What the functions are made with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// How DynamoDB is reached.
    pub sdk: SdkConfig,
    /// The table's name.
    pub table: String,
    /// The database of users.
    pub postgres: Arc<Postgres>,
    /// Whose tokens are accepted.
    pub tokens: TokenConfig,
    /// How much a user may send, where that is limited.
    pub send_limit: Option<SendLimitConfig>,
    /// The functions' time.
    pub clock: Clock,
    /// The functions' randomness.
    pub random: Random,
}

/// The functions, each with a DynamoDB client and caches of its own, as in AWS. The connection to PostgreSQL they
/// share, since the embedded one serves one at a time.
#[derive(Clone, Debug)]
pub struct Functions {
    /// `GET /api/message_groups`
    pub list_message_groups: Function,
    /// `GET /api/messages/{message_group_uuid}`
    pub list_messages: Function,
    /// `POST /api/messages`
    pub create_message: Function,
    /// `GET /api/users/{handle}/short`
    pub show_user: Function,
    /// `GET /api/me`
    pub show_me: Function,
    /// The table's stream.
    pub stream_handler: Function,
    /// Cognito's trigger.
    pub post_confirmation: Function,
}

/// The patterns of the mapping's filter criteria.
pub const STREAM_FILTERS: [&str; 1] =
    [r#"{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "MSG#"}]}}}}"#];

const READ_TIMEOUT: Duration = Duration::from_secs(15);
const CREATE_MESSAGE_TIMEOUT: Duration = Duration::from_secs(25);
const STREAM_HANDLER_TIMEOUT: Duration = Duration::from_mins(1);
const POST_CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How `function` reaches DynamoDB: its calls say whose they are, in the application's name of the user agent.
/// (In AWS that is what each function's role is for.)
#[must_use]
pub fn sdk_of(function: &'static str, sdk: &SdkConfig) -> SdkConfig {
    let mut named = sdk.to_builder();
    // Every character of a function's name is good in an application's.
    named.set_app_name(AppName::new(function).ok());
    named.build()
}

impl Functions {
    /// Builds the functions out of `parts`.
    pub fn new(parts: &Parts) -> Result<Self, ConfigError> {
        let verifier =
            || Ok(Verifier::new(&parts.tokens, parts.tokens.key_set(|_| None)?, parts.clock.clone()));
        let users = || Users::new(Arc::clone(&parts.postgres));
        let table =
            |function, limits| Table::new(client(&sdk_of(function, &parts.sdk), limits), &parts.table);

        let list_message_groups = Arc::new(list_message_groups::App {
            verifier: verifier()?,
            users: users(),
            table: table("list-message-groups", CallLimits::READ),
        });
        let list_messages = Arc::new(list_messages::App {
            verifier: verifier()?,
            users: users(),
            table: table("list-messages", CallLimits::READ),
            members: KnownMembers::default(),
        });
        let create_message = Arc::new(create_message::App {
            verifier: verifier()?,
            users: users(),
            table: table("create-message", CallLimits::WRITE),
            members: KnownMembers::default(),
            send_limit: parts.send_limit.map(SendLimit::new),
            clock: parts.clock.clone(),
            random: parts.random.clone(),
        });
        let show_user = Arc::new(show_user::App { users: users() });
        let show_me = Arc::new(show_me::App { verifier: verifier()?, users: users() });
        let stream_handler = Arc::new(stream_handler::App {
            table: table("stream-handler", CallLimits::WRITE),
            clock: parts.clock.clone(),
            random: parts.random.clone(),
        });
        let post_confirmation = Arc::new(post_confirmation::App { users: users() });

        Ok(Self {
            list_message_groups: Function::http("list-message-groups", READ_TIMEOUT, move |request| {
                let app = Arc::clone(&list_message_groups);
                async move { list_message_groups::handler(&app, request).await }
            }),
            list_messages: Function::http("list-messages", READ_TIMEOUT, move |request| {
                let app = Arc::clone(&list_messages);
                async move { list_messages::handler(&app, request).await }
            }),
            create_message: Function::http("create-message", CREATE_MESSAGE_TIMEOUT, move |request| {
                let app = Arc::clone(&create_message);
                async move { create_message::handler(&app, request).await }
            }),
            show_user: Function::http("show-user", READ_TIMEOUT, move |request| {
                let app = Arc::clone(&show_user);
                async move { show_user::handler(&app, request).await }
            }),
            show_me: Function::http("show-me", READ_TIMEOUT, move |request| {
                let app = Arc::clone(&show_me);
                async move { show_me::handler(&app, request).await }
            }),
            stream_handler: Function::event("stream-handler", STREAM_HANDLER_TIMEOUT, move |event| {
                let app = Arc::clone(&stream_handler);
                async move { Ok::<_, std::convert::Infallible>(stream_handler::handler(&app, event).await) }
            })
            // It compares its deadline with the same clock.
            .with_clock(parts.clock.clone()),
            post_confirmation: Function::event(
                "post-confirmation",
                POST_CONFIRMATION_TIMEOUT,
                move |event| {
                    let app = Arc::clone(&post_confirmation);
                    async move { Ok::<_, std::convert::Infallible>(post_confirmation::handler(&app, event).await) }
                },
            ),
        })
    }

    /// The API's routes.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        vec![
            Route::new(list_message_groups::ROUTE, self.list_message_groups.clone()),
            Route::new(list_messages::ROUTE, self.list_messages.clone()),
            Route::new(create_message::ROUTE, self.create_message.clone()),
            Route::new(show_user::ROUTE, self.show_user.clone()),
            Route::new(show_me::ROUTE, self.show_me.clone()),
        ]
    }
}
