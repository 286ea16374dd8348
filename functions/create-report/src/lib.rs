//! `POST /api/reports`: reports a message to the operator.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::{Error, Violation},
    invocation,
    message::Messages,
    report::Reason,
    request::{Violations, created_at, json_object, message_group_uuid, message_uuid},
    respond,
    sort_key::SortKey,
    start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use uuid::Uuid;

/// The route, as API Gateway names it.
pub const ROUTE: &str = "POST /api/reports";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller, and stores reports.
    pub users: Users,
    /// Reads the messages of a report.
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
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.messages.warm_up());
        failures([keys, users, table])
    }
}

/// The answer.
#[derive(Serialize)]
struct Report {
    uuid: Uuid,
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let (group_uuid, message, reason) = parse(request)?;
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let report = app.messages.for_report(caller, group_uuid, message, reason).await?;
    respond::created(&Report { uuid: app.users.store_report(&report).await? })
}

fn parse(request: &Request) -> Result<(Uuid, SortKey, Reason), Error> {
    let mut body = json_object(request)?;
    let mut text = |name| Ok::<_, Error>(body.field::<String>(name)?.unwrap_or_default());
    let (group, message, time) = (text("message_group_uuid")?, text("message_uuid")?, text("created_at")?);
    let reason = text("reason")?;

    let mut violations = Violations::new();
    let group_uuid = violations.check(message_group_uuid(&group));
    let message_uuid = violations.check(message_uuid(&message));
    let created_at = violations.check(created_at(&time));
    let reason = violations.check(reason.parse::<Reason>().map_err(|_| Violation::ReasonInvalid));
    match (group_uuid, message_uuid, created_at, reason) {
        (Some(group_uuid), Some(message_uuid), Some(created_at), Some(reason)) => {
            Ok((group_uuid, SortKey { created_at, message_uuid }, reason))
        }
        _ => Err(violations.into_error()),
    }
}
