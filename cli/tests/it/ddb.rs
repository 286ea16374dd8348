use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bare::Bare;
use cruddur::table::RowKind;
use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    machine::{Machine, Run},
    redact::redact,
};

mod bare;
mod load;

/// The uuid of the demo's conversation of sunyoung and scarlett.
const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";

/// A table called `name` that has nothing but a key.
async fn make_table(bare: &Bare, name: &str, is_protected: bool) {
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    bare.client()
        .create_table()
        .table_name(name)
        .key_schema(key.build().unwrap())
        .attribute_definitions(attribute.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .deletion_protection_enabled(is_protected)
        .send()
        .await
        .unwrap();
}

/// Both outputs and the exit code, as a person sees them.
fn seen(run: &Run) -> String {
    redact(&format!("{}{}[{}]", run.stdout, run.stderr, run.code))
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_the_demo() {
    let bare = Bare::start().await;
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "seed"]).await), @r#"
    error: DynamoDB at http://dynamodb has no table cruddur-messages

      tip: create it with `cruddur ddb schema-load` and the same options, or use --table
    [1]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "list-tables"]).await), @r#"
    DynamoDB at http://dynamodb has no tables; create one with `cruddur ddb schema-load`
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "schema-load"]).await), @r#"
    created table cruddur-messages: DynamoDB at http://dynamodb
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "schema-load"]).await), @r#"
    table cruddur-messages already exists: DynamoDB at http://dynamodb
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "list-tables"]).await), @r#"
    cruddur-messages
    [0]
    "#);

    let seeded = bare.cruddur(&["ddb", "seed", "--output", "json"]).await;
    let mut report = json_lines(seeded.ok()).remove(0);
    for varies in ["seconds", "messages_per_second"] {
        assert!(report[varies].take().as_f64().unwrap() > 0.0, "{varies}");
    }
    assert_snapshot!(report, @r#"{"messages_per_second":null,"messages_sent":11,"messages_were_there":0,"read_request_units":39.0,"seconds":null,"users_made":6,"users_were_there":0,"write_request_units":69.0}"#);
    let rows = bare.rows().await;
    let again = bare.cruddur(&["ddb", "seed"]).await;
    assert_snapshot!(again.ok().lines().take(2).collect::<Vec<_>>().join("\n"), @r#"
    users: 0 created, 6 existed
    messages: 0 sent, 11 existed
    "#);
    assert_eq!(bare.rows().await, rows);

    assert_snapshot!(seen(&bare.cruddur(&["ddb", "list-conversations", "@SunYoung"]).await), @r#"
    @scarlett  Scarlett Ho   <local time>  Good. I'll write to you from the train, then, where t…
    @andrew    Andrew Brown  <local time>  You: Thanks, Andrew. So far it only breaks when I loo…
    2 conversations; consumed capacity units: 1
    [0]
    "#);
    let members = ["@scarlett", "SunYoung"];
    assert_snapshot!(seen(&bare.cruddur(&[&["ddb", "get-conversation"], &members[..]].concat()).await), @r#"
    @scarlett  <local time>  Have you seen that the inbox no longer empties itself on New Year's…
    @sunyoung  <local time>  I have! And my message from last night came once, although I presse…
    @scarlett  <local time>  (deleted)
    @sunyoung  <local time>  You deleted that faster than I can read.
    @scarlett  <local time>  What did they do?
    @sunyoung  <local time>  The sort key carries the message's uuid now, and a retry b… (edited)
    @scarlett  <local time>  [↪] And when we both write at the same moment?
    @sunyoung  <local time>  Then both messages stay, and each of us still sees the conv… [🎉 👍]
    @scarlett  <local time>  Good. I'll write to you from the train, then, where the network com…
    9 messages; consumed capacity units: 1
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "scan"]).await), @r#"
    GRP#<uuid>  <time>…  with @andrew: Thanks, Andre…
    GRP#<uuid>  <time>…  with @scarlett: Good. I'll …
    GRP#<uuid>  <time>…  with @sunyoung: Good. I'll …
    GRP#<uuid>  <time>…  with @sunyoung: Thanks, And…
    MEM#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  MEM                           members @sunyoung, @scarlett
    MEM#a38d0d8e-e39d-513b-a594-dd90214de59f  MEM                           members @sunyoung, @andrew
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @scarlett: Have you seen th…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @sunyoung: I have! And my m…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @scarlett:
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @sunyoung: You deleted that…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @scarlett: What did they do?
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @sunyoung: The sort key car…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @scarlett: And when we both…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @sunyoung: Then both messag…
    MSG#4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5  <time>…  @scarlett: Good. I'll write…
    MSG#a38d0d8e-e39d-513b-a594-dd90214de59f  <time>…  @andrew: Welcome to Cruddur…
    MSG#a38d0d8e-e39d-513b-a594-dd90214de59f  <time>…  @sunyoung: Thanks, Andrew. …
    [0]
    "#);
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_read_page_by_page() {
    let machine = Machine::start().await;
    let newest = ["ddb", "get-conversation", &GROUP.to_uppercase(), "--limit", "2"];
    let page = machine.cruddur(&newest).await;
    assert_snapshot!(redact(page.ok()), @r#"
    @sunyoung  <local time>  Then both messages stay, and each of us still sees the conv… [🎉 👍]
    @scarlett  <local time>  Good. I'll write to you from the train, then, where the network com…
    2 messages; consumed capacity units: 1; older ones, if any: --before <time>#<uuid>
    "#);
    let before = page.ok().lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    let older = machine.cruddur(&[&newest[..], &["--before", &before]].concat()).await;
    assert_snapshot!(redact(older.ok()), @r#"
    @sunyoung  <local time>  The sort key carries the message's uuid now, and a retry b… (edited)
    @scarlett  <local time>  [↪] And when we both write at the same moment?
    2 messages; consumed capacity units: 1; older ones, if any: --before <time>#<uuid>
    "#);

    let mut all: Vec<Value> = Vec::new();
    loop {
        let mut arguments = vec!["ddb", "get-conversation", GROUP, "--limit", "3", "--output", "json"];
        let oldest = all.first().map(sort_key);
        arguments.extend(oldest.iter().flat_map(|oldest| ["--before", oldest]));
        let page = json_lines(machine.cruddur(&arguments).await.ok()).remove(0);
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            break;
        }
        all.splice(0..0, messages.iter().cloned());
    }
    let whole = machine.cruddur(&["ddb", "get-conversation", GROUP, "--output", "json"]).await;
    assert_eq!(Value::Array(all), json_lines(whole.ok())[0]["messages"]);
    machine.stop().await;
}

fn sort_key(message: &Value) -> String {
    format!("{}#{}", message["created_at"].as_str().unwrap(), message["uuid"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_conversations_and_users_are_errors() {
    let machine = Machine::start().await;
    let unknown_uuid = "00000000-0000-4000-8000-000000000000";
    let run = async |arguments: &[&str]| {
        let run = machine.cruddur(&[&["ddb"], arguments].concat()).await;
        let text = seen(&run);
        text.replace(&database_place(machine.stack().database_url().unwrap()), "<database>")
    };
    assert_snapshot!(run(&["get-conversation", unknown_uuid]).await, @r#"
    error: no conversation 00000000-0000-4000-8000-000000000000 in cruddur-messages

      tip: `cruddur ddb list-conversations @HANDLE` lists a user's conversations
    [1]
    "#);
    assert_snapshot!(run(&["list-conversations", "@unknown"]).await, @r#"
    error: no user in <database> has the handle @unknown
    [1]
    "#);
    assert_snapshot!(run(&["get-conversation", GROUP, "--year", "1999"]).await, @r#"
    0 messages; consumed capacity units: 2
    [0]
    "#);
    assert_snapshot!(run(&["get-conversation", GROUP, "--year", "2099", "--before", "2000-01-01"]).await, @r#"
    0 messages; consumed capacity units: 1
    [0]
    "#);
    // A user of the demo who has sent no message.
    assert_snapshot!(run(&["list-conversations", "lore"]).await, @r#"
    0 conversations; consumed capacity units: 1
    [0]
    "#);
    assert_snapshot!(run(&["list-conversations", "0195b5a0-0000-7000-8000-000000000005", "--output", "json"]).await, @r#"
    {"consumed_capacity_units":1.0,"message_groups":[],"user_uuid":"<uuid>"}
    [0]
    "#);
    assert_snapshot!(run(&["get-conversation", "@lore", "@Mock"]).await, @r#"
    error: no conversation of @lore and @mock in cruddur-messages

      tip: `cruddur ddb list-conversations @HANDLE` lists a user's conversations
    [1]
    "#);
    for arguments in [&["get-conversation", "sunyoung"][..], &["get-conversation", GROUP, "@sunyoung"]] {
        assert!(run(arguments).await.ends_with("[2]"), "{arguments:?}");
    }
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeding_a_database_without_tables_says_how_to_create_them() {
    let bare = Bare::without_migrations().await;
    bare.cruddur(&["ddb", "schema-load"]).await.ok();
    let place = database_place(bare.postgres().database_url());
    for numbers in [&[][..], &["--users", "2"]] {
        let run = bare.cruddur(&[&["ddb", "seed"], numbers].concat()).await;
        assert_eq!(
            (run.code, run.stderr),
            (
                1,
                format!(
                    "error: database {place} has no tables\n\n  tip: create them with `cruddur db migrate`\n"
                )
            )
        );
    }
    bare.stop().await;
}

/// Host, port and name, as errors name the database.
fn database_place(url: &str) -> String {
    let server: cruddur::postgres::DatabaseServer = url.parse().unwrap();
    server.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_table_of_the_name_is_refused_with_every_difference() {
    let bare = Bare::start().await;
    make_table(&bare, "cruddur-messages", false).await;
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "schema-load"]).await), @r#"
    error: table cruddur-messages already exists with a different definition: its keys are id (HASH) and not pk (HASH), sk (RANGE), the index message-group-sk-index is missing, it has no stream, its time to live is off and not on for expires_at; use another name (--table, DDB_MESSAGE_TABLE), or delete it with all rows (`cruddur ddb drop cruddur-messages`) and create it again
    [1]
    "#);
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_dropped_only_by_its_name_and_with_yes() {
    let bare = Bare::start().await;
    make_table(&bare, "kept-table", true).await;
    make_table(&bare, "old-table", false).await;
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop"]).await), @r#"
    error: the following required arguments were not provided:
      <TABLE>

    Usage: cruddur ddb drop --url <URL> --dynamodb-url <URL> --database-url <URL> <TABLE>

    For more information, try '--help'.
    [2]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop", "no such table"]).await), @r#"
    error: invalid value 'no such table' for '<TABLE>': not 3 to 255 of A-Z a-z 0-9 _ . -

    For more information, try '--help'.
    [2]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop", "unknown-table", "--yes"]).await), @r#"
    error: DynamoDB at http://dynamodb has no table unknown-table

      tip: `cruddur ddb list-tables` lists the tables
    [1]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop", "kept-table", "--yes"]).await), @r#"
    error: the table kept-table is protected against deletion

      tip: disable that first with `aws dynamodb update-table --table-name kept-table --no-deletion-protection-enabled --endpoint-url http://dynamodb`
    [1]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop", "old-table"]).await), @r#"
    error: this deletes the table old-table with all rows: DynamoDB at http://dynamodb

      tip: add --yes to confirm
    [1]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "list-tables"]).await), @r#"
    kept-table
    old-table
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "drop", "old-table", "--yes"]).await), @r#"
    deleted the table old-table: DynamoDB at http://dynamodb
    [0]
    "#);
    assert_snapshot!(seen(&bare.cruddur(&["ddb", "list-tables", "--output", "json"]).await), @r#"
    {"name":"kept-table"}
    [0]
    "#);
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_listed_over_all_pages() {
    let bare = Bare::start().await;
    let names = (0..105).map(|number| format!("table-{number:03}")).collect::<Vec<_>>();
    for name in &names {
        make_table(&bare, name, false).await;
    }
    let run = bare.cruddur(&["ddb", "list-tables"]).await;
    assert_eq!(run.ok().lines().collect::<Vec<_>>(), names);
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_gives_every_row_as_plain_json_and_no_more_than_its_limit() {
    let machine = Machine::start().await;
    let rows = json_lines(machine.cruddur(&["ddb", "scan", "--output", "json"]).await.ok());
    let count = |kind: RowKind| {
        rows.iter().filter(|row| RowKind::of_partition(row["pk"].as_str().unwrap()) == Some(kind)).count()
    };
    assert_eq!([RowKind::Message, RowKind::Inbox, RowKind::Membership].map(count), [11, 4, 2]);
    // The stack may have logged the messages by now.
    assert_eq!(rows.len() - count(RowKind::EventLog), 17);
    let membership = rows.iter().find(|row| row["pk"] == RowKind::Membership.partition(GROUP)).unwrap();
    let sunyoung = &membership["members"]["0195b5a0-0000-7000-8000-000000000001"];
    assert_eq!(*sunyoung, serde_json::json!({"handle": "sunyoung", "display_name": "Sunyoung Lee"}));
    let limited = machine.cruddur(&["ddb", "scan", "--limit", "4"]).await;
    assert_eq!(limited.ok().lines().count(), 4);
    machine.stop().await;
}
