use proptest::prelude::*;

use super::*;

fn user(handle: &str, sub: &str) -> PoolUser {
    PoolUser {
        handle: Some(handle.to_owned()).filter(|handle| !handle.is_empty()),
        sub: sub.to_owned(),
        status: "CONFIRMED".to_owned(),
        enabled: true,
        name: None,
        email: Some(address(handle)),
        email_verified: true,
    }
}

/// The address of the user with this handle.
fn address(handle: &str) -> String {
    format!("{}@example.com", handle.trim_start_matches('@').to_lowercase())
}

/// The row of this number; no sub: an empty one.
fn row(number: u128, handle: &str, sub: &str) -> Row {
    Row {
        uuid: Uuid::from_u128(number),
        handle: handle.to_owned(),
        cognito_user_id: Some(sub.to_owned()).filter(|sub| !sub.is_empty()),
        email: Some(address(handle).to_uppercase()),
    }
}

fn plan(users: &[PoolUser], rows: &[Row], allowed: &Allowed) -> Plan {
    let mut planner = Planner::new(users.to_vec());
    for row in rows {
        planner.add_row(row.clone());
    }
    planner.finish(allowed)
}

fn named(handles: &[&str]) -> HashSet<String> {
    handles.iter().map(|handle| (*handle).to_owned()).collect()
}

fn overwriting(handles: &[&str]) -> Allowed {
    Allowed { overwrite: named(handles), ..Allowed::default() }
}

fn trusting(handles: &[&str]) -> Allowed {
    Allowed { trust: named(handles), ..Allowed::default() }
}

fn verdicts(plan: &Plan) -> Vec<(&str, Verdict)> {
    plan.steps.iter().map(|step| (step.user.sub.as_str(), step.verdict.clone())).collect()
}

fn unused(plan: &Plan) -> Vec<(&str, &str, &str)> {
    plan.unused.iter().map(|unused| (unused.permission, &*unused.handle, unused.reason)).collect()
}

fn other_sub(sub: &str, in_pool: bool) -> Verdict {
    Verdict::Conflict(Conflict::OtherSub { cognito_user_id: sub.to_owned(), in_pool })
}

#[test]
fn an_empty_row_gets_the_sub_of_its_handle_in_any_case() {
    let rows = [row(1, "SunYoung", ""), row(2, "andrew", "")];
    let plan = plan(&[user("@sunYOUNG", "a"), user("andrew", "b")], &rows, &Allowed::default());
    assert_eq!(verdicts(&plan), [("a", Verdict::Set(rows[0].clone())), ("b", Verdict::Set(rows[1].clone()))]);
}

#[test]
fn a_sub_that_is_there_is_left_alone() {
    let plan = plan(&[user("sunyoung", "a")], &[row(1, "sunyoung", "a")], &Allowed::default());
    assert_eq!((verdicts(&plan), plan.unchanged), (vec![], 1));
}

#[test]
fn another_sub_is_a_conflict_until_its_handle_is_named() {
    let (users, rows) = ([user("SunYoung", "a")], [row(1, "sunyoung", "old")]);
    assert_eq!(verdicts(&plan(&users, &rows, &overwriting(&["andrew"]))), [("a", other_sub("old", false))]);
    assert_eq!(
        verdicts(&plan(&users, &rows, &overwriting(&["sunyoung"]))),
        [("a", Verdict::Overwrite(rows[0].clone()))]
    );
}

#[test]
fn of_two_with_the_same_handle_neither_gets_the_row() {
    let users = [user("sunyoung", "a"), user("SUNYOUNG", "b")];
    for rows in [vec![], vec![row(1, "sunyoung", "")], vec![row(1, "sunyoung", "old")]] {
        let allowed = Allowed { create: true, ..overwriting(&["sunyoung"]) };
        let plan = plan(&users, &rows, &allowed);
        let twice = Verdict::Conflict(Conflict::HandleTwice);
        assert_eq!(verdicts(&plan), [("a", twice.clone()), ("b", twice)], "{rows:?}");
        let reason = "several users of the pool have this handle";
        assert_eq!(unused(&plan), [("overwrite", "sunyoung", reason)]);
    }
}

#[test]
fn the_owner_keeps_the_row_when_another_user_takes_the_same_handle() {
    let users = [user("sunyoung", "a"), user("sunyoung", "b")];
    let plan = plan(&users, &[row(1, "sunyoung", "a")], &Allowed::default());
    assert_eq!(verdicts(&plan), [("b", Verdict::Conflict(Conflict::HandleTwice))]);
    assert_eq!(plan.unchanged, 1);
}

#[test]
fn a_user_on_two_pages_is_one_user() {
    let rows = [row(1, "sunyoung", "")];
    let plan = plan(&[user("sunyoung", "a"), user("sunyoung", "a")], &rows, &Allowed::default());
    assert_eq!(verdicts(&plan), [("a", Verdict::Set(rows[0].clone()))]);
}

#[test]
fn the_unconfirmed_and_the_disabled_are_never_written() {
    let unconfirmed = PoolUser { status: "UNCONFIRMED".to_owned(), ..user("sunyoung", "a") };
    let disabled = PoolUser { enabled: false, ..user("andrew", "b") };
    let new = PoolUser { enabled: false, ..user("", "c") };
    let rows = [row(1, "sunyoung", ""), row(2, "andrew", "old")];
    let allowed = Allowed { create: true, ..overwriting(&["andrew"]) };
    let plan = plan(&[unconfirmed, disabled, new], &rows, &allowed);
    assert_eq!(
        verdicts(&plan),
        [("a", Verdict::Unconfirmed), ("b", Verdict::Disabled), ("c", Verdict::Disabled)]
    );
}

#[test]
fn a_user_known_under_another_handle_stays_so() {
    let rows = [row(1, "user-0000000a", "a"), row(2, "sunyoung", "")];
    let plan = plan(&[user("sunyoung", "a")], &rows, &Allowed::default());
    assert_eq!(verdicts(&plan), [("a", Verdict::KnownAs("user-0000000a".to_owned()))]);
    assert_eq!(plan.rows_without_user.handles, ["sunyoung"]);
}

#[test]
fn a_handle_made_for_a_user_without_one_is_nothing_to_tell() {
    let rows = [row(1, "user-0000000a", "a"), row(2, "user-0000000b", "b")];
    let plan = plan(&[user("", "a"), user("no handle at all", "b")], &rows, &Allowed::default());
    assert_eq!((verdicts(&plan), plan.unchanged), (vec![], 2));
}

#[test]
fn a_user_without_a_row_is_created_only_with_permission() {
    let users = [user("lore", "a"), user("", "b")];
    assert_eq!(
        verdicts(&plan(&users, &[], &Allowed::default())),
        [("a", Verdict::NoRow), ("b", Verdict::NoRow)]
    );
    let allowed = Allowed { create: true, ..Allowed::default() };
    assert_eq!(verdicts(&plan(&users, &[], &allowed)), [("a", Verdict::Create), ("b", Verdict::Create)]);
}

#[test]
fn rows_without_a_pool_user_are_counted_and_the_first_are_named() {
    let rows = (1..=1_100).map(|number| row(number, &format!("user{number}"), "")).collect::<Vec<_>>();
    let plan = plan(&[user("user1", "a")], &rows, &Allowed::default());
    assert_eq!(plan.rows_without_user.count, 1_099);
    assert_eq!(plan.rows_without_user.handles.len(), LISTED);
    assert_eq!(plan.rows_without_user.handles[0], "user2");
}

#[test]
fn a_user_who_loses_the_row_is_decided_again_afterwards() {
    // b sat on sunyoung's row; the row of b's own handle is empty.
    let users = [user("bayko", "b"), user("sunyoung", "a")];
    let rows = [row(1, "sunyoung", "b"), row(2, "bayko", "")];
    assert_eq!(
        verdicts(&plan(&users, &rows, &Allowed::default())),
        [("a", other_sub("b", true)), ("b", Verdict::KnownAs("sunyoung".to_owned()))]
    );
    assert_eq!(
        verdicts(&plan(&users, &rows, &overwriting(&["sunyoung"]))),
        [("a", Verdict::Overwrite(rows[0].clone())), ("b", Verdict::Set(rows[1].clone()))]
    );
}

#[test]
fn a_handle_that_is_no_conflict_is_not_overwritten() {
    let plan =
        plan(&[user("sunyoung", "a")], &[row(1, "sunyoung", "")], &overwriting(&["sunyoung", "unknown"]));
    let reason = "there is no conflict";
    assert_eq!(unused(&plan), [("overwrite", "sunyoung", reason), ("overwrite", "unknown", reason)]);
}

#[test]
fn a_row_is_given_only_to_the_verified_owner_of_its_address() {
    let empty = |email: Option<&str>| Row { email: email.map(str::to_owned), ..row(1, "mike", "") };
    let user = |email: Option<&str>, email_verified| PoolUser {
        email: email.map(str::to_owned),
        email_verified,
        ..user("mike", "a")
    };
    for (row_email, email, verified, given) in [
        (Some("mike@mail.example"), Some("mike@mail.example"), true, true),
        (Some("Mike@Mail.example"), Some("mIKE@mail.EXAMPLE"), true, true),
        (Some("mike@mail.example"), Some("mike@mail.example"), false, false),
        (Some("mike@mail.example"), Some("other@mail.example"), true, false),
        (Some("mike@mail.example"), Some("mike@mail.example "), true, false),
        // A dotted capital I, a Kelvin sign, and both in the domain.
        (Some("mike@mail.example"), Some("m\u{130}\u{212a}e@ma\u{130}l.example"), true, false),
        (Some("m\u{f6}@mail.example"), Some("m\u{f6}@mail.example"), true, false),
        (Some("mike@mail.example"), None, true, false),
        (None, Some("mike@mail.example"), true, false),
        (None, None, true, false),
        (Some(""), Some(""), true, false),
    ] {
        let (users, rows) = ([user(email, verified)], [empty(row_email)]);
        let conflict = Verdict::Conflict(Conflict::OtherAddress {
            row: row_email.map(str::to_owned),
            user: email.map(str::to_owned),
            verified,
        });
        let expected = if given { Verdict::Set(rows[0].clone()) } else { conflict.clone() };
        assert_eq!(verdicts(&plan(&users, &rows, &Allowed::default())), [("a", expected)], "{email:?}");
        let trusted = plan(&users, &rows, &trusting(&["mike"]));
        assert_eq!(verdicts(&trusted), [("a", Verdict::Set(rows[0].clone()))], "{email:?}");
        assert_eq!(trusted.unused.is_empty(), !given, "{email:?}");

        // Taking a user's row away needs `--overwrite` as well.
        let rows = [Row { cognito_user_id: Some("old".to_owned()), ..empty(row_email) }];
        let trusted = plan(&users, &rows, &trusting(&["mike"]));
        assert_eq!(verdicts(&trusted), [("a", other_sub("old", false))]);
        assert_eq!(unused(&trusted), [("trust", "mike", "the conflict is a different one")]);
        let expected = if given { Verdict::Overwrite(rows[0].clone()) } else { conflict };
        assert_eq!(verdicts(&plan(&users, &rows, &overwriting(&["mike"]))), [("a", expected)], "{email:?}");
        let both = Allowed { trust: named(&["mike"]), ..overwriting(&["mike"]) };
        assert_eq!(verdicts(&plan(&users, &rows, &both)), [("a", Verdict::Overwrite(rows[0].clone()))]);
    }
}

#[test]
fn the_row_of_a_deleted_user_is_ignored() {
    let rows = [row(1, "sunyoung", "deleted:0195b5a0-0000-7000-8000-000000000001")];
    let users = [user("sunyoung", "a")];
    let all = Allowed { create: false, overwrite: named(&["sunyoung"]), trust: named(&["sunyoung"]) };
    let plan_without = plan(&users, &rows, &all);
    assert_eq!(verdicts(&plan_without), [("a", Verdict::NoRow)]);
    assert_eq!(plan_without.rows_without_user.count, 0);
    let creating = Allowed { create: true, ..all };
    assert_eq!(verdicts(&plan(&users, &rows, &creating)), [("a", Verdict::Create)]);
}

/// A pool, rows as a database can have them (each handle and each sub once), and what is allowed.
fn worlds() -> impl Strategy<Value = (Vec<PoolUser>, Vec<Row>, Allowed)> {
    const HANDLES: [&str; 6] = ["ann", "ben", "cid", "dora", "eve", "user-5"];
    let status = prop_oneof![6 => Just("CONFIRMED"), 1 => Just("UNCONFIRMED")];
    let enabled = prop::bool::weighted(0.9);
    let verified = prop::bool::weighted(0.8);
    let pool_user = (0..8_usize, 0..7_usize, status, (enabled, verified), any::<bool>());
    let users = prop::collection::vec(pool_user, 0..8).prop_map(|users| {
        let users = users.into_iter().map(|(sub, handle, status, (enabled, email_verified), upper)| {
            let handle = HANDLES.get(handle).copied().unwrap_or_default();
            let handle = if upper { handle.to_uppercase() } else { handle.to_owned() };
            PoolUser { status: status.to_owned(), enabled, email_verified, ..user(&handle, &sub.to_string()) }
        });
        users.collect::<Vec<_>>()
    });
    let handles = Just(HANDLES.to_vec()).prop_shuffle();
    let subs = Just((0..10).map(|sub| sub.to_string()).collect::<Vec<_>>()).prop_shuffle();
    let rows = (handles, subs, prop::collection::vec(any::<bool>(), 0..=HANDLES.len()));
    let rows = rows.prop_map(|(handles, subs, linked)| {
        let rows = linked.iter().zip(handles).zip(subs).zip(1..);
        let rows = rows
            .map(|(((linked, handle), sub), number)| row(number, handle, if *linked { &sub } else { "" }));
        rows.collect::<Vec<_>>()
    });
    let overwrite = prop::sample::subsequence(HANDLES.to_vec(), 0..=HANDLES.len());
    let trust = prop::sample::subsequence(HANDLES.to_vec(), 0..=HANDLES.len());
    let allowed = (any::<bool>(), overwrite, trust).prop_map(|(create, overwrite, trust)| Allowed {
        create,
        overwrite: named(&overwrite),
        trust: named(&trust),
    });
    (users, rows, allowed)
}

/// Does to `rows` what the step says, as the database would: a step that it would refuse fails the test.
fn carry_out(rows: &mut Vec<Row>, Step { user, verdict }: &Step) {
    let sub = Some(user.sub.clone());
    match verdict {
        Verdict::Set(target) | Verdict::Overwrite(target) => {
            assert!(rows.iter().all(|row| row.cognito_user_id != sub), "{} has a row", user.sub);
            let found = rows.iter_mut().find(|row| *row == target).unwrap();
            found.cognito_user_id = sub;
        }
        Verdict::Create => {
            assert!(rows.iter().all(|row| row.cognito_user_id != sub), "{} has a row", user.sub);
            let wanted = user.handle.clone().filter(|handle| {
                canonical(handle).is_some() && rows.iter().all(|row| !row.handle.eq_ignore_ascii_case(handle))
            });
            let handle = wanted.unwrap_or_else(|| format!("made-{}", user.sub));
            let number = rows.len() as u128 + 1;
            rows.push(row(number, &handle, &user.sub));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_plan_gives_each_sub_one_row_overwrites_what_was_named_and_leaves_nothing_to_do(
        (users, before, allowed) in worlds()
    ) {
        let mut rows = before.clone();
        for step in &plan(&users, &before, &allowed).steps {
            carry_out(&mut rows, step);
        }

        let subs = rows.iter().filter_map(|row| row.cognito_user_id.as_ref()).collect::<Vec<_>>();
        prop_assert_eq!(subs.iter().collect::<HashSet<_>>().len(), subs.len());

        for (old, new) in before.iter().zip(&rows) {
            let kept = old.cognito_user_id.is_none() || old.cognito_user_id == new.cognito_user_id;
            prop_assert!(kept || allowed.overwrite.contains(&old.handle), "{:?} became {:?}", old, new);
        }

        let writes = |verdict: &Verdict| matches!(verdict, Verdict::Set(_) | Verdict::Overwrite(_) | Verdict::Create);
        let left = plan(&users, &rows, &allowed);
        prop_assert!(!left.steps.iter().any(|step| writes(&step.verdict)), "{:?}", left);
    }

    #[test]
    fn every_pool_user_is_reported_once((users, rows, allowed) in worlds()) {
        let plan = plan(&users, &rows, &allowed);
        let reported = plan.steps.iter().map(|step| step.user.sub.as_str()).collect::<Vec<_>>();
        let subs = users.iter().map(|user| user.sub.as_str()).collect::<HashSet<_>>();
        prop_assert_eq!(reported.iter().collect::<HashSet<_>>().len(), reported.len());
        prop_assert_eq!(reported.len() + plan.unchanged, subs.len());
    }
}
