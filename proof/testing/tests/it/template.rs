//! Compares `template.yaml` with its counterparts in the tests and the local stack, and with the rest of the repository.

use std::collections::{BTreeMap, BTreeSet};

use local::{
    deployment::{FUNCTIONS, stream_filters},
    mapping::Batching,
};
use serde_json::{Value, json};
use testing::{World, world::TABLE};

use self::document::{entries, functions, resources, template, text, text_of};

mod alarms;
mod document;
mod parameters;
mod releases;
mod repository;
mod sockets;
mod variables;

/// Routes by key, with their functions.
fn routes(template: &Value) -> BTreeMap<String, &str> {
    let routes = &template["Mappings"]["Routes"];
    let key = |route: &Value| text_of(&route["Key"]).to_owned();
    let first = entries(routes).map(|(_, route)| (key(route), text_of(&route["Function"])));
    let second = entries(&template["Mappings"]["DeleteRoutes"]);
    let second = second.map(|(name, route)| (key(route), text_of(&routes[name]["Function"])));
    first.chain(second).collect()
}

#[test]
fn the_template_has_the_functions_with_their_timeouts() {
    let template = template();
    let default = &template["Globals"]["Function"]["Timeout"];
    let of_template: BTreeMap<_, _> = functions(&template)
        .into_iter()
        .map(|(binary, function)| (binary, function.get("Timeout").unwrap_or(default).as_u64().unwrap()))
        .collect();
    let declared = FUNCTIONS.iter().map(|function| (function.name, function.timeout.as_secs()));
    assert_eq!(of_template, declared.collect());
}

#[test]
fn the_template_has_the_routes_with_their_functions() {
    let declared = FUNCTIONS
        .iter()
        .flat_map(|function| function.routes.iter().map(|&route| (route.to_owned(), function.name)));
    assert_eq!(routes(&template()), declared.collect());
}

#[test]
fn the_template_has_the_mapping_of_the_local_stack() {
    let template = template();
    let mappings = resources(&template, "AWS::Lambda::EventSourceMapping");
    let [mapping] = mappings.values().collect::<Vec<_>>()[..] else { panic!("not one mapping") };
    let filters = mapping["FilterCriteria"]["Filters"].as_array().unwrap().iter();
    let parse = |pattern: &str| serde_json::from_str::<Value>(pattern).unwrap();
    let patterns = filters.map(|filter| parse(filter["Pattern"].as_str().unwrap()));
    assert!(patterns.eq(stream_filters().iter().map(|pattern| parse(pattern))));

    let batching = Batching::default();
    let number = |name: &str| mapping[name].as_u64().unwrap();
    assert_eq!(number("BatchSize"), u64::try_from(batching.batch_size).unwrap());
    assert_eq!(number("MaximumRetryAttempts"), u64::from(batching.max_retries));
    assert_eq!(number("MaximumRecordAgeInSeconds"), batching.max_record_age.unwrap().as_secs());
    // The local stack has no setting for these two.
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    // Both start at the oldest available record.
    assert_eq!(mapping["StartingPosition"], "TRIM_HORIZON");
}

#[test]
fn cargo_lambda_has_the_routes_of_the_template() {
    let manifest = text("Cargo.toml");
    let (_, table) = manifest.split_once("[workspace.metadata.lambda.watch.router]\n").unwrap();
    let mut served = BTreeSet::new();
    for line in table.lines().take_while(|line| !line.is_empty()) {
        let (path, functions) = line.split_once(" = ").unwrap();
        for function in functions.split("}, {") {
            served.insert(format!("{path} {}", function.trim_matches(['[', '{', ' ', '}', ']'])));
        }
    }
    let template = template();
    let expected = routes(&template).into_iter().map(|(key, function)| {
        let (method, path) = key.split_once(' ').unwrap();
        format!("\"{path}\" method = \"{method}\", function = \"{function}\"")
    });
    assert_eq!(served, expected.collect());
}

#[tokio::test]
async fn the_template_has_the_table_of_the_local_stack() {
    let template = template();
    let tables = resources(&template, "AWS::DynamoDB::Table");
    let [table] = tables.values().collect::<Vec<_>>()[..] else { panic!("not one table") };
    let world = World::new().await;
    let of_tests = world.emulator.call("DescribeTable", json!({"TableName": TABLE}))["Table"].take();

    let [index] = &table["GlobalSecondaryIndexes"].as_array().unwrap()[..] else { panic!("not one index") };
    assert_eq!(table["KeySchema"], of_tests["KeySchema"]);
    assert_eq!(index["KeySchema"], of_tests["GlobalSecondaryIndexes"][0]["KeySchema"]);
    assert_eq!(index["IndexName"], of_tests["GlobalSecondaryIndexes"][0]["IndexName"]);
    assert_eq!(
        index["Projection"]["ProjectionType"],
        of_tests["GlobalSecondaryIndexes"][0]["Projection"]["ProjectionType"]
    );
    assert_eq!(
        table["StreamSpecification"]["StreamViewType"],
        of_tests["StreamSpecification"]["StreamViewType"]
    );
    let expiry = world.emulator.call("DescribeTimeToLive", json!({"TableName": TABLE}));
    assert_eq!(
        table["TimeToLiveSpecification"]["AttributeName"],
        expiry["TimeToLiveDescription"]["AttributeName"]
    );
}
