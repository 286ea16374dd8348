//! `GET /api/users/{handle}/short`: the user with a handle. Public: names are all it tells.

use cruddur::{
    error::Error,
    request::path_parameter,
    respond,
    user::{Handle, Users},
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

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    // A malformed handle is nobody's.
    let handle: Handle = path_parameter(request, "handle").parse().map_err(|_| Error::UserNotFound)?;
    respond::ok(&app.users.with_handle(&handle).await?)
}
