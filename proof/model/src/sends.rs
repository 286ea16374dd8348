//! A model of `create-message` for one group. Plan: read the membership and the newest message. Write all
//! rows at once, on condition that none exists. If the write is rejected, judge by the existing rows.
//!
//! At every step, the adversary decides:
//! - who sends when. A client may repeat a request with a key, even one that is answered or in progress;
//! - what each function's clock shows at each read;
//! - the order of a plan's two reads, and what happens between any two calls;
//! - with [`Commits::PieceByPiece`], when each row of a transaction becomes visible;
//! - while [`Bounds::faults`] lasts, one fault each: a response of DynamoDB is lost; a write is executed
//!   late, after its sender stopped waiting (or never); an invocation dies, possibly with its write in
//!   progress.
//!
//! A write without a response is sent again by the function. A conflict only causes the same write to be sent
//! again, so it has no step of its own. A timeout is the death of the invocation. Request hashes are not
//! modeled: a key is only used for one request.

use std::fmt;

use crate::{
    Commits,
    checker::{Model, Steps},
};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The messages, sent in any order and at any time.
    pub sends: &'static [Send],
    /// Requests per send with a key. A repeated request without a key is a separate send.
    pub requests: u8,
    /// The latest time of the clocks, which start at 0.
    pub clock: u8,
    /// Total number of faults.
    pub faults: u8,
    /// Visibility of transactions to reads.
    pub commits: Commits,
}

/// A message that a member of the pair wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    pub sender: char,
    pub has_key: bool,
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The other user, whose group may not exist yet.
    Handle,
    /// The group. Sent to only once it is visible.
    Group,
}

/// The algorithm: the deployed one, or the deployed one without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// A key has no row.
    WithoutIdempotencyRow,
    /// Each attempt creates a new uuid and sort key.
    WithNewUuidOnRetry,
    /// A write without a response counts as not executed.
    LostAnswerTakenForFailure,
    /// A message's sort key is only its time.
    WithoutUuidInKey,
    /// The membership row is written without a condition.
    WithoutMembershipLock,
    /// The message's time is the clock's, even if not later than the newest message. By design it is at least
    /// one microsecond later.
    WithoutSuccessor,
    /// An existing membership row is checked before the message's own row.
    MembershipJudgedFirst,
    /// An existing membership row counts as another message's, even if this message wrote it.
    OwnMembershipTakenForAnother,
    /// The first row that shows the message stored or being stored determines the answer.
    WithoutWaitingForAllRows,
}

#[derive(Clone, Copy, Debug)]
pub struct Sends {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I5: an acknowledged message is in the table.
    Kept,
    /// I5: a message is readable for its sender once it is acknowledged.
    Readable,
    /// I5: a rejected request stores nothing.
    RefusedIsNotStored,
    /// No request is rejected: all of them are valid.
    NotRefused,
    /// I6: one message per key, and one per request without a key.
    Once,
    /// I6: all answers to a key are equal.
    EqualAnswers,
    /// I7: no write overwrites a row.
    NothingOverwritten,
    /// I8: a message sorts before every message whose request began after its answer. Messages of the same
    /// microsecond sort by uuid.
    Ordered,
    /// I9: a group is opened once.
    OpenedOnce,
}

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The table's rows, in key order.
    rows: Vec<Row>,
    sends: Vec<Progress>,
    invocations: Vec<Invocation>,
    /// Writes whose senders no longer wait.
    late: Vec<Write>,
    overwritten: bool,
    faults: u8,
}

/// The progress of a send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Progress {
    requests: u8,
    /// The time of the newest message answered before the first request.
    begun_after: Option<u8>,
    answer: Option<Write>,
    has_unequal_answers: bool,
    /// The number of the rejected request.
    refused: Option<u8>,
}

/// A row and the write that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    key: Key,
    write: Write,
    /// Whether reads see the row. A committed row that is not yet visible is locked.
    is_seen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Idempotency {
        send: usize,
    },
    Message {
        at: u8,
        uuid: Option<Uuid>,
    },
    Membership,
    /// Both members' rows, which are always written together.
    Inboxes {
        at: u8,
        uuid: Uuid,
    },
}

/// The request and plan for which a message was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Uuid {
    send: usize,
    request: u8,
    plan: u8,
}

/// An intended write, identical on every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Write {
    uuid: Uuid,
    at: u8,
    opens_group: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Invocation {
    send: usize,
    request: u8,
    plan: u8,
    next: Call,
}

/// The calls of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Call {
    /// A plan's two reads, with the responses so far.
    Read { has_membership: Option<bool>, newest: Option<Newest> },
    /// The write or a retry of it.
    Write(Write),
    /// The response to a transaction that is being committed.
    Await(Write),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Newest(Option<u8>);

impl fmt::Display for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "the newest message at {at}"),
            None => f.write_str("no message"),
        }
    }
}

impl Call {
    const PLAN: Self = Self::Read { has_membership: None, newest: None };
}

/// The meaning of a rejected write.
enum Judgment {
    Stored(Write),
    GroupExists,
    AnotherMessage,
    /// Undecided: the relevant rows are locked.
    Nothing,
}

impl State {
    fn row(&self, key: Key) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }

    fn messages(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.key, Key::Message { .. }))
    }

    fn message(&self, uuid: Uuid) -> Option<&Row> {
        self.messages().find(|row| row.write.uuid == uuid)
    }

    fn are_all_seen(&self, write: Write) -> bool {
        self.rows.iter().all(|row| row.is_seen || row.write != write)
    }

    /// The time of the newest acknowledged message.
    fn newest_answered(&self) -> Option<u8> {
        self.sends.iter().filter_map(|send| Some(send.answer?.at)).max()
    }

    /// This state with one fault fewer left. Returns `None` if none is left.
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    fn with_late(mut self, write: Write) -> Self {
        self.late.push(write);
        self.late.sort_unstable();
        self
    }

    fn without(mut self, invocation: &Invocation) -> Self {
        self.invocations.retain(|other| other != invocation);
        self
    }

    fn with(mut self, invocation: Invocation) -> Self {
        self.invocations.push(invocation);
        self.invocations.sort_unstable();
        self
    }

    fn with_next(self, invocation: &Invocation, next: Call) -> Self {
        self.without(invocation).with(Invocation { next, ..invocation.clone() })
    }

    fn planned_anew(self, invocation: &Invocation) -> Self {
        let plan = invocation.plan + 1;
        self.without(invocation).with(Invocation { plan, next: Call::PLAN, ..invocation.clone() })
    }

    fn answered(self, invocation: &Invocation, write: Write) -> Self {
        let mut state = self.without(invocation);
        let send = &mut state.sends[invocation.send];
        send.has_unequal_answers |= send.answer.is_some_and(|answer| answer != write);
        send.answer = Some(write);
        state
    }

    fn refused(self, invocation: &Invocation) -> Self {
        let mut state = self.without(invocation);
        state.sends[invocation.send].refused = Some(invocation.request);
        state
    }
}

impl Sends {
    /// The keys of a write's rows, in the order of its actions.
    fn keys(&self, write: Write) -> Vec<Key> {
        let Write { uuid, at, opens_group } = write;
        let has_key = self.bounds.sends[uuid.send].has_key;
        let mut keys = Vec::with_capacity(4);
        if has_key && self.algorithm != Algorithm::WithoutIdempotencyRow {
            keys.push(Key::Idempotency { send: uuid.send });
        }
        let has_uuid = self.algorithm != Algorithm::WithoutUuidInKey;
        keys.push(Key::Message { at, uuid: has_uuid.then_some(uuid) });
        if opens_group {
            keys.extend([Key::Membership, Key::Inboxes { at, uuid }]);
        }
        keys
    }

    /// The state after a write. Returns `None` if its conditions fail.
    fn executed(&self, mut state: State, write: Write) -> Option<State> {
        let keys = self.keys(write);
        let is_seen = keys.len() == 1 || self.bounds.commits == Commits::AtOnce;
        for key in keys {
            if state.row(key).is_some() {
                let has_condition =
                    key != Key::Membership || self.algorithm != Algorithm::WithoutMembershipLock;
                if has_condition {
                    return None;
                }
                state.rows.retain(|row| row.key != key);
                state.overwritten = true;
            }
            state.rows.push(Row { key, write, is_seen });
        }
        state.rows.sort_unstable();
        Some(state)
    }

    fn judge(&self, state: &State, write: Write) -> Judgment {
        // Locked rows are not visible.
        let shown = |key| state.row(key).filter(|row| row.is_seen);
        let keys = self.keys(write);
        let existing = |wanted: fn(&Key) -> bool| keys.iter().copied().filter(wanted).find_map(shown);
        let idempotency = existing(|key| matches!(key, Key::Idempotency { .. }));
        let message = existing(|key| matches!(key, Key::Message { .. }));
        let membership = existing(|key| *key == Key::Membership);
        let waits = self.algorithm != Algorithm::WithoutWaitingForAllRows;
        let group_is_seen = !write.opens_group || membership.is_some();
        match (idempotency, message, membership) {
            (_, _, Some(_)) if self.algorithm == Algorithm::MembershipJudgedFirst => Judgment::GroupExists,
            (Some(row), _, _) if !waits => Judgment::Stored(row.write),
            // The row belongs to an earlier request. The result depends on whether its message is visible.
            (Some(row), _, _) if row.write != write => {
                let is_seen = state.message(row.write.uuid).is_some_and(|message| message.is_seen);
                if is_seen && group_is_seen { Judgment::Stored(row.write) } else { Judgment::Nothing }
            }
            (_, Some(row), _) if row.write != write => Judgment::AnotherMessage,
            (_, Some(_), _) if !waits || group_is_seen => Judgment::Stored(write),
            (_, None, Some(row)) if row.write != write => Judgment::GroupExists,
            (_, None, Some(_)) if self.algorithm == Algorithm::OwnMembershipTakenForAnother => {
                Judgment::GroupExists
            }
            (_, None, Some(_)) if !waits => Judgment::Stored(write),
            // No deciding row is visible, or the rows are this write's own and not all are visible.
            _ => Judgment::Nothing,
        }
    }

    /// Adds the clients' new requests.
    fn requests(&self, state: &State, steps: &mut Steps<State>) {
        let group_is_known = state.newest_answered().is_some()
            || state.row(Key::Membership).is_some_and(|membership| membership.is_seen);
        for (send, Send { sender, has_key, target }) in self.bounds.sends.iter().copied().enumerate() {
            let request = state.sends[send].requests;
            let limit = if has_key { self.bounds.requests } else { 1 };
            if request == limit || target == Target::Group && !group_is_known {
                continue;
            }
            let mut next = state.clone();
            if request == 0 {
                next.sends[send].begun_after = state.newest_answered();
            }
            next.sends[send].requests += 1;
            let next = next.with(Invocation { send, request, plan: 0, next: Call::PLAN });
            let what = if request == 0 { "begins" } else { "is repeated" };
            steps.add(next, format_args!("send {send} by {sender} {what}"));
        }
    }

    /// Adds every step of one invocation.
    fn invocation(&self, state: &State, invocation: &Invocation, steps: &mut Steps<State>) {
        let Invocation { send, request, .. } = *invocation;
        let who = format_args!("send {send}, request {request},");
        match invocation.next {
            Call::Read { has_membership, newest } => {
                if has_membership.is_none() {
                    let is_seen = state.row(Key::Membership).is_some_and(|row| row.is_seen);
                    let what = if is_seen { "finds the membership" } else { "finds no membership" };
                    self.read(
                        state,
                        invocation,
                        (Some(is_seen), newest),
                        format_args!("{who} {what}"),
                        steps,
                    );
                }
                if newest.is_none() {
                    let newest =
                        Newest(state.messages().filter(|row| row.is_seen).map(|row| row.write.at).max());
                    let what = format_args!("{who} finds {newest}");
                    self.read(state, invocation, (has_membership, Some(newest)), what, steps);
                }
            }
            Call::Write(write) => self.write(state, invocation, write, steps),
            Call::Await(write) if state.are_all_seen(write) => {
                let next = state.clone().answered(invocation, write);
                steps.add(next, format_args!("{who} is answered"));
            }
            Call::Await(_) => {}
        }
        if let Some(next) = state.with_fault() {
            let next = next.without(invocation);
            steps.add(next.clone(), format_args!("{who} dies"));
            if let Call::Write(write) = invocation.next {
                steps.add(next.with_late(write), format_args!("{who} dies, its write is still on its way"));
            }
        }
    }

    /// Adds the step after a read. After both reads, plans the message at each possible clock time.
    fn read(
        &self,
        state: &State,
        invocation: &Invocation,
        (has_membership, newest): (Option<bool>, Option<Newest>),
        what: fmt::Arguments<'_>,
        steps: &mut Steps<State>,
    ) {
        let (Some(is_there), Some(Newest(newest_at))) = (has_membership, newest) else {
            let next = Call::Read { has_membership, newest };
            steps.add(state.clone().with_next(invocation, next), what);
            return;
        };
        let Invocation { send, request, plan, .. } = *invocation;
        if !is_there && self.bounds.sends[send].target == Target::Group {
            steps.add(state.clone().refused(invocation), format_args!("{what} and answers 404"));
            return;
        }
        for now in 0..=self.bounds.clock {
            let at = match newest_at {
                Some(newest) if self.algorithm != Algorithm::WithoutSuccessor => now.max(newest + 1),
                _ => now,
            };
            let write = Write { uuid: Uuid { send, request, plan }, at, opens_group: !is_there };
            let next = state.clone().with_next(invocation, Call::Write(write));
            steps.add(next, format_args!("{what} and, by a clock at {now}, plans a message at {at}"));
        }
    }

    /// Adds the steps of sending the write, or sending it again.
    fn write(&self, state: &State, invocation: &Invocation, write: Write, steps: &mut Steps<State>) {
        let Invocation { send, request, .. } = *invocation;
        let who = format_args!("send {send}, request {request},");
        let without_answer = |state: State| match self.algorithm {
            Algorithm::LostAnswerTakenForFailure => state.refused(invocation),
            Algorithm::WithNewUuidOnRetry => state.planned_anew(invocation),
            _ => state,
        };
        if let Some(next) = self.executed(state.clone(), write) {
            let what =
                if write.opens_group { "opens the group with its message" } else { "stores its message" };
            if next.are_all_seen(write) {
                steps.add(next.clone().answered(invocation, write), format_args!("{who} {what}"));
            } else {
                let next = next.clone().with_next(invocation, Call::Await(write));
                steps.add(next, format_args!("{who} {what}, which is being committed"));
            }
            if let Some(next) = next.with_fault() {
                steps.add(without_answer(next), format_args!("{who} {what}; the answer is lost"));
            }
        } else {
            match self.judge(state, write) {
                Judgment::Stored(stored) => {
                    let next = state.clone().answered(invocation, stored);
                    steps.add(next, format_args!("{who} is refused and sees that the message is stored"));
                }
                Judgment::GroupExists => {
                    let next = state.clone().planned_anew(invocation);
                    steps.add(next, format_args!("{who} is refused and sees that the group exists"));
                }
                Judgment::AnotherMessage => {
                    let next = state.clone().refused(invocation);
                    steps.add(next, format_args!("{who} is refused: another message has its key"));
                }
                Judgment::Nothing => {}
            }
        }
        if let Some(next) = state.with_fault() {
            let next = without_answer(next.with_late(write));
            steps.add(next, format_args!("{who} gets no answer to its write, which is still on its way"));
        }
    }

    /// Adds DynamoDB's own steps.
    fn table(&self, state: &State, steps: &mut Steps<State>) {
        for (number, row) in state.rows.iter().enumerate().filter(|(_, row)| !row.is_seen) {
            let mut next = state.clone();
            next.rows[number].is_seen = true;
            let what = match row.key {
                Key::Idempotency { .. } => "idempotency row",
                Key::Message { .. } => "message",
                Key::Membership => "membership",
                Key::Inboxes { .. } => "inbox rows",
            };
            steps.add(next, format_args!("the {what} of send {} can be seen", row.write.uuid.send));
        }
        for (number, write) in state.late.iter().enumerate() {
            let mut gone = state.clone();
            gone.late.remove(number);
            let send = write.uuid.send;
            match self.executed(gone.clone(), *write) {
                Some(next) => steps.add(next, format_args!("the late write of send {send} is carried out")),
                None => steps.add(gone, format_args!("the late write of send {send} is refused")),
            }
        }
    }
}

impl Model for Sends {
    type State = State;
    type Property = Property;

    fn initial(&self) -> State {
        State {
            rows: Vec::new(),
            sends: vec![Progress::default(); self.bounds.sends.len()],
            invocations: Vec::new(),
            late: Vec::new(),
            overwritten: false,
            faults: self.bounds.faults,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        self.requests(state, steps);
        for invocation in &state.invocations {
            self.invocation(state, invocation, steps);
        }
        self.table(state, steps);
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let sends = || state.sends.iter().enumerate();
        let answers = || state.sends.iter().filter_map(|send| send.answer);
        let messages_of = |send: usize| state.messages().filter(move |row| row.write.uuid.send == send);
        let properties = [
            (Property::Kept, answers().all(|answer| state.message(answer.uuid).is_some())),
            (
                Property::Readable,
                answers().all(|answer| state.message(answer.uuid).is_none_or(|message| message.is_seen)),
            ),
            (
                Property::RefusedIsNotStored,
                sends().all(|(send, progress)| {
                    !messages_of(send).any(|row| Some(row.write.uuid.request) == progress.refused)
                }),
            ),
            (Property::NotRefused, sends().all(|(_, progress)| progress.refused.is_none())),
            (Property::Once, sends().all(|(send, _)| messages_of(send).count() <= 1)),
            (Property::EqualAnswers, sends().all(|(_, progress)| !progress.has_unequal_answers)),
            (Property::NothingOverwritten, !state.overwritten),
            (
                Property::Ordered,
                state.messages().all(|row| {
                    let begun_after = state.sends[row.write.uuid.send].begun_after;
                    begun_after.is_none_or(|answered| answered < row.write.at)
                }),
            ),
            (
                Property::OpenedOnce,
                state.rows.iter().filter(|row| matches!(row.key, Key::Inboxes { .. })).count() <= 1,
            ),
        ];
        properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.invocations.is_empty() && state.rows.iter().all(|row| row.is_seen)
    }
}
