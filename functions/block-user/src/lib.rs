//! `PUT` and `DELETE /api/blocks/{user_uuid}`: blocks a user, and ends the block.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    block::Blocks,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Error, Violation},
    invocation,
    request::{path_parameter, user_uuid},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use http::Method;
use lambda_http::{Body, Request, Response};

/// The routes, as API Gateway names them: beginning and end of a block.
pub const ROUTES: [&str; 2] = ["PUT /api/blocks/{user_uuid}", "DELETE /api/blocks/{user_uuid}"];

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller and the other user.
    pub users: Users,
    /// Stores blocks.
    pub blocks: Blocks,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            blocks: Blocks::from_lookup(lookup, CallLimits::WRITE)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.blocks.warm_up());
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
    let other = user_uuid(&path_parameter(request, "user_uuid"))?;

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    if other == caller {
        return Err(Violation::UserIsCaller.into());
    }
    if !app.users.with_uuids(&[other]).await?.contains_key(&other) {
        return Err(Error::UserNotFound);
    }
    if request.method() == Method::DELETE {
        app.blocks.unblock(caller, other).await?;
    } else {
        app.blocks.block(caller, other).await?;
    }
    Ok(respond::no_content())
}
