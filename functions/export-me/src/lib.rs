//! `GET /api/me/export`: everything that the API shows the caller, in lines of JSON.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::Error,
    export::Export,
    invocation,
    request::{Violations, page_cursor},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/me/export";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller, current names and settings.
    pub users: Users,
    /// Reads the export.
    pub export: Export,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            export: Export::from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.export.warm_up());
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
    let Some(cursor) = page_cursor(request, &mut violations) else {
        return Err(violations.into_error());
    };

    let me = app.users.me(&sign_in).await?;
    invocation::user(me.user.uuid);
    let page = app.export.page(&app.users, &me, cursor.map(|cursor| cursor.0)).await?;
    respond::lines(&page.items, request.raw_http_path(), page.next)
}
