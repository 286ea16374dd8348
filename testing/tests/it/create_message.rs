//! `POST /api/messages`

use serde_json::json;
use testing::World;

#[tokio::test]
async fn a_message_to_a_handle_opens_one_group_for_both() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let sent = world.send(&alice, &bob, "hello").await;
    assert_eq!(sent["message_group_uuid"], json!(group_uuid));
    assert_eq!(sent["message"], "hello");
    assert_eq!(sent["created_at"], "2026-11-22T09:30:00.000000Z");
    let answered = world.send(&bob, &alice, "hello yourself").await;
    assert_eq!(answered["message_group_uuid"], sent["message_group_uuid"]);
    world.deliver_all().await;
    for (reader, other) in [(&alice, &bob), (&bob, &alice)] {
        let groups = world.get(reader, "/api/message_groups").await.ok();
        assert_eq!(
            groups,
            json!([{
                "uuid": group_uuid,
                "display_name": other.user.display_name,
                "handle": other.user.handle,
                "message": "hello yourself",
                "created_at": "2026-11-22T09:30:00.000001Z",
            }])
        );
    }
}
