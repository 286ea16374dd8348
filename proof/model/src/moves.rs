//! A model of the inbox move in `stream-handler`: "hint, guard, locate". It moves a member's inbox row of one
//! group to the newest message. An invocation moves the rows of all members, but no row depends on another: to
//! this row, the failure of another one is a redelivery.
//!
//! At every step, the adversary decides:
//! - which records are delivered next, in which batches, to how many concurrent invocations. A record whose
//!   invocation failed or died is due again;
//! - what the index shows. For each key, an eventually consistent read may show any earlier version. Of all
//!   the places where a member's row ever was, the index shows any subset;
//! - what happens between two pages of a search. A page is one place, the smallest possible page;
//! - with [`Commits::PieceByPiece`], when each part of a transaction becomes visible;
//! - with [`Bounds::rename`], when the name in the row changes. The move carries the name over as it read it;
//! - while [`Bounds::faults`] lasts, one fault each: a record is redelivered; an invocation dies; a
//!   transaction meets a conflict or throttling; its response is lost; its outcome is unknown and it was
//!   never executed; it is executed late, after its sender stopped waiting (a late request).
//!
//! The text of a row is not modeled: the Put that writes the place writes it. [`crate::joins`] models the attributes
//! that a move joins.

use crate::{
    Commits,
    checker::{Model, Steps},
    positions::Positions,
};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages after the first one, at most 7.
    pub messages: u8,
    /// Concurrent invocations, at most 3.
    pub invocations: usize,
    /// Total number of faults.
    pub faults: u8,
    /// Attempts to move one row (8 in the code). Fewer make more invocations fail.
    pub tries: u8,
    /// Visibility of transactions to reads.
    pub commits: Commits,
    /// The inbox is listed once, starting at any time.
    pub listing: bool,
    /// The name in the row changes once, at any time.
    pub rename: bool,
}

/// The algorithm: the deployed one, the deployed one without one ingredient, or the old system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// Moves the row wherever it is: "p.sk >= m.sk: done" is omitted.
    WithoutMaximum,
    /// Moves the row to the last message of the batch, not to the newest.
    WithoutMaximumOfBatch,
    /// The Delete has no condition.
    WithoutGuard,
    /// The Delete's condition covers the row's existence, and not the attributes that the move carries over.
    GuardWithoutAttributes,
    /// Moves only the rows of members that the index shows.
    WithoutMemberList,
    /// Searches downward from the newest place.
    DescendingLocate,
    /// A listing shows a second row of the same group.
    WithoutDrop,
    /// The old system: for each row in the index an unconditional Delete, then an unconditional Put.
    OldSystem,
}

#[derive(Clone, Copy, Debug)]
pub struct Moves {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I1: exactly one inbox row per member in every committed state.
    OneRow,
    /// I2: a listing shows the group at most once.
    ListedOnce,
    /// A listing shows the group at a place where it was meanwhile. It misses the group only if the group
    /// moved meanwhile.
    ListedWhereItWas,
    /// I4: positions only grow.
    OnlyUp,
    /// A move does not revert a change of the row's other attributes.
    AttributesKept,
    /// I3 and I11: a row is at the newest delivered message, or beyond. At rest it is at the newest message.
    CaughtUp,
    /// A search always finds a row. Holds only where transactions are visible at once. A partly visible
    /// transaction can hide a row briefly; the record is then redelivered.
    Located,
}

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    inbox: Inbox,
    /// Whether the membership row is visible.
    membership: bool,
    /// Messages whose records are due for delivery or redelivery.
    due: Positions,
    /// Messages whose delivery succeeded.
    delivered: Positions,
    invocations: [Option<Invocation>; 3],
    /// Requests whose senders no longer wait.
    late: [Option<LateMove>; 2],
    listing: Listing,
    /// The name in the row was changed.
    renamed: bool,
    faults: u8,
}

/// A member's rows of this group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Inbox {
    /// Places of rows visible to consistent reads.
    rows: Positions,
    /// Places where a row was ever put.
    ever: Positions,
    /// Puts that are committed but not yet visible.
    unseen_puts: Positions,
    /// Deletes that are committed but not yet visible.
    unseen_deletes: Positions,
    /// The row has its changed name.
    has_new_name: bool,
}

/// A row as a read returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    at: u8,
    has_new_name: bool,
}

/// The result of moving a row from one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Committed,
    Refused,
    Conflict,
}

impl Inbox {
    /// Places of rows in the committed state, visible or not.
    fn committed(self) -> Positions {
        self.rows.and(self.unseen_puts).except(self.unseen_deletes)
    }

    /// Places whose part of a transaction is not yet visible.
    fn locked(self) -> Positions {
        self.unseen_puts.and(self.unseen_deletes)
    }

    /// The possible verdicts. If one condition is false and the other row is locked, DynamoDB may report
    /// either.
    fn verdicts(self, from: u8, to: u8, is_guard_met: bool) -> Vec<Verdict> {
        let locked = self.locked();
        let is_refused =
            !locked.contains(from) && !is_guard_met || !locked.contains(to) && self.rows.contains(to);
        let is_locked = locked.contains(from) || locked.contains(to);
        match (is_refused, is_locked) {
            (false, false) => vec![Verdict::Committed],
            (true, false) => vec![Verdict::Refused],
            (false, true) => vec![Verdict::Conflict],
            (true, true) => vec![Verdict::Refused, Verdict::Conflict],
        }
    }

    /// All first visible states after a committed move.
    fn moved(self, row: Row, to: u8, commits: Commits) -> Vec<Self> {
        let Row { at: from, has_new_name } = row;
        let inbox = Self { ever: self.ever.with(to), has_new_name, ..self };
        let both = Self { rows: self.rows.without(from).with(to), ..inbox };
        match commits {
            Commits::AtOnce => vec![both],
            Commits::PieceByPiece => vec![
                both,
                Self { rows: self.rows.without(from), unseen_puts: self.unseen_puts.with(to), ..inbox },
                Self { rows: self.rows.with(to), unseen_deletes: self.unseen_deletes.with(from), ..inbox },
            ],
        }
    }

    /// All states with one more part visible.
    fn one_part_more(self) -> impl Iterator<Item = (&'static str, u8, Self)> {
        let puts = self.unseen_puts.iter().map(move |at| {
            ("Put", at, Self { rows: self.rows.with(at), unseen_puts: self.unseen_puts.without(at), ..self })
        });
        let deletes = self.unseen_deletes.iter().map(move |at| {
            let unseen_deletes = self.unseen_deletes.without(at);
            ("Delete", at, Self { rows: self.rows.without(at), unseen_deletes, ..self })
        });
        puts.chain(deletes)
    }
}

/// An invocation with a batch of this group's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Invocation {
    batch: Positions,
    /// The message to which the row is moved.
    target: u8,
    row: RowMove,
}

/// The progress of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum RowMove {
    /// Membership and index have not been read.
    NotBegun,
    /// The next call is the transaction that moves the row.
    Move { row: Row, tries: u8 },
    /// The next call reads place `next`, in a search that started at `from`.
    Locate { from: u8, next: u8, found: Option<Row>, tries: u8 },
    /// The row is at the message or beyond.
    Done,
    /// All attempts failed.
    GivenUp,
    /// The inbox has no row.
    NotFound,
    /// The old system: the next call deletes the first of these rows.
    OldDelete { shown: Positions },
    /// The old system: the next call puts a row at the message.
    OldPut { shown: Positions },
}

/// A move executed after its sender stopped waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct LateMove {
    row: Row,
    to: u8,
}

/// A descending read of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Listing {
    NotBegun,
    /// Reads place `next`. `shown` holds the places shown so far, `was` the row's places since the start.
    /// `moved` is whether the row moved since.
    Reads {
        next: u8,
        shown: Positions,
        was: Positions,
        moved: bool,
    },
    Ended,
    ShowsTwo,
    ShowsWhatNeverWas,
}

impl State {
    /// Maps equivalent states to the same form.
    fn normalized(mut self) -> Self {
        self.invocations.sort_unstable();
        self.late.sort_unstable();
        if let Listing::Reads { was, moved, .. } = &mut self.listing {
            *was = was.and(self.inbox.rows).and(self.inbox.committed());
            *moved |= was.len() > 1 || !self.inbox.locked().is_empty();
        }
        self
    }

    fn with_inbox(&self, inbox: Inbox) -> Self {
        Self { inbox, ..self.clone() }
    }

    /// This state with one fault fewer left. Returns `None` if none is left.
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    /// This state with one more late request. Returns `None` if there are enough.
    fn with_late(&self, request: LateMove) -> Option<Self> {
        let mut state = self.clone();
        let free = state.late.iter().position(Option::is_none)?;
        state.late[free] = Some(request);
        Some(state)
    }
}

impl Moves {
    /// Returns `true` if the Delete's condition holds.
    fn is_guard_met(&self, inbox: Inbox, row: Row) -> bool {
        let has_equal_attributes =
            self.algorithm == Algorithm::GuardWithoutAttributes || inbox.has_new_name == row.has_new_name;
        self.algorithm == Algorithm::WithoutGuard || inbox.rows.contains(row.at) && has_equal_attributes
    }

    /// The next step if a read returned `row`.
    fn found(&self, row: Row, target: u8, tries: u8) -> RowMove {
        let at = row.at;
        let is_there = at == target || at > target && self.algorithm != Algorithm::WithoutMaximum;
        match tries {
            _ if tries == self.bounds.tries => RowMove::GivenUp,
            _ if is_there => RowMove::Done,
            _ => RowMove::Move { row, tries },
        }
    }

    fn locate(&self, from: u8, tries: u8) -> RowMove {
        let next = if self.algorithm == Algorithm::DescendingLocate { self.bounds.messages } else { from };
        RowMove::Locate { from, next, found: None, tries }
    }

    fn deliver(&self, state: &State, steps: &mut Steps<State>) {
        let under_way = state.invocations.iter().flatten().count();
        let free = state.invocations.iter().position(Option::is_none);
        let Some(free) = free.filter(|_| under_way < self.bounds.invocations) else {
            return;
        };
        // Until the membership is visible, only the opener can send to the group.
        let exist =
            if state.membership { Positions::up_to(self.bounds.messages) } else { Positions::NONE.with(0) };
        for batch in exist.subsets().filter(|batch| !batch.is_empty()) {
            let again = batch.except(state.due);
            let (next, how) = if again.is_empty() {
                (Some(state.clone()), "")
            } else {
                (state.with_fault(), ", which needs not be")
            };
            let Some(mut next) = next else {
                continue;
            };
            next.due = next.due.except(batch);
            let targets = match self.algorithm {
                // Batches are unordered, like deliveries.
                Algorithm::WithoutMaximumOfBatch => batch,
                // The old system read only the first record and had a batch size of one.
                Algorithm::OldSystem if batch.len() > 1 => continue,
                _ => batch.newest().map_or(Positions::NONE, |newest| Positions::NONE.with(newest)),
            };
            for target in targets.iter() {
                let mut next = next.clone();
                next.invocations[free] = Some(Invocation { batch, target, row: RowMove::NotBegun });
                steps.add(next.normalized(), format_args!("a batch with {batch} is delivered{how}"));
            }
        }
    }

    /// Adds every step of the invocation in `slot`.
    fn invocation(&self, state: &State, slot: usize, steps: &mut Steps<State>) {
        let Some(Invocation { batch, target, row }) = state.invocations[slot] else {
            return;
        };
        let ended = |mut state: State| {
            state.invocations[slot] = None;
            state.due = state.due.and(batch.except(state.delivered));
            state.normalized()
        };
        let with_row = |state: State, row| with_row(state, slot, row);
        let inbox = state.inbox;
        match row {
            RowMove::NotBegun if !state.membership => {
                let what = format_args!("the invocation for {target} finds no membership row");
                steps.add(ended(state.clone()), what);
            }
            RowMove::NotBegun => {
                for hint in self.hints(inbox) {
                    let next = with_row(state.clone(), self.first_call(hint, false, target));
                    let what = format_args!("the invocation for {target} is shown {hint} by the index");
                    steps.add(next, what);
                    if state.renamed {
                        let next = with_row(state.clone(), self.first_call(hint, true, target));
                        steps.add(next, format_args!("{what}, with the new name"));
                    }
                }
            }
            RowMove::Move { row, tries } => self.transaction(state, (row, target, tries), with_row, steps),
            RowMove::Locate { from, next, found, tries } => {
                let is_here = inbox.rows.contains(next);
                let row = is_here.then_some(Row { at: next, has_new_name: inbox.has_new_name });
                let found = found.max(row);
                let following = match self.algorithm {
                    Algorithm::DescendingLocate => (next > from).then(|| next - 1),
                    _ => (next < self.bounds.messages).then_some(next + 1),
                };
                let row = match (following, found) {
                    (Some(next), _) => RowMove::Locate { from, next, found, tries },
                    (None, Some(row)) => self.found(row, target, tries),
                    (None, None) if from > 0 => self.locate(0, tries),
                    (None, None) => RowMove::NotFound,
                };
                let what = if is_here { "a row" } else { "no row" };
                let what = format_args!("the invocation for {target} looks at {next}: {what}");
                steps.add(with_row(state.clone(), row), what);
            }
            RowMove::Done => {}
            RowMove::GivenUp | RowMove::NotFound => {
                let what = format_args!("the invocation for {target} reports {batch} as failed");
                steps.add(ended(state.clone()), what);
            }
            RowMove::OldDelete { shown } => {
                let at = shown.iter().next().unwrap_or_default();
                let deleted = state.with_inbox(Inbox { rows: inbox.rows.without(at), ..inbox });
                let next = with_row(deleted, RowMove::OldPut { shown: shown.without(at) });
                steps.add(next, format_args!("the invocation for {target} deletes {at}"));
            }
            RowMove::OldPut { shown } => {
                let put = Inbox { rows: inbox.rows.with(target), ever: inbox.ever.with(target), ..inbox };
                let row = if shown.is_empty() { RowMove::Done } else { RowMove::OldDelete { shown } };
                let next = with_row(state.with_inbox(put), row);
                steps.add(next, format_args!("the invocation for {target} puts {target}"));
            }
        }
        if let Some(next) = state.with_fault() {
            steps.add(ended(next.clone()), format_args!("the invocation for {target} dies"));
            if let RowMove::Move { row: row @ Row { at, .. }, .. } = row
                && let Some(next) = next.with_late(LateMove { row, to: target })
            {
                let what = format_args!(
                    "the invocation for {target} dies, its request from {at} to {target} is still on its way"
                );
                steps.add(ended(next), what);
            }
        }
    }

    /// The possible answers of the index.
    fn hints(&self, inbox: Inbox) -> Vec<Positions> {
        if self.algorithm == Algorithm::OldSystem {
            return inbox.ever.subsets().collect();
        }
        // Only the newest of the rows in the index matters.
        let one = inbox.ever.iter().map(|at| Positions::NONE.with(at));
        [Positions::NONE].into_iter().chain(one).collect()
    }

    /// The first call after the index has shown `hint`.
    fn first_call(&self, hint: Positions, has_new_name: bool, target: u8) -> RowMove {
        match (self.algorithm, hint.newest()) {
            (Algorithm::OldSystem | Algorithm::WithoutMemberList, None) => RowMove::Done,
            (Algorithm::OldSystem, Some(_)) => RowMove::OldDelete { shown: hint },
            (_, None) => self.locate(0, 0),
            (_, Some(at)) => self.found(Row { at, has_new_name }, target, 0),
        }
    }

    /// Adds the steps of the transaction that moves the row.
    fn transaction(
        &self,
        state: &State,
        (row, target, tries): (Row, u8, u8),
        with_row: impl Fn(State, RowMove) -> State,
        steps: &mut Steps<State>,
    ) {
        let at = row.at;
        let again = self.found(row, target, tries + 1);
        let locate = self.locate(at, tries + 1);
        let name = format_args!("the move from {at} to {target}");
        for verdict in state.inbox.verdicts(at, target, self.is_guard_met(state.inbox, row)) {
            match verdict {
                Verdict::Committed => {
                    for moved in state.inbox.moved(row, target, self.bounds.commits) {
                        let next = state.with_inbox(moved);
                        let what = format_args!("the invocation for {target} moves {at} to {target}");
                        steps.add(with_row(next.clone(), RowMove::Done), what);
                        if let Some(next) = next.with_fault() {
                            steps.add(with_row(next, locate), format_args!("{what}; the answer is lost"));
                        }
                    }
                }
                Verdict::Refused => {
                    let what = format_args!("the invocation for {target} is refused {name}");
                    steps.add(with_row(state.clone(), locate), what);
                }
                Verdict::Conflict => {
                    let what = format_args!("the invocation for {target} meets a conflict at {name}");
                    steps.add(with_row(state.clone(), again), what);
                }
            }
        }
        if let Some(next) = state.with_fault() {
            let what =
                format_args!("the invocation for {target} meets a conflict, or is throttled, at {name}");
            steps.add(with_row(next.clone(), again), what);
            let what = format_args!("the invocation for {target} gets no answer to {name}, which is");
            steps.add(with_row(next.clone(), locate), format_args!("{what} lost"));
            if let Some(next) = next.with_late(LateMove { row, to: target }) {
                steps.add(with_row(next, locate), format_args!("{what} still on its way"));
            }
        }
    }

    /// Adds DynamoDB's own steps: late requests, and parts of transactions that become visible.
    fn table(&self, state: &State, steps: &mut Steps<State>) {
        if !state.membership {
            steps.add(
                State { membership: true, ..state.clone() }.normalized(),
                format_args!("the membership row is seen"),
            );
        }
        for (part, at, inbox) in state.inbox.one_part_more() {
            steps.add(state.with_inbox(inbox).normalized(), format_args!("the {part} of {at} is seen"));
        }
        if self.bounds.rename && !state.renamed && state.inbox.locked().is_empty() {
            let next = state.with_inbox(Inbox { has_new_name: true, ..state.inbox });
            steps.add(State { renamed: true, ..next }.normalized(), format_args!("the row is renamed"));
        }
        for (number, late) in state.late.iter().enumerate() {
            let Some(LateMove { row: row @ Row { at: from, .. }, to }) = *late else {
                continue;
            };
            let mut gone = state.clone();
            gone.late[number] = None;
            for verdict in state.inbox.verdicts(from, to, self.is_guard_met(state.inbox, row)) {
                if verdict == Verdict::Committed {
                    for moved in state.inbox.moved(row, to, self.bounds.commits) {
                        let next = gone.with_inbox(moved).normalized();
                        steps.add(next, format_args!("the late request moves {from} to {to}"));
                    }
                } else {
                    let what = format_args!("the late request to move {from} to {to} is refused");
                    steps.add(gone.clone().normalized(), what);
                }
            }
        }
    }

    /// Adds the steps of a listing, from the newest row down.
    fn listing(&self, state: &State, steps: &mut Steps<State>) {
        let with = |listing| State { listing, ..state.clone() }.normalized();
        match state.listing {
            Listing::NotBegun if self.bounds.listing => {
                let (next, none) = (self.bounds.messages, Positions::NONE);
                let listing = Listing::Reads { next, shown: none, was: none, moved: false };
                steps.add(with(listing), format_args!("a listing begins"));
            }
            Listing::Reads { next, mut shown, was, moved } => {
                let is_here = state.inbox.rows.contains(next);
                // The listing drops a second row of the same group; the old system didn't.
                let drops = !matches!(self.algorithm, Algorithm::WithoutDrop | Algorithm::OldSystem);
                if is_here && (shown.is_empty() || !drops) {
                    shown = shown.with(next);
                }
                let listing = match next.checked_sub(1) {
                    Some(next) => Listing::Reads { next, shown, was, moved },
                    None if shown.len() > 1 => Listing::ShowsTwo,
                    None if !shown.except(was).is_empty() || shown.is_empty() && !moved => {
                        Listing::ShowsWhatNeverWas
                    }
                    None => Listing::Ended,
                };
                let what = if is_here { "a row" } else { "no row" };
                steps.add(with(listing), format_args!("the listing reads {next}: {what}"));
            }
            _ => {}
        }
    }
}

/// Continues an invocation with `row`. It succeeds when the row is done.
fn with_row(mut state: State, slot: usize, row: RowMove) -> State {
    if let Some(invocation) = &mut state.invocations[slot] {
        invocation.row = row;
        if row == RowMove::Done {
            state.delivered = state.delivered.and(invocation.batch);
            state.due = state.due.except(invocation.batch);
            state.invocations[slot] = None;
        }
    }
    state.normalized()
}

impl Model for Moves {
    type State = State;
    type Property = Property;

    /// The opened group, with message 0. All later messages are in the stream as soon as they could have been
    /// sent.
    fn initial(&self) -> State {
        let first = Positions::NONE.with(0);
        let inbox = match self.bounds.commits {
            Commits::AtOnce => Inbox { rows: first, ever: first, ..Inbox::default() },
            Commits::PieceByPiece => Inbox { unseen_puts: first, ever: first, ..Inbox::default() },
        };
        State {
            inbox,
            membership: self.bounds.commits == Commits::AtOnce,
            due: Positions::up_to(self.bounds.messages),
            delivered: Positions::NONE,
            invocations: [None; 3],
            late: [None; 2],
            listing: Listing::NotBegun,
            renamed: false,
            faults: self.bounds.faults,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        self.deliver(state, steps);
        for slot in 0..state.invocations.len() {
            self.invocation(state, slot, steps);
        }
        self.table(state, steps);
        self.listing(state, steps);
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let committed = state.inbox.committed();
        let newest = committed.newest();
        let is_lost = |invocation: &Invocation| invocation.row == RowMove::NotFound;
        let properties = [
            (Property::OneRow, committed.len() == 1),
            (Property::ListedOnce, state.listing != Listing::ShowsTwo),
            (Property::ListedWhereItWas, state.listing != Listing::ShowsWhatNeverWas),
            (Property::OnlyUp, newest.is_none() || newest == state.inbox.ever.newest()),
            (Property::AttributesKept, state.renamed == state.inbox.has_new_name),
            (Property::CaughtUp, state.delivered.newest() <= newest),
            (
                Property::Located,
                self.bounds.commits == Commits::PieceByPiece
                    || !state.invocations.iter().flatten().any(is_lost),
            ),
        ];
        properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.due.is_empty()
            && state.invocations.iter().all(Option::is_none)
            && state.inbox.locked().is_empty()
    }
}
