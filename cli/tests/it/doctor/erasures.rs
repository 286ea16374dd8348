//! Erasures: what was left of a user.

use chrono::TimeDelta;
use cli::doctor::{Kind, Mode};
use cruddur::{
    erasure::Erasure,
    table::{Key, RowKind},
    user::User,
};
use serde_json::{Value, json};
use testing::{invariants, world::kind_of};
use tokio_postgres::types::Type;

use super::clinic::Clinic;

#[tokio::test]
async fn what_is_left_of_an_erased_user_is_erased() {
    type Damage = fn(&[Value]) -> Value;
    fn of_user(rows: &[Value], kind: RowKind) -> Value {
        rows.iter().find(|row| kind_of(row) == Some(kind)).unwrap().clone()
    }
    let damages: [(&str, Damage); 2] = [
        ("a message", |rows| of_user(rows, RowKind::Message)),
        ("a state", |rows| of_user(rows, RowKind::MemberState)),
    ];
    for (name, damage) in damages {
        let clinic = Clinic::with_groups(0, 0).await;
        let [alice, bob] = [0, 1].map(|user| clinic.users[user].clone());
        clinic.send_from(&alice, &bob, "hello").await;
        clinic.send_from(&bob, &alice, "hello yourself").await;
        let group = clinic.group(0, 1);
        clinic.states().mark_read(alice.uuid, group, None, true).await.unwrap();
        clinic.world.deliver_all().await;
        let before = clinic.world.rows();
        // The database has random handles.
        let handle = format!("deleted-{}", &alice.uuid.simple().to_string()[10..]);
        let deleted = User { uuid: alice.uuid, handle, display_name: "Deleted user".to_owned() };
        let statement = "UPDATE public.users SET handle = $2, display_name = $3 WHERE uuid = $1";
        let parameters = [
            (&deleted.uuid as _, Type::UUID),
            (&deleted.handle as _, Type::TEXT),
            (&deleted.display_name as _, Type::TEXT),
        ];
        clinic.world.parts.postgres.query(statement, &parameters).await.unwrap();
        let erasure =
            Erasure::new(clinic.world.table(), clinic.world.clock.clock(), clinic.world.parts.random.clone());
        assert_eq!(erasure.pass(&deleted).await.unwrap().failed, 0);
        clinic.deliver_changes().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");

        clinic.put(&damage(&before));
        let found = clinic.examine(Mode::Check).await.findings;
        let kinds = found.iter().map(|(finding, _)| finding.kind).collect::<Vec<_>>();
        assert!(kinds.contains(&Kind::ErasedUserRemains), "{name}: {found:?}");
        assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0, "{name}");
        clinic.deliver_changes().await;
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{name}");
        assert_eq!(invariants::check_at_rest(&clinic.world.rows()), Vec::<String>::new(), "{name}");
        let state = Key::MemberState { group_uuid: group, user_uuid: alice.uuid };
        assert_eq!(clinic.row_at(&state), None, "{name}");
        let texts = clinic.world.rows().iter().filter(|row| row["message"] == json!({"S": "hello"})).count();
        assert_eq!(texts, 0, "{name}");
    }
}
