//! The table of users, and the functions' cache of it.

use std::{sync::Arc, time::Duration};

use cruddur::{
    auth::{SignIn, Subject, TokenRefusal},
    error::{Dependency, Error},
    user::{Handle, MessageUsers, Receiver, ShowsUser, User, Users},
};
use http::StatusCode;
use serde_json::json;
use testing::World;
use tokio::time;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::{postgres::Database, relay::Relay};

/// Users behind a relay, with a user that belongs to the test.
/// The time of a sign-in: later than now by PostgreSQL's clock.
const SIGNED_IN_AT: i64 = 4_000_000_000;

fn sign_in(subject: &str) -> SignIn {
    SignIn { subject: Subject::new(subject).unwrap(), at: SIGNED_IN_AT }
}

struct Stand {
    database: Database,
    relay: Relay,
    users: Users,
    sign_in: SignIn,
    user: User,
}

impl Stand {
    async fn new(name: &str) -> Self {
        let database = Database::turn().await;
        let relay = database.relay().await;
        let users = Users::new(Arc::new(database.through(&relay)));
        let user =
            User { uuid: Uuid::new_v4(), handle: name.to_owned(), display_name: "Original Name".to_owned() };
        let sign_in = sign_in(&format!("subject-of-{name}"));
        let statement = include_str!("../../../../sql/users/create_demo.sql");
        let client = database.client().await;
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 5] = [
            (&user.uuid, Type::UUID),
            (&user.handle, Type::TEXT),
            (&user.display_name, Type::TEXT),
            (&"", Type::TEXT),
            (&sign_in.subject.as_str(), Type::TEXT),
        ];
        client.query_typed(statement, &parameters).await.unwrap();
        Self { database, relay, users, sign_in, user }
    }

    /// The number of queries, given that there was one at most since the last call: the next one needs a connection of its
    /// own.
    fn asked(&self) -> usize {
        self.relay.cut();
        self.relay.accepted()
    }

    async fn rename(&self, name: &str) {
        let client = self.database.client().await;
        let statement = "UPDATE public.users SET display_name = $2 WHERE uuid = $1";
        assert_eq!(client.execute(statement, &[&self.user.uuid, &name]).await.unwrap(), 1);
    }

    async fn delete(&self) {
        let client = self.database.client().await;
        let statement = "DELETE FROM public.users WHERE uuid = $1";
        assert_eq!(client.execute(statement, &[&self.user.uuid]).await.unwrap(), 1);
    }

    fn named(&self, name: &str) -> User {
        User { display_name: name.to_owned(), ..self.user.clone() }
    }
}

/// Advances time without waiting.
async fn pass(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

#[tokio::test]
async fn a_suspended_user_is_unknown_as_a_caller_and_known_to_others() {
    let stand = Stand::new("suspended").await;
    let set = async |is_suspended: bool| {
        let statement = include_str!("../../../../sql/users/suspend.sql");
        let client = stand.database.client().await;
        client.execute(statement, &[&"suspended", &is_suspended]).await.unwrap()
    };
    assert_eq!(set(true).await, 1);
    let (users, sign_in) = (&stand.users, &stand.sign_in);
    let (handle, uuid) = ("suspended".parse::<Handle>().unwrap(), stand.user.uuid);
    for refused in [
        users.uuid_of(sign_in).await.map(drop),
        users.sender(sign_in).await.map(drop),
        users.me(sign_in).await.map(drop),
        users.update(sign_in, None, Some(false), None).await.map(drop),
        users.sender_and_receiver(sign_in, &handle).await.map(drop),
        users.sender_and_receiver_by_uuid(sign_in, uuid).await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::UserNotProvisioned)), "{refused:?}");
    }
    assert_eq!(users.with_handle(&handle).await.unwrap(), stand.user);
    assert_eq!(set(false).await, 1);
    assert_eq!(users.uuid_of(sign_in).await.unwrap(), uuid);
}

#[tokio::test]
async fn a_sign_out_ends_earlier_sign_ins_and_where_the_user_is_cached_after_ten_minutes() {
    let stand = Stand::new("signed-out").await;
    let (users, later) = (&stand.users, &stand.sign_in);
    let earlier = &SignIn { at: 1_000, ..later.clone() };
    let elsewhere = Users::new(Arc::new(stand.database.through(&stand.relay)));
    assert_eq!(elsewhere.uuid_of(earlier).await.unwrap(), stand.user.uuid);
    users.sign_out(earlier).await.unwrap();

    let is_signed_out = |error: &Error| matches!(error, Error::Unauthenticated(TokenRefusal::SignedOut));
    let handle = "signed-out".parse::<Handle>().unwrap();
    for refused in [
        users.uuid_of(earlier).await.map(drop),
        users.sender(earlier).await.map(drop),
        users.me(earlier).await.map(drop),
        users.update(earlier, None, Some(false), None).await.map(drop),
        users.sender_and_receiver(earlier, &handle).await.map(drop),
        users.sender_and_receiver_by_uuid(earlier, stand.user.uuid).await.map(drop),
        users.sign_out(earlier).await.map(drop),
        users.erase(earlier).await.map(drop),
    ] {
        assert!(refused.as_ref().is_err_and(is_signed_out), "{refused:?}");
    }
    // Both use what is cached of the user.
    assert_eq!(users.uuid_of(later).await.unwrap(), stand.user.uuid);
    assert!(users.uuid_of(earlier).await.is_err_and(|error| is_signed_out(&error)));
    assert_eq!(users.sender(later).await.unwrap(), stand.user);
    assert!(users.sender(earlier).await.is_err_and(|error| is_signed_out(&error)));

    assert_eq!(elsewhere.uuid_of(earlier).await.unwrap(), stand.user.uuid);
    pass(Duration::from_mins(10)).await;
    assert!(elsewhere.uuid_of(earlier).await.is_err_and(|error| is_signed_out(&error)));
    // Also while the database is down.
    stand.relay.go_down();
    pass(Duration::from_hours(1)).await;
    assert_eq!(users.uuid_of(later).await.unwrap(), stand.user.uuid);
    assert!(users.uuid_of(earlier).await.is_err_and(|error| is_signed_out(&error)));
}

#[tokio::test]
async fn the_uuid_of_a_subject_is_used_for_ten_minutes() {
    let stand = Stand::new("uuid-ten-minutes").await;
    assert_eq!(stand.users.uuid_of(&stand.sign_in).await.unwrap(), stand.user.uuid);
    stand.delete().await;
    pass(Duration::from_secs(590)).await;
    assert_eq!(stand.users.uuid_of(&stand.sign_in).await.unwrap(), stand.user.uuid);
    assert_eq!(stand.asked(), 1);
    pass(Duration::from_secs(10)).await;
    for expected in 2..=3 {
        let result = stand.users.uuid_of(&stand.sign_in).await;
        assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
        assert_eq!(stand.asked(), expected);
    }
}

#[tokio::test]
async fn an_account_with_a_new_owner_is_theirs_at_once_and_lost_to_the_old_one_after_ten_minutes() {
    let stand = Stand::new("uuid-overwritten").await;
    assert_eq!(stand.users.uuid_of(&stand.sign_in).await.unwrap(), stand.user.uuid);
    let new_owner = sign_in("subject-of-the-new-owner");
    let client = stand.database.client().await;
    let statement = "UPDATE public.users SET cognito_user_id = $2 WHERE uuid = $1";
    assert_eq!(client.execute(statement, &[&stand.user.uuid, &new_owner.subject.as_str()]).await.unwrap(), 1);
    drop(client);
    assert_eq!(stand.users.uuid_of(&new_owner).await.unwrap(), stand.user.uuid);
    pass(Duration::from_mins(10)).await;
    let result = stand.users.uuid_of(&stand.sign_in).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
}

#[tokio::test]
async fn an_older_uuid_serves_only_while_the_database_is_down() {
    let stand = Stand::new("uuid-stale").await;
    assert_eq!(stand.users.uuid_of(&stand.sign_in).await.unwrap(), stand.user.uuid);
    stand.delete().await;
    stand.relay.go_down();
    pass(Duration::from_hours(24)).await;
    assert_eq!(stand.users.uuid_of(&stand.sign_in).await.unwrap(), stand.user.uuid);
    stand.relay.come_back();
    let result = stand.users.uuid_of(&stand.sign_in).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
    stand.relay.go_down();
    let result = stand.users.uuid_of(&stand.sign_in).await;
    assert!(matches!(result, Err(Error::Unavailable { .. })), "{result:?}");
}

#[tokio::test]
async fn a_look_up_that_finds_no_row_drops_the_uuid() {
    let stand = Stand::new("uuid-dropped").await;
    let handle: Handle = "nobody-at-all".parse().unwrap();
    let sign_in = &stand.sign_in;
    stand.users.uuid_of(sign_in).await.unwrap();
    stand.delete().await;
    assert_eq!(stand.users.uuid_of(sign_in).await.unwrap(), stand.user.uuid);
    let result = stand.users.sender_and_receiver(sign_in, &handle).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
    let result = stand.users.uuid_of(sign_in).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
}

/// A row of a list, with the names stored in it.
#[derive(Clone, Debug, PartialEq)]
struct Row(User);

impl ShowsUser for Row {
    fn user_uuid(&self) -> Uuid {
        self.0.uuid
    }

    fn set_names(&mut self, user: &User) {
        self.0 = user.clone();
    }
}

impl Stand {
    /// A row of this test's user.
    fn row(&self) -> Row {
        Row(self.named("Name in the Row"))
    }

    /// Waits until the rows show the `expected` names. The embedded database may be slower than a list waits.
    async fn eventually_shows(&self, rows: &[Row], expected: &[Row]) {
        let shown = time::timeout(Duration::from_secs(30), async {
            loop {
                let mut shown = rows.to_vec();
                self.users.refresh_names(&mut shown).await;
                if shown == expected {
                    return;
                }
                time::sleep(Duration::from_millis(10)).await;
            }
        });
        shown.await.unwrap();
    }
}

#[tokio::test]
async fn a_list_shows_the_names_of_now_and_asks_once_a_minute_for_all_of_them() {
    let stand = Stand::new("names-now").await;
    let gone = Row(User { uuid: Uuid::new_v4(), handle: "gone".to_owned(), display_name: "Gone".to_owned() });
    let rows = [stand.row(), gone.clone(), stand.row()];
    let with = |name: &str| [Row(stand.named(name)), gone.clone(), Row(stand.named(name))];
    stand.eventually_shows(&rows, &with("Original Name")).await;
    assert_eq!(stand.asked(), 1);
    stand.rename("Another Name").await;
    pass(Duration::from_secs(50)).await;
    stand.eventually_shows(&rows, &with("Original Name")).await;
    assert_eq!(stand.asked(), 1, "a user without a row is remembered, too");
    pass(Duration::from_secs(10)).await;
    stand.eventually_shows(&rows, &with("Another Name")).await;
    assert_eq!(stand.asked(), 2);
}

#[tokio::test]
async fn a_list_without_rows_asks_for_no_names() {
    let stand = Stand::new("unused-names").await;
    stand.users.refresh_names::<Row>(&mut []).await;
    assert_eq!(stand.asked(), 0);
}

#[tokio::test]
async fn a_list_waits_300_ms_for_names_and_then_skips_the_look_up_for_ten_seconds() {
    let stand = Stand::new("names-silent").await;
    stand.relay.fall_silent();
    let mut rows = [stand.row()];
    time::pause();
    let start = time::Instant::now();
    stand.users.refresh_names(&mut rows).await;
    let first = start.elapsed();
    stand.users.refresh_names(&mut rows).await;
    time::advance(Duration::from_secs(9)).await;
    stand.users.refresh_names(&mut rows).await;
    let all = start.elapsed();
    time::resume();
    assert_eq!(rows, [stand.row()]);
    assert!((300..310).contains(&first.as_millis()), "{first:?}");
    let waited_before = first + Duration::from_secs(9);
    assert!(
        all < waited_before + Duration::from_millis(10),
        "within ten seconds nothing is waited for: {all:?}"
    );
    stand.relay.come_back();
    pass(Duration::from_secs(2)).await;
    stand.eventually_shows(&rows, &[Row(stand.user.clone())]).await;
}

#[tokio::test]
async fn a_list_keeps_stored_names_that_cannot_be_refreshed() {
    let stand = Stand::new("names-down").await;
    stand.relay.go_down();
    let mut rows = [stand.row()];
    stand.users.refresh_names(&mut rows).await;
    let asked = stand.relay.accepted();
    stand.users.refresh_names(&mut rows).await;
    assert_eq!((rows.clone(), stand.relay.accepted()), ([stand.row()], asked));
    stand.relay.come_back();
    pass(Duration::from_secs(10)).await;
    stand.eventually_shows(&rows, &[Row(stand.user.clone())]).await;
}

#[tokio::test]
async fn both_lists_show_current_names_and_stored_names_for_deleted_users() {
    let mut world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    let paths = [format!("/api/messages/{group_uuid}"), "/api/message_groups".to_owned()];
    let bobs = |handle: &str, name: &str| (json!(bob.user.uuid), json!(handle), json!(name));
    let change = async |statement: &str| {
        let changed = world.parts.postgres.query(statement, &[(&bob.user.uuid, Type::UUID)]).await.unwrap();
        assert_eq!(changed.len(), 1);
    };
    change("UPDATE users SET handle = handle || '-2', display_name = 'Robert' WHERE uuid = $1 RETURNING 1")
        .await;
    let renamed = bobs(&format!("{}-2", bob.user.handle), "Robert");
    let shown = async |world: &World, path: &str| {
        let row = world.get(&alice, path).await.ok()[0].take();
        (row["user_uuid"].clone(), row["handle"].clone(), row["display_name"].clone())
    };
    for path in &paths {
        // Names that take too long to look up appear in a later response.
        let refreshed = async {
            while shown(&world, path).await != renamed {
                time::sleep(Duration::from_millis(10)).await;
            }
        };
        time::timeout(Duration::from_secs(30), refreshed).await.unwrap();
    }
    change("DELETE FROM users WHERE uuid = $1 RETURNING 1").await;
    let as_sent = bobs(&bob.user.handle, &bob.user.display_name);
    world.redeploy(|_| ());
    for path in &paths {
        assert_eq!(shown(&world, path).await, as_sent, "{path}");
    }
}

#[tokio::test]
async fn a_subject_without_a_user_is_asked_for_each_time() {
    let stand = Stand::new("uuid-none").await;
    let unknown = sign_in("nobody");
    for expected in 1..=3 {
        let result = stand.users.uuid_of(&unknown).await;
        assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
        assert_eq!(stand.asked(), expected);
    }
    let result = stand.users.sender(&unknown).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
}

#[tokio::test]
async fn names_are_used_for_a_minute() {
    let stand = Stand::new("names-minute").await;
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.user);
    stand.rename("Another Name").await;
    pass(Duration::from_secs(50)).await;
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.user);
    assert_eq!(stand.asked(), 1);
    pass(Duration::from_secs(10)).await;
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.named("Another Name"));
    assert_eq!(stand.asked(), 2);
}

#[tokio::test]
async fn old_names_serve_while_the_database_is_down() {
    let stand = Stand::new("names-stale").await;
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.user);
    stand.rename("Another Name").await;
    stand.relay.go_down();
    for _ in 0..2 {
        pass(Duration::from_hours(1)).await;
        assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.user);
    }
    stand.relay.come_back();
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.named("Another Name"));
}

#[tokio::test]
async fn a_known_uuid_is_no_name() {
    let stand = Stand::new("names-unknown").await;
    stand.users.uuid_of(&stand.sign_in).await.unwrap();
    stand.relay.go_down();
    let result = stand.users.sender(&stand.sign_in).await;
    let unavailable = matches!(result, Err(Error::Unavailable { what: Dependency::Postgres, .. }));
    assert!(unavailable, "{result:?}");
}

#[tokio::test]
async fn a_receiver_is_never_cached() {
    let stand = Stand::new("receiver").await;
    let handle: Handle = "@Receiver".parse().unwrap();
    let to_oneself =
        |user: User| MessageUsers { sender: user.clone(), receiver: Some(Receiver::of_everyone(user)) };
    let users = stand.users.sender_and_receiver(&stand.sign_in, &handle).await.unwrap();
    assert_eq!(users, to_oneself(stand.user.clone()));
    assert_eq!(stand.asked(), 1);
    stand.rename("Another Name").await;
    let users = stand.users.sender_and_receiver(&stand.sign_in, &handle).await.unwrap();
    assert_eq!(users, to_oneself(stand.named("Another Name")));
    // The names read for that are also the sender's names.
    assert_eq!(stand.users.sender(&stand.sign_in).await.unwrap(), stand.named("Another Name"));
    assert_eq!(stand.asked(), 2, "each in one round trip");
    let unknown: Handle = "nobody-at-all".parse().unwrap();
    let users = stand.users.sender_and_receiver(&stand.sign_in, &unknown).await.unwrap();
    assert_eq!(users, MessageUsers { sender: stand.named("Another Name"), receiver: None });
    let users = stand.users.sender_and_receiver_by_uuid(&stand.sign_in, stand.user.uuid).await.unwrap();
    assert_eq!(users, to_oneself(stand.named("Another Name")));
    let users = stand.users.sender_and_receiver_by_uuid(&stand.sign_in, Uuid::nil()).await.unwrap();
    assert_eq!(users, MessageUsers { sender: stand.named("Another Name"), receiver: None });
    let stranger = sign_in("nobody");
    let result = stand.users.sender_and_receiver(&stranger, &handle).await;
    assert!(matches!(result, Err(Error::UserNotProvisioned)), "{result:?}");
}

/// The functions over a database that can go down, with a user of it.
#[tokio::test]
async fn without_the_database_known_users_read_and_write_and_others_get_503() {
    let mut world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let carol = world.user("carol").await;
    let stand = Stand::new("database-down").await;
    // Insert the world's users into the database that can go down.
    let client = stand.database.client().await;
    for user in [&alice, &bob, &carol] {
        let statement =
            "INSERT INTO public.users (uuid, handle, display_name, cognito_user_id) VALUES ($1, $2, $3, $4)";
        let User { uuid, handle, display_name } = &user.user;
        client.execute(statement, &[uuid, handle, display_name, &user.subject]).await.unwrap();
    }
    drop(client);
    world.redeploy(|parts| parts.postgres = Arc::new(stand.database.through(&stand.relay)));
    let messages = format!("/api/messages/{group_uuid}");
    let to_group = json!({"message_group_uuid": group_uuid, "message": "hello again"});
    world.send(&alice, &bob, "hello").await;
    world.get(&alice, "/api/message_groups").await.ok();
    world.get(&alice, &messages).await.ok();

    stand.relay.go_down();
    pass(Duration::from_mins(2)).await;
    assert_eq!(world.get(&alice, "/api/message_groups").await.status, StatusCode::OK);
    assert_eq!(world.get(&alice, &messages).await.status, StatusCode::OK);
    assert_eq!(world.post(&alice, &to_group).await.status, StatusCode::OK);
    let unavailable = "503\ncontent-type: application/json\nretry-after: 1\n[\"unavailable\"]";
    let to_handle = json!({"handle": bob.user.handle, "message": "hello"});
    let short = format!("/api/users/@{}/short", bob.user.handle);
    for (case, answer) in [
        ("a handle", world.post(&alice, &to_handle).await),
        ("a new sender", world.post(&carol, &to_group).await),
        ("a new reader of an inbox", world.get(&carol, "/api/message_groups").await),
        ("a new reader of a group", world.get(&carol, &messages).await),
        ("a handle's user", world.get(&alice, &short).await),
    ] {
        assert_eq!(format!("{answer:?}"), unavailable, "{case}");
    }
    stand.relay.come_back();
    assert_eq!(world.post(&alice, &to_handle).await.status, StatusCode::OK);
    assert_eq!(world.get(&alice, &short).await.status, StatusCode::OK);
}
