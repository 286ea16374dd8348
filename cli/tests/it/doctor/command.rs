//! `ddb doctor` as a child process, on a running stack.

use std::process::Stdio;

use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::table::{Item, Key, RowKind, Table};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::machine::{Machine, Run, command, cruddur};

fn row(attributes: &[(&str, &str)]) -> Item {
    attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())))
        .collect()
}

async fn put(table: &Table, item: Item) {
    table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.unwrap();
}

/// Puts malformed inbox rows.
async fn break_rows(table: &Table, count: usize) {
    for number in 0..count {
        let pk = RowKind::Inbox.partition(format_args!("0195b5a0-0000-7000-8000-00000001{number:04}"));
        put(table, row(&[("pk", &pk), ("sk", "nowhere")])).await;
    }
}

async fn lease(table: &Table) -> Option<Item> {
    let get = table.client().get_item().table_name(table.name()).consistent_read(true);
    get.set_key(Some(Item::from(&Key::Lease))).send().await.unwrap().item
}

/// The JSON findings of a run, and the summary.
fn lines(run: &Run) -> (Vec<Value>, Value) {
    let mut lines =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let summary = lines.pop().unwrap();
    (lines, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_checks_plans_and_repairs_and_exits_with_3_if_findings_remain() {
    let machine = Machine::start().await;
    let healthy = machine.cruddur(&["ddb", "doctor", "--grace", "0"]).await;
    assert!(healthy.ok().contains("no findings"), "{healthy:#?}");

    let table = machine.table();
    // One row that can be repaired, and one that can't.
    let inbox = RowKind::Inbox.partition("0195b5a0-0000-7000-8000-000000000001");
    put(&table, row(&[("pk", &inbox), ("sk", "\u{1b}[31mred")])).await;
    put(&table, row(&[("pk", "XYZ#1"), ("sk", "X")])).await;

    let found = machine.cruddur(&["ddb", "doctor"]).await;
    assert_eq!(found.code, 3);
    assert!(found.stdout.contains("inbox_row_malformed: 1"), "{found:#?}");
    assert!(!found.stdout.contains('\u{1b}'), "{found:#?}");

    let planned = machine.cruddur(&["--output", "json", "ddb", "doctor", "--repair", "--dry-run"]).await;
    let (findings, _) = lines(&planned);
    let outcomes =
        findings.iter().map(|line| (line["finding"].as_str().unwrap(), line["outcome"].as_str().unwrap()));
    let mut outcomes = outcomes.collect::<Vec<_>>();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("inbox_row_malformed", "would_repair"), ("unknown_row", "left")]);

    let repaired = machine.cruddur(&["--output", "json", "ddb", "doctor", "--repair"]).await;
    let (_, summary) = lines(&repaired);
    assert_eq!(
        (repaired.code, &summary["summary"]["repaired"], &summary["summary"]["left"]),
        (3, &1.into(), &1.into())
    );
    assert!(summary["summary"]["read_units"].as_f64().unwrap() > 0.0, "{summary}");
    assert_eq!(lease(&table).await, None);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_doctor_holds_its_lease_for_a_minute_and_then_the_rest_is_repaired() {
    const BROKEN: usize = 400;
    let machine = Machine::start().await;
    let table = machine.table();
    break_rows(&table, BROKEN).await;
    let url = machine.stack().url().to_owned();
    let arguments = ["--url", &url, "--output", "json", "ddb", "doctor", "--repair"];
    let mut killed = command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(killed.stdout.take().unwrap()).read_line(&mut first).await.unwrap();
    killed.kill().await.unwrap();
    assert!(first.contains("\"outcome\":\"repaired\""), "{first}");

    let refused = cruddur(&arguments).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(
        refused.stderr.starts_with("error: another doctor or migration is running (its lease expires at "),
        "{refused:#?}"
    );
    assert_eq!(refused.stderr.lines().count(), 3);

    let mut dead = lease(&table).await.unwrap();
    dead.insert("expires_at".to_owned(), AttributeValue::N("1".to_owned()));
    put(&table, dead).await;
    let (_, summary) = lines(&cruddur(&arguments).await);
    let rest = summary["summary"]["repaired"].as_u64().unwrap();
    assert!((1..BROKEN as u64).contains(&rest), "the killed one left {rest}");
    machine.cruddur(&["ddb", "doctor"]).await.ok();
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_doctor_releases_its_lease() {
    let machine = Machine::start().await;
    let table = machine.table();
    break_rows(&table, 200).await;
    let url = machine.stack().url().to_owned();
    let arguments = ["--url", &url, "ddb", "doctor", "--repair"];
    let mut interrupted = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(interrupted.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).await.unwrap();
    let id = interrupted.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await.unwrap();
    let output = interrupted.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "stopping after the writes in progress\nerror: stopped before the end\n\n  tip: run it again\n"
    );
    assert_eq!(lease(&table).await, None);
    cruddur(&arguments).await.ok();
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_or_database_the_error_says_what_to_do() {
    let machine = Machine::start().await;
    let missing = machine.cruddur(&["--table", "no-such-table", "ddb", "doctor"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("create it with `cruddur ddb schema-load`"), "{missing:#?}");
    let down = ["--database-url", "postgresql://cruddur@127.0.0.1:9/cruddur", "ddb", "doctor"];
    let down = machine.cruddur(&down).await;
    assert_eq!((down.code, down.stderr.lines().count()), (1, 3), "{down:#?}");
    assert!(down.stderr.contains("start it, or correct the database URL"), "{down:#?}");
    machine.stop().await;
}

#[tokio::test]
async fn switches_of_repair_are_rejected_without_it() {
    for switch in ["--dry-run", "--wait"] {
        assert_eq!(cruddur(&["ddb", "doctor", switch]).await.code, 2, "{switch}");
    }
}
