//! Inflicts damage on a table.

use std::collections::HashSet;

use chrono::{DateTime, FixedOffset, TimeDelta};
use cruddur::{message_group::uuid_of_pair, sort_key::SortKey, timestamp::Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Damage, Done};
use crate::{Emulator, invariants, world::TABLE};

/// Damages a table that was valid when the vandal was created. Damages no row twice.
#[derive(Debug)]
pub struct Vandal {
    emulator: Emulator,
    /// `SplitMix64`
    state: u64,
    groups: Vec<Group>,
    users: Vec<Uuid>,
    touched: HashSet<(String, String)>,
}

#[derive(Clone, Debug)]
struct Group {
    uuid: Uuid,
    members: [Uuid; 2],
    messages: Vec<SortKey>,
}

impl Vandal {
    /// Creates a vandal for the valid table in `emulator`. Equal seeds do equal damage.
    #[must_use]
    pub fn new(emulator: &Emulator, seed: u64) -> Self {
        let rows = emulator.rows(TABLE);
        let all = rows.values().cloned().collect::<Vec<_>>();
        let mut groups = Vec::new();
        for (uuid, messages) in invariants::messages(&all) {
            let membership = &rows[&(format!("MEM#{uuid}"), "MEM".to_owned())];
            let members = membership["members"]["M"].as_object().unwrap();
            let mut members = members.keys().map(|member| member.parse().unwrap());
            let mut members: [Uuid; 2] = [members.next().unwrap(), members.next().unwrap()];
            members.sort();
            groups.push(Group { uuid, members, messages: messages.iter().map(|row| row.sk).collect() });
        }
        // Users are created in sequence, so their order is the same in every run. The order of groups is not.
        groups.sort_by_key(|group| group.members);
        let users = groups.iter().flat_map(|group| group.members).collect::<HashSet<_>>();
        let mut users = users.into_iter().collect::<Vec<_>>();
        users.sort();
        Self { emulator: emulator.clone(), state: seed, groups, users, touched: HashSet::new() }
    }

    /// Does this damage to a random place.
    pub fn damage(&mut self, damage: Damage) -> Done {
        self.find_a_place(damage).unwrap()
    }

    /// Does random damage.
    pub fn any_damage(&mut self) -> Done {
        (0..100)
            .find_map(|_| {
                let damage = Damage::ALL[self.below(Damage::ALL.len())];
                self.find_a_place(damage)
            })
            .unwrap()
    }

    fn find_a_place(&mut self, damage: Damage) -> Option<Done> {
        (0..200).find_map(|_| {
            let at = self.below(self.groups.len());
            let group = self.groups[at].clone();
            let (pk, sk, group) = self.try_damage(damage, &group)?;
            Some(Done { damage, group, pk, sk })
        })
    }

    fn try_damage(&mut self, damage: Damage, group: &Group) -> Option<(String, Option<String>, Uuid)> {
        let broken = match damage {
            Damage::RowMissing
            | Damage::SecondRow
            | Damage::SecondRowAhead
            | Damage::RowBehind
            | Damage::RowBetween
            | Damage::RowAhead
            | Damage::Text
            | Damage::Other
            | Damage::RowNames
            | Damage::RowKey
            | Damage::RowAttribute => self.break_row(damage, group)?,
            Damage::Stranger => self.add_strangers_row(group)?,
            Damage::MembershipMissing
            | Damage::MembershipMembers
            | Damage::MembershipGroup
            | Damage::MembershipAttribute
            | Damage::MembershipBeginning
            | Damage::MembershipNames => self.break_membership(damage, group)?,
            Damage::EmptyGroup | Damage::OrphanRow => return self.add_empty_group(damage, group),
            Damage::MessageCapitals
            | Damage::MessageDigits
            | Damage::MessageOffset
            | Damage::MessageNoUuid
            | Damage::MessageCopied => self.break_message_key(damage, group)?,
            Damage::Stray => self.add_to_index(group)?,
        };
        Some((broken.0, broken.1, group.uuid))
    }

    fn break_row(&mut self, damage: Damage, group: &Group) -> Option<(String, Option<String>)> {
        let member = self.below(2);
        let pk = format!("GRP#{}", group.members[member]);
        let newest = *group.messages.last()?;
        let old = self.take(&pk, &newest.to_string())?;
        let mut new = old.clone();
        let older = group.messages[self.below(group.messages.len())];
        let nowhere = SortKey { message_uuid: Uuid::from_u128(u128::from(self.next())), ..older };
        let beyond = Timestamp::new(newest.created_at.to_utc() + TimeDelta::hours(1));
        let beyond = SortKey { created_at: beyond, ..nowhere };
        let third = self.somebody_else(group);
        match damage {
            Damage::SecondRow | Damage::RowBehind if older == newest => {
                self.touched.remove(&(pk, newest.to_string()));
                return None;
            }
            Damage::SecondRow | Damage::RowBehind => {
                let message = self.row(&format!("MSG#{}", group.uuid), &older.to_string());
                new["sk"] = json!({"S": older.to_string()});
                // An earlier damage may have moved the message.
                new["message"] = message.map_or_else(|| json!({"S": "old"}), |row| row["message"].clone());
            }
            Damage::RowBetween => new["sk"] = json!({"S": nowhere.to_string()}),
            Damage::RowAhead | Damage::SecondRowAhead => new["sk"] = json!({"S": beyond.to_string()}),
            Damage::Text => new["message"] = json!({"S": "not what was written"}),
            Damage::Other => new["user_uuid"] = json!({"S": third.to_string()}),
            Damage::RowNames => new["user_handle"] = json!({"S": "somebody"}),
            Damage::RowKey => new["sk"] = json!({"S": format!("{}Z", newest.created_at)}),
            Damage::RowAttribute => drop(new.as_object_mut()?.remove("message")),
            _ => {
                self.delete(&old);
                return Some((pk, None));
            }
        }
        if new["sk"] != old["sk"] && !matches!(damage, Damage::SecondRow | Damage::SecondRowAhead) {
            self.delete(&old);
        }
        let sk = new["sk"]["S"].as_str()?.to_owned();
        self.touched.insert((pk.clone(), sk.clone()));
        self.put(&new);
        Some((pk, Some(sk)))
    }

    fn add_strangers_row(&mut self, group: &Group) -> Option<(String, Option<String>)> {
        let stranger = self.somebody_else(group);
        let (pk, sk) = (format!("GRP#{stranger}"), group.messages.last()?.to_string());
        if !self.touched.insert((pk.clone(), sk.clone())) {
            return None;
        }
        self.put(&inbox_row(&pk, &sk, group.uuid, group.members[0]));
        Some((pk, Some(sk)))
    }

    fn break_membership(&mut self, damage: Damage, group: &Group) -> Option<(String, Option<String>)> {
        if damage == Damage::MembershipBeginning && group.messages.len() < 2 {
            return None;
        }
        let pk = format!("MEM#{}", group.uuid);
        let old = self.take(&pk, "MEM")?;
        let mut new = old.clone();
        let third = self.somebody_else(group);
        match damage {
            Damage::MembershipMembers => {
                let members = new["members"]["M"].as_object_mut()?;
                let names = members.remove(&group.members[0].to_string())?;
                members.insert(third.to_string(), names);
            }
            Damage::MembershipGroup => new["group_uuid"] = json!({"S": third.to_string()}),
            Damage::MembershipAttribute => drop(new.as_object_mut()?.remove("members")),
            Damage::MembershipBeginning => {
                new["created_sk"] = json!({"S": group.messages.last()?.to_string()});
            }
            Damage::MembershipNames => {
                new["members"]["M"][group.members[1].to_string()]["M"]["display_name"] =
                    json!({"S": "Nobody"});
            }
            _ => {
                self.delete(&old);
                return Some((pk, Some("MEM".to_owned())));
            }
        }
        self.put(&new);
        Some((pk, Some("MEM".to_owned())))
    }

    fn add_empty_group(&mut self, damage: Damage, group: &Group) -> Option<(String, Option<String>, Uuid)> {
        let (a, b) = (group.members[0], self.somebody_else(group));
        let empty = uuid_of_pair(a, b);
        let (pk, sk) = (format!("MEM#{empty}"), group.messages[0].to_string());
        let is_there = self.groups.iter().any(|group| group.uuid == empty);
        let inbox = format!("GRP#{a}");
        let at = format!("{}#{}", group.messages[0].created_at, Uuid::from_u128(u128::from(self.next())));
        if is_there || !self.touched.insert((pk.clone(), "MEM".to_owned())) {
            return None;
        }
        self.put(&inbox_row(&inbox, &at, empty, b));
        if damage == Damage::OrphanRow {
            return Some((inbox, Some(at), empty));
        }
        let names = json!({"M": {"handle": {"S": "h"}, "display_name": {"S": "N"}}});
        self.put(&json!({
            "pk": {"S": pk},
            "sk": {"S": "MEM"},
            "group_uuid": {"S": empty.to_string()},
            "created_sk": {"S": sk},
            "members": {"M": {a.to_string(): names, b.to_string(): names}},
        }));
        Some((pk, Some("MEM".to_owned()), empty))
    }

    fn break_message_key(&mut self, damage: Damage, group: &Group) -> Option<(String, Option<String>)> {
        let message = group.messages[self.below(group.messages.len())];
        let pk = format!("MSG#{}", group.uuid);
        let old = self.take(&pk, &message.to_string())?;
        let (time, uuid) = (message.created_at.to_string(), message.message_uuid.to_string());
        let zone = FixedOffset::east_opt(3_600 * 2)?;
        let elsewhere: DateTime<FixedOffset> = message.created_at.to_utc().with_timezone(&zone);
        let sk = match damage {
            Damage::MessageCapitals => format!("{time}#{}", uuid.to_uppercase()),
            Damage::MessageOffset => format!("{}#{uuid}", elsewhere.format("%Y-%m-%dT%H:%M:%S%.6f%:z")),
            Damage::MessageNoUuid => format!("{time}#"),
            _ => format!("{}000Z#{uuid}", time.strip_suffix('Z')?),
        };
        let mut new = old.clone();
        new["sk"] = json!({"S": sk});
        if damage != Damage::MessageCopied {
            self.delete(&old);
        }
        self.put(&new);
        Some((pk, Some(sk)))
    }

    fn add_to_index(&mut self, group: &Group) -> Option<(String, Option<String>)> {
        let message = group.messages[self.below(group.messages.len())].to_string();
        let keys =
            [(format!("MSG#{}", group.uuid), message), (format!("MEM#{}", group.uuid), "MEM".to_owned())];
        let (pk, sk) = keys[self.below(2)].clone();
        let mut row = self.take(&pk, &sk)?;
        row["message_group_uuid"] = json!({"S": group.uuid.to_string()});
        self.put(&row);
        Some((pk, Some(sk)))
    }

    /// Marks and returns the row. `None` if it is already damaged.
    fn take(&mut self, pk: &str, sk: &str) -> Option<Value> {
        let row = self.row(pk, sk)?;
        self.touched.insert((pk.to_owned(), sk.to_owned())).then_some(row)
    }

    fn row(&self, pk: &str, sk: &str) -> Option<Value> {
        let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
        let answer = self.emulator.call("GetItem", json!({"TableName": TABLE, "Key": key}));
        answer.get("Item").filter(|row| row.is_object()).cloned()
    }

    fn put(&self, row: &Value) {
        let _ = self.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }

    fn delete(&self, row: &Value) {
        let key = json!({"pk": row["pk"], "sk": row["sk"]});
        let _ = self.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    }

    fn somebody_else(&mut self, group: &Group) -> Uuid {
        loop {
            let at = self.below(self.users.len());
            let user = self.users[at];
            if !group.members.contains(&user) {
                return user;
            }
        }
    }

    /// A random number below `end`, uniform enough for tests.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.state;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

fn inbox_row(pk: &str, sk: &str, group: Uuid, other: Uuid) -> Value {
    json!({
        "pk": {"S": pk},
        "sk": {"S": sk},
        "message_group_uuid": {"S": group.to_string()},
        "message": {"S": "from nowhere"},
        "user_uuid": {"S": other.to_string()},
        "user_display_name": {"S": "Name"},
        "user_handle": {"S": "handle"},
    })
}
