use crate::machine::{Machine, cruddur};

#[tokio::test]
async fn without_a_stack_the_error_says_how_to_get_one() {
    let run = cruddur(&["--url", "http://127.0.0.1:9", "db", "create"]).await;
    assert_eq!(run.code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_starts() {
    let machine = Machine::start().await;
    machine.cruddur(&["completions", "bash"]).await.ok();
    machine.stop().await;
}
