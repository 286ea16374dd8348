//! Filter criteria, evaluated as Lambda does before it invokes the function.
//!
//! Only strings and the operator `prefix` are supported: keys and numbers of an item are strings in the events, and
//! `template.yaml` needs no other operator. Lambda has more.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// The filters of a mapping. A record passes if one of them matches or there are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Vec<Keys>);

/// The keys of a pattern. All of them have to match.
type Keys = BTreeMap<String, Pattern>;

/// A node of a pattern. Each key leads to further keys, or to rules of which one must match.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Pattern {
    Object(Keys),
    AnyOf(Vec<Rule>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Rule {
    Equals(String),
    Prefix { prefix: String },
}

impl Filter {
    /// Parses the `Pattern` texts of `FilterCriteria`.
    pub(super) fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self> {
        let parse = |pattern: &T| {
            let pattern = pattern.as_ref();
            serde_json::from_str(pattern)
                .with_context(|| format!("the filter pattern {pattern} is not supported by the local stack"))
        };
        patterns.iter().map(parse).collect::<Result<_>>().map(Self)
    }

    /// Returns `true` if `record`, a record of the event, passes the filter.
    pub(super) fn matches(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|keys| match_all(keys, record))
    }
}

fn match_all(keys: &Keys, object: &Value) -> bool {
    keys.iter().all(|(key, pattern)| object.get(key).is_some_and(|value| pattern.matches(value)))
}

impl Pattern {
    /// An array in the record matches if one of its elements does.
    fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Array(elements)) => elements.iter().any(|element| self.matches(element)),
            (Self::Object(keys), object) => match_all(keys, object),
            (Self::AnyOf(rules), Value::String(text)) => rules.iter().any(|rule| rule.matches(text)),
            (Self::AnyOf(_), _) => false,
        }
    }
}

impl Rule {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equals(literal) => text == literal,
            Self::Prefix { prefix } => text.starts_with(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use cruddur::table::RowKind;
    use serde_json::json;

    use super::*;
    use crate::deployment::stream_filters;

    fn record(event_name: &str, kind: RowKind) -> Value {
        json!({"eventName": event_name, "dynamodb": {"Keys": {"pk": {"S": kind.partition(1)}, "sk": {"S": "1"}}}})
    }

    #[test]
    fn the_deployed_pattern_matches_new_and_changed_messages_and_member_states() {
        let filter = Filter::parse(&stream_filters()).unwrap();
        for event_name in ["INSERT", "MODIFY"] {
            assert!(filter.matches(&record(event_name, RowKind::Message)));
            assert!(filter.matches(&record(event_name, RowKind::MemberState)));
            assert!(!filter.matches(&record(event_name, RowKind::Inbox)));
            assert!(!filter.matches(&record(event_name, RowKind::Membership)));
        }
        assert!(!filter.matches(&record("REMOVE", RowKind::Message)));
        assert!(!filter.matches(&json!({"eventName": "INSERT"})));
    }

    #[test]
    fn without_filters_every_record_passes() {
        assert!(Filter::default().matches(&json!({"eventName": "REMOVE"})));
    }

    #[test]
    fn several_filters_are_alternatives() {
        let filter = Filter::parse(&[r#"{"a": ["1"], "b": ["2"]}"#, r#"{"a": ["3"]}"#]).unwrap();
        assert!(filter.matches(&json!({"a": "1", "b": "2"})));
        assert!(filter.matches(&json!({"a": "3", "b": "4"})));
        assert!(!filter.matches(&json!({"a": "1", "b": "4"})));
    }

    #[test]
    fn several_rules_of_a_key_are_alternatives() {
        let filter = Filter::parse(&[r#"{"eventName": ["INSERT", {"prefix": "MOD"}]}"#]).unwrap();
        for (event_name, is_match) in [("INSERT", true), ("MODIFY", true), ("REMOVE", false)] {
            assert_eq!(filter.matches(&json!({"eventName": event_name})), is_match, "{event_name}");
        }
    }

    #[test]
    fn one_element_of_a_set_or_list_has_to_match() {
        let set = Filter::parse(&[r#"{"SS": ["b"]}"#]).unwrap();
        assert!(set.matches(&json!({"SS": ["a", "b"]})));
        assert!(!set.matches(&json!({"SS": ["a", "c"]})));
        let list = Filter::parse(&[r#"{"L": {"S": ["b"]}}"#]).unwrap();
        assert!(list.matches(&json!({"L": [{"S": "a"}, {"S": "b"}]})));
    }

    #[test]
    fn other_operators_and_malformed_patterns_are_rejected_with_the_pattern() {
        for pattern in [
            "single-string",
            "[1]",
            r#"["INSERT"]"#,
            r#"{"a": "INSERT"}"#,
            r#"{"a": [1]}"#,
            r#"{"a": [null]}"#,
            r#"{"a": [["b"]]}"#,
            r#"{"a": [{"prefix": 1}]}"#,
            r#"{"a": [{"prefix": "b", "suffix": "c"}]}"#,
            r#"{"eventName": [{"suffix": "T"}]}"#,
            r#"{"userIdentity": [{"exists": false}]}"#,
            r#"{"dynamodb": {"SizeBytes": [{"numeric": [">", 1]}]}}"#,
            r#"{"$or": [{"eventName": ["INSERT"]}]}"#,
        ] {
            let error = Filter::parse(&[pattern]).unwrap_err().to_string();
            assert_eq!(error, format!("the filter pattern {pattern} is not supported by the local stack"));
        }
    }
}
