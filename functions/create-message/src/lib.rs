//! `POST /api/messages`: sends a message to a group, or to a user, which opens their group.

#![warn(missing_docs)]

use cruddur::{
    auth::{SignIn, Verifier},
    clock::Clock,
    config::{ConfigError, Lookup},
    error::{Error, Violation},
    idempotency::IdempotencyKey,
    invocation,
    message::{
        Messages,
        send::{NewMessage, Stored, StoredBy, Target},
        text::MessageText,
    },
    metrics::Metric,
    request::{
        Violations, created_at, idempotency_key, json_object, message_group_uuid, message_text, message_uuid,
        user_uuid,
    },
    respond,
    sort_key::SortKey,
    start,
    user::{Handle, MessageUsers, User, Users},
    warm_up::{Failure, failures},
};
use lambda_http::{Body, Request, Response};
use serde::Deserialize;
use uuid::Uuid;

/// The route, as API Gateway names it.
pub const ROUTE: &str = "POST /api/messages";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Verifies the sender's token.
    pub verifier: Verifier,
    /// Looks up sender and receiver.
    pub users: Users,
    /// Stores messages.
    pub messages: Messages,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_lookup(lookup, Clock::system())?,
            users: Users::from_lookup(lookup)?,
            messages: Messages::from_lookup(lookup)?,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (keys, users, table) =
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), self.messages.warm_up_send());
        failures([keys, users, table])
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let sign_in = app.verifier.authenticate(request.headers()).await?;
    let CreateMessage { text, to, reply_to, idempotency_key } = CreateMessage::parse(request)?;
    let (sender, target) = app.resolve(&sign_in, to).await?;
    invocation::user(sender.uuid);
    if let Target::Group(group_uuid) = target {
        invocation::group(group_uuid);
    }
    let stored = app.messages.send(NewMessage { sender, target, text, reply_to, idempotency_key }).await?;
    measure(&stored);
    respond::ok(&stored.sent)
}

impl App {
    /// Looks up the sender, and the receiver if the request names a user. A missing sender is reported before a missing
    /// receiver.
    async fn resolve(&self, sign_in: &SignIn, to: RequestedTarget) -> Result<(User, Target), Error> {
        let (MessageUsers { sender, receiver }, handle) = match to {
            RequestedTarget::Group(group_uuid) => {
                return Ok((self.users.sender(sign_in).await?, Target::Group(group_uuid)));
            }
            RequestedTarget::User(receiver) => {
                (self.users.sender_and_receiver_by_uuid(sign_in, receiver).await?, None)
            }
            RequestedTarget::Handle(Some(handle)) => {
                (self.users.sender_and_receiver(sign_in, &handle).await?, Some(handle))
            }
            // No user has a malformed handle.
            RequestedTarget::Handle(None) => {
                (MessageUsers { sender: self.users.sender(sign_in).await?, receiver: None }, None)
            }
        };
        let receiver = receiver.ok_or(Violation::ReceiverNotFound)?;
        Ok((sender, Target::User { receiver, handle }))
    }
}

fn measure(stored: &Stored) {
    invocation::group(stored.sent.message_group_uuid);
    invocation::message(stored.sent.uuid);
    match stored.by {
        StoredBy::ThisRequest => invocation::count(Metric::MessagesSent, 1),
        StoredBy::ThisRequestWithGroup => {
            invocation::count(Metric::MessagesSent, 1);
            invocation::count(Metric::GroupsCreated, 1);
        }
        StoredBy::EarlierRequest => invocation::count(Metric::MessagesReplayed, 1),
    }
}

/// A syntactically valid request.
struct CreateMessage {
    text: MessageText,
    to: RequestedTarget,
    reply_to: Option<SortKey>,
    idempotency_key: Option<IdempotencyKey>,
}

/// The message that the new one answers, as the request names it.
#[derive(Deserialize)]
struct AnsweredMessage {
    uuid: Option<String>,
    created_at: Option<String>,
}

impl AnsweredMessage {
    fn sort_key(self) -> Result<SortKey, Violation> {
        let uuid = message_uuid(&self.uuid.unwrap_or_default());
        let time = created_at(&self.created_at.unwrap_or_default());
        let (message_uuid, created_at) = uuid.ok().zip(time.ok()).ok_or(Violation::ReplyToInvalid)?;
        Ok(SortKey { created_at, message_uuid })
    }
}

enum RequestedTarget {
    Group(Uuid),
    User(Uuid),
    /// `None` if the text is not a handle.
    Handle(Option<Handle>),
}

impl CreateMessage {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut body = json_object(request)?;
        let text = body.field::<String>("message")?;
        let group = body.field::<String>("message_group_uuid")?;
        let user = body.field::<String>("user_uuid")?;
        let handle = body.field::<String>("handle")?;
        let reply_to = body.field::<AnsweredMessage>("reply_to")?;

        let mut violations = Violations::new();
        let to = violations.check(match (group, user, handle) {
            // The first target wins.
            (Some(group), _, _) => message_group_uuid(&group).map(RequestedTarget::Group),
            (None, Some(user), _) => user_uuid(&user).map(RequestedTarget::User),
            (None, None, Some(handle)) if !handle.chars().all(char::is_whitespace) => {
                Ok(RequestedTarget::Handle(handle.parse().ok()))
            }
            (None, None, _) => Err(Violation::ReceiverHandleBlank),
        });
        let text = message_text(&text.unwrap_or_default(), &mut violations);
        let idempotency_key = violations.check(idempotency_key(request));
        let reply_to = violations.check(reply_to.map(AnsweredMessage::sort_key).transpose());
        match (text, to, reply_to, idempotency_key) {
            (Some(text), Some(to), Some(reply_to), Some(idempotency_key)) => {
                Ok(Self { text, to, reply_to, idempotency_key })
            }
            _ => Err(violations.into_error()),
        }
    }
}
