//! `GET /api/messages/{message_group_uuid}`: a group's messages, oldest to newest, for its members.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    dynamodb::Table,
    error::Error,
    invocation, message,
    message_group::KnownMembers,
    request::{Violations, message_group_uuid, page_request, path_parameter},
    respond,
    user::Users,
    warm_up,
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/messages/{message_group_uuid}";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Accepts the caller's token.
    pub verifier: Verifier,
    /// Knows the caller's uuid.
    pub users: Users,
    /// Holds memberships and messages.
    pub table: Table,
    /// Members of groups, from earlier requests.
    pub members: KnownMembers,
}

impl App {
    /// Makes every connection that the first request needs, all at the same time.
    pub async fn warm_up(&self) {
        let connections = async {
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), message::warm_up(&self.table))
        };
        warm_up::within_limit(connections).await;
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let subject = app.verifier.authenticate(request.headers()).await?;

    let mut violations = Violations::new();
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    let page = page_request(request, &mut violations);
    let (Some(group_uuid), Some(page)) = (group_uuid, page) else {
        return Err(violations.into_error());
    };
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&subject).await?;
    invocation::user(caller);
    let mut messages = message::list(&app.table, &app.members, caller, group_uuid, page).await?;
    app.users.refresh_names(&mut messages.items).await;
    respond::page(&messages.items, request.raw_http_path(), page.limit, messages.next)
}
