//! The functions' policies in `template.yaml`.

use std::{collections::BTreeMap, sync::LazyLock};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Policy, Statement, access::table_arn};
use crate::{world::TABLE, yaml};

/// A template's policies for its table.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Policy of each function, by the function's name.
    pub functions: BTreeMap<String, Policy>,
    /// Policy of the VPC endpoint to DynamoDB. A call through the endpoint must be allowed there too.
    pub endpoint: Policy,
}

/// The policies in `template.yaml`.
#[must_use]
pub fn template() -> &'static Template {
    static TEMPLATE: LazyLock<Template> =
        LazyLock::new(|| Template::read(&yaml::parse(include_str!("../../../../template.yaml"))).unwrap());
    &TEMPLATE
}

impl Template {
    fn read(template: &Value) -> Result<Self> {
        let mut read = Self::default();
        let resources = template["Resources"].as_object().context("no resources")?;
        for (id, resource) in resources {
            let properties = &resource["Properties"];
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
                    let name = name.context("no binary is named")?;
                    // check-release calls neither DynamoDB nor PostgreSQL, and has a role of its own.
                    if name == "check-release" {
                        continue;
                    }
                    let policy = of_function(template, properties).with_context(|| format!("of {id}"))?;
                    read.functions.insert(name.to_owned(), policy);
                }
                Some("AWS::EC2::VPCEndpoint") => {
                    ensure!(read.endpoint == Policy::default(), "{id} is a second endpoint");
                    read.endpoint = Policy::parse(&resolved(&properties["PolicyDocument"])?)?;
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

fn of_function(template: &Value, properties: &Value) -> Result<Policy> {
    for name in ["Role", "PermissionsBoundary"] {
        ensure!(properties[name].is_null(), "{name} is not supported");
    }
    let mut policy = Policy::default();
    for part in properties["Policies"].as_array().context("no list of policies")? {
        let Some(branches) = part.get("Fn::If") else {
            policy.statements.extend(Policy::parse(&resolved(part)?)?.statements);
            continue;
        };
        // The rights on the table must not depend on a condition.
        ensure!(branches[2] == json!({"Ref": "AWS::NoValue"}), "an !If with two policies is not supported");
        let id = branches[1]["Ref"].as_str().context("an !If is supported for managed policies only")?;
        let managed = &template["Resources"][id]["Properties"]["PolicyDocument"];
        let managed = Policy::parse(&resolved(managed)?)?;
        let on_table = managed.statements.iter().any(Statement::is_of_dynamodb);
        ensure!(!on_table, "{id} depends on a condition");
    }
    Ok(policy)
}

/// `value` with the table's ARN in place of its references. Other references become texts that match no request.
fn resolved(value: &Value) -> Result<Value> {
    let substituted = |text: &str| text.replace("${MessageTable.Arn}", &table_arn(TABLE)).into();
    Ok(match value {
        Value::Array(items) => items.iter().map(resolved).collect::<Result<Vec<_>>>()?.into(),
        Value::Object(object) => match object.iter().next().map(|(name, value)| (&**name, value)) {
            Some(("Ref" | "Fn::GetAtt", Value::String(name))) => substituted(&format!("${{{name}}}")),
            Some(("Fn::Sub", Value::String(text))) => substituted(text),
            Some((function, _)) if function.starts_with("Fn::") => bail!("{function} is not supported"),
            _ => {
                let resolve = |(name, value): (&String, _)| Ok((name.clone(), resolved(value)?));
                Value::Object(object.iter().map(resolve).collect::<Result<_>>()?)
            }
        },
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str = "{Effect: Allow, Action: dynamodb:Scan, Resource: '*'}";

    /// Parses a template whose one function has these properties.
    fn read(properties: &str) -> Result<Policy> {
        let template = format!(
            "
Resources:
  Fn::ForEach::Loop: [X, [a], {{}}]
  Managed: {{Properties: {{PolicyDocument: {{Version: 2012-10-17, Statement: [{STATEMENT}]}}}}}}
  AFunction:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: a}}}}
    Properties:
      {properties}
"
        );
        let functions = Template::read(&yaml::parse(&template))?.functions;
        assert_eq!(functions.keys().collect::<Vec<_>>(), ["a"]);
        Ok(functions.into_values().next().unwrap())
    }

    #[test]
    fn references_to_the_table_are_its_arn_and_others_match_no_request() {
        let policy = read(
            "Policies:
        - Version: '2012-10-17'
          Statement:
            - {Effect: Allow, Action: dynamodb:PutItem, Resource: !GetAtt MessageTable.Arn}
            - {Effect: Allow, Action: dynamodb:Query, Resource: !Sub '${MessageTable.Arn}/index/i'}
            - {Effect: Allow, Action: sqs:SendMessage, Resource: [!GetAtt Other.Arn, !Ref Key]}",
        )
        .unwrap();
        let resources: Vec<_> = policy.statements.iter().map(|statement| &*statement.resource).collect();
        let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/cruddur-messages";
        assert_eq!(resources, [table, &format!("{table}/index/i"), "${Other.Arn}", "${Key}"]);
    }

    #[test]
    fn policies_with_hidden_rights_are_rejected() {
        let conditional =
            format!("Policies: [{{Version: 2012-10-17, Statement: [!If [A, {STATEMENT}, 0]]}}]");
        for (properties, expected) in [
            ("Role: !GetAtt Other.Arn", "Role is not supported"),
            ("Timeout: 5", "no list of policies"),
            ("Policies: [AmazonDynamoDBFullAccess]", "no statements: \"AmazonDynamoDBFullAccess\""),
            (
                "Policies: [DynamoDBCrudPolicy: {TableName: !Ref MessageTable}]",
                "no statements: {\"DynamoDBCrudPolicy\"",
            ),
            ("Policies: [!If [A, !Ref Managed, !Ref AWS::NoValue]]", "Managed depends on a condition"),
            ("Policies: [!If [A, !Ref AWS::NoValue, !Ref Managed]]", "an !If with two policies"),
            (&conditional, "Fn::If is not supported"),
        ] {
            let error = format!("{:#}", read(properties).unwrap_err());
            assert!(error.contains(expected), "{properties}: {error}");
        }
    }
}
