//! `GET /api/message_groups/{message_group_uuid}`: one of the caller's message groups, and what its members have read.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    member_state::MemberStates,
    message_group::{Inbox, ShownGroup},
    request::{message_group_uuid, path_parameter},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};

/// The route, as API Gateway names it.
pub const ROUTE: &str = "GET /api/message_groups/{message_group_uuid}";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller, current names and settings.
    pub users: Users,
    /// Finds the group in the caller's inbox.
    pub inbox: Inbox,
    /// Reads what the members have read.
    pub states: MemberStates,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            inbox: Inbox::from_lookup(lookup, CallLimits::READ)?,
            states: MemberStates::from_lookup(lookup, CallLimits::READ)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.states.warm_up());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let group_uuid = message_group_uuid(&path_parameter(request, "message_group_uuid"))?;
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let membership = app.states.membership(caller, group_uuid).await?;
    let other = membership.other_than(caller);
    let (group, states, have_receipts) = tokio::try_join!(
        Box::pin(app.inbox.group(caller, &membership)),
        app.states.of_group(group_uuid),
        app.users.have_read_receipts(caller, other),
    )?;
    let mut shown = ShownGroup::new(group, &membership, &states, caller, have_receipts);
    shown.refresh_names(&app.users).await;
    respond::ok(&shown)
}
