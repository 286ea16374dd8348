//! Differences between a table and its definition.

use std::fmt;

use aws_sdk_dynamodb::types::{
    KeySchemaElement, KeyType, ProjectionType, StreamViewType, TableDescription, TimeToLiveDescription,
    TimeToLiveStatus,
};
use cruddur::table::GROUP_INDEX;

pub(super) const TABLE_KEYS: [(&str, KeyType); 2] = [("pk", KeyType::Hash), ("sk", KeyType::Range)];

/// The keys of the index over inbox rows.
pub(super) const INDEX_KEYS: [(&str, KeyType); 2] =
    [("message_group_uuid", KeyType::Hash), ("sk", KeyType::Range)];

/// The attributes in these keys.
pub(super) const STRING_ATTRIBUTES: [&str; 3] = ["pk", "sk", "message_group_uuid"];

/// The time-to-live attribute.
pub(super) const EXPIRY: &str = "expires_at";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The actual keys.
    Keys(String),
    /// The name and actual type of a key attribute.
    AttributeType(String, String),
    IndexMissing,
    /// The index's actual keys.
    IndexKeys(String),
    /// The index's actual projection.
    IndexProjection(String),
    StreamMissing,
    /// The stream's actual view type.
    StreamView(String),
    ExpiryOff,
    /// The actual time-to-live attribute.
    ExpiryAttribute(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(keys) => write!(f, "its keys are {keys} and not {}", names(&TABLE_KEYS)),
            Self::AttributeType(name, found) => {
                write!(f, "its attribute {name} is of type {found} and not S")
            }
            Self::IndexMissing => write!(f, "the index {GROUP_INDEX} is missing"),
            Self::IndexKeys(keys) => {
                write!(f, "the keys of {GROUP_INDEX} are {keys} and not {}", names(&INDEX_KEYS))
            }
            Self::IndexProjection(found) => {
                write!(f, "the projection of {GROUP_INDEX} is {found} and not ALL")
            }
            Self::StreamMissing => f.write_str("it has no stream"),
            Self::StreamView(found) => write!(f, "its stream shows {found} and not NEW_IMAGE"),
            Self::ExpiryOff => write!(f, "its time to live is off and not on for {EXPIRY}"),
            Self::ExpiryAttribute(found) => write!(f, "its time to live goes by {found} and not by {EXPIRY}"),
        }
    }
}

/// Compares a table with its definition, without billing mode and other indexes.
pub(super) fn differences(table: &TableDescription, expiry: &TimeToLiveDescription) -> Vec<Difference> {
    let mut found = Vec::new();
    if !has_keys(table.key_schema(), &TABLE_KEYS) {
        found.push(Difference::Keys(keys(table.key_schema())));
    }
    let attributes = table.attribute_definitions().iter();
    for attribute in attributes.filter(|attribute| STRING_ATTRIBUTES.contains(&attribute.attribute_name())) {
        let kind = attribute.attribute_type().as_str();
        if kind != "S" {
            found.push(Difference::AttributeType(attribute.attribute_name().to_owned(), kind.to_owned()));
        }
    }
    found.extend(index_differences(table));
    match table.stream_specification().filter(|stream| stream.stream_enabled()) {
        None => found.push(Difference::StreamMissing),
        Some(stream) if stream.stream_view_type() != Some(&StreamViewType::NewImage) => {
            let view = stream.stream_view_type().map_or("nothing", StreamViewType::as_str);
            found.push(Difference::StreamView(view.to_owned()));
        }
        Some(_) => {}
    }
    let is_on =
        matches!(expiry.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    match expiry.attribute_name() {
        Some(EXPIRY) if is_on => {}
        Some(name) if is_on => found.push(Difference::ExpiryAttribute(name.to_owned())),
        _ => found.push(Difference::ExpiryOff),
    }
    found
}

fn index_differences(table: &TableDescription) -> Vec<Difference> {
    let mut indexes = table.global_secondary_indexes().iter();
    let Some(index) = indexes.find(|index| index.index_name() == Some(GROUP_INDEX)) else {
        return vec![Difference::IndexMissing];
    };
    let mut found = Vec::new();
    if !has_keys(index.key_schema(), &INDEX_KEYS) {
        found.push(Difference::IndexKeys(keys(index.key_schema())));
    }
    let projection = index.projection().and_then(|projection| projection.projection_type());
    if projection != Some(&ProjectionType::All) {
        let projection = projection.map_or("nothing", ProjectionType::as_str);
        found.push(Difference::IndexProjection(projection.to_owned()));
    }
    found
}

fn has_keys(schema: &[KeySchemaElement], wanted: &[(&str, KeyType); 2]) -> bool {
    // Partition key first.
    schema.len() == wanted.len()
        && schema
            .iter()
            .zip(wanted)
            .all(|(key, (name, kind))| key.attribute_name() == *name && key.key_type() == kind)
}

fn keys(schema: &[KeySchemaElement]) -> String {
    let keys = schema.iter().map(|key| format!("{} ({})", key.attribute_name(), key.key_type().as_str()));
    keys.collect::<Vec<_>>().join(", ")
}

fn names(keys: &[(&str, KeyType); 2]) -> String {
    keys.iter().map(|(name, kind)| format!("{name} ({})", kind.as_str())).collect::<Vec<_>>().join(", ")
}
