//! A model of blocks: `block-user`, and the sends of the blocked user, with and without a group.
//!
//! The blocking user's requests come one after the other from each of their devices. At every step, the adversary decides
//! which call of which request or send comes next, and, while [`Bounds::faults`] lasts, one fault each: the response to a
//! write is lost; a write is not executed, but its sender can't know; a write is executed late, after its sender stopped
//! waiting. A request that fails is answered 503.
//!
//! A transaction becomes visible at once. A request reads its rows one after the other, so it sees rows from before and
//! after a transaction anyway.

use crate::checker::{Model, Steps};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The requests of each device, in order: `true` begins the block, `false` ends it.
    pub devices: [&'static [bool]; 2],
    /// Messages of the blocked user, at most 3, which may be sent at the same time.
    pub sends: usize,
    /// Read markers of the blocking user: other writes to the state.
    pub marks: u8,
    /// The group exists at first.
    pub has_group: bool,
    /// Total number of faults.
    pub faults: u8,
    /// Attempts of a request (8 in the code). Fewer make more requests fail.
    pub tries: u8,
}

/// The algorithm: the deployed one, or the deployed one without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// The writes have no condition on versions.
    WithoutVersions,
    /// The end of a block deletes its row, so the next row begins with the version of the first.
    WithoutKeptRow,
    /// A request that finds the rows as it wants them writes nothing.
    WithoutFence,
    /// The same, from the second attempt on.
    FenceAtFirst,
    /// A block without a group does not require that the group is absent.
    WithoutCheckOfGroup,
    /// The transaction that opens a group does not check for blocks.
    WithoutCheckInOpening,
    /// A send does not read the membership.
    WithoutRead,
    /// Only the block's own row and the membership are written.
    WithoutState,
}

#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I21: nothing that begins after a block was answered is stored.
    NothingSent,
    /// I21: block, membership and member state agree.
    Agreement,
    /// At rest, the block is as the last answered request wants it.
    LastWins,
}

/// A row with a version, which is absent at version 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Versioned {
    version: u8,
    is_blocked: bool,
}

/// The rows of the pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Rows {
    block: Versioned,
    /// `None` if the group does not exist; whether it shows the block.
    membership: Option<bool>,
    state: Versioned,
}

/// A write of `block-user` with the rows that it is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Write {
    begins: bool,
    seen: Rows,
}

/// The progress of a device's current request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Request {
    begins: bool,
    /// Attempts that are left.
    tries: u8,
    /// A request that wants the other was under way meanwhile.
    is_contested: bool,
    /// The version of the block that the first attempt read. `None` before that.
    first: Option<u8>,
    seen: Rows,
    next: Call,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Call {
    ReadBlock,
    ReadMembership,
    ReadState,
    Write,
}

/// The progress of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Send {
    #[default]
    Planned,
    Begun {
        may_be_stored: bool,
    },
    /// The membership was read.
    Writing {
        opens: bool,
        may_be_stored: bool,
    },
    Refused,
    Stored,
    /// Stored although it began after a block was answered.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    rows: Rows,
    /// The number of requests that each device has begun.
    begun: [usize; 2],
    requests: [Option<Request>; 2],
    /// What the last answered request wanted. `None` if one that wanted the other was under way meanwhile, or has failed
    /// since.
    wanted: Option<bool>,
    late: Vec<Write>,
    sends: [Send; 3],
    marks: u8,
    faults: u8,
}

impl State {
    /// Nobody may send: a block was answered, and no end of it has begun since or was under way.
    fn is_closed(&self) -> bool {
        let is_ending = self.requests.iter().flatten().any(|request| !request.begins);
        self.wanted == Some(true) && !is_ending
    }

    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    fn with_request(&self, device: usize, request: Option<Request>) -> Self {
        let mut state = self.clone();
        state.requests[device] = request;
        state
    }

    fn with_send(&self, place: usize, send: Send) -> Self {
        let mut state = self.clone();
        state.sends[place] = send;
        state
    }
}

impl Blocks {
    fn is_everywhere(rows: Rows, begins: bool) -> bool {
        rows.block.is_blocked == begins
            && rows.membership.is_none_or(|shows| shows == begins && rows.state.is_blocked == begins)
    }

    /// The rows after a write. Returns `None` if its conditions fail.
    fn executed(&self, rows: Rows, write: Write) -> Option<Rows> {
        let Write { begins, seen } = write;
        let is_checked = self.algorithm != Algorithm::WithoutVersions;
        if is_checked && rows.block.version != seen.block.version {
            return None;
        }
        let keeps_row = begins || self.algorithm != Algorithm::WithoutKeptRow;
        let version = if keeps_row { rows.block.version + 1 } else { 0 };
        let mut rows = Rows { block: Versioned { version, is_blocked: begins }, ..rows };
        if seen.membership.is_some() {
            if is_checked && rows.state.version != seen.state.version {
                return None;
            }
            rows.membership.as_mut().map(|shows| *shows = begins)?;
            if self.algorithm != Algorithm::WithoutState {
                rows.state = Versioned { version: rows.state.version + 1, is_blocked: begins };
            }
        } else if rows.membership.is_some() && self.algorithm != Algorithm::WithoutCheckOfGroup {
            return None;
        }
        Some(rows)
    }

    fn request_steps(&self, state: &State, device: usize, steps: &mut Steps<State>) {
        let Some(request) = state.requests[device] else { return self.begin(state, device, steps) };
        let name = if request.begins { "block" } else { "end" };
        let mut seen = request.seen;
        let next = match request.next {
            Call::ReadBlock => {
                seen.block = state.rows.block;
                Call::ReadMembership
            }
            Call::ReadMembership => {
                seen.membership = state.rows.membership;
                Call::ReadState
            }
            Call::ReadState => {
                seen.state = state.rows.state;
                // A greater version fences every write that was under way when the request began.
                let is_fenced = match self.algorithm {
                    Algorithm::WithoutFence => true,
                    Algorithm::FenceAtFirst => request.tries < self.bounds.tries,
                    _ => request.first.is_some_and(|first| seen.block.version > first),
                };
                if is_fenced && Self::is_everywhere(seen, request.begins) {
                    let next = Self::answered(state, device, request);
                    steps.add(next, format_args!("{name}: reads the state, and is answered"));
                    return;
                }
                Call::Write
            }
            Call::Write => return self.write_steps(state, device, request, steps),
        };
        let read = request.next;
        let first = request.first.or((read == Call::ReadBlock).then_some(seen.block.version));
        let next = state.with_request(device, Some(Request { first, seen, next, ..request }));
        steps.add(next, format_args!("{name}: {read:?}"));
    }

    fn begin(&self, state: &State, device: usize, steps: &mut Steps<State>) {
        let Some(&begins) = self.bounds.devices[device].get(state.begun[device]) else { return };
        let request = Request {
            begins,
            tries: self.bounds.tries,
            is_contested: state.requests.iter().flatten().any(|other| other.begins != begins),
            first: None,
            seen: Rows::default(),
            next: Call::ReadBlock,
        };
        let mut next = state.with_request(device, Some(request));
        next.begun[device] += 1;
        for other in next.requests.iter_mut().flatten() {
            other.is_contested |= other.begins != begins;
        }
        if !begins {
            // Whatever is under way now may be stored.
            for send in &mut next.sends {
                if let Send::Begun { may_be_stored } | Send::Writing { may_be_stored, .. } = send {
                    *may_be_stored = true;
                }
            }
        }
        steps.add(next, format_args!("{}: begins", if begins { "block" } else { "end" }));
    }

    fn write_steps(&self, state: &State, device: usize, request: Request, steps: &mut Steps<State>) {
        let name = if request.begins { "block" } else { "end" };
        let write = Write { begins: request.begins, seen: request.seen };
        let executed = self.executed(state.rows, write);
        match executed {
            Some(rows) => {
                let next = Self::answered(&State { rows, ..state.clone() }, device, request);
                steps.add(next, format_args!("{name}: writes, and is answered"));
            }
            None => steps.add(Self::repeated(state, device, request), format_args!("{name}: is refused")),
        }
        let Some(faulty) = state.with_fault() else { return };
        let lost = State { rows: executed.unwrap_or(state.rows), ..faulty.clone() };
        steps.add(Self::repeated(&lost, device, request), format_args!("{name}: the response is lost"));
        steps.add(Self::repeated(&faulty, device, request), format_args!("{name}: is not executed"));
        let mut late = faulty;
        late.late.push(write);
        late.late.sort_unstable();
        steps.add(Self::repeated(&late, device, request), format_args!("{name}: is executed late"));
    }

    /// Another attempt, or 503.
    fn repeated(state: &State, device: usize, request: Request) -> State {
        let tries = request.tries - 1;
        if tries == 0 {
            return State { wanted: None, ..state.with_request(device, None) };
        }
        let again = Request { tries, seen: Rows::default(), next: Call::ReadBlock, ..request };
        state.with_request(device, Some(again))
    }

    fn answered(state: &State, device: usize, request: Request) -> State {
        let next = state.with_request(device, None);
        State { wanted: (!request.is_contested).then_some(request.begins), ..next }
    }

    fn send_steps(&self, state: &State, place: usize, steps: &mut Steps<State>) {
        let number = place + 1;
        match state.sends[place] {
            Send::Planned => {
                let next = state.with_send(place, Send::Begun { may_be_stored: !state.is_closed() });
                steps.add(next, format_args!("message {number}: begins"));
            }
            Send::Begun { may_be_stored } => {
                let is_refused =
                    state.rows.membership == Some(true) && self.algorithm != Algorithm::WithoutRead;
                let opens = state.rows.membership.is_none();
                let send = if is_refused { Send::Refused } else { Send::Writing { opens, may_be_stored } };
                steps.add(
                    state.with_send(place, send),
                    format_args!("message {number}: reads the membership"),
                );
            }
            Send::Writing { opens, may_be_stored } => {
                let again = || state.with_send(place, Send::Begun { may_be_stored });
                let stored = if may_be_stored { Send::Stored } else { Send::Broken };
                let is_checked = self.algorithm != Algorithm::WithoutCheckInOpening;
                let next = if opens && state.rows.membership.is_some() {
                    again()
                } else if opens && is_checked && state.rows.block.is_blocked {
                    state.with_send(place, Send::Refused)
                } else {
                    let mut next = state.with_send(place, stored);
                    next.rows.membership.get_or_insert(false);
                    next
                };
                steps.add(next, format_args!("message {number}: writes"));
            }
            Send::Refused | Send::Stored | Send::Broken => {}
        }
    }
}

impl Model for Blocks {
    type State = State;
    type Property = Property;

    fn initial(&self) -> State {
        State {
            rows: Rows { membership: self.bounds.has_group.then_some(false), ..Rows::default() },
            begun: [0; 2],
            requests: [None; 2],
            wanted: None,
            late: Vec::new(),
            sends: [Send::Planned; 3],
            marks: self.bounds.marks,
            faults: self.bounds.faults,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        for device in 0..2 {
            self.request_steps(state, device, steps);
        }
        for place in 0..self.bounds.sends {
            self.send_steps(state, place, steps);
        }
        for (place, write) in state.late.iter().enumerate() {
            let rows = self.executed(state.rows, *write).unwrap_or(state.rows);
            let mut next = State { rows, ..state.clone() };
            next.late.remove(place);
            steps.add(next, format_args!("a late write is executed: {write:?}"));
        }
        if state.rows.membership.is_some() && state.marks > 0 {
            let version = state.rows.state.version + 1;
            let marked = Versioned { version, ..state.rows.state };
            let rows = Rows { state: marked, ..state.rows };
            let next = State { rows, marks: state.marks - 1, ..state.clone() };
            steps.add(next, format_args!("a marker is written"));
        }
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let Rows { block, membership, state: member_state } = state.rows;
        let is_broken = state.sends.contains(&Send::Broken);
        let shown = membership.is_none_or(|shows| shows == block.is_blocked)
            && (membership.is_none() || member_state.is_blocked == block.is_blocked);
        let is_lost = self.is_at_rest(state) && state.wanted.is_some_and(|wanted| wanted != block.is_blocked);
        [(Property::NothingSent, is_broken), (Property::Agreement, !shown), (Property::LastWins, is_lost)]
            .into_iter()
            .filter_map(|(property, is_violated)| is_violated.then_some(property))
    }

    fn is_at_rest(&self, state: &State) -> bool {
        let is_done = |device: usize| {
            state.requests[device].is_none() && state.begun[device] == self.bounds.devices[device].len()
        };
        is_done(0) && is_done(1) && state.late.is_empty()
    }
}
