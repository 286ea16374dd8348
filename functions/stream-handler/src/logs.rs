//! The event logs of a batch: which changes each user's log still needs.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use cruddur::{
    error::Chain,
    projection::{events::Tail, inbox::MovedRow},
    push::{Frame, GroupContent},
    stream::GroupRecords,
    table::{EventLogRow, LoggedChange, Membership},
};
use uuid::Uuid;

/// A group whose changes are in the inbox rows.
#[derive(Debug)]
pub(crate) struct MovedGroup {
    /// The members.
    pub(crate) membership: Membership,
    /// The members' inbox rows.
    pub(crate) rows: Vec<MovedRow>,
    /// The newest rows of the members' logs, read during the move.
    pub(crate) tails: Vec<(Uuid, Option<Tail>)>,
}

/// An append to a user's log.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) user_uuid: Uuid,
    /// The places of the groups with these changes.
    pub(crate) places: Vec<usize>,
    pub(crate) changes: Vec<LoggedChange>,
    pub(crate) tail: Option<Tail>,
}

/// The logs of all members. Each log has one append at a time: groups that are moved meanwhile share the next one, and
/// no append takes another's number.
#[derive(Debug)]
pub(crate) struct Logs<'a> {
    groups: &'a [GroupRecords],
    /// The places of the moved groups, with the members and their inbox rows.
    moved: HashMap<Uuid, (usize, Membership, Vec<MovedRow>)>,
    users: BTreeMap<Uuid, UserLog>,
}

#[derive(Debug, Default)]
struct UserLog {
    tail: Option<Tail>,
    /// The places of moved groups that are not logged yet.
    waiting: Vec<usize>,
    is_appending: bool,
}

impl<'a> Logs<'a> {
    pub(crate) fn new(groups: &'a [GroupRecords]) -> Self {
        Self { groups, moved: HashMap::new(), users: BTreeMap::new() }
    }

    /// Adds a moved group's changes to the logs of its members.
    pub(crate) fn add(&mut self, place: usize, MovedGroup { membership, rows, tails }: MovedGroup) {
        for (member, tail) in tails {
            let user = self.users.entry(member).or_default();
            user.waiting.push(place);
            user.tail = match (user.tail.take(), tail) {
                (Some(known), Some(read)) => Some(known.newer(read)),
                (known, read) => known.or(read),
            };
        }
        if let Some(group) = self.groups.get(place) {
            self.moved.insert(group.changes.group_uuid, (place, membership, rows));
        }
    }

    /// Takes the appends that can begin.
    pub(crate) fn take_ready(&mut self) -> Vec<Append> {
        let ready = self.users.iter_mut().filter(|(_, user)| !user.is_appending && !user.waiting.is_empty());
        let (groups, moved) = (self.groups, &self.moved);
        let appends = ready.map(|(user_uuid, user)| {
            user.is_appending = true;
            let places = std::mem::take(&mut user.waiting);
            let changes = places.iter().filter_map(|place| groups.get(*place));
            let changes = changes.filter_map(|group| {
                let (_, membership, _) = moved.get(&group.changes.group_uuid)?;
                let is_request = membership.request_of(*user_uuid).is_some();
                Some(group.changes.logged_for(*user_uuid, is_request))
            });
            let changes = changes.flatten().collect();
            Append { user_uuid: *user_uuid, places, changes, tail: user.tail.take() }
        });
        appends.collect()
    }

    /// Ends a user's append, which left `tail` as the newest rows.
    pub(crate) fn set_appended(&mut self, user_uuid: Uuid, tail: Option<Tail>) {
        let user = self.users.entry(user_uuid).or_default();
        user.is_appending = false;
        // A tail that was read during the append may be outdated.
        user.tail = tail;
    }

    /// The frames of a user's new log rows.
    pub(crate) fn frames(&self, user_uuid: Uuid, rows: &[EventLogRow], now: DateTime<Utc>) -> Vec<Frame> {
        let content = |group_uuid| {
            let (place, _, rows) = self.moved.get(&group_uuid)?;
            let row = rows.iter().find(|row| row.member == user_uuid);
            Some(GroupContent { changes: &self.groups.get(*place)?.changes, row })
        };
        let frames = rows.iter().filter_map(|row| {
            Frame::new(row, content, now)
                .inspect_err(
                    |error| tracing::error!(%user_uuid, cause = %Chain(error), "could not write a frame"),
                )
                .ok()
        });
        frames.collect()
    }
}
