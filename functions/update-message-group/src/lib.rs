//! `PATCH /api/message_groups/{message_group_uuid}`: mutes, hides or clears a message group for the caller.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Error, Violation},
    invocation,
    member_state::{GroupSettings, MemberStates},
    request::{Violations, json_object, message_group_uuid, path_parameter},
    respond, start,
    timestamp::Timestamp,
    user::Users,
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};
use uuid::Uuid;

/// The route, as API Gateway names it.
pub const ROUTE: &str = "PATCH /api/message_groups/{message_group_uuid}";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Stores settings.
    pub states: MemberStates,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            states: MemberStates::from_lookup(lookup, CallLimits::WRITE)?,
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
    let (group_uuid, settings) = parse(request)?;
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    app.states.other_member(caller, group_uuid).await?;
    app.states.change_settings(caller, group_uuid, settings).await?;
    Ok(respond::no_content())
}

fn parse(request: &Request) -> Result<(Uuid, GroupSettings), Error> {
    let mut body = json_object(request)?;
    let muted_until = body.nullable::<String>("muted_until")?;
    let hidden = body.field("hidden")?;
    let cleared = body.field::<bool>("cleared")?;

    let mut violations = Violations::new();
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    let time = |text: String| text.parse::<Timestamp>().map_err(|_| Violation::MutedUntilInvalid);
    let muted_until = violations.check(muted_until.map(|end| end.map(time).transpose()).transpose());
    let cleared = violations.check(match cleared {
        Some(false) => Err(Violation::ClearedInvalid),
        cleared => Ok(cleared.is_some()),
    });
    match (group_uuid, muted_until, cleared) {
        (Some(group_uuid), Some(muted_until), Some(cleared)) => {
            Ok((group_uuid, GroupSettings { muted_until, hidden, cleared }))
        }
        _ => Err(violations.into_error()),
    }
}
