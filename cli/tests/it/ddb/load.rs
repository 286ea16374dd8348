use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, Instant},
};

use cruddur::table::RowKind;
use serde_json::{Value, json};
use testing::invariants::{check, check_at_rest};

use super::{Bare, json_lines};
use crate::machine::Run;

const LOAD: [&str; 8] = ["ddb", "seed", "--users", "20", "--groups", "60", "--messages", "300"];

async fn load(bare: &Bare) -> Value {
    let run = bare.cruddur(&[&LOAD[..], &["--output", "json"]].concat()).await;
    json_lines(run.ok()).remove(0)
}

fn invariants(rows: &BTreeMap<(String, String), Value>) -> Vec<String> {
    check_at_rest(&rows.values().cloned().collect::<Vec<_>>())
}

/// The rows without the UUIDs of messages, which differ between runs.
fn without_message_uuids(rows: BTreeMap<(String, String), Value>) -> Vec<Value> {
    let cut = |text: &Value| json!({"S": &text["S"].as_str().unwrap()[..27]});
    let rows = rows.into_values().map(|mut row| {
        match RowKind::of_partition(row["pk"]["S"].as_str().unwrap()) {
            Some(RowKind::Message) => row["message_uuid"] = Value::Null,
            Some(RowKind::Membership) => {
                row["created_sk"] = cut(&row["created_sk"]);
                return row;
            }
            Some(RowKind::Idempotency) => {
                row["message_uuid"] = Value::Null;
                return row;
            }
            _ => {}
        }
        if row["own_sk"].is_object() {
            row["own_sk"] = cut(&row["own_sk"]);
        }
        row["sk"] = cut(&row["sk"]);
        row
    });
    let mut rows = rows.collect::<Vec<_>>();
    // Rows of the same partition and time were ordered by the uuids.
    rows.sort_by_key(ToString::to_string);
    rows
}

async fn users(bare: &Bare) -> Run {
    bare.cruddur(&["ddb", "list-conversations", "load-000020", "--output", "json"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_keeps_the_invariants_and_is_created_once() {
    let bare = Bare::start().await;
    bare.cruddur(&["ddb", "schema-load"]).await.ok();
    let report = load(&bare).await;
    assert_eq!([&report["users_made"], &report["users_were_there"]], [20, 0]);
    assert_eq!([&report["messages_sent"], &report["messages_were_there"]], [300, 0]);
    assert!(report["write_request_units"].as_f64().unwrap() >= 300.0, "{report}");
    let rows = bare.rows().await;
    assert_eq!(invariants(&rows), Vec::<String>::new());
    let count = |kind| rows.keys().filter(|(pk, _)| RowKind::of_partition(pk) == Some(kind)).count();
    assert_eq!([RowKind::Message, RowKind::Membership].map(count), [300, 60]);
    let inbox = json_lines(users(&bare).await.ok()).remove(0);
    assert_eq!(inbox["message_groups"].as_array().unwrap().len(), 6);

    let again = load(&bare).await;
    assert_eq!([&again["users_made"], &again["users_were_there"]], [0, 20]);
    assert_eq!([&again["messages_sent"], &again["messages_were_there"]], [0, 300]);
    assert_eq!(again["write_request_units"], 0.0);
    assert_eq!(bare.rows().await, rows);
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_load_is_continued_by_the_next_run() {
    let [whole, killed] = [Bare::start().await, Bare::start().await];
    for bare in [&whole, &killed] {
        bare.cruddur(&["ddb", "schema-load"]).await.ok();
    }
    load(&whole).await;

    let mut child = killed.command(&LOAD).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while killed.rows().await.len() < 150 {
        assert!(started.elapsed() < Duration::from_mins(1), "the load makes no progress");
    }
    // On Unix this is SIGKILL: the child has no say in it.
    child.kill().await.unwrap();
    let rows = killed.rows().await.into_values().collect::<Vec<_>>();
    assert_eq!(check(&rows), Vec::<String>::new());
    let is_message =
        |row: &&Value| RowKind::of_partition(row["pk"]["S"].as_str().unwrap()) == Some(RowKind::Message);
    let sent = rows.iter().filter(is_message).count();
    assert!(sent < 300, "it was done before it was killed");

    let report = load(&killed).await;
    // Requests in flight when it was killed may have been stored since.
    assert!(report["messages_were_there"].as_u64().unwrap() >= sent as u64, "{sent} of {report}");
    let rows = killed.rows().await;
    assert_eq!(invariants(&rows), Vec::<String>::new());
    assert_eq!(without_message_uuids(rows), without_message_uuids(whole.rows().await));
    whole.stop().await;
    killed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_stack_moves_the_rows_too_and_that_does_no_harm() {
    let machine = crate::machine::Machine::start().await;
    machine.cruddur(&LOAD).await.ok();
    let run = machine.cruddur(&["inbox", "--as", "load-000020", "--output", "json"]).await;
    let groups = json_lines(run.ok());
    let mut sorted = groups.clone();
    sorted.sort_by_key(|group| std::cmp::Reverse(group["created_at"].to_string()));
    assert_eq!((groups.len(), &groups), (6, &sorted));
    let first = groups[0]["uuid"].as_str().unwrap();
    let newest =
        machine.cruddur(&["read", "--as", "load-000020", first, "--limit", "1", "--output", "json"]).await;
    assert_eq!(json_lines(newest.ok())[0]["created_at"], groups[0]["created_at"]);
    machine.stop().await;
}

#[cfg(unix)]
mod terminal {
    use std::process::Command;

    use super::*;

    /// The terminal output of a load whose stdout goes to a file, and the content of the file.
    async fn on_a_terminal(bare: &Bare, output: &std::path::Path) -> String {
        let places = bare.places().map(str::to_owned);
        let output = output.to_owned();
        let run = move || {
            // stdin and stderr are the terminal.
            let mut command = Command::new("sh");
            command.args(["-c", r#"exec "$0" "$@" > "$OUTPUT""#, env!("CARGO_BIN_EXE_cruddur")]);
            command.args(LOAD).args(places).env_clear().env("TERM", "xterm").env("OUTPUT", output);
            rexpect::session::spawn_command(command, Some(60_000)).unwrap().exp_eof().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn progress_is_shown_on_a_terminal_and_nowhere_else() {
        let bare = Bare::start().await;
        bare.cruddur(&["ddb", "schema-load"]).await.ok();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("output");
        let shown = on_a_terminal(&bare, &file).await;
        assert!(shown.contains("messages ") && shown.contains("/300 "), "{shown:?}");
        let output = std::fs::read_to_string(file).unwrap();
        assert!(
            output.starts_with("users: 20 created, 0 existed\nmessages: 300 sent, 0 existed\n"),
            "{output}"
        );
        assert_eq!(output.lines().count(), 3);

        let piped = bare.cruddur(&LOAD).await;
        assert_eq!((piped.ok().lines().count(), &*piped.stderr), (3, ""));
        bare.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_load_is_a_usage_error() {
    let run = async |numbers: &[&str]| {
        let run = crate::machine::cruddur(&[&["ddb", "seed"], numbers].concat()).await;
        format!("{}[{}]", run.stderr.lines().next().unwrap_or_default(), run.code)
    };
    insta::assert_snapshot!(run(&["--users", "4", "--groups", "7"]).await, @"error: 4 users form 6 pairs, with one group each; request at most 6 groups, or more users[2]");
    insta::assert_snapshot!(run(&["--groups", "7", "--messages", "6"]).await, @"error: a group has at least one message; request at least 7 messages, or fewer groups[2]");
    insta::assert_snapshot!(run(&["--users", "1"]).await, @"error: a group has two users; request at least 2 users[2]");
    insta::assert_snapshot!(run(&["--users", "1000000"]).await, @"error: request at most 999999 users[2]");
    insta::assert_snapshot!(run(&["--users", "0"]).await, @"error: invalid value '0' for '--users <N>': number would be zero for non-zero type[2]");
}
