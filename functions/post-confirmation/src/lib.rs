//! Cognito's post-confirmation trigger: creates the row of a user who has confirmed their sign-up.

#![warn(missing_docs)]

use std::{collections::HashMap, time::Duration};

use cruddur::{
    auth::Subject,
    config::{ConfigError, Lookup},
    error::{Chain, Dependency, Error},
    invocation::{self, Completion},
    metrics::Metric,
    start,
    user::{
        Users,
        confirm::{Confirmation, ConfirmedUser},
    },
    warm_up::{Failure, failures},
};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

/// Time limit for the database. Cognito waits 5 s for the answer.
const LIMIT: Duration = Duration::from_secs(4);

/// The function's name in the log.
const NAME: &str = "post-confirmation";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// The table of users.
    pub users: Users,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self { users: Users::from_lookup(lookup)? })
    }

    async fn connect(&self) -> Vec<Failure> {
        failures([self.users.warm_up().await])
    }
}

/// Creates the user's row. Always returns the event: Cognito has already confirmed the user, and would show an error as
/// a failed confirmation. Failures are logged; `cruddur cognito sync-user-ids --create` creates the missing rows later.
pub async fn handler(app: &App, event: LambdaEvent<Value>) -> Value {
    invocation::observe(NAME, async { ((), serve(app, &event.payload).await) }).await;
    event.payload
}

async fn serve(app: &App, event: &Value) -> Completion {
    let entered = timeout(LIMIT, enter(app, event)).await;
    match entered.unwrap_or_else(|elapsed| Err(Error::unavailable(Dependency::Postgres, elapsed))) {
        Ok(Some(confirmation)) => {
            let (message, user_uuid) = match confirmation {
                Confirmation::Created(uuid) => ("entered a user", uuid),
                Confirmation::CreatedWithDerivedHandle(uuid) => ("entered a user under another handle", uuid),
                Confirmation::TookOver(uuid) => ("gave a user the row with their address", uuid),
                Confirmation::AlreadyCreated(uuid) => ("the user was entered before", uuid),
            };
            invocation::user(user_uuid);
            Completion::new(message)
        }
        Ok(None) => Completion::new("the event is not of a confirmed sign-up"),
        Err(error) => {
            tracing::error!(cause = %Chain(&error), "could not enter a user");
            invocation::count(Metric::UsersNotEntered, 1);
            Completion::new("failed")
        }
    }
}

async fn enter(app: &App, event: &Value) -> Result<Option<Confirmation>, Error> {
    // Omits serde's error, which may quote an address.
    let event = PostConfirmation::deserialize(event)
        .map_err(|_| Error::internal("the event is not of a post confirmation trigger"))?;
    if event.trigger_source != "PostConfirmation_ConfirmSignUp" {
        return Ok(None);
    }
    app.users.confirm(&event.request.confirmed_user()?).await.map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostConfirmation {
    trigger_source: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    user_attributes: HashMap<String, String>,
}

impl Request {
    fn confirmed_user(mut self) -> Result<ConfirmedUser, Error> {
        let mut take = |name| self.user_attributes.remove(name);
        Ok(ConfirmedUser {
            subject: take("sub")
                .and_then(Subject::new)
                .ok_or_else(|| Error::internal("the event has no sub"))?,
            preferred_username: take("preferred_username"),
            name: take("name"),
            email: take("email"),
            email_verified: take("email_verified").as_deref() == Some("true"),
        })
    }
}
