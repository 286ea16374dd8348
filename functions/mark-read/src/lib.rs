//! `PUT` and `DELETE /api/message_groups/{message_group_uuid}/read`: marks messages as read or as unread.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Error,
    invocation,
    member_state::MemberStates,
    request::{
        Violations, created_at, json_object, message_group_uuid, message_in_query, message_uuid,
        path_parameter,
    },
    respond,
    sort_key::SortKey,
    start,
    user::Users,
    warm_up::{Failure, failures},
};
use http::Method;
use lambda_http::{Body, Request, Response};
use uuid::Uuid;

/// The routes, as API Gateway names them: marking as read, and as unread.
pub const ROUTES: [&str; 2] = [
    "PUT /api/message_groups/{message_group_uuid}/read",
    "DELETE /api/message_groups/{message_group_uuid}/read",
];

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller and the settings of both members.
    pub users: Users,
    /// Stores markers.
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
    let [put, delete] = ROUTES;
    let route = if request.method() == Method::DELETE { delete } else { put };
    respond::answer(route, serve(app, &request)).await
}

/// A syntactically valid request.
enum Marking {
    /// Up to the message, or to the newest one.
    Read(Option<SortKey>),
    /// From the message on.
    Unread(SortKey),
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let (group_uuid, marking) = parse(request)?;
    invocation::group(group_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let other = app.states.other_member(caller, group_uuid).await?;
    match marking {
        Marking::Read(message) => {
            let may_send_receipt = app.users.have_read_receipts(caller, other).await?;
            app.states.mark_read(caller, group_uuid, message, may_send_receipt).await?;
        }
        Marking::Unread(message) => app.states.mark_unread(caller, group_uuid, message).await?,
    }
    Ok(respond::no_content())
}

fn parse(request: &Request) -> Result<(Uuid, Marking), Error> {
    let mut violations = Violations::new();
    let marking = if request.method() == Method::DELETE {
        let message = message_in_query(request, &mut violations);
        message.map(Marking::Unread)
    } else {
        let mut body = json_object(request)?;
        let uuid = body.field::<String>("message_uuid")?;
        let time = body.field::<String>("created_at")?;
        match (uuid, time) {
            (None, None) => Some(Marking::Read(None)),
            (uuid, time) => {
                let uuid = violations.check(message_uuid(&uuid.unwrap_or_default()));
                let time = violations.check(created_at(&time.unwrap_or_default()));
                let message =
                    uuid.zip(time).map(|(message_uuid, created_at)| SortKey { created_at, message_uuid });
                message.map(|message| Marking::Read(Some(message)))
            }
        }
    };
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    match (group_uuid, marking) {
        (Some(group_uuid), Some(marking)) => Ok((group_uuid, marking)),
        _ => Err(violations.into_error()),
    }
}
