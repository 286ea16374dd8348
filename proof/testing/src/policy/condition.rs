//! Conditions of statements (User Guide, "IAM JSON policy elements: Condition operators" and "Set operators
//! for multivalued context keys").

use anyhow::{Result, bail, ensure};

use super::{access::Access, pattern};

/// An operator with one key and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    operator: Operator,
    key: ContextKey,
    values: Vec<String>,
}

/// A condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextKey {
    /// `dynamodb:LeadingKeys`: the partition keys named in a request. Multivalued.
    LeadingKeys,
    /// `dynamodb:EnclosingOperation`: the enclosing transaction of an action.
    EnclosingOperation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// True if the request has the key ("false") or lacks it ("true").
    Null,
    /// Compares the request's values with any of the condition's.
    Compare(Quantifier, Comparison),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// The request's single value.
    One,
    /// Each of the request's values. True if there is none.
    ForAllValues,
    /// At least one of the request's values. False if there is none.
    ForAnyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equals,
    Like,
}

impl Condition {
    /// Parses the condition `{operator: {key: values}}`.
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Result<Self> {
        let operator = Operator::parse(operator)?;
        let key = ContextKey::parse(key)?;
        match operator {
            Operator::Null => {
                let known = matches!(&values[..], [value] if matches!(&**value, "true" | "false"));
                ensure!(known, "Null wants true or false, not {values:?}");
            }
            // AWS also compares a multivalued key in this case, but does not document how.
            Operator::Compare(Quantifier::One, _) => {
                ensure!(key != ContextKey::LeadingKeys, "{key:?} wants ForAllValues or ForAnyValue");
            }
            Operator::Compare(..) => {}
        }
        Ok(Self { operator, key, values })
    }

    /// The partition-key patterns that the condition allows. `None` if it has another key or operator.
    #[must_use]
    pub fn leading_keys(&self) -> Option<&[String]> {
        let confines = matches!(self.operator, Operator::Compare(Quantifier::ForAllValues, _));
        (confines && self.key == ContextKey::LeadingKeys).then_some(&self.values)
    }

    /// Whether the condition requires the request to have partition keys. Without any, every `ForAllValues`
    /// condition is true.
    #[must_use]
    pub fn wants_leading_keys(&self) -> bool {
        self.operator == Operator::Null && self.key == ContextKey::LeadingKeys && self.values == ["false"]
    }

    pub(super) fn without_value(&self, value: &str) -> Self {
        let values = self.values.iter().filter(|one| *one != value).cloned().collect();
        Self { values, ..self.clone() }
    }

    pub(super) fn holds_for(&self, access: &Access) -> bool {
        let found = access.context(self.key);
        match self.operator {
            Operator::Null => found.is_empty() == (self.values == ["true"]),
            Operator::Compare(quantifier, comparison) => {
                let fits = |found: &String| {
                    self.values.iter().any(|wanted| match comparison {
                        Comparison::Equals => wanted == found,
                        Comparison::Like => pattern::matches(wanted, found),
                    })
                };
                match quantifier {
                    Quantifier::One | Quantifier::ForAnyValue => found.iter().any(fits),
                    Quantifier::ForAllValues => found.iter().all(fits),
                }
            }
        }
    }
}

impl ContextKey {
    fn parse(key: &str) -> Result<Self> {
        // Names of keys are case-insensitive.
        Ok(match &*key.to_lowercase() {
            "dynamodb:leadingkeys" => Self::LeadingKeys,
            "dynamodb:enclosingoperation" => Self::EnclosingOperation,
            _ => bail!("{key} is no condition key that is understood here"),
        })
    }
}

impl Operator {
    fn parse(operator: &str) -> Result<Self> {
        let (quantifier, comparison) = match operator.split_once(':') {
            Some(("ForAllValues", comparison)) => (Quantifier::ForAllValues, comparison),
            Some(("ForAnyValue", comparison)) => (Quantifier::ForAnyValue, comparison),
            _ => (Quantifier::One, operator),
        };
        Ok(match (quantifier, comparison) {
            (Quantifier::One, "Null") => Self::Null,
            (_, "StringEquals") => Self::Compare(quantifier, Comparison::Equals),
            (_, "StringLike") => Self::Compare(quantifier, Comparison::Like),
            _ => bail!("{operator} is no operator that is understood here"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, key: &str, values: &[&str]) -> Result<Condition> {
        Condition::new(operator, key, values.iter().map(|&value| value.to_owned()).collect())
    }

    /// Whether the condition is true for a request with these partition keys.
    fn holds(operator: &str, values: &[&str], leading_keys: &[&str]) -> bool {
        let mut access = Access::new("dynamodb:BatchGetItem", "*");
        access.leading_keys = leading_keys.iter().map(|&key| key.to_owned()).collect();
        condition(operator, "dynamodb:LeadingKeys", values).unwrap().holds_for(&access)
    }

    #[test]
    fn for_all_values_is_true_when_each_fits_one_and_also_when_there_is_none() {
        let operator = "ForAllValues:StringLike";
        assert!(holds(operator, &["A#*", "B#*"], &["A#1"]));
        assert!(holds(operator, &["A#*", "B#*"], &["A#1", "B#1", "A#2"]));
        assert!(!holds(operator, &["A#*", "B#*"], &["A#1", "C#1"]));
        assert!(holds(operator, &["A#*"], &[]));
        assert!(!holds(operator, &[], &["A#1"]));
    }

    #[test]
    fn for_any_value_is_true_when_one_fits_and_never_when_there_is_none() {
        let operator = "ForAnyValue:StringLike";
        assert!(holds(operator, &["A#*"], &["C#1", "A#1"]));
        assert!(!holds(operator, &["A#*"], &["C#1"]));
        assert!(!holds(operator, &["*"], &[]));
    }

    #[test]
    fn null_asks_whether_the_key_is_absent() {
        assert!(holds("Null", &["false"], &["A#1"]));
        assert!(!holds("Null", &["false"], &[]));
        assert!(holds("Null", &["true"], &[]));
        assert!(!holds("Null", &["true"], &["A#1"]));
    }

    #[test]
    fn equals_knows_no_wildcard_and_both_know_case() {
        assert!(!holds("ForAllValues:StringEquals", &["A#*"], &["A#1"]));
        assert!(holds("ForAllValues:StringEquals", &["A#*"], &["A#*"]));
        assert!(!holds("ForAllValues:StringEquals", &["a#1"], &["A#1"]));
        assert!(!holds("ForAllValues:StringLike", &["a#*"], &["A#1"]));
    }

    #[test]
    fn a_key_of_one_value_needs_no_set_operator_and_is_unequal_when_absent() {
        let condition = |operator| {
            condition(operator, "DynamoDB:enclosingOperation", &["TransactWriteItems", "TransactGetItems"])
                .unwrap()
        };
        let mut access = Access::new("dynamodb:PutItem", "*");
        for operator in ["StringEquals", "StringLike", "ForAnyValue:StringEquals"] {
            assert!(!condition(operator).holds_for(&access), "{operator}");
        }
        access.enclosing_operation.push("TransactWriteItems".to_owned());
        for operator in ["StringEquals", "StringLike", "ForAnyValue:StringEquals"] {
            assert!(condition(operator).holds_for(&access), "{operator}");
        }
    }

    #[test]
    fn operators_that_are_not_understood_are_refused() {
        let refusal = |operator, values: &[&str]| {
            condition(operator, "dynamodb:LeadingKeys", values).unwrap_err().to_string()
        };
        for operator in [
            "StringNotLike",
            "StringLikeIfExists",
            "ForAllValues:Null",
            "forallvalues:StringLike",
            "ForSomeValues:StringLike",
            "ArnLike",
        ] {
            assert_eq!(
                refusal(operator, &["x"]),
                format!("{operator} is no operator that is understood here")
            );
        }
        assert_eq!(refusal("StringLike", &["A#*"]), "LeadingKeys wants ForAllValues or ForAnyValue");
        assert_eq!(refusal("Null", &["no"]), "Null wants true or false, not [\"no\"]");
        assert_eq!(
            refusal("Null", &["true", "false"]),
            "Null wants true or false, not [\"true\", \"false\"]"
        );
    }
}
