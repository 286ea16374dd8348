//! Sending a message. The first message to a user opens the group of sender and receiver.
//!
//! Each intended write has a UUID and a sort key, which stay the same on every retry. A retry therefore recognizes a
//! write that succeeded although its answer was lost (design, section 3).

use std::time::Duration;

use serde::Serialize;
use tokio::{time::Instant, try_join};
use uuid::Uuid;

use super::{MessageReference, Messages, text::MessageText};
use crate::{
    backoff::Backoff,
    dynamodb::within_time_limit,
    error::{Dependency, Error, Violation},
    idempotency::{IdempotencyKey, RequestHash},
    message_group::{end_step, membership_for, uuid_of_pair},
    message_request::{Answer, write_answer},
    sort_key::SortKey,
    table::{
        Condition, IdempotencyRow, InboxRow, Item, Key, MemberStateRow, Membership, MessageRow, Newest,
        Partition, Transaction, WriteError, from_item, sort_key,
    },
    timestamp::Timestamp,
    user::{Handle, Receiver, User, settings::MessagesFrom},
    warm_up::{self, Failure},
};

/// A message to send.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The sender.
    pub sender: User,
    /// The destination.
    pub target: Target,
    /// The text.
    pub text: MessageText,
    /// The message of the group that this one answers.
    pub reply_to: Option<SortKey>,
    /// The client's key. Repeated requests have the same key.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The destination of a message: an existing group, or a user.
#[derive(Clone, Debug)]
pub enum Target {
    /// An existing group.
    Group(Uuid),
    /// A user. The message goes to the group of sender and receiver, and opens it if necessary.
    User {
        /// The receiver.
        receiver: Receiver,
        /// The handle in the request. `None` if the request names the receiver by UUID.
        handle: Option<Handle>,
    },
}

impl Target {
    /// Returns the user that the request names. Returns `None` if the request names a group.
    fn receiver(&self) -> Option<&Receiver> {
        match self {
            Self::Group(_) => None,
            Self::User { receiver, .. } => Some(receiver),
        }
    }
}

/// The answer to a request that stored a message (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The group's UUID.
    pub message_group_uuid: Uuid,
    /// The message's UUID.
    pub uuid: Uuid,
    /// The sender's UUID.
    pub user_uuid: Uuid,
    /// The sender's name.
    pub display_name: String,
    /// The sender's handle.
    pub handle: String,
    /// The text.
    pub message: MessageText,
    /// The creation time.
    pub created_at: Timestamp,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageReference>,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The answer.
    pub sent: Sent,
    /// The request that stored the message.
    pub by: StoredBy,
}

/// The request that stored a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredBy {
    /// This request, in an existing group.
    ThisRequest,
    /// This request, which also opened the group.
    ThisRequestWithGroup,
    /// An earlier request with the same idempotency key.
    EarlierRequest,
}

/// The time after which no back-off starts. The last back-off may take 1 s, and the last attempt up to the time limit of
/// its calls ([`crate::dynamodb::CallLimits::WRITE`]).
const LAST_BACKOFF_AFTER: Duration = Duration::from_secs(5);

impl Messages {
    /// Opens the connection to DynamoDB: issues the first send's reads for the nil UUID.
    pub async fn warm_up_send(&self) -> Result<(), Failure> {
        let reads = async {
            let (membership, newest) = self.look_up(Uuid::nil()).await;
            membership.and(newest)
        };
        warm_up::call(Dependency::DynamoDb, Box::pin(reads)).await
    }

    /// Reads a group's membership and its newest sort key concurrently.
    async fn look_up(
        &self,
        group_uuid: Uuid,
    ) -> (Result<Option<Membership>, Error>, Result<Option<String>, Error>) {
        let key = Key::Membership(group_uuid);
        tokio::join!(self.table.get(&key), self.table.newest_sort_key(Partition::Messages(group_uuid)))
    }

    /// Stores a message at most once, and returns the answer.
    ///
    /// The send limit is checked before the write, concurrently with the look-ups. If both fail, the error is the send
    /// limit's. The limit of new conversations is checked after the look-ups. No message of a group is read before the
    /// sender is known to be a member.
    ///
    /// If the receiver only takes requests, the first message is one. A message of a member who has not accepted the group
    /// accepts it.
    ///
    /// Fails with [`Error::UserBlocked`] if the sender blocks the receiver, with [`Error::MessageNotAccepted`] if the
    /// receiver does not accept the message (after a multiple of [`crate::message_group::REFUSAL_STEP`]), with
    /// [`Error::RequestPending`] if the receiver has not answered the first one, and with [`Error::MessageNotFound`] or
    /// [`Error::MessageDeleted`] if the message that it answers does not exist or was deleted. A repeated request gets the
    /// earlier answer all the same.
    ///
    /// After [`Error::Unavailable`] the message may already be stored, or may still be stored later. A request with an
    /// idempotency key is safe to repeat: it stores at most one message.
    pub async fn send(&self, new: NewMessage) -> Result<Stored, Error> {
        let started = Instant::now();
        let sent = within_time_limit(Box::pin(self.send_with_retries(new))).await;
        // DynamoDB takes longer to refuse a transaction that finds a block than one that finds none.
        if matches!(sent, Err(Error::MessageNotAccepted)) {
            end_step(started).await;
        }
        sent
    }

    async fn send_with_retries(&self, new: NewMessage) -> Result<Stored, Error> {
        let group_uuid = match &new.target {
            Target::Group(group_uuid) => *group_uuid,
            Target::User { receiver, .. } if receiver.user.uuid == new.sender.uuid => {
                return Err(Violation::ReceiverIsSender.into());
            }
            Target::User { receiver, .. } => uuid_of_pair(new.sender.uuid, receiver.user.uuid),
        };
        let last_backoff = Instant::now() + LAST_BACKOFF_AFTER;
        let mut backoff = Backoff::new(&self.random);
        // Boxed: otherwise this future would contain the large future twice.
        let plan = || Box::pin(self.plan(&new, group_uuid));
        let ((), planned) = try_join!(biased; self.admit(new.sender.uuid), async { Ok(plan().await) })?;
        let mut write = match planned {
            Ok(write) => write,
            Err(error) => return self.answer_refused(&new, error).await,
        };
        if matches!(write.group, GroupWrite::Open(_))
            && let Some(limit) = &self.conversation_limit
        {
            Box::pin(limit.admit(&self.table, &self.clock, new.sender.uuid)).await?;
        }
        loop {
            match write.execute(self, &mut backoff, last_backoff).await? {
                Outcome::Stored(stored) => {
                    if let Some(receiver) = new.target.receiver() {
                        let group_uuid = stored.sent.message_group_uuid;
                        self.members.insert(new.sender.uuid, group_uuid, receiver.user.uuid);
                    }
                    return Ok(stored);
                }
                // Another request opened the group, or answered the request. Plan again, for the group as it is now.
                Outcome::GroupChanged if Instant::now() < last_backoff => {
                    backoff.wait().await;
                    write = match plan().await {
                        Ok(write) => write,
                        Err(error) => return self.answer_refused(&new, error).await,
                    };
                }
                Outcome::GroupChanged => {
                    return Err(Error::unavailable(
                        Dependency::DynamoDb,
                        "another request opened or changed the group, and no time is left to plan again",
                    ));
                }
            }
        }
    }

    /// Answers a send that the receiver does not accept: with the answer of an earlier equal request if there was one,
    /// otherwise with `refusal`.
    async fn answer_refused(&self, new: &NewMessage, refusal: Error) -> Result<Stored, Error> {
        let (true, Some(key)) = (is_not_accepted(&refusal), &new.idempotency_key) else {
            return Err(refusal);
        };
        let key = Key::Idempotency { user_uuid: new.sender.uuid, key: key.clone() };
        let earlier: Option<IdempotencyRow> = Box::pin(self.table.get(&key)).await?;
        let Some(earlier) = earlier.filter(|earlier| earlier.request_hash == new.request_hash()) else {
            return Err(refusal);
        };
        let sk = SortKey { created_at: earlier.created_at, message_uuid: earlier.message_uuid };
        let message = Key::Message { group_uuid: earlier.group_uuid, sk };
        if Box::pin(self.table.get_item(&message)).await?.is_none() {
            return Err(Error::unavailable(Dependency::DynamoDb, "an earlier message can't be read yet"));
        }
        Ok(stored_before(earlier, new.sender.uuid, &new.text, new.reply_to))
    }

    async fn admit(&self, sender_uuid: Uuid) -> Result<(), Error> {
        match &self.limit {
            Some(limit) => limit.admit(&self.table, &self.clock, sender_uuid).await,
            None => Ok(()),
        }
    }

    async fn plan<'a>(&self, new: &'a NewMessage, group_uuid: Uuid) -> Result<IntendedWrite<'a>, Error> {
        let receiver = new.target.receiver();
        let check_membership = |membership: Option<Membership>| match (membership, receiver) {
            (Some(membership), _) if membership.has(new.sender.uuid) => {
                let other = membership.other_than(new.sender.uuid);
                membership.check_accepts(new.sender.uuid)?;
                if membership.request_of(other).is_some() {
                    return Err(Error::RequestPending);
                }
                self.members.insert(new.sender.uuid, group_uuid, other);
                Ok(Place::InGroup(membership))
            }
            (None, Some(receiver)) => Ok(Place::NewGroupWith(receiver)),
            (Some(_), _) | (None, None) => Err(Error::MessageGroupNotFound),
        };
        // With a receiver, the group's UUID is computed from the pair of sender and receiver.
        let is_member = receiver.is_some() || self.members.contains(new.sender.uuid, group_uuid);
        let (place, newest) = if is_member {
            let (membership, newest) = self.look_up(group_uuid).await;
            (check_membership(membership?)?, newest?)
        } else {
            let membership = membership_for(&self.table, group_uuid, new.sender.uuid).await?;
            let newest = self.table.newest_sort_key(Partition::Messages(group_uuid)).await?;
            (check_membership(Some(membership))?, newest)
        };
        let newest = newest.and_then(|sort_key| {
            let parsed = sort_key.parse::<SortKey>();
            parsed
                .inspect_err(|_| tracing::warn!(%group_uuid, "the newest message has a malformed sort key"))
                .ok()
        });
        let now = Timestamp::new(self.clock.now());
        let created_sk = match &place {
            Place::InGroup(membership) => Some(membership.created_sk),
            Place::NewGroupWith(_) => None,
        };
        // A reply must sort after the message that it answers, even if the clocks differ (I8). It must also sort after
        // the message that opened the group, which may have been stored between the two reads.
        let created_at = newest.max(created_sk).map_or(now, |newest| now.max(newest.created_at.successor()));
        let sk = SortKey { created_at, message_uuid: self.random.uuid_v7(created_at.to_utc()) };
        let sender = &new.sender;
        let message =
            MessageRow { reply_sk: new.reply_to, ..MessageRow::new(group_uuid, sk, &new.text, sender) };
        let group = match place {
            Place::NewGroupWith(receiver) => {
                GroupWrite::Open(Box::new(Opening::new(&message, sender, receiver, now)))
            }
            Place::InGroup(membership) if membership.request_of(sender.uuid).is_some() => {
                let key = Key::MemberState { group_uuid, user_uuid: sender.uuid };
                let state = self.table.get::<MemberStateRow>(&key).await?;
                GroupWrite::Accept { state_version: state.map(|state| state.version), now }
            }
            Place::InGroup(_) => GroupWrite::None,
        };
        Ok(IntendedWrite {
            group_uuid,
            text: &new.text,
            newest,
            idempotency: new
                .idempotency_key
                .as_ref()
                .map(|key| IdempotencyRow::new(key, new.request_hash(), group_uuid, sk, sender, now)),
            group,
            message,
        })
    }
}

/// Returns `true` for the refusals that a receiver can cause.
const fn is_not_accepted(error: &Error) -> bool {
    matches!(error, Error::UserBlocked | Error::MessageNotAccepted | Error::RequestPending)
}

/// Where a message goes.
enum Place<'a> {
    InGroup(Membership),
    NewGroupWith(&'a Receiver),
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Outcome {
    Stored(Stored),
    GroupChanged,
}

/// What a message writes of its group.
enum GroupWrite {
    None,
    Open(Box<Opening>),
    /// The sender accepts the group. Requires this version of the sender's state.
    Accept {
        state_version: Option<u64>,
        now: Timestamp,
    },
}

/// The rows of a new group.
struct Opening {
    membership: Membership,
    of_sender: InboxRow,
    of_receiver: InboxRow,
    /// The receiver's state, if the message is a request.
    request: Option<MemberStateRow>,
    /// The receiver takes no messages of strangers.
    is_refused: bool,
}

impl Opening {
    fn new(message: &MessageRow, sender: &User, receiver: &Receiver, now: Timestamp) -> Self {
        let Receiver { user: receiver, messages_from } = receiver;
        let group_uuid = uuid_of_pair(sender.uuid, receiver.uuid);
        let request = (*messages_from == MessagesFrom::Requests)
            .then(|| MemberStateRow::requested(group_uuid, receiver.uuid, now));
        let membership = Membership::new(group_uuid, message.sk, [sender, receiver]);
        let of_receiver = InboxRow::new(receiver.uuid, group_uuid, message, sender);
        Self {
            membership: Membership {
                request_to: request.as_ref().map(|state| state.sk),
                request: request.as_ref().and_then(|state| state.request),
                ..membership
            },
            of_sender: InboxRow::new(sender.uuid, group_uuid, message, receiver),
            of_receiver: match &request {
                Some(state) => of_receiver.requested(state),
                None => of_receiver,
            },
            request,
            is_refused: *messages_from == MessagesFrom::Nobody,
        }
    }

    /// Adds the rows, and requires that neither user blocks the other.
    fn write(&self, mut transaction: Transaction) -> Result<Transaction, WriteError> {
        transaction =
            transaction.put_new(&self.membership)?.put_new(&self.of_sender)?.put_new(&self.of_receiver)?;
        if let Some(state) = &self.request {
            transaction = transaction.put_new(state)?;
        }
        let (sender, receiver) = (self.of_receiver.other_uuid, self.of_sender.other_uuid);
        let not_blocked = || Condition::new("attribute_not_exists(blocked_at)");
        // Refused as by a block, with the same calls and the same cost: the sender must not learn which of the two it is.
        let accepts = if self.is_refused { Condition::never() } else { not_blocked() };
        transaction
            .check(&Key::Block { user_uuid: sender, blocked_uuid: receiver }, not_blocked())?
            .check(&Key::Block { user_uuid: receiver, blocked_uuid: sender }, accepts)
    }
}

/// A planned write. Its UUID and sort key stay the same on every attempt.
struct IntendedWrite<'a> {
    group_uuid: Uuid,
    text: &'a MessageText,
    message: MessageRow,
    /// The group's newest message at the time of planning.
    newest: Option<SortKey>,
    idempotency: Option<IdempotencyRow>,
    group: GroupWrite,
}

impl IntendedWrite<'_> {
    async fn execute(
        &self,
        messages: &Messages,
        backoff: &mut Backoff<'_>,
        last_backoff: Instant,
    ) -> Result<Outcome, Error> {
        let mut in_doubt = false;
        loop {
            let error = match self.write(messages).await {
                Ok(()) => return Ok(Outcome::Stored(self.stored())),
                Err(WriteError::ConditionFailed { rows, cause }) => match self.judge(rows) {
                    // An earlier attempt may have been stored before the answered message was deleted, or before the
                    // block.
                    Err(error)
                        if in_doubt
                            && (is_not_accepted(&error)
                                || matches!(error, Error::MessageNotFound | Error::MessageDeleted)) =>
                    {
                        WriteError::Busy(cause)
                    }
                    Err(error) => return Err(error),
                    // An earlier attempt may have accepted the group, and its message may still be locked.
                    Ok(Some(Outcome::GroupChanged))
                        if in_doubt && matches!(self.group, GroupWrite::Accept { .. }) =>
                    {
                        WriteError::Busy(cause)
                    }
                    Ok(Some(outcome)) if self.can_be_read(messages, &outcome).await? => return Ok(outcome),
                    // A transaction in progress hides the row that would decide. The row is visible once the transaction ends.
                    Ok(_) => WriteError::Busy(cause),
                },
                Err(error @ (WriteError::Busy(_) | WriteError::Unknown(_))) => error,
                // An earlier attempt may have succeeded. The client learns the outcome by repeating the request.
                Err(error @ WriteError::Permanent(_)) if in_doubt => {
                    return Err(Error::unavailable(Dependency::DynamoDb, error));
                }
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            };
            in_doubt |= matches!(error, WriteError::Unknown(_));
            if Instant::now() >= last_backoff {
                return Err(error.into());
            }
            backoff.wait().await;
        }
    }

    /// Writes in a single attempt: the SDK's own retries would hide that an earlier one may have been executed.
    async fn write(&self, messages: &Messages) -> Result<(), WriteError> {
        let table = &messages.table;
        let is_single = matches!(self.group, GroupWrite::None) && self.message.reply_sk.is_none();
        if is_single && self.idempotency.is_none() {
            return table.put_new_once(&self.message).await;
        }
        let mut transaction = Transaction::new(table);
        if let Some(row) = &self.idempotency {
            transaction = transaction.put_new(row)?;
        }
        transaction = transaction.put_new(&self.message)?;
        match &self.group {
            GroupWrite::None => {}
            GroupWrite::Open(opening) => transaction = opening.write(transaction)?,
            GroupWrite::Accept { state_version, now } => {
                let (group_uuid, sender) = (self.group_uuid, self.message.sender_uuid);
                transaction =
                    write_answer(transaction, group_uuid, sender, *state_version, Answer::Accept, *now)?;
            }
        }
        if let Some(sk) = self.message.reply_sk {
            let answered = Key::Message { group_uuid: self.group_uuid, sk };
            transaction = transaction.check(&answered, Condition::exists().and_absent("deleted_at"))?;
        }
        transaction.commit_once().await
    }

    /// Decides the outcome of a refused write. `rows` are the existing rows, in the order of [`Self::write`]. Returns
    /// `None` if they do not decide it yet.
    ///
    /// DynamoDB does not show rows that are locked by a running transaction. A message is acknowledged only when its row
    /// and, if it opens the group, the membership can be read, so that the next reader or sender finds it (I8). The
    /// idempotency row may still be locked. Inbox rows are ignored: during the commit of the transaction that opens a
    /// group, they may be visible before the membership.
    fn judge(&self, rows: Vec<Option<Item>>) -> Result<Option<Outcome>, Error> {
        let mut rows = rows.into_iter();
        let idempotency = self.idempotency.as_ref().map(|ours| (ours, rows.next().flatten()));
        let message = rows.next().flatten();
        let answered = self.message.reply_sk.and_then(|_| rows.next_back().flatten());
        let membership = rows.next().flatten();
        let opening = match &self.group {
            GroupWrite::Open(opening) => Some(opening),
            GroupWrite::None | GroupWrite::Accept { .. } => None,
        };
        // The inbox rows and the receiver's state are skipped.
        let skipped = opening.map_or(0, |opening| 2 + usize::from(opening.request.is_some()));
        let mut further = rows.skip(skipped);
        let [by_sender, by_receiver] = [further.next().flatten(), further.next().flatten()];
        let group_is_seen = opening.is_none() || membership.is_some();
        if let Some((ours, Some(item))) = idempotency {
            let stored: IdempotencyRow = from_item(item)?;
            if stored.request_hash != ours.request_hash {
                return Err(Violation::IdempotencyKeyReused.into());
            }
            if stored.message_uuid != self.message.message_uuid {
                let (sender, reply_to) = (self.message.sender_uuid, self.message.reply_sk);
                let stored = stored_before(stored, sender, self.text, reply_to);
                return Ok(group_is_seen.then_some(Outcome::Stored(stored)));
            }
        }
        if let Some(item) = message {
            let stored: MessageRow = from_item(item)?;
            if stored.message_uuid == self.message.message_uuid {
                // An earlier attempt succeeded, and its answer was lost.
                return Ok(group_is_seen.then(|| Outcome::Stored(self.stored())));
            }
            return Err(Error::internal("a different message has the new message's sort key"));
        }
        if opening.is_some() {
            if let Some(item) = membership {
                let stored: Membership = from_item(item)?;
                // With this write's sort key, an earlier attempt is being committed, and its message is still locked.
                return Ok((stored.created_sk != self.message.sk).then_some(Outcome::GroupChanged));
            }
            if by_sender.is_some() {
                return Err(Error::UserBlocked);
            }
            if by_receiver.is_some() {
                return Err(Error::MessageNotAccepted);
            }
        } else if membership.is_some() || by_sender.is_some() {
            // The sender has answered the request meanwhile, or the sender's state has changed.
            return Ok(Some(Outcome::GroupChanged));
        }
        match answered {
            Some(item) if item.is_empty() => Err(Error::MessageNotFound),
            Some(_) => Err(Error::MessageDeleted),
            None => Ok(None),
        }
    }

    /// Returns `true` if the message of an outcome can be read. An earlier request's message may become visible later
    /// than its idempotency row. This request's own message was already visible to [`Self::judge`].
    async fn can_be_read(&self, messages: &Messages, outcome: &Outcome) -> Result<bool, Error> {
        let Outcome::Stored(Stored { sent, by: StoredBy::EarlierRequest }) = outcome else {
            return Ok(true);
        };
        let sk = SortKey { created_at: sent.created_at, message_uuid: sent.uuid };
        if self.newest == Some(sk) {
            return Ok(true);
        }
        let sk = sk.to_string();
        let partition = Partition::Messages(sent.message_group_uuid);
        // The smallest string after the sort key, since the bound is exclusive.
        let before = Some(format!("{sk}\0"));
        let newest = Newest { partition, before, limit: 1, attributes: Some("sk".into()) };
        Ok(messages.table.newest(newest).await?.first().and_then(sort_key) == Some(&sk))
    }

    fn stored(&self) -> Stored {
        let row = &self.message;
        let sent = Sent {
            message_group_uuid: self.group_uuid,
            uuid: row.message_uuid,
            user_uuid: row.sender_uuid,
            display_name: row.sender_display_name.clone(),
            handle: row.sender_handle.clone(),
            message: self.text.clone(),
            created_at: row.sk.created_at,
            reply_to: row.reply_sk.map(MessageReference::from),
        };
        let by = match self.group {
            GroupWrite::Open(_) => StoredBy::ThisRequestWithGroup,
            GroupWrite::None | GroupWrite::Accept { .. } => StoredBy::ThisRequest,
        };
        Stored { sent, by }
    }
}

/// The message of the earlier request that an idempotency row of the sender records. The row's hash must be that of this
/// request: then text and answered message are equal, too.
fn stored_before(
    row: IdempotencyRow,
    sender_uuid: Uuid,
    text: &MessageText,
    reply_to: Option<SortKey>,
) -> Stored {
    let sent = Sent {
        message_group_uuid: row.group_uuid,
        uuid: row.message_uuid,
        user_uuid: sender_uuid,
        display_name: row.display_name,
        handle: row.handle,
        message: text.clone(),
        created_at: row.created_at,
        reply_to: reply_to.map(MessageReference::from),
    };
    Stored { sent, by: StoredBy::EarlierRequest }
}

impl NewMessage {
    fn request_hash(&self) -> RequestHash {
        let (kind, target) = match &self.target {
            Target::Group(group_uuid) => ("group", group_uuid.to_string()),
            Target::User { handle: Some(handle), .. } => ("handle", handle.canonical().to_owned()),
            Target::User { handle: None, receiver } => ("user", receiver.user.uuid.to_string()),
        };
        RequestHash::new(kind, &target, self.text.as_str(), self.reply_to)
    }
}

#[cfg(test)]
mod tests {
    use serde_dynamo::aws_sdk_dynamodb_1::to_item;

    use super::*;

    fn user(number: u128) -> User {
        let handle = format!("user-{number}");
        User { uuid: Uuid::from_u128(number), display_name: handle.clone(), handle }
    }

    fn sort_key_of(number: u128) -> SortKey {
        let created_at = "2026-11-22T09:30:00.000000Z".parse().unwrap();
        SortKey { created_at, message_uuid: Uuid::from_u128(number) }
    }

    fn key(key: &str) -> IdempotencyKey {
        key.parse().unwrap()
    }

    fn item(row: impl Serialize) -> Item {
        to_item(row).unwrap()
    }

    /// A message at `sort_key_of(1)` from one user to another.
    struct Send {
        sender: User,
        receiver: User,
        text: MessageText,
        key: Option<IdempotencyKey>,
    }

    impl Send {
        fn new(key: Option<IdempotencyKey>) -> Self {
            Self { sender: user(1), receiver: user(2), text: "hello".parse().unwrap(), key }
        }

        fn group_uuid(&self) -> Uuid {
            uuid_of_pair(self.sender.uuid, self.receiver.uuid)
        }

        fn message(&self, sk: SortKey) -> MessageRow {
            MessageRow::new(self.group_uuid(), sk, &self.text, &self.sender)
        }

        fn membership(&self, opened_at: SortKey) -> Membership {
            Membership::new(self.group_uuid(), opened_at, [&self.receiver, &self.sender])
        }

        /// The idempotency row of an equal request, but with `text`.
        fn idempotency(&self, sk: SortKey, key: &IdempotencyKey, text: &str) -> IdempotencyRow {
            let hash = RequestHash::new("group", &self.group_uuid().to_string(), text, None);
            IdempotencyRow::new(key, hash, self.group_uuid(), sk, &self.sender, sk.created_at)
        }

        fn write(&self, opens: bool) -> IntendedWrite<'_> {
            let (group_uuid, sk) = (self.group_uuid(), sort_key_of(1));
            let message = self.message(sk);
            IntendedWrite {
                group_uuid,
                text: &self.text,
                message: self.message(sk),
                newest: None,
                idempotency: self.key.as_ref().map(|key| self.idempotency(sk, key, "hello")),
                group: if opens {
                    let receiver = Receiver::of_everyone(self.receiver.clone());
                    GroupWrite::Open(Box::new(Opening::new(&message, &self.sender, &receiver, sk.created_at)))
                } else {
                    GroupWrite::None
                },
            }
        }
    }

    /// The UUID and the origin of the stored message, if the judgment is [`Outcome::Stored`].
    fn stored(judgment: Result<Option<Outcome>, Error>) -> Option<(Uuid, StoredBy)> {
        match judgment {
            Ok(Some(Outcome::Stored(stored))) => Some((stored.sent.uuid, stored.by)),
            _ => None,
        }
    }

    #[test]
    fn this_writes_membership_decides_nothing_before_the_message_can_be_read() {
        let send = Send::new(None);
        let rows = vec![None, Some(item(send.membership(sort_key_of(1)))), None, None];
        assert!(matches!(send.write(true).judge(rows), Ok(None)));
    }

    #[test]
    fn a_membership_of_another_message_means_that_the_group_exists() {
        for key in [None, Some(key("once"))] {
            let send = Send::new(key);
            let in_the_way = [None, Some(item(send.membership(sort_key_of(2)))), None, None];
            let before = send.key.as_ref().map(|_| None);
            let judgment = send.write(true).judge(before.into_iter().chain(in_the_way).collect());
            assert!(matches!(judgment, Ok(Some(Outcome::GroupChanged))), "{:?}", send.key);
        }
    }

    #[test]
    fn this_writes_message_means_that_an_earlier_attempt_succeeded() {
        for (key, opens, by) in [
            (None, false, StoredBy::ThisRequest),
            (None, true, StoredBy::ThisRequestWithGroup),
            (Some(key("once")), false, StoredBy::ThisRequest),
        ] {
            let send = Send::new(key);
            let mut rows = vec![Some(item(send.message(sort_key_of(1))))];
            if send.key.is_some() {
                rows.insert(0, None);
            }
            if opens {
                rows.push(Some(item(send.membership(sort_key_of(1)))));
            }
            let judgment = send.write(opens).judge(rows);
            assert_eq!(stored(judgment), Some((sort_key_of(1).message_uuid, by)), "{:?}", send.key);
        }
    }

    #[test]
    fn this_writes_message_decides_nothing_before_its_group_can_be_read() {
        let send = Send::new(None);
        let rows = vec![Some(item(send.message(sort_key_of(1)))), None, None, None];
        assert!(matches!(send.write(true).judge(rows), Ok(None)));
    }

    #[test]
    fn a_foreign_message_at_the_sort_key_is_an_internal_error() {
        let send = Send::new(None);
        let judgment = send.write(false).judge(vec![Some(item(send.message(sort_key_of(2))))]);
        assert!(matches!(judgment, Err(Error::Internal(_))));
    }

    #[test]
    fn an_idempotency_row_decides_before_all_others() {
        let key = key("once");
        let send = Send::new(Some(key.clone()));
        let judge = |stored: IdempotencyRow, message: Option<Item>| {
            send.write(false).judge(vec![Some(item(stored)), message])
        };
        let earlier = send.idempotency(sort_key_of(2), &key, "hello");
        assert_eq!(
            stored(judge(earlier.clone(), Some(item(send.message(sort_key_of(1)))))),
            Some((sort_key_of(2).message_uuid, StoredBy::EarlierRequest))
        );
        let ours = send.idempotency(sort_key_of(1), &key, "hello");
        assert!(matches!(judge(ours.clone(), None), Ok(None)), "the message can't be read yet");
        assert_eq!(
            stored(judge(ours, Some(item(send.message(sort_key_of(1)))))),
            Some((sort_key_of(1).message_uuid, StoredBy::ThisRequest))
        );
        let Err(Error::Invalid(reused)) = judge(send.idempotency(sort_key_of(2), &key, "other"), None) else {
            panic!("a reused key was accepted")
        };
        assert_eq!(reused, [Violation::IdempotencyKeyReused]);
    }

    #[test]
    fn a_repeated_request_is_answered_as_the_earlier_one_was() {
        let key = key("once");
        let send = Send::new(Some(key.clone()));
        let mut earlier = send.idempotency(sort_key_of(2), &key, "hello");
        earlier.group_uuid = Uuid::from_u128(9);
        (earlier.handle, earlier.display_name) = ("old-handle".to_owned(), "Old Name".to_owned());
        earlier.created_at = earlier.created_at.successor();
        let expected = Sent {
            message_group_uuid: Uuid::from_u128(9),
            uuid: sort_key_of(2).message_uuid,
            user_uuid: Uuid::from_u128(1),
            display_name: "Old Name".to_owned(),
            handle: "old-handle".to_owned(),
            message: "hello".parse().unwrap(),
            created_at: earlier.created_at,
            reply_to: None,
        };
        assert_eq!(stored_before(earlier, Uuid::from_u128(1), &send.text, None).sent, expected);
    }

    #[test]
    fn inbox_rows_decide_nothing() {
        let send = Send::new(None);
        let write = send.write(true);
        let inbox_row = InboxRow::new(send.sender.uuid, write.group_uuid, &write.message, &send.receiver);
        assert!(matches!(write.judge(vec![None, None, None, None]), Ok(None)));
        assert!(matches!(write.judge(vec![None, None, Some(item(inbox_row)), None]), Ok(None)));
        assert!(matches!(write.judge(vec![]), Ok(None)));
    }

    #[test]
    fn a_request_is_identified_by_its_canonical_target_and_its_text() {
        let hash = |target| {
            let (sender, text) = (user(1), "hello".parse().unwrap());
            NewMessage { sender, target, text, reply_to: None, idempotency_key: None }.request_hash()
        };
        let to_handle = |handle: &str| Target::User {
            handle: Some(handle.parse().unwrap()),
            receiver: Receiver::of_everyone(user(2)),
        };
        let group_uuid = Uuid::from_u128(4);
        assert_eq!(hash(to_handle("@Scarlett")), RequestHash::new("handle", "scarlett", "hello", None));
        assert_eq!(
            hash(Target::Group(group_uuid)),
            RequestHash::new("group", &group_uuid.to_string(), "hello", None)
        );
        // A user and a group may have the same UUID.
        let receiver = Receiver::of_everyone(User { uuid: group_uuid, ..user(2) });
        assert_eq!(
            hash(Target::User { handle: None, receiver }),
            RequestHash::new("user", &group_uuid.to_string(), "hello", None)
        );
    }
}
