//! Attributes and keys of raw rows.

use cruddur::dynamodb::Item;
use uuid::Uuid;

/// The attribute that puts a row into the index. Only inbox rows have it.
pub(crate) const GROUP_UUID: &str = "message_group_uuid";

/// Sorts before the sort keys of all rows.
pub(crate) const FIRST_SORT_KEY: &str = "!";

/// The partition key of the row that keeps the offset assumed by a migration.
pub(crate) const MIGRATION_PK: &str = "MIGRATION#offset";

/// The sort key of that row, and the kind in its partition key.
pub(crate) const MIGRATION: &str = "MIGRATION";

/// The attribute of that row.
pub(crate) const ASSUMED_OFFSET: &str = "assumed_offset";

/// Returns a text attribute, or an empty string if there is none.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// Parses an attribute as a UUID in any spelling.
pub(crate) fn uuid(item: &Item, name: &str) -> Option<Uuid> {
    text(item, name).parse().ok()
}

/// The kind in the partition key, such as `MSG`.
pub(crate) fn kind(item: &Item) -> &str {
    text(item, "pk").split_once('#').map_or("", |(kind, _)| kind)
}
