//! The command as people run it, on a running stack.

use cruddur::table::{Item, Key, Table};
use std::process::Stdio;

use aws_sdk_dynamodb::types::AttributeValue;
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

/// Puts so many inbox rows that are none.
async fn break_rows(table: &Table, count: usize) {
    for number in 0..count {
        let pk = format!("GRP#0195b5a0-0000-7000-8000-00000001{number:04}");
        put(table, row(&[("pk", &pk), ("sk", "nowhere")])).await;
    }
}

async fn lease(table: &Table) -> Option<Item> {
    let get = table.client().get_item().table_name(table.name()).consistent_read(true);
    get.set_key(Some(Item::from(&Key::Lease))).send().await.unwrap().item
}

/// The lines of a run as JSON: findings, and the summary.
fn lines(run: &Run) -> (Vec<Value>, Value) {
    let mut lines =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let summary = lines.pop().unwrap();
    (lines, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_checks_plans_and_repairs_and_its_exit_code_says_what_is_left() {
    let machine = Machine::start().await;
    let good = machine.cruddur(&["ddb", "doctor", "--grace", "0"]).await;
    assert!(good.ok().contains("nothing is broken"), "{good:#?}");

    let table = machine.table();
    // Two rows that nobody wrote: one that can be repaired, and one that can't.
    let orphan = [("pk", "GRP#0195b5a0-0000-7000-8000-000000000001"), ("sk", "\u{1b}[31mred")];
    put(&table, row(&orphan)).await;
    put(&table, row(&[("pk", "XYZ#1"), ("sk", "X")])).await;

    let found = machine.cruddur(&["ddb", "doctor"]).await;
    assert_eq!(found.code, 3);
    assert!(found.stdout.contains("inbox_row_malformed: 1"), "{found:#?}");
    assert!(!found.stdout.contains('\u{1b}'), "{found:#?}");

    let planned = machine.cruddur(&["--output", "json", "ddb", "doctor", "--repair", "--dry-run"]).await;
    let (findings, _) = lines(&planned);
    let fates =
        findings.iter().map(|line| (line["finding"].as_str().unwrap(), line["outcome"].as_str().unwrap()));
    let mut fates = fates.collect::<Vec<_>>();
    fates.sort_unstable();
    assert_eq!(fates, [("inbox_row_malformed", "would_repair"), ("unknown_row", "left")]);

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
async fn a_doctor_who_is_killed_keeps_others_out_for_a_minute_and_then_the_rest_is_repaired() {
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
        refused.stderr.starts_with("error: another doctor or migration is at work, whose lease ends at "),
        "{refused:#?}"
    );
    assert_eq!(refused.stderr.lines().count(), 1);

    let mut dead = lease(&table).await.unwrap();
    dead.insert("expires_at".to_owned(), AttributeValue::N("1".to_owned()));
    put(&table, dead).await;
    let (_, summary) = lines(&cruddur(&arguments).await);
    let rest = summary["summary"]["repaired"].as_u64().unwrap();
    assert!((1..BROKEN as u64).contains(&rest), "{rest} were left by the one that was killed");
    machine.cruddur(&["ddb", "doctor"]).await.ok();
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_who_is_interrupted_says_so_and_lets_the_next_one_work() {
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
    assert_eq!(stderr, "stopping after what is under way\nerror: stopped before the end: run it again\n");
    assert_eq!(lease(&table).await, None);
    cruddur(&arguments).await.ok();
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_schema_the_error_says_how_to_get_it() {
    let machine = Machine::start().await;
    let missing = machine.cruddur(&["--table", "no-such-table", "ddb", "doctor"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("make it with `cruddur ddb schema-load`"), "{missing:#?}");
    let down = ["--database-url", "postgresql://cruddur@127.0.0.1:9/cruddur", "ddb", "doctor"];
    let down = machine.cruddur(&down).await;
    assert_eq!((down.code, down.stderr.lines().count()), (1, 1), "{down:#?}");
    assert!(down.stderr.contains("start it, or correct the database's URL"), "{down:#?}");
    machine.stop().await;
}

#[tokio::test]
async fn switches_that_need_repair_are_refused_without_it() {
    for switch in ["--dry-run", "--wait"] {
        assert_eq!(cruddur(&["ddb", "doctor", switch]).await.code, 2, "{switch}");
    }
}
