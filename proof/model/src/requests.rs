//! A model of message requests: the answers of the receiver, the messages of both members, and the move of the receiver's
//! row from the requests to the inbox.
//!
//! The stranger's first message opens the group. The answers of each of the receiver's devices come one after the other.
//! At every step, the adversary decides:
//! - which call of which answer, message or invocation comes next;
//! - which record is delivered next, to how many concurrent invocations, and how often;
//! - what the index shows: the stored row, any earlier image of it, or none;
//! - while [`Bounds::faults`] lasts, one fault each: the response to the write of an answer is lost; the write is not
//!   executed, but its sender can't know; it is executed late, after its sender stopped waiting; an invocation dies and
//!   its write is executed late.
//!
//! A transaction becomes visible at once. An answer reads its rows one after the other, so it sees rows from before and
//! after a transaction anyway. A message's place is its number. [`crate::sends`] models keys and repeated sends, and
//! [`crate::moves`] the pages of a search.

use std::fmt;

use crate::checker::{Model, Steps};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The answers of each device, in order.
    pub devices: [&'static [Answer]; 2],
    /// Messages of the stranger, at most 3, which may be sent at the same time.
    pub sends: usize,
    /// Read markers of the receiver: other writes to the member state.
    pub marks: u8,
    /// Concurrent invocations of the stream handler. If 0, no record is delivered.
    pub invocations: usize,
    /// Total number of faults.
    pub faults: u8,
    /// Attempts of an answer (8 in the code). Fewer make more answers fail.
    pub tries: u8,
}

/// An answer to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    Accept,
    Decline,
    /// A message of the receiver, which accepts.
    Reply,
}

/// The algorithm: the design's, or the design's without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// An answer has no condition on the version of the member state.
    WithoutVersion,
    /// An answer does not require that the membership has a request.
    WithoutRequestCondition,
    /// An answer writes only the membership.
    WithoutState,
    /// A request that is declined is not declined again.
    WithoutFence,
    /// The same, from the second attempt on.
    FenceAtFirst,
    /// The fence takes the request from the membership, which is read before the version.
    FenceWithEarlierRead,
    /// A decline without a response whose group is accepted by then is refused. By design its outcome is unknown.
    DoubtAsRefusal,
    /// A reply without a response whose group is accepted by then is planned again, as another message.
    DoubtAsChange,
    /// A reply stores its message, and then accepts.
    ReplyInTwoWrites,
    /// A send does not read the request.
    WithoutCheckInSend,
    /// The transaction that opens the group does not put the receiver's state.
    WithoutStateInOpening,
    /// An image of the member state replaces the row's, whatever its version.
    WithoutStateVersion,
    /// The Delete of a move has no condition.
    WithoutGuard,
    /// The condition of a move covers the row's existence, and no attribute.
    GuardWithoutAttributes,
    /// A move to the inbox puts the row, and then deletes that of the requests.
    CarryInTwoWrites,
    /// A search reads only the inbox.
    SearchWithoutRequests,
    /// A search reads the requests only while the membership has a request.
    SearchByRequest,
    /// A search reads the inbox before the requests.
    InboxSearchedFirst,
}

#[derive(Clone, Copy, Debug)]
pub struct Requests {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// I22: membership and member state agree.
    Agreement,
    /// I22: the receiver has exactly one row.
    OneRow,
    /// I22: the row moves only from the requests to the inbox.
    OnlyForward,
    /// I17: at rest, the row is the join of all messages and the member state, and in the partition of the request.
    Joined,
    /// A search finds a row.
    Located,
    /// An accepted group stays accepted.
    StaysAccepted,
    /// At rest, the request is as the last answer wants it that got a response.
    LastWins,
    /// Until the acceptance, the stranger stores one message.
    OneMessage,
    /// A stored message of the receiver accepts the group.
    ReplyAccepts,
    /// I6: a reply stores at most one message.
    Once,
    /// A refused answer changes nothing.
    RefusedIsNotStored,
}

/// The request in a row: `Accepted` if the attribute is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Request {
    Pending,
    Declined,
    #[default]
    Accepted,
}

/// The receiver's state, which is absent at version 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct MemberState {
    version: u8,
    request: Request,
}

/// The rows that answers and messages read and write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Rows {
    /// `None` if the group does not exist.
    membership: Option<Request>,
    state: MemberState,
    /// The place of the newest message.
    newest: u8,
}

/// An image of the receiver's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Row {
    at: u8,
    state: MemberState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Record {
    Message(u8),
    State(MemberState),
}

/// The progress of a device's current answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Progress {
    answer: Answer,
    /// Attempts that are left.
    tries: u8,
    /// A decline that was under way together with an acceptance.
    is_contested: bool,
    /// The response to a write is missing.
    is_in_doubt: bool,
    /// A write was executed without a response.
    is_executed: bool,
    /// The version of the state that the first attempt read. `None` before that.
    first: Option<u8>,
    next: Call,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Call {
    ReadMembership,
    /// With the request that the membership showed.
    ReadState(Request),
    /// The answer, if the state has this version.
    Write {
        version: u8,
    },
    /// A reply in an accepted group.
    PutMessage,
}

/// The write of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Write {
    answer: Answer,
    version: u8,
    device: usize,
    /// The number of the device's answer.
    number: usize,
}

/// The progress of a message of the stranger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Send {
    #[default]
    Planned,
    Opening,
    Writing,
    Refused,
    Stored,
}

/// An invocation of the stream handler with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Invocation {
    record: Record,
    /// Searches leave out the requests.
    skips_requests: bool,
    next: MoveCall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum MoveCall {
    /// Replaces the image by the join.
    Replace(Row),
    /// Deletes the row of the requests, after the row of the inbox was put.
    Delete(Row),
    /// Reads the first or the second partition.
    Search { is_second: bool, found: Option<Row> },
}

/// The write of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Replace {
    image: Row,
    joined: Row,
}

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    rows: Rows,
    /// The number of answers that each device has begun.
    begun: [usize; 2],
    answers: [Option<Progress>; 2],
    /// Whether the last answer with a response accepts. `None` if an acceptance was under way together with that decline,
    /// or an answer has failed since.
    wanted: Option<bool>,
    late: Vec<Write>,
    sends: [Send; 3],
    marks: u8,
    /// All records, and whether their delivery succeeded.
    stream: Vec<(Record, bool)>,
    /// The receiver's rows in both partitions.
    inbox: Vec<Row>,
    /// All images of the row so far.
    images: Vec<Row>,
    invocations: Vec<Invocation>,
    late_moves: Vec<Replace>,
    faults: u8,
    /// The property that the last step has broken.
    broken: Option<Property>,
}

impl Answer {
    fn accepts(self) -> bool {
        self != Self::Decline
    }
}

impl Row {
    /// The partition: the inbox or the requests.
    fn is_in_inbox(self) -> bool {
        self.state.request == Request::Accepted
    }

    fn key(self) -> (bool, u8) {
        (self.is_in_inbox(), self.at)
    }
}

impl State {
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    fn with_answer(&self, device: usize, progress: Option<Progress>) -> Self {
        let mut state = self.clone();
        state.answers[device] = progress;
        state
    }

    fn with_send(&self, place: usize, send: Send) -> Self {
        let mut state = self.clone();
        state.sends[place] = send;
        state
    }

    fn with_invocation(&self, invocation: Invocation) -> Self {
        let mut state = self.clone();
        state.invocations.push(invocation);
        state.invocations.sort_unstable();
        state
    }

    fn with_delivered(mut self, record: Record) -> Self {
        for (other, is_delivered) in &mut self.stream {
            *is_delivered |= *other == record;
        }
        self
    }

    fn with_inbox(&self, mut inbox: Vec<Row>) -> Self {
        inbox.sort_unstable();
        let mut state = self.clone();
        let is_new = |row: &&Row| !row.is_in_inbox() && !self.inbox.contains(row);
        if self.inbox.iter().any(|row| row.is_in_inbox()) && inbox.iter().any(|row| is_new(&row)) {
            state.broken = Some(Property::OnlyForward);
        }
        state.images.extend(&inbox);
        state.images.sort_unstable();
        state.images.dedup();
        State { inbox, ..state }
    }
}

impl Requests {
    fn is(&self, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm
    }

    /// The state with other rows, and the records of the changes.
    fn stored(&self, state: &State, rows: Rows) -> State {
        let mut next = State { rows, ..state.clone() };
        let was_accepted = state.rows.membership == Some(Request::Accepted);
        if was_accepted && rows.membership != Some(Request::Accepted) {
            next.broken = Some(Property::StaysAccepted);
        }
        if self.bounds.invocations > 0 {
            let message = (rows.newest > state.rows.newest).then_some(Record::Message(rows.newest));
            let member_state = (rows.state != state.rows.state).then_some(Record::State(rows.state));
            next.stream.extend(message.into_iter().chain(member_state).map(|record| (record, false)));
            next.stream.sort_unstable();
            next.stream.dedup_by_key(|(record, _)| *record);
        }
        next
    }

    /// The rows after the write of an answer. Returns `None` if its conditions fail.
    fn executed(&self, rows: Rows, write: Write) -> Option<Rows> {
        let has_request =
            rows.membership != Some(Request::Accepted) || self.is(Algorithm::WithoutRequestCondition);
        let has_version = rows.state.version == write.version || self.is(Algorithm::WithoutVersion);
        if !has_request || !has_version {
            return None;
        }
        let request = if write.answer.accepts() { Request::Accepted } else { Request::Declined };
        let written = MemberState { version: write.version + 1, request };
        let state = if self.is(Algorithm::WithoutState) { rows.state } else { written };
        let newest = rows.newest + u8::from(write.answer == Answer::Reply);
        Some(Rows { membership: Some(request), state, newest })
    }

    fn begin(&self, state: &State, device: usize, steps: &mut Steps<State>) {
        let Some(&answer) = self.bounds.devices[device].get(state.begun[device]) else { return };
        if state.rows.membership.is_none() {
            return;
        }
        let is_under_way = state.answers.iter().flatten().any(|other| other.answer.accepts());
        let progress = Progress {
            answer,
            tries: self.bounds.tries,
            is_contested: !answer.accepts() && is_under_way,
            is_in_doubt: false,
            is_executed: false,
            first: None,
            next: Call::ReadMembership,
        };
        let mut next = state.with_answer(device, Some(progress));
        next.begun[device] += 1;
        for other in next.answers.iter_mut().flatten() {
            other.is_contested |= !other.answer.accepts() && answer.accepts();
        }
        steps.add(next, format_args!("{answer}: begins"));
    }

    fn answer_steps(&self, state: &State, device: usize, steps: &mut Steps<State>) {
        let Some(progress) = state.answers[device] else { return self.begin(state, device, steps) };
        let Progress { answer, tries, .. } = progress;
        match progress.next {
            Call::ReadMembership => {
                let request = state.rows.membership.unwrap_or_default();
                let with = |next| state.with_answer(device, Some(Progress { next, ..progress }));
                let next = match (request, answer) {
                    (Request::Accepted, Answer::Accept) => answered(state, device, progress),
                    (Request::Accepted, Answer::Decline) => self.refused(state, device, progress),
                    (Request::Accepted, Answer::Reply) => with(Call::PutMessage),
                    (_, Answer::Reply) if self.is(Algorithm::ReplyInTwoWrites) => with(Call::PutMessage),
                    _ => with(Call::ReadState(request)),
                };
                steps.add(next, format_args!("{answer}: reads the membership, {request:?}"));
            }
            Call::ReadState(of_membership) => {
                let MemberState { version, request } = state.rows.state;
                let first = progress.first.unwrap_or(version);
                // A greater version fences every write that was under way when the answer began, if the request is of the
                // same read.
                let is_fenced = match self.algorithm {
                    Algorithm::WithoutFence => true,
                    Algorithm::FenceAtFirst => tries < self.bounds.tries,
                    _ => version > first,
                };
                let request = if self.is(Algorithm::FenceWithEarlierRead) { of_membership } else { request };
                if answer == Answer::Decline && is_fenced && request == Request::Declined {
                    let next = answered(state, device, progress);
                    steps.add(next, format_args!("{answer}: reads state {version}, and is answered"));
                    return;
                }
                let next = Progress { first: Some(first), next: Call::Write { version }, ..progress };
                let next = state.with_answer(device, Some(next));
                steps.add(next, format_args!("{answer}: reads state {version}"));
            }
            Call::Write { version } => self.write_steps(state, device, progress, version, steps),
            Call::PutMessage => {
                let rows = Rows { newest: state.rows.newest + 1, ..state.rows };
                let stored = self.stored(state, rows);
                let mut next = answered(&stored, device, progress);
                if rows.membership != Some(Request::Accepted) {
                    next.broken = Some(Property::ReplyAccepts);
                }
                if progress.is_executed {
                    next.broken = Some(Property::Once);
                }
                steps.add(next, format_args!("{answer}: stores message {}", rows.newest));
            }
        }
    }

    /// The answer to a decline in an accepted group.
    fn refused(&self, state: &State, device: usize, progress: Progress) -> State {
        if progress.is_in_doubt && !self.is(Algorithm::DoubtAsRefusal) {
            return failed(state, device);
        }
        let mut next = state.with_answer(device, None);
        if progress.is_executed {
            next.broken = Some(Property::RefusedIsNotStored);
        }
        next
    }

    fn write_steps(
        &self,
        state: &State,
        device: usize,
        progress: Progress,
        version: u8,
        steps: &mut Steps<State>,
    ) {
        let answer = progress.answer;
        if answer == Answer::Reply && progress.is_executed {
            let next = answered(state, device, progress);
            steps.add(next, format_args!("{answer}: finds its message, and is answered"));
            // Until the message is visible, the membership alone shows a failed condition.
            if self.is(Algorithm::DoubtAsChange) {
                let next = repeated(state, device, progress, Call::ReadMembership);
                steps.add(next, format_args!("{answer}: finds the group accepted"));
            }
            return;
        }
        let write = Write { answer, version, device, number: state.begun[device] };
        let executed = self.executed(state.rows, write).map(|rows| self.stored(state, rows));
        if let Some(stored) = &executed {
            let next = answered(stored, device, progress);
            steps.add(next, format_args!("{answer}: writes, and is answered"));
        } else {
            let is_unknown = answer == Answer::Reply && progress.is_in_doubt;
            let again = || repeated(state, device, progress, Call::ReadMembership);
            let next = if is_unknown { failed(state, device) } else { again() };
            steps.add(next, format_args!("{answer}: is refused"));
        }
        let Some(faulty) = state.with_fault() else { return };
        // A reply is written again as it was. Another answer reads again.
        let again = if answer == Answer::Reply { progress.next } else { Call::ReadMembership };
        let progress = Progress { is_in_doubt: true, ..progress };
        if let Some(stored) = executed {
            let stored = State { faults: faulty.faults, ..stored };
            let progress = Progress { is_executed: true, ..progress };
            let next = repeated(&stored, device, progress, again);
            steps.add(next, format_args!("{answer}: the response is lost"));
        }
        let next = repeated(&faulty, device, progress, again);
        steps.add(next, format_args!("{answer}: is not executed"));
        let mut late = faulty;
        late.late.push(write);
        late.late.sort_unstable();
        let next = repeated(&late, device, progress, again);
        steps.add(next, format_args!("{answer}: is executed late"));
    }

    fn late_steps(&self, state: &State, steps: &mut Steps<State>) {
        for (place, write) in state.late.iter().enumerate() {
            let Write { answer, version, device, number } = *write;
            let mut gone = state.clone();
            gone.late.remove(place);
            let Some(rows) = self.executed(state.rows, *write) else {
                steps.add(gone, format_args!("a late {answer} of state {version} is refused"));
                continue;
            };
            let mut next = self.stored(&gone, rows);
            if state.begun[device] == number
                && let Some(progress) = &mut next.answers[device]
            {
                progress.is_executed = true;
            }
            steps.add(next, format_args!("a late {answer} of state {version} is executed"));
        }
    }

    fn send_steps(&self, state: &State, place: usize, steps: &mut Steps<State>) {
        let number = place + 1;
        let membership = state.rows.membership;
        match state.sends[place] {
            Send::Planned => {
                let is_checked = !self.is(Algorithm::WithoutCheckInSend);
                let send = match membership {
                    None => Send::Opening,
                    Some(Request::Pending | Request::Declined) if is_checked => Send::Refused,
                    Some(_) => Send::Writing,
                };
                let next = state.with_send(place, send);
                steps.add(next, format_args!("send {number}: reads the membership, {send:?}"));
            }
            Send::Opening if membership.is_some() => {
                let next = state.with_send(place, Send::Planned);
                steps.add(next, format_args!("send {number}: finds the group opened"));
            }
            Send::Opening => {
                let member_state = MemberState { version: 1, request: Request::Pending };
                let has_state = !self.is(Algorithm::WithoutStateInOpening);
                let rows = Rows {
                    membership: Some(Request::Pending),
                    state: if has_state { member_state } else { MemberState::default() },
                    newest: 1,
                };
                let version = rows.state.version;
                let row = Row { at: 1, state: MemberState { version, ..member_state } };
                let next = self.stored(&state.with_send(place, Send::Stored), rows).with_inbox(vec![row]);
                steps.add(next, format_args!("send {number}: opens the group"));
            }
            Send::Writing => {
                let rows = Rows { newest: state.rows.newest + 1, ..state.rows };
                let mut next = self.stored(&state.with_send(place, Send::Stored), rows);
                if membership != Some(Request::Accepted) {
                    next.broken = Some(Property::OneMessage);
                }
                steps.add(next, format_args!("send {number}: stores message {}", rows.newest));
            }
            Send::Refused | Send::Stored => {}
        }
    }

    fn join(&self, row: Row, record: Record) -> Row {
        match record {
            Record::Message(at) => Row { at: row.at.max(at), ..row },
            Record::State(state)
                if state.version > row.state.version || self.is(Algorithm::WithoutStateVersion) =>
            {
                Row { state, ..row }
            }
            Record::State(_) => row,
        }
    }

    fn deliver(&self, state: &State, steps: &mut Steps<State>) {
        if state.invocations.len() == self.bounds.invocations {
            return;
        }
        let skips_requests = match self.algorithm {
            Algorithm::SearchWithoutRequests => true,
            Algorithm::SearchByRequest => state.rows.membership == Some(Request::Accepted),
            _ => false,
        };
        for &(record, _) in &state.stream {
            for image in &state.images {
                let what = format_args!("{record} is delivered, the index shows {image}");
                if self.join(*image, record) == *image {
                    let next = state.clone().with_delivered(record);
                    if next != *state {
                        steps.add(next, format_args!("{what}: done"));
                    }
                } else {
                    let invocation = Invocation { record, skips_requests, next: MoveCall::Replace(*image) };
                    steps.add(state.with_invocation(invocation), what);
                }
            }
            let next = MoveCall::Search { is_second: skips_requests, found: None };
            let next = state.with_invocation(Invocation { record, skips_requests, next });
            steps.add(next, format_args!("{record} is delivered, the index shows nothing"));
        }
    }

    fn invocation_steps(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let invocation @ Invocation { record, skips_requests, next } = state.invocations[number];
        let mut gone = state.clone();
        gone.invocations.remove(number);
        let continued = |state: &State, next| state.with_invocation(Invocation { next, ..invocation });
        let who = format_args!("the invocation for {record}");
        match next {
            MoveCall::Replace(image) => {
                let replace = Replace { image, joined: self.join(image, record) };
                if let Some(inbox) = self.moved(state, replace) {
                    let moved = gone.with_inbox(inbox);
                    let is_carried = image.is_in_inbox() != replace.joined.is_in_inbox();
                    let next = if is_carried && self.is(Algorithm::CarryInTwoWrites) {
                        continued(&moved, MoveCall::Delete(image))
                    } else {
                        moved.with_delivered(record)
                    };
                    steps.add(next, format_args!("{who} replaces {image} by {}", replace.joined));
                } else {
                    let search = MoveCall::Search { is_second: skips_requests, found: None };
                    steps.add(continued(&gone, search), format_args!("{who} is refused"));
                }
                if let Some(faults) = state.faults.checked_sub(1) {
                    let mut next = State { faults, ..gone };
                    next.late_moves.push(replace);
                    next.late_moves.sort_unstable();
                    let what =
                        format_args!("{who} dies, its write of {} is still on its way", replace.joined);
                    steps.add(next, what);
                }
            }
            MoveCall::Delete(image) => {
                let inbox = state.inbox.iter().copied().filter(|row| *row != image).collect();
                let next = gone.with_inbox(inbox).with_delivered(record);
                steps.add(next, format_args!("{who} deletes {image}"));
            }
            MoveCall::Search { is_second, found } => {
                let of_inbox = is_second != self.is(Algorithm::InboxSearchedFirst);
                let rows = state.inbox.iter().copied().filter(|row| row.is_in_inbox() == of_inbox);
                let found = rows.max().or(found);
                let next = match found {
                    _ if !is_second => continued(&gone, MoveCall::Search { is_second: true, found }),
                    Some(row) if self.join(row, record) == row => gone.with_delivered(record),
                    Some(row) => continued(&gone, MoveCall::Replace(row)),
                    None => State { broken: Some(Property::Located), ..gone },
                };
                let partition = if of_inbox { "inbox" } else { "requests" };
                steps.add(next, format_args!("{who} searches the {partition}"));
            }
        }
    }

    /// The rows after the write of an invocation. Returns `None` if its condition fails.
    fn moved(&self, state: &State, Replace { image, joined }: Replace) -> Option<Vec<Row>> {
        let is_in_place = image.key() == joined.key();
        let is_deletable = |row: &Row| match self.algorithm {
            Algorithm::GuardWithoutAttributes => row.key() == image.key(),
            _ => *row == image,
        };
        let is_met = state.inbox.iter().any(is_deletable) || self.is(Algorithm::WithoutGuard) && !is_in_place;
        let is_free = is_in_place || state.inbox.iter().all(|row| row.key() != joined.key());
        let is_left = self.is(Algorithm::CarryInTwoWrites) && image.is_in_inbox() != joined.is_in_inbox();
        let others = state.inbox.iter().copied().filter(|row| is_left || row.key() != image.key());
        (is_met && is_free).then(|| others.chain([joined]).collect())
    }

    fn late_move_steps(&self, state: &State, steps: &mut Steps<State>) {
        for (place, replace) in state.late_moves.iter().enumerate() {
            let moved = self.moved(state, *replace);
            let mut next = moved.map_or_else(|| state.clone(), |inbox| state.with_inbox(inbox));
            next.late_moves.remove(place);
            steps.add(next, format_args!("a late write of {} over {}", replace.joined, replace.image));
        }
    }
}

fn answered(state: &State, device: usize, progress: Progress) -> State {
    let accepts = progress.answer.accepts();
    State { wanted: (!progress.is_contested).then_some(accepts), ..state.with_answer(device, None) }
}

/// The answer's outcome is unknown: 503.
fn failed(state: &State, device: usize) -> State {
    State { wanted: None, ..state.with_answer(device, None) }
}

/// Another attempt, or 503.
fn repeated(state: &State, device: usize, progress: Progress, next: Call) -> State {
    let tries = progress.tries - 1;
    if tries == 0 {
        return failed(state, device);
    }
    state.with_answer(device, Some(Progress { tries, next, ..progress }))
}

impl Model for Requests {
    type State = State;
    type Property = Property;

    fn initial(&self) -> State {
        State {
            rows: Rows::default(),
            begun: [0; 2],
            answers: [None; 2],
            wanted: None,
            late: Vec::new(),
            sends: [Send::Planned; 3],
            marks: self.bounds.marks,
            stream: Vec::new(),
            inbox: Vec::new(),
            images: Vec::new(),
            invocations: Vec::new(),
            late_moves: Vec::new(),
            faults: self.bounds.faults,
            broken: None,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        for device in 0..2 {
            self.answer_steps(state, device, steps);
        }
        self.late_steps(state, steps);
        for place in 0..self.bounds.sends {
            self.send_steps(state, place, steps);
        }
        if state.rows.membership.is_some() && state.marks > 0 {
            let version = state.rows.state.version + 1;
            let marked = MemberState { version, ..state.rows.state };
            let next = self.stored(state, Rows { state: marked, ..state.rows });
            let next = State { marks: state.marks - 1, ..next };
            steps.add(next, format_args!("the receiver marks a message as read: state {version}"));
        }
        self.deliver(state, steps);
        for number in 0..state.invocations.len() {
            self.invocation_steps(state, number, steps);
        }
        self.late_move_steps(state, steps);
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let Rows { membership, state: member_state, newest } = state.rows;
        let is_opened = membership.is_some();
        let request = membership.unwrap_or_default();
        let is_at_rest = self.is_at_rest(state);
        let joined = Row { at: newest, state: MemberState { request, ..member_state } };
        let is_delivered = is_opened && is_at_rest && self.bounds.invocations > 0;
        let is_wanted = state.wanted.is_none_or(|accepts| accepts == (request == Request::Accepted));
        let properties = [
            (Property::Agreement, !is_opened || request == member_state.request),
            (Property::OneRow, !is_opened || state.inbox.len() == 1),
            (Property::Joined, !is_delivered || state.inbox.contains(&joined)),
            (Property::LastWins, !is_at_rest || is_wanted),
        ];
        let broken = properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property);
        state.broken.into_iter().chain(broken)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        let is_done = |device: usize| {
            state.answers[device].is_none() && state.begun[device] == self.bounds.devices[device].len()
        };
        is_done(0)
            && is_done(1)
            && state.late.is_empty()
            && state.invocations.is_empty()
            && state.late_moves.is_empty()
            && state.stream.iter().all(|(_, is_delivered)| *is_delivered)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Reply => "reply",
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(at) => write!(f, "message {at}"),
            Self::State(state) => write!(f, "state {} ({:?})", state.version, state.request),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, state: MemberState { version, request } } = self;
        write!(f, "the row at {at} (state {version}, {request:?})")
    }
}
