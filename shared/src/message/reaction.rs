//! Reactions to messages (design, section 3).

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::Messages;
use crate::{
    error::Error,
    sort_key::SortKey,
    table::{Assignments, reactions_attribute},
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
    /// Fails with [`Error::MessageGroupNotFound`], for additions [`Error::UserBlocked`] and
    /// [`Error::MessageNotAccepted`], [`Error::MessageNotFound`], and for additions [`Error::MessageDeleted`] and
    /// [`Error::ReactionLimit`], in this order.
    pub async fn react(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        change: ReactionChange,
    ) -> Result<(), Error> {
        let adds = matches!(change, ReactionChange::Add(_));
        let react = self.update(caller, group_uuid, sk, adds, |row, _| {
            let own = row.reactions.0.get(&caller);
            let has = |emoji: Emoji| own.is_some_and(|own| own.contains(emoji.as_str()));
            let (action, emoji) = match change {
                ReactionChange::Add(_) if row.deleted_at.is_some() => return Err(Error::MessageDeleted),
                ReactionChange::Add(emoji) if has(emoji) => return Ok(None),
                ReactionChange::Add(_) if own.is_some_and(|own| own.len() >= MAX_REACTIONS) => {
                    return Err(Error::ReactionLimit);
                }
                ReactionChange::Add(emoji) => ("ADD", emoji),
                ReactionChange::Remove(emoji) if has(emoji) => ("DELETE", emoji),
                ReactionChange::Remove(_) => return Ok(None),
            };
            let more = format!(" {action} {} :emoji", reactions_attribute(caller));
            let values = vec![(":emoji", AttributeValue::Ss(vec![emoji.as_str().to_owned()]))];
            Ok(Some(Assignments { more, values, ..Assignments::default() }))
        });
        react.await.map(drop)
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
