//! Findings and repairs of each kind of damage.

use cli::doctor::Mode;
use cruddur::table::Key;
use testing::damage::Damage;

use super::clinic::Clinic;

#[tokio::test]
async fn every_kind_of_damage_is_found_by_its_kind_and_repaired() {
    for (seed, (damage, finding)) in Damage::ALL.into_iter().enumerate() {
        let mut clinic = Clinic::with_groups(4, 3).await;
        let before = clinic.world.rows();
        let done = clinic.damage(seed as u64, damage);
        let found = clinic.examine(Mode::Check).await;
        let kinds = found.brief().into_iter().map(|(kind, ..)| kind.to_string()).collect::<Vec<_>>();
        assert!(kinds.iter().any(|kind| kind == finding), "{done:?}: {kinds:?}");
        assert_eq!(found.groups(), [done.group].into(), "{done:?}");
        let repaired = clinic.examine(Mode::Repair).await;
        assert_eq!(repaired.summary.left, 0, "{done:?}: {:?}", repaired.findings);
        if damage == Damage::EventMissing {
            // The event has a later number than before.
            clinic.assert_repaired(&before);
        } else {
            assert_eq!(clinic.world.rows(), before, "{done:?}");
        }
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{done:?}");
    }
}

#[tokio::test]
async fn members_are_derived_from_malformed_rows_before_these_are_deleted() {
    let mut clinic = Clinic::with_groups(2, 1).await;
    clinic.without_names = true;
    let group = clinic.group(0, 1);
    let messages = testing::invariants::messages(&clinic.world.rows());
    let membership = Key::Membership(group);
    clinic.delete(&membership.pk(), &membership.sk());
    for (pk, sk) in clinic.inbox_rows_of(0, 1) {
        let mut row = clinic.row(&pk, &sk).unwrap();
        row.as_object_mut().unwrap().remove("message");
        clinic.put(&row);
    }
    assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0);
    assert_eq!(testing::invariants::check_at_rest(&clinic.world.rows()), Vec::<String>::new());
    assert_eq!(testing::invariants::messages(&clinic.world.rows()), messages);
}
