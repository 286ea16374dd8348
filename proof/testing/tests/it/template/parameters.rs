//! Parameters, conditions and rules: none is unused, and the console shows all parameters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::{entries, keys, references, template};

/// Names of the conditions that a part of the template uses.
pub(super) fn conditions(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(conditions).collect(),
        Value::Object(object) => {
            let mut names: BTreeSet<_> = object.values().flat_map(conditions).collect();
            let by_name = object.get("Condition").or_else(|| object.get("Fn::If").map(|choice| &choice[0]));
            names.extend(by_name.and_then(Value::as_str).map(str::to_owned));
            names
        }
        _ => BTreeSet::new(),
    }
}

#[test]
fn each_parameter_is_used() {
    let template = template();
    let mut used = references(&template["Resources"]);
    for part in ["Globals", "Conditions", "Outputs"] {
        used.extend(references(&template[part]));
    }
    let unused: Vec<_> =
        keys(&template["Parameters"]).into_iter().filter(|name| !used.contains(*name)).collect();
    assert_eq!(unused, Vec::<&str>::new());
}

#[test]
fn each_condition_is_used_and_each_that_is_used_is_there() {
    let template = template();
    let mut used = conditions(&template["Resources"]);
    for part in ["Globals", "Outputs"] {
        used.extend(conditions(&template[part]));
    }
    assert_eq!(used, keys(&template["Conditions"]).into_iter().map(str::to_owned).collect());
}

#[test]
fn the_console_shows_each_parameter_once_with_a_description() {
    let template = template();
    let groups =
        template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array().unwrap();
    let shown: Vec<_> = groups
        .iter()
        .flat_map(|group| group["Parameters"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(shown.len(), keys(&template["Parameters"]).len(), "{shown:?}");
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), keys(&template["Parameters"]));
    for (name, parameter) in entries(&template["Parameters"]) {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.len() > 40), "{name}");
        // Otherwise CloudFormation shows only the pattern.
        let explained = parameter["ConstraintDescription"].is_string();
        assert_eq!(parameter["AllowedPattern"].is_string(), explained, "{name}");
    }
}

#[test]
fn the_secret_parameters_are_hidden_and_no_output_shows_them() {
    let template = template();
    let hidden = entries(&template["Parameters"]).filter(|(_, parameter)| parameter["NoEcho"] == json!(true));
    let hidden: BTreeSet<_> = hidden.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(hidden, ["DatabaseUrl", "LookUpDatabaseUrl"].map(str::to_owned).into());
    assert!(references(&template["Outputs"]).is_disjoint(&hidden));
}

#[test]
fn resources_with_data_are_kept_when_the_stack_is_deleted() {
    let template = template();
    let kept = entries(&template["Resources"]).filter(|(_, resource)| resource["DeletionPolicy"] == "Retain");
    let kept: BTreeSet<_> = kept.map(|(id, _)| id).collect();
    assert_eq!(kept, BTreeSet::from(["MessageTable", "UserPool", "UserPoolClient", "UserPoolDomain"]));
    assert_eq!(template["Resources"]["MessageTable"]["UpdateReplacePolicy"], "Retain");
    assert_eq!(template["Resources"]["MessageTable"]["Properties"]["DeletionProtectionEnabled"], json!(true));
    assert_eq!(template["Resources"]["UserPool"]["UpdateReplacePolicy"], "Retain");
    assert_eq!(template["Resources"]["UserPool"]["Properties"]["DeletionProtection"], "ACTIVE");
}

#[test]
fn front_ends_are_encrypted_unless_they_are_on_the_developers_machine() {
    let template = template();
    let pattern = template["Parameters"]["AllowedOrigins"]["AllowedPattern"].as_str().unwrap();
    let pattern = jsonschema::validator_for(&json!({"pattern": pattern})).unwrap();
    for (origin, expected) in [
        ("https://cruddur.example", true),
        ("https://cruddur.example:8443", true),
        ("http://localhost:3000", true),
        ("http://127.0.0.1:4567", true),
        ("http://localhost", true),
        ("http://cruddur.example", false),
        ("http://localhost.example", false),
        ("http://localhost:3000.example", false),
        ("https://cruddur.example/", false),
        ("https://*.example", false),
        ("*", false),
    ] {
        assert_eq!(pattern.is_valid(&json!(origin)), expected, "{origin}");
    }
}

#[test]
fn the_database_urls_say_exactly_once_how_they_are_protected() {
    let template = template();
    let pattern = |name: &str| template["Parameters"][name]["AllowedPattern"].as_str().unwrap().to_owned();
    let of_all = pattern("DatabaseUrl");
    let of_all_or_nothing = format!("^({})?$", of_all.trim_start_matches('^').trim_end_matches('$'));
    assert_eq!(pattern("LookUpDatabaseUrl"), of_all_or_nothing);
    let pattern = jsonschema::validator_for(&json!({"pattern": of_all})).unwrap();
    for (query, expected) in [
        ("?sslmode=verify-full", true),
        ("?sslmode=disable", true),
        ("?sslmode=verify-full&sslrootcert=rds", true),
        ("?connect_timeout=3&sslnegotiation=direct&sslmode=require&options=-c%20a%3Db", true),
        ("", false),
        ("?connect_timeout=3", false),
        ("?sslmode=prefer", false),
        ("?sslmode=verify-full&sslmode=disable", false),
        ("?sslmode=disable&sslmode=verify-full", false),
        ("?sslmode=verify-full&connect_timeout=3&sslmode=disable", false),
        ("?sslmode=verify-full&%73slmode=disable", false),
        ("?application_name=?sslmode=disable", false),
        ("?sslmode=verify-full ", false),
    ] {
        let url = format!("postgresql://me:secret@database.example:5432/users{query}");
        assert_eq!(pattern.is_valid(&json!(url)), expected, "{url}");
        // Every URL that the template accepts is accepted by the functions.
        if expected {
            assert!(url.parse::<cruddur::postgres::DatabaseServer>().is_ok(), "{url}");
        }
    }
}
