//! `PATCH /api/me`: changes the caller's display name and settings.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::{Error, Violation},
    invocation,
    request::{Violations, json_object},
    respond, start,
    user::{Users, display_name::DisplayName, settings::MessagesFrom},
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "PATCH /api/me";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Changes the caller.
    pub users: Users,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users) = tokio::join!(self.verifier.warm_up(), self.users.warm_up());
        failures([keys, users])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let mut body = json_object(request)?;
    let name = body.field::<String>("display_name")?;
    let read_receipts = body.field::<bool>("read_receipts")?;
    let messages_from = body.field::<String>("messages_from")?;

    let mut violations = Violations::new();
    let name = name.map(|name| name.parse::<DisplayName>().map_err(|_| Violation::DisplayNameInvalid));
    let messages_from = messages_from
        .map(|setting| setting.parse::<MessagesFrom>().map_err(|_| Violation::MessagesFromInvalid));
    let (name, messages_from) =
        (violations.check(name.transpose()), violations.check(messages_from.transpose()));
    let (Some(name), Some(messages_from)) = (name, messages_from) else {
        return Err(violations.into_error());
    };
    let me = app.users.update(&sign_in, name.as_ref(), read_receipts, messages_from).await?;
    invocation::user(me.user.uuid);
    respond::ok(&me)
}
