//! Start-up failures: one clear line, and exit code 1.

use std::net::TcpListener;

use local::data_dir::DataDir;

use crate::stack::{End, Stack, run};

/// The single error line of a process that failed to start.
#[track_caller]
fn refusal(end: &End) -> &str {
    assert_eq!(end.status.code(), Some(1), "{}", end.stderr);
    assert_eq!(end.stdout, "");
    let line = end.stderr.strip_suffix('\n').unwrap();
    assert!(line.starts_with("error: ") && !line.contains('\n'), "{}", end.stderr);
    line
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = tempfile::tempdir().unwrap();
    let end = run(&["--port", &port, "--data-dir", data.path().to_str().unwrap()], &[]).await;
    let expected = format!("error: port {port} can't be opened; is another stack running? (--port): ");
    assert!(refusal(&end).starts_with(&expected), "{}", end.stderr);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing is made");
}

#[tokio::test]
async fn a_data_folder_in_use_is_named_and_the_stack_that_uses_it_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let stack = Stack::start(data.path()).await;
    let end = run(&["--port", "0", "--data-dir", path], &[]).await;
    let expected = format!("error: the data directory {path} is in use by another local stack");
    assert_eq!(refusal(&end), expected);
    let health = Stack::client().get(&format!("{}/local/health", stack.url)).await.unwrap();
    assert_eq!(health.status, 200);
    stack.stop().await;
    drop(DataDir::open(data.path()).unwrap());
}

#[tokio::test]
async fn a_bad_variable_is_named_and_its_value_is_not_shown() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("data");
    for (name, value, problem) in [
        ("DATABASE_URL", "mysql://me:secret@localhost/cruddur", "not a PostgreSQL URL such as "),
        ("DATABASE_URL", "secret", "not a PostgreSQL URL such as "),
        ("AWS_ENDPOINT_URL_DYNAMODB", "nonsense-secret", "not a URL such as http://127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "ftp://secret", "not a URL such as http://127.0.0.1:8000"),
        ("DDB_MESSAGE_TABLE", "secret table", "not 3 to 255 of A-Z a-z 0-9 _ . -"),
    ] {
        let end = run(&["--port", "0", "--data-dir", path.to_str().unwrap()], &[(name, value)]).await;
        let line = refusal(&end);
        assert!(line.starts_with(&format!("error: {name} is malformed: {problem}")), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
    assert!(!path.exists(), "nothing is made");
}

#[tokio::test]
async fn a_file_in_place_of_the_data_folder_is_named() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("file");
    std::fs::write(&path, "").unwrap();
    let end = run(&["--port", "0", "--data-dir", path.to_str().unwrap()], &[]).await;
    let expected = format!("error: the data directory {} can't be opened: ", path.display());
    assert!(refusal(&end).starts_with(&expected), "{}", end.stderr);
}
