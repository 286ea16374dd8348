//! `GET /api/users/{handle}/short`: the user with a handle. Public: names are all it tells.

#![warn(missing_docs)]

use cruddur::{
    error::Error,
    request::path_parameter,
    respond,
    user::{Handle, Users},
    warm_up,
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/users/{handle}/short";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Knows the handles.
    pub users: Users,
}

impl App {
    /// Makes every connection that the first request needs, all at the same time.
    pub async fn warm_up(&self) {
        warm_up::within_limit(self.users.warm_up()).await;
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    // A malformed handle is nobody's.
    let handle: Handle = path_parameter(request, "handle").parse().map_err(|_| Error::UserNotFound)?;
    respond::ok(&app.users.with_handle(&handle).await?)
}
