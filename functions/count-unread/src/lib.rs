//! `GET /api/unread`: the number of the caller's conversations with unread messages.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    message_group::Inbox,
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/unread";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Counts conversations.
    pub inbox: Inbox,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            inbox: Inbox::from_lookup(lookup, CallLimits::READ)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.inbox.warm_up());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    respond::ok(&app.inbox.unread(caller).await?)
}
