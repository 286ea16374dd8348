//! Creating a message, and its group with the first one.
//!
//! One request makes one message uuid and one sort key for each write it intends and keeps them over all its
//! own retries; that is how a lost answer is told from a refusal (design, section 3).

use std::{future::ready, time::Duration};

use serde::Serialize;
use tokio::{
    time::{Instant, timeout},
    try_join,
};
use uuid::Uuid;

use super::{MessageRow, MessageText, partition_key};
use crate::{
    backoff::Backoff,
    clock::Clock,
    dynamodb::{Item, Newest, Table, WriteError, from_item, sort_key},
    error::{Dependency, Error, Violation},
    idempotency::{IdempotencyKey, IdempotencyRow, RequestHash},
    message_group::{InboxRow, KnownMembers, Membership, uuid_of_pair},
    random::Random,
    sort_key::SortKey,
    timestamp::Timestamp,
    user::{Handle, User},
    warm_up,
};

/// A message that somebody wants to send.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Who sends it.
    pub sender: User,
    /// Where to.
    pub target: Target,
    /// What it says.
    pub text: MessageText,
    /// What makes a repeated request known.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Where a message goes to.
#[derive(Clone, Debug)]
pub enum Target {
    /// A group that exists.
    Group(Uuid),
    /// A user, named by handle: the group of the two, which is opened if there is none.
    User {
        /// The handle in the request.
        handle: Handle,
        /// The user with that handle.
        receiver: User,
    },
    /// A user, named by uuid: the group of the two, which is opened if there is none.
    UserUuid {
        /// The user with that uuid.
        receiver: User,
    },
}

impl Target {
    /// The user that the request names, by handle or by uuid.
    fn receiver(&self) -> Option<&User> {
        match self {
            Self::Group(_) => None,
            Self::User { receiver, .. } | Self::UserUuid { receiver } => Some(receiver),
        }
    }
}

/// The answer to a message that was stored (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The group it went to.
    pub message_group_uuid: Uuid,
    /// The message's uuid.
    pub uuid: Uuid,
    /// The sender.
    pub user_uuid: Uuid,
    /// The sender's name.
    pub display_name: String,
    /// The sender's handle.
    pub handle: String,
    /// What it says.
    pub message: MessageText,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A message that is stored, and how it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The answer.
    pub sent: Sent,
    /// Who stored it.
    pub by: StoredBy,
}

/// Which request stored a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredBy {
    /// This one, in a group that was there.
    ThisRequest,
    /// This one, which opened the group with it.
    ThisRequestWithGroup,
    /// An earlier one with the same idempotency key.
    AnEarlierRequest,
}

/// Nothing is tried again later than this after the first look-up. What is begun until then may take as long as
/// its calls may ([`crate::dynamodb::CallLimits::WRITE`]).
const LAST_TRY_AFTER: Duration = Duration::from_secs(5);

/// The end of it all: with the token's key (3 s) and the users (7 s) before it still within the function's timeout.
const TIME_LIMIT: Duration = Duration::from_secs(14);

/// Membership of a group and its newest sort key, read at the same time.
async fn look_up(
    table: &Table,
    group_uuid: Uuid,
) -> (Result<Option<Membership>, Error>, Result<Option<String>, Error>) {
    tokio::join!(Membership::get(table, group_uuid), table.newest_sort_key(partition_key(group_uuid)))
}

/// Gets ready for the first message: looks the nil uuid up, which no group has.
pub async fn warm_up(table: &Table) {
    let (membership, newest) = look_up(table, Uuid::nil()).await;
    warm_up::log_failure("DynamoDB", membership.and(newest));
}

/// Stores a message, once, and answers with it. After [`Error::Unavailable`] it may be stored all the same, or be
/// stored yet: a request with an idempotency key can be repeated to learn which, and stores it at most once.
pub async fn create(table: &Table, clock: &Clock, random: &Random, new: NewMessage) -> Result<Stored, Error> {
    create_if(ready(Ok(())), table, &KnownMembers::default(), clock, random, new).await
}

/// [`create`] of a message that has to be `admitted` as well: that is decided while the look-ups are made, and before
/// anything is written. A refusal comes before what they find.
///
/// Nothing of a group is read before the sender is known to be a member: for `members` both look-ups run at once,
/// otherwise the membership comes first. Senders that turn out to be members are added to `members`.
pub async fn create_if(
    admitted: impl Future<Output = Result<(), Error>>,
    table: &Table,
    members: &KnownMembers,
    clock: &Clock,
    random: &Random,
    new: NewMessage,
) -> Result<Stored, Error> {
    timeout(TIME_LIMIT, create_in_tries(admitted, table, members, clock, random, new))
        .await
        .unwrap_or_else(|elapsed| Err(Error::unavailable(Dependency::DynamoDb, elapsed)))
}

async fn create_in_tries(
    admitted: impl Future<Output = Result<(), Error>>,
    table: &Table,
    members: &KnownMembers,
    clock: &Clock,
    random: &Random,
    new: NewMessage,
) -> Result<Stored, Error> {
    let group_uuid = match &new.target {
        Target::Group(group_uuid) => *group_uuid,
        Target::User { receiver, .. } | Target::UserUuid { receiver } => {
            if receiver.uuid == new.sender.uuid {
                return Err(Violation::ReceiverIsSender.into());
            }
            uuid_of_pair(new.sender.uuid, receiver.uuid)
        }
    };
    let last_try = Instant::now() + LAST_TRY_AFTER;
    let mut backoff = Backoff::new(random);
    // Boxed: this future would hold it twice.
    let plan = || Box::pin(IntendedWrite::plan(table, members, clock, random, &new, group_uuid));
    let ((), planned) = try_join!(biased; admitted, async { Ok(plan().await) })?;
    let mut write = planned?;
    loop {
        match write.carry_out(table, &mut backoff, last_try).await? {
            Outcome::Stored(stored) => {
                members.insert(new.sender.uuid, stored.sent.message_group_uuid);
                return Ok(stored);
            }
            // Somebody else opened the group in the meantime: start again as for an existing one.
            Outcome::GroupExists if Instant::now() < last_try => {
                backoff.wait().await;
                write = plan().await?;
            }
            Outcome::GroupExists => {
                return Err(Error::unavailable(Dependency::DynamoDb, "there is no time left to start again"));
            }
        }
    }
}

enum Outcome {
    Stored(Stored),
    GroupExists,
}

/// One write with its uuid and sort key: the same on every try.
struct IntendedWrite<'a> {
    group_uuid: Uuid,
    text: &'a MessageText,
    message: MessageRow,
    /// The newest message at the time of the plan.
    newest: Option<SortKey>,
    idempotency: Option<IdempotencyRow>,
    /// Membership and inbox rows, when the message opens the group.
    opening: Option<(Membership, [InboxRow; 2])>,
}

impl<'a> IntendedWrite<'a> {
    async fn plan(
        table: &Table,
        members: &KnownMembers,
        clock: &Clock,
        random: &Random,
        new: &'a NewMessage,
        group_uuid: Uuid,
    ) -> Result<Self, Error> {
        let receiver = new.target.receiver();
        let opens_with = |membership: Option<Membership>| match (membership, receiver) {
            (Some(membership), _) if membership.has(new.sender.uuid) => {
                Ok((None, Some(membership.created_sk)))
            }
            (None, Some(receiver)) => Ok((Some(receiver), None)),
            (Some(_), _) | (None, None) => Err(Error::MessageGroupNotFound),
        };
        // The sender is in the pair that the group's uuid is computed from.
        let is_member = receiver.is_some() || members.contains(new.sender.uuid, group_uuid);
        let ((opens_with, created_sk), newest) = if is_member {
            let (membership, newest) = look_up(table, group_uuid).await;
            (opens_with(membership?)?, newest?)
        } else {
            let membership = Membership::get_as(table, group_uuid, new.sender.uuid).await?;
            (opens_with(Some(membership))?, table.newest_sort_key(partition_key(group_uuid)).await?)
        };
        let newest = newest.and_then(|sort_key| {
            let parsed = sort_key.parse::<SortKey>();
            parsed
                .inspect_err(|_| tracing::warn!(%group_uuid, "the newest message has a malformed sort key"))
                .ok()
        });
        let now = Timestamp::new(clock.now());
        // An answer never sorts before what it answers, whatever the clocks say (I8), nor before the message that
        // opened the group, which may have come between the two reads.
        let created_at = newest.max(created_sk).map_or(now, |newest| now.max(newest.created_at.successor()));
        let sk = SortKey { created_at, message_uuid: random.uuid_v7(created_at.to_utc()) };
        let sender = &new.sender;
        Ok(Self {
            group_uuid,
            text: &new.text,
            message: MessageRow::new(group_uuid, sk, &new.text, sender),
            newest,
            idempotency: new
                .idempotency_key
                .as_ref()
                .map(|key| IdempotencyRow::new(key, new.request_hash(), group_uuid, sk, sender, now)),
            opening: opens_with.map(|receiver| {
                let inbox_rows = [
                    InboxRow::new(sender.uuid, group_uuid, sk, &new.text, receiver),
                    InboxRow::new(receiver.uuid, group_uuid, sk, &new.text, sender),
                ];
                (Membership::new(group_uuid, sk, [sender, receiver]), inbox_rows)
            }),
        })
    }

    async fn carry_out(
        &self,
        table: &Table,
        backoff: &mut Backoff<'_>,
        last_try: Instant,
    ) -> Result<Outcome, Error> {
        let mut in_doubt = false;
        loop {
            let error = match self.send(table).await {
                Ok(()) => return Ok(Outcome::Stored(self.stored())),
                Err(WriteError::Refused { rows, cause }) => match self.judge(rows)? {
                    Some(outcome) if self.can_be_read(table, &outcome).await? => return Ok(outcome),
                    // What decides is locked by a transaction: it is seen when that has ended.
                    _ => WriteError::Busy(cause),
                },
                Err(error @ (WriteError::Busy(_) | WriteError::Unknown(_))) => error,
                // What was sent before may be stored yet; a client that repeats its request will know.
                Err(error @ WriteError::Failed(_)) if in_doubt => {
                    return Err(Error::unavailable(Dependency::DynamoDb, error));
                }
                Err(error @ WriteError::Failed(_)) => return Err(error.into()),
            };
            in_doubt |= matches!(error, WriteError::Unknown(_));
            if Instant::now() >= last_try {
                return Err(error.into());
            }
            backoff.wait().await;
        }
    }

    async fn send(&self, table: &Table) -> Result<(), WriteError> {
        if self.idempotency.is_none() && self.opening.is_none() {
            return table.put_new(&self.message).await;
        }
        let mut actions = Vec::with_capacity(5);
        if let Some(row) = &self.idempotency {
            actions.push(table.put_new_action(row)?);
        }
        actions.push(table.put_new_action(&self.message)?);
        if let Some((membership, inbox_rows)) = &self.opening {
            actions.push(table.put_new_action(membership)?);
            for row in inbox_rows {
                actions.push(table.put_new_action(row)?);
            }
        }
        table.transact(actions).await
    }

    /// What a refused write means, from the rows in the way, which come in the order of [`Self::send`]; none:
    /// nothing yet. Rows that are locked by a transaction which is being committed are not shown, and what is stored is
    /// not answered before all of it can be read: who reads or answers the message next must find it (I8). (Inbox rows
    /// decide nothing: they are seen without the membership while the transaction that opens the group is being
    /// committed.)
    fn judge(&self, rows: Vec<Option<Item>>) -> Result<Option<Outcome>, Error> {
        let mut rows = rows.into_iter();
        let idempotency = self.idempotency.as_ref().map(|ours| (ours, rows.next().flatten()));
        let message = rows.next().flatten();
        let membership = rows.next().flatten();
        let group_is_seen = self.opening.is_none() || membership.is_some();
        if let Some((ours, Some(item))) = idempotency {
            let stored: IdempotencyRow = from_item(item)?;
            if stored.request_hash != ours.request_hash {
                return Err(Violation::IdempotencyKeyReused.into());
            }
            if stored.message_uuid != self.message.message_uuid {
                return Ok(group_is_seen.then(|| Outcome::Stored(self.stored_before(stored))));
            }
        }
        if let Some(item) = message {
            let stored: MessageRow = from_item(item)?;
            if stored.message_uuid == self.message.message_uuid {
                // An earlier try of ours was carried out; only its answer was lost.
                return Ok(group_is_seen.then(|| Outcome::Stored(self.stored())));
            }
            return Err(Error::internal("another message has the sort key of a new one"));
        }
        if let Some(item) = membership {
            let stored: Membership = from_item(item)?;
            // Ours when an earlier try is being committed: its message is locked yet.
            return Ok((stored.created_sk != self.message.sk).then_some(Outcome::GroupExists));
        }
        Ok(None)
    }

    /// Whether the message of an outcome can be read. What an earlier request stores with its key may be seen later
    /// than the key; that a message of this request can be read, [`Self::judge`] has seen.
    async fn can_be_read(&self, table: &Table, outcome: &Outcome) -> Result<bool, Error> {
        let Outcome::Stored(Stored { sent, by: StoredBy::AnEarlierRequest }) = outcome else {
            return Ok(true);
        };
        let sk = SortKey { created_at: sent.created_at, message_uuid: sent.uuid };
        // Mostly the plan has seen it.
        if self.newest == Some(sk) {
            return Ok(true);
        }
        let sk = sk.to_string();
        let pk = partition_key(sent.message_group_uuid);
        // The next greater sort key that there could be.
        let before = Some(format!("{sk}\0"));
        let newest = table.newest(Newest { pk, before, limit: 1, attributes: Some("sk") }).await?;
        Ok(newest.first().and_then(sort_key) == Some(&sk))
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
        };
        let by = match self.opening {
            Some(_) => StoredBy::ThisRequestWithGroup,
            None => StoredBy::ThisRequest,
        };
        Stored { sent, by }
    }

    /// What the idempotency row says was stored: by an earlier request, or by an earlier try of this one.
    fn stored_before(&self, row: IdempotencyRow) -> Stored {
        if row.message_uuid == self.message.message_uuid {
            return self.stored();
        }
        let sent = Sent {
            message_group_uuid: row.group_uuid,
            uuid: row.message_uuid,
            // A key is its user's own.
            user_uuid: self.message.sender_uuid,
            display_name: row.display_name,
            handle: row.handle,
            // The hashes are equal, so this is the text that was stored.
            message: self.text.clone(),
            created_at: row.created_at,
        };
        Stored { sent, by: StoredBy::AnEarlierRequest }
    }
}

impl NewMessage {
    fn request_hash(&self) -> RequestHash {
        match &self.target {
            Target::Group(group_uuid) => {
                RequestHash::new("group", &group_uuid.to_string(), self.text.as_str())
            }
            Target::User { handle, .. } => RequestHash::new("handle", handle.canonical(), self.text.as_str()),
            Target::UserUuid { receiver } => {
                RequestHash::new("user", &receiver.uuid.to_string(), self.text.as_str())
            }
        }
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

    fn place(number: u128) -> SortKey {
        let created_at = "2026-11-22T09:30:00.000000Z".parse().unwrap();
        SortKey { created_at, message_uuid: Uuid::from_u128(number) }
    }

    fn key(key: &str) -> IdempotencyKey {
        key.parse().unwrap()
    }

    fn item(row: impl Serialize) -> Item {
        to_item(row).unwrap()
    }

    /// A message at `place(1)` from one user to another.
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

        /// What was stored for a request like this one, or for one with another text.
        fn idempotency(&self, sk: SortKey, key: &IdempotencyKey, text: &str) -> IdempotencyRow {
            let hash = RequestHash::new("group", &self.group_uuid().to_string(), text);
            IdempotencyRow::new(key, hash, self.group_uuid(), sk, &self.sender, sk.created_at)
        }

        fn write(&self, opens: bool) -> IntendedWrite<'_> {
            let (group_uuid, sk) = (self.group_uuid(), place(1));
            let inbox_row =
                |owner: &User, other: &User| InboxRow::new(owner.uuid, group_uuid, sk, &self.text, other);
            IntendedWrite {
                group_uuid,
                text: &self.text,
                message: self.message(sk),
                newest: None,
                idempotency: self.key.as_ref().map(|key| self.idempotency(sk, key, "hello")),
                opening: opens.then(|| {
                    let (sender, receiver) = (&self.sender, &self.receiver);
                    (self.membership(sk), [inbox_row(sender, receiver), inbox_row(receiver, sender)])
                }),
            }
        }
    }

    /// What was stored, when something was; by whom.
    fn stored(judgement: Result<Option<Outcome>, Error>) -> Option<(Uuid, StoredBy)> {
        match judgement {
            Ok(Some(Outcome::Stored(stored))) => Some((stored.sent.uuid, stored.by)),
            _ => None,
        }
    }

    #[test]
    fn a_membership_of_our_own_says_nothing_before_our_message_can_be_read() {
        let send = Send::new(None);
        let rows = vec![None, Some(item(send.membership(place(1)))), None, None];
        assert!(matches!(send.write(true).judge(rows), Ok(None)));
    }

    #[test]
    fn a_membership_of_another_message_says_that_the_group_exists() {
        for key in [None, Some(key("once"))] {
            let send = Send::new(key);
            let in_the_way = [None, Some(item(send.membership(place(2)))), None, None];
            let before = send.key.as_ref().map(|_| None);
            let judgement = send.write(true).judge(before.into_iter().chain(in_the_way).collect());
            assert!(matches!(judgement, Ok(Some(Outcome::GroupExists))), "{:?}", send.key);
        }
    }

    #[test]
    fn a_message_row_of_our_own_says_that_an_earlier_try_was_carried_out() {
        for (key, opens, by) in [
            (None, false, StoredBy::ThisRequest),
            (None, true, StoredBy::ThisRequestWithGroup),
            (Some(key("once")), false, StoredBy::ThisRequest),
        ] {
            let send = Send::new(key);
            let mut rows = vec![Some(item(send.message(place(1))))];
            if send.key.is_some() {
                rows.insert(0, None);
            }
            if opens {
                rows.push(Some(item(send.membership(place(1)))));
            }
            let judgement = send.write(opens).judge(rows);
            assert_eq!(stored(judgement), Some((place(1).message_uuid, by)), "{:?}", send.key);
        }
    }

    #[test]
    fn a_message_row_of_our_own_says_nothing_before_its_group_can_be_read() {
        let send = Send::new(None);
        let rows = vec![Some(item(send.message(place(1)))), None, None, None];
        assert!(matches!(send.write(true).judge(rows), Ok(None)));
    }

    #[test]
    fn a_message_row_of_anothers_is_a_fault_of_ours() {
        let send = Send::new(None);
        let judgement = send.write(false).judge(vec![Some(item(send.message(place(2))))]);
        assert!(matches!(judgement, Err(Error::Internal(_))));
    }

    #[test]
    fn an_idempotency_row_decides_before_all_others() {
        let key = key("once");
        let send = Send::new(Some(key.clone()));
        let judge = |stored: IdempotencyRow, message: Option<Item>| {
            send.write(false).judge(vec![Some(item(stored)), message])
        };
        let earlier = send.idempotency(place(2), &key, "hello");
        assert_eq!(
            stored(judge(earlier.clone(), Some(item(send.message(place(1)))))),
            Some((place(2).message_uuid, StoredBy::AnEarlierRequest))
        );
        let ours = send.idempotency(place(1), &key, "hello");
        assert!(matches!(judge(ours.clone(), None), Ok(None)), "the message can't be read yet");
        assert_eq!(
            stored(judge(ours, Some(item(send.message(place(1)))))),
            Some((place(1).message_uuid, StoredBy::ThisRequest))
        );
        let Err(Error::Invalid(reused)) = judge(send.idempotency(place(2), &key, "other"), None) else {
            panic!("a key may be used for two requests")
        };
        assert_eq!(reused, [Violation::IdempotencyKeyReused]);
    }

    #[test]
    fn a_repeated_request_is_answered_as_the_earlier_one_was() {
        let key = key("once");
        let send = Send::new(Some(key.clone()));
        let mut earlier = send.idempotency(place(2), &key, "hello");
        earlier.group_uuid = Uuid::from_u128(9);
        (earlier.handle, earlier.display_name) = ("old-handle".to_owned(), "Old Name".to_owned());
        earlier.created_at = earlier.created_at.successor();
        let expected = Sent {
            message_group_uuid: Uuid::from_u128(9),
            uuid: place(2).message_uuid,
            user_uuid: Uuid::from_u128(1),
            display_name: "Old Name".to_owned(),
            handle: "old-handle".to_owned(),
            message: "hello".parse().unwrap(),
            created_at: earlier.created_at,
        };
        assert_eq!(send.write(true).stored_before(earlier).sent, expected);
    }

    #[test]
    fn no_row_in_the_way_decides_nothing_and_neither_do_inbox_rows() {
        let send = Send::new(None);
        let write = send.write(true);
        let (_, [inbox_row, _]) = write.opening.clone().unwrap();
        assert!(matches!(write.judge(vec![None, None, None, None]), Ok(None)));
        assert!(matches!(write.judge(vec![None, None, Some(item(inbox_row)), None]), Ok(None)));
        assert!(matches!(write.judge(vec![]), Ok(None)));
    }

    #[test]
    fn a_request_is_known_by_its_target_in_the_canonical_form_and_its_text() {
        let hash = |target| {
            let (sender, text) = (user(1), "hello".parse().unwrap());
            NewMessage { sender, target, text, idempotency_key: None }.request_hash()
        };
        let to_handle = |handle: &str| Target::User { handle: handle.parse().unwrap(), receiver: user(2) };
        let group_uuid = Uuid::from_u128(4);
        assert_eq!(hash(to_handle("@Scarlett")), RequestHash::new("handle", "scarlett", "hello"));
        assert_eq!(
            hash(Target::Group(group_uuid)),
            RequestHash::new("group", &group_uuid.to_string(), "hello")
        );
        // The same uuid as that of a group is another target.
        let receiver = User { uuid: group_uuid, ..user(2) };
        assert_eq!(
            hash(Target::UserUuid { receiver }),
            RequestHash::new("user", &group_uuid.to_string(), "hello")
        );
    }
}
