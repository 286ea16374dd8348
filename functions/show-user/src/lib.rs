//! `GET /api/users/{handle}/short`: the user with a handle. Public: returns only UUID and names.

#![warn(missing_docs)]

use cruddur::{
    config::{ConfigError, Lookup},
    error::Error,
    request::path_parameter,
    respond, start,
    user::{Handle, Users},
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/users/{handle}/short";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Looks up users by handle.
    pub users: Users,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self { users: Users::from_lookup(lookup)? })
    }

    async fn connect(&self) -> Vec<Failure> {
        failures([self.users.try_look_up().await])
    }

    /// Opens nothing: anyone can start environments of this function, and each connection would count against the limit
    /// of the database role. The first request connects.
    async fn warm_up(&self) {}
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    // No user has a malformed handle.
    let handle: Handle = path_parameter(request, "handle").parse().map_err(|_| Error::UserNotFound)?;
    respond::ok(&app.users.with_handle(&handle).await?)
}
