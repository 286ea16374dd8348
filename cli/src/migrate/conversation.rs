//! Bringing one conversation over: what two users have said to each other in any number of old groups.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use cruddur::{
    dynamodb::{Item, WriteError, from_item, key, sort_key},
    error::Error,
    message::{self, MessageRow, preview},
    message_group::{self, InboxRow, Membership},
    sort_key::SortKey,
    stream::{
        NewestMessage,
        move_group::{MoveError, move_group},
    },
    timestamp::Timestamp,
    user::User,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Migration,
    decide::{Conversation, Plan, Source},
    old::{Id, OldMessage, Pair},
    redirect::Redirect,
    report::Left,
};
use crate::doctor::{
    action::{self, Change},
    read::{newest_message_row, patiently},
    rows::text,
};

/// Actions that DynamoDB takes in a transaction.
pub(super) const ACTIONS_AT_A_TIME: usize = 100;

/// Messages in a transaction: each is put and deleted.
const MESSAGES_AT_A_TIME: usize = ACTIONS_AT_A_TIME / 2;

/// Bytes of items in a transaction at most: DynamoDB takes 4 MB in all.
const BYTES_AT_A_TIME: usize = 1 << 20;

/// How often a conversation is looked at anew, since it was not as it had been read, without a message less to bring.
const FRUITLESS_ROUNDS: u32 = 8;

/// How long a write is tried again while DynamoDB is busy.
const PATIENCE: Duration = Duration::from_mins(3);

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What was done with a conversation.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) messages: u64,
    pub(super) inbox_rows: u64,
    pub(super) left: Vec<Left>,
}

/// An old message, and where it goes.
struct Placed {
    old: OldMessage,
    sk: SortKey,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// Nobody knows, or things are not as they were read: they have to be read again.
    LookAgain,
}

impl Migration {
    /// Brings over what is there of a conversation, and then deletes its old inbox rows.
    pub(super) async fn bring_over(
        &self,
        pair: Pair,
        conversation: &Conversation,
        plan: &Plan,
    ) -> Result<Brought> {
        let mut brought = Brought::default();
        if self.go_on().is_err() {
            return Ok(brought);
        }
        if !conversation.sources.is_empty() {
            brought.messages = self.bring_messages(pair, conversation, plan).await?;
            self.move_inbox_rows(pair.group()).await?;
        }
        let removed = self.remove_inbox_rows(pair, &conversation.inbox_rows).await?;
        (brought.inbox_rows, brought.left) = removed;
        Ok(brought)
    }

    async fn bring_messages(&self, pair: Pair, conversation: &Conversation, plan: &Plan) -> Result<u64> {
        let (mut left_before, mut fruitless, mut total) = (usize::MAX, 0, None);
        'look: loop {
            let messages = self.old_messages(conversation).await?;
            let left = messages.len();
            let total = *total.get_or_insert(left);
            if left == 0 {
                return Ok(total as u64);
            }
            fruitless = if left < left_before { 0 } else { fruitless + 1 };
            left_before = left;
            if fruitless > FRUITLESS_ROUNDS {
                bail!("others write into the conversation {}: are the old functions stopped?", pair.group());
            }
            if fruitless > 0 {
                sleep(FIRST_WAIT * fruitless + self.random.jitter(FIRST_WAIT)).await;
            }
            let placed = self.place(pair.group(), messages).await?;
            if self.open(pair, conversation, plan, &placed).await? == Written::LookAgain {
                continue;
            }
            for some in chunks(&placed) {
                self.go_on()?;
                if self.write(self.move_actions(pair.group(), some)?).await? == Written::LookAgain {
                    continue 'look;
                }
                self.progress.inc(some.len() as u64);
            }
        }
    }

    /// The old messages of a conversation that are still to be brought over, in the order of time.
    async fn old_messages(&self, conversation: &Conversation) -> Result<Vec<OldMessage>> {
        let mut messages = Vec::new();
        for source in &conversation.sources {
            let rows = self.partition(&format!("MSG#{}", source.id), FIRST_SORT_KEY, None, None).await?;
            let of_source = rows.into_iter().filter_map(|item| OldMessage::of(item, self.assume_offset).ok());
            messages.extend(of_source.filter(|message| source.senders.contains(&message.sender)));
        }
        messages.sort_by(|a, b| a.place().cmp(&b.place()));
        Ok(messages)
    }

    /// Where messages go, which are in the order of time: each to its own microsecond, or, when a message is there, to
    /// the next that is free. So those of one instant keep their order, whatever their uuids; and since they are brought
    /// over in this order, the rest of them goes to the same places whenever it is gone on with.
    async fn place(&self, group: Uuid, messages: Vec<OldMessage>) -> Result<Vec<Placed>> {
        let Some(first) = messages.first() else { return Ok(Vec::new()) };
        let from = Timestamp::new(first.sent_at).to_string();
        let there = self.partition(&message::partition_key(group), &from, None, Some("sk")).await?;
        let there = there.iter().filter_map(|row| sort_key(row)?.parse::<SortKey>().ok());
        Ok(places(messages, &there.map(|sk| sk.created_at).collect()))
    }

    /// Makes sure of everything that has to be there before the messages.
    async fn open(
        &self,
        pair: Pair,
        conversation: &Conversation,
        plan: &Plan,
        placed: &[Placed],
    ) -> Result<Written> {
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else { return Ok(Written::Done) };
        if self.redirect(pair, conversation).await? == Written::LookAgain {
            return Ok(Written::LookAgain);
        }
        let group = pair.group();
        let membership = patiently(&self.random, || Membership::get(&self.table, group)).await?;
        let Some(membership) = membership else { return self.make_group(pair, plan, first, last).await };
        if !pair.members().iter().all(|user| membership.has(*user)) {
            bail!("the membership of {group} is broken: run `cruddur ddb doctor --repair` first");
        }
        if membership.created_sk <= first.sk {
            return Ok(Written::Done);
        }
        // The two have found each other in the new system before: their conversation begins earlier now.
        let change = Change::of("created_sk", &membership.created_sk.to_string(), &first.sk.to_string());
        let row = key(&membership.pk, &membership.sk);
        self.write(vec![action::update(&self.table, &row, &[change])?]).await
    }

    /// The membership and both inbox rows, which stand where the newest message will be: those that come before it
    /// don't move them.
    async fn make_group(&self, pair: Pair, plan: &Plan, first: &Placed, last: &Placed) -> Result<Written> {
        let user = |user: Uuid| plan.users.get(&user).context("a member has no names");
        let [a, b] = pair.members();
        let (a, b) = (user(a)?, user(b)?);
        let group = pair.group();
        let inbox_row = |owner: &User, other: &User| InboxRow {
            pk: message_group::partition_key(owner.uuid),
            sk: last.sk,
            message_group_uuid: group,
            message: preview(last.old.text()),
            other_uuid: other.uuid,
            other_display_name: other.display_name.clone(),
            other_handle: other.handle.clone(),
        };
        let membership = Membership::new(group, first.sk, [a, b]);
        self.write(vec![
            self.table.put_new_action(&membership)?,
            self.table.put_new_action(&inbox_row(a, b))?,
            self.table.put_new_action(&inbox_row(b, a))?,
        ])
        .await
    }

    /// Writes down what becomes of the old groups.
    async fn redirect(&self, pair: Pair, conversation: &Conversation) -> Result<Written> {
        let mut actions = Vec::new();
        for Source { id, .. } in &conversation.sources {
            if Id::of(id) != Id::Group {
                continue;
            }
            let redirect = Redirect::new(id, pair);
            let there = self.row(&redirect.pk, &redirect.sk).await?;
            match there.and_then(|row| from_item::<Redirect>(row).ok()) {
                Some(there) if there.pair() == Some(pair) => {}
                Some(_) => bail!("another migration has decided otherwise about the old group {id}"),
                None => actions.push(self.table.put_item_action(to_item(&redirect)?)?),
            }
        }
        for some in actions.chunks(ACTIONS_AT_A_TIME) {
            if self.write(some.to_vec()).await? == Written::LookAgain {
                return Ok(Written::LookAgain);
            }
        }
        Ok(Written::Done)
    }

    fn move_actions(&self, group: Uuid, placed: &[Placed]) -> Result<Vec<TransactWriteItem>> {
        let mut actions = Vec::with_capacity(2 * placed.len());
        for Placed { old, sk } in placed {
            let row = old.moved(group, sk.created_at).context("a message was readable before")?;
            actions.push(self.table.put_item_action(row)?);
            let delete = Delete::builder()
                .table_name(self.table.name())
                .set_key(Some(key(text(&old.item, "pk"), text(&old.item, "sk"))))
                .condition_expression("message_uuid = :uuid")
                .expression_attribute_values(
                    ":uuid",
                    AttributeValue::S(text(&old.item, "message_uuid").to_owned()),
                )
                .build()?;
            actions.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(actions)
    }

    /// Moves the inbox rows of a group to its newest message, as the stream's handler does: where the two were in the
    /// new system before, an old message may be newer than what their rows stand at.
    async fn move_inbox_rows(&self, group: Uuid) -> Result<()> {
        for round in 0..=FRUITLESS_ROUNDS {
            let newest = newest_message_row(&self.table, &self.random, group, None).await?;
            let Some(row) = newest else { return Ok(()) };
            let row: MessageRow = from_item(row)?;
            let message = NewestMessage {
                group_uuid: group,
                sk: row.sk,
                message: row.message,
                sequence_numbers: Vec::new(),
            };
            match Box::pin(move_group(&self.table, &self.random, &message)).await {
                Ok(_) => return Ok(()),
                Err(MoveError::Table(error @ Error::Internal(_))) => return Err(error.into()),
                Err(error) => {
                    tracing::info!(cause = %cruddur::error::Chain(&error), "moving inbox rows again");
                }
            }
            sleep(FIRST_WAIT * round + self.random.jitter(FIRST_WAIT)).await;
        }
        bail!(
            "the inbox rows of {group} can't be moved: run `cruddur ddb doctor --repair`, and then this again"
        )
    }

    /// All or nothing.
    pub(super) async fn write(&self, actions: Vec<TransactWriteItem>) -> Result<Written> {
        let give_up = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        loop {
            match Box::pin(self.table.transact(actions.clone())).await {
                Ok(()) => return Ok(Written::Done),
                Err(WriteError::Busy(_)) if Instant::now() < give_up => {
                    sleep(self.random.jitter(wait)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(WriteError::Refused { .. } | WriteError::Unknown(_)) => return Ok(Written::LookAgain),
                Err(error) => return Err(Error::from(error).into()),
            }
        }
    }
}

/// Sorts before every sort key of either system.
const FIRST_SORT_KEY: &str = "!";

/// [`Migration::place`], beside messages that stand at the times `taken`.
fn places(messages: Vec<OldMessage>, taken: &BTreeSet<Timestamp>) -> Vec<Placed> {
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
    messages.into_iter().map(place).collect()
}

/// About how many bytes an item has.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        // The old system wrote texts alone: this is never less.
        other => format!("{other:?}").len(),
    };
    item.iter().map(|(name, of)| name.len() + value(of)).sum()
}

/// In transactions that DynamoDB takes.
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
