//! `PUT` and `DELETE /api/messages/{message_group_uuid}/{message_uuid}`: edits or deletes a message of the caller.

#![warn(missing_docs)]

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::{ConfigError, EditWindow, Lookup},
    error::Error,
    invocation,
    message::{Messages, change::MessageChange},
    request::{
        Violations, created_at, json_object, message_group_uuid, message_in_path, message_text, message_uuid,
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

/// The routes, as API Gateway names them: editing, and deleting.
pub const ROUTES: [&str; 2] = [
    "PUT /api/messages/{message_group_uuid}/{message_uuid}",
    "DELETE /api/messages/{message_group_uuid}/{message_uuid}",
];

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the caller's token.
    pub verifier: Verifier,
    /// Looks up the caller.
    pub users: Users,
    /// Changes messages.
    pub messages: Messages,
    /// The time in which a message may be edited.
    pub edit_window: EditWindow,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            messages: Messages::change_from_lookup(lookup)?,
            edit_window: EditWindow::from_lookup(lookup)?,
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
    let (group_uuid, sk, change) = parse(request, app.edit_window)?;
    invocation::group(group_uuid);
    invocation::message(sk.message_uuid);

    let caller = app.users.uuid_of(&sign_in).await?;
    invocation::user(caller);
    let message = app.messages.change(caller, group_uuid, sk, &change).await?;
    match change {
        MessageChange::Edit { .. } => {
            let mut messages = [message];
            app.users.refresh_names(&mut messages).await;
            let [message] = &messages;
            respond::ok(message)
        }
        MessageChange::Delete => Ok(respond::no_content()),
    }
}

fn parse(request: &Request, window: EditWindow) -> Result<(Uuid, SortKey, MessageChange), Error> {
    let mut violations = Violations::new();
    let (sk, change) = if request.method() == Method::DELETE {
        (message_in_path(request, &mut violations), Some(MessageChange::Delete))
    } else {
        let mut body = json_object(request)?;
        let text = body.field::<String>("message")?;
        let time = body.field::<String>("created_at")?;
        let uuid = violations.check(message_uuid(&path_parameter(request, "message_uuid")));
        let time = violations.check(created_at(&time.unwrap_or_default()));
        let sk = uuid.zip(time).map(|(message_uuid, created_at)| SortKey { created_at, message_uuid });
        let text = message_text(&text.unwrap_or_default(), &mut violations);
        (sk, text.map(|text| MessageChange::Edit { text, window: window.0 }))
    };
    let group_uuid = violations.check(message_group_uuid(&path_parameter(request, "message_group_uuid")));
    match (group_uuid, sk, change) {
        (Some(group_uuid), Some(sk), Some(change)) => Ok((group_uuid, sk, change)),
        _ => Err(violations.into_error()),
    }
}
