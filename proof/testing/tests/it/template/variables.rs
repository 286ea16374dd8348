//! Environment variables: each function gets those that it reads, and no others.

use std::{cell::RefCell, collections::BTreeSet};

use cruddur::config::{DatabaseConfig, SendLimitConfig, TableConfig, TokenConfig};

use super::document::{functions, keys, template, text};

/// What functions read and the template must not set.
const NOT_OF_THE_TEMPLATE: [(&str, &str); 3] = [
    ("COGNITO_ISSUER", "another issuer than the pool's would be trusted"),
    ("DATABASE_CONNECTION", "for the embedded PostgreSQL alone"),
    ("RUST_LOG", "Lambda filters by level, and the default is right"),
];

/// The variables that `read` asks for, once everything that it can't do without is set.
fn asked_for<T, E: std::fmt::Debug>(
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, E>,
) -> Vec<String> {
    let asked = RefCell::new(Vec::new());
    read(&|name| {
        asked.borrow_mut().push(name.to_owned());
        let value = match name {
            "DATABASE_URL" => "postgresql://user@database.example/cruddur?sslmode=verify-full",
            "AWS_COGNITO_USER_POOL_ID" => "eu-central-1_aBcDeFgHi",
            "AWS_COGNITO_USER_POOL_CLIENT_ID" => "client",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap();
    asked.into_inner()
}

/// The variables that a function reads when it starts, by what its `main.rs` makes.
fn read_by(function: &str) -> BTreeSet<String> {
    let main = text(&format!("functions/{function}/src/main.rs"));
    let mut names = BTreeSet::new();
    for (before, _) in main.match_indices("::from_lookup(").map(|(at, _)| main.split_at(at)) {
        let made = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap();
        names.extend(match made {
            "Verifier" => asked_for(|lookup| TokenConfig::from_lookup(lookup)?.key_set(|_| None)),
            "Users" => asked_for(|lookup| DatabaseConfig::from_lookup(lookup)),
            "SendLimit" => asked_for(|lookup| SendLimitConfig::from_lookup(lookup)),
            "Table" => asked_for(|lookup| TableConfig::from_lookup(lookup)),
            other => {
                panic!("{function} makes a {other}: say here which part of the configuration that reads")
            }
        });
    }
    // It can be called once in a process, and is therefore not tried here.
    if main.contains("log::init(") {
        names.insert("RUST_LOG".to_owned());
    }
    // Lambda sets these itself.
    names.retain(|name| name != "AWS_REGION" && !name.starts_with("AWS_LAMBDA_"));
    names
}

#[test]
fn each_function_gets_the_variables_that_it_reads_and_no_others() {
    let template = template();
    let without: BTreeSet<_> = NOT_OF_THE_TEMPLATE.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, function) in functions(&template) {
        let given: BTreeSet<_> =
            keys(&function["Environment"]["Variables"]).into_iter().map(str::to_owned).collect();
        assert_eq!(given, &read_by(name) - &without, "{name}");
    }
}

#[test]
fn what_the_template_must_not_set_is_read_by_some_function() {
    let template = template();
    let read: BTreeSet<_> = functions(&template).into_keys().flat_map(read_by).collect();
    for (name, _) in NOT_OF_THE_TEMPLATE {
        assert!(read.contains(name), "{name}");
    }
}
