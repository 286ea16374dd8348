//! Reactions to messages (design, section 3).

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::{
    Messages,
    change::{MAX_ATTEMPTS, NEXT_VERSION},
};
use crate::{
    backoff::Backoff,
    dynamodb::within_time_limit,
    error::{Dependency, Error},
    message_group::membership_for,
    sort_key::SortKey,
    table::{Key, MessageRow, Update, WriteError, from_item, reactions_attribute},
};

/// Maximum number of a user's reactions to a message.
pub const MAX_REACTIONS: usize = 5;

/// An emoji of Unicode that is recommended for general interchange, in its fully qualified form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emoji(&'static str);

/// The text is not a single emoji.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an emoji")]
pub struct InvalidEmoji;

impl Emoji {
    /// The emoji.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for Emoji {
    type Err = InvalidEmoji;

    /// Accepts forms without variation selectors too.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        emojis::get(text).map(|emoji| Self(emoji.as_str())).ok_or(InvalidEmoji)
    }
}

/// A change of a user's reactions to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReactionChange {
    /// Adds the emoji.
    Add(Emoji),
    /// Removes the emoji.
    Remove(Emoji),
}

impl Messages {
    /// Changes the caller's reactions to a message. A change that was made before changes nothing.
    ///
    /// Fails with [`Error::MessageGroupNotFound`], [`Error::MessageNotFound`], and for additions
    /// [`Error::MessageDeleted`] and [`Error::ReactionLimit`], in this order.
    pub async fn react(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        change: ReactionChange,
    ) -> Result<(), Error> {
        within_time_limit(self.react_with_retries(caller, group_uuid, sk, change)).await
    }

    async fn react_with_retries(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        change: ReactionChange,
    ) -> Result<(), Error> {
        if !self.members.contains(caller, group_uuid) {
            let membership = membership_for(&self.table, group_uuid, caller).await?;
            self.members.insert(caller, group_uuid, membership.other_than(caller));
        }
        let set = reactions_attribute(caller);
        let (emoji, condition, action) = match change {
            ReactionChange::Add(emoji) => (
                emoji,
                format!(
                    "attribute_exists(pk) AND attribute_not_exists(deleted_at) AND NOT contains({set}, :emoji) AND \
                     (attribute_not_exists({set}) OR size({set}) < :limit)"
                ),
                "ADD",
            ),
            ReactionChange::Remove(emoji) => (emoji, format!("contains({set}, :emoji)"), "DELETE"),
        };
        let number = |number: usize| AttributeValue::N(number.to_string());
        let mut values = vec![
            (":emoji", AttributeValue::S(emoji.as_str().to_owned())),
            (":emojis", AttributeValue::Ss(vec![emoji.as_str().to_owned()])),
            (":limit", number(MAX_REACTIONS)),
            (":one", number(1)),
        ];
        values.retain(|(name, _)| *name != ":limit" || condition.contains(name));
        let update = Update {
            key: Key::Message { group_uuid, sk },
            condition: condition.into(),
            set: format!("SET {NEXT_VERSION} {action} {set} :emojis"),
            values,
        };
        let mut backoff = Backoff::new(&self.random);
        for _ in 0..MAX_ATTEMPTS {
            match self.table.update(update.clone()).await {
                Ok(_) => return Ok(()),
                Err(WriteError::ConditionFailed { rows, .. }) => {
                    let stored = rows.into_iter().next().flatten().filter(|stored| !stored.is_empty());
                    return judge(stored.map(from_item).transpose()?, caller, change);
                }
                Err(WriteError::Busy(_) | WriteError::Unknown(_)) => backoff.wait().await,
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "the reaction could not be written"))
    }
}

/// Decides the outcome of a refused change.
fn judge(stored: Option<MessageRow>, caller: Uuid, change: ReactionChange) -> Result<(), Error> {
    let stored = stored.ok_or(Error::MessageNotFound)?;
    match change {
        ReactionChange::Remove(_) => Ok(()),
        ReactionChange::Add(_) if stored.deleted_at.is_some() => Err(Error::MessageDeleted),
        ReactionChange::Add(emoji) => {
            let own = stored.reactions.0.get(&caller);
            let is_there = own.is_some_and(|own| own.contains(emoji.as_str()));
            if is_there { Ok(()) } else { Err(Error::ReactionLimit) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reaction_is_one_emoji_in_its_fully_qualified_form() {
        for (text, expected) in [
            ("👍", Ok("👍")),
            ("👍🏽", Ok("👍🏽")),
            ("❤", Ok("❤\u{fe0f}")),
            ("❤\u{fe0f}", Ok("❤\u{fe0f}")),
            ("👩‍👩‍👧‍👦", Ok("👩‍👩‍👧‍👦")),
            (
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
                Ok("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}"),
            ),
            ("", Err(InvalidEmoji)),
            ("a", Err(InvalidEmoji)),
            ("1", Err(InvalidEmoji)),
            ("👍👍", Err(InvalidEmoji)),
            ("👍 ", Err(InvalidEmoji)),
            ("thumbs up", Err(InvalidEmoji)),
            ("👍\u{200d}\u{200d}", Err(InvalidEmoji)),
        ] {
            assert_eq!(text.parse().map(Emoji::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn the_longest_emoji_has_at_most_64_bytes() {
        let tones = |emoji: &'static emojis::Emoji| emoji.skin_tones().into_iter().flatten();
        let longest = emojis::iter().chain(emojis::iter().flat_map(tones)).map(|emoji| emoji.as_str().len());
        assert!(longest.max().is_some_and(|longest| longest <= 64));
    }
}
