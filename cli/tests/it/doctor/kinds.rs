//! Each kind of damage by itself: what is found, and what is there after the repair.

use cli::doctor::Mode;
use testing::damage::Damage;

use super::clinic::Clinic;

#[tokio::test]
async fn every_kind_of_damage_is_found_by_its_kind_and_repaired() {
    for (seed, damage) in Damage::ALL.into_iter().enumerate() {
        let mut clinic = Clinic::with_groups(4, 3).await;
        let before = clinic.world.rows();
        let done = clinic.damage(seed as u64, damage);
        let found = clinic.examine(Mode::Check).await;
        let kinds = found.brief().into_iter().map(|(kind, ..)| kind).collect::<Vec<_>>();
        assert!(kinds.contains(&damage.finding()), "{done:?}: {kinds:?}");
        assert_eq!(found.groups(), [done.group].into(), "{done:?}");
        let repaired = clinic.examine(Mode::Repair).await;
        assert_eq!(repaired.summary.left, 0, "{done:?}: {:?}", repaired.told);
        assert_eq!(clinic.world.rows(), before, "{done:?}");
        assert_eq!(clinic.examine(Mode::Check).await.told, [], "{done:?}");
    }
}

#[tokio::test]
async fn malformed_rows_tell_who_was_in_the_group_before_they_go() {
    let mut clinic = Clinic::with_groups(2, 1).await;
    clinic.without_names = true;
    let group = clinic.group(0, 1);
    let messages = testing::invariants::messages(&clinic.world.rows());
    clinic.delete(&format!("MEM#{group}"), "MEM");
    for (pk, sk) in clinic.inbox_rows_of(0, 1) {
        let mut row = clinic.row(&pk, &sk).unwrap();
        row.as_object_mut().unwrap().remove("message");
        clinic.put(&row);
    }
    assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0);
    assert_eq!(testing::invariants::check_at_rest(&clinic.world.rows()), Vec::<String>::new());
    assert_eq!(testing::invariants::messages(&clinic.world.rows()), messages);
}
