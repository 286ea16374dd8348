//! Releases: every change of a function becomes a checked version, and only checked versions have traffic.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    document::{binary, entries, functions, keys, loops, references, resources, template, text_of},
    parameters::conditions,
};

/// Properties of a function that are not part of its versions: its concurrency; its role's permissions, which take effect
/// without a version; and its log group, whose name never changes.
const NOT_OF_A_VERSION: [&str; 4] =
    ["ReservedConcurrentExecutions", "PermissionsBoundary", "Policies", "LoggingConfig"];

/// The function's properties, including those from `Globals`.
fn properties(template: &Value, function: &Value) -> Value {
    let mut merged = template["Globals"]["Function"].clone();
    for (name, value) in entries(function).filter(|(name, _)| *name != "Environment") {
        merged[name] = value.clone();
    }
    for (name, value) in function.pointer("/Environment/Variables").into_iter().flat_map(entries) {
        merged["Environment"]["Variables"][name] = value.clone();
    }
    merged
}

/// Parameters and resources that a version of the function depends on.
fn inputs(template: &Value, function: &Value) -> BTreeSet<String> {
    let mut properties = properties(template, function);
    for name in NOT_OF_A_VERSION {
        properties[name] = Value::Null;
    }
    let mut inputs = references(&properties);
    for condition in conditions(&properties) {
        inputs.extend(references(&template["Conditions"][condition]));
    }
    inputs.retain(|name| !name.starts_with("AWS::"));
    inputs
}

#[test]
fn each_function_has_a_release_with_everything_that_its_versions_are_made_of() {
    let template = template();
    let mut released = BTreeSet::new();
    for (release, properties) in resources(&template, "Custom::Release") {
        assert_eq!(properties["ServiceToken"]["Fn::GetAtt"], "CheckReleaseFunction.Arn");
        let triggers = references(&properties["Triggers"]);
        let policy = text_of(&template["Resources"][release]["DependsOn"]);
        let permitted = references(&template["Resources"][policy]["Properties"]["PolicyDocument"]);
        for (name, function) in entries(&properties["Functions"]) {
            let id = format!("{name}Function");
            assert_eq!(*function, json!({"Ref": id}), "{release}");
            assert!(permitted.contains(&id), "{policy} has no permission for {id}");
            let function = &template["Resources"][&id]["Properties"];
            // SAM publishes a version when the code or a property in the template changes.
            assert_eq!(function["AutoPublishAliasAllProperties"], true, "{id}");
            let mut needed = inputs(&template, function);
            needed.insert(format!("{id}.Version"));
            let missing: Vec<_> = needed.difference(&triggers).collect();
            assert_eq!(missing, Vec::<&String>::new(), "no trigger of {release} for {id}");
            assert!(released.insert(binary(&template, &id).to_owned()), "{id} is released twice");
        }
    }
    assert_eq!(released, functions(&template).into_keys().map(str::to_owned).collect());
}

#[test]
fn only_released_versions_have_traffic() {
    let template = template();
    let loops = loops(&template);
    let mut functions = keys(&template["Mappings"]["Routes"]);
    functions.insert("OpenConnection");
    let (names, fragment) = &loops["RouteAliases"];
    assert_eq!(*names, functions);
    let alias = &fragment["${Route}Alias"]["Properties"];
    assert_eq!(alias["FunctionName"], json!({"Ref": {"Fn::Sub": "${Route}Function"}}));
    assert_eq!(alias["FunctionVersion"], json!({"Fn::GetAtt": ["Release", {"Ref": "Route"}]}));
    let of_route = json!({"Ref": {"Fn::Sub": "${Route}Alias"}});
    for (name, resource, property) in [
        ("Integrations", "${Route}Integration", "IntegrationUri"),
        ("WaitingIntegrations", "${Route}Integration", "IntegrationUri"),
        ("DeleteRoutes", "${Route}Integration", "IntegrationUri"),
        ("DeleteRoutes", "${Route}DeletePermission", "FunctionName"),
        ("Routes", "${Route}Permission", "FunctionName"),
    ] {
        assert_eq!(loops[name].1[resource]["Properties"][property], of_route, "{name} {resource}");
    }

    let mut names = vec![&alias["Name"]];
    let resource = |id: &str| &template["Resources"][id]["Properties"];
    let uri = text_of(&resource("ConnectIntegration")["IntegrationUri"]["Fn::Sub"]);
    assert!(uri.ends_with(":lambda:path/2015-03-31/functions/${OpenConnectionAlias}/invocations"), "{uri}");
    assert_eq!(resource("OpenConnectionPermission")["FunctionName"], json!({"Ref": "OpenConnectionAlias"}));
    for (name, release, uses) in [
        ("StreamHandler", "Release", &[&resource("StreamMapping")["FunctionName"]][..]),
        (
            "PostConfirmation",
            "PostConfirmationRelease",
            &[
                &resource("PostConfirmationPermission")["FunctionName"],
                &resource("UserPool")["LambdaConfig"]["PostConfirmation"],
                &template["Outputs"]["PostConfirmationFunctionArn"]["Value"],
            ],
        ),
    ] {
        let alias = resource(&format!("{name}Alias"));
        assert_eq!(alias["FunctionName"], json!({"Ref": format!("{name}Function")}));
        assert_eq!(alias["FunctionVersion"], json!({"Fn::GetAtt": format!("{release}.{name}")}));
        for used in uses {
            assert_eq!(**used, json!({"Ref": format!("{name}Alias")}));
        }
        names.push(&alias["Name"]);
    }
    // check-release asks for the alias by this name.
    assert!(names.into_iter().all(|name| name == "live"));
}

/// An earlier version of stream-handler drops changes of these rows.
#[test]
fn functions_that_change_joined_rows_have_traffic_after_the_stream_handler() {
    let template = template();
    let loops = loops(&template);
    let mut waiting = BTreeSet::new();
    for (names, fragment) in ["DeleteRoutes", "WaitingIntegrations"].map(|name| &loops[name]) {
        assert_eq!(fragment["${Route}Integration"]["DependsOn"], "StreamMapping");
        waiting.extend(names.iter().map(|name| binary(&template, &format!("{name}Function"))));
    }
    assert_eq!(template["Resources"]["EraseAccountsSchedule"]["DependsOn"], "StreamMapping");
    waiting.insert("erase-accounts");
    let changing = functions(&template).into_iter().filter(|(_, function)| {
        let statements = function["Policies"][0]["Statement"].as_array().into_iter().flatten();
        let mut changes =
            statements.filter(|statement| statement["Action"].to_string().contains("UpdateItem"));
        changes.any(|statement| {
            let condition = statement["Condition"].to_string();
            condition.contains("MSG#") || condition.contains("MBR#")
        })
    });
    assert_eq!(changing.map(|(name, _)| name).collect::<BTreeSet<_>>(), waiting);
}

#[test]
fn check_release_may_read_publish_and_invoke_and_nothing_else() {
    let template = template();
    let role = &template["Resources"]["CheckReleaseRole"]["Properties"];
    assert!(role["ManagedPolicyArns"].is_null());
    assert_eq!(
        template["Resources"]["CheckReleaseFunction"]["Properties"]["Role"]["Fn::GetAtt"],
        "CheckReleaseRole.Arn"
    );
    let mut statements: Vec<&Value> =
        role["Policies"].as_array().unwrap().iter().map(|policy| &policy["PolicyDocument"]).collect();
    let attached = resources(&template, "AWS::IAM::Policy");
    statements.extend(attached.values().map(|policy| &policy["PolicyDocument"]));
    let mut allowed = BTreeSet::new();
    for statement in statements.iter().flat_map(|document| document["Statement"].as_array().unwrap()) {
        let listed = |value: &Value| match value {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        for resource in listed(&statement["Resource"]) {
            let resource = resource.as_object().unwrap().values().next().unwrap();
            // A version's ARN is the function's and a number.
            let resource = text_of(resource).replace("${", "").replace('}', "");
            let name = resource.strip_suffix(":*").unwrap_or(&resource);
            assert!(!name.contains('*'), "{resource}");
            let is_function = name.ends_with("Function.Arn");
            for action in listed(&statement["Action"]) {
                let resource =
                    if is_function { resource.replace(name, "function") } else { resource.clone() };
                allowed.insert(format!("{} on {resource}", text_of(&action)));
            }
        }
    }
    assert_eq!(
        allowed.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "cloudformation:DescribeStacks on AWS::StackId",
            "lambda:GetAlias on function",
            "lambda:GetAlias on function:*",
            "lambda:GetFunctionConfiguration on function",
            "lambda:GetFunctionConfiguration on function:*",
            "lambda:InvokeFunction on function:*",
            "lambda:PublishVersion on function",
            "lambda:PublishVersion on function:*",
            "logs:CreateLogStream on CheckReleaseLogGroup.Arn",
            "logs:PutLogEvents on CheckReleaseLogGroup.Arn",
        ]
    );
}
