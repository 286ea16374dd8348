//! A table of the old system, and its migration.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use cli::{
    doctor::{Doctor, Finding, Kind, Ledger, Mode, Names},
    migrate::{Line, Migration, Summary},
};
use cruddur::{random::Random, table::RowKind, user::User};
use serde_json::{Value, json};
use testing::{
    World, invariants,
    old_system::{Expected, Key, OFFSET_OF_NAIVE_TIMES, OldSystem, ordered},
    world::TABLE,
};
use uuid::Uuid;

/// A table of the old system in a world of this one.
pub(super) struct OldTable {
    pub(super) world: World,
    pub(super) users: Vec<User>,
}

/// The report of a migration.
#[derive(Debug)]
pub(super) struct Reported {
    pub(super) lines: Vec<Line>,
    pub(super) summary: Summary,
}

impl OldTable {
    /// Creates users and an empty table.
    pub(super) async fn with_users(count: usize) -> Self {
        let world = World::new().await;
        let mut users = Vec::new();
        while users.len() < count {
            users.push(world.user("mover").await.user);
        }
        Self { world, users }
    }

    /// Creates a table filled by the old system.
    pub(super) async fn after(seed: u64, users: usize, messages: usize) -> (Self, OldSystem) {
        let old_table = Self::with_users(users).await;
        old_table.switch_the_stream_off();
        let old = OldSystem::with_messages(seed, &old_table.users, messages);
        old_table.put_all(old.rows());
        (old_table, old)
    }

    pub(super) fn put_all<'a>(&self, rows: impl IntoIterator<Item = &'a Value>) {
        for row in rows {
            let _ = self.world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
        }
    }

    /// For large tables: the embedded DynamoDB scans the whole stream with each write.
    fn switch_the_stream_off(&self) {
        let request = json!({"TableName": TABLE, "StreamSpecification": {"StreamEnabled": false}});
        let _ = self.world.emulator.call("UpdateTable", request);
    }

    pub(super) fn migration(&self) -> Migration {
        let random = Random::system();
        let names = Names::new(Arc::clone(&self.world.parts.postgres));
        Migration {
            assume_offset: Some(OFFSET_OF_NAIVE_TIMES),
            ..Migration::new(self.world.table(), names, self.world.clock.clock(), random)
        }
    }

    pub(super) async fn migrate(&self) -> Reported {
        let lines = Mutex::new(Vec::new());
        let sink = |line: &Line| {
            lines.lock().unwrap().push(line.clone());
            Ok(())
        };
        let summary = self.migration().run(false, &sink).await.unwrap();
        Reported { lines: lines.into_inner().unwrap(), summary }
    }

    pub(super) async fn dry_run(&self) -> Reported {
        let lines = Mutex::new(Vec::new());
        let sink = |line: &Line| {
            lines.lock().unwrap().push(line.clone());
            Ok(())
        };
        let migration = self.migration();
        let summary = migration.dry_run(&migration.plan().await.unwrap(), &sink).await.unwrap();
        Reported { lines: lines.into_inner().unwrap(), summary }
    }

    pub(super) fn rows(&self) -> BTreeMap<Key, Value> {
        self.world.emulator.rows(TABLE)
    }

    /// The doctor's findings without a grace period.
    pub(super) async fn findings(&self) -> Vec<(Kind, Key)> {
        let random = Random::system();
        let names = Names::new(Arc::clone(&self.world.parts.postgres));
        let doctor = Doctor {
            grace: TimeDelta::zero(),
            confirm_after: Duration::from_millis(1),
            ..Doctor::new(self.world.table(), Some(names), self.world.clock.clock(), random, Mode::Check)
        };
        let found = Mutex::new(Vec::new());
        let ledger = Ledger::new(|finding: &Finding, _| {
            let key = (finding.pk.clone(), finding.sk.clone().unwrap_or_default());
            found.lock().unwrap().push((finding.kind, key));
            Ok(())
        });
        doctor.run(&ledger, false).await.unwrap();
        drop(ledger);
        let mut found = found.into_inner().unwrap();
        found.sort();
        found
    }

    /// Asserts that the table is the migration of `old`.
    #[track_caller]
    pub(super) fn assert_migrated(&self, old: &OldSystem, what: &str) {
        let Expected { conversations, left, redirects } = old.expected();
        let rows = self.rows();
        let id = |pk: &str| pk.split_once('#').unwrap().1.to_owned();
        let is_old = |pk: &str, row: &Value| match RowKind::of_partition(pk) {
            Some(RowKind::Message) => !is_new(&id(pk)),
            Some(RowKind::Inbox) => !is_new(row["message_group_uuid"]["S"].as_str().unwrap()),
            _ => false,
        };
        let (stayed, new): (BTreeMap<_, _>, BTreeMap<_, _>) =
            rows.into_iter().partition(|((pk, _), row)| is_old(pk, row));
        assert_eq!(stayed.into_keys().collect::<BTreeSet<_>>(), left, "{what}");

        // The old system used UUIDs of version 4, and allowed messages of white space.
        let known = |found: &String| {
            found.starts_with("row: the message's uuid is not of version 7")
                || found.starts_with("row: the text is not a message")
        };
        let rows = new.values().cloned().collect::<Vec<_>>();
        let broken = invariants::check_at_rest(&rows).into_iter().filter(|found| !known(found));
        assert_eq!(broken.collect::<Vec<_>>(), Vec::<String>::new(), "{what}");

        let messages = invariants::messages(&rows);
        let migrated = conversations
            .iter()
            .map(|((a, b), messages)| (cruddur::message_group::uuid_of_pair(*a, *b), messages.clone()));
        let order =
            messages.iter().map(|(group, rows)| (*group, rows.iter().map(|row| row.message_uuid).collect()));
        assert_eq!(order.collect::<BTreeMap<_, Vec<_>>>(), migrated.collect(), "{what}");
        let messages = old.messages();
        let of_kind = |kind| new.iter().filter(move |((pk, _), _)| RowKind::of_partition(pk) == Some(kind));
        for (key, row) in of_kind(RowKind::Message) {
            let message_uuid: Uuid = row["message_uuid"]["S"].as_str().unwrap().parse().unwrap();
            let before = messages[&message_uuid];
            for name in ["message", "user_uuid", "user_display_name", "user_handle"] {
                assert_eq!(row[name], before[name], "{what}: {key:?}");
            }
            let time: DateTime<Utc> = key.1[..27].parse().unwrap();
            let later = time - old.sent_at(message_uuid);
            assert!(
                (TimeDelta::microseconds(-1)..TimeDelta::microseconds(50)).contains(&later),
                "{what}: {key:?} is {later} late"
            );
        }
        let redirect = |((pk, _), row): (&Key, &Value)| {
            let members = row["members"]["L"].as_array().unwrap();
            let member = |index: usize| members[index]["S"].as_str().unwrap().parse::<Uuid>().unwrap();
            (id(pk), ordered(member(0), member(1)))
        };
        let written = of_kind(RowKind::Redirect).map(redirect);
        assert_eq!(written.collect::<BTreeMap<_, _>>(), redirects, "{what}");
    }
}

pub(super) fn is_new(group: &str) -> bool {
    group.parse::<Uuid>().is_ok_and(|uuid| uuid.get_version_num() == 5)
}
