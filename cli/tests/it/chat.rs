use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    machine::{Machine, Run, command, cruddur},
    redact::redact,
};

fn seen(run: &Run) -> String {
    redact(&format!("{}{}[{}]", run.stdout, run.stderr, run.code))
}

fn json_lines(run: &Run) -> Vec<Value> {
    run.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_chat() {
    let machine = Machine::start().await;
    let run = async |arguments: &[&str]| seen(&machine.cruddur(arguments).await);
    // They have not met: the first message opens their conversation.
    assert_snapshot!(run(&["read", "--as", "lore", "@mock"]).await, @r#"
    error: no conversation with @mock yet

      tip: start one with `cruddur send @mock …`
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", "@Mock", "Are", "you", "real?"]).await, @r#"
    @lore  <local time>  Are you real?
    [0]
    "#);
    assert_snapshot!(run(&["send", "--as", "@MOCK", "lore", "--", "-- as real as you are"]).await, @r#"
    @mock  <local time>  -- as real as you are
    [0]
    "#);
    assert_snapshot!(run(&["read", "--as", "lore", "mock"]).await, @r#"
    @lore  <local time>  Are you real?
    @mock  <local time>  -- as real as you are
    [0]
    "#);
    assert_snapshot!(run(&["read", "--as", "lore", "@mock", "--limit", "1"]).await, @r#"
    @mock  <local time>  -- as real as you are
    [0]
    "#);

    let sent = machine.cruddur(&["send", "--as", "mock", "@lore", "a\u{1b}[2Jb", "--output", "json"]).await;
    let sent = json_lines(&sent).remove(0);
    assert_eq!(sent["message"], "a\u{1b}[2Jb");
    let group = sent["message_group_uuid"].as_str().unwrap().to_uppercase();
    assert_snapshot!(run(&["read", "--as", "mock", &group, "--limit", "1"]).await, @r#"
    @mock  <local time>  a�[2Jb
    [0]
    "#);
    let messages = json_lines(&machine.cruddur(&["read", "--as", "mock", &group, "--output", "json"]).await);
    assert_eq!(messages.len(), 3);
    assert_eq!((&messages[2]["uuid"], &messages[2]["created_at"]), (&sent["uuid"], &sent["created_at"]));

    // The stream's handler has moved the row when it shows the last message.
    let inbox = timeout(Duration::from_secs(20), async {
        loop {
            let inbox = json_lines(&machine.cruddur(&["inbox", "--as", "lore", "--output", "json"]).await);
            if inbox[0]["message"] == sent["message"] {
                break inbox;
            }
        }
    });
    assert_eq!(inbox.await.unwrap().len(), 1);
    assert_snapshot!(run(&["inbox", "--as", "sunyoung", "--limit", "1"]).await, @r#"
    @scarlett  Scarlett Ho  <local time>  (1)  Good. I'll write to you from the train, then, whe…
    [0]
    "#);
    machine.stop().await;
}

/// The inbox of `user` once the stream's handler has joined the last change.
async fn inbox_when(machine: &Machine, user: &str, is_joined: impl Fn(&Value) -> bool) -> Value {
    let read = async {
        loop {
            let inbox = json_lines(&machine.cruddur(&["inbox", "--as", user, "--output", "json"]).await);
            if is_joined(&inbox[0]) {
                break inbox[0].clone();
            }
        }
    };
    timeout(Duration::from_secs(20), read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_marks_as_read_and_peeking_does_not() {
    let machine = Machine::start().await;
    for text in ["one", "two", "three"] {
        machine.cruddur(&["send", "--as", "lore", "@mock", text]).await.ok();
    }
    inbox_when(&machine, "mock", |row| row["unread_count"] == 3).await;
    let run = async |arguments: &[&str]| seen(&machine.cruddur(arguments).await);
    assert_snapshot!(run(&["inbox", "--as", "mock"]).await, @r#"
    @lore  Lore Winters  <local time>  (3)  three
    [0]
    "#);
    assert_snapshot!(run(&["inbox", "--as", "lore"]).await, @r#"
    @mock  Mock User  <local time>  You: three
    [0]
    "#);
    assert_snapshot!(run(&["inbox", "--as", "lore", "--uuids"]).await, @r#"
    @mock  Mock User  <local time>  5807bba3-dbb7-5a30-b5a5-2390c9839b8b  You: three
    [0]
    "#);
    machine.cruddur(&["read", "--as", "mock", "@lore", "--peek"]).await.ok();
    // Nothing was written: a marker would be joined by now.
    machine.cruddur(&["send", "--as", "lore", "@mock", "four"]).await.ok();
    inbox_when(&machine, "mock", |row| row["message"] == "four" && row["unread_count"] == 4).await;
    machine.cruddur(&["read", "--as", "mock", "@lore", "--limit", "1"]).await.ok();
    let read = inbox_when(&machine, "mock", |row| row["unread_count"] == 0).await;
    assert_eq!((&read["message"], &read["from_me"]), (&json!("four"), &json!(false)));
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one conversation, in which each command follows from those before"
)]
async fn messages_are_answered_edited_deleted_and_reacted_to() {
    let machine = Machine::start().await;
    let run = async |arguments: &[&str]| seen(&machine.cruddur(arguments).await);
    for (from, to, text) in
        [("lore", "@mock", "Shall we met?"), ("mock", "@lore", "When?"), ("lore", "@mock", "Tomorow at 9")]
    {
        machine.cruddur(&["send", "--as", from, to, text]).await.ok();
    }
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "Tomorrow", "at", "9"]).await, @r#"
    @lore  <local time>  Tomorrow at 9 (edited)
    [0]
    "#);
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "--message", "2", "Shall we meet?"]).await, @r#"
    @lore  <local time>  Shall we meet? (edited)
    [0]
    "#);
    assert_snapshot!(run(&["react", "--as", "mock", "@lore", "👍"]).await, @r#"
    reacted with 👍 to @lore's "Tomorrow at 9"
    [0]
    "#);
    assert_snapshot!(run(&["react", "--as", "lore", "@mock", "👍"]).await, @r#"
    reacted with 👍 to @lore's "Tomorrow at 9"
    [0]
    "#);
    assert_snapshot!(run(&["react", "--as", "lore", "@mock", "🎉", "--message", "3"]).await, @r#"
    reacted with 🎉 to @lore's "Shall we meet?"
    [0]
    "#);
    assert_snapshot!(run(&["send", "--as", "mock", "@lore", "--reply-to", "1", "Nine it is"]).await, @r#"
    @mock  <local time>  [↪ Tomorrow at 9] Nine it is
    [0]
    "#);
    assert_snapshot!(run(&["read", "--as", "lore", "@mock"]).await, @r#"
    @lore  <local time>  Shall we meet? (edited) [🎉]
    @mock  <local time>  When?
    @lore  <local time>  Tomorrow at 9 (edited) [👍 2]
    @mock  <local time>  [↪ Tomorrow at 9] Nine it is
    [0]
    "#);

    let messages = json_lines(&machine.cruddur(&["read", "--as", "lore", "@mock", "--output", "json"]).await);
    let uuid = |place: usize| messages[place]["uuid"].as_str().unwrap();
    assert_eq!(messages[3]["reply_to"]["uuid"], messages[2]["uuid"]);
    assert_eq!((&messages[2]["version"], &messages[0]["version"]), (&json!(4), &json!(3)));
    let group = {
        let sent = ["send", "--as", "lore", "@mock", "to be deleted", "--output", "json"];
        json_lines(&machine.cruddur(&sent).await).remove(0)["message_group_uuid"].as_str().unwrap().to_owned()
    };

    assert_snapshot!(run(&["react", "--as", "lore", &group, "👍", "--remove", "--message", uuid(2)]).await, @r#"
    removed 👍 from @lore's "Tomorrow at 9"
    [0]
    "#);
    assert_snapshot!(run(&["delete", "--as", "lore", "@mock"]).await, @r#"
    error: this deletes "to be deleted" for both of you

      tip: add --yes to confirm
    [1]
    "#);
    assert_snapshot!(run(&["delete", "--as", "lore", "@mock", "--yes"]).await, @r#"
    deleted "to be deleted"
    [0]
    "#);
    assert_snapshot!(run(&["delete", "--as", "lore", &group, "--message", uuid(2), "--yes"]).await, @r#"
    deleted "Tomorrow at 9"
    [0]
    "#);
    assert_snapshot!(run(&["read", "--as", "mock", "@lore"]).await, @r#"
    @lore  <local time>  Shall we meet? (edited) [🎉]
    @mock  <local time>  When?
    @lore  <local time>  (deleted)
    @mock  <local time>  [↪] Nine it is
    @lore  <local time>  (deleted)
    [0]
    "#);
    inbox_when(&machine, "mock", |row| row["deleted_at"].is_string()).await;
    assert_snapshot!(run(&["inbox", "--as", "mock"]).await, @r#"
    @lore  Lore Winters  <local time>  (deleted)
    [0]
    "#);

    // The next own message that is not deleted.
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "Shall we meet soon?"]).await, @r#"
    @lore  <local time>  Shall we meet soon? (edited) [🎉]
    [0]
    "#);
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "--message", uuid(2), "again"]).await, @r#"
    error: the message is deleted
    [1]
    "#);
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "--message", uuid(1), "not mine"]).await, @r#"
    error: only its sender can change a message
    [1]
    "#);
    assert_snapshot!(run(&["delete", "--as", "lore", "@mock", "--message", uuid(1), "--yes"]).await, @r#"
    error: only @mock can delete this message
    [1]
    "#);
    assert_snapshot!(run(&["edit", "--as", "lore", "@mock", "--message", "2", "none"]).await, @r#"
    error: the conversation has fewer messages of yours than that

      tip: deleted ones do not count
    [1]
    "#);
    assert_snapshot!(run(&["react", "--as", "lore", "@mock", "--message", &group, "👍"]).await, @r#"
    error: no message 5807bba3-dbb7-5a30-b5a5-2390c9839b8b in the conversation
    [1]
    "#);
    assert_snapshot!(run(&["search", "--as", "lore", "andrew"]).await, @"
    @andrew  Andrew Brown
    @bayko   Andrew Bayko
    [0]
    ");
    assert_snapshot!(run(&["search", "--as", "lore", "nobody", "at", "all"]).await, @"
    no user is found
    [0]
    ");
    assert_snapshot!(run(&["search", "--as", "lore", "@"]).await, @"
    error: the text to search for does not have 1 to 64 characters
    [1]
    ");
    assert_snapshot!(run(&["block", "--as", "mock", "@Lore"]).await, @"
    blocked @lore
    [0]
    ");
    assert_snapshot!(run(&["blocks", "--as", "mock"]).await, @"
    @lore  Lore Winters
    [0]
    ");
    assert_snapshot!(run(&["send", "--as", "lore", "@mock", "hello"]).await, @"
    error: this user does not accept messages from you
    [1]
    ");
    assert_snapshot!(run(&["send", "--as", "mock", "@lore", "hello"]).await, @"
    error: you have blocked this user

      tip: end the block with `cruddur unblock`
    [1]
    ");
    assert_snapshot!(run(&["block", "--as", "mock", "@mock"]).await, @"
    error: you can't block yourself
    [1]
    ");
    assert_snapshot!(run(&["unblock", "--as", "mock", "@lore"]).await, @"
    unblocked @lore
    [0]
    ");
    assert_snapshot!(run(&["blocks", "--as", "mock"]).await, @"
    no user is blocked
    [0]
    ");
    assert_snapshot!(run(&["requests", "--as", "andrew", "--take", "requests"]).await, @"
    no requests
    [0]
    ");
    assert!(run(&["send", "--as", "mock", "@andrew", "is this you?"]).await.contains("is this you?"));
    assert_snapshot!(run(&["send", "--as", "mock", "@andrew", "hello?"]).await, @"
    error: this user has not answered your first message yet
    [1]
    ");
    assert!(run(&["requests", "--as", "andrew"]).await.contains("is this you?"));
    assert_snapshot!(run(&["decline", "--as", "andrew", "@mock"]).await, @"
    declined
    [0]
    ");
    assert_snapshot!(run(&["send", "--as", "mock", "@andrew", "hello?"]).await, @"
    error: this user does not accept messages from you
    [1]
    ");
    assert_snapshot!(run(&["accept", "--as", "andrew", "@mock"]).await, @"
    accepted
    [0]
    ");
    assert_snapshot!(run(&["decline", "--as", "andrew", "@mock"]).await, @"
    error: the conversation is accepted

      tip: end the conversation with `cruddur block`
    [1]
    ");
    assert_snapshot!(run(&["mute", "--as", "mock", "@lore", "--hours", "8"]).await, @"
    muted
    [0]
    ");
    assert_snapshot!(run(&["unmute", "--as", "mock", "@lore"]).await, @"
    no longer muted
    [0]
    ");
    assert_snapshot!(run(&["report", "--as", "mock", "@lore", "spam"]).await, @"
    reported
    [0]
    ");
    let exported = run(&["export", "--as", "mock"]).await;
    let of_operator = run(&["users", "export", "@Mock"]).await;
    let kinds = |exported: &str| {
        let lines = exported.lines().filter(|line| line.starts_with('{'));
        let names =
            |line: &str| serde_json::from_str::<BTreeMap<String, Value>>(line).unwrap().into_keys().collect();
        lines.map(names).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(kinds(&exported), kinds(&of_operator));
    let kinds = kinds(&exported);
    assert_eq!(json!(kinds[..3]), json!([["me"], ["message_group"], ["message", "message_group_uuid"]]));
    assert_snapshot!(run(&["users", "export", "@nobody"]).await, @"
    error: no user has the handle @nobody
    [1]
    ");
    assert_snapshot!(run(&["users", "suspend", "@Bayko"]).await, @"
    suspended @bayko
    [0]
    ");
    assert_snapshot!(run(&["inbox", "--as", "bayko"]).await, @"
    error: the token is valid, but its user is not in the database of users, or is suspended
    [1]
    ");
    assert_snapshot!(run(&["users", "unsuspend", "@bayko"]).await, @"
    no longer suspended: @bayko
    [0]
    ");
    assert_eq!(run(&["inbox", "--as", "bayko"]).await, "[0]");
    assert_snapshot!(run(&["clear", "--as", "mock", "@lore"]).await, @"
    error: this clears the conversation for you

      tip: add --yes to confirm
    [1]
    ");
    assert_snapshot!(run(&["clear", "--as", "mock", "@lore", "--yes"]).await, @"
    cleared
    [0]
    ");
    assert_snapshot!(run(&["read", "--as", "mock", "@lore"]).await, @"[0]");
    assert_snapshot!(run(&["hide", "--as", "mock", "@lore"]).await, @"
    hidden until the next message
    [0]
    ");
    assert_snapshot!(run(&["hide", "--as", "mock", "@lore", "--undo"]).await, @"
    no longer hidden
    [0]
    ");
    assert_snapshot!(run(&["react", "--as", "lore", "@mock", "thumbs up"]).await, @r#"
    error: the reaction is not one emoji
    [1]
    "#);
    assert_snapshot!(run(&["react", "--as", "lore", "@mock", "--message", "0", "👍"]).await, @r#"
    error: invalid value '0' for '--message <N|UUID>': neither a UUID nor a place from the end, which begins at 1

    For more information, try '--help'.
    [2]
    "#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_erased_by_their_owners_and_by_operators() {
    let machine = Machine::start().await;
    let run = async |arguments: &[&str]| seen(&machine.cruddur(arguments).await);
    machine.cruddur(&["send", "--as", "lore", "@mock", "oh no"]).await.ok();
    assert_snapshot!(run(&["delete-account", "--as", "lore", "@mock"]).await, @"
    error: the user of the token is @lore, not @mock; nothing was deleted
    [1]
    ");
    assert_snapshot!(run(&["delete-account", "--as", "lore", "@Lore"]).await, @"
    deleted the account @lore
    [0]
    ");
    let row =
        inbox_when(&machine, "mock", |row| row["display_name"] == "Deleted user" && row["message"] == "")
            .await;
    assert!(row["handle"].as_str().unwrap().starts_with("deleted-"), "{row}");
    assert_snapshot!(run(&["send", "--as", "mock", "@lore", "are you there?"]).await, @"
    error: no user has this handle
    [1]
    ");
    assert_snapshot!(run(&["devices", "--as", "mock"]).await, @"
    no device is connected
    [0]
    ");
    assert_snapshot!(run(&["sign-out", "--as", "mock"]).await, @"
    signed out @mock on all devices
    [0]
    ");
    assert_snapshot!(run(&["users", "erase", "@bayko"]).await, @"
    error: this deletes the account and all messages of @bayko, which can't be undone

      tip: add --yes to confirm
    [1]
    ");
    assert_snapshot!(run(&["users", "erase", "@Bayko", "--yes"]).await, @"
    erased @bayko
    [0]
    ");
    assert_snapshot!(run(&["users", "erase", "@bayko", "--yes"]).await, @"
    error: no user has the handle @bayko
    [1]
    ");
    assert_snapshot!(run(&["users", "repeat-erasure", "00000000-0000-4000-8000-000000000000"]).await, @"
    error: no erased user has the UUID 00000000-0000-4000-8000-000000000000
    [1]
    ");
    machine.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_deletion_is_confirmed() {
    let machine = Machine::start().await;
    machine.cruddur(&["send", "--as", "lore", "@mock", "oh no"]).await.ok();
    let url = machine.stack().url().to_owned();
    let ask = async |answer: &'static str| {
        let url = url.clone();
        let run = move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cruddur"));
            command.args(["delete", "--as", "lore", "@mock", "--url", &url]).env_clear().env("TERM", "dumb");
            let mut session = rexpect::session::spawn_command(command, Some(20_000)).unwrap();
            session.exp_string("this deletes \"oh no\" for both of you; continue? [y/N] ").unwrap();
            session.send_line(answer).unwrap();
            session.exp_eof().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let messages = async || {
        let read = ["read", "--as", "lore", "@mock", "--output", "json", "--peek"];
        json_lines(&machine.cruddur(&read).await).remove(0)
    };
    for answer in ["", "n"] {
        assert!(ask(answer).await.contains("error: not confirmed"), "{answer}");
    }
    assert_eq!(messages().await["message"], "oh no");
    assert!(ask("y").await.contains("deleted \"oh no\""));
    assert_eq!(messages().await["message"], "");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_printed_alone_and_works_from_the_environment() {
    let machine = Machine::start().await;
    let run = machine.cruddur(&["token", "@SunYoung"]).await;
    let token = run.ok().trim_end();
    assert_eq!((token.split('.').count(), run.stdout.lines().count()), (3, 1));
    let answer = json_lines(&machine.cruddur(&["token", "sunyoung", "--output", "json"]).await).remove(0);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&"Bearer".into(), &3600.into()));

    let inbox = ["inbox", "--url", machine.stack().url(), "--output", "json"];
    let output = command(&inbox).env("CRUDDUR_TOKEN", token).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
    let output = command(&inbox).env("CRUDDUR_TOKEN", "not.a.token").output().await.unwrap();
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: the API rejected the access token

      tip: sign in again; the token has expired, or is for another API
    ");
    machine.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_sign_in_is_used_unless_an_option_or_a_variable_names_another() {
    use std::os::unix::fs::PermissionsExt as _;

    let machine = Machine::start().await;
    let url = machine.stack().url();
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("cruddur/login.json");
    let run = async |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(arguments);
        let output = command.env("XDG_CONFIG_HOME", config.path()).envs(variables.iter().copied()).output();
        let output = output.await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = redact(&String::from_utf8(text).unwrap()).replace(url, "http://stack");
        let text = text.replace(file.to_str().unwrap(), "<file>");
        format!("{text}[{}]", output.status.code().unwrap())
    };
    let me = |handle: &str| format!("signed out @{handle} on all devices\n[0]");

    assert_snapshot!(run(&["login", "@nobody-here", "--url", url], &[]).await, @r#"
    error: no user of http://stack has the handle @nobody-here

      tip: see http://stack/local/users
    [1]
    "#);
    assert!(!file.exists());
    assert_snapshot!(run(&["login", "@SunYoung"], &[("CRUDDUR_URL", url)]).await, @r#"
    signed in to http://stack as @sunyoung (Sunyoung Lee); stored in <file>
    [0]
    "#);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&["sign-out"], &[]).await, me("sunyoung"));
    assert_eq!(run(&["sign-out"], &[("CRUDDUR_AS", "@lore")]).await, me("lore"));
    assert_eq!(run(&["sign-out", "--as", "mock"], &[("CRUDDUR_AS", "@lore")]).await, me("mock"));
    // Commands of operators find the stack, too.
    assert_eq!(run(&["ddb", "list-tables"], &[]).await, "cruddur-messages\n[0]");
    assert_snapshot!(run(&["sign-out"], &[("CRUDDUR_AS", "lore winters")]).await, @r#"
    error: CRUDDUR_AS: not 1 to 30 of A-Z a-z 0-9 _ . -
    [1]
    "#);
    // It is a sign-in to one API.
    assert_snapshot!(run(&["inbox"], &[("CRUDDUR_URL", "http://127.0.0.1:9")]).await, @r#"
    error: no user of http://127.0.0.1:9 is given

      tip: use `cruddur login` or --as @HANDLE, or set CRUDDUR_TOKEN to an access token
    [1]
    "#);
    assert_snapshot!(run(&["inbox"], &[("CRUDDUR_URL", "https://api.example")]).await, @r#"
    error: CRUDDUR_URL is not on this machine

      tip: add --target aws
    [1]
    "#);
    assert_eq!(run(&["logout"], &[]).await, "signed out: removed <file>\n[0]");
    assert_eq!(run(&["logout"], &[]).await, "not signed in\n[0]");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_a_token_lasts_as_long_as_the_token() {
    let machine = Machine::start().await;
    let url = machine.stack().url();
    let config = tempfile::tempdir().unwrap();
    let run = async |arguments: &[&str], input: &str| {
        let mut child = command(arguments)
            .env("XDG_CONFIG_HOME", config.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let text = text.replace(config.path().to_str().unwrap(), "<config>");
        format!("{}[{}]", redact(&text).replace(url, "http://stack"), output.status.code().unwrap())
    };
    let login = ["login", "--with-token", "--url", url];
    assert_snapshot!(run(&login, " ").await, @r#"
    error: standard input has no token
    [1]
    "#);
    assert_snapshot!(run(&login, "not.a.token").await, @r#"
    error: the API rejected the access token

      tip: sign in again; the token has expired, or is for another API
    [1]
    "#);
    let token = machine.cruddur(&["token", "lore"]).await.ok().to_owned();
    assert_snapshot!(run(&login, &token).await, @r#"
    signed in to http://stack as @lore (Lore Winters); stored in <config>/cruddur/login.json
    the token expires at <local time>
    [0]
    "#);
    assert_snapshot!(run(&["blocks"], "").await, @r#"
    no user is blocked
    [0]
    "#);
    let expired = json!({"url": url, "token": "e30.eyJleHAiOjB9.x"}).to_string();
    std::fs::write(config.path().join("cruddur/login.json"), expired).unwrap();
    assert_snapshot!(run(&["blocks"], "").await, @r#"
    error: the token of `cruddur login` expired at <local time>

      tip: sign in, and run `cruddur login --with-token` again
    [1]
    "#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn error_responses_of_the_api_are_described() {
    let machine = Machine::start().await;
    let run = async |arguments: &[&str]| {
        seen(&machine.cruddur(arguments).await).replace(machine.stack().url(), "http://stack")
    };
    let unknown_uuid = "00000000-0000-4000-8000-000000000000";
    assert_snapshot!(run(&["send", "--as", "lore", "@unknown", "hello"]).await, @r#"
    error: no user has this handle
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", "@lore", "hello"]).await, @r#"
    error: you can't write to yourself
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", "@mock", " "]).await, @r#"
    error: the message is blank
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", "@mock", &"x".repeat(1025)]).await, @r#"
    error: the message has more than 1024 characters
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", unknown_uuid, "hello"]).await, @r#"
    error: no such conversation, or you are not a member
    [1]
    "#);
    assert_snapshot!(run(&["read", "--as", "lore", unknown_uuid]).await, @r#"
    error: no such conversation, or you are not a member
    [1]
    "#);
    assert_snapshot!(run(&["inbox", "--as", "unknown"]).await, @r#"
    error: no user of http://stack has the handle @unknown

      tip: see http://stack/local/users
    [1]
    "#);
    assert_snapshot!(run(&["token", "unknown"]).await, @r#"
    error: no user of http://stack has the handle @unknown

      tip: see http://stack/local/users
    [1]
    "#);
    assert_snapshot!(run(&["inbox"]).await, @r#"
    error: no user of http://stack is given

      tip: use `cruddur login` or --as @HANDLE, or set CRUDDUR_TOKEN to an access token
    [1]
    "#);
    assert_snapshot!(run(&["send", "--as", "lore", "not a handle", "hello"]).await, @r#"
    error: invalid value 'not a handle' for '<GROUP|@HANDLE>': neither a UUID of 36 characters nor a handle

    For more information, try '--help'.
    [2]
    "#);
    machine.stop().await;
}

#[tokio::test]
async fn tokens_for_aws_are_not_issued() {
    let run = cruddur(&["token", "sunyoung", "--target", "aws"]).await;
    assert_snapshot!(seen(&run), @r#"
    error: only the local stack issues tokens

      tip: for AWS, sign in and set CRUDDUR_TOKEN to the access token
    [1]
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_may_come_from_standard_input() {
    let machine = Machine::start().await;
    let arguments =
        ["send", "--as", "lore", "@mock", "-", "--output", "json", "--url", machine.stack().url()];
    let mut child = command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("two\nlines 🎉\n".as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sent["message"], "two\nlines 🎉");
    machine.stop().await;
}

/// Passes connections on to the stack at `url`. Of the first so many posts of a message the answer is swallowed.
async fn swallowing_proxy(url: &str, mut answers: usize) -> (String, Arc<AtomicUsize>) {
    let stack = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let swallowed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&swallowed);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut stack = TcpStream::connect(&stack).await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let length = client.read(&mut request).await.unwrap();
            // Each connection carries one request.
            let line = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            stack.write_all(&request[..line]).await.unwrap();
            stack.write_all(b"connection: close\r\n").await.unwrap();
            stack.write_all(&request[line..length]).await.unwrap();
            if answers > 0 && request.starts_with(b"POST /api/messages ") {
                answers -= 1;
                // The whole request has arrived when it is answered; the answer goes nowhere.
                let mut answer = [0; 1024];
                let started = stack.read(&mut answer).await.unwrap();
                assert!(answer[..started].starts_with(b"HTTP/1.1 200 "), "the message was not stored");
                counter.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut stack).await });
        }
    });
    (url, swallowed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_is_lost_is_stored_once() {
    let machine = Machine::start().await;
    let token = machine.cruddur(&["token", "lore"]).await.ok().trim_end().to_owned();
    let (url, swallowed) = swallowing_proxy(machine.stack().url(), 2).await;
    let arguments = ["send", "@mock", "once", "--url", &url, "--output", "json"];
    let output = command(&arguments).env("CRUDDUR_TOKEN", token).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(swallowed.load(Ordering::Relaxed), 2);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, format!("the connection to {url}/ was lost; retrying for up to 30 s\n"));
    let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
    let messages = json_lines(&machine.cruddur(&["read", "--as", "lore", "@mock", "--output", "json"]).await);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["uuid"], sent["uuid"]);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_to_issue_a_token_is_described() {
    let post = "POST /stage/local/token ";
    let failed = json!({"message": "PostgreSQL can't be reached"});
    let (url, served) = canned_api(vec![
        (post, answer("500 Internal Server Error", "", &failed)),
        (post, answer("503 Service Unavailable", "", &failed)),
        (post, answer("404 Not Found", "", &json!({"message": "Not Found"}))),
        (post, answer("200 OK", "", &json!("hello"))),
    ])
    .await;
    let run = async || {
        let run = cruddur(&["inbox", "--as", "lore", "--url", &url]).await;
        run.stderr.replace(&url, "[stack]")
    };
    assert_snapshot!(run().await, @"
    error: [stack] failed to issue a token (500: PostgreSQL can't be reached)

      tip: try again, or see the output of `cargo run`
    ");
    assert_snapshot!(run().await, @"
    error: [stack] failed to issue a token (503: PostgreSQL can't be reached)

      tip: try again, or see the output of `cargo run`
    ");
    assert_snapshot!(run().await, @"
    error: the server at [stack] is not a local stack

      tip: check --url
    ");
    assert_snapshot!(run().await, @"error: the local stack's response has no access_token");
    served.await.unwrap();
}

/// An API that answers these requests, in this order, one on each connection: the beginning of a request with its
/// answer. Gives its URL and, when all are answered, the requests as they came.
pub(crate) async fn canned_api(answers: Vec<(&'static str, String)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stage", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for (expected, answer) in answers {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !is_whole(&request) {
                let mut part = vec![0; 16 * 1024];
                let length = client.read(&mut part).await.unwrap();
                assert!(length > 0, "{expected}: {request}");
                request += str::from_utf8(&part[..length]).unwrap();
            }
            assert!(request.starts_with(expected), "{expected}: {request}");
            client.write_all(answer.as_bytes()).await.unwrap();
            requests.push(request);
        }
        requests
    });
    (url, served)
}

/// Returns whether a request has the whole body that its headers announce.
fn is_whole(request: &str) -> bool {
    let Some((headers, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap())
}

pub(crate) fn answer(status: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn row(handle: &str) -> Value {
    json!({
        "uuid": "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5", "user_uuid": "0195b5a0-0000-7000-8000-000000000001",
        "display_name": "Some User", "handle": handle,
        "message": "hi", "created_at": "2026-11-22T09:30:00.000000Z",
    })
}

const LOOK_UP: &str = "GET /stage/api/users/@you/short ";

/// The answer to [`LOOK_UP`].
fn user(uuid: &str) -> String {
    answer("200 OK", "", &json!({"uuid": uuid, "handle": "you", "display_name": "You"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_found_by_the_uuids_of_its_members() {
    // Another user has the handle now than when the conversation was opened.
    let mut group = row("renamed");
    group["user_uuid"] = json!("0195b5a0-0000-7000-8000-000000000002");
    let (url, served) = canned_api(vec![
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        ("GET /stage/api/me ", user("0195b5a0-0000-7000-8000-000000000001")),
        ("GET /stage/api/message_groups/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 ", answer("200 OK", "", &group)),
        (
            "GET /stage/api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5?limit=20 ",
            answer("200 OK", "", &json!([row("me")])),
        ),
    ])
    .await;
    let output =
        command(&["read", "@you", "--peek", "--url", &url]).env("CRUDDUR_TOKEN", "x").output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "@me  2026-11-22 09:30:00  hi\n");
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_again_under_the_same_key_while_the_api_is_unavailable() {
    let post = "POST /stage/api/messages ";
    let mut sent = row("me");
    sent["message_group_uuid"] = sent["uuid"].clone();
    let unavailable = answer("503 Service Unavailable", "", &json!({"message": "Service Unavailable"}));
    let (url, served) = canned_api(vec![
        (LOOK_UP, unavailable.clone()),
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        (post, unavailable),
        (post, answer("503 Service Unavailable", "retry-after: 1\r\n", &json!(["unavailable"]))),
        (post, answer("200 OK", "", &sent)),
    ])
    .await;
    let output =
        command(&["send", "@you", "hi", "--url", &url]).env("CRUDDUR_TOKEN", "x").output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "@me  2026-11-22 09:30:00  hi\n");
    let requests = served.await.unwrap();
    let (_, posts) = requests.split_at(2);
    for post in posts {
        assert!(post.contains(r#""user_uuid":"0195b5a0-0000-7000-8000-000000000002""#), "{post}");
    }
    let key = |request: &String| {
        let header = request.lines().find(|line| line.starts_with("idempotency-key: "));
        header.unwrap().to_owned()
    };
    let keys = posts.iter().map(key).collect::<BTreeSet<_>>();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_send_limit_waits_for_retry_after() {
    let post = "POST /stage/api/messages ";
    let mut sent = row("me");
    sent["message_group_uuid"] = sent["uuid"].clone();
    let (url, served) = canned_api(vec![
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        (post, answer("429 Too Many Requests", "retry-after: 1\r\n", &json!(["rate_limited"]))),
        (post, answer("200 OK", "", &sent)),
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        (post, answer("429 Too Many Requests", "retry-after: 3600\r\n", &json!(["rate_limited"]))),
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        (
            post,
            answer("429 Too Many Requests", "retry-after: 9223372036854775807\r\n", &json!(["rate_limited"])),
        ),
        (LOOK_UP, user("0195b5a0-0000-7000-8000-000000000002")),
        (
            post,
            answer(
                "503 Service Unavailable",
                "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
                &json!(["unavailable"]),
            ),
        ),
    ])
    .await;
    let say = async || {
        let start = Instant::now();
        let output = command(&["send", "@you", "hi", "--url", &url]).env("CRUDDUR_TOKEN", "x").output().await;
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), start.elapsed())
    };
    let (stdout, stderr, took) = say().await;
    assert_eq!(stdout, "@me  2026-11-22 09:30:00  hi\n");
    assert_snapshot!(stderr, @"too many messages or reports, wait a moment; retrying for up to 30 s");
    // Without Retry-After, half a second at most.
    assert!(took >= Duration::from_secs(1), "{took:?}");
    // An hour exceeds the time limit.
    let (stdout, stderr, _) = say().await;
    assert_eq!(stdout, "");
    assert_snapshot!(stderr, @"error: too many messages or reports, wait a moment; the message was not sent");
    // So does any longer time.
    let (_, stderr, _) = say().await;
    assert_snapshot!(stderr, @"error: too many messages or reports, wait a moment; the message was not sent");
    let (_, stderr, _) = say().await;
    assert_snapshot!(stderr, @"
    error: the API can't reach its databases at the moment, and the message may have been stored

      tip: check before you send it again
    ");
    served.await.unwrap();
}
