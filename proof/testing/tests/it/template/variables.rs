//! Environment variables: each function gets exactly those that it reads.

use std::{cell::RefCell, collections::BTreeSet};

use local::deployment::{FUNCTIONS, NOT_LOCAL};

use super::document::{all_functions, entries, functions, template};

/// Variables that functions read and the template must not set.
const NOT_OF_THE_TEMPLATE: [(&str, &str); 8] = [
    ("ALL_PROXY", "functions reach AWS without a proxy"),
    ("HTTPS_PROXY", "functions reach AWS without a proxy"),
    ("all_proxy", "functions reach AWS without a proxy"),
    ("https_proxy", "functions reach AWS without a proxy"),
    ("COGNITO_ISSUER", "another issuer than the pool's would be trusted"),
    ("SSL_CERT_DIR", "it replaces the certificate authorities"),
    ("SSL_CERT_FILE", "it replaces the certificate authorities"),
    ("RUST_LOG", "Lambda filters by level, and the default is right"),
];

/// Variables that a function reads at start.
fn read_by(function: &str) -> BTreeSet<String> {
    let declaration = FUNCTIONS.iter().find(|declaration| declaration.name == function).unwrap();
    let names = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        names.borrow_mut().insert(name.to_owned());
        let value = match name {
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_COGNITO_USER_POOL_CLIENT_ID" => "value",
            "AWS_COGNITO_USER_POOL_ID" => "eu-central-1_aBcDeFgHi",
            "AWS_REGION" => "eu-central-1",
            "DATABASE_URL" => "postgresql://user@database.example/cruddur?sslmode=verify-full",
            _ => return None,
        };
        Some(value.to_owned())
    };
    (declaration.configure)(&lookup).unwrap();
    let mut names = names.into_inner();
    // The log filter can be set only once per process.
    names.insert("RUST_LOG".to_owned());
    // Lambda and the AWS SDKs define these.
    names.retain(|name| !name.starts_with("AWS_") || name.starts_with("AWS_COGNITO_"));
    names
}

#[test]
fn each_function_gets_the_variables_that_it_reads_and_no_others() {
    let template = template();
    let without: BTreeSet<_> = NOT_OF_THE_TEMPLATE.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, function) in all_functions(&template) {
        let mut given = template["Globals"]["Function"]["Environment"]["Variables"].clone();
        let own = function.pointer("/Environment/Variables").into_iter().flat_map(entries);
        own.for_each(|(name, value)| given[name] = value.clone());
        let given = entries(&given).filter(|(_, value)| value["Ref"] != "AWS::NoValue");
        let given: BTreeSet<_> = given.map(|(name, _)| name.to_owned()).collect();
        // check-release reads only Lambda's own variables.
        let read = if NOT_LOCAL.contains(&name) { BTreeSet::new() } else { read_by(name) };
        assert_eq!(given, &read - &without, "{name}");
    }
}

#[test]
fn variables_that_the_template_must_not_set_are_read_by_a_function() {
    let template = template();
    let read: BTreeSet<_> = functions(&template).into_keys().flat_map(read_by).collect();
    for (name, _) in NOT_OF_THE_TEMPLATE {
        assert!(read.contains(name), "{name}");
    }
}
