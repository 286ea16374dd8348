//! A table with groups, and its doctor.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Result;
use chrono::TimeDelta;
use cli::doctor::{Doctor, Finding, Kind, Ledger, Mode, Names, Status, Summary};
use cruddur::{
    member_state::MemberStates,
    message::{
        Messages,
        send::{NewMessage, Sent, Target},
    },
    message_group::uuid_of_pair,
    random::Random,
    table::{Key, RowKind},
    user::{Receiver, User},
};
use serde_json::{Value, json};
use testing::{
    World,
    damage::{Damage, Done, Injector},
    invariants,
    world::{TABLE, kind_of, stream_record},
};
use uuid::Uuid;

/// A table with groups whose messages are all delivered and older than the grace period.
pub(super) struct Clinic {
    pub(super) world: World,
    pub(super) users: Vec<User>,
    pub(super) without_names: bool,
}

#[derive(Debug)]
pub(super) struct Examination {
    pub(super) findings: Vec<(Finding, Status)>,
    pub(super) summary: Summary,
}

/// A finding: kind, partition key, sort key, status.
pub(super) type Brief = (Kind, String, Option<String>, Status);

impl Clinic {
    /// Creates groups of 1 to `messages` messages each.
    pub(super) async fn with_groups(groups: usize, messages: usize) -> Self {
        let world = World::new().await;
        let mut users = Vec::new();
        // Half of the pairs remain, for groups that should not exist.
        while users.len() < 4 || users.len() * users.len() / 4 < groups {
            users.push(world.user("patient").await.user);
        }
        let clinic = Self { world, users, without_names: false };
        let pairs = (0..clinic.users.len())
            .flat_map(|a| (0..a).map(move |b| (b, a)))
            .filter(|(a, b)| (a + b) % 2 == 1);
        for (number, (a, b)) in pairs.take(groups).enumerate() {
            for message in 0..=(number % messages.max(1)) {
                let (from, to) = if message % 2 == 0 { (a, b) } else { (b, a) };
                clinic.send(from, to, &format!("message {message} of {number}")).await;
            }
        }
        clinic.world.deliver_all().await;
        clinic.world.clock.advance(TimeDelta::minutes(5));
        assert_eq!(invariants::check_logged(&clinic.world.rows()), Vec::<String>::new());
        clinic
    }

    pub(super) fn doctor(&self, mode: Mode) -> Doctor {
        let random = Random::system();
        let names = Names::new(Arc::clone(&self.world.parts.postgres));
        let names = (!self.without_names).then_some(names);
        Doctor {
            confirm_after: Duration::from_millis(1),
            recheck_after: Duration::ZERO,
            ..Doctor::new(self.world.table(), names, self.world.clock.clock(), random, mode)
        }
    }

    pub(super) async fn examine(&self, mode: Mode) -> Examination {
        self.try_to_examine(&self.doctor(mode)).await.unwrap()
    }

    pub(super) async fn try_to_examine(&self, doctor: &Doctor) -> Result<Examination> {
        let findings = Mutex::new(Vec::new());
        let ledger = Ledger::new(|finding, status| {
            findings.lock().unwrap().push((finding.clone(), status));
            Ok(())
        });
        doctor.run(&ledger, false).await?;
        let summary = ledger.summary();
        drop(ledger);
        Ok(Examination { findings: findings.into_inner().unwrap(), summary })
    }

    pub(super) async fn send(&self, from: usize, to: usize, text: &str) -> Sent {
        self.send_from(&self.users[from], &self.users[to], text).await
    }

    pub(super) async fn send_from(&self, sender: &User, receiver: &User, text: &str) -> Sent {
        self.try_to_send(sender, receiver, text).await.unwrap()
    }

    pub(super) async fn try_to_send(
        &self,
        sender: &User,
        receiver: &User,
        text: &str,
    ) -> Result<Sent, cruddur::error::Error> {
        let target = Target::User {
            handle: Some(receiver.handle.parse().unwrap()),
            receiver: Receiver::of_everyone(receiver.clone()),
        };
        let (sender, text) = (sender.clone(), text.parse().unwrap());
        let new = NewMessage { sender, target, text, reply_to: None, idempotency_key: None };
        Ok(self.messages().send(new).await?.sent)
    }

    /// Delivers the changed messages and the member states, as they are now, to the stream handler.
    pub(super) async fn deliver_changes(&self) {
        let rows = self.world.rows().into_iter().filter(|row| match kind_of(row) {
            Some(RowKind::Message) => row["version"].is_object(),
            kind => kind == Some(RowKind::MemberState),
        });
        let records = rows.enumerate().map(|(number, row)| {
            let mut record = stream_record(&row, number + 1);
            record["eventName"] = json!("MODIFY");
            record
        });
        let event = json!({"Records": records.collect::<Vec<_>>()});
        assert_eq!(self.world.deliver(&event).await, json!({"batchItemFailures": []}));
    }

    pub(super) fn messages(&self) -> Messages {
        Messages::new(self.world.table(), self.world.clock.clock(), Random::system(), None)
    }

    pub(super) fn states(&self) -> MemberStates {
        MemberStates::new(self.world.table(), self.world.clock.clock(), Random::system())
    }

    pub(super) fn group(&self, a: usize, b: usize) -> Uuid {
        uuid_of_pair(self.users[a].uuid, self.users[b].uuid)
    }

    /// The keys of the inbox rows of a pair's group.
    pub(super) fn inbox_rows_of(&self, a: usize, b: usize) -> Vec<(String, String)> {
        let group = self.group(a, b).to_string();
        let rows = self.world.emulator.rows(TABLE);
        let rows = rows.into_iter().filter(|(_, row)| row["message_group_uuid"]["S"] == json!(group));
        rows.map(|(key, _)| key).collect()
    }

    pub(super) fn row(&self, pk: &str, sk: &str) -> Option<Value> {
        self.world.emulator.rows(TABLE).remove(&(pk.to_owned(), sk.to_owned()))
    }

    pub(super) fn row_at(&self, key: &Key) -> Option<Value> {
        self.row(&key.pk(), &key.sk())
    }

    pub(super) fn put(&self, row: &Value) {
        let _ = self.world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }

    pub(super) fn delete(&self, pk: &str, sk: &str) {
        let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
        let _ = self.world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    }

    pub(super) fn damage(&mut self, seed: u64, damage: Damage) -> Done {
        Injector::new(&self.world.emulator, seed).damage(damage)
    }

    pub(super) fn damage_randomly(&mut self, seed: u64, count: usize) -> Vec<Done> {
        let mut injector = Injector::new(&self.world.emulator, seed);
        (0..count).map(|_| injector.random_damage()).collect()
    }

    /// Asserts that all invariants hold, and that the messages are those in `before`.
    #[track_caller]
    pub(super) fn assert_repaired(&self, before: &[Value]) {
        let rows = self.world.rows();
        assert_eq!(invariants::check_logged(&rows), Vec::<String>::new());
        assert_eq!(invariants::messages(&rows), invariants::messages(before));
    }
}

impl Examination {
    /// The findings in order of keys.
    pub(super) fn brief(&self) -> Vec<Brief> {
        let mut brief = self
            .findings
            .iter()
            .map(|(finding, status)| (finding.kind, finding.pk.clone(), finding.sk.clone(), *status))
            .collect::<Vec<_>>();
        brief.sort_by(|a, b| (&a.1, &a.2, a.0).cmp(&(&b.1, &b.2, b.0)));
        brief
    }

    pub(super) fn groups(&self) -> BTreeSet<Uuid> {
        self.findings.iter().filter_map(|(finding, _)| finding.group).collect()
    }
}
