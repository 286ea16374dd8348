use cruddur::{clock::Clock, random::Random, table::Table};
use seed::{
    SeedError,
    demo::{Made, ensure_conversations},
};
use testing::{Emulator, Failure, Fault, world::empty_table};

use crate::{is_message, rows, said};

const LINES: usize = 11;

/// An edit, a deletion and three reactions.
const CHANGES: usize = 5;

async fn seed(table: &Table) -> Result<Made, SeedError> {
    ensure_conversations(table, &Clock::system(), &Random::system()).await
}

/// The demo's conversations as one run makes them.
async fn whole() -> Vec<(String, String)> {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    assert_eq!(seed(&table).await.unwrap(), Made { made: LINES, were_there: 0 });
    rows(&emulator);
    said(&emulator)
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    seed(&table).await.unwrap();
    let before = rows(&emulator);
    assert_eq!(seed(&table).await.unwrap(), Made { made: 0, were_there: LINES });
    assert_eq!(rows(&emulator), before);
}

#[tokio::test]
async fn a_run_interrupted_at_any_write_is_continued_by_the_next() {
    let whole = whole().await;
    for writes in 0_usize.. {
        let emulator = Emulator::new();
        let table = empty_table(&emulator).await;
        let mut left = writes;
        emulator.inject(move |call| {
            if !matches!(&*call.operation, "PutItem" | "UpdateItem" | "TransactWriteItems") {
                return Fault::None;
            }
            let fault = if left > 0 {
                Fault::None
            } else {
                Fault::NotExecuted(Failure::Status(400, "AccessDeniedException"))
            };
            left = left.saturating_sub(1);
            fault
        });
        let first = seed(&table).await;
        let stored = said(&emulator).len();
        emulator.inject(|_| Fault::None);
        assert_eq!(
            seed(&table).await.unwrap(),
            Made { made: LINES - stored, were_there: stored },
            "{writes}"
        );
        rows(&emulator);
        assert_eq!(said(&emulator), whole, "{writes}");
        if first.is_ok() {
            // 4 rows are moved to the end of the two conversations.
            assert_eq!(writes, LINES + CHANGES + 4);
            break;
        }
    }
}

#[tokio::test]
async fn a_conversation_with_other_messages_is_not_changed() {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    seed(&table).await.unwrap();
    // The last thing that is said is something else, and the rows of another conversation are gone.
    let mut message = emulator.rows("cruddur-messages").into_values().rfind(is_message).unwrap();
    message["message"]["S"] = "Something else".into();
    let _ = emulator.call("PutItem", serde_json::json!({"TableName": "cruddur-messages", "Item": message}));
    let before = emulator.rows("cruddur-messages");
    assert_eq!(seed(&table).await.unwrap(), Made { made: 0, were_there: LINES });
    assert_eq!(emulator.rows("cruddur-messages"), before);
}
