//! `DELETE /api/me/devices`: signs the caller out on all devices.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    connection::Connections,
    dynamodb::CallLimits,
    error::Error,
    invocation, respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "DELETE /api/me/devices";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Ends the caller's sign-ins.
    pub users: Users,
    /// Deletes the caller's connections.
    pub connections: Connections,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            connections: Connections::from_lookup(lookup, CallLimits::WRITE)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.connections.warm_up());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let caller = app.users.current_uuid_of(&sign_in).await?;
    invocation::user(caller);
    // Before the sign-out too: if it fails, the request can be repeated.
    app.connections.remove_all(caller).await?;
    app.users.sign_out(&sign_in).await?;
    app.connections.remove_all(caller).await?;
    Ok(respond::no_content())
}
