//! A model of one user's event log: the stream handler's append, and a client that reads the log.
//!
//! At every step, the adversary decides:
//! - when messages are sent, which records are delivered next, in which batches, to how many concurrent
//!   invocations. A record whose invocation failed or died is due again;
//! - whether an invocation reads the tail before or after it moves the inbox rows;
//! - what each function's clock shows, between the start of its call and the current time;
//! - when time passes, in steps that are longer than all overlapping calls together. A record waits less than a
//!   step for its first delivery;
//! - which expired rows are deleted, in which order, and how late;
//! - when the client reads, and what is committed while a Query reads row by row;
//! - while [`Bounds::faults`] lasts, one fault each: a record is redelivered; a group can't be moved; an
//!   invocation or a read dies; the answer to a write is lost; a write is executed late, or never.
//!
//! The move itself is one step: [`crate::moves`] is its model. Users have separate logs, so one user is enough:
//! the failure of another user's append is a redelivery.

use std::{fmt, ops::RangeInclusive};

use crate::{
    checker::{Model, Steps},
    positions::Positions,
};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages to the user, at most 8.
    pub messages: u8,
    /// Messages that are in the log from the beginning. The client has a cursor from before them.
    pub history: u8,
    /// Groups of the messages, in turn.
    pub groups: u8,
    /// Concurrent invocations.
    pub invocations: usize,
    /// Attempts to append (8 in the code).
    pub tries: u8,
    /// Changes per row (12 in the code).
    pub changes: usize,
    /// Rows per answer to a client (1 to 100 in the code).
    pub limit: u8,
    /// The latest time of the clock, which starts at 0.
    pub clock: u8,
    /// Total number of faults.
    pub faults: u8,
    /// An accident, at any time.
    pub accident: Option<Accident>,
}

/// Damage to the table from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    /// The table is restored to an earlier point in time, while nothing runs.
    Restore,
    /// A row of the log is deleted.
    LostRow,
}

/// The algorithm: the deployed one, or the deployed one without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// A row's key is its time, which is unique.
    KeyedByTime,
    /// A row is put without a condition.
    WithoutCondition,
    /// Changes that the tail holds are logged again.
    WithoutLookIntoTail,
    /// A refused row is put at the next number, without reading the tail again.
    WithoutNewTail,
    /// The further rows of an append are put at once, not one after the other.
    RowsAtOnce,
    /// The tail is read with eventual consistency, so it may show an earlier state.
    WithoutConsistentTail,
    /// Messages older than 14 days are logged like others.
    WithoutAgeOfMessages,
    /// The inbox rows are moved after the append.
    LoggedBeforeMove,
    /// A log without a current row is numbered by the clock, without a start row.
    WithoutStartRow,
    /// A start row is written without a condition.
    StartOverwritten,
    /// A log without a current row always starts anew, also while its last number is certain.
    WithoutRenewal,
    /// A start row is renewed however old the newest row is.
    RenewedHoweverOld,
    /// The last number is that of the newest row, however old.
    NumbersOfOldRows,
    /// Rows may be deleted as soon as they aren't current.
    WithoutMargin,
    /// The client's read is eventually consistent.
    WithoutConsistentRead,
    /// The client's read goes on beyond a gap.
    WithoutGapRule,
    /// An old gap ends a read like a young one.
    WithoutAgeOfGaps,
    /// A cursor never expires by its own time.
    WithoutAgeOfCursors,
    /// A cursor is valid if a row has its number.
    WithoutTimeInCursor,
    /// After 410, the client lists everything first and takes the end of the log then.
    ListedBeforeEnd,
}

#[derive(Clone, Copy, Debug)]
pub struct Events {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I12: a message whose record was handled has been logged.
    Logged,
    /// I12: a message is logged once. The log is shorter than the tail in which an append looks for its changes.
    Once,
    /// I12: a message is logged after its move.
    MovedFirst,
    /// I13: a client has all events up to its cursor, from the log or from the lists.
    NotPassed,
    /// I13: a client is given an event once.
    GivenOnce,
    /// I13: a client that begins to read when all is done, and reads to the end, has all events.
    CaughtUp,
    /// I14: numbers are dense, except after a start row, and no number is put below an earlier one.
    Dense,
}

/// The age in steps at which a row, a start row, a cursor or a message is no longer current: 14 days in the code.
const CURRENT: u8 = 2;
/// The age until which the last number is certain, because no later row can have been deleted: 14.5 days.
const CERTAIN: u8 = 3;
/// The age at which a row may be deleted: 15 days. There are two steps in between: the time of a row may be a step
/// too early, and so may the clock of a function that reads the log.
const EXPIRED: u8 = 5;

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    log: Log,
    /// The current time, in steps.
    clock: u8,
    /// The times at which messages were sent.
    sent: Vec<u8>,
    /// Messages that the lists show.
    moved: Positions,
    /// Messages whose records are due for delivery or redelivery.
    due: Positions,
    /// Messages whose delivery succeeded.
    delivered: Positions,
    invocations: Vec<Invocation>,
    /// Writes whose senders no longer wait, and the calls of these.
    late: Vec<(Write, Span)>,
    client: Client,
    had_accident: bool,
    faults: u8,
}

/// The log's rows and their history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Log {
    /// The rows, in ascending order.
    rows: Vec<Row>,
    start: Option<Mark>,
    /// Messages that were ever logged.
    logged: Positions,
    /// The greatest number so far.
    greatest: u8,
    is_dense: bool,
    has_doubles: bool,
}

/// The number and the time of a row or of the start row: a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Mark {
    number: u8,
    at: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    mark: Mark,
    messages: Positions,
}

/// A write that others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Write {
    Row(Row),
    Start { seen: Option<Mark>, start: Mark },
}

/// The time at which a call began, and the last one at which it may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Span {
    began: u8,
    until: u8,
}

/// An invocation with a batch of records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Invocation {
    batch: Positions,
    span: Span,
    has_moved: bool,
    tries: u8,
    next: Call,
}

/// The calls of an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Call {
    ReadTail,
    ReadStart {
        newest: Option<Mark>,
        changes: Positions,
    },
    WriteStart {
        seen: Option<Mark>,
        start: Mark,
        changes: Positions,
    },
    /// The next call puts the first row, or any if they are put at once.
    Put {
        rows: Vec<Row>,
        has_failed: bool,
    },
    /// All changes are logged.
    Done,
    /// All attempts failed.
    GivenUp,
}

/// A client with the state of all lists, which follows the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Client {
    cursor: Option<Mark>,
    /// Messages from the lists or from the log.
    known: Positions,
    /// Messages from the log, since the last listing.
    given: Positions,
    /// The call under way.
    span: Span,
    next: Read,
    was_given_twice: bool,
    is_behind: bool,
}

/// The calls of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Read {
    Idle,
    /// The end of the log is to be taken.
    End,
    LookForStart {
        newest: Option<Mark>,
    },
    WriteStart {
        seen: Option<Mark>,
        start: Mark,
    },
    List,
    /// A Query of the rows after the cursor, at number `next`. `has_row` is whether the cursor's row is there.
    Query {
        has_row: bool,
        next: u8,
        page: Page,
    },
    /// The start row is to be compared with the cursor, for which there is no row.
    CheckStart(Page),
}

/// The rows that a read has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Page {
    last: Mark,
    rows: u8,
    messages: Positions,
    /// All work was done when the read began, and no other has begun.
    is_final: bool,
}

/// The last number of a log without a current row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Known(Mark),
    /// The start row is to be written.
    Write(Mark),
}

impl Log {
    fn newest(&self) -> Option<Mark> {
        Some(self.rows.last()?.mark)
    }
}

impl State {
    fn age(&self, at: u8) -> u8 {
        self.clock.saturating_sub(at)
    }

    /// The number of messages that were sent.
    fn sent(&self) -> u8 {
        self.sent.len().try_into().unwrap_or(u8::MAX)
    }

    fn sent_at(&self, message: u8) -> u8 {
        self.sent[usize::from(message)]
    }

    /// Maps equivalent states to the same form.
    fn normalized(mut self) -> Self {
        self.invocations.sort_unstable();
        self.late.sort_unstable();
        let is_done = self.is_done();
        match &mut self.client.next {
            Read::Query { page, .. } | Read::CheckStart(page) => page.is_final &= is_done,
            // The call begins with its next step.
            Read::Idle | Read::End | Read::List => self.client.span = Span { began: 0, until: u8::MAX },
            _ => {}
        }
        self
    }

    /// The spans of all calls under way.
    fn spans(&self) -> impl Iterator<Item = Span> {
        let invocations = self.invocations.iter().map(|invocation| invocation.span);
        let late = self.late.iter().map(|(_, span)| *span);
        invocations.chain(late).chain([self.client.span])
    }

    /// The span of a call that begins now. It may last into the next step of time, unless a call from the last
    /// step is under way: all overlapping calls together are shorter than a step.
    fn span(&self) -> Span {
        let is_after_change = self.spans().all(|span| span.until > self.clock);
        Span { began: self.clock, until: self.clock + u8::from(is_after_change) }
    }

    fn is_done(&self) -> bool {
        self.due.is_empty() && self.invocations.is_empty() && self.late.is_empty()
    }

    /// This state with one fault fewer left. Returns `None` if none is left.
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    /// This state with the next call of the invocation `number`.
    fn with(&self, number: usize, next: Call) -> Self {
        let mut state = self.clone();
        state.invocations[number].next = next;
        state
    }

    fn with_client(&self, client: Client) -> Self {
        Self { client, ..self.clone() }
    }
}

impl Events {
    fn is(&self, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm
    }

    /// Whether a row has the number and the time of a cursor.
    fn has_row(&self, state: &State, cursor: Mark) -> bool {
        let has_time = |mark: Mark| mark.at == cursor.at || self.is(Algorithm::WithoutTimeInCursor);
        state.log.rows.iter().any(|row| row.mark.number == cursor.number && has_time(row.mark))
    }

    /// Whether the start row has the number and the time of a cursor.
    fn has_start(&self, state: &State, cursor: Mark) -> bool {
        let has_time = |mark: Mark| mark.at == cursor.at || self.is(Algorithm::WithoutTimeInCursor);
        self.has_no_start()
            || state.log.start.is_some_and(|start| start.number == cursor.number && has_time(start))
    }

    fn has_no_start(&self) -> bool {
        matches!(self.algorithm, Algorithm::WithoutStartRow | Algorithm::KeyedByTime)
    }

    /// The number that a clock shows as the time `now`. The clocks of functions differ.
    fn clock_number(now: u8, is_ahead: bool) -> u8 {
        16 * (now + 1) + if is_ahead { 8 } else { 0 }
    }

    fn are_of_one_group(&self, message: u8, other: u8) -> bool {
        message % self.bounds.groups == other % self.bounds.groups
    }

    fn send(&self, state: &State, steps: &mut Steps<State>) {
        let message = state.sent();
        if message < self.bounds.messages {
            let mut next = state.clone();
            next.sent.push(state.clock);
            next.due = next.due.with(message);
            steps.add(next.normalized(), format_args!("message {message} is sent"));
        }
    }

    fn deliver(&self, state: &State, steps: &mut Steps<State>) {
        if state.invocations.len() == self.bounds.invocations {
            return;
        }
        for batch in Positions::first(state.sent()).subsets().filter(|batch| !batch.is_empty()) {
            let (next, how) = if batch.except(state.due).is_empty() {
                (Some(state.clone()), "")
            } else {
                (state.with_fault(), ", which needs not be")
            };
            let Some(mut next) = next else {
                continue;
            };
            next.due = next.due.except(batch);
            let mut span = state.span();
            let has_waited =
                |message: u8| state.due.contains(message) && state.sent_at(message) < state.clock;
            if batch.iter().any(has_waited) {
                span.until = state.clock;
            }
            next.invocations.push(Invocation {
                batch,
                span,
                has_moved: false,
                tries: 0,
                next: Call::ReadTail,
            });
            steps.add(next.normalized(), format_args!("a batch with {batch} is delivered{how}"));
        }
    }

    /// Adds every step of one invocation.
    fn invocation(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let Invocation { batch, span, has_moved, ref next, .. } = state.invocations[number];
        let who = format_args!("the invocation for {batch}");
        if !has_moved {
            self.moves(state, number, steps);
        }
        let waits = !has_moved && !self.is(Algorithm::LoggedBeforeMove);
        let nows = span.began..=state.clock;
        match next {
            Call::ReadTail => {
                let last = state.log.rows.len();
                let first = if self.is(Algorithm::WithoutConsistentTail) { 0 } else { last };
                for rows in first..=last {
                    for call in nows
                        .clone()
                        .flat_map(|now| self.after_tail(state, &state.log.rows[..rows], batch, now))
                    {
                        let what = format_args!("{who} reads the tail and {call}");
                        steps.add(finished(state.with(number, call.clone()), number).normalized(), what);
                    }
                }
            }
            Call::ReadStart { newest, changes } if !waits => {
                let seen = state.log.start;
                for (last, now) in self.lasts(seen, *newest, nows) {
                    let call = match last {
                        Last::Known(last) => self.put(*changes, last.number, now),
                        Last::Write(start) => Call::WriteStart { seen, start, changes: *changes },
                    };
                    let what = format_args!("{who} reads the start row and {call}");
                    steps.add(state.with(number, call.clone()).normalized(), what);
                }
            }
            Call::WriteStart { seen, start, changes } if !waits => {
                let write = Write::Start { seen: *seen, start: *start };
                let then = self.put(*changes, start.number, start.at);
                self.write(state, number, write, Some(then), steps);
            }
            Call::Put { rows, has_failed } if !waits => {
                let all = self.is(Algorithm::RowsAtOnce);
                for (index, row) in rows.iter().enumerate().take(if all { rows.len() } else { 1 }) {
                    let mut rows = rows.clone();
                    rows.remove(index);
                    let then = match (rows.is_empty(), has_failed) {
                        (true, true) => None,
                        (true, false) => Some(Call::Done),
                        (false, _) => Some(Call::Put { rows, has_failed: *has_failed }),
                    };
                    self.write(state, number, Write::Row(*row), then, steps);
                }
            }
            Call::GivenUp => {
                let mut next = state.clone();
                next.invocations.remove(number);
                next.due = next.due.and(batch);
                steps.add(next.normalized(), format_args!("{who} reports its records as failed"));
            }
            _ => {}
        }
        if let Some(mut next) = state.with_fault() {
            let invocation = next.invocations.remove(number);
            next.due = next.due.and(batch.except(next.delivered));
            if invocation.has_moved || !waits {
                let write = match invocation.next {
                    Call::WriteStart { seen, start, .. } => Some(Write::Start { seen, start }),
                    Call::Put { rows, .. } => rows.first().copied().map(Write::Row),
                    _ => None,
                };
                if let Some(write) = write {
                    let mut next = next.clone();
                    next.late.push((write, span));
                    steps.add(next.normalized(), format_args!("{who} dies, {write} is still on its way"));
                }
            }
            steps.add(next.normalized(), format_args!("{who} dies"));
        }
    }

    /// Adds the steps of the move of an invocation's groups.
    fn moves(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let Invocation { batch, ref next, .. } = state.invocations[number];
        let who = format_args!("the invocation for {batch}");
        let moved = |batch: Positions| {
            let is_moved = |message: u8| {
                batch.iter().any(|newest| message <= newest && self.are_of_one_group(message, newest))
            };
            let mut next = state.clone();
            next.moved = next.moved.and(Positions::first(state.sent()).filter(is_moved));
            next.invocations[number].has_moved = true;
            next.invocations[number].batch = batch;
            next
        };
        steps.add(finished(moved(batch), number).normalized(), format_args!("{who} moves the rows"));
        if *next != Call::ReadTail || state.faults == 0 {
            return;
        }
        for group in 0..self.bounds.groups {
            let failed = batch.filter(|message| self.are_of_one_group(message, group));
            if failed.is_empty() || failed == batch {
                continue;
            }
            let mut next = moved(batch.except(failed));
            next.faults -= 1;
            next.due = next.due.and(failed);
            steps.add(next.normalized(), format_args!("{who} moves the rows, but fails for {failed}"));
        }
    }

    /// The calls that may follow after the tail was read.
    fn after_tail(&self, state: &State, rows: &[Row], batch: Positions, now: u8) -> Vec<Call> {
        let age = |at: u8| now.saturating_sub(at);
        let held = match self.algorithm {
            Algorithm::WithoutLookIntoTail => Positions::NONE,
            _ => messages(rows),
        };
        let mut changes = batch.except(held);
        if !self.is(Algorithm::WithoutAgeOfMessages) {
            changes = changes.filter(|message| age(state.sent_at(message)) < CURRENT);
        }
        let newest = rows.last().map(|row| row.mark);
        if changes.is_empty() {
            return vec![Call::Done];
        }
        let by_clock = [false, true].map(|is_ahead| Self::clock_number(now, is_ahead));
        match (self.algorithm, newest) {
            (Algorithm::KeyedByTime, _) => {
                let key = |number: u8| Call::Put {
                    rows: changes
                        .iter()
                        .map(|message| Row {
                            mark: Mark { number: number + message, at: now },
                            messages: Positions::NONE.with(message),
                        })
                        .collect(),
                    has_failed: false,
                };
                by_clock.map(key).to_vec()
            }
            (Algorithm::NumbersOfOldRows, Some(newest)) => vec![self.put(changes, newest.number, now)],
            (_, Some(newest)) if age(newest.at) < CURRENT => vec![self.put(changes, newest.number, now)],
            (Algorithm::WithoutStartRow, _) => by_clock.map(|number| self.put(changes, number, now)).to_vec(),
            _ => vec![Call::ReadStart { newest, changes }],
        }
    }

    /// The possible last numbers of a log whose newest row is not current, by the clocks that show `nows`.
    fn lasts(&self, seen: Option<Mark>, newest: Option<Mark>, nows: RangeInclusive<u8>) -> Vec<(Last, u8)> {
        let last = |now: u8| [false, true].map(|is_ahead| (self.last(seen, newest, now, is_ahead), now));
        let mut lasts = nows.flat_map(last).collect::<Vec<_>>();
        lasts.dedup();
        lasts
    }

    fn last(&self, seen: Option<Mark>, newest: Option<Mark>, now: u8, is_ahead: bool) -> Last {
        let age = |at: u8| now.saturating_sub(at);
        let known = seen.max(newest);
        if let Some(known) = known.filter(|_| seen.is_some_and(|seen| age(seen.at) < CURRENT)) {
            return Last::Known(known);
        }
        let at = seen.map(|seen| seen.at).max(newest.map(|newest| newest.at));
        let is_certain = match self.algorithm {
            Algorithm::WithoutRenewal => false,
            Algorithm::RenewedHoweverOld => true,
            _ => at.is_some_and(|at| age(at) < CERTAIN),
        };
        let number = match known {
            Some(known) if is_certain => known.number,
            Some(known) => Self::clock_number(now, is_ahead).max(known.number + 1),
            None => Self::clock_number(now, is_ahead),
        };
        Last::Write(Mark { number, at: now })
    }

    /// The call that puts `changes` after the last number.
    fn put(&self, changes: Positions, last: u8, now: u8) -> Call {
        let changes = changes.iter().collect::<Vec<_>>();
        let rows = (last + 1..).zip(changes.chunks(self.bounds.changes)).map(|(number, messages)| Row {
            mark: Mark { number, at: now },
            messages: messages.iter().copied().fold(Positions::NONE, Positions::with),
        });
        Call::Put { rows: rows.collect(), has_failed: false }
    }

    /// Adds the steps of an invocation's write. Without `then`, the append starts again.
    fn write(
        &self,
        state: &State,
        number: usize,
        write: Write,
        then: Option<Call>,
        steps: &mut Steps<State>,
    ) {
        let Invocation { batch, span, tries, .. } = state.invocations[number];
        let who = format_args!("the invocation for {batch}");
        let go_on = |mut state: State, then: Option<Call>| {
            if let Some(then) = then {
                finished(state.with(number, then), number).normalized()
            } else {
                let invocation = &mut state.invocations[number];
                invocation.tries = tries + 1;
                invocation.next =
                    if invocation.tries == self.bounds.tries { Call::GivenUp } else { Call::ReadTail };
                state.normalized()
            }
        };
        // Rows that are put at once don't wait for each other.
        let again = match (&then, write) {
            (Some(Call::Put { rows, .. }), Write::Row(_)) if self.is(Algorithm::RowsAtOnce) => {
                Some(Call::Put { rows: rows.clone(), has_failed: true })
            }
            (_, Write::Row(row)) if self.is(Algorithm::WithoutNewTail) => {
                let changes = match &state.invocations[number].next {
                    Call::Put { rows, .. } => messages(rows),
                    _ => Positions::NONE,
                };
                Some(self.put(changes, row.mark.number, row.mark.at))
            }
            _ => None,
        };
        if let Some(next) = self.executed(state.clone(), write) {
            steps.add(go_on(next.clone(), then), format_args!("{who} writes {write}"));
            if let Some(next) = next.with_fault() {
                let what = format_args!("{who} writes {write}; the answer is lost");
                steps.add(go_on(next, again.clone()), what);
            }
        } else {
            steps.add(go_on(state.clone(), again.clone()), format_args!("{who} is refused {write}"));
        }
        if let Some(mut next) = state.with_fault() {
            let what = format_args!("{who} gets no answer to {write}, which is");
            steps.add(go_on(next.clone(), again.clone()), format_args!("{what} lost"));
            next.late.push((write, span));
            steps.add(go_on(next, again), format_args!("{what} still on its way"));
        }
    }

    /// The state after a write. Returns `None` if its condition fails.
    fn executed(&self, mut state: State, write: Write) -> Option<State> {
        let log = &mut state.log;
        match write {
            Write::Start { seen, start } => {
                if log.start != seen && !self.is(Algorithm::StartOverwritten) {
                    return None;
                }
                log.start = Some(start);
                log.greatest = log.greatest.max(start.number);
            }
            Write::Row(row) => {
                let place = log.rows.binary_search_by_key(&row.mark.number, |row| row.mark.number);
                match place {
                    Ok(place) if self.is(Algorithm::WithoutCondition) => {
                        log.logged = log.logged.except(log.rows[place].messages);
                        log.rows[place] = row;
                    }
                    Ok(_) => return None,
                    Err(place) => log.rows.insert(place, row),
                }
                log.has_doubles |= row.messages.iter().any(|message| log.logged.contains(message));
                log.is_dense &= row.mark.number == log.greatest + 1;
                log.logged = log.logged.and(row.messages);
                log.greatest = log.greatest.max(row.mark.number);
            }
        }
        Some(state)
    }

    /// Adds the steps of time and of the table.
    fn table(&self, state: &State, steps: &mut Steps<State>) {
        let now = state.clock;
        let may_pass = state.spans().all(|span| span.until > now)
            && state.due.iter().all(|message| state.sent_at(message) == now);
        if may_pass && now < self.bounds.clock {
            let next = State { clock: now + 1, ..state.clone() };
            steps.add(next.normalized(), format_args!("time {} begins", now + 1));
        }
        for (number, (write, _)) in state.late.iter().enumerate() {
            let mut gone = state.clone();
            gone.late.remove(number);
            match self.executed(gone.clone(), *write) {
                Some(next) => steps.add(next.normalized(), format_args!("{write} is written late")),
                None => steps.add(gone.normalized(), format_args!("the late write of {write} is refused")),
            }
        }
        let expired = if self.is(Algorithm::WithoutMargin) { CURRENT } else { EXPIRED };
        for (number, row) in state.log.rows.iter().enumerate() {
            if state.age(row.mark.at) >= expired {
                let mut next = state.clone();
                next.log.rows.remove(number);
                steps.add(next.normalized(), format_args!("the expired {row} is deleted"));
            }
        }
        self.accident(state, steps);
    }

    fn accident(&self, state: &State, steps: &mut Steps<State>) {
        if state.had_accident {
            return;
        }
        let is_quiet =
            state.invocations.is_empty() && state.late.is_empty() && state.client.next == Read::Idle;
        match self.bounds.accident {
            Some(Accident::LostRow) if is_quiet => {
                // The row before the newest one.
                if let Some(number) = state.log.rows.len().checked_sub(2) {
                    let mut next = State { had_accident: true, clock: state.clock + 1, ..state.clone() };
                    let row = next.log.rows.remove(number);
                    next.log.logged = next.log.logged.except(row.messages);
                    next.delivered = next.delivered.except(row.messages);
                    steps.add(next.normalized(), format_args!("time passes, and {row} is lost"));
                }
            }
            Some(Accident::Restore) if is_quiet => {
                for (number, row) in state.log.rows.iter().enumerate() {
                    if state.log.start.is_some_and(|start| start.number >= row.mark.number) {
                        continue;
                    }
                    // Nothing else has the time of a restored table's first rows.
                    let mut next = State { had_accident: true, clock: state.clock + 1, ..state.clone() };
                    let gone = messages(&next.log.rows.split_off(number));
                    next.log.greatest = row.mark.number - 1;
                    next.log.logged = next.log.logged.except(gone);
                    next.moved = next.moved.except(gone);
                    next.delivered = next.delivered.except(gone);
                    let what = format_args!("time passes, and the table is restored without {row}");
                    steps.add(next.normalized(), what);
                }
            }
            _ => {}
        }
    }

    /// The state after a client is told that its cursor is expired.
    fn expired(&self, state: &State) -> State {
        let next = if self.is(Algorithm::ListedBeforeEnd) { Read::List } else { Read::End };
        state.with_client(Client { cursor: None, next, ..state.client.clone() }).normalized()
    }

    /// Adds the client's steps.
    fn client(&self, state: &State, steps: &mut Steps<State>) {
        let client = &state.client;
        let now = state.clock;
        let span = if client.span.until == u8::MAX { state.span() } else { client.span };
        let nows = span.began..=now;
        let with = |next: Read| state.with_client(Client { span, next, ..client.clone() }).normalized();
        let ends = |cursor: Mark| {
            let next = if self.is(Algorithm::ListedBeforeEnd) { Read::Idle } else { Read::List };
            state.with_client(Client { cursor: Some(cursor), next, ..client.clone() }).normalized()
        };
        match &client.next {
            Read::Idle => match client.cursor {
                None => steps.add(self.expired(state), format_args!("the client starts")),
                Some(cursor) => {
                    if state.age(cursor.at) >= CURRENT && !self.is(Algorithm::WithoutAgeOfCursors) {
                        let what = format_args!("the client reads after {cursor}, which is too old: 410");
                        steps.add(self.expired(state), what);
                        return;
                    }
                    let has_row = self.has_row(state, cursor);
                    let page =
                        Page { last: cursor, rows: 0, messages: Positions::NONE, is_final: state.is_done() };
                    let read = Read::Query { has_row, next: cursor.number + 1, page };
                    let what = if has_row { "" } else { ", of which there is no row" };
                    steps.add(with(read), format_args!("the client reads after {cursor}{what}"));
                }
            },
            Read::End => {
                let newest = state.log.newest();
                let is_current =
                    |mark: &Mark| state.age(mark.at) < CURRENT || self.is(Algorithm::NumbersOfOldRows);
                let next = match newest.filter(is_current) {
                    Some(newest) => ends(newest),
                    None if self.has_no_start() => {
                        ends(Mark { number: Self::clock_number(now, false), at: now })
                    }
                    None => with(Read::LookForStart { newest }),
                };
                match next.client.cursor {
                    Some(end) => steps.add(next, format_args!("the client takes the end, {end}")),
                    None => steps.add(next, format_args!("the client finds no current row for the end")),
                }
            }
            Read::LookForStart { newest } => {
                let seen = state.log.start;
                for (last, _) in self.lasts(seen, *newest, nows) {
                    match (last, seen) {
                        (Last::Known(_), Some(start)) => {
                            steps.add(
                                ends(start),
                                format_args!("the client takes the end, start row {start}"),
                            );
                        }
                        (Last::Write(start), _) => {
                            let what = format_args!("the client plans start row {start}");
                            steps.add(with(Read::WriteStart { seen, start }), what);
                        }
                        (Last::Known(_), None) => {}
                    }
                }
            }
            Read::WriteStart { seen, start } => {
                let write = Write::Start { seen: *seen, start: *start };
                if let Some(next) = self.executed(state.clone(), write) {
                    let then = ends(*start).client;
                    steps.add(next.with_client(then).normalized(), format_args!("the client writes {write}"));
                } else {
                    steps.add(with(Read::End), format_args!("the client is refused {write}"));
                }
                if let Some(mut next) = state.with_fault() {
                    next.late.push((write, client.span));
                    next.client.next = Read::End;
                    let what =
                        format_args!("the client gets no answer to {write}, which is still on its way");
                    steps.add(next.normalized(), what);
                }
            }
            Read::List => {
                let next = if self.is(Algorithm::ListedBeforeEnd) { Read::End } else { Read::Idle };
                let known = client.known.and(state.moved);
                let client = Client { known, given: Positions::NONE, next, ..client.clone() };
                let next = state.with_client(client).normalized();
                steps.add(next, format_args!("the client lists {}", state.moved));
            }
            Read::Query { .. } => self.query(state, steps),
            Read::CheckStart(page) => {
                if client.cursor.is_some_and(|cursor| self.has_start(state, cursor)) {
                    let what = format_args!("the client is given {} after the start row", page.messages);
                    steps.add(answered(state, *page).normalized(), what);
                } else {
                    steps.add(self.expired(state), format_args!("the client's cursor is nowhere: 410"));
                }
            }
        }
    }

    /// Adds the steps of the client's Query, row by row.
    fn query(&self, state: &State, steps: &mut Steps<State>) {
        let client = &state.client;
        let Read::Query { has_row, next, page } = client.next else {
            return;
        };
        let with = |next: Read| state.with_client(Client { next, ..client.clone() }).normalized();
        let ended = |page: Page| {
            if has_row { answered(state, page).normalized() } else { with(Read::CheckStart(page)) }
        };
        if self.is(Algorithm::WithoutConsistentRead) {
            steps.add(ended(page), format_args!("the client's Query shows an earlier state, and ends"));
        }
        // A number that is free now may be put before the Query reads on.
        if next == state.log.greatest + 1 && next <= page.last.number + 2 {
            let read = Read::Query { has_row, next: next + 1, page };
            steps.add(with(read), format_args!("the client's Query passes {next}"));
        }
        let Some(row) = state.log.rows.iter().find(|row| row.mark.number >= next) else {
            steps.add(ended(page), format_args!("the client's Query ends with {}", page.messages));
            return;
        };
        let has_rule = !matches!(self.algorithm, Algorithm::WithoutGapRule | Algorithm::KeyedByTime);
        if row.mark.number != page.last.number + 1 && has_rule {
            // Within a step of time, a gap may be younger than a minute or older.
            let is_old = state.age(row.mark.at) > 0;
            let is_answered = page.rows > 0 || self.is(Algorithm::WithoutAgeOfGaps);
            if !is_old || is_answered {
                steps.add(ended(page), format_args!("the client's Query stops at the gap before {row}"));
            }
            if !is_answered {
                let what = format_args!("the client's Query meets an old gap before {row}: 410");
                steps.add(self.expired(state), what);
            }
            return;
        }
        let (rows, messages) = (page.rows + 1, page.messages.and(row.messages));
        let page = Page { last: row.mark, rows, messages, ..page };
        let next = if rows == self.bounds.limit {
            ended(page)
        } else {
            with(Read::Query { has_row, next: row.mark.number + 1, page })
        };
        steps.add(next, format_args!("the client's Query reads {row}"));
    }
}

/// The messages in `rows`.
fn messages<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Positions {
    rows.into_iter().fold(Positions::NONE, |all, row| all.and(row.messages))
}

/// The state after the client has received a page.
fn answered(state: &State, page: Page) -> State {
    let mut next = state.clone();
    let client = &mut next.client;
    client.was_given_twice |= page.messages.except(client.given) != page.messages;
    client.given = client.given.and(page.messages);
    client.known = client.known.and(page.messages);
    client.cursor = Some(page.last);
    client.next = Read::Idle;
    if page.rows == 0 && page.is_final {
        client.is_behind |= !state.log.logged.except(client.known).is_empty();
    }
    next
}

/// Ends the invocation `number` if its rows are moved and its changes are logged.
fn finished(mut state: State, number: usize) -> State {
    let Invocation { batch, has_moved, ref next, .. } = state.invocations[number];
    if has_moved && *next == Call::Done {
        state.delivered = state.delivered.and(batch);
        state.due = state.due.except(batch);
        state.invocations.remove(number);
    }
    state
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of time {}", self.number, self.at)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} with {}", self.mark, self.messages)
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row) => row.fmt(f),
            Self::Start { start, .. } => write!(f, "start row {start}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadTail => f.write_str("reads the tail"),
            Self::ReadStart { .. } => f.write_str("finds no current row"),
            Self::WriteStart { start, .. } => write!(f, "plans start row {start}"),
            Self::Put { rows, .. } => {
                f.write_str("plans ")?;
                rows.iter()
                    .enumerate()
                    .try_for_each(|(number, row)| write!(f, "{}{row}", if number == 0 { "" } else { ", " }))
            }
            Self::Done => f.write_str("has nothing to log"),
            Self::GivenUp => f.write_str("gives up"),
        }
    }
}

impl Model for Events {
    type State = State;
    type Property = Property;

    /// A log with its history. The client took the end of the log before.
    fn initial(&self) -> State {
        let history = Positions::first(self.bounds.history);
        let start = Mark { number: 4, at: 0 };
        let cursor = (!history.is_empty()).then_some(start);
        let row = |message: u8| Row {
            mark: Mark { number: start.number + 1 + message, at: 0 },
            messages: Positions::NONE.with(message),
        };
        State {
            log: Log {
                rows: history.iter().map(row).collect(),
                start: cursor,
                logged: history,
                greatest: if history.is_empty() { 0 } else { start.number + self.bounds.history },
                is_dense: true,
                has_doubles: false,
            },
            clock: 0,
            sent: vec![0; usize::from(self.bounds.history)],
            moved: history,
            due: Positions::NONE,
            delivered: history,
            invocations: Vec::new(),
            late: Vec::new(),
            client: Client {
                cursor,
                known: Positions::NONE,
                given: Positions::NONE,
                span: Span { began: 0, until: u8::MAX },
                next: Read::Idle,
                was_given_twice: false,
                is_behind: false,
            },
            had_accident: false,
            faults: self.bounds.faults,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        self.send(state, steps);
        self.deliver(state, steps);
        for number in 0..state.invocations.len() {
            self.invocation(state, number, steps);
        }
        self.table(state, steps);
        self.client(state, steps);
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let State { log, client, .. } = state;
        let is_old = |message: u8| state.age(state.sent_at(message)) >= CURRENT;
        // Other cursors are answered with 410.
        let cursor =
            client.cursor.filter(|cursor| self.has_row(state, *cursor) || self.has_start(state, *cursor));
        let passed =
            log.rows.iter().filter(|row| cursor.is_some_and(|cursor| row.mark.number <= cursor.number));
        let is_being_reset = matches!(
            client.next,
            Read::List | Read::End | Read::LookForStart { .. } | Read::WriteStart { .. }
        );
        let properties = [
            (Property::Logged, state.delivered.except(log.logged).iter().all(is_old)),
            (Property::Once, !log.has_doubles),
            (Property::MovedFirst, messages(&log.rows).except(state.moved).is_empty()),
            (Property::NotPassed, is_being_reset || messages(passed).except(client.known).is_empty()),
            (Property::GivenOnce, !client.was_given_twice),
            (Property::CaughtUp, !client.is_behind),
            (Property::Dense, log.is_dense),
        ];
        properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.is_done()
    }
}
