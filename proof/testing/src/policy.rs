//! AWS IAM's decisions about the functions' calls: the policies of `template.yaml`, and an evaluator.
//!
//! It follows IAM's documentation (User Guide, "Policy evaluation logic") and supports only the elements that
//! such a template uses. Reading any other element is an error: skipping it would give false confidence.

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::{
    access::{Access, accesses},
    condition::{Condition, ContextKey},
    enforced::Enforced,
    iam::{Iam, Refusal},
    permission::Permission,
    proxy::Proxy,
    template::{Template, template},
};

mod access;
mod condition;
mod enforced;
mod iam;
mod key_condition;
mod pattern;
mod permission;
mod proxy;
mod template;

/// The policies of one role, evaluated together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// A statement. It applies to a request if action, resource and every condition match.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    effect: Effect,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// Result of evaluating a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, and none denies it.
    Allowed,
    /// No statement applies.
    NotAllowed,
    /// A statement denies it, regardless of others.
    Denied,
}

/// A statement in JSON. `NotAction`, `NotResource` and `Principal` are rejected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    effect: Effect,
    action: Value,
    resource: Value,
    #[serde(default)]
    condition: Map<String, Value>,
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
}

impl Policy {
    /// Parses a policy from its documents, each an object with `Version` and `Statement`.
    pub fn from_documents<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Result<Self> {
        let mut statements = Vec::new();
        for document in documents {
            let elements = document.as_object().context("a policy is an object")?;
            for (name, value) in elements {
                match &**name {
                    "Version" => ensure!(value == "2012-10-17", "version {value} has other rules"),
                    "Statement" => {
                        for statement in one_or_many(value) {
                            statements.push(Statement::from_json(statement)?);
                        }
                    }
                    _ => bail!("{name} is no element of a policy that is understood here"),
                }
            }
        }
        Ok(Self { statements })
    }

    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Evaluates `access`. It must be allowed by a statement, and an explicit Deny wins.
    #[must_use]
    pub fn decide(&self, access: &Access) -> Decision {
        let mut decision = Decision::NotAllowed;
        for statement in self.statements.iter().filter(|statement| statement.applies_to(access)) {
            match statement.effect {
                Effect::Deny => return Decision::Denied,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
        decision
    }
}

impl Statement {
    fn from_json(statement: &Value) -> Result<Self> {
        let document = Document::deserialize(statement).with_context(|| format!("in {statement}"))?;
        let mut conditions = Vec::new();
        for (operator, keys) in &document.condition {
            let keys = keys.as_object().with_context(|| format!("{operator} has no keys"))?;
            for (key, values) in keys {
                conditions.push(Condition::new(operator, key, strings(values)?)?);
            }
        }
        let statement = Self {
            effect: document.effect,
            actions: strings(&document.action)?,
            resources: strings(&document.resource)?,
            conditions,
        };
        for action in &statement.actions {
            let parts = action.split_once(':');
            ensure!(parts.is_some_and(|(service, _)| !service.is_empty()), "{action} names no service");
        }
        Ok(statement)
    }

    /// Actions, such as `dynamodb:GetItem`.
    #[must_use]
    pub fn actions(&self) -> &[String] {
        &self.actions
    }

    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Conditions, all of which must be true.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the statement concerns DynamoDB or its streams.
    #[must_use]
    pub fn is_of_dynamodb(&self) -> bool {
        let of_dynamodb = |action: &String| {
            // A wildcard in the service name could match DynamoDB.
            let (service, _) = action.split_once(':').unwrap_or((action, ""));
            pattern::matches(&service.to_lowercase(), "dynamodb")
        };
        self.actions.iter().any(of_dynamodb)
    }

    fn applies_to(&self, access: &Access) -> bool {
        let action = access.action.to_lowercase();
        // Actions are case-insensitive, resources are not (User Guide, "IAM JSON policy elements").
        self.actions.iter().any(|pattern| pattern::matches(&pattern.to_lowercase(), &action))
            && self.resources.iter().any(|pattern| pattern::matches(pattern, &access.resource))
            && self.conditions.iter().all(|condition| condition.holds_for(access))
    }
}

/// One value or several: JSON policies may omit the brackets around a single one.
fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// One string or several. As in IAM, true and false count as strings.
fn strings(value: &Value) -> Result<Vec<String>> {
    let string = |value: &Value| {
        let string = match value {
            Value::String(string) => string.clone(),
            Value::Bool(bool) => bool.to_string(),
            _ => bail!("{value} is no string"),
        };
        ensure!(!string.contains("${"), "{string} has a policy variable, which is not understood here");
        Ok(string)
    };
    one_or_many(value).iter().map(string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:123456789012:table/letters";

    fn policy(statements: &Value) -> Policy {
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        Policy::from_documents([&document]).unwrap()
    }

    /// `GetItem` of a row whose partition key is `key`.
    fn get_item(key: &str) -> Access {
        let mut access = Access::new("dynamodb:GetItem", TABLE);
        access.leading_keys.push(key.to_owned());
        access
    }

    fn refusal(statement: &Value) -> String {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        let error = Policy::from_documents([&document]).unwrap_err();
        error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    #[test]
    fn what_nothing_allows_is_not_allowed() {
        assert_eq!(Policy::default().decide(&get_item("a")), Decision::NotAllowed);
        let other_action = json!({"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"});
        assert_eq!(policy(&other_action).decide(&get_item("a")), Decision::NotAllowed);
        let other_resource =
            json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": format!("{TABLE}-2")});
        assert_eq!(policy(&other_resource).decide(&get_item("a")), Decision::NotAllowed);
    }

    #[test]
    fn an_explicit_deny_wins_in_either_order() {
        let allow = json!({"Effect": "Allow", "Action": "*:*", "Resource": "*"});
        let deny = json!({"Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": TABLE});
        assert_eq!(policy(&json!([allow])).decide(&get_item("a")), Decision::Allowed);
        assert_eq!(policy(&json!([allow, deny])).decide(&get_item("a")), Decision::Denied);
        assert_eq!(policy(&json!([deny, allow])).decide(&get_item("a")), Decision::Denied);
    }

    #[test]
    fn a_deny_whose_condition_is_false_denies_nothing() {
        let statements = json!([
            {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*",
             "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "secret"}}},
        ]);
        assert_eq!(policy(&statements).decide(&get_item("open")), Decision::Allowed);
        assert_eq!(policy(&statements).decide(&get_item("secret")), Decision::Denied);
    }

    #[test]
    fn actions_have_no_case_and_resources_do() {
        let statement = json!({"Effect": "Allow", "Action": "DynamoDB:getitem", "Resource": TABLE});
        assert_eq!(policy(&statement).decide(&get_item("a")), Decision::Allowed);
        let statement =
            json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE.to_uppercase()});
        assert_eq!(policy(&statement).decide(&get_item("a")), Decision::NotAllowed);
    }

    #[test]
    fn a_table_is_not_its_index() {
        let of_table = policy(&json!({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": TABLE}));
        let index = format!("{TABLE}/index/by-date");
        assert_eq!(of_table.decide(&Access::new("dynamodb:Query", &index)), Decision::NotAllowed);
        let of_index = policy(
            &json!({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": format!("{TABLE}/index/*")}),
        );
        assert_eq!(of_index.decide(&Access::new("dynamodb:Query", &index)), Decision::Allowed);
        assert_eq!(of_index.decide(&Access::new("dynamodb:Query", TABLE)), Decision::NotAllowed);
    }

    #[test]
    fn every_condition_of_a_statement_has_to_be_true() {
        let statement = json!({
            "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE,
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["MEM#*", "MSG#*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        });
        let policy = policy(&statement);
        assert_eq!(policy.decide(&get_item("MEM#1")), Decision::Allowed);
        assert_eq!(policy.decide(&get_item("MSG#1")), Decision::Allowed);
        assert_eq!(policy.decide(&get_item("GRP#1")), Decision::NotAllowed);
        // Without keys, the first condition is true and the second false.
        assert_eq!(policy.decide(&Access::new("dynamodb:GetItem", TABLE)), Decision::NotAllowed);
    }

    #[test]
    fn documents_decide_together() {
        let allow = json!({"Statement": {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}});
        let deny = json!({"Statement": [{"Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*"}]});
        let policy = Policy::from_documents([&allow, &deny]).unwrap();
        assert_eq!(policy.decide(&get_item("a")), Decision::Denied);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let statement = |name: &str, value: Value| {
            let mut statement = json!({"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE});
            statement[name] = value;
            refusal(&statement)
        };
        assert!(statement("Effect", json!("allow")).contains("unknown variant `allow`"));
        assert!(statement("NotAction", json!("dynamodb:Scan")).contains("unknown field `NotAction`"));
        assert!(statement("Principal", json!("*")).contains("unknown field `Principal`"));
        assert_eq!(statement("Action", json!("GetItem")), "GetItem names no service");
        assert_eq!(statement("Action", json!([1])), "1 is no string");
        assert_eq!(
            statement("Resource", json!("arn:${aws:username}")),
            "arn:${aws:username} has a policy variable, which is not understood here"
        );
        assert_eq!(
            statement("Condition", json!({"DateLessThan": {"aws:CurrentTime": "2026-11-22T00:00:00Z"}})),
            "DateLessThan is no operator that is understood here"
        );
        assert_eq!(
            statement("Condition", json!({"StringEquals": {"aws:SourceIp": "10.0.0.0/8"}})),
            "aws:SourceIp is no condition key that is understood here"
        );
        let old = json!({"Version": "2008-10-17", "Statement": []});
        let error = Policy::from_documents([&old]).unwrap_err();
        assert_eq!(error.to_string(), "version \"2008-10-17\" has other rules");
    }
}
