//! Compares the template with the rest of the repository: folders, routes, events, SQL, the guide.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use local::deployment::NOT_LOCAL;
use serde_json::Value;

use super::{
    document::{
        all_functions, binary, document, entries, folders, functions, keys, loops, resources, root, template,
        text, text_of,
    },
    routes,
};

#[test]
fn each_folder_of_a_function_is_deployed_and_no_other_binary_is() {
    let template = template();
    let deployed: BTreeSet<_> = all_functions(&template).into_keys().map(str::to_owned).collect();
    assert_eq!(deployed, folders("functions"));
    for function in deployed {
        let manifest = text(&format!("functions/{function}/Cargo.toml"));
        assert!(manifest.contains(&format!("[package]\nname = \"{function}\"\n")), "{manifest}");
    }
}

#[test]
fn the_api_that_is_described_is_deployed_and_no_other_is() {
    let description = document("openapi.yaml");
    let methods = ["get", "put", "post", "patch", "delete"];
    let described: BTreeMap<_, _> = entries(&description["paths"])
        .flat_map(|(path, item)| {
            let operations = entries(item).filter(|(method, _)| methods.contains(method));
            operations.map(move |(method, operation)| {
                let function = kebab_case(operation["operationId"].as_str().unwrap());
                (format!("{} {path}", method.to_uppercase()), function)
            })
        })
        .collect();
    let template = template();
    let deployed = routes(&template);
    assert_eq!(deployed.keys().collect::<BTreeSet<_>>(), described.keys().collect());
    for (key, function) in &deployed {
        // Operations of a function with several routes have names of their own.
        if deployed.values().filter(|other| *other == function).count() == 1 {
            assert_eq!(described[key], *function);
        }
    }
}

/// Converts `listMessages` to `list-messages`.
fn kebab_case(name: &str) -> String {
    let dashed = |c: char| if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.to_string() };
    name.chars().map(dashed).collect()
}

#[test]
fn the_authorizer_is_in_front_of_every_route_that_is_not_public() {
    let template = template();
    let description = document("openapi.yaml");
    let is_public = |key: &Value| {
        let (method, path) = text_of(key).split_once(' ').unwrap();
        description["paths"][path][method.to_lowercase()]["security"] == Value::Array(vec![])
    };
    let [routes, delete_routes] = ["Routes", "DeleteRoutes"].map(|name| &template["Mappings"][name]);
    let (public, with_token) =
        keys(routes).into_iter().partition(|name: &&str| is_public(&routes[*name]["Key"]));
    assert!(entries(delete_routes).all(|(_, route)| !is_public(&route["Key"])));
    let loops = loops(&template);
    for (name, id, routes, expected) in [
        ("PublicRoutes", "${Route}Route", public, true),
        ("RoutesWithToken", "${Route}Route", with_token, false),
        ("DeleteRoutes", "${Route}DeleteRoute", keys(delete_routes), false),
    ] {
        let (looped, fragment) = &loops[name];
        let route = &fragment[id]["Properties"];
        assert_eq!(*looped, routes, "{name}");
        assert_eq!(route["AuthorizationType"] == "NONE", expected, "{name}");
        assert_eq!(route["AuthorizerId"].is_null(), expected, "{name}");
    }
}

#[test]
fn each_route_has_its_function_its_integration_and_its_own_limits_which_wait_for_the_route() {
    let template = template();
    let [first, second] = ["Routes", "DeleteRoutes"].map(|name| &template["Mappings"][name]);
    let loops = loops(&template);
    assert_eq!(loops["Routes"].0, keys(first));
    let [with_one, waiting, with_two] =
        ["Integrations", "WaitingIntegrations", "DeleteRoutes"].map(|name| &loops[name].0);
    assert_eq!(with_one.len() + waiting.len() + with_two.len(), keys(first).len(), "one is declared twice");
    assert_eq!(&(with_one | waiting) | with_two, keys(first));
    assert_eq!(*with_two, keys(second));
    let stage = &template["Resources"]["ApiStage"];
    let limited = keys(&stage["Properties"]["RouteSettings"]);
    assert_eq!(limited, routes(&template).keys().map(String::as_str).collect());
    let waits_for = stage["DependsOn"].as_array().unwrap().iter().map(|id| text_of(id).to_owned());
    let expected = keys(first).into_iter().map(|name| format!("{name}Route"));
    let expected = expected.chain(keys(second).into_iter().map(|name| format!("{name}DeleteRoute")));
    assert_eq!(waits_for.collect::<BTreeSet<_>>(), expected.collect());
    for (name, route) in entries(first) {
        assert_eq!(route["Function"], binary(&template, &format!("{name}Function")), "{name}");
    }
}

#[test]
fn each_function_has_sample_events_and_no_other_folder_has() {
    let mut with_events = folders("functions");
    with_events.retain(|function| !NOT_LOCAL.contains(&&**function));
    assert_eq!(folders("events"), with_events);
    for function in folders("events") {
        let events = fs::read_dir(root().join("events").join(&function)).unwrap();
        assert!(events.count() > 0, "{function} has no events");
    }
}

#[test]
fn each_function_writes_to_a_log_group_of_its_own_that_forgets() {
    let template = template();
    let (routes, of_routes) = &loops(&template)["Routes"];
    for (id, function) in resources(&template, "AWS::Serverless::Function") {
        let name = id.strip_suffix("Function").unwrap();
        let group =
            &template["Resources"][format!("{name}LogGroup")]["Properties"]["LogGroupName"]["Fn::Sub"];
        assert_eq!(function["LoggingConfig"]["LogGroup"]["Ref"], format!("{name}LogGroup"));
        if !routes.contains(name) {
            assert_eq!(*group, format!("/aws/lambda/${{AWS::StackName}}/{}", binary(&template, id)));
        }
    }
    let mut groups = resources(&template, "AWS::Logs::LogGroup");
    groups.insert("of routes", &of_routes["${Route}LogGroup"]["Properties"]);
    for (id, group) in groups {
        assert_eq!(group["RetentionInDays"]["Ref"], "LogRetentionDays", "{id}");
    }
}

#[test]
fn each_file_of_sql_is_in_some_crate_and_each_crate_has_files_that_are_there() {
    let mut sources = Vec::new();
    let mut statements = BTreeSet::new();
    for folder in ["shared", "cli", "local", "functions", "proof"] {
        files(&root().join(folder), "rs", &mut |file| sources.push(file));
    }
    files(&root().join("sql"), "sql", &mut |file| _ = statements.insert(file));
    let included: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| {
            let text = fs::read_to_string(source).unwrap();
            let names: Vec<_> = text
                .split("include_str!(\"")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
                .collect();
            names.into_iter().filter(|name| name.contains("/sql/")).map(|name| {
                let included = source.parent().unwrap().join(&name).canonicalize();
                included.unwrap_or_else(|error| panic!("{name} of {}: {error}", source.display()))
            })
        })
        .collect();
    assert_eq!(included, statements);
}

/// Passes on files with an extension in `folder` and below, without those of tests and builds.
fn files(folder: &Path, extension: &str, found: &mut impl FnMut(PathBuf)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "tests" && name != "target" {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found(path.canonicalize().unwrap());
        }
    }
}

#[test]
fn the_permissions_boundary_has_the_rights_of_the_functions_policies() {
    let template = template();
    let mut policies = functions(&template).into_values().map(|one| &one["Policies"]).collect::<Vec<_>>();
    policies.push(&template["Resources"]["DatabaseSignIn"]);
    policies.push(&template["Resources"]["SocketPushes"]);
    policies.push(&template["Resources"]["UserDeletion"]);
    let of_functions: BTreeSet<_> = policies.into_iter().flat_map(actions).collect();
    let boundary = &template["Resources"]["FunctionBoundary"]["Properties"]["PolicyDocument"];
    // Covered by SAM's managed policies.
    let managed = ["logs:", "xray:", "ec2:"];
    let of_boundary =
        actions(boundary).into_iter().filter(|one| !managed.iter().any(|kind| one.starts_with(kind)));
    assert_eq!(of_boundary.collect::<BTreeSet<_>>(), of_functions);
    assert_eq!(template["Globals"]["Function"]["PermissionsBoundary"]["Ref"], "FunctionBoundary");
}

/// Actions of a policy, or of a list of policies.
fn actions(policy: &Value) -> BTreeSet<String> {
    match policy {
        Value::Array(parts) => parts.iter().flat_map(actions).collect(),
        Value::Object(parts) => parts
            .iter()
            .flat_map(|(key, part)| match part {
                Value::String(action) if key == "Action" => BTreeSet::from([action.clone()]),
                Value::Array(list) if key == "Action" => {
                    list.iter().map(|action| action.as_str().unwrap().to_owned()).collect()
                }
                other => actions(other),
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_guide_names_only_items_of_the_template() {
    let template = template();
    let guide = text("docs/DEPLOY.md");
    let mut known: BTreeSet<_> = keys(&template["Parameters"]);
    known.extend(keys(&template["Resources"]));
    known.extend(keys(&template["Outputs"]));
    // Text between backticks, outside code blocks, that looks like a name in the template.
    let prose = guide.split("```").step_by(2);
    let quoted = prose.flat_map(|part| part.split('`').skip(1).step_by(2));
    let named: BTreeSet<_> = quoted
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|word| {
            word.chars().all(|c| c.is_ascii_alphanumeric()) && word.contains(|c: char| c.is_lowercase())
        })
        .collect();
    assert!(named.len() > 10, "{named:?}");
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
    // Each parameter without a default is explained.
    for (name, parameter) in entries(&template["Parameters"]) {
        assert!(!parameter["Default"].is_null() || named.contains(name), "{name} is asked for");
    }
}

#[test]
fn the_guide_grants_the_columns_that_the_functions_use() {
    let guide = text("docs/DEPLOY.md");
    let columns = |text: &str, before: &str| -> Vec<String> {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before}"));
        rest.split_once(')').unwrap().0.split(", ").map(str::to_owned).collect()
    };
    assert_eq!(
        columns(&guide, "GRANT INSERT ("),
        columns(&text("sql/users/create.sql"), "INSERT INTO public.users (")
    );
    let look_up = text("sql/users/short.sql");
    let (_, selected) = look_up.split_once("\nSELECT ").unwrap();
    let selected = selected.lines().next().unwrap();
    assert_eq!(columns(&guide, "GRANT SELECT (").join(", "), format!("{selected}, erased_at"));
    let mut assigned = BTreeSet::new();
    for statement in [
        "take_over",
        "set_cognito_user_id",
        "update",
        "erase",
        "take_erasure",
        "end_erasure_pass",
        "sign_out",
    ] {
        let statement = text(&format!("sql/users/{statement}.sql"));
        let (_, assignments) = statement.split_once("\nSET ").unwrap();
        let (assignments, _) = assignments.split_once("\nWHERE ").unwrap();
        // The other parts are arguments of functions.
        let parts = assignments.lines().flat_map(|line| line.trim().split(", "));
        let names = parts.filter_map(|part| Some(part.split_once(" = ")?.0.to_owned()));
        assigned.extend(names);
    }
    assert_eq!(assigned, columns(&guide, "GRANT UPDATE (").into_iter().collect());
}

#[test]
fn imported_resources_are_the_deployed_ones() {
    let template = template();
    for file in ["docs/import.yaml", "docs/import-with-user-pool.yaml"] {
        let import = document(file);
        for (name, resource) in entries(&import["Resources"]) {
            let deployed = &template["Resources"][name];
            for field in ["Type", "DeletionPolicy", "UpdateReplacePolicy"] {
                assert_eq!(resource[field], deployed[field], "{file} {name}");
            }
            for (property, value) in entries(&resource["Properties"]) {
                assert_eq!(*value, deployed["Properties"][property], "{file} {name} {property}");
            }
        }
        let table = |document: &Value| document["Resources"]["MessageTable"].clone();
        assert_eq!(table(&import), table(&template), "{file}");
        for (name, condition) in entries(&import["Conditions"]) {
            assert_eq!(*condition, template["Conditions"][name], "{file} {name}");
        }
    }
    for (name, parameter) in entries(&document("docs/import.yaml")["Parameters"]) {
        for rule in ["Type", "Default", "AllowedPattern", "AllowedValues"] {
            assert_eq!(parameter[rule], template["Parameters"][name][rule], "{name} {rule}");
        }
    }
}
