//! Sending messages to one group, as `create-message` does: plan (read the membership and the newest message), write
//! all rows at once under the condition that none is there, judge a refusal by the rows in the way.
//!
//! The adversary decides, at every step:
//! - who sends when; that a client repeats a request with a key, also one that is answered or still under way;
//! - what each function's clock shows, whenever it is read;
//! - in which order the two reads of a plan are carried out, and what happens between any two calls;
//! - with [`Commits::PieceByPiece`], when each row of a transaction is seen;
//! - and, as long as [`Bounds::faults`] lasts, one fault each: an answer of DynamoDB is lost; a write is carried out
//!   later, when nobody waits for it any more (or never); an invocation dies, its write perhaps under way.
//!
//! A write of which the answer is lost is sent again, either by the SDK (a transaction then has the same
//! `ClientRequestToken`, and is answered as if it were the first) or by the function (with a new token). A conflict
//! changes nothing but that the same write is sent again, so it needs no step of its own; running out of time is the
//! invocation's death. Request hashes are not modelled: a key is only ever used for the same request.

use std::fmt;

use crate::{
    Commits,
    checker::{Model, Steps},
};

/// How much of it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// What is sent, in any order and at any time.
    pub sends: &'static [Send],
    /// Requests for a send with a key. (A request that is repeated without a key is a send of its own.)
    pub requests: u8,
    /// Clocks show times from 0 to this.
    pub clock: u8,
    /// Faults, of all kinds together.
    pub faults: u8,
    /// What reads see of a transaction.
    pub commits: Commits,
}

/// One message that a member of the pair means to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// Who sends it.
    pub sender: char,
    /// Whether it has an idempotency key.
    pub has_key: bool,
    /// Where to.
    pub target: Target,
}

/// Where a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The other user, whose group may have to be opened.
    Handle,
    /// The group; nobody sends to it before it is seen.
    Group,
}

/// The algorithm: the one that is deployed, or that one without one of its ingredients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// As in the design.
    AsDesigned,
    /// A key leaves no row behind.
    WithoutIdempotencyRow,
    /// Each try makes a uuid and a sort key of its own.
    WithNewUuidOnRetry,
    /// A write without an answer counts as one that was not carried out.
    LostAnswerTakenForFailure,
    /// A message's sort key is its time alone.
    WithoutUuidInKey,
    /// The membership row is written without a condition.
    WithoutMembershipLock,
    /// The message's time is the clock's, and not at least that of the newest message and a microsecond.
    WithoutSuccessor,
    /// A membership row in the way is looked at before the message's own row.
    MembershipJudgedFirst,
    /// A membership row in the way is another's, even when it was written with this very message.
    OwnMembershipTakenForAnother,
    /// The first row that tells that the message is stored, or is being stored, makes the answer.
    WithoutWaitingForAllRows,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Sends {
    /// How much of it is tried.
    pub bounds: Bounds,
    /// The algorithm.
    pub algorithm: Algorithm,
}

/// What must hold in every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I5: an acknowledged message is in the table.
    Kept,
    /// I5: whoever is answered can read the message from then on.
    Readable,
    /// I5: a request that is refused stores nothing.
    RefusedIsNotStored,
    /// No request is refused: none of these breaks a rule.
    NotRefused,
    /// I6: one message per key, and one per request without a key.
    Once,
    /// I6: all answers to a key are equal.
    EqualAnswers,
    /// I7: no write overwrites a row.
    NothingOverwritten,
    /// I8: a message that was answered before another was begun sorts before it. (Two messages of the same microsecond
    /// sort as their uuids happen to.)
    Ordered,
    /// I9: a group is opened once.
    OpenedOnce,
}

/// Everything that the further course depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The table, in the order of keys.
    rows: Vec<Row>,
    sends: Vec<Progress>,
    invocations: Vec<Invocation>,
    /// Writes whose senders wait for them no longer.
    late: Vec<Write>,
    overwritten: bool,
    faults: u8,
}

/// How far a send is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Progress {
    requests: u8,
    /// The time of the newest message that was answered before the first request.
    begun_after: Option<u8>,
    answer: Option<Write>,
    has_unequal_answers: bool,
    /// The number of the request that was refused.
    refused: Option<u8>,
}

/// A row, and the write that it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    key: Key,
    write: Write,
    /// Whether reads see it. One that is committed but not seen is locked.
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
    /// Both members' rows, which only ever come together.
    Inboxes {
        at: u8,
        uuid: Uuid,
    },
}

/// Which plan of which request a message was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Uuid {
    send: usize,
    request: u8,
    plan: u8,
}

/// A write as it is intended: the same on every try.
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
    /// The two reads of a plan, as far as they are answered.
    Read { has_membership: Option<bool>, newest: Option<Newest> },
    /// The write, for the first time or again.
    Write(Write),
    /// The answer to a transaction that is being committed.
    Await(Write),
}

/// The time of the newest message.
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

/// What a refused write means.
enum Judgement {
    Stored(Write),
    GroupExists,
    AnotherMessage,
    /// Nothing yet: rows that would decide are locked.
    Nothing,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sends, requests, clock, faults, commits } = self;
        for (number, Send { sender, has_key, target }) in sends.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            let key = if *has_key { " with key" } else { "" };
            let to = if *target == Target::Handle { "handle" } else { "group" };
            write!(f, "{separator}{sender} to {to}{key}")?;
        }
        write!(f, "; requests {requests}, clock 0 to {clock}, faults {faults}, {commits}")
    }
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

    /// The time of the newest message that was acknowledged.
    fn newest_answered(&self) -> Option<u8> {
        self.sends.iter().filter_map(|send| Some(send.answer?.at)).max()
    }

    /// This state with a fault less to come; none when there have been enough.
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

    fn with_next(self, invocation: &Invocation, next: Call) -> Self {
        let mut state = self.without(invocation);
        state.invocations.push(Invocation { next, ..invocation.clone() });
        state.invocations.sort_unstable();
        state
    }

    fn planned_anew(self, invocation: &Invocation) -> Self {
        let mut state = self.without(invocation);
        state.invocations.push(Invocation {
            plan: invocation.plan + 1,
            next: Call::PLAN,
            ..invocation.clone()
        });
        state.invocations.sort_unstable();
        state
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
    /// The rows of a write, in the order of its actions.
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

    /// The state after a write, if its conditions hold.
    fn carried_out(&self, mut state: State, write: Write) -> Option<State> {
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

    fn judge(&self, state: &State, write: Write) -> Judgement {
        // Locked rows are not shown.
        let shown = |key| state.row(key).filter(|row| row.is_seen);
        let keys = self.keys(write);
        let in_the_way = |wanted: fn(&Key) -> bool| keys.iter().copied().filter(wanted).find_map(shown);
        let idempotency = in_the_way(|key| matches!(key, Key::Idempotency { .. }));
        let message = in_the_way(|key| matches!(key, Key::Message { .. }));
        let membership = in_the_way(|key| *key == Key::Membership);
        let waits = self.algorithm != Algorithm::WithoutWaitingForAllRows;
        let group_is_seen = !write.opens_group || membership.is_some();
        match (idempotency, message, membership) {
            (_, _, Some(_)) if self.algorithm == Algorithm::MembershipJudgedFirst => Judgement::GroupExists,
            (Some(row), _, _) if !waits => Judgement::Stored(row.write),
            // An earlier request's: is its message seen?
            (Some(row), _, _) if row.write != write => {
                let is_seen = state.message(row.write.uuid).is_some_and(|message| message.is_seen);
                if is_seen && group_is_seen { Judgement::Stored(row.write) } else { Judgement::Nothing }
            }
            (_, Some(row), _) if row.write != write => Judgement::AnotherMessage,
            (_, Some(_), _) if !waits || group_is_seen => Judgement::Stored(write),
            (_, None, Some(row)) if row.write != write => Judgement::GroupExists,
            (_, None, Some(_)) if self.algorithm == Algorithm::OwnMembershipTakenForAnother => {
                Judgement::GroupExists
            }
            (_, None, Some(_)) if !waits => Judgement::Stored(write),
            // Nothing that decides is shown, or it is ours and not all of it is shown yet.
            _ => Judgement::Nothing,
        }
    }

    /// Clients begin requests.
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
            next.invocations.push(Invocation { send, request, plan: 0, next: Call::PLAN });
            next.invocations.sort_unstable();
            let what = if request == 0 { "begins" } else { "is repeated" };
            steps.add(next, format_args!("send {send} by {sender} {what}"));
        }
    }

    /// Every step of one invocation.
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

    /// What follows from a read, and from the clock once both are there.
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

    /// The write is sent, or sent again.
    fn write(&self, state: &State, invocation: &Invocation, write: Write, steps: &mut Steps<State>) {
        let Invocation { send, request, .. } = *invocation;
        let who = format_args!("send {send}, request {request},");
        let without_answer = |state: State| match self.algorithm {
            Algorithm::LostAnswerTakenForFailure => state.refused(invocation),
            Algorithm::WithNewUuidOnRetry => state.planned_anew(invocation),
            _ => state,
        };
        if let Some(next) = self.carried_out(state.clone(), write) {
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
                Judgement::Stored(stored) => {
                    let next = state.clone().answered(invocation, stored);
                    steps.add(next, format_args!("{who} is refused and sees that the message is stored"));
                }
                Judgement::GroupExists => {
                    let next = state.clone().planned_anew(invocation);
                    steps.add(next, format_args!("{who} is refused and sees that the group exists"));
                }
                Judgement::AnotherMessage => {
                    let next = state.clone().refused(invocation);
                    steps.add(next, format_args!("{who} is refused: another message has its key"));
                }
                Judgement::Nothing => {}
            }
            // The SDK's own retry.
            if self.keys(write).len() > 1 && state.message(write.uuid).is_some() {
                let next = state.clone().with_next(invocation, Call::Await(write));
                steps.add(next, format_args!("{who} is sent again by the SDK, with the same token"));
            }
        }
        if let Some(next) = state.with_fault() {
            let next = without_answer(next.with_late(write));
            steps.add(next, format_args!("{who} gets no answer to its write, which is still on its way"));
        }
    }

    /// What DynamoDB does by itself.
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
            match self.carried_out(gone.clone(), *write) {
                Some(next) => steps.add(next, format_args!("the late write of send {send} is carried out")),
                None => steps.add(gone, format_args!("the late write of send {send} is refused")),
            }
        }
    }
}

impl Model for Sends {
    type State = State;
    type Property = Property;

    const PROPERTIES: &'static [Property] = &[
        Property::Kept,
        Property::Readable,
        Property::RefusedIsNotStored,
        Property::NotRefused,
        Property::Once,
        Property::EqualAnswers,
        Property::NothingOverwritten,
        Property::Ordered,
        Property::OpenedOnce,
    ];

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

    fn holds(&self, property: Property, state: &State) -> bool {
        let mut sends = state.sends.iter().enumerate();
        let stored = |answer: &Write| state.message(answer.uuid);
        match property {
            Property::Kept => {
                sends.all(|(_, send)| send.answer.as_ref().is_none_or(|it| stored(it).is_some()))
            }
            Property::Readable => sends
                .all(|(_, send)| send.answer.as_ref().and_then(stored).is_none_or(|message| message.is_seen)),
            Property::RefusedIsNotStored => sends.all(|(send, progress)| {
                let is_refused = |uuid: Uuid| uuid.send == send && Some(uuid.request) == progress.refused;
                !state.messages().any(|message| is_refused(message.write.uuid))
            }),
            Property::NotRefused => sends.all(|(_, send)| send.refused.is_none()),
            Property::Once => sends.all(|(send, _)| {
                state.messages().filter(|message| message.write.uuid.send == send).count() <= 1
            }),
            Property::EqualAnswers => sends.all(|(_, send)| !send.has_unequal_answers),
            Property::NothingOverwritten => !state.overwritten,
            Property::Ordered => state.messages().all(|message| {
                let begun_after = state.sends[message.write.uuid.send].begun_after;
                begun_after.is_none_or(|answered| answered < message.write.at)
            }),
            Property::OpenedOnce => {
                state.rows.iter().filter(|row| matches!(row.key, Key::Inboxes { .. })).count() <= 1
            }
        }
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.invocations.is_empty() && state.rows.iter().all(|row| row.is_seen)
    }
}
