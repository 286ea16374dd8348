//! Cognito's post-confirmation trigger.

use std::{sync::Arc, time::Duration};

use seed::demo::{DEMO_USERS, LOCAL_USERS};
use serde_json::{Value, json};
use testing::World;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::{postgres::Database, relay::Relay};

/// A name unique among tests.
fn unique(name: &str) -> String {
    format!("{name}-{}", &Uuid::new_v4().simple().to_string()[..8])
}

/// A new Cognito user's `sub`.
fn subject() -> String {
    Uuid::new_v4().to_string()
}

/// The event of a confirmed sign-up, as Cognito sends it.
fn event(subject: &str, attributes: &[(&str, &str)]) -> Value {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../../events/post-confirmation/confirm-sign-up.json"))
            .unwrap();
    event["userName"] = json!(subject);
    let mut all = json!({"sub": subject, "cognito:user_status": "CONFIRMED"});
    for (name, value) in attributes {
        all[*name] = json!(value);
    }
    event["request"]["userAttributes"] = all;
    event
}

/// Delivers `event`. The response must be the unchanged event.
async fn deliver(world: &World, event: &Value) {
    let answer = world.functions["post-confirmation"].invoke(event.to_string()).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), *event);
}

#[derive(Debug, PartialEq)]
struct Row {
    uuid: Uuid,
    handle: String,
    display_name: String,
    email: Option<String>,
    subject: Option<String>,
}

/// Rows whose `column` equals `value`.
async fn rows(world: &World, column: &str, value: &(dyn ToSql + Sync), of: Type) -> Vec<Row> {
    let statement = format!(
        "SELECT uuid, handle, display_name, email, cognito_user_id FROM public.users WHERE {column} = $1 ORDER BY handle"
    );
    let rows = world.postgres().query(&statement, &[(value, of)]).await.unwrap();
    rows.iter()
        .map(|row| Row {
            uuid: row.get(0),
            handle: row.get(1),
            display_name: row.get(2),
            email: row.get(3),
            subject: row.get(4),
        })
        .collect()
}

/// The Cognito user's only row.
async fn row_of(world: &World, subject: &str) -> Row {
    let mut rows = rows(world, "cognito_user_id", &subject, Type::TEXT).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// A user who existed before their first sign-in.
async fn seed(world: &World, handle: &str, email: Option<&str>) -> Uuid {
    let statement =
        "INSERT INTO public.users (handle, display_name, email) VALUES ($1, 'Seeded', $2) RETURNING uuid";
    let parameters = [(&handle as _, Type::TEXT), (&email as _, Type::TEXT)];
    world.postgres().query(statement, &parameters).await.unwrap()[0].get(0)
}

#[tokio::test]
async fn a_confirmed_user_is_entered_with_their_names() {
    let world = World::new().await;
    let (subject, handle) = (subject(), unique("Ashley"));
    let email = format!("{handle}@example.com");
    let attributes = [
        ("preferred_username", &*handle),
        ("name", "Ashley Hopper"),
        ("email", &email),
        ("email_verified", "true"),
    ];
    deliver(&world, &event(&subject, &attributes)).await;
    let row = row_of(&world, &subject).await;
    let expected = Row {
        uuid: row.uuid,
        handle: handle.clone(),
        display_name: "Ashley Hopper".to_owned(),
        email: Some(email),
        subject: Some(subject.clone()),
    };
    assert_eq!(row, expected);

    // The user can write from now on.
    let bob = world.user("bob").await;
    let token = world.issuer.access_token(&subject, &handle).unwrap();
    let ashley = testing::TestUser { token, ..bob.clone() };
    assert_eq!(world.send(&ashley, &bob, "hello").await["handle"], json!(handle));
}

#[tokio::test]
async fn the_local_stacks_users_got_their_handles_at_sign_up_or_have_changed_them_since() {
    let world = World::new().await;
    let mut changed = 0;
    // The world has the others, one of whom has a requested handle.
    for user in &LOCAL_USERS[DEMO_USERS.len()..] {
        let mut attributes = vec![("name", user.name), ("email", user.email)];
        attributes.extend(user.preferred_username.map(|wish| ("preferred_username", wish)));
        deliver(&world, &event(&user.cognito_user_id.to_string(), &attributes)).await;
        let row = row_of(&world, &user.cognito_user_id.to_string()).await;
        if (row.handle.as_str(), row.display_name.as_str()) != (user.handle, user.display_name) {
            assert_eq!((Some(row.handle.as_str()), &*row.display_name), (user.preferred_username, user.name));
            changed += 1;
        }
    }
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn only_a_confirmed_sign_up_enters_anybody() {
    let world = World::new().await;
    for source in [
        "PostConfirmation_ConfirmForgotPassword",
        "PostConfirmation_confirmsignup",
        "PreSignUp_SignUp",
        "PostAuthentication_Authentication",
        "",
    ] {
        let subject = subject();
        let handle = unique("source");
        let seeded = seed(&world, &handle, Some(&handle)).await;
        let mut event = event(
            &subject,
            &[("preferred_username", &handle), ("email", &handle), ("email_verified", "true")],
        );
        event["triggerSource"] = json!(source);
        deliver(&world, &event).await;
        assert_eq!(rows(&world, "cognito_user_id", &subject, Type::TEXT).await, [], "{source}");
        assert_eq!(rows(&world, "uuid", &seeded, Type::UUID).await[0].subject, None, "{source}");
    }
}

#[tokio::test]
async fn a_row_is_taken_over_only_by_its_verified_email() {
    let world = World::new().await;
    for (case, row_email, email, verified, taken_over) in [
        ("verified", Some("own@"), Some("own@"), Some("true"), true),
        ("verified, in another case", Some("Own@"), Some("oWN@"), Some("true"), true),
        ("not verified", Some("own@"), Some("own@"), Some("false"), false),
        ("verified, but spelt otherwise", Some("own@"), Some("own@"), Some("True"), false),
        ("nothing said of verification", Some("own@"), Some("own@"), None, false),
        ("another address", Some("own@"), Some("other@"), Some("true"), false),
        ("no address", Some("own@"), None, Some("true"), false),
        // Other collations fold these: a dotted capital I and a Kelvin sign.
        ("an i of another alphabet", Some("mi@"), Some("m\u{130}@"), Some("true"), false),
        ("a k of another alphabet", Some("mk@"), Some("m\u{212a}@"), Some("true"), false),
        ("not ASCII", Some("m\u{f6}@"), Some("m\u{f6}@"), Some("true"), false),
        ("a row without an address", None, Some("own@"), Some("true"), false),
        ("neither has one", None, None, Some("true"), false),
    ] {
        let (subject, handle) = (subject(), unique("take"));
        let address = |text: &str| format!("{text}{handle}");
        let (row_email, email) = (row_email.map(address), email.map(address));
        let seeded = seed(&world, &handle, row_email.as_deref()).await;
        // The row's handle remains in every case: a freely chosen name proves nothing.
        let mut attributes = vec![("preferred_username", &*handle), ("name", "New Name")];
        attributes.extend(email.as_deref().map(|email| ("email", email)));
        attributes.extend(verified.map(|verified| ("email_verified", verified)));
        deliver(&world, &event(&subject, &attributes)).await;
        let row = rows(&world, "uuid", &seeded, Type::UUID).await.remove(0);
        let own = row_of(&world, &subject).await;
        if taken_over {
            assert_eq!(row, own, "{case}");
            assert_eq!((&*row.handle, &*row.display_name), (&*handle, "Seeded"), "{case}");
        } else {
            let expected = Row {
                uuid: seeded,
                handle: handle.clone(),
                display_name: "Seeded".to_owned(),
                email: row_email,
                subject: None,
            };
            assert_eq!(row, expected, "{case}");
            assert_eq!(own.handle, substitute(&subject), "{case}");
            assert_eq!(own.display_name, "New Name", "{case}");
        }
    }
}

fn substitute(subject: &str) -> String {
    format!("user-{}", &subject.replace('-', "")[..8])
}

#[tokio::test]
async fn a_cognito_user_id_is_never_overwritten() {
    let world = World::new().await;
    let (first, second, handle) = (subject(), subject(), unique("own"));
    let email = format!("{handle}@example.com");
    let attributes =
        [("preferred_username", &*handle), ("name", "First"), ("email", &*email), ("email_verified", "true")];
    deliver(&world, &event(&first, &attributes)).await;
    let before = row_of(&world, &first).await;
    deliver(&world, &event(&second, &attributes)).await;
    assert_eq!(row_of(&world, &first).await, before);
    assert_eq!(row_of(&world, &second).await.handle, substitute(&second));
}

#[tokio::test]
async fn the_row_of_a_deleted_person_is_nobodys() {
    let world = World::new().await;
    let (subject, handle) = (subject(), unique("deleted"));
    let email = format!("{handle}@example.com");
    let deleted = seed(&world, &handle, Some(&email)).await;
    let statement = "UPDATE public.users SET cognito_user_id = 'deleted:' || uuid WHERE uuid = $1";
    world.postgres().query(statement, &[(&deleted, Type::UUID)]).await.unwrap();
    let attributes = [("preferred_username", &*handle), ("email", &*email), ("email_verified", "true")];
    deliver(&world, &event(&subject, &attributes)).await;
    let row = rows(&world, "uuid", &deleted, Type::UUID).await.remove(0);
    assert_eq!(row.subject, Some(format!("deleted:{deleted}")));
    assert_eq!(row_of(&world, &subject).await.handle, substitute(&subject));
}

#[tokio::test]
async fn a_user_who_has_a_row_takes_over_no_other() {
    let world = World::new().await;
    let (subject, handle, other) = (subject(), unique("first"), unique("second"));
    deliver(&world, &event(&subject, &[("preferred_username", &handle)])).await;
    let before = row_of(&world, &subject).await;
    let seeded = seed(&world, &other, Some(&other)).await;
    let attributes = [("preferred_username", &*other), ("email", &other), ("email_verified", "true")];
    deliver(&world, &event(&subject, &attributes)).await;
    assert_eq!(row_of(&world, &subject).await, before);
    assert_eq!(rows(&world, "uuid", &seeded, Type::UUID).await[0].subject, None);
}

#[tokio::test]
async fn the_handle_they_want_decides_between_several_rows_of_one_address() {
    let world = World::new().await;
    let email = unique("shared");
    let (first, second) = (unique("first"), unique("second"));
    let uuids = [seed(&world, &first, Some(&email)).await, seed(&world, &second, Some(&email)).await];
    for (wanted, expected) in [(format!("@{}", second.to_uppercase()), uuids[1]), (unique("x"), uuids[0])] {
        let subject = subject();
        let attributes = [("preferred_username", &*wanted), ("email", &*email), ("email_verified", "true")];
        deliver(&world, &event(&subject, &attributes)).await;
        assert_eq!(row_of(&world, &subject).await.uuid, expected, "{wanted}");
    }
}

#[tokio::test]
async fn a_handle_that_is_missing_malformed_or_taken_is_replaced() {
    let world = World::new().await;
    let taken = unique("Taken");
    seed(&world, &taken, None).await;
    let upper = taken.to_uppercase();
    for (case, wanted) in [
        ("missing", None),
        ("empty", Some("")),
        ("two words", Some("two words")),
        ("31 characters", Some("0123456789012345678901234567890")),
        ("not ASCII", Some("sunyöung")),
        ("an address", Some("a@example.com")),
        ("two at signs", Some("@@sunyoung")),
        ("NUL", Some("sun\0young")),
        ("a dot", Some(".")),
        ("two dots", Some("..")),
        ("two dots behind an at sign", Some("@..")),
        ("a quote", Some("x'; DROP TABLE users; --")),
        ("taken", Some(&taken)),
        ("taken in another case", Some(&upper)),
    ] {
        let subject = subject();
        let mut attributes =
            vec![("name", "Somebody"), ("email", "somebody@example.com"), ("email_verified", "true")];
        attributes.extend(wanted.map(|wanted| ("preferred_username", wanted)));
        deliver(&world, &event(&subject, &attributes)).await;
        let row = row_of(&world, &subject).await;
        assert_eq!((row.handle, &*row.display_name), (substitute(&subject), "Somebody"), "{case}");
    }
}

#[tokio::test]
async fn a_handle_may_come_with_an_at_sign_and_keeps_its_case() {
    let world = World::new().await;
    let (subject, handle) = (subject(), unique("SunYoung"));
    deliver(&world, &event(&subject, &[("preferred_username", &format!("@{handle}"))])).await;
    let row = row_of(&world, &subject).await;
    assert_eq!((row.handle, row.display_name, row.email), (handle.clone(), handle, None));
}

#[tokio::test]
async fn a_name_that_does_not_fit_is_made_to() {
    let world = World::new().await;
    let long = "é".repeat(65);
    for (name, expected) in [
        (Some(&*long), Some(&long[..128])),
        (Some(" \u{3000} "), None),
        (Some("a\0b"), Some("ab")),
        (Some("\u{202e}a\u{200b}"), Some("a")),
        (Some("\u{200b}\u{2066}"), None),
        (None, None),
    ] {
        let (subject, handle) = (subject(), unique("name"));
        let mut attributes = vec![("preferred_username", &*handle)];
        attributes.extend(name.map(|name| ("name", name)));
        deliver(&world, &event(&subject, &attributes)).await;
        assert_eq!(row_of(&world, &subject).await.display_name, expected.unwrap_or(&handle), "{name:?}");
    }
}

#[tokio::test]
async fn a_repeated_event_changes_nothing() {
    let world = World::new().await;
    let (taken, seeded) = (unique("taken"), unique("seeded"));
    seed(&world, &taken, None).await;
    seed(&world, &seeded, Some(&seeded)).await;
    let verified = ("email_verified", "true");
    for attributes in [
        vec![("preferred_username", &*unique("created"))],
        vec![("preferred_username", &*taken)],
        vec![("email", &*seeded), verified],
        vec![],
    ] {
        let subject = subject();
        let event = event(&subject, &attributes);
        deliver(&world, &event).await;
        let row = row_of(&world, &subject).await;
        for _ in 0..2 {
            deliver(&world, &event).await;
            assert_eq!(row_of(&world, &subject).await, row);
        }
        let substitutes = rows(&world, "handle", &substitute(&subject), Type::TEXT).await;
        assert!(substitutes.iter().all(|substitute| *substitute == row), "{substitutes:?}");
    }
}

#[tokio::test]
async fn the_same_event_ten_times_at_once_enters_one_user() {
    let world = World::new().await;
    let (subject, handle) = (subject(), unique("at-once"));
    let event = event(&subject, &[("preferred_username", &handle)]);
    futures_util::future::join_all((0..10).map(|_| deliver(&world, &event))).await;
    assert_eq!(row_of(&world, &subject).await.handle, handle);
    assert_eq!(rows(&world, "handle", &substitute(&subject), Type::TEXT).await, []);
}

#[tokio::test]
async fn an_odd_event_is_answered_and_enters_nobody() {
    let world = World::new().await;
    let subject = subject();
    let good = event(&subject, &[("name", "Odd")]);
    let without_sub = event("", &[("name", "Odd")]);
    let mut no_attributes = good.clone();
    no_attributes["request"] = json!({});
    let mut attributes_of_another_kind = good.clone();
    attributes_of_another_kind["request"]["userAttributes"] = json!(["sub"]);
    let mut no_source = good.clone();
    no_source["triggerSource"] = json!(null);
    for event in [
        without_sub,
        no_attributes,
        attributes_of_another_kind,
        no_source,
        json!({}),
        json!([]),
        json!(null),
        json!("event"),
        json!(7),
    ] {
        deliver(&world, &event).await;
    }
    assert_eq!(rows(&world, "cognito_user_id", &subject, Type::TEXT).await, []);
    assert_eq!(rows(&world, "cognito_user_id", &"", Type::TEXT).await, []);
}

#[tokio::test]
async fn a_database_that_is_down_keeps_nobody_from_signing_up() {
    let database = Database::turn().await;
    let mut world = World::new().await;
    let relay = database.relay().await;
    world.redeploy(|parts| parts.postgres = Arc::new(database.through(&relay)));
    let (subject, handle) = (subject(), unique("down"));
    let event = event(&subject, &[("preferred_username", &handle)]);
    relay.go_down();
    deliver(&world, &event).await;
    relay.come_back();
    deliver(&world, &event).await;
    assert_eq!(row_of(&world, &subject).await.handle, handle);
}

#[tokio::test]
async fn a_slow_database_uses_up_none_of_the_time_for_the_answer() {
    let mut world = World::new().await;
    let database = Database::turn().await;
    let relay = Relay::slow(database.address(), Duration::from_millis(1_200)).await;
    world.redeploy(|parts| parts.postgres = Arc::new(database.through(&relay)));
    let handle = unique("slow");
    let attributes = [("preferred_username", &*handle), ("email", &*handle), ("email_verified", "true")];
    // Each statement is in time, but together they exceed the limit.
    deliver(&world, &event(&subject(), &attributes)).await;
}
