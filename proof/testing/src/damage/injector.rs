//! Inflicts damage on a table.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{FixedOffset, TimeDelta};
use cruddur::{
    event_log::LogNumber, message_group::uuid_of_pair, sort_key::SortKey, table::Key, timestamp::Timestamp,
};
use fastrand::Rng;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Damage, Done};
use crate::{Emulator, invariants, world::TABLE};

/// Damages a table that was valid when the injector was created. Damages no row twice.
#[derive(Debug)]
pub struct Injector {
    emulator: Emulator,
    rng: Rng,
    groups: Vec<Group>,
    users: Vec<Uuid>,
    /// Keys of the rows of event logs, by owner.
    logs: BTreeMap<Uuid, Vec<Key>>,
    /// Keys of damaged rows, before and after the damage.
    damaged: HashSet<(String, String)>,
}

#[derive(Clone, Debug)]
struct Group {
    uuid: Uuid,
    members: [Uuid; 2],
    messages: Vec<SortKey>,
}

impl Injector {
    /// Creates an injector for the valid table in `emulator`. Equal seeds inflict equal damage.
    #[must_use]
    pub fn new(emulator: &Emulator, seed: u64) -> Self {
        let rows = emulator.rows(TABLE);
        let all = rows.values().cloned().collect::<Vec<_>>();
        let mut groups = Vec::new();
        for (uuid, messages) in invariants::messages(&all) {
            let key = Key::Membership(uuid);
            let members = rows[&(key.pk(), key.sk())]["members"]["M"].as_object().unwrap();
            let members = members.keys().map(|member| member.parse::<Uuid>().unwrap());
            let members = members.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
            let members = members.try_into().unwrap();
            groups.push(Group { uuid, members, messages: messages.iter().map(|row| row.sk).collect() });
        }
        // Users are created in sequence, so their order is the same in every run. The order of groups is not.
        groups.sort_by_key(|group| group.members);
        let users = groups.iter().flat_map(|group| group.members).collect::<BTreeSet<_>>();
        let mut logs = BTreeMap::<Uuid, Vec<Key>>::new();
        for (pk, sk) in rows.keys() {
            if let Some(key @ Key::EventLog { user_uuid, number }) = Key::parse(pk, sk)
                && number > LogNumber::START
            {
                logs.entry(user_uuid).or_default().push(key);
            }
        }
        Self {
            emulator: emulator.clone(),
            rng: Rng::with_seed(seed),
            groups,
            users: users.into_iter().collect(),
            logs,
            damaged: HashSet::new(),
        }
    }

    /// Inflicts this damage at a random place.
    pub fn damage(&mut self, damage: Damage) -> Done {
        (0..200).find_map(|_| self.try_damage(damage)).unwrap()
    }

    /// Inflicts random damage.
    pub fn random_damage(&mut self) -> Done {
        let try_any = |_| {
            let damage = Damage::ALL[self.rng.usize(..Damage::ALL.len())].0;
            self.try_damage(damage)
        };
        (0..10_000).find_map(try_any).unwrap()
    }

    /// Returns `None` if the random place does not allow the damage.
    fn try_damage(&mut self, damage: Damage) -> Option<Done> {
        let group = self.rng.choice(&self.groups)?.clone();
        let newest = *group.messages.last()?;
        let older = *self.rng.choice(&group.messages)?;
        let third = self.third_user(&group)?;
        let inbox = Key::Inbox { user_uuid: *self.rng.choice(&group.members)?, sk: newest };
        let membership = Key::Membership(group.uuid);
        let message = Key::Message { group_uuid: group.uuid, sk: older };
        let elsewhere = SortKey { message_uuid: Uuid::from_u128(self.rng.u64(..).into()), ..older };
        let ahead = Timestamp::new(newest.created_at.to_utc() + TimeDelta::hours(1));
        let ahead = SortKey { created_at: ahead, ..elsewhere };
        let member = group.members[0].to_string();
        let (time, uuid) = (older.created_at.to_string(), older.message_uuid.to_string());
        let mut damaged = group.uuid;
        match damage {
            Damage::RowMissing => self.remove(&inbox),
            Damage::SecondRow | Damage::RowBehind if older != newest => {
                // Earlier damage may have moved the message.
                let shown = self.row(&message).map_or_else(|| text("old"), |row| row["message"].clone());
                self.edit(damage, &inbox, |row| {
                    row["sk"] = text(older.to_string());
                    row["message"] = shown;
                })
            }
            Damage::RowBetween => self.edit(damage, &inbox, |row| row["sk"] = text(elsewhere.to_string())),
            Damage::SecondRowAhead | Damage::RowAhead => {
                self.edit(damage, &inbox, |row| row["sk"] = text(ahead.to_string()))
            }
            Damage::Text => self.edit(damage, &inbox, |row| row["message"] = text("another text")),
            Damage::Other => self.edit(damage, &inbox, |row| row["user_uuid"] = text(third.to_string())),
            Damage::RowNames => self.edit(damage, &inbox, |row| row["user_handle"] = text("other")),
            Damage::RowKey => {
                self.edit(damage, &inbox, |row| row["sk"] = text(format!("{}Z", newest.created_at)))
            }
            Damage::RowAttribute => self.edit(damage, &inbox, |row| remove(row, "message")),
            Damage::Stranger => {
                let inbox = Key::Inbox { user_uuid: third, sk: newest };
                self.add_inbox_row(&inbox, group.uuid, group.members[0])
            }
            Damage::MembershipMissing => self.remove(&membership),
            Damage::MembershipMembers => self.edit(damage, &membership, |row| {
                let members = &mut row["members"]["M"];
                members[third.to_string()] = members[&member].clone();
                remove(members, &member);
            }),
            Damage::MembershipGroup => {
                self.edit(damage, &membership, |row| row["group_uuid"] = text(third.to_string()))
            }
            Damage::MembershipAttribute => self.edit(damage, &membership, |row| remove(row, "members")),
            Damage::MembershipBeginning if group.messages.len() > 1 => {
                self.edit(damage, &membership, |row| row["created_sk"] = text(newest.to_string()))
            }
            Damage::MembershipNames => self.edit(damage, &membership, |row| {
                row["members"]["M"][&member]["M"]["display_name"] = text("Other");
            }),
            Damage::EmptyGroup | Damage::OrphanRow => {
                damaged = uuid_of_pair(group.members[0], third);
                let first = SortKey { message_uuid: elsewhere.message_uuid, ..group.messages[0] };
                self.add_empty_group(damage, [group.members[0], third], first)
            }
            Damage::MessageCapitals => {
                let sk = format!("{time}#{}", uuid.to_uppercase());
                self.edit(damage, &message, |row| row["sk"] = text(sk))
            }
            Damage::MessageDigits | Damage::MessageCopied => {
                let sk = format!("{}000Z#{uuid}", time.strip_suffix('Z')?);
                self.edit(damage, &message, |row| row["sk"] = text(sk))
            }
            Damage::MessageOffset => {
                let time = older.created_at.to_utc().with_timezone(&FixedOffset::east_opt(7_200)?);
                let sk = format!("{}#{uuid}", time.format("%Y-%m-%dT%H:%M:%S%.6f%:z"));
                self.edit(damage, &message, |row| row["sk"] = text(sk))
            }
            Damage::MessageNoUuid => self.edit(damage, &message, |row| row["sk"] = text(format!("{time}#"))),
            Damage::Stray => {
                let key = if self.rng.bool() { message } else { membership };
                self.edit(damage, &key, |row| row["message_group_uuid"] = text(group.uuid.to_string()))
            }
            Damage::EventMissing => {
                let member = *self.rng.choice(&group.members)?;
                let is_of_group = |change: &Value| change["M"]["group_uuid"] == text(group.uuid.to_string());
                let key =
                    self.log_row(member, |changes| changes.len() > 1 && changes.iter().any(is_of_group))?;
                self.edit_log(damage, &key, |changes| {
                    let place = changes.iter().position(is_of_group).unwrap();
                    changes.remove(place);
                })
            }
            Damage::EventOfOutsider => {
                let key = self.log_row(third, |_| true)?;
                self.edit_log(damage, &key, |changes| changes.push(event(group.uuid, older)))
            }
            Damage::EventWithoutMessage => {
                let member = *self.rng.choice(&group.members)?;
                let key = self.log_row(member, |_| true)?;
                self.edit_log(damage, &key, |changes| changes.push(event(group.uuid, elsewhere)))
            }
            // These need an older message.
            Damage::SecondRow | Damage::RowBehind | Damage::MembershipBeginning => None,
        }?;
        Some(Done { damage, group: damaged })
    }

    fn add_empty_group(&mut self, damage: Damage, pair: [Uuid; 2], sk: SortKey) -> Option<()> {
        let uuid = uuid_of_pair(pair[0], pair[1]);
        let key = Key::Membership(uuid);
        if self.groups.iter().any(|group| group.uuid == uuid) || !self.mark(&key.pk(), &key.sk()) {
            return None;
        }
        if damage == Damage::EmptyGroup {
            let names = json!({"M": {"handle": {"S": "h"}, "display_name": {"S": "N"}}});
            self.put(&json!({
                "pk": text(key.pk()),
                "sk": text(key.sk()),
                "group_uuid": text(uuid.to_string()),
                "created_sk": text(sk.to_string()),
                "members": {"M": {pair[0].to_string(): names, pair[1].to_string(): names}},
            }));
        }
        self.add_inbox_row(&Key::Inbox { user_uuid: pair[0], sk }, uuid, pair[1])
    }

    fn add_inbox_row(&mut self, key: &Key, group: Uuid, other: Uuid) -> Option<()> {
        if !self.mark(&key.pk(), &key.sk()) {
            return None;
        }
        self.put(&json!({
            "pk": text(key.pk()),
            "sk": text(key.sk()),
            "message_group_uuid": text(group.to_string()),
            "message": text("no message"),
            "user_uuid": text(other.to_string()),
            "user_display_name": text("Name"),
            "user_handle": text("handle"),
        }));
        Some(())
    }

    /// Changes a row. Returns `None` if the row is already damaged.
    fn edit(&mut self, damage: Damage, key: &Key, change: impl FnOnce(&mut Value)) -> Option<()> {
        let mut row = self.row(key)?;
        if matches!(damage, Damage::SecondRow | Damage::SecondRowAhead | Damage::MessageCopied) {
            self.mark(&key.pk(), &key.sk()).then_some(())?;
        } else {
            self.remove(key)?;
        }
        change(&mut row);
        self.mark(&key.pk(), row["sk"]["S"].as_str()?);
        self.put(&row);
        Some(())
    }

    /// The newest row of a log that is not damaged and whose changes fit.
    fn log_row(&self, owner: Uuid, fits: impl Fn(&[Value]) -> bool) -> Option<Key> {
        let is_whole = |key: &&Key| !self.damaged.contains(&(key.pk(), key.sk()));
        let mut keys = self.logs.get(&owner)?.iter().rev().filter(is_whole);
        let fits =
            |key: &&Key| self.row(key).is_some_and(|row| fits(row["changes"]["L"].as_array().unwrap()));
        keys.find(fits).cloned()
    }

    fn edit_log(&mut self, damage: Damage, key: &Key, change: impl FnOnce(&mut Vec<Value>)) -> Option<()> {
        self.edit(damage, key, |row| change(row["changes"]["L"].as_array_mut().unwrap()))
    }

    /// Deletes a row. Returns `None` if the row is missing or already damaged.
    fn remove(&mut self, key: &Key) -> Option<()> {
        self.row(key)?;
        self.mark(&key.pk(), &key.sk()).then_some(())?;
        let key = json!({"pk": text(key.pk()), "sk": text(key.sk())});
        let _ = self.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
        Some(())
    }

    /// Marks a row as damaged. Returns `false` if it already is.
    fn mark(&mut self, pk: &str, sk: &str) -> bool {
        self.damaged.insert((pk.to_owned(), sk.to_owned()))
    }

    fn row(&self, key: &Key) -> Option<Value> {
        let key = json!({"pk": text(key.pk()), "sk": text(key.sk())});
        let answer = self.emulator.call("GetItem", json!({"TableName": TABLE, "Key": key}));
        answer.get("Item").filter(|row| row.is_object()).cloned()
    }

    fn put(&self, row: &Value) {
        let _ = self.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }

    fn third_user(&mut self, group: &Group) -> Option<Uuid> {
        let others = self.users.iter().filter(|user| !group.members.contains(user)).collect::<Vec<_>>();
        self.rng.choice(others).copied()
    }
}

/// A string attribute.
fn text(value: impl Into<String>) -> Value {
    json!({"S": value.into()})
}

/// A change in an event log.
fn event(group: Uuid, sk: SortKey) -> Value {
    json!({"M": {
        "kind": text("message"),
        "group_uuid": text(group.to_string()),
        "message_sk": text(sk.to_string()),
    }})
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name).unwrap();
}
