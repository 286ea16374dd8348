//! The meter counts the cost that DynamoDB reports for each call.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use cruddur::{
    dynamodb::{CallLimits, Meter, Units, metered_client},
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    message_group::Inbox,
    projection::inbox::GroupChanges,
    table::{Key, MessageRow, Table},
    user::Receiver,
};
use testing::{World, world::TABLE};

#[tokio::test]
async fn every_kind_of_call_is_counted() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let meter = Meter::default();
    let table = Table::new(metered_client(&world.parts.sdk, CallLimits::WRITE, &meter), TABLE);
    let (clock, random) = (&world.parts.clock, &world.parts.random);
    let _ = world.emulator.take_calls();

    let to_bob = Target::User {
        handle: Some(bob.user.handle.parse().unwrap()),
        receiver: Receiver::of_everyone(bob.user.clone()),
    };
    for target in [to_bob, Target::Group(group_uuid)] {
        let text = "hello".parse().unwrap();
        let new =
            NewMessage { sender: alice.user.clone(), target, text, reply_to: None, idempotency_key: None };
        let sent =
            Messages::new(table.clone(), clock.clone(), random.clone(), None).send(new).await.unwrap().sent;
        let sk = cruddur::sort_key::SortKey { created_at: sent.created_at, message_uuid: sent.uuid };
        let row = MessageRow::new(group_uuid, sk, &sent.message, &alice.user);
        let changes = GroupChanges::created(group_uuid, row);
        Inbox::new(table.clone(), random.clone()).apply(&changes).await.unwrap();
    }
    let client = table.client();
    let key = Key::Membership(group_uuid);
    let key = HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk())),
        ("sk".to_owned(), AttributeValue::S(key.sk())),
    ]);
    let keys = KeysAndAttributes::builder().keys(key.clone()).build().unwrap();
    client.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
    client.scan().table_name(TABLE).send().await.unwrap();
    let update = client.update_item().table_name(TABLE).set_key(Some(key.clone()));
    let update = update.update_expression("SET note = :note");
    let update = update.expression_attribute_values(":note", AttributeValue::S("x".to_owned()));
    update.send().await.unwrap();
    let delete = client.delete_item().table_name(TABLE).set_key(Some(key));
    delete.send().await.unwrap();

    let mut expected = Units::default();
    let mut operations = std::collections::BTreeSet::new();
    for call in world.emulator.take_calls() {
        let (of_table, of_index) = call.units();
        if ["GetItem", "BatchGetItem", "Query", "Scan"].contains(&&*call.operation) {
            expected.read += of_table + of_index;
        } else {
            expected.write += of_table + of_index;
        }
        operations.insert(call.operation);
    }
    assert_eq!(
        operations.iter().collect::<Vec<_>>(),
        [
            "BatchGetItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "TransactWriteItems",
            "UpdateItem"
        ]
    );
    assert!(expected.read > 0.0 && expected.write > 0.0, "{expected:?}");
    assert_eq!(meter.units(), expected);
}
