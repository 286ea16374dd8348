//! `GET /api/messages/{message_group_uuid}`: a group's messages, oldest to newest, for its members.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::Error,
    invocation,
    message::Messages,
    request::{Violations, message_group_uuid, page_request, path_parameter},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/messages/{message_group_uuid}";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller and current names.
    pub users: Users,
    /// Lists messages.
    pub messages: Messages,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            messages: Messages::read_from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.messages.warm_up_list());
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
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    let page = page_request(request, &mut violations);
    let (Some(group_uuid), Some(page)) = (group_uuid, page) else {
        return Err(violations.into_error());
    };
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let mut messages = app.messages.list(caller, group_uuid, page).await?;
    app.users.refresh_names(&mut messages.items).await;
    respond::page(&messages.items, request.raw_http_path(), page.limit, messages.next)
}
