//! Reactions: a set of emoji for each member who reacted to a message.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap as _,
};
use uuid::Uuid;

use super::Item;

/// The attribute of a user's reactions is this prefix and the user's UUID without hyphens.
const PREFIX: &str = "reactions_";

/// Emoji by user. In a row, each user's are a string set of their own, so that members react at the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions(pub BTreeMap<Uuid, BTreeSet<String>>);

/// The attribute of a user's reactions to a message.
#[must_use]
pub fn reactions_attribute(user_uuid: Uuid) -> String {
    format!("{PREFIX}{}", user_uuid.simple())
}

fn user_of(attribute: &str) -> Option<Uuid> {
    attribute.strip_prefix(PREFIX)?.parse().ok()
}

impl Reactions {
    /// Removes the reactions from an item. Ignores attributes that are not string sets.
    pub(crate) fn take(item: &mut Item) -> Self {
        let attributes = item.extract_if(|name, _| name.starts_with(PREFIX));
        let sets = attributes.filter_map(|(name, value)| match value {
            AttributeValue::Ss(emoji) => Some((user_of(&name)?, emoji.into_iter().collect())),
            _ => None,
        });
        Self(sets.collect())
    }
}

impl Serialize for Reactions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(transparent)]
        struct Set<'a>(#[serde(with = "serde_dynamo::string_set")] &'a BTreeSet<String>);

        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (user_uuid, emoji) in &self.0 {
            map.serialize_entry(&reactions_attribute(*user_uuid), &Set(emoji))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Reactions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;

        impl<'de> Visitor<'de> for Attributes {
            type Value = Reactions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the attributes of a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reactions, A::Error> {
                let mut reactions = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    match user_of(&name) {
                        Some(user_uuid) => drop(reactions.insert(user_uuid, map.next_value()?)),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Reactions(reactions))
            }
        }

        deserializer.deserialize_map(Attributes)
    }
}

#[cfg(test)]
mod tests {
    use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

    use super::*;
    use crate::{table::MessageRow, user::User};

    #[test]
    fn a_message_row_holds_a_string_set_for_each_user() {
        let sender =
            User { uuid: Uuid::from_u128(1), handle: "sunyoung".to_owned(), display_name: "S".to_owned() };
        let sk = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001".parse().unwrap();
        let mut row = MessageRow::new(Uuid::from_u128(4), sk, &"hello".parse().unwrap(), &sender);
        let emoji = |emoji: &[&str]| emoji.iter().map(|&emoji| emoji.to_owned()).collect::<BTreeSet<_>>();
        row.reactions.0.insert(Uuid::from_u128(1), emoji(&["👍"]));
        row.reactions.0.insert(Uuid::from_u128(2), emoji(&["👍", "🎉"]));
        let mut item: Item = to_item(&row).unwrap();
        assert_eq!(
            item["reactions_00000000000000000000000000000001"],
            AttributeValue::Ss(vec!["👍".to_owned()])
        );
        assert_eq!(from_item::<MessageRow>(item.clone()).unwrap(), row);
        assert_eq!(Reactions::take(&mut item), row.reactions);
        assert_eq!(from_item::<MessageRow>(item).unwrap().reactions, Reactions::default());
    }
}
