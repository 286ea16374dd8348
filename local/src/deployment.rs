//! The local deployment: the functions, routes, timeouts and stream mapping of `template.yaml`. A test
//! compares the two.

use std::{
    ops::Index,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{AppName, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use cruddur::{
    auth::Verifier,
    block::Blocks,
    clock::Clock,
    config::{ConfigError, EditWindow, ErasureConfig, PushConfig, SendLimitConfig, TokenConfig, environment},
    connection::Connections,
    dynamodb::{CallLimits, client},
    erasure::Erasure,
    event::{self, Event},
    event_log::EventLog,
    export::Export,
    member_state::MemberStates,
    message::Messages,
    message_group::Inbox,
    message_request::MessageRequests,
    postgres::Postgres,
    push::Push,
    random::Random,
    send_limit::SendLimit,
    signed_call::Signer,
    start::App as _,
    table::{RowKind, Table},
    user::Users,
};
use erase_accounts::CognitoUsers;
use lambda_runtime::LambdaEvent;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    function::Function,
    gateway::{Route, websocket::MockRoutes},
};

/// The functions' shared dependencies.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The SDK's configuration for DynamoDB.
    pub sdk: SdkConfig,
    pub table: String,
    pub postgres: Arc<Postgres>,
    /// The accepted token issuer.
    pub tokens: TokenConfig,
    /// The send limit per user. `None` means unlimited.
    pub send_limit: Option<SendLimitConfig>,
    /// The limit of new conversations per user. `None` means unlimited.
    pub conversation_limit: Option<SendLimitConfig>,
    pub edit_window: EditWindow,
    pub erasure: ErasureConfig,
    /// The WebSocket API's management API. `None` means that nothing is pushed.
    pub push: Option<PushParts>,
    pub clock: Clock,
    pub random: Random,
}

/// The management API of a WebSocket API, and the client to reach it.
#[derive(Clone, Debug)]
pub struct PushParts {
    pub config: PushConfig,
    pub connector: SharedHttpConnector,
}

impl Parts {
    fn verifier(&self) -> Result<Verifier, ConfigError> {
        Ok(Verifier::new(&self.tokens, self.tokens.key_set(environment)?, self.clock.clone()))
    }

    fn users(&self) -> Users {
        Users::new(Arc::clone(&self.postgres))
    }

    /// The table, with a client that identifies itself as `function`.
    fn table(&self, function: &'static str, limits: CallLimits) -> Table {
        Table::new(client(&sdk_of(function, &self.sdk), limits), &self.table)
    }

    fn messages(&self, function: &'static str, limits: CallLimits, limit: Option<SendLimit>) -> Messages {
        Messages::new(self.table(function, limits), self.clock.clone(), self.random.clone(), limit)
    }

    fn log(&self, function: &'static str, limits: CallLimits) -> EventLog {
        EventLog::new(self.table(function, limits), self.clock.clone(), self.random.clone())
    }

    fn push(&self, function: &'static str) -> Option<Push> {
        let PushParts { config, connector } = self.push.clone()?;
        let credentials = Credentials::new("local", "local", None, None, "local");
        let signer = Signer::new("local".to_owned(), credentials, self.clock.clone());
        let connections = Connections::new(self.table(function, CallLimits::WRITE));
        Some(Push::new(config, signer, connector, connections, self.clock.clone()))
    }

    fn states(&self, function: &'static str, limits: CallLimits) -> MemberStates {
        MemberStates::new(self.table(function, limits), self.clock.clone(), self.random.clone())
    }

    fn connections(&self, function: &'static str, limits: CallLimits) -> Connections {
        Connections::new(self.table(function, limits))
    }

    fn blocks(&self, function: &'static str, limits: CallLimits) -> Blocks {
        Blocks::new(self.table(function, limits), self.clock.clone(), self.random.clone())
    }

    fn requests(&self, function: &'static str, limits: CallLimits) -> MessageRequests {
        MessageRequests::new(self.table(function, limits), self.clock.clone(), self.random.clone())
    }

    fn inbox(&self, function: &'static str, limits: CallLimits) -> Inbox {
        Inbox::new(self.table(function, limits), self.random.clone())
    }
}

/// Looks up environment variables by name.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A deployed function.
#[derive(Debug)]
pub struct Declaration {
    /// Name of the folder, the package and the binary. The name of the log group ends with it.
    pub name: &'static str,
    /// The route keys. None for a function behind a trigger.
    pub routes: &'static [&'static str],
    pub timeout: Duration,
    /// Reads the configuration as the function's start does.
    pub configure: fn(&Variables<'_>) -> Result<(), ConfigError>,
    build: fn(&Self, &Parts) -> Result<Function, ConfigError>,
}

/// The declaration of a function behind a route, or behind the routes given after the name.
macro_rules! route {
    ($function:ident, $name:literal, $timeout:expr, |$this:ident, $parts:ident| $app:expr) => {
        route!($function, $name, &[$function::ROUTE], $timeout, |$this, $parts| $app)
    };
    ($function:ident, $name:literal, $routes:expr, $timeout:expr, |$this:ident, $parts:ident| $app:expr) => {
        Declaration {
            name: $name,
            routes: $routes,
            timeout: $timeout,
            configure: |lookup| $function::App::from_lookup(lookup).map(drop),
            build: |$this, $parts| {
                Ok(Function::with_app(
                    $this.name,
                    $this.timeout,
                    $app,
                    |app, event: LambdaEvent<Event>| async move {
                        event::result($function::handler(&app, event.payload.into()).await)
                    },
                ))
            },
        }
    };
}

const READ_TIMEOUT: Duration = Duration::from_secs(15);

const WRITE_TIMEOUT: Duration = Duration::from_secs(25);

/// The deployed functions, without those of [`NOT_LOCAL`]. A test compares them with `template.yaml`.
pub const FUNCTIONS: &[Declaration] = &[
    route!(list_message_groups, "list-message-groups", READ_TIMEOUT, |this, parts| {
        list_message_groups::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            inbox: parts.inbox(this.name, CallLimits::READ),
        }
    }),
    route!(list_messages, "list-messages", READ_TIMEOUT, |this, parts| list_messages::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        messages: parts.messages(this.name, CallLimits::READ, None),
    }),
    route!(create_message, "create-message", WRITE_TIMEOUT, |this, parts| create_message::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        messages: parts
            .messages(this.name, CallLimits::WRITE, parts.send_limit.map(SendLimit::new))
            .with_conversation_limit(parts.conversation_limit.map(SendLimit::of_conversations)),
    }),
    route!(change_message, "change-message", &change_message::ROUTES, WRITE_TIMEOUT, |this, parts| {
        change_message::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            messages: parts.messages(this.name, CallLimits::WRITE, None),
            edit_window: parts.edit_window,
        }
    }),
    route!(react_to_message, "react-to-message", &react_to_message::ROUTES, WRITE_TIMEOUT, |this, parts| {
        react_to_message::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            messages: parts.messages(this.name, CallLimits::WRITE, None),
        }
    }),
    route!(list_message_requests, "list-message-requests", READ_TIMEOUT, |this, parts| {
        list_message_requests::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            inbox: parts.inbox(this.name, CallLimits::READ),
        }
    }),
    route!(
        answer_message_request,
        "answer-message-request",
        &answer_message_request::ROUTES,
        WRITE_TIMEOUT,
        |this, parts| answer_message_request::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            requests: parts.requests(this.name, CallLimits::WRITE),
        }
    ),
    route!(mark_read, "mark-read", &mark_read::ROUTES, WRITE_TIMEOUT, |this, parts| mark_read::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        states: parts.states(this.name, CallLimits::WRITE),
    }),
    route!(show_message_group, "show-message-group", READ_TIMEOUT, |this, parts| show_message_group::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        inbox: parts.inbox(this.name, CallLimits::READ),
        states: parts.states(this.name, CallLimits::READ),
    }),
    route!(count_unread, "count-unread", READ_TIMEOUT, |this, parts| count_unread::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        inbox: parts.inbox(this.name, CallLimits::READ),
    }),
    route!(show_user, "show-user", READ_TIMEOUT, |this, parts| show_user::App { users: parts.users() }),
    route!(search_users, "search-users", READ_TIMEOUT, |this, parts| search_users::App {
        verifier: parts.verifier()?,
        users: parts.users(),
    }),
    route!(block_user, "block-user", &block_user::ROUTES, WRITE_TIMEOUT, |this, parts| block_user::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        blocks: parts.blocks(this.name, CallLimits::WRITE),
    }),
    route!(list_blocks, "list-blocks", READ_TIMEOUT, |this, parts| list_blocks::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        blocks: parts.blocks(this.name, CallLimits::READ),
    }),
    route!(export_me, "export-me", READ_TIMEOUT, |this, parts| export_me::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        export: Export::new(&parts.table(this.name, CallLimits::READ), &parts.clock, &parts.random),
    }),
    route!(update_message_group, "update-message-group", WRITE_TIMEOUT, |this, parts| {
        update_message_group::App {
            verifier: parts.verifier()?,
            users: parts.users(),
            states: parts.states(this.name, CallLimits::WRITE),
        }
    }),
    route!(create_report, "create-report", READ_TIMEOUT, |this, parts| create_report::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        messages: parts.messages(this.name, CallLimits::READ, None),
    }),
    route!(show_me, "show-me", READ_TIMEOUT, |this, parts| show_me::App {
        verifier: parts.verifier()?,
        users: parts.users(),
    }),
    route!(update_me, "update-me", READ_TIMEOUT, |this, parts| update_me::App {
        verifier: parts.verifier()?,
        users: parts.users(),
    }),
    route!(erase_me, "erase-me", READ_TIMEOUT, |this, parts| erase_me::App {
        verifier: parts.verifier()?,
        users: parts.users(),
    }),
    route!(list_devices, "list-devices", READ_TIMEOUT, |this, parts| list_devices::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        connections: parts.connections(this.name, CallLimits::READ),
        clock: parts.clock.clone(),
    }),
    route!(sign_out, "sign-out", WRITE_TIMEOUT, |this, parts| sign_out::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        connections: parts.connections(this.name, CallLimits::WRITE),
    }),
    route!(list_events, "list-events", READ_TIMEOUT, |this, parts| list_events::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        log: parts.log(this.name, CallLimits::READ),
    }),
    Declaration {
        name: "open-connection",
        routes: &[],
        timeout: Duration::from_secs(29),
        configure: |lookup| open_connection::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let app = open_connection::App {
                verifier: parts.verifier()?,
                users: parts.users(),
                connections: parts.connections(this.name, CallLimits::WRITE),
                clock: parts.clock.clone(),
            };
            let handler = |app: Arc<_>, event| async move { open_connection::handler(&app, event).await };
            Ok(Function::with_app(this.name, this.timeout, app, handler))
        },
    },
    Declaration {
        name: "stream-handler",
        routes: &[],
        timeout: Duration::from_mins(1),
        configure: |lookup| stream_handler::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let app = stream_handler::App {
                inbox: parts.inbox(this.name, CallLimits::WRITE),
                log: parts.log(this.name, CallLimits::WRITE),
                push: parts.push(this.name),
                clock: parts.clock.clone(),
            };
            let handler = |app: Arc<_>, event| async move { stream_handler::handler(&app, event).await };
            // The handler compares its deadline with this clock.
            Ok(Function::with_app(this.name, this.timeout, app, handler).with_clock(parts.clock.clone()))
        },
    },
    Declaration {
        name: "post-confirmation",
        routes: &[],
        timeout: Duration::from_secs(5),
        configure: |lookup| post_confirmation::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let app = post_confirmation::App { users: parts.users() };
            let handler = |app: Arc<_>, event| async move { post_confirmation::handler(&app, event).await };
            Ok(Function::with_app(this.name, this.timeout, app, handler))
        },
    },
    Declaration {
        name: SCHEDULED,
        routes: &[],
        timeout: Duration::from_mins(5),
        configure: |lookup| erase_accounts::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let table = parts.table(this.name, CallLimits::WRITE);
            let app = erase_accounts::App {
                users: parts.users(),
                erasure: Erasure::new(table, parts.clock.clone(), parts.random.clone()),
                cognito: CognitoUsers::Absent,
                config: parts.erasure,
                next_deletion: Mutex::new(Instant::now()),
            };
            let handler = |app: Arc<_>, event| async move { erase_accounts::handler(&app, event).await };
            Ok(Function::with_app(this.name, this.timeout, app, handler))
        },
    },
];

/// The function with a schedule.
pub const SCHEDULED: &str = "erase-accounts";

/// The function behind the WebSocket API's route `$connect`.
pub const WEBSOCKET_CONNECT: &str = "open-connection";

/// The WebSocket API's routes with MOCK integrations.
pub const WEBSOCKET_ROUTES: MockRoutes = MockRoutes {
    selection_expression: "$request.body.type",
    answers: &[
        ("ping", r#"{"type":"pong"}"#),
        ("$default", r#"{"type":"error","codes":["message_unknown"]}"#),
    ],
};

/// Deployed functions without a counterpart in the local stack. check-release serves deployments only.
pub const NOT_LOCAL: [&str; 1] = ["check-release"];

/// The patterns of the mapping's filter criteria.
#[must_use]
pub fn stream_filters() -> [String; 1] {
    let prefixes = [RowKind::Message, RowKind::MemberState].map(|kind| json!({"prefix": kind.partition("")}));
    [json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": prefixes}}}}).to_string()]
}

/// The SDK's configuration for `function`, whose name goes into the user agent as the application's name. In
/// AWS, the function's role identifies its calls.
#[must_use]
pub fn sdk_of(function: &'static str, sdk: &SdkConfig) -> SdkConfig {
    let mut named = sdk.to_builder();
    // A function's name has only characters that are valid in an application's name.
    named.set_app_name(AppName::new(function).ok());
    named.build()
}

/// The functions, each with its own DynamoDB client and caches, as in AWS. They share the connection to
/// PostgreSQL.
#[derive(Clone, Debug)]
pub struct Functions(Vec<Function>);

impl Functions {
    pub fn new(parts: &Parts) -> Result<Self, ConfigError> {
        FUNCTIONS.iter().map(|function| (function.build)(function, parts)).collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let declared =
            FUNCTIONS.iter().flat_map(|function| function.routes.iter().map(|&route| (route, function.name)));
        declared.map(|(route, name)| Route::new(route, self[name].clone())).collect()
    }
}

impl Index<&str> for Functions {
    type Output = Function;

    /// Finds the function by name.
    ///
    /// # Panics
    /// If no function has this name.
    fn index(&self, name: &str) -> &Function {
        let found = self.0.iter().find(|function| function.name() == name);
        found.unwrap_or_else(|| panic!("no function is named {name}"))
    }
}
