//! Differences between a table and its definition.

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

/// Compares a table with its definition, without billing mode and other indexes.
pub(super) fn differences(table: &TableDescription, expiry: &TimeToLiveDescription) -> Vec<String> {
    let mut found = Vec::new();
    if !has_keys(table.key_schema(), &TABLE_KEYS) {
        let keys = keys(table.key_schema());
        found.push(format!("its keys are {keys} and not {}", names(&TABLE_KEYS)));
    }
    let attributes = table.attribute_definitions().iter();
    for attribute in attributes.filter(|attribute| STRING_ATTRIBUTES.contains(&attribute.attribute_name())) {
        let (name, kind) = (attribute.attribute_name(), attribute.attribute_type().as_str());
        if kind != "S" {
            found.push(format!("its attribute {name} is of type {kind} and not S"));
        }
    }
    found.extend(index_differences(table));
    match table.stream_specification().filter(|stream| stream.stream_enabled()) {
        None => found.push("it has no stream".to_owned()),
        Some(stream) if stream.stream_view_type() != Some(&StreamViewType::NewImage) => {
            let view = stream.stream_view_type().map_or("nothing", StreamViewType::as_str);
            found.push(format!("its stream shows {view} and not NEW_IMAGE"));
        }
        Some(_) => {}
    }
    match expiry.attribute_name().filter(|_| is_on(expiry)) {
        Some(EXPIRY) => {}
        Some(name) => found.push(format!("its time to live goes by {name} and not by {EXPIRY}")),
        None => found.push(format!("its time to live is off and not on for {EXPIRY}")),
    }
    found
}

pub(super) fn is_on(expiry: &TimeToLiveDescription) -> bool {
    matches!(expiry.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
}

fn index_differences(table: &TableDescription) -> Vec<String> {
    let mut indexes = table.global_secondary_indexes().iter();
    let Some(index) = indexes.find(|index| index.index_name() == Some(GROUP_INDEX)) else {
        return vec![format!("the index {GROUP_INDEX} is missing")];
    };
    let mut found = Vec::new();
    if !has_keys(index.key_schema(), &INDEX_KEYS) {
        let (keys, expected) = (keys(index.key_schema()), names(&INDEX_KEYS));
        found.push(format!("the keys of {GROUP_INDEX} are {keys} and not {expected}"));
    }
    let projection = index.projection().and_then(|projection| projection.projection_type());
    if projection != Some(&ProjectionType::All) {
        let projection = projection.map_or("nothing", ProjectionType::as_str);
        found.push(format!("the projection of {GROUP_INDEX} is {projection} and not ALL"));
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
