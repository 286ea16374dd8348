use std::process::Stdio;

use clap::{Command, CommandFactory as _};
use cli::options::Cli;
use insta::assert_snapshot;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::machine::{Machine, command, cruddur};

/// Every command below `command`, itself included.
fn walk(command: &Command, visit: &mut impl FnMut(&Command)) {
    visit(command);
    for subcommand in command.get_subcommands() {
        walk(subcommand, visit);
    }
}

#[test]
fn every_command_and_every_argument_says_what_it_is() {
    let mut silent = Vec::new();
    walk(&Cli::command(), &mut |command| {
        if command.get_about().is_none() {
            silent.push(command.get_name().to_owned());
        }
        let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
        silent.extend(arguments.map(|argument| format!("{} {}", command.get_name(), argument.get_id())));
    });
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The words that lead to each command.
fn paths(command: &Command) -> Vec<Vec<String>> {
    let mut paths = vec![Vec::new()];
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name().to_owned();
        paths.extend(paths_below(&name, subcommand));
    }
    paths
}

fn paths_below(name: &str, command: &Command) -> Vec<Vec<String>> {
    let below = paths(command).into_iter();
    below.map(|path| [vec![name.to_owned()], path].concat()).collect()
}

const README: &str = include_str!("../../../README.md");
const PAGE: &str = include_str!("../../../docs/COMMAND.md");

#[test]
fn its_page_lists_every_command_and_no_other() {
    let table = PAGE.split("| commands | purpose |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut listed = Vec::new();
    for row in rows {
        let names = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect::<Vec<_>>();
        // The group stands once in a row, with its first command.
        let group = names[0].split_once(' ').map(|(group, _)| format!("{group} ")).unwrap_or_default();
        listed.push(names[0].to_owned());
        listed.extend(names[1..].iter().map(|name| format!("{group}{name}")));
    }
    let command = Cli::command();
    let mut there = paths(&command).into_iter().map(|path| path.join(" ")).collect::<Vec<_>>();
    there.retain(|path| !["", "ddb", "db", "reports", "users", "cognito"].contains(&&**path));
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
}

#[test]
fn the_command_lines_of_readme_and_page_are_ones() {
    let lines = README.lines().chain(PAGE.lines()).filter_map(|line| {
        let words = line.split('#').next()?.split_whitespace().collect::<Vec<_>>();
        (words.first() == Some(&"cruddur")).then_some(words)
    });
    let lines = lines.collect::<Vec<_>>();
    for words in &lines {
        let parsed = <Cli as clap::Parser>::try_parse_from(words);
        assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
    }
    assert!(lines.len() >= 3, "{lines:?}");
}

/// They are the same everywhere.
fn without_global_options(help: &str) -> String {
    let (own, rest) = help.split_once("Global options:\n").unwrap();
    let after = rest.lines().skip_while(|line| line.is_empty() || line.starts_with(' '));
    format!("{own}{}", after.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn help_says_what_there_is() {
    for path in paths(&Cli::command()) {
        let words = &path.iter().map(String::as_str).collect::<Vec<_>>()[..];
        let run = cruddur(&[words, &["--help"]].concat()).await;
        if words.is_empty() {
            assert_snapshot!("help", run.ok());
        } else {
            assert_snapshot!(format!("help-{}", words.join("-")), without_global_options(run.ok()));
        }
    }
}

#[tokio::test]
async fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("man1");
    cruddur(&["man", folder.to_str().unwrap()]).await.ok();
    for path in paths(&Cli::command()) {
        let name = [&["cruddur".to_owned()], &path[..]].concat().join("-");
        let page = std::fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
        for section in [".SH NAME", ".SH SYNOPSIS"] {
            assert!(page.contains(section), "{name}: {page}");
        }
        assert_eq!(page.contains("One JSON object per line"), path.is_empty(), "{name}: {page}");
    }
}

#[tokio::test]
async fn short_help_points_to_the_global_options() {
    assert_snapshot!(cruddur(&["ddb", "drop", "-h"]).await.ok(), @"
    Deletes a table with all rows

    Usage: cruddur ddb drop [OPTIONS] <TABLE>

    Arguments:
      <TABLE>  The table's name, without a default

    Options:
      -h, --help  Print help (see more with '--help')

    Global options, such as --output and --url, variables and exit codes: `cruddur --help`

    Examples:
      cruddur ddb drop cruddur-messages --yes
      cruddur ddb drop old-messages --dynamodb-url http://127.0.0.1:8000 --yes
    ");
    for path in paths(&Cli::command()) {
        let words = &path.iter().map(String::as_str).collect::<Vec<_>>()[..];
        let run = cruddur(&[words, &["-h"]].concat()).await;
        let help = run.ok();
        assert!(help.contains("`cruddur --help`") && !help.contains("--dynamodb-url <URL>"), "{help}");
    }
}

#[tokio::test]
async fn without_a_command_the_help_is_shown_as_a_usage_error() {
    let run = cruddur(&[]).await;
    assert_eq!((run.code, &*run.stdout), (2, ""));
    assert!(run.stderr.contains("Usage: cruddur [OPTIONS] <COMMAND>"), "{}", run.stderr);
}

#[tokio::test]
async fn an_unknown_command_is_a_usage_error() {
    let run = cruddur(&["dbb"]).await;
    assert_eq!((run.code, &*run.stdout), (2, ""));
    assert_eq!(run.stderr.lines().next(), Some("error: unrecognized subcommand 'dbb'"));
}

#[tokio::test]
async fn without_a_stack_the_error_says_how_to_get_one() {
    let nowhere = ["--url", "http://127.0.0.1:9"];
    let run = async |arguments: &[&str]| {
        let run = cruddur(&[&nowhere, arguments].concat()).await;
        format!("{}{}[{}]", run.stdout, run.stderr, run.code)
    };
    for command in [["ddb", "scan"], ["db", "migrate"]] {
        assert_eq!(
            run(&command).await,
            "error: no local stack at http://127.0.0.1:9\n\n  tip: start it with `cargo run`, use --url, or --dynamodb-url and \
             --database-url, or add --target aws\n[1]"
        );
    }
    assert_snapshot!(run(&["inbox", "--as", "sunyoung"]).await, @r#"
    error: no local stack at http://127.0.0.1:9

      tip: start it with `cargo run`, or use --url
    [1]
    "#);
    assert_snapshot!(run(&["ddb", "scan", "--dynamodb-url", "http://127.0.0.1:9"]).await, @r#"
    error: DynamoDB at http://127.0.0.1:9 can't be reached (dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111))

      tip: is it running, and is the URL right?
    [1]
    "#);
}

#[tokio::test]
async fn aws_requires_its_target() {
    let run = async |arguments: &[&str]| {
        let run = cruddur(arguments).await;
        format!("{}{}[{}]", run.stdout, run.stderr, run.code)
    };
    for host in ["dynamodb.eu-central-1.amazonaws.com", "dynamodb.eu-central-1.api.aws", "tables.example"] {
        let dynamodb = ["--dynamodb-url", &format!("https://{host}")];
        assert_eq!(
            run(&[&["ddb", "drop", "x-1", "--yes"], &dynamodb[..]].concat()).await,
            "error: --dynamodb-url is not on this machine\n\n  tip: add --target aws\n[1]"
        );
    }
    assert_snapshot!(run(&["inbox", "--as", "sunyoung", "--url", "https://api.example"]).await, @r#"
    error: --url is not on this machine

      tip: add --target aws
    [1]
    "#);
    assert_snapshot!(run(&["ddb", "list-tables", "--target", "aws"]).await, @r#"
    error: no AWS region is set

      tip: use --region, AWS_REGION, or a profile with a region (AWS_PROFILE)
    [1]
    "#);
    assert_snapshot!(run(&["inbox", "--as", "sunyoung", "--target", "aws"]).await, @r#"
    error: set --url to the API's URL, the stack's output ApiUrl
    [1]
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_an_object_a_line_without_colours() {
    let machine = Machine::start().await;
    for arguments in [
        &["ddb", "schema-load"][..],
        &["ddb", "list-tables"],
        &["ddb", "scan"],
        &["ddb", "seed"],
        &["ddb", "list-conversations", "sunyoung"],
        &["ddb", "get-conversation", "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5"],
        &["token", "sunyoung"],
        &["inbox", "--as", "sunyoung", "-L", "1"],
        &["read", "--as", "sunyoung", "@scarlett"],
        &["send", "--as", "sunyoung", "@scarlett", "hello"],
    ] {
        let run = machine.cruddur(&[arguments, &["-o", "json"]].concat()).await;
        let values = run.ok().lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>();
        let values = values.unwrap();
        assert!(!values.is_empty() && values.iter().all(Value::is_object), "{arguments:?}: {values:?}");
    }
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_is_a_success() {
    let machine = Machine::start().await;
    // More than a pipe holds.
    let load = ["ddb", "seed", "--users", "20", "--groups", "60", "--messages", "300"];
    machine.cruddur(&load).await.ok();
    let scan = ["ddb", "scan", "--output", "json", "--url", machine.stack().url()];
    let mut child = command(&scan).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut some = [0; 100];
    stdout.read_exact(&mut some).await.unwrap();
    drop(stdout);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    machine.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn help_and_errors_are_colored_on_a_terminal_unless_no_color_is_set() {
    let shown = async |arguments: &'static [&str], variables: &'static [(&str, &str)]| {
        let run = move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cruddur"));
            command.args(arguments).env_clear().env("TERM", "xterm").envs(variables.iter().copied());
            rexpect::session::spawn_command(command, Some(10_000)).unwrap().exp_eof().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    // The help, an error of clap and one of the command: the last two in the same colors.
    for arguments in [&["--help"][..], &["dbb"], &["ddb", "scan", "--dynamodb-url", "https://tables.example"]]
    {
        let text = shown(arguments, &[]).await;
        assert!(text.contains('\u{1b}'), "{text}");
        if arguments != ["--help"] {
            let colored = ["\u{1b}[1m\u{1b}[31merror:", "\u{1b}[32mtip:"];
            assert!(colored.iter().all(|part| text.contains(part)), "{text:?}");
        }
        let text = shown(arguments, &[("NO_COLOR", "1")]).await;
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
