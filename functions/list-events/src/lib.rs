//! `GET /api/events`: what changed for the caller, oldest first.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    event_log::{EventLog, Events},
    invocation,
    request::{Violations, events_request},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, RequestExt as _, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/events";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Reads the caller's log.
    pub log: EventLog,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            log: EventLog::from_lookup(lookup, CallLimits::READ)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.log.warm_up());
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
    let Some(page) = events_request(request, &mut violations) else {
        return Err(violations.into_error());
    };

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let Events { events, next } = match page.after {
        Some(after) => app.log.read(caller, after, page.limit.get().into()).await?,
        None => Events { events: Vec::new(), next: app.log.end(caller).await? },
    };
    respond::events(&events, request.raw_http_path(), page.limit, next)
}
