//! The functions' policies in `template.yaml`.

use std::{collections::BTreeMap, sync::LazyLock};

use anyhow::{Context as _, Result, bail, ensure};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

use super::{Policy, Statement, access::table_arn};
use crate::world::TABLE;

/// AWS managed policies that a function may also have, since they allow nothing on DynamoDB.
const HARMLESS: [&str; 3] =
    ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess"];

/// A template's policies for its table.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Policy of each function, by the function's name.
    pub functions: BTreeMap<String, Policy>,
    /// Policies of the VPC endpoints to DynamoDB. A call through an endpoint must be allowed there too.
    pub endpoints: Vec<Policy>,
}

/// The policies in `template.yaml`.
#[must_use]
pub fn template() -> &'static Template {
    static TEMPLATE: LazyLock<Template> =
        LazyLock::new(|| Template::read(include_str!("../../../../template.yaml")).unwrap());
    &TEMPLATE
}

impl Template {
    /// Parses a template. Its policies for DynamoDB must not depend on its conditions.
    pub fn read(text: &str) -> Result<Self> {
        let documents = Yaml::load_from_str(text)?;
        let [template] = &documents[..] else { bail!("{} documents instead of one", documents.len()) };
        let mut read = Self::default();
        for (id, resource) in template["Resources"].as_mapping().context("no resources")? {
            let id = id.as_str().context("a resource without a name")?;
            if id.starts_with("Fn::ForEach::") {
                ensure!(declares_no_policies(resource), "{id} has policies, which are not read in a loop");
                continue;
            }
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    let (name, policy) = function(template, resource).with_context(|| format!("of {id}"))?;
                    read.functions.insert(name, policy);
                }
                Some("AWS::EC2::VPCEndpoint") => {
                    read.endpoints.extend(of_endpoint(resource).with_context(|| format!("of {id}"))?);
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

/// Whether a loop has neither functions nor endpoints.
fn declares_no_policies(each: &Yaml<'_>) -> bool {
    let bodies = each.as_sequence().into_iter().flatten().filter_map(|part| part.as_mapping());
    let mut resources = bodies.flat_map(|body| body.iter().map(|(_, resource)| resource));
    resources.all(|resource| {
        !matches!(
            resource["Type"].as_str(),
            Some("AWS::Serverless::Function" | "AWS::EC2::VPCEndpoint") | None
        )
    })
}

/// A function's name and policy.
fn function(template: &Yaml<'_>, function: &Yaml<'_>) -> Result<(String, Policy)> {
    let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().context("no binary is named")?;
    let (with, without) = (of_function(template, function, true)?, of_function(template, function, false)?);
    let of_dynamodb = |policy: &Policy| -> Vec<Statement> {
        policy.statements().iter().filter(|one| one.is_of_dynamodb()).cloned().collect()
    };
    ensure!(of_dynamodb(&with) == of_dynamodb(&without), "what it may do depends on a condition");
    Ok((name.to_owned(), with))
}

/// The function's policy if all conditions of the template are `conditions`.
fn of_function(template: &Yaml<'_>, function: &Yaml<'_>, conditions: bool) -> Result<Policy> {
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
            Value::String(managed) if let Some(own) = own_policy(template, &managed) => {
                documents.extend(resolve(own, conditions)?);
            }
            Value::String(managed) => {
                let name = managed.rsplit('/').next().unwrap_or_default();
                ensure!(HARMLESS.contains(&name), "what {managed} allows is not known here");
            }
            policy => documents.push(policy),
        }
    }
    Policy::from_documents(&documents)
}

/// The document of a managed policy declared in the template.
fn own_policy<'a>(template: &'a Yaml<'a>, reference: &str) -> Option<&'a Yaml<'a>> {
    let id = reference.strip_prefix('<')?.strip_suffix('>')?;
    template["Resources"].as_mapping_get(id)?["Properties"].as_mapping_get("PolicyDocument")
}

/// Policy of an endpoint to DynamoDB. `None` for other endpoints, and for one without a policy, which lets
/// everything through.
fn of_endpoint(endpoint: &Yaml<'_>) -> Result<Option<Policy>> {
    let properties = &endpoint["Properties"];
    let service = resolve(&properties["ServiceName"], true)?.unwrap_or_default();
    let Some(policy) = properties.as_mapping_get("PolicyDocument") else { return Ok(None) };
    if !service.as_str().is_some_and(|service| service.ends_with(".dynamodb")) {
        return Ok(None);
    }
    let mut document = resolve(policy, true)?.context("a policy without a document")?;
    ensure!(
        Some(&document) == resolve(policy, false)?.as_ref(),
        "what it lets through depends on a condition"
    );
    let statements = document["Statement"].as_array_mut().context("a policy without a list of statements")?;
    for statement in statements {
        let principal = statement.as_object_mut().and_then(|statement| statement.remove("Principal"));
        ensure!(principal == Some("*".into()), "{principal:?} is not everybody");
    }
    Policy::from_documents([&document]).map(Some)
}

/// A node as `CloudFormation` resolves it. `None` for `AWS::NoValue`.
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

/// Value of a reference: the tests' table, or else a text that no request names.
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
    use crate::policy::{Access, Decision};

    /// Parses a template whose one function has these policies.
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
        let functions = Template::read(&template)?.functions;
        assert_eq!(functions.keys().collect::<Vec<_>>(), ["a"]);
        Ok(functions.into_values().next().unwrap())
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
    fn a_managed_policy_of_the_template_is_read() {
        let own = "
  Own:
    Type: AWS::IAM::ManagedPolicy
    Properties: {PolicyDocument: {Statement: [{Effect: Allow, Action: 'dynamodb:Scan', Resource: '*'}]}}";
        let policy = read(&format!("Policies: [!Ref Own]{own}")).unwrap();
        assert_eq!(policy.decide(&Access::new("dynamodb:Scan", "*")), Decision::Allowed);
        assert_eq!(
            refusal(&format!("Policies: [!If [A, !Ref Own, !Ref AWS::NoValue]]{own}")),
            "of AFunction: what it may do depends on a condition"
        );
    }

    #[test]
    fn a_function_without_policies_may_do_nothing() {
        let policy = read("MemorySize: 256").unwrap();
        assert_eq!(policy.decide(&Access::new("dynamodb:GetItem", "*")), Decision::NotAllowed);
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
            "of AFunction: what it may do depends on a condition"
        );
    }

    /// Parses a template whose one endpoint has this property.
    fn read_endpoint(service: &str, property: &str) -> Result<Vec<Policy>> {
        let template = format!(
            "
Resources:
  AnEndpoint:
    Type: AWS::EC2::VPCEndpoint
    Properties:
      ServiceName: !Sub 'com.amazonaws.${{AWS::Region}}.{service}'
      {property}
"
        );
        Ok(Template::read(&template)?.endpoints)
    }

    #[test]
    fn an_endpoint_lets_through_what_its_policy_says() {
        let policy = |principal: &str| {
            format!(
                "PolicyDocument: {{Statement: [{{Effect: Allow, Principal: {principal}, \
                 Action: 'dynamodb:*', Resource: !GetAtt MessageTable.Arn}}]}}"
            )
        };
        let endpoints = read_endpoint("dynamodb", &policy("'*'")).unwrap();
        let [endpoint] = &endpoints[..] else { panic!("{endpoints:?}") };
        let decide = |table| endpoint.decide(&Access::new("dynamodb:GetItem", &table_arn(table)));
        assert_eq!((decide(TABLE), decide("other")), (Decision::Allowed, Decision::NotAllowed));
        assert_eq!(read_endpoint("s3", &policy("'*'")).unwrap(), []);
        assert_eq!(read_endpoint("dynamodb", "VpcId: !Ref VpcId").unwrap(), []);
        let refusal = read_endpoint("dynamodb", &policy("{AWS: !GetAtt ARole.Arn}")).unwrap_err();
        assert_eq!(
            format!("{refusal:#}"),
            "of AnEndpoint: Some(Object {\"AWS\": String(\"<ARole.Arn>\")}) is not everybody"
        );
    }
}
