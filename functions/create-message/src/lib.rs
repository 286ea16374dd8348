//! `POST /api/messages`: sends a message to a group, or to a user, which opens their group.

#![warn(missing_docs)]

use cruddur::{
    auth::{Subject, Verifier},
    clock::Clock,
    dynamodb::Table,
    error::{Error, Violation},
    idempotency::IdempotencyKey,
    invocation,
    message::{
        InvalidMessageText, MessageText,
        create::{self, NewMessage, Stored, StoredBy, Target, create_if},
    },
    message_group::KnownMembers,
    metrics::Metric,
    random::Random,
    request::{Violations, idempotency_key, json_object, message_group_uuid, user_uuid},
    respond,
    send_limit::SendLimit,
    user::{Handle, MessageUsers, Users},
    warm_up,
};
use lambda_http::{Body, Request, Response};
use uuid::Uuid;

/// The route, as API Gateway names it.
pub const ROUTE: &str = "POST /api/messages";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Accepts the sender's token.
    pub verifier: Verifier,
    /// Knows sender and receiver.
    pub users: Users,
    /// Holds memberships, messages and inboxes.
    pub table: Table,
    /// Members of groups, from earlier requests.
    pub members: KnownMembers,
    /// How much a user may send, where that is limited.
    pub send_limit: Option<SendLimit>,
    /// Tells when a message is created.
    pub clock: Clock,
    /// Makes the uuids of messages.
    pub random: Random,
}

impl App {
    /// Makes every connection that the first request needs, all at the same time.
    pub async fn warm_up(&self) {
        let connections = async {
            tokio::join!(self.verifier.warm_up(), self.users.warm_up(), create::warm_up(&self.table))
        };
        warm_up::within_limit(connections).await;
    }
}

/// Answers a request.
pub async fn handler(app: &App, request: Request) -> Response<Body> {
    respond::answer(ROUTE, serve(app, &request)).await
}

async fn serve(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let subject = app.verifier.authenticate(request.headers()).await?;
    let CreateMessage { text, to, idempotency_key } = CreateMessage::parse(request)?;
    let new = match to {
        To::Group(group_uuid) => NewMessage {
            sender: app.users.sender(&subject).await?,
            target: Target::Group(group_uuid),
            text,
            idempotency_key,
        },
        To::User(receiver) => {
            let MessageUsers { sender, receiver } =
                app.users.sender_and_receiver_by_uuid(&subject, receiver).await?;
            let receiver = receiver.ok_or(Violation::ReceiverNotFound)?;
            NewMessage { sender, target: Target::UserUuid { receiver }, text, idempotency_key }
        }
        To::Handle(handle) => app.to_handle(&subject, handle, text, idempotency_key).await?,
    };
    invocation::user(new.sender.uuid);
    if let Target::Group(group_uuid) = new.target {
        invocation::group(group_uuid);
    }
    // Boxed: it becomes a part of several futures.
    let admitted = Box::pin(app.admit(new.sender.uuid));
    let stored = create_if(admitted, &app.table, &app.members, &app.clock, &app.random, new).await?;
    note(&stored);
    respond::ok(&stored.sent)
}

fn note(stored: &Stored) {
    invocation::group(stored.sent.message_group_uuid);
    invocation::message(stored.sent.uuid);
    match stored.by {
        StoredBy::ThisRequest => invocation::count(Metric::MessagesSent, 1),
        StoredBy::ThisRequestWithGroup => {
            invocation::count(Metric::MessagesSent, 1);
            invocation::count(Metric::GroupsCreated, 1);
        }
        StoredBy::AnEarlierRequest => invocation::count(Metric::MessagesReplayed, 1),
    }
}

impl App {
    async fn admit(&self, sender_uuid: Uuid) -> Result<(), Error> {
        match &self.send_limit {
            Some(limit) => limit.admit(&self.table, &self.clock, sender_uuid).await,
            None => Ok(()),
        }
    }

    async fn to_handle(
        &self,
        subject: &Subject,
        handle: Option<Handle>,
        text: MessageText,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<NewMessage, Error> {
        let Some(handle) = handle else {
            // Nobody's handle; a sender who is not provisioned learns that first all the same.
            self.users.sender(subject).await?;
            return Err(Violation::ReceiverNotFound.into());
        };
        let users = self.users.sender_and_receiver(subject, &handle).await?;
        let receiver = users.receiver.ok_or(Violation::ReceiverNotFound)?;
        let target = Target::User { handle, receiver };
        Ok(NewMessage { sender: users.sender, target, text, idempotency_key })
    }
}

/// A request that breaks no syntactic rule.
struct CreateMessage {
    text: MessageText,
    to: To,
    idempotency_key: Option<IdempotencyKey>,
}

enum To {
    Group(Uuid),
    User(Uuid),
    /// None: a text that can't be anybody's handle.
    Handle(Option<Handle>),
}

impl CreateMessage {
    fn parse(request: &Request) -> Result<Self, Error> {
        let mut body = json_object(request)?;
        let text = body.field::<String>("message")?;
        let group = body.field::<String>("message_group_uuid")?;
        let user = body.field::<String>("user_uuid")?;
        let handle = body.field::<String>("handle")?;

        let mut violations = Violations::new();
        let to = violations.check(match (group, user, handle) {
            // The first target is used, the others are ignored.
            (Some(group), _, _) => message_group_uuid(&group).map(To::Group),
            (None, Some(user), _) => user_uuid(&user).map(To::User),
            (None, None, Some(handle)) if !handle.chars().all(char::is_whitespace) => {
                Ok(To::Handle(handle.parse().ok()))
            }
            (None, None, _) => Err(Violation::ReceiverHandleBlank),
        });
        let text = text.unwrap_or_default().parse::<MessageText>();
        if matches!(text, Err(InvalidMessageText::Blank | InvalidMessageText::BlankAndTooLong)) {
            violations.add(Violation::MessageBlank);
        }
        if matches!(text, Err(InvalidMessageText::TooLong | InvalidMessageText::BlankAndTooLong)) {
            violations.add(Violation::MessageExceedsMaxChars);
        }
        let text = text.ok();
        let idempotency_key = violations.check(idempotency_key(request));
        match (text, to, idempotency_key) {
            (Some(text), Some(to), Some(idempotency_key)) => Ok(Self { text, to, idempotency_key }),
            _ => Err(violations.into_error()),
        }
    }
}
