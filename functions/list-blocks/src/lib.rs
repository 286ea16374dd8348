//! `GET /api/blocks`: the users whom the caller blocks.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    block::{BlockedUser, Blocks},
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    request::{Violations, page_request},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/blocks";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller and the blocked users.
    pub users: Users,
    /// Lists blocks.
    pub blocks: Blocks,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            blocks: Blocks::from_lookup(lookup, CallLimits::READ)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.blocks.warm_up_list());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;

    let mut violations = Violations::new();
    let Some(page) = page_request(request, &mut violations) else {
        return Err(violations.into_error());
    };

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let blocks = app.blocks.list(caller, page).await?;
    let listed = BlockedUser::list(&blocks.items, &app.users).await?;
    respond::page(&listed, request.raw_http_path(), page.limit, blocks.next)
}
