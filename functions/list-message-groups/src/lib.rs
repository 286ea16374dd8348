//! `GET /api/message_groups`: the caller's message groups, newest first.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    message_group::Inbox,
    request::{Violations, page_request},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/message_groups";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller and current names.
    pub users: Users,
    /// Lists groups.
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

    let mut violations = Violations::new();
    let Some(page) = page_request(request, &mut violations) else {
        return Err(violations.into_error());
    };

    // The UUID comes only from the token, so a caller cannot read another inbox.
    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let mut groups = app.inbox.list(caller, page).await?;
    app.users.refresh_names(&mut groups.items).await;
    respond::page(&groups.items, request.raw_http_path(), page.limit, groups.next)
}
