//! `GET /api/message_groups`: the caller's message groups, newest first.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    dynamodb::Table,
    error::Error,
    invocation, message_group,
    request::{Violations, page_request},
    respond,
    user::Users,
    warm_up,
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/message_groups";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Accepts the caller's token.
    pub verifier: Verifier,
    /// Knows the caller's uuid.
    pub users: Users,
    /// Holds the inbox.
    pub table: Table,
}

impl App {
    /// Makes every connection that the first request needs, all at the same time.
    pub async fn warm_up(&self) {
        let connections = async {
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), message_group::warm_up(&self.table))
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
    let Some(page) = page_request(request, &mut violations) else {
        return Err(violations.into_error());
    };

    // The inbox that is read is the caller's because the uuid comes from the token and from nowhere else.
    let caller = app.users.uuid_of(&subject).await?;
    invocation::user(caller);
    let mut groups = message_group::list(&app.table, caller, page).await?;
    app.users.refresh_names(&mut groups.items).await;
    respond::page(&groups.items, request.raw_http_path(), page.limit, groups.next)
}
