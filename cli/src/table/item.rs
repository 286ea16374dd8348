//! Attributes and keys of raw rows.

use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::table::Item;
use uuid::Uuid;

/// The attribute that puts a row into the index. Only inbox rows have it.
pub(crate) const GROUP_UUID: &str = "message_group_uuid";

/// Sorts before the sort keys of all rows.
pub(crate) const FIRST_SORT_KEY: &str = "!";

/// The attribute that keeps the offset assumed by a migration.
pub(crate) const ASSUMED_OFFSET: &str = "assumed_offset";

/// Key attributes with any texts, well-formed or not.
pub(crate) fn key(pk: &str, sk: &str) -> Item {
    [("pk", pk), ("sk", sk)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()
}

/// Returns a text attribute, or an empty string if there is none.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// Parses an attribute as a UUID in any spelling.
pub(crate) fn uuid(item: &Item, name: &str) -> Option<Uuid> {
    text(item, name).parse().ok()
}

/// The text after the kind in the partition key.
pub(crate) fn partition_id(item: &Item) -> &str {
    text(item, "pk").split_once('#').map_or("", |(_, id)| id)
}
