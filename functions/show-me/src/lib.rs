//! `GET /api/me`: the caller's UUID, names and settings.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::Error,
    invocation, respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/me";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users) = tokio::join!(self.verifier.warm_up(), self.users.warm_up());
        failures([keys, users])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let me = app.users.me(&sign_in).await?;
    invocation::user(me.user.uuid);
    respond::ok(&me)
}
