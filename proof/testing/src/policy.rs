//! AWS IAM's decisions about the functions' calls: the policies of `template.yaml`, and an evaluator.
//!
//! It follows IAM's documentation (User Guide, "Policy evaluation logic") and supports only the elements that
//! the template uses. Reading any other element is an error: skipping it would give false confidence.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

pub use self::{
    access::{Access, accesses},
    enforced::{Enforced, Refusal},
    permission::Permission,
    template::{Template, template},
};

mod access;
mod enforced;
mod permission;
mod template;

/// The policies of one role, evaluated together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub statements: Vec<Statement>,
}

/// An action that is allowed on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The action, such as `dynamodb:GetItem`.
    pub action: String,
    /// ARN, which may end with a wildcard.
    pub resource: String,
    /// Patterns of partition keys. A request must have at least one key, and each must match a pattern. `None` means
    /// no condition.
    pub leading_keys: Option<Vec<String>>,
}

impl Policy {
    /// Parses a policy document.
    fn parse(document: &Value) -> Result<Self> {
        let Some(Value::Array(all)) = document.get("Statement") else { bail!("no statements: {document}") };
        let supported = json!({"Version": "2012-10-17", "Statement": all});
        ensure!(*document == supported, "unsupported elements in {document}");
        let mut statements = Vec::new();
        for statement in all {
            statements.extend(statements_of(statement).with_context(|| format!("in {statement}"))?);
        }
        Ok(Self { statements })
    }

    /// Returns `true` if a statement allows `access`.
    #[must_use]
    pub fn allows(&self, access: &Access) -> bool {
        self.statements.iter().any(|statement| statement.allows(access))
    }
}

impl Statement {
    /// Returns `true` if the statement concerns DynamoDB or its streams.
    #[must_use]
    pub fn is_of_dynamodb(&self) -> bool {
        self.action.to_lowercase().starts_with("dynamodb:")
    }

    fn allows(&self, access: &Access) -> bool {
        // Actions are case-insensitive, resources are not (User Guide, "IAM JSON policy elements").
        self.action.eq_ignore_ascii_case(&access.action)
            && matches(&self.resource, &access.resource)
            && self.leading_keys.as_ref().is_none_or(|patterns| {
                let is_allowed = |key: &String| patterns.iter().any(|pattern| matches(pattern, key));
                !access.leading_keys.is_empty() && access.leading_keys.iter().all(is_allowed)
            })
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |prefix| text.starts_with(prefix))
}

/// Parses a statement, which may have several actions and resources.
fn statements_of(statement: &Value) -> Result<Vec<Statement>> {
    let (mut actions, mut resources, mut leading_keys) = (vec![], vec![], None);
    for (name, value) in statement.as_object().context("not an object")? {
        match (&**name, value.as_str()) {
            // Only resource-based policies have a principal.
            ("Effect", Some("Allow")) | ("Principal", Some("*")) => {}
            ("Action", _) => actions = strings(value)?,
            ("Resource", _) => resources = strings(value)?,
            ("Condition", _) => leading_keys = Some(leading_keys_of(value)?),
            _ => bail!("unsupported: {name} {value}"),
        }
    }
    for pattern in resources.iter().chain(leading_keys.iter().flatten()) {
        let fixed = pattern.strip_suffix('*').unwrap_or(pattern);
        ensure!(!fixed.contains(['*', '?']), "unsupported wildcard in {pattern}");
    }
    let mut statements = Vec::new();
    for action in actions {
        ensure!(!action.contains(['*', '?']), "unsupported wildcard in {action}");
        statements.extend(resources.iter().map(|resource| Statement {
            action: action.clone(),
            resource: resource.clone(),
            leading_keys: leading_keys.clone(),
        }));
    }
    Ok(statements)
}

/// The patterns of the only condition that the template uses.
fn leading_keys_of(condition: &Value) -> Result<Vec<String>> {
    let patterns = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let supported = json!({
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": patterns},
        // The first part is true of a request without any key.
        "Null": {"dynamodb:LeadingKeys": "false"},
    });
    ensure!(*condition == supported, "unsupported condition");
    strings(patterns)
}

/// Parses one string or several: policies may omit the brackets around a single one.
fn strings(value: &Value) -> Result<Vec<String>> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let string =
        |value: &Value| Ok(value.as_str().with_context(|| format!("{value} is not a string"))?.to_owned());
    values.iter().map(string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:123456789012:table/letters";

    fn parse(statement: &Value) -> Result<Policy> {
        Policy::parse(&json!({"Version": "2012-10-17", "Statement": [statement]}))
    }

    fn policy(action: &str, resource: &str) -> Policy {
        parse(&json!({"Effect": "Allow", "Action": action, "Resource": resource})).unwrap()
    }

    /// `GetItem` of rows with these partition keys.
    fn get_item(keys: &[&str]) -> Access {
        let leading_keys = keys.iter().map(|&key| key.to_owned()).collect();
        Access { leading_keys, ..Access::new("GetItem", TABLE) }
    }

    #[test]
    fn a_request_needs_a_statement_for_its_action_and_resource() {
        assert!(!Policy::default().allows(&get_item(&["a"])));
        assert!(policy("dynamodb:GetItem", TABLE).allows(&get_item(&["a"])));
        assert!(!policy("dynamodb:PutItem", TABLE).allows(&get_item(&["a"])));
        assert!(!policy("dynamodb:GetItem", &format!("{TABLE}-2")).allows(&get_item(&["a"])));
    }

    #[test]
    fn actions_are_case_insensitive_and_resources_are_not() {
        assert!(policy("DynamoDB:getitem", TABLE).allows(&get_item(&["a"])));
        assert!(!policy("dynamodb:GetItem", &TABLE.to_uppercase()).allows(&get_item(&["a"])));
    }

    #[test]
    fn a_table_is_not_its_index() {
        let index = Access::new("Query", &format!("{TABLE}/index/by-date"));
        assert!(!policy("dynamodb:Query", TABLE).allows(&index));
        let of_index = policy("dynamodb:Query", &format!("{TABLE}/index/*"));
        assert!(of_index.allows(&index));
        assert!(!of_index.allows(&Access::new("Query", TABLE)));
    }

    #[test]
    fn every_partition_key_must_match_a_pattern_and_there_must_be_one() {
        let policy = parse(&json!({
            "Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": [TABLE],
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        }));
        let policy = policy.unwrap();
        for (keys, allowed) in [
            (&["A#1"][..], true),
            (&["A#1", "B#1", "A#"], true),
            (&["A#1", "C#1"], false),
            (&["C#A#1"], false),
            (&["A"], false),
            (&["a#1"], false),
            (&[], false),
        ] {
            assert_eq!(policy.allows(&get_item(keys)), allowed, "{keys:?}");
        }
    }

    #[test]
    fn unsupported_elements_are_rejected() {
        let error = |name: &str, value: Value| {
            let mut statement = json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE});
            statement[name] = value;
            format!("{:#}", parse(&statement).unwrap_err())
        };
        let keys = |patterns: Value| json!({"dynamodb:LeadingKeys": patterns});
        for (name, value, expected) in [
            ("Effect", json!("Deny"), "unsupported: Effect \"Deny\""),
            ("NotAction", json!("dynamodb:Scan"), "unsupported: NotAction"),
            ("Principal", json!({"AWS": "x"}), "unsupported: Principal"),
            ("Action", json!("dynamodb:*"), "unsupported wildcard in dynamodb:*"),
            ("Action", json!([1]), "1 is not a string"),
            ("Resource", json!("*/index"), "unsupported wildcard in */index"),
            ("Resource", json!("a?c"), "unsupported wildcard in a?c"),
            ("Condition", json!({"ForAllValues:StringLike": keys(json!(["A#*"]))}), "unsupported condition"),
            ("Condition", json!({"StringLike": keys(json!(["A#*"]))}), "unsupported condition"),
            (
                "Condition",
                json!({"ForAllValues:StringLike": keys(json!(["A#*"])), "Null": keys(json!("true"))}),
                "unsupported condition",
            ),
            (
                "Condition",
                json!({"ForAllValues:StringLike": keys(json!(["*#A"])), "Null": keys(json!("false"))}),
                "unsupported wildcard in *#A",
            ),
        ] {
            let error = error(name, value);
            assert!(error.contains(expected), "{error}");
        }
        for document in [
            json!("AmazonDynamoDBFullAccess"),
            json!({"Version": "2008-10-17", "Statement": []}),
            json!({"Version": "2012-10-17", "Statement": [], "Id": "x"}),
        ] {
            Policy::parse(&document).unwrap_err();
        }
    }
}
