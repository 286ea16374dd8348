//! `PUT` and `DELETE /api/message_requests/{message_group_uuid}`: accepts a request, and declines it.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    message_request::{Answer, MessageRequests},
    request::{message_group_uuid, path_parameter},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use http::Method;
use lambda_http::{Body, Request, Response};

/// The routes, as API Gateway names them: to accept and to decline.
pub const ROUTES: [&str; 2] =
    ["PUT /api/message_requests/{message_group_uuid}", "DELETE /api/message_requests/{message_group_uuid}"];

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Stores answers.
    pub requests: MessageRequests,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            requests: MessageRequests::from_lookup(lookup, CallLimits::WRITE)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.requests.warm_up());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    let [put, delete] = ROUTES;
    let route = if request.method() == Method::DELETE { delete } else { put };
    respond::answer(route, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let group_uuid = message_group_uuid(&path_parameter(request, "message_group_uuid"))?;
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let answer = if request.method() == Method::DELETE { Answer::Decline } else { Answer::Accept };
    app.requests.answer(caller, group_uuid, answer).await?;
    Ok(respond::no_content())
}
