//! `PUT` and `DELETE /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}`: adds or removes a reaction of
//! the caller.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, Lookup},
    error::{Error, Violation},
    invocation,
    message::{Messages, reaction::ReactionChange},
    request::{Violations, message_group_uuid, message_in_path, path_parameter},
    respond, start,
    user::Users,
    warm_up::{Failure, failures},
};
use http::Method;
use lambda_http::{Body, Request, Response};

/// The routes, as API Gateway names them: adding, and removing.
pub const ROUTES: [&str; 2] = [
    "PUT /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}",
    "DELETE /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}",
];

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Stores reactions.
    pub messages: Messages,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            messages: Messages::change_from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.messages.warm_up());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    let [put, delete] = ROUTES;
    let route = if request.method() == Method::DELETE { delete } else { put };
    respond::answer(route, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;

    let mut violations = Violations::new();
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    let sk = message_in_path(request, &mut violations);
    let emoji = path_parameter(request, "emoji").parse().map_err(|_| Violation::ReactionInvalid);
    let (Some(group_uuid), Some(sk), Some(emoji)) = (group_uuid, sk, violations.check(emoji)) else {
        return Err(violations.into_error());
    };
    invocation::group(group_uuid);
    invocation::message(sk.message_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let is_removal = request.method() == Method::DELETE;
    let change = if is_removal { ReactionChange::Remove(emoji) } else { ReactionChange::Add(emoji) };
    app.messages.react(caller, group_uuid, sk, change).await?;
    Ok(respond::no_content())
}
