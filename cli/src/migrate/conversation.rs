//! Migration of one conversation: the messages of two users in any number of old groups.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use backon::BackoffBuilder as _;
use cruddur::{
    error::Error,
    message_group::Inbox,
    projection::inbox::{GroupChanges, MoveError},
    sort_key::SortKey,
    table::{
        Condition, InboxRow, Item, Key, Membership, MessageRow, Partition, RedirectRow, RowKind, Transaction,
        WriteError, from_item, sort_key,
    },
    timestamp::Timestamp,
    user::User,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Migration,
    decide::{Conversation, Plan, Source},
    report::Left,
};
use crate::{
    advice::advised,
    retry::{self, MIGRATION_WRITES, REPAIRS},
    table::{
        item::{FIRST_SORT_KEY, text},
        old::{Id, OldMessage, Pair},
        read,
        write::{Change, Written, commit, update},
    },
};

/// DynamoDB's limit for a transaction.
pub(super) const ACTIONS_AT_A_TIME: usize = 100;

/// Each message takes two actions: a put and a delete.
const MESSAGES_AT_A_TIME: usize = ACTIONS_AT_A_TIME / 2;

/// Bytes of items in a transaction. DynamoDB's limit is 4 MB for all actions.
const BYTES_AT_A_TIME: usize = 1 << 20;

/// The rows that a conversation's migration wrote and left.
#[derive(Debug, Default)]
pub(super) struct Migrated {
    pub(super) messages: u64,
    pub(super) inbox_rows: u64,
    pub(super) left: Vec<Left>,
}

/// An old message and its new sort key.
struct Placed {
    old: OldMessage,
    sk: SortKey,
}

impl Migration {
    /// Migrates a conversation's messages, then deletes its old inbox rows.
    pub(super) async fn migrate_conversation(
        &self,
        pair: Pair,
        conversation: &Conversation,
        plan: &Plan,
    ) -> Result<Migrated> {
        if self.check_stopped().is_err() {
            return Ok(Migrated::default());
        }
        let mut messages = 0;
        if !conversation.sources.is_empty() {
            messages = self.migrate_messages(pair, conversation, plan).await?;
            self.move_inbox_rows(pair.group()).await?;
        }
        let (inbox_rows, left) = self.remove_inbox_rows(pair, &conversation.inbox_rows).await?;
        Ok(Migrated { messages, inbox_rows, left })
    }

    async fn migrate_messages(&self, pair: Pair, conversation: &Conversation, plan: &Plan) -> Result<u64> {
        let (mut left_before, mut total) = (usize::MAX, None);
        let mut waits = REPAIRS.build();
        'read: loop {
            let messages = self.old_messages(conversation).await?;
            let left = messages.len();
            let total = *total.get_or_insert(left);
            if left == 0 {
                return Ok(total as u64);
            }
            if left < left_before {
                waits = REPAIRS.build();
            } else if let Some(wait) = waits.next() {
                sleep(wait).await;
            } else {
                return Err(advised(
                    format!("the conversation {} keeps changing", pair.group()),
                    "are the old functions stopped?",
                ));
            }
            left_before = left;
            let placed = self.place(pair.group(), messages).await?;
            if self.prepare(pair, conversation, plan, &placed).await? == Written::Stale {
                continue;
            }
            for some in chunks(&placed) {
                self.check_stopped()?;
                if self.write(self.moves(pair.group(), some)?).await? == Written::Stale {
                    continue 'read;
                }
                self.progress.inc(some.len() as u64);
            }
        }
    }

    /// The messages of a conversation that remain at old keys, in order of time.
    async fn old_messages(&self, conversation: &Conversation) -> Result<Vec<OldMessage>> {
        let mut messages = Vec::new();
        for source in &conversation.sources {
            let pk = RowKind::Message.partition(&source.id);
            let rows = read::range(&self.table, &pk, FIRST_SORT_KEY).await?;
            let of_source = rows.into_iter().filter_map(|item| OldMessage::of(item, self.assume_offset).ok());
            messages.extend(of_source.filter(|message| source.senders.contains_key(&message.sender)));
        }
        messages.sort_by(|a, b| a.order_key().cmp(&b.order_key()));
        Ok(messages)
    }

    /// Assigns sort keys to messages in order of time: each gets its own microsecond, or the next free one. Messages of
    /// one instant keep their order. A run that continues an interrupted one assigns the same keys.
    async fn place(&self, group: Uuid, messages: Vec<OldMessage>) -> Result<Vec<Placed>> {
        let Some(first) = messages.first() else { return Ok(Vec::new()) };
        let from = Timestamp::new(first.sent_at).to_string();
        let pk = Partition::Messages(group).to_string();
        let existing = read::range(&self.table, &pk, &from).await?;
        let taken = existing.iter().filter_map(|row| sort_key(row)?.parse::<SortKey>().ok());
        let taken = taken.map(|sk| sk.created_at).collect::<BTreeSet<_>>();
        let mut last: Option<Timestamp> = None;
        let place = |old: OldMessage| {
            let at = Timestamp::new(old.sent_at);
            let mut created_at = last.map_or(at, |last| at.max(last.successor()));
            while taken.contains(&created_at) {
                created_at = created_at.successor();
            }
            last = Some(created_at);
            let sk = SortKey { created_at, message_uuid: old.message_uuid };
            Placed { old, sk }
        };
        Ok(messages.into_iter().map(place).collect())
    }

    /// Writes what the messages depend on: redirects, membership and inbox rows.
    async fn prepare(
        &self,
        pair: Pair,
        conversation: &Conversation,
        plan: &Plan,
        placed: &[Placed],
    ) -> Result<Written> {
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else { return Ok(Written::Done) };
        if self.redirect(pair, conversation).await? == Written::Stale {
            return Ok(Written::Stale);
        }
        let group = pair.group();
        let key = Key::Membership(group);
        let membership = retry::read(|| self.table.get::<Membership>(&key)).await?;
        let Some(membership) = membership else { return self.create_group(pair, plan, first, last).await };
        if !pair.members().iter().all(|user| membership.has(*user)) {
            return Err(advised(
                format!("the membership of {group} is broken"),
                "run `cruddur ddb doctor --repair` first",
            ));
        }
        if membership.created_sk <= first.sk {
            return Ok(Written::Done);
        }
        // The pair has used the new system before. Its conversation begins earlier now.
        let change = Change::of("created_sk", &membership.created_sk.to_string(), &first.sk.to_string());
        let row = Item::from(&Key::Membership(group));
        self.write(update(Transaction::new(&self.table), &row, &[change])?).await
    }

    /// Creates the membership and both inbox rows, at the sort key of the last message: the messages before it don't
    /// move them.
    async fn create_group(&self, pair: Pair, plan: &Plan, first: &Placed, last: &Placed) -> Result<Written> {
        let user = |user: Uuid| plan.users.get(&user).context("a member without names");
        let [a, b] = pair.members();
        let (a, b) = (user(a)?, user(b)?);
        let group = pair.group();
        let newest: MessageRow =
            from_item(last.old.moved(group, last.sk.created_at).context("a message became malformed")?)?;
        // Old conversations count as read.
        let inbox_row = |owner: &User, other| InboxRow {
            read_sk: None,
            ..InboxRow::new(owner.uuid, group, &newest, other)
        };
        let membership = Membership::new(group, first.sk, [a, b]);
        let transaction = Transaction::new(&self.table)
            .put_new(&membership)?
            .put_new(&inbox_row(a, b))?
            .put_new(&inbox_row(b, a))?;
        self.write(transaction).await
    }

    /// Writes redirects from the old groups.
    async fn redirect(&self, pair: Pair, conversation: &Conversation) -> Result<Written> {
        let mut redirects = Vec::new();
        for Source { id, .. } in &conversation.sources {
            if Id::of(id) != Id::Old {
                continue;
            }
            let redirect = pair.redirect_from(id);
            let existing = read::row(&self.table, &redirect.pk, &redirect.sk).await?;
            match existing.and_then(|row| from_item::<RedirectRow>(row).ok()) {
                Some(existing) if Pair::of_redirect(&existing) == Some(pair) => {}
                Some(existing) => bail!("the old group {id} was already migrated to {}", existing.group_uuid),
                None => redirects.push(redirect),
            }
        }
        for some in redirects.chunks(ACTIONS_AT_A_TIME) {
            let transaction = Transaction::new(&self.table);
            let transaction = some.iter().try_fold(transaction, Transaction::put_new)?;
            if self.write(transaction).await? == Written::Stale {
                return Ok(Written::Stale);
            }
        }
        Ok(Written::Done)
    }

    fn moves(&self, group: Uuid, placed: &[Placed]) -> Result<Transaction> {
        let mut transaction = Transaction::new(&self.table);
        for Placed { old, sk } in placed {
            let row = old.moved(group, sk.created_at).context("a message became malformed")?;
            let uuid = AttributeValue::S(text(&old.item, "message_uuid").to_owned());
            let same_message = Condition::exists().and_equal("message_uuid", uuid);
            transaction = transaction.put_item(row, Condition::absent())?.delete(&old.item, same_message)?;
        }
        Ok(transaction)
    }

    /// Moves the inbox rows of a group to its newest message, as the stream handler does: if the pair has used the new
    /// system before, a migrated message may be newer.
    async fn move_inbox_rows(&self, group: Uuid) -> Result<()> {
        let mut waits = REPAIRS.build();
        loop {
            let newest = read::newest_message_row(&self.table, group).await?;
            let Some(row) = newest else { return Ok(()) };
            let changes = GroupChanges::created(group, from_item(row)?);
            let inbox = Inbox::new(self.table.clone(), self.random.clone());
            match Box::pin(inbox.apply(&changes)).await {
                Ok(_) => return Ok(()),
                Err(MoveError::Table(error @ Error::Internal(_))) => return Err(error.into()),
                Err(error) => {
                    tracing::info!(cause = %cruddur::error::Chain(&error), "moving inbox rows again");
                }
            }
            let Some(wait) = waits.next() else {
                return Err(advised(
                    format!("failed to move the inbox rows of {group}"),
                    "run `cruddur ddb doctor --repair`, then this command again",
                ));
            };
            sleep(wait).await;
        }
    }

    /// Writes a transaction. One whose outcome is unknown counts as stale.
    pub(super) async fn write(&self, transaction: Transaction) -> Result<Written> {
        match commit(&transaction, MIGRATION_WRITES).await {
            Ok(()) => Ok(Written::Done),
            Err(WriteError::ConditionFailed { .. } | WriteError::Unknown(_)) => Ok(Written::Stale),
            Err(error) => Err(Error::from(error).into()),
        }
    }
}

/// An item's size in bytes, rounded up.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        // The old system wrote only strings. Never an underestimate.
        other => format!("{other:?}").len(),
    };
    item.iter().map(|(name, of)| name.len() + value(of)).sum()
}

/// Splits messages into transactions within DynamoDB's limits.
fn chunks(placed: &[Placed]) -> impl Iterator<Item = &[Placed]> {
    let mut rest = placed;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |placed: &&Placed| {
            bytes += size(&placed.old.item);
            bytes <= BYTES_AT_A_TIME
        };
        let count = rest.iter().take(MESSAGES_AT_A_TIME).take_while(fits).count().max(1).min(rest.len());
        let (some, others) = rest.split_at(count);
        rest = others;
        (!some.is_empty()).then_some(some)
    })
}
