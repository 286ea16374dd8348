//! `ddb migrate` as a child process, on a running stack.

use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::table::{Item, Partition, RowKind};
use seed::demo::DEMO_USERS;
use serde_json::{Value, json};

use crate::machine::{Machine, cruddur};

const GROUP: &str = "8c0f4f8e-6d0c-4a55-9e2e-3f2b8b0d7c11";

/// Rows of the old system between lore and mock, who have no conversation in the demo data.
fn old_rows() -> Vec<Item> {
    let user = |handle: &str| DEMO_USERS.into_iter().find(|user| user.handle == handle).unwrap();
    let (lore, mock) = (user("lore"), user("mock"));
    let row = |attributes: &[(&str, &str)]| {
        let value =
            |(name, value): &(&str, &str)| ((*name).to_owned(), AttributeValue::S((*value).to_owned()));
        attributes.iter().map(value).collect::<Item>()
    };
    let messages = RowKind::Message.partition(GROUP);
    let inbox = Partition::Inbox(lore.uuid).to_string();
    let (lore_uuid, mock_uuid) = (lore.uuid.to_string(), mock.uuid.to_string());
    let from_lore = [("user_uuid", &*lore_uuid), ("user_handle", "lore"), ("user_display_name", "Lore")];
    let to_mock = [("user_uuid", &*mock_uuid), ("user_handle", "mock"), ("user_display_name", "Mock")];
    vec![
        row(&[
            &[
                ("pk", &*messages),
                ("sk", "2023-04-21T13:05:07.123456+00:00"),
                ("message_uuid", "0c5cd72e-7f0e-4a3c-8d51-0f6f7e9d1a01"),
                ("message", "from long ago"),
            ][..],
            &from_lore,
        ]
        .concat()),
        row(&[
            &[
                ("pk", &*inbox),
                ("sk", "2023-04-21T13:05:07.123456+00:00"),
                ("message_group_uuid", GROUP),
                ("message", "from long ago"),
            ][..],
            &to_mock,
        ]
        .concat()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_plans_and_migrates_and_the_api_shows_the_messages() {
    let machine = Machine::start().await;
    let table = machine.table();
    for item in old_rows() {
        table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await.unwrap();
    }
    // The new functions are already in use.
    machine.cruddur(&["inbox", "--as", "lore"]).await.ok();
    let doctor = machine.cruddur(&["ddb", "doctor", "--repair"]).await;
    assert_eq!(doctor.code, 3);
    assert!(doctor.stdout.contains("old_row: 2\n"), "{doctor:#?}");

    let dry = machine.cruddur(&["ddb", "migrate", "--dry-run"]).await;
    assert!(dry.ok().contains("messages: 1 would be migrated, in 1 conversations\n"), "{dry:#?}");
    assert!(!dry.stdout.contains("from long ago"), "{dry:#?}");
    let done = machine.cruddur(&["--output", "json", "ddb", "migrate"]).await;
    let lines = done.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    assert_eq!(lines[0]["redirect"]["old"], json!(GROUP));
    assert_eq!(
        (&lines[1]["summary"]["messages"], &lines[1]["summary"]["inbox_rows"], &lines[1]["dry_run"]),
        (&json!(1), &json!(1), &json!(false))
    );

    let inbox = machine.cruddur(&["inbox", "--as", "mock"]).await;
    assert!(inbox.ok().contains("from long ago"), "{inbox:#?}");
    machine.cruddur(&["ddb", "doctor", "--grace", "0"]).await.ok();
    let again = machine.cruddur(&["ddb", "migrate"]).await;
    assert!(again.ok().contains("messages: 0 migrated, in 0 conversations\n"), "{again:#?}");
    machine.stop().await;
}

#[tokio::test]
async fn a_malformed_offset_is_rejected() {
    for offset in ["", "two", "+2", "+25:00", "CET"] {
        let run = cruddur(&["ddb", "migrate", &format!("--assume-offset={offset}")]).await;
        assert_eq!(run.code, 2, "{offset}: {run:#?}");
    }
}
