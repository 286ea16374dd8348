//! Filter criteria, evaluated as Lambda does before it invokes the function.

use serde_json::{Map, Value};

/// The filters of a mapping. A record passes if one of them matches or there are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Vec<Pattern>);

/// An invalid filter pattern. Lambda rejects such a pattern when the mapping is created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The pattern is not JSON, or not a JSON object.
    #[error("the filter pattern is not a JSON object: {0}")]
    NotAnObject(String),
    /// An object without keys or an array without rules, which would match nothing.
    #[error("the filter pattern is empty at `{0}`")]
    Empty(String),
    /// A key whose value is neither an object nor an array of rules.
    #[error("the filter pattern has neither an object nor an array at `{0}`")]
    NotARule(String),
    /// An operator that the local stack doesn't support; Lambda may.
    #[error("the filter operator `{operator}` at `{path}` is not supported by the local stack")]
    UnsupportedOperator {
        /// The operator's name.
        operator: String,
        /// The path to the operator: keys joined with dots.
        path: String,
    },
    /// A supported operator with an operand of the wrong type.
    #[error("the filter operator `{operator}` at `{path}` has an operand of the wrong type")]
    Operand {
        /// The operator's name.
        operator: String,
        /// The path to the operator: keys joined with dots.
        path: String,
    },
}

/// A node of a pattern. Each key leads to further keys, or to rules of which one must match.
#[derive(Debug, Clone)]
enum Pattern {
    Object(Vec<(String, Pattern)>),
    AnyOf(Vec<Rule>),
}

/// `numeric` is omitted on purpose: numbers in DynamoDB events are strings, so the operator can't match them.
#[derive(Debug, Clone)]
enum Rule {
    Equals(Value),
    Prefix(String),
    Exists(bool),
}

impl Filter {
    /// Parses the `Pattern` texts of `FilterCriteria`.
    pub(super) fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self, FilterError> {
        patterns.iter().map(|pattern| Pattern::parse(pattern.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `record`, a record of the event, passes the filter.
    pub(super) fn matches(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(Some(record)))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, FilterError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(keys)) => Self::object(&keys, ""),
            Ok(_) => Err(FilterError::NotAnObject("it has another type".to_owned())),
            Err(error) => Err(FilterError::NotAnObject(error.to_string())),
        }
    }

    fn object(keys: &Map<String, Value>, path: &str) -> Result<Self, FilterError> {
        if keys.is_empty() {
            return Err(FilterError::Empty(path.to_owned()));
        }
        let key = |(key, value): (&String, &Value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            // Operators such as `$or` take the place of a key.
            if key.starts_with('$') {
                return Err(FilterError::UnsupportedOperator { operator: key.clone(), path });
            }
            let pattern = match value {
                Value::Object(keys) => Self::object(keys, &path)?,
                Value::Array(rules) if rules.is_empty() => return Err(FilterError::Empty(path)),
                Value::Array(rules) => {
                    Self::AnyOf(rules.iter().map(|rule| Rule::parse(rule, &path)).collect::<Result<_, _>>()?)
                }
                _ => return Err(FilterError::NotARule(path)),
            };
            Ok((key.clone(), pattern))
        };
        keys.iter().map(key).collect::<Result<_, _>>().map(Self::Object)
    }

    /// An array in the record matches if one of its elements does.
    fn matches(&self, value: Option<&Value>) -> bool {
        if let Some(Value::Array(elements)) = value {
            return elements.iter().any(|element| self.matches(Some(element)));
        }
        match self {
            Self::Object(keys) => {
                keys.iter().all(|(key, pattern)| pattern.matches(value.and_then(|value| value.get(key))))
            }
            Self::AnyOf(rules) => rules.iter().any(|rule| rule.matches(value)),
        }
    }
}

impl Rule {
    fn parse(rule: &Value, path: &str) -> Result<Self, FilterError> {
        let operators = match rule {
            Value::Object(operators) => operators,
            Value::Array(_) => return Err(FilterError::NotARule(path.to_owned())),
            literal => return Ok(Self::Equals(literal.clone())),
        };
        let mut operators = operators.iter();
        let (Some((operator, operand)), None) = (operators.next(), operators.next()) else {
            return Err(FilterError::NotARule(path.to_owned()));
        };
        match (operator.as_str(), operand) {
            ("prefix", Value::String(prefix)) => Ok(Self::Prefix(prefix.clone())),
            ("exists", Value::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("prefix" | "exists", _) => {
                Err(FilterError::Operand { operator: operator.clone(), path: path.to_owned() })
            }
            _ => Err(FilterError::UnsupportedOperator { operator: operator.clone(), path: path.to_owned() }),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equals(literal) => value == Some(literal),
            Self::Prefix(prefix) => {
                value.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
            }
            // `exists` applies to leaves only, not to objects.
            Self::Exists(exists) => value.is_some_and(|value| !value.is_object()) == *exists,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEMPLATE: &str =
        r#"{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "MSG#"}]}}}}"#;

    fn record(event_name: &str, pk: &str) -> Value {
        json!({"eventName": event_name, "dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": "1"}}}})
    }

    fn filter(pattern: &str) -> Filter {
        Filter::parse(&[pattern]).unwrap()
    }

    fn refusal(pattern: &str) -> String {
        Filter::parse(&[pattern]).unwrap_err().to_string()
    }

    #[test]
    fn the_templates_pattern_takes_inserted_messages_only() {
        let filter = filter(TEMPLATE);
        assert!(filter.matches(&record("INSERT", "MSG#1")));
        assert!(!filter.matches(&record("INSERT", "GRP#1")));
        assert!(!filter.matches(&record("MODIFY", "MSG#1")));
        assert!(!filter.matches(&json!({"eventName": "INSERT"})));
    }

    #[test]
    fn without_filters_every_record_passes() {
        assert!(Filter::default().matches(&record("REMOVE", "GRP#1")));
    }

    #[test]
    fn several_filters_are_alternatives() {
        let filter = Filter::parse(&[TEMPLATE, r#"{"eventName": ["REMOVE"]}"#]).unwrap();
        assert!(filter.matches(&record("INSERT", "MSG#1")));
        assert!(filter.matches(&record("REMOVE", "GRP#1")));
        assert!(!filter.matches(&record("INSERT", "GRP#1")));
    }

    #[test]
    fn several_rules_of_a_key_are_alternatives() {
        let filter = filter(r#"{"eventName": ["INSERT", {"prefix": "MOD"}]}"#);
        assert!(filter.matches(&record("INSERT", "1")));
        assert!(filter.matches(&record("MODIFY", "1")));
        assert!(!filter.matches(&record("REMOVE", "1")));
    }

    #[test]
    fn literals_match_by_value_and_type() {
        let filter = filter(r#"{"n": [1], "b": [true], "z": [null]}"#);
        assert!(filter.matches(&json!({"n": 1, "b": true, "z": null})));
        assert!(!filter.matches(&json!({"n": "1", "b": true, "z": null})));
        assert!(!filter.matches(&json!({"n": 1, "b": true})));
    }

    #[test]
    fn exists_asks_for_a_leaf() {
        let present = filter(r#"{"dynamodb": {"Keys": {"pk": {"S": [{"exists": true}]}}}}"#);
        assert!(present.matches(&record("INSERT", "1")));
        assert!(!present.matches(&json!({"dynamodb": {}})));
        let absent = filter(r#"{"userIdentity": [{"exists": false}]}"#);
        assert!(absent.matches(&record("INSERT", "1")));
        assert!(!absent.matches(&json!({"userIdentity": "someone"})));
        assert!(absent.matches(&json!({"userIdentity": {"type": "Service"}})));
    }

    #[test]
    fn an_element_of_a_set_or_list_is_enough() {
        let set = filter(r#"{"SS": ["b"]}"#);
        assert!(set.matches(&json!({"SS": ["a", "b"]})));
        assert!(!set.matches(&json!({"SS": ["a", "c"]})));
        assert!(filter(r#"{"L": {"S": ["b"]}}"#).matches(&json!({"L": [{"S": "a"}, {"S": "b"}]})));
    }

    #[test]
    fn an_unsupported_operator_is_refused_by_name() {
        assert_eq!(
            refusal(r#"{"dynamodb": {"SizeBytes": [{"numeric": [">", 1]}]}}"#),
            "the filter operator `numeric` at `dynamodb.SizeBytes` is not supported by the local stack"
        );
        assert_eq!(
            refusal(r#"{"$or": [{"eventName": ["INSERT"]}]}"#),
            "the filter operator `$or` at `$or` is not supported by the local stack"
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(refusal("single-string").starts_with("the filter pattern is not a JSON object: "));
        assert_eq!(refusal("[1]"), "the filter pattern is not a JSON object: it has another type");
        assert_eq!(refusal("{}"), "the filter pattern is empty at ``");
        assert_eq!(refusal(r#"{"a": {"b": []}}"#), "the filter pattern is empty at `a.b`");
        assert_eq!(
            refusal(r#"{"a": "INSERT"}"#),
            "the filter pattern has neither an object nor an array at `a`"
        );
        assert_eq!(
            refusal(r#"{"a": [["b"]]}"#),
            "the filter pattern has neither an object nor an array at `a`"
        );
        assert_eq!(
            refusal(r#"{"a": [{"prefix": 1}]}"#),
            "the filter operator `prefix` at `a` has an operand of the wrong type"
        );
    }
}
