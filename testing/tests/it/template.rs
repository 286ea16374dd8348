//! `template.yaml` against what the tests and the local stack run in its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use local::{deployment::STREAM_FILTERS, mapping};
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Value, json};
use testing::{World, world::TABLE};

/// The template, where a value behind a tag (`!Ref`, `!Sub`, …) is a tagged one.
fn template() -> Yaml<'static> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let text: &'static str = fs::read_to_string(path).unwrap().leak();
    Yaml::load_from_str(text).unwrap().into_iter().next().unwrap()
}

/// The resources of a type by their logical ids.
fn resources<'a>(template: &'a Yaml<'static>, of_type: &str) -> BTreeMap<&'a str, &'a Yaml<'static>> {
    let resources = template["Resources"].as_mapping().unwrap().iter();
    let resources = resources.filter(|(_, resource)| resource["Type"].as_str() == Some(of_type));
    resources.map(|(id, resource)| (id.as_str().unwrap(), resource)).collect()
}

/// The text behind a tag.
fn tagged<'a>(value: &'a Yaml<'_>) -> &'a str {
    value.get_tagged_node().unwrap().as_str().unwrap()
}

fn binary<'a>(function: &'a Yaml<'_>) -> &'a str {
    function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap()
}

#[tokio::test]
async fn the_template_has_the_functions_with_their_timeouts() {
    let template = template();
    let default = template["Globals"]["Function"]["Timeout"].as_integer();
    let of_template: BTreeMap<_, _> = resources(&template, "AWS::Serverless::Function")
        .into_values()
        .map(|function| {
            let own = function["Properties"].as_mapping_get("Timeout");
            (binary(function), own.map_or(default, Yaml::as_integer).unwrap())
        })
        .collect();

    let functions = World::new().await.functions;
    let of_tests: BTreeMap<_, _> = [
        &functions.list_message_groups,
        &functions.list_messages,
        &functions.create_message,
        &functions.show_user,
        &functions.stream_handler,
        &functions.post_confirmation,
    ]
    .map(|function| (function.name(), i64::try_from(function.timeout().as_secs()).unwrap()))
    .into();
    assert_eq!(of_template, of_tests);
}

#[tokio::test]
async fn the_template_has_the_routes_with_their_functions() {
    let template = template();
    let functions = resources(&template, "AWS::Serverless::Function");
    let integrations = resources(&template, "AWS::ApiGatewayV2::Integration");
    let of_template: BTreeMap<_, _> = resources(&template, "AWS::ApiGatewayV2::Route")
        .into_values()
        .map(|route| {
            let target = tagged(&route["Properties"]["Target"]);
            let integration = target.strip_prefix("integrations/${").unwrap().strip_suffix('}').unwrap();
            let uri = tagged(&integrations[integration]["Properties"]["IntegrationUri"]);
            let key = route["Properties"]["RouteKey"].as_str().unwrap();
            (key.to_owned(), binary(functions[uri.strip_suffix(".Arn").unwrap()]))
        })
        .collect();

    let routes = World::new().await.functions.routes();
    let of_tests: BTreeMap<_, _> =
        routes.iter().map(|route| (route.key().to_owned(), route.function().name())).collect();
    assert_eq!(of_template, of_tests);
}

#[test]
fn the_template_has_the_mapping_of_the_local_stack() {
    let template = template();
    let mappings = resources(&template, "AWS::Lambda::EventSourceMapping");
    let [mapping] = mappings.values().collect::<Vec<_>>()[..] else { panic!("not one mapping") };
    let mapping = &mapping["Properties"];
    let filters = mapping["FilterCriteria"]["Filters"].as_sequence().unwrap().iter();
    assert!(filters.map(|filter| filter["Pattern"].as_str().unwrap()).eq(STREAM_FILTERS));

    let client = aws_sdk_dynamodbstreams::Config::builder().behavior_version_latest().build();
    let options = mapping::Options::new(aws_sdk_dynamodbstreams::Client::from_conf(client), "arn");
    let number = |name: &str| u64::try_from(mapping[name].as_integer().unwrap()).unwrap();
    assert_eq!(number("BatchSize"), u64::try_from(options.batch_size).unwrap());
    assert_eq!(number("MaximumRetryAttempts"), u64::from(options.max_retries.unwrap()));
    assert_eq!(number("MaximumRecordAgeInSeconds"), options.max_record_age.unwrap().as_secs());
    assert_eq!(mapping["BisectBatchOnFunctionError"].as_bool().unwrap(), options.bisect_on_function_error);
    let response_types = mapping["FunctionResponseTypes"].as_sequence().unwrap();
    let reported = response_types.iter().any(|kind| kind.as_str() == Some("ReportBatchItemFailures"));
    assert_eq!(reported, options.report_batch_item_failures);
    // Both begin at the oldest record there is.
    assert_eq!(mapping["StartingPosition"].as_str(), Some("TRIM_HORIZON"));
}

#[tokio::test]
async fn cargo_lambda_has_the_routes_of_the_template() {
    let manifest =
        fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml")).unwrap();
    let (_, table) = manifest.split_once("[workspace.metadata.lambda.watch.router]\n").unwrap();
    let routes = table.lines().take_while(|line| !line.is_empty());

    let functions = World::new().await.functions;
    let expected = functions.routes().into_iter().map(|route| {
        let (method, path) = route.key().split_once(' ').unwrap();
        format!("\"{path}\" = [{{ method = \"{method}\", function = \"{}\" }}]", route.function().name())
    });
    assert_eq!(
        routes.collect::<BTreeSet<_>>(),
        expected.collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
}

#[tokio::test]
async fn the_template_has_the_table_of_the_local_stack() {
    let template = template();
    let tables = resources(&template, "AWS::DynamoDB::Table");
    let [table] = tables.values().collect::<Vec<_>>()[..] else { panic!("not one table") };
    let of_template = &table["Properties"];
    let world = World::new().await;
    let of_tests = world.emulator.call("DescribeTable", json!({"TableName": TABLE}))["Table"].take();

    let names = |keys: &Yaml<'_>| {
        let keys = keys.as_sequence().unwrap().iter();
        let keys = keys.map(
            |key| json!({"AttributeName": key["AttributeName"].as_str(), "KeyType": key["KeyType"].as_str()}),
        );
        Value::Array(keys.collect())
    };
    let [index] = &of_template["GlobalSecondaryIndexes"].as_sequence().unwrap()[..] else {
        panic!("not one index")
    };
    assert_eq!(names(&of_template["KeySchema"]), of_tests["KeySchema"]);
    assert_eq!(names(&index["KeySchema"]), of_tests["GlobalSecondaryIndexes"][0]["KeySchema"]);
    assert_eq!(index["IndexName"].as_str(), of_tests["GlobalSecondaryIndexes"][0]["IndexName"].as_str());
    assert_eq!(
        index["Projection"]["ProjectionType"].as_str(),
        of_tests["GlobalSecondaryIndexes"][0]["Projection"]["ProjectionType"].as_str()
    );
    assert_eq!(
        of_template["StreamSpecification"]["StreamViewType"].as_str(),
        of_tests["StreamSpecification"]["StreamViewType"].as_str()
    );
    let expiry = world.emulator.call("DescribeTimeToLive", json!({"TableName": TABLE}));
    assert_eq!(
        of_template["TimeToLiveSpecification"]["AttributeName"].as_str(),
        expiry["TimeToLiveDescription"]["AttributeName"].as_str()
    );
}
