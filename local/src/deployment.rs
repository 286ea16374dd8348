//! What `template.yaml` deploys, on this machine: the functions with their routes and timeouts, and the mapping of the
//! stream. A test holds the two against each other.

use std::{convert::Infallible, ops::Index, sync::Arc, time::Duration};

use aws_config::{AppName, SdkConfig};
use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, SendLimitConfig, TokenConfig, environment},
    dynamodb::{CallLimits, client},
    message::Messages,
    message_group::Inbox,
    postgres::Postgres,
    random::Random,
    send_limit::SendLimit,
    start::App as _,
    table::{RowKind, Table},
    user::Users,
};
use futures_util::FutureExt as _;
use serde_json::json;

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

impl Parts {
    fn verifier(&self) -> Result<Verifier, ConfigError> {
        Ok(Verifier::new(&self.tokens, self.tokens.key_set(environment)?, self.clock.clone()))
    }

    fn users(&self) -> Users {
        Users::new(Arc::clone(&self.postgres))
    }

    /// The table, reached as `function`.
    fn table(&self, function: &'static str, limits: CallLimits) -> Table {
        Table::new(client(&sdk_of(function, &self.sdk), limits), &self.table)
    }

    fn messages(&self, function: &'static str, limits: CallLimits, limit: Option<SendLimit>) -> Messages {
        Messages::new(self.table(function, limits), self.clock.clone(), self.random.clone(), limit)
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
    /// Key of the route; `None` for a function behind a trigger.
    pub route: Option<&'static str>,
    /// Timeout of an invocation.
    pub timeout: Duration,
    /// Reads the configuration as the function's start does.
    pub configure: fn(&Variables<'_>) -> Result<(), ConfigError>,
    build: fn(&Self, &Parts) -> Result<Function, ConfigError>,
}

/// A handler that shares `$app` with all invocations.
macro_rules! share {
    ($handler:path, $app:expr) => {{
        let app = Arc::new($app);
        move |input| {
            let app = Arc::clone(&app);
            async move { $handler(&app, input).await }
        }
    }};
}

/// The function of a crate, behind its route.
macro_rules! route {
    ($function:ident, $name:literal, $timeout:expr, |$this:ident, $parts:ident| $app:expr) => {
        Declaration {
            name: $name,
            route: Some($function::ROUTE),
            timeout: $timeout,
            configure: |lookup| $function::App::from_lookup(lookup).map(drop),
            build: |$this, $parts| {
                Ok(Function::http($this.name, $this.timeout, share!($function::handler, $app)))
            },
        }
    };
}

const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The deployed functions. A test compares them with `template.yaml`.
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
    route!(create_message, "create-message", Duration::from_secs(25), |this, parts| create_message::App {
        verifier: parts.verifier()?,
        users: parts.users(),
        messages: parts.messages(this.name, CallLimits::WRITE, parts.send_limit.map(SendLimit::new)),
    }),
    route!(show_user, "show-user", READ_TIMEOUT, |this, parts| show_user::App { users: parts.users() }),
    route!(show_me, "show-me", READ_TIMEOUT, |this, parts| show_me::App {
        verifier: parts.verifier()?,
        users: parts.users(),
    }),
    Declaration {
        name: "stream-handler",
        route: None,
        timeout: Duration::from_mins(1),
        configure: |lookup| stream_handler::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let app = stream_handler::App {
                inbox: parts.inbox(this.name, CallLimits::WRITE),
                clock: parts.clock.clone(),
            };
            let handler = share!(stream_handler::handler, app);
            let handler = move |event| handler(event).map(Ok::<_, Infallible>);
            // It compares its deadline with the same clock.
            Ok(Function::event(this.name, this.timeout, handler).with_clock(parts.clock.clone()))
        },
    },
    Declaration {
        name: "post-confirmation",
        route: None,
        timeout: Duration::from_secs(5),
        configure: |lookup| post_confirmation::App::from_lookup(lookup).map(drop),
        build: |this, parts| {
            let handler = share!(post_confirmation::handler, post_confirmation::App { users: parts.users() });
            let handler = move |event| handler(event).map(Ok::<_, Infallible>);
            Ok(Function::event(this.name, this.timeout, handler))
        },
    },
];

/// The patterns of the mapping's filter criteria.
#[must_use]
pub fn stream_filters() -> [String; 1] {
    let prefix = RowKind::Message.partition("");
    [json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": prefix}]}}}}).to_string()]
}

/// How `function` reaches DynamoDB: its calls say whose they are, in the application's name of the user agent.
/// (In AWS that is what each function's role is for.)
#[must_use]
pub fn sdk_of(function: &'static str, sdk: &SdkConfig) -> SdkConfig {
    let mut named = sdk.to_builder();
    // Every character of a function's name is good in an application's.
    named.set_app_name(AppName::new(function).ok());
    named.build()
}

/// The functions, each with a DynamoDB client and caches of its own, as in AWS. The connection to PostgreSQL they
/// share, since the embedded one serves one at a time.
#[derive(Clone, Debug)]
pub struct Functions(Vec<Function>);

impl Functions {
    /// Builds the functions out of `parts`.
    pub fn new(parts: &Parts) -> Result<Self, ConfigError> {
        FUNCTIONS.iter().map(|function| (function.build)(function, parts)).collect::<Result<_, _>>().map(Self)
    }

    /// The API's routes.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let declared = FUNCTIONS.iter().filter_map(|function| Some((function.route?, function.name)));
        declared.map(|(route, name)| Route::new(route, self[name].clone())).collect()
    }
}

impl Index<&str> for Functions {
    type Output = Function;

    /// The function of this name.
    ///
    /// # Panics
    /// When no function has it.
    fn index(&self, name: &str) -> &Function {
        let found = self.0.iter().find(|function| function.name() == name);
        found.unwrap_or_else(|| panic!("no function is called {name}"))
    }
}
