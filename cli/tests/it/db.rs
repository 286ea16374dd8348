use insta::assert_snapshot;
use reqwest::Client;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::machine::{Machine, Run, command, cruddur};

/// A port without a listener.
const NOWHERE: &str = "postgresql://me:secret@127.0.0.1:9/users";

/// Every row with every column, in a stable order.
async fn users(machine: &Machine) -> Vec<String> {
    query(machine, "SELECT to_jsonb(u)::text FROM public.users u ORDER BY uuid").await
}

/// The first column of what the embedded PostgreSQL answers.
pub(crate) async fn query(machine: &Machine, statement: &str) -> Vec<String> {
    let url = machine.stack().database_url().unwrap();
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let rows = client.query(statement, &[]).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// `text` without the port, which is another each time.
fn without_port(machine: &Machine, text: &str) -> String {
    let url = machine.stack().database_url().unwrap();
    let port = url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
    text.replace(port, "[port]")
}

async fn inbox(machine: &Machine) -> Value {
    let (client, url) = (Client::new(), machine.stack().url());
    let token = client.post(format!("{url}/local/token")).json(&json!({"handle": "sunyoung"})).send().await;
    let token: Value = token.unwrap().json().await.unwrap();
    let request =
        client.get(format!("{url}/api/message_groups")).bearer_auth(token["access_token"].as_str().unwrap());
    request.send().await.unwrap().json().await.unwrap()
}

/// The stderr of a failed run. Panics if the run succeeded or wrote to stdout.
#[track_caller]
pub(crate) fn failed(run: &Run) -> &str {
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:#?}");
    &run.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_setup_changes_nothing() {
    let machine = Machine::start().await;
    let first = machine.cruddur(&["db", "setup", "--drop", "--yes"]).await;
    assert_snapshot!(without_port(&machine, first.ok()), @"
    emptied database 127.0.0.1:[port]/postgres, with 6 users
    database 127.0.0.1:[port]/postgres already exists
    applied to database 127.0.0.1:[port]/postgres: 0001_create_users, 0002_add_read_receipts, 0003_index_display_names, 0004_create_reports, 0005_add_suspensions, 0006_add_messages_from, 0007_add_erasures, 0008_add_sign_outs
    the demo users exist: sunyoung, scarlett, andrew, bayko, lore, mock
    ");
    let before = users(&machine).await;
    assert_eq!(before.len(), 6);
    let second = machine.cruddur(&["db", "setup"]).await;
    assert_snapshot!(without_port(&machine, second.ok()), @"
    database 127.0.0.1:[port]/postgres already exists
    database 127.0.0.1:[port]/postgres has all migrations
    the demo users exist: sunyoung, scarlett, andrew, bayko, lore, mock
    ");
    assert_eq!(users(&machine).await, before);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_drop_and_setup_the_api_answers_as_before() {
    let machine = Machine::start().await;
    let before = inbox(&machine).await;
    assert_eq!(before.as_array().unwrap().len(), 2);
    machine.cruddur(&["db", "drop", "--yes"]).await.ok();
    machine.cruddur(&["db", "setup"]).await.ok();
    assert_eq!(inbox(&machine).await, before);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_without_yes_names_the_database_and_drops_nothing() {
    let machine = Machine::start().await;
    let run = machine.cruddur(&["db", "drop"]).await;
    assert_snapshot!(without_port(&machine, failed(&run)), @"
    error: this empties database 127.0.0.1:[port]/postgres, with 6 users

      tip: add --yes to confirm
    ");
    assert_eq!(users(&machine).await.len(), 6);
    let run = machine.cruddur(&["db", "setup", "--drop"]).await;
    assert_eq!(run.code, 1);
    assert_eq!(users(&machine).await.len(), 6);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_is_reported() {
    let machine = Machine::start().await;
    machine.cruddur(&["db", "drop", "--yes"]).await.ok();
    let run = machine.cruddur(&["db", "seed"]).await;
    assert_snapshot!(without_port(&machine, failed(&run)), @"
    error: database 127.0.0.1:[port]/postgres has no tables

      tip: create them with `cruddur db migrate`
    ");
    // What is gone already is dropped without a fuss.
    let run = machine.cruddur(&["db", "drop", "--yes"]).await;
    assert_snapshot!(without_port(&machine, run.ok()), @"emptied database 127.0.0.1:[port]/postgres, with no table of users");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_migrated_by_other_files_is_described() {
    let machine = Machine::start().await;
    query(&machine, "UPDATE public.refinery_schema_history SET name = 'other'").await;
    let run = machine.cruddur(&["db", "migrate"]).await;
    assert_snapshot!(without_port(&machine, failed(&run)), @"error: failed to migrate database 127.0.0.1:[port]/postgres: applied migration V1__other is different than filesystem one V1__create_users");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_objects_for_programs() {
    let machine = Machine::start().await;
    machine.cruddur(&["db", "drop", "--yes"]).await.ok();
    let run = machine.cruddur(&["db", "setup", "--output", "json"]).await;
    assert_snapshot!(without_port(&machine, run.ok()), @r#"
    {"database":"127.0.0.1:[port]/postgres","made":false}
    {"applied":["0001_create_users","0002_add_read_receipts","0003_index_display_names","0004_create_reports","0005_add_suspensions","0006_add_messages_from","0007_add_erasures","0008_add_sign_outs"],"database":"127.0.0.1:[port]/postgres"}
    {"database":"127.0.0.1:[port]/postgres","users":["sunyoung","scarlett","andrew","bayko","lore","mock"]}
    "#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_server_has_no_other_sessions() {
    let machine = Machine::start().await;
    assert_eq!(machine.cruddur(&["db", "sessions"]).await.ok(), "");
    assert_eq!(machine.cruddur(&["db", "sessions", "--output", "json"]).await.ok(), "");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_pool_fails_setup_before_any_change() {
    let machine = Machine::start().await;
    let run = machine.cruddur(&["db", "setup", "--drop", "--yes", "--user-pool", "users"]).await;
    assert_snapshot!(failed(&run), @"error: --user-pool: not a user pool id such as eu-central-1_AbCdEfGhI");
    assert_eq!(users(&machine).await.len(), 6);
    machine.stop().await;
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_is_described_by_every_command() {
    for name in ["create", "drop", "migrate", "seed", "setup", "sessions"] {
        let run = cruddur(&["db", name, "--database-url", NOWHERE]).await;
        assert_eq!(
            failed(&run),
            "error: PostgreSQL at 127.0.0.1:9/users can't be reached (error connecting to server: Connection \
             refused (os error 111))\n\n  tip: start it, or correct the database URL\n",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_malformed_url_is_one_line_without_the_password() {
    let run = cruddur(&["db", "create", "--database-url", "postgresql://me:secret@host:port/users"]).await;
    assert_snapshot!(failed(&run), @"error: invalid database URL: not a PostgreSQL URL such as postgresql://user:password@host:5432/name");
}

#[tokio::test]
async fn aws_requires_its_target() {
    for host in
        ["cruddur.abc.eu-central-1.rds.amazonaws.com", "db.prod.example", "10.0.0.7", "localhost,db.example"]
    {
        let url = format!("postgresql://me:secret@{host}/users?sslmode=verify-full");
        for command in ["create", "migrate", "seed", "sessions", "drop"] {
            let run = cruddur(&["db", command, "--yes", "--database-url", &url]).await;
            assert_eq!(
                failed(&run),
                "error: --database-url is not on this machine\n\n  tip: add --target aws\n",
                "{command} {host}"
            );
        }
    }
    let url = "postgresql://me:secret@db.prod.example/users";
    let run = cruddur(&["db", "drop", "--yes", "--target", "aws", "--database-url", url]).await;
    assert_snapshot!(failed(&run), @"error: invalid database URL: the server is another machine and sslmode is not given; write sslmode=verify-full for a verified, encrypted connection, or sslmode=disable to send everything unencrypted");
    let run = cruddur(&["db", "drop", "--yes", "--target", "aws"]).await;
    assert_snapshot!(failed(&run), @"error: set DATABASE_URL or --database-url to the database of users");
}

/// A folder with a psql that prints its arguments and variables, and exits with 7.
#[cfg(unix)]
fn fake_psql() -> tempfile::TempDir {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    let folder = tempfile::tempdir().unwrap();
    let psql = folder.path().join("psql");
    fs::write(&psql, "#!/bin/sh\nprintf '<%s>\\n' \"$@\"\nenv | grep ^PG | sort\nexit 7\n").unwrap();
    fs::set_permissions(&psql, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[cfg(unix)]
#[tokio::test]
async fn psql_gets_the_password_by_the_environment_and_the_arguments_as_they_are() {
    let folder = fake_psql();
    let arguments = ["db", "connect", "--database-url", NOWHERE, "--", "-c", "select 1", ""];
    let output = command(&arguments)
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("PGSERVICE", "elsewhere")
        .env("PGHOSTADDR", "192.0.2.1")
        .output()
        .await
        .unwrap();
    // The exit code is psql's own, too.
    assert_eq!(output.status.code(), Some(7));
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
    <-c>
    <select 1>
    <>
    PGDATABASE=users
    PGHOST=127.0.0.1
    PGPASSWORD=secret
    PGPORT=9
    PGSSLMODE=disable
    PGUSER=me
    ");
}

/// Keys that exist nowhere: signing needs no call.
const KEYS: [(&str, &str); 3] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

#[cfg(unix)]
#[tokio::test]
async fn psql_gets_a_token_and_the_authorities_by_the_environment() {
    let folder = fake_psql();
    let url = "postgresql://me@users.abc.eu-central-1.rds.amazonaws.com/users?sslmode=verify-full";
    let output = command(&["--target", "aws", "db", "connect", "--", "-q"])
        .envs(KEYS)
        .env("DATABASE_URL", url)
        .env("DATABASE_AUTH", "rds-iam")
        .env("XDG_CACHE_HOME", folder.path())
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let shown = shown.replace(folder.path().to_str().unwrap(), "[cache]");
    let (shown, signed) = shown.split_once("&X-Amz-Algorithm").unwrap();
    assert_snapshot!(shown, @"
    <-q>
    PGDATABASE=users
    PGHOST=users.abc.eu-central-1.rds.amazonaws.com
    PGPASSWORD=users.abc.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=me
    ");
    assert!(signed.contains("%2Feu-central-1%2Frds-db%2Faws4_request&"), "{signed}");
    let rest = signed.split_once('\n').unwrap().1;
    assert_snapshot!(rest, @"
    PGPORT=5432
    PGSSLMODE=verify-full
    PGSSLROOTCERT=[cache]/cruddur/amazon-rds.pem
    PGUSER=me
    ");
}

#[tokio::test]
async fn failures_to_sign_tokens_are_described() {
    const URL: &str = "postgresql://me@127.0.0.1:9/users?sslmode=verify-full";
    let sessions = async |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = command(&[&["db", "sessions"], arguments].concat());
        let output = command.envs(environment.iter().copied()).output().await.unwrap();
        assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
        String::from_utf8(output.stderr).unwrap()
    };
    let aws = |url| ["--target", "aws", "--database-auth", "rds-iam", "--database-url", url];
    let local = ["--database-auth", "rds-iam", "--database-url", URL];
    assert_snapshot!(sessions(&local, &KEYS).await, @"
    error: --database-auth rds-iam is for databases in AWS

      tip: add --target aws
    ");
    let auth = [("DATABASE_AUTH", "secret"), ("DATABASE_URL", URL)];
    assert_snapshot!(sessions(&["--target", "aws"], &auth).await, @"error: DATABASE_AUTH is neither password nor rds-iam");
    let with_password = "postgresql://me:secret@127.0.0.1:9/users?sslmode=verify-full";
    assert_snapshot!(sessions(&aws(with_password), &KEYS).await, @"error: invalid database URL: it holds a password, but rds-iam signs in with tokens: leave the password out");
    assert_snapshot!(sessions(&aws(URL), &[]).await, @"
    error: no AWS region is set

      tip: use --region, AWS_REGION, or a profile with a region (AWS_PROFILE)
    ");
    let no_keys = [KEYS[0], ("AWS_EC2_METADATA_DISABLED", "true")];
    assert_snapshot!(sessions(&aws(URL), &no_keys).await, @"
    error: no AWS credentials

      tip: set AWS_PROFILE, or run `aws configure`
    ");
}

#[tokio::test]
async fn without_psql_the_error_says_what_to_install() {
    let arguments = ["db", "connect", "--database-url", NOWHERE];
    let output = command(&arguments).env("PATH", "/nowhere").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: psql is not installed

      tip: install PostgreSQL's client (Debian: apt install postgresql-client, macOS: brew install libpq)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_listed_shown_and_resolved() {
    let machine = Machine::start().await;
    machine.cruddur(&["send", "--as", "mock", "@lore", "win a prize"]).await.ok();
    let report = machine.cruddur(&["report", "--as", "lore", "@mock", "spam", "--output", "json"]).await;
    let report: Value = serde_json::from_str(report.ok()).unwrap();
    let uuid = report["uuid"].as_str().unwrap();
    machine.cruddur(&["delete", "--as", "mock", "@lore", "--yes"]).await.ok();

    let list = async |arguments: &[&str]| {
        let arguments = [&["reports", "list", "--output", "json"], arguments].concat();
        let listed = machine.cruddur(&arguments).await;
        let rows = listed.ok().lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
        rows.filter(|row| row["uuid"] == *uuid).collect::<Vec<_>>()
    };
    let listed = list(&[]).await;
    assert_eq!((&listed[0]["reason"], &listed[0]["sender"]["handle"]), (&"spam".into(), &"mock".into()));
    let shown = machine.cruddur(&["reports", "show", uuid]).await;
    let shown = shown.ok();
    assert!(shown.starts_with('>') && shown.trim_end().ends_with("@mock  win a prize"), "{shown}");
    assert_eq!(machine.cruddur(&["reports", "resolve", uuid]).await.ok(), "resolved\n");
    assert_eq!((list(&[]).await.len(), list(&["--all"]).await.len()), (0, 1));
    assert_snapshot!(failed(&machine.cruddur(&["reports", "delete-old"]).await), @"
    error: this deletes the reports that are older than 90 days

      tip: add --yes to confirm
    ");
    assert_eq!(machine.cruddur(&["reports", "delete-old", "--yes"]).await.ok(), "deleted 0 reports\n");
    let unknown = machine.cruddur(&["reports", "show", "00000000-0000-4000-8000-000000000000"]).await;
    assert_snapshot!(failed(&unknown), @"
    error: no report has this UUID

      tip: `cruddur reports list` shows them
    ");
    machine.stop().await;
}
