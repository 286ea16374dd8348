//! `GET /api/me`: the caller's uuid and names.

#![warn(missing_docs)]

use cruddur::{auth::Verifier, error::Error, invocation, respond, user::Users, warm_up};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/me";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Accepts the caller's token.
    pub verifier: Verifier,
    /// Knows the caller.
    pub users: Users,
}

impl App {
    /// Makes every connection that the first request needs, all at the same time.
    pub async fn warm_up(&self) {
        let connections = async { tokio::join!(self.verifier.warm_up(), self.users.warm_up()) };
        warm_up::within_limit(connections).await;
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let subject = app.verifier.authenticate(request.headers()).await?;
    let me = app.users.sender(&subject).await?;
    invocation::user(me.uuid);
    respond::ok(&me)
}
