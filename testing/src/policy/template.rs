//! The policies that `template.yaml` gives its functions.

use std::{collections::BTreeMap, sync::LazyLock};

use anyhow::{Context as _, Result, bail, ensure};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

use super::{Policy, Statement, access::table_arn};
use crate::world::TABLE;

/// Managed policies of AWS that a function may have besides, since they allow nothing of DynamoDB.
const HARMLESS: [&str; 3] =
    ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess"];

/// The policy of each function of `template.yaml`, by the function's name.
#[must_use]
pub fn template() -> &'static BTreeMap<String, Policy> {
    static POLICIES: LazyLock<BTreeMap<String, Policy>> =
        LazyLock::new(|| of_text(include_str!("../../../template.yaml")).unwrap());
    &POLICIES
}

/// The policy of each function of a template, by the function's name. What a function may do with DynamoDB must
/// not depend on the template's conditions.
pub fn of_text(text: &str) -> Result<BTreeMap<String, Policy>> {
    let documents = Yaml::load_from_str(text)?;
    let [template] = &documents[..] else { bail!("{} documents instead of one", documents.len()) };
    let resources = template["Resources"].as_mapping().context("no resources")?.iter();
    let functions = resources.filter(|(_, one)| one["Type"].as_str() == Some("AWS::Serverless::Function"));
    let mut policies = BTreeMap::new();
    for (id, function) in functions {
        let id = id.as_str().context("a resource without a name")?;
        let name = function["Metadata"]["BuildProperties"]["Binary"].as_str();
        let name = name.with_context(|| format!("{id} names no binary"))?;
        let policy = |conditions| of_function(function, conditions).with_context(|| format!("of {id}"));
        let (with, without) = (policy(true)?, policy(false)?);
        let of_dynamodb = |policy: &Policy| -> Vec<Statement> {
            policy.statements().iter().filter(|one| one.is_of_dynamodb()).cloned().collect()
        };
        ensure!(of_dynamodb(&with) == of_dynamodb(&without), "{id}: what it may do depends on a condition");
        policies.insert(name.to_owned(), with);
    }
    Ok(policies)
}

/// The function's policy, when every condition of the template is true or none.
fn of_function(function: &Yaml<'_>, conditions: bool) -> Result<Policy> {
    let properties = function["Properties"].as_mapping().context("no properties")?;
    let property = |name: &str| properties.iter().find(|(key, _)| key.as_str() == Some(name));
    for elsewhere in ["Role", "PermissionsBoundary"] {
        ensure!(property(elsewhere).is_none(), "its {elsewhere} decides, too, and is not looked at here");
    }
    let Some((_, policies)) = property("Policies") else { return Ok(Policy::default()) };
    let policies = match resolve(policies, conditions)? {
        None => Vec::new(),
        Some(Value::Array(policies)) => policies,
        Some(policy) => vec![policy],
    };
    let mut documents = Vec::new();
    for policy in policies {
        match policy {
            Value::String(managed) => {
                let name = managed.rsplit('/').next().unwrap_or_default();
                ensure!(HARMLESS.contains(&name), "what {managed} allows is not known here");
            }
            policy => documents.push(policy),
        }
    }
    Policy::from_documents(&documents)
}

/// A node as CloudFormation would hand it over; none for `AWS::NoValue`.
fn resolve(node: &Yaml<'_>, conditions: bool) -> Result<Option<Value>> {
    Ok(Some(match node {
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Value(Scalar::Boolean(bool)) => (*bool).into(),
        Yaml::Value(Scalar::Integer(integer)) => (*integer).into(),
        Yaml::Sequence(nodes) => {
            let values = nodes.iter().filter_map(|node| resolve(node, conditions).transpose());
            values.collect::<Result<Vec<_>>>()?.into()
        }
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (name, node) in members {
                let name = name.as_str().context("a member without a name")?;
                ensure!(name != "Ref" && !name.starts_with("Fn::"), "write {name} as a tag");
                if let Some(value) = resolve(node, conditions)? {
                    object.insert(name.to_owned(), value);
                }
            }
            object.into()
        }
        Yaml::Tagged(tag, node) => match (&*tag.suffix, &**node) {
            ("Ref", node) if node.as_str() == Some("AWS::NoValue") => return Ok(None),
            ("Ref" | "GetAtt", Yaml::Value(Scalar::String(name))) => referred(name).into(),
            ("Sub", Yaml::Value(Scalar::String(text))) => substituted(text)?.into(),
            ("If", Yaml::Sequence(nodes)) => {
                let [_, if_true, if_false] = &nodes[..] else { bail!("!If of {} parts", nodes.len()) };
                return resolve(if conditions { if_true } else { if_false }, conditions);
            }
            (tag, node) => bail!("!{tag} of {node:?} is not understood here"),
        },
        node => bail!("{node:?} is not understood here"),
    }))
}

/// What a reference stands for: the table is the tests' own, and anything else is a text that no request names.
fn referred(name: &str) -> String {
    match name {
        "MessageTable" => TABLE.to_owned(),
        "MessageTable.Arn" => table_arn(TABLE),
        other => format!("<{other}>"),
    }
}

fn substituted(text: &str) -> Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').with_context(|| format!("in {text:?}"))?;
        result += before;
        result += &referred(name);
        rest = after;
    }
    Ok(result + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Access;

    /// A template whose one function has these policies.
    fn read(policies: &str) -> Result<Policy> {
        let template = format!(
            "
Resources:
  Other:
    Type: AWS::SQS::Queue
  AFunction:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: a}}}}
    Properties:
      Timeout: 5
      {policies}
"
        );
        let policies = of_text(&template)?;
        assert_eq!(policies.keys().collect::<Vec<_>>(), ["a"]);
        Ok(policies.into_values().next().unwrap())
    }

    fn refusal(policies: &str) -> String {
        format!("{:#}", read(policies).unwrap_err())
    }

    #[test]
    fn references_to_the_table_are_its_arn_and_others_fit_nothing() {
        let policy = read(
            "Policies:
        - AWSXRayDaemonWriteAccess
        - Version: '2012-10-17'
          Statement:
            - {Effect: Allow, Action: dynamodb:PutItem, Resource: !GetAtt MessageTable.Arn}
            - {Effect: Allow, Action: dynamodb:Query, Resource: !Sub '${MessageTable.Arn}/index/i'}
            - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Other.Arn}
            - !If [A, {Effect: Allow, Action: kms:Decrypt, Resource: !Ref Key}, !Ref AWS::NoValue]",
        )
        .unwrap();
        let resources: Vec<_> = policy.statements().iter().flat_map(Statement::resources).collect();
        let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/cruddur-messages";
        assert_eq!(resources, [table, &format!("{table}/index/i"), "<Other.Arn>", "<Key>"]);
    }

    #[test]
    fn a_function_without_policies_may_do_nothing() {
        let policy = read("MemorySize: 256").unwrap();
        assert_eq!(policy.decide(&Access::new("dynamodb:GetItem", "*")), crate::policy::Decision::NotAllowed);
    }

    #[test]
    fn what_could_allow_more_than_is_seen_is_refused() {
        assert_eq!(
            refusal("Role: !GetAtt Other.Arn"),
            "of AFunction: its Role decides, too, and is not looked at here"
        );
        assert_eq!(
            refusal("Policies: AmazonDynamoDBFullAccess"),
            "of AFunction: what AmazonDynamoDBFullAccess allows is not known here"
        );
        assert_eq!(
            refusal("Policies: [DynamoDBCrudPolicy: {TableName: !Ref MessageTable}]"),
            "of AFunction: DynamoDBCrudPolicy is no element of a policy that is understood here"
        );
        assert_eq!(
            refusal("Policies: [Statement: [{Effect: Allow, Action: 'a:b', Resource: {Ref: X}}]]"),
            "of AFunction: write Ref as a tag"
        );
        let statement = "{Effect: Allow, Action: 'dynamodb:Scan', Resource: '*'}";
        assert_eq!(
            refusal(&format!("Policies: [Statement: [!If [A, {statement}, !Ref AWS::NoValue]]]")),
            "AFunction: what it may do depends on a condition"
        );
    }
}
