//! A model of read markers and of changed messages: `mark-read` in both directions, `change-message`, and the join of
//! all records into one member's inbox row. That member is the owner. Of the owner's writes, only messages affect the
//! other member's row, so one row is enough.
//!
//! At every step, the adversary decides:
//! - who opens the group, also in the old system, whose rows come over as read;
//! - who sends when. Concurrent sends may store their messages in another order than that of their keys;
//! - what the owner's devices mark, read or unread, and what happens between any two calls of these requests;
//! - which messages are edited or deleted by their senders, and when;
//! - which records are delivered next, in which batches, to how many concurrent invocations, and how often;
//! - which of the row's images the index shows: the stored one, or any earlier one;
//! - with [`Bounds::receipts`], which marks are withheld from the other member;
//! - while [`Bounds::faults`] lasts, one fault each: an invocation dies and its write is executed late; the answer to a
//!   write of the owner's state is lost.
//!
//! A single `UpdateItem` that is late or repeated equals that of another request. An invocation that dies without a
//! write equals a later delivery. The search for a moved row is one step: [`crate::moves`] is its model. A row's text
//! is not modeled: place and version determine it.

use std::fmt;

use crate::{
    checker::{Model, Steps},
    positions::Positions,
};

/// The bounds of the exploration. Messages, changes, marks and faults together are at most 8.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages.
    pub messages: u8,
    /// Edits and deletions.
    pub changes: u8,
    /// Requests of the owner's devices.
    pub marks: u8,
    /// Concurrent requests of the owner's devices.
    pub devices: usize,
    /// The other member may get a receipt for a mark. Otherwise all marks are withheld.
    pub receipts: bool,
    /// Concurrent invocations.
    pub invocations: usize,
    /// Records per batch.
    pub batch: u32,
    /// Total number of faults.
    pub faults: u8,
}

/// The algorithm: the design's, or the design's without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// The write's condition covers the row's existence, and no attribute.
    GuardWithoutAttributes,
    /// The write's condition covers the attributes that were read, and not that others are absent.
    GuardWithoutAbsentAttributes,
    /// An image of the newest message replaces the row's, whatever its version.
    WithoutMessageVersion,
    /// An image of the owner's state replaces the row's, whatever its version.
    WithoutStateVersion,
    /// The receiver's row of a new group has no marker, like the sender's.
    ReceiverOpensRead,
    /// A join leaves a row without a marker as it is. By design it first stores that the row is read.
    WithoutStoredMarker,
    /// Own messages do not count as reading.
    WithoutOwnMessages,
    /// All own messages count as reading, also those before the owner marked the group as unread.
    OwnMessagesBelowFloor,
    /// An image of the owner's state leaves the last own message as it is.
    StateKeepsOwnMessage,
    /// The floor goes when the row has reached it, also while a marker is stored.
    FloorGoesAtPosition,
    /// The floor goes with the marker, also while the row has not reached it.
    FloorGoesWithMarker,
    /// A new floor ignores the newest message.
    FloorWithoutNewest,
    /// The newest message for a new floor is read with eventual consistency.
    FloorWithoutConsistentRead,
    /// A new floor ignores the marker that it replaces.
    FloorWithoutOldMarker,
    /// A new floor ignores the floor that it replaces.
    FloorWithoutOldFloor,
    /// A marker after the newest message is stored as it is.
    WithoutClamp,
    /// Marking as read replaces a greater marker.
    ReadReplacesGreater,
    /// Marking as unread puts a state without a condition on the version that it read.
    WithoutStateCondition,
    /// Every member may change a message.
    AnyMemberChanges,
    /// A deleted message can be edited.
    EditsTombstones,
    /// A change keeps the message's version.
    ChangeKeepsVersion,
    /// A deletion removes the message's row.
    WithoutTombstone,
    /// The other member is told of every mark.
    ReceiptsOfAllMarks,
    /// The time of a mark decides whether the other member was told of it. Two marks may have the same time.
    ReceiptsByTime,
    /// A receipt replaces a greater or equal one.
    ReceiptsReplaceGreater,
}

#[derive(Clone, Copy, Debug)]
pub struct Joins {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// I17: at rest, the row is the join of all messages and the owner's state.
    Joined,
    /// I18: at rest, unread messages are counted exactly if there are any.
    Counted,
    /// I18: no marker stands after the newest message.
    NotBeyond,
    /// I18: marking as read makes no message unread.
    ReadKept,
    /// I18: marking as unread leaves the message unread, unless the owner writes meanwhile.
    MadeUnread,
    /// I19: only its sender changes a message.
    OnlySender,
    /// I19: a deleted message stays deleted.
    StaysDeleted,
    /// I19: once the deletion of a message was handled, the row does not show its text.
    TextGone,
    /// I20: the other member is told of no withheld mark.
    Withheld,
    /// I20: receipts only grow. Otherwise they show that the owner has marked the group as unread.
    ReceiptsGrow,
}

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The group's messages, in the order of their places. The first place is 1.
    messages: Vec<Message>,
    /// Messages that were deleted.
    deleted: Positions,
    /// The group was opened in the old system.
    is_migrated: bool,
    owner: MemberState,
    /// All records, and whether their delivery succeeded.
    stream: Vec<(Record, bool)>,
    row: Row,
    /// All images of the row so far.
    images: Vec<Row>,
    invocations: Vec<Invocation>,
    /// Writes whose senders have died.
    late: Vec<Replace>,
    requests: Vec<Request>,
    /// Requests of the owner's devices so far.
    marks: u8,
    /// Edits and deletions so far.
    changes: u8,
    faults: u8,
    /// The property that the last step has broken.
    broken: Option<Property>,
}

/// A message, or its image in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Message {
    at: u8,
    version: u8,
    is_own: bool,
    is_deleted: bool,
}

/// The owner's state in the group. Place 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct MemberState {
    version: u8,
    read: u8,
    floor: u8,
    /// The last place that the other member was told of.
    seen: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Record {
    Message(Message),
    State { version: u8, read: u8, floor: u8 },
}

/// An image of the inbox row. `own` and `floor` are 0 if they are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    at: u8,
    version: u8,
    is_deleted: bool,
    is_mine: bool,
    state_version: u8,
    read: Option<u8>,
    own: u8,
    floor: u8,
}

/// An invocation with a batch of this group's records. Its next call replaces `image` by the join.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Invocation {
    batch: Vec<Record>,
    image: Row,
}

/// A conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Replace {
    image: Row,
    joined: Row,
}

/// A request of one of the owner's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Request {
    /// The next call marks all messages up to a place as read.
    Read { up_to: u8, is_told: bool },
    /// Marks a message and all later ones as unread, after three reads: the message before it, the newest message and
    /// the state. The first two may be in any order.
    Unread {
        from: u8,
        before: Option<u8>,
        newest: Option<u8>,
        seen: Option<MemberState>,
        /// The owner has sent a message since the request began.
        is_overtaken: bool,
    },
}

impl Row {
    /// The greatest place up to which the owner has read.
    fn marker(self) -> u8 {
        match (self.read, self.own) {
            (None, 0) => self.at,
            (read, own) => own.max(read.unwrap_or_default()),
        }
    }

    /// The attributes besides the key. `None` if they are absent.
    fn attributes(self) -> [Option<u8>; 7] {
        let present = |value: u8, default: u8| (value != default).then_some(value);
        [
            present(self.version, 1),
            present(self.is_deleted.into(), 0),
            present(self.is_mine.into(), 0),
            present(self.state_version, 0),
            self.read,
            present(self.own, 0),
            present(self.floor, 0),
        ]
    }
}

impl State {
    /// The place of the newest message.
    fn newest(&self) -> u8 {
        self.messages.last().map_or(0, |message| message.at)
    }

    /// The marker by its definition: the place up to which the owner has marked messages as read, or the owner's last
    /// message after the floor.
    fn marker(&self) -> u8 {
        let counts = |message: &&Message| message.is_own || self.is_migrated && message.at == 1;
        let own = self.messages.iter().filter(counts).map(|message| message.at);
        own.filter(|own| *own > self.owner.floor).max().unwrap_or_default().max(self.owner.read)
    }

    /// The number of messages after `marker` that are unread to the owner.
    fn unread_after(&self, marker: u8) -> usize {
        let is_unread = |message: &&Message| message.at > marker && !message.is_own && !message.is_deleted;
        self.messages.iter().filter(is_unread).count()
    }

    fn is_at_rest(&self) -> bool {
        self.invocations.is_empty() && self.stream.iter().all(|(_, is_delivered)| *is_delivered)
    }

    fn with_record(mut self, record: Record) -> Self {
        self.stream.push((record, false));
        self.stream.sort_unstable();
        self
    }

    fn with_row(mut self, row: Row) -> Self {
        self.row = row;
        if let Err(place) = self.images.binary_search(&row) {
            self.images.insert(place, row);
        }
        self
    }

    fn with_delivered(mut self, batch: &[Record]) -> Self {
        for (record, is_delivered) in &mut self.stream {
            *is_delivered |= batch.contains(record);
        }
        self
    }

    fn with_invocation(mut self, invocation: Invocation) -> Self {
        self.invocations.push(invocation);
        self.invocations.sort_unstable();
        self
    }

    fn with_request(mut self, request: Request) -> Self {
        self.requests.push(request);
        self.requests.sort_unstable();
        self
    }

    fn without_request(&self, number: usize) -> Self {
        let mut state = self.clone();
        state.requests.remove(number);
        state
    }

    /// This state with a new state of the owner.
    fn with_owner(mut self, owner: MemberState) -> Self {
        self.owner = owner;
        let MemberState { version, read, floor, .. } = owner;
        self.with_record(Record::State { version, read, floor })
    }

    /// This state with one fault fewer left. Returns `None` if none is left.
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }
}

impl Joins {
    fn is(&self, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm
    }

    fn join(&self, mut row: Row, batch: &[Record]) -> Row {
        for record in batch {
            match *record {
                Record::Message(message) => self.join_message(&mut row, message),
                Record::State { version, read, floor } => self.join_state(&mut row, version, read, floor),
            }
        }
        row
    }

    fn join_message(&self, row: &mut Row, message: Message) {
        self.store_marker(row);
        let Message { at, version, is_own, is_deleted } = message;
        let is_newer = (at, version) > (row.at, row.version);
        if is_newer || at == row.at && self.is(Algorithm::WithoutMessageVersion) {
            *row = Row { at, version, is_deleted, is_mine: is_own, ..*row };
        }
        let is_reading = at > row.floor || self.is(Algorithm::OwnMessagesBelowFloor);
        if is_own && is_reading && !self.is(Algorithm::WithoutOwnMessages) {
            row.own = row.own.max(at);
        }
        self.shorten(row);
    }

    fn join_state(&self, row: &mut Row, version: u8, read: u8, floor: u8) {
        if version <= row.state_version && !self.is(Algorithm::WithoutStateVersion) {
            return;
        }
        self.store_marker(row);
        *row = Row { state_version: version, read: Some(read), floor, ..*row };
        if row.own <= floor && !self.is(Algorithm::StateKeepsOwnMessage) {
            row.own = 0;
        }
        self.shorten(row);
    }

    /// Stores the marker of a row that is read up to its position.
    fn store_marker(&self, row: &mut Row) {
        if (row.read, row.own) == (None, 0) && !self.is(Algorithm::WithoutStoredMarker) {
            (row.read, row.own) = (Some(0), row.at);
        }
    }

    /// Leaves out what the other attributes tell.
    fn shorten(&self, row: &mut Row) {
        if row.own <= row.read.unwrap_or_default() {
            row.own = 0;
        }
        if row.marker() == row.at {
            (row.read, row.own) = (None, 0);
        }
        let is_stored = row.read.is_some() || row.own > 0;
        let is_kept = match self.algorithm {
            Algorithm::FloorGoesAtPosition => row.floor > row.at,
            Algorithm::FloorGoesWithMarker => is_stored,
            _ => is_stored || row.floor > row.at,
        };
        if !is_kept {
            row.floor = 0;
        }
    }

    /// Returns `true` if the condition of a write over `image` holds for the stored row.
    fn is_guard_met(&self, image: Row, row: Row) -> bool {
        let mut attributes = image.attributes().into_iter().zip(row.attributes());
        image.at == row.at
            && match self.algorithm {
                Algorithm::GuardWithoutAttributes => true,
                Algorithm::GuardWithoutAbsentAttributes => {
                    attributes.all(|(read, stored)| read.is_none() || read == stored)
                }
                _ => image == row,
            }
    }

    /// Adds the openings of the group.
    fn open(&self, state: &State, steps: &mut Steps<State>) {
        let openings = [
            (true, false, "the owner opens the group"),
            (false, false, "the other member opens the group"),
            (false, true, "the other member has opened the group in the old system"),
        ];
        for (is_own, is_migrated, what) in openings {
            let message = Message { at: 1, version: 1, is_own, is_deleted: false };
            let is_read = is_own || is_migrated || self.is(Algorithm::ReceiverOpensRead);
            let row = Row { is_mine: is_own, read: (!is_read).then_some(0), ..FIRST };
            let mut next = state.clone().with_record(Record::Message(message)).with_row(row);
            next.messages.push(message);
            next.is_migrated = is_migrated;
            steps.add(next, format_args!("{what} with message 1"));
        }
    }

    /// Adds the sends of messages.
    fn send(&self, state: &State, steps: &mut Steps<State>) {
        for at in 2..=self.bounds.messages {
            let Err(place) = state.messages.binary_search_by_key(&at, |message| message.at) else {
                continue;
            };
            if self.is(Algorithm::WithoutTombstone) && state.deleted.contains(at) {
                continue;
            }
            for is_own in [true, false] {
                let message = Message { at, version: 1, is_own, is_deleted: false };
                let mut next = state.clone().with_record(Record::Message(message));
                next.messages.insert(place, message);
                for request in &mut next.requests {
                    if let Request::Unread { is_overtaken, .. } = request {
                        *is_overtaken |= is_own;
                    }
                }
                let who = if is_own { "the owner" } else { "the other member" };
                steps.add(next, format_args!("{who} sends message {at}"));
            }
        }
    }

    /// Adds the edits and deletions of messages.
    fn change(&self, state: &State, steps: &mut Steps<State>) {
        if state.changes == self.bounds.changes {
            return;
        }
        let all = [(true, false), (true, true), (false, false), (false, true)];
        let is_possible = |(is_sender, _): &(bool, bool)| *is_sender || self.is(Algorithm::AnyMemberChanges);
        for (place, message) in state.messages.iter().enumerate() {
            for (is_sender, is_deleted) in all.into_iter().filter(is_possible) {
                if message.is_deleted && (is_deleted || !self.is(Algorithm::EditsTombstones)) {
                    continue;
                }
                let mut next = State { changes: state.changes + 1, ..state.clone() };
                let keeps_version = self.is(Algorithm::ChangeKeepsVersion);
                let version = message.version + u8::from(!keeps_version);
                let changed = Message { version, is_deleted, ..*message };
                if !is_sender {
                    next.broken = Some(Property::OnlySender);
                }
                if is_deleted {
                    next.deleted = next.deleted.with(message.at);
                }
                if is_deleted && self.is(Algorithm::WithoutTombstone) {
                    next.messages.remove(place);
                } else if changed != *message {
                    next.messages[place] = changed;
                    next = next.with_record(Record::Message(changed));
                }
                let what = if is_deleted { "deleted" } else { "edited" };
                let who = if is_sender { "its sender" } else { "the receiver" };
                steps.add(next, format_args!("message {} is {what} by {who}", message.at));
            }
        }
    }

    /// Adds the beginnings of requests.
    fn begin(&self, state: &State, steps: &mut Steps<State>) {
        if state.marks == self.bounds.marks || state.requests.len() == self.bounds.devices {
            return;
        }
        let begun = State { marks: state.marks + 1, ..state.clone() };
        for up_to in 1..=self.bounds.messages {
            let clamped = if self.is(Algorithm::WithoutClamp) { up_to } else { up_to.min(state.newest()) };
            for is_told in [false, true].into_iter().filter(|is_told| self.bounds.receipts || !is_told) {
                let next = begun.clone().with_request(Request::Read { up_to: clamped, is_told });
                let how = if is_told { "" } else { ", which is withheld" };
                let newest = state.newest();
                let what =
                    format_args!("a device marks up to {up_to} as read{how}, and finds {newest} newest");
                steps.add(next, what);
            }
        }
        for Message { at: from, .. } in &state.messages {
            let next = begun.clone().with_request(Request::Unread {
                from: *from,
                before: None,
                newest: None,
                seen: None,
                is_overtaken: false,
            });
            steps.add(next, format_args!("a device marks {from} as unread"));
        }
    }

    /// Adds every step of one request.
    fn request(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        match state.requests[number] {
            Request::Read { up_to, is_told } => {
                let next = state.without_request(number);
                if up_to <= state.owner.read && !self.is(Algorithm::ReadReplacesGreater) {
                    steps.add(next, format_args!("the marker is at {up_to} or beyond"));
                } else {
                    self.mark_read(next, up_to, is_told, steps);
                }
            }
            Request::Unread { from, before, newest, seen: None, is_overtaken } => {
                let who = format_args!("the device that marks {from} as unread");
                let with = |before, newest, seen| {
                    let request = Request::Unread { from, before, newest, seen, is_overtaken };
                    state.without_request(number).with_request(request)
                };
                if before.is_none() {
                    let earlier = state.messages.iter().rev().find(|message| message.at < from);
                    let earlier = earlier.map_or(0, |message| message.at);
                    steps.add(
                        with(Some(earlier), newest, None),
                        format_args!("{who} finds {earlier} before it"),
                    );
                }
                if newest.is_none() {
                    let is_shown = |message: &&Message| {
                        message.at == state.newest() || self.is(Algorithm::FloorWithoutConsistentRead)
                    };
                    for Message { at, .. } in state.messages.iter().filter(is_shown) {
                        steps.add(with(before, Some(*at), None), format_args!("{who} finds {at} newest"));
                    }
                }
                if let (Some(before), Some(newest)) = (before, newest) {
                    let seen = state.owner;
                    let what = format_args!("{who} reads {seen}");
                    if seen.version > 0 && (seen.read, seen.floor) == (before, self.floor(newest, seen)) {
                        let next = marked_unread(state.without_request(number), from, is_overtaken);
                        steps.add(next, format_args!("{what}: done"));
                    } else {
                        steps.add(with(Some(before), Some(newest), Some(seen)), what);
                    }
                }
            }
            Request::Unread { from, before, newest, seen: Some(seen), is_overtaken } => {
                let next = state.without_request(number);
                let again = Request::Unread { from, before, newest, seen: None, is_overtaken };
                if seen.version != state.owner.version && !self.is(Algorithm::WithoutStateCondition) {
                    let what = format_args!("the device that marks {from} as unread is refused");
                    steps.add(next.with_request(again), what);
                    return;
                }
                let (before, newest) = (before.unwrap_or_default(), newest.unwrap_or_default());
                let floor = self.floor(newest, seen);
                let owner = MemberState { version: seen.version + 1, read: before, floor, ..seen };
                let next = marked_unread(next.with_owner(owner), from, is_overtaken);
                let what = format_args!("the device that marks {from} as unread stores {owner}");
                if let Some(lost) = next.with_fault() {
                    steps.add(lost.with_request(again), format_args!("{what}; the answer is lost"));
                }
                steps.add(next, what);
            }
        }
    }

    /// The floor of a state that replaces `seen`.
    fn floor(&self, newest: u8, seen: MemberState) -> u8 {
        match self.algorithm {
            Algorithm::FloorWithoutNewest => seen.read.max(seen.floor),
            Algorithm::FloorWithoutOldMarker => newest.max(seen.floor),
            Algorithm::FloorWithoutOldFloor => newest.max(seen.read),
            _ => newest.max(seen.read).max(seen.floor),
        }
    }

    /// Adds the step that stores a marker.
    fn mark_read(&self, state: State, up_to: u8, is_told: bool, steps: &mut Steps<State>) {
        let old = state.owner;
        let is_told_of = is_told || self.is(Algorithm::ReceiptsOfAllMarks);
        let is_receipt = is_told_of && (up_to > old.seen || self.is(Algorithm::ReceiptsReplaceGreater));
        let seen = if is_receipt { up_to } else { old.seen };
        let owner = MemberState { version: old.version + 1, read: up_to, seen, ..old };
        let mut next = state.with_owner(owner);
        if up_to < old.read {
            next.broken = Some(Property::ReadKept);
        }
        if is_receipt && up_to <= old.seen {
            next.broken = Some(Property::ReceiptsGrow);
        }
        if is_receipt && !is_told {
            next.broken = Some(Property::Withheld);
        }
        let receipt = if is_receipt { ", and the other member is told" } else { "" };
        let what = format_args!("the marker {up_to} is stored as {owner}{receipt}");
        // The last receipt has the time of this mark.
        if self.is(Algorithm::ReceiptsByTime) && old.seen > 0 && !is_told {
            let next = State { broken: Some(Property::Withheld), ..next.clone() };
            steps.add(next, format_args!("{what}, at the time of the last receipt"));
        }
        steps.add(next, what);
    }

    /// Adds the deliveries of batches.
    fn deliver(&self, state: &State, steps: &mut Steps<State>) {
        let count = u8::try_from(state.stream.len()).unwrap_or(u8::MAX);
        for places in Positions::first(count).subsets() {
            if places.is_empty() || places.len() > self.bounds.batch {
                continue;
            }
            let batch = places.iter().map(|place| state.stream[usize::from(place)].0).collect::<Vec<_>>();
            for image in &state.images {
                let what = format_args!("{} is delivered, the index shows {image}", Batch(&batch));
                if self.join(*image, &batch) == *image {
                    let next = state.clone().with_delivered(&batch);
                    if next != *state {
                        steps.add(next, format_args!("{what}: done"));
                    }
                } else if state.invocations.len() < self.bounds.invocations {
                    let invocation = Invocation { batch: batch.clone(), image: *image };
                    steps.add(state.clone().with_invocation(invocation), what);
                }
            }
        }
    }

    /// Adds every step of one invocation.
    fn invocation(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let Invocation { batch, image } = &state.invocations[number];
        let joined = self.join(*image, batch);
        let mut gone = state.clone();
        gone.invocations.remove(number);
        let who = format_args!("the invocation for {}", Batch(batch));
        if self.is_guard_met(*image, state.row) {
            let next = gone.clone().with_row(joined).with_delivered(batch);
            steps.add(next, format_args!("{who} writes {joined}"));
        } else {
            let row = state.row;
            let what = format_args!("{who} is refused, and finds {row}");
            if self.join(row, batch) == row {
                steps.add(gone.clone().with_delivered(batch), what);
            } else {
                let invocation = Invocation { batch: batch.clone(), image: row };
                steps.add(gone.clone().with_invocation(invocation), what);
            }
        }
        if let Some(faults) = state.faults.checked_sub(1) {
            let mut next = State { faults, ..gone };
            next.late.push(Replace { image: *image, joined });
            next.late.sort_unstable();
            steps.add(next, format_args!("{who} dies, its write of {joined} is still on its way"));
        }
    }

    /// Adds the late writes.
    fn late(&self, state: &State, steps: &mut Steps<State>) {
        for (number, Replace { image, joined }) in state.late.iter().enumerate() {
            let mut gone = state.clone();
            gone.late.remove(number);
            if self.is_guard_met(*image, state.row) {
                steps.add(gone.with_row(*joined), format_args!("the late write of {joined} is executed"));
            } else {
                steps.add(gone, format_args!("the late write of {joined} is refused"));
            }
        }
    }
}

/// The state after the messages from `from` on were marked as unread.
fn marked_unread(mut state: State, from: u8, is_overtaken: bool) -> State {
    if state.marker() >= from && !is_overtaken {
        state.broken = Some(Property::MadeUnread);
    }
    state
}

/// The row of a group that its owner has opened, or that comes over from the old system.
const FIRST: Row = Row {
    at: 1,
    version: 1,
    is_deleted: false,
    is_mine: false,
    state_version: 0,
    read: None,
    own: 0,
    floor: 0,
};

impl Model for Joins {
    type State = State;
    type Property = Property;

    fn initial(&self) -> State {
        State {
            messages: Vec::new(),
            deleted: Positions::NONE,
            is_migrated: false,
            owner: MemberState::default(),
            stream: Vec::new(),
            row: FIRST,
            images: Vec::new(),
            invocations: Vec::new(),
            late: Vec::new(),
            requests: Vec::new(),
            marks: 0,
            changes: 0,
            faults: self.bounds.faults,
            broken: None,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        if state.images.is_empty() {
            self.open(state, steps);
            return;
        }
        self.send(state, steps);
        self.change(state, steps);
        self.begin(state, steps);
        for number in 0..state.requests.len() {
            self.request(state, number, steps);
        }
        self.deliver(state, steps);
        for number in 0..state.invocations.len() {
            self.invocation(state, number, steps);
        }
        self.late(state, steps);
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let State { row, owner, .. } = state;
        let is_at_rest = state.is_at_rest();
        let is_joined = state.messages.last().is_none_or(|newest| {
            let Message { at, version, is_own, is_deleted } = *newest;
            let expected = (at, version, is_own, is_deleted, owner.version, state.marker());
            (row.at, row.version, row.is_mine, row.is_deleted, row.state_version, row.marker()) == expected
        });
        let counted = if row.marker() < row.at { state.unread_after(row.marker()) } else { 0 };
        let has_text = |message: &Message| state.deleted.contains(message.at) && !message.is_deleted;
        let is_due = |(record, is_delivered): &(Record, bool)| match record {
            Record::Message(message) => !is_delivered && message.is_deleted && message.at == row.at,
            Record::State { .. } => false,
        };
        let shows_deleted = state.deleted.contains(row.at) && !row.is_deleted;
        let properties = [
            (Property::Joined, !is_at_rest || is_joined),
            (Property::Counted, !is_at_rest || (counted == 0) == (state.unread_after(state.marker()) == 0)),
            (
                Property::NotBeyond,
                state.messages.is_empty() || owner.read.max(row.marker()) <= state.newest(),
            ),
            (Property::StaysDeleted, !state.messages.iter().any(has_text)),
            (Property::TextGone, !shows_deleted || state.stream.iter().any(is_due)),
        ];
        let broken = properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property);
        state.broken.into_iter().chain(broken)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.is_at_rest()
    }
}

/// Records for the description of a step.
struct Batch<'a>(&'a [Record]);

impl fmt::Display for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, record) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { " and " })?;
            match record {
                Record::Message(Message { at, version, .. }) => write!(f, "message {at}.{version}")?,
                Record::State { version, .. } => write!(f, "state {version}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, read, floor, .. } = self;
        write!(f, "state {version} (read {read}, floor {floor})")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, version, state_version, read, own, floor, .. } = self;
        write!(f, "the row at {at}.{version} (state {state_version}")?;
        if let Some(read) = read {
            write!(f, ", read {read}")?;
        }
        if *own > 0 {
            write!(f, ", own {own}")?;
        }
        if *floor > 0 {
            write!(f, ", floor {floor}")?;
        }
        f.write_str(")")
    }
}
