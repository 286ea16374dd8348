//! A model of pushes to one user's devices: `open-connection`, the stream handler's pushes, and the client's
//! rules. The log is a list here: [`crate::events`] is its model. Rows of connections belong to one user, and the
//! members of a group never change, so a frame can't go to another user.
//!
//! At every step, the adversary decides:
//! - when events are logged, and the order of the steps of concurrent invocations;
//! - when a device connects, also while its earlier connection lives, and when it closes a connection;
//! - when a connection that was admitted opens, and the order in which frames arrive;
//! - when the client sends a request for which it has a reason, or none, and when the answer arrives;
//! - when time passes. No opening and no post lasts longer than half a minute;
//! - while [`Bounds::faults`] lasts, one fault each: a frame is dropped or doubled; a connection is cut; an
//!   opening fails before or after its write, or its write is repeated or executed late; a cursor expires; an
//!   invocation dies.

use crate::checker::{Model, Steps};

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Devices of the user, at most 3.
    pub devices: u8,
    /// The number of devices beyond which the oldest connection's row is deleted (20 in the code).
    pub limit: usize,
    /// Connections of all devices.
    pub connections: u8,
    /// Logged events, each by an invocation of its own.
    pub events: u8,
    /// The latest time of the clock, which starts at 0.
    pub clock: u8,
    /// The time from a connection to the end of its token.
    pub token: u8,
    /// Total number of faults.
    pub faults: u8,
}

/// The algorithm: the deployed one, or the deployed one without one ingredient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The design's algorithm.
    AsDesigned,
    /// A connection row replaces any other row of its device.
    ReplacesNewer,
    /// A write that is repeated is refused because of its own row.
    OwnRowTakenForNewer,
    /// A connection opens before its row is put.
    OpenedBeforePut,
    /// Rows are counted before the connection's own row is put.
    CountsBeforePut,
    /// Beyond the limit, one row is deleted.
    DeletesOneBeyondLimit,
    /// Deletes have no condition.
    DeletesAnyConnection,
    /// A 410 deletes the row, however young the connection.
    DeletesWhileOpening,
    /// Connections are read before the event is logged.
    QueriedBeforeAppend,
    /// Connections are read with eventual consistency.
    WithoutConsistentQuery,
    /// Frames are posted before the event is logged.
    PushedBeforeAppend,
    /// The end of a token is ignored.
    WithoutEnd,
    /// The end of a token is checked when the connections are read, not at each post.
    EndCheckedOnce,
    /// Posts are sent until the very end of a token.
    WithoutMarginAtEnd,
    /// The client applies any frame with a greater number.
    AppliesAfterGap,
    /// The client applies a frame whose number is not greater.
    AppliesOldFrames,
    /// The client applies all events of an answer.
    AppliesWholeAnswer,
    /// A frame after a gap is dropped, and nothing else happens.
    WithoutReadAfterGap,
    /// The client doesn't read when its connection has opened.
    WithoutReadAfterOpening,
    /// The client reads when it begins to connect.
    ReadsBeforeOpening,
    /// A reason to read that arises during a read is forgotten.
    ReadsOnlyOnce,
    /// The client applies frames while it lists everything.
    AppliesWhileListing,
}

#[derive(Clone, Copy, Debug)]
pub struct Pushes {
    pub bounds: Bounds,
    pub algorithm: Algorithm,
}

/// The properties of every state (design, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// I13: a client has all events up to its last, each once, in order.
    InOrder,
    /// I13: a client that begins to read when all is logged has all events.
    CaughtUp,
    /// A client with an open connection gets all events without another reason to read, if there are no faults.
    Prompt,
    /// I15: no frame goes to a connection whose token has ended.
    NothingAfterEnd,
    /// The newest connection of a device has the device's row while it is open.
    RowKept,
    /// A connection is not refused because of its own row.
    NotRefused,
    /// There are no more rows than allowed, unless a connection is being opened or there were faults.
    Limited,
}

/// The age from which a 410 deletes a row: more than 60 s. A connection opens within 30 s, one step of the clock.
const OPENED: u8 = 2;

/// The complete state: possible steps depend on nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The current time, in half minutes.
    clock: u8,
    /// The events of the log, by the invocations that logged them. The first has number 1.
    log: Vec<u8>,
    /// Invocations so far.
    begun: u8,
    handlers: Vec<Handler>,
    /// All connections, in the order of their times.
    connections: Vec<Connection>,
    /// The connection in each device's row.
    rows: [Option<usize>; 3],
    /// Connections whose rows may be put late.
    late: Vec<usize>,
    clients: Vec<Client>,
    faults: u8,
    /// A client was behind after its read.
    was_behind: bool,
    /// A frame was sent after the end of a token.
    got_after_end: bool,
    /// A connection was refused because of its own row.
    was_refused: bool,
}

/// An invocation of the stream handler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Handler {
    event: u8,
    /// The number that was given to the event, or is intended.
    number: u8,
    is_logged: bool,
    /// Connections that are left, if they were read.
    targets: Option<Vec<usize>>,
    post: Post,
}

/// A request to the first connection that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Post {
    None,
    UnderWay {
        since: u8,
    },
    /// The row is to be deleted.
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Connection {
    device: u8,
    connected_at: u8,
    call: Call,
    life: Life,
    /// Frames on their way, as number and event.
    frames: Vec<(u8, u8)>,
}

/// The calls of `open-connection`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Call {
    /// The next call puts the row. Then the rows of these connections are to be deleted, if they were counted before.
    Put(Vec<usize>),
    /// The next call reads the rows.
    Query,
    /// The next call deletes the row of the first of these connections.
    Delete(Vec<usize>),
    Ended,
}

/// A connection, as API Gateway and the client see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Opening,
    Open,
    Closed,
}

/// A device's client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Client {
    /// The events that the client shows, in the order in which it got them.
    applied: Vec<u8>,
    /// The number of the last event.
    last: u8,
    /// A frame was missed, or a connection has opened.
    has_reason: bool,
    read: Read,
}

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Read {
    None,
    /// The events after a number are requested.
    Sent {
        after: u8,
    },
    /// Events are on their way. `is_last` is whether all events were logged when they were read.
    Answered {
        after: u8,
        until: u8,
        is_last: bool,
    },
    /// The cursor is expired, and the end of the log is to be taken.
    Expired,
    /// The end of the log is known, and everything is to be listed.
    Lists,
    /// The lists are on their way. They show the events until a number.
    Listed {
        until: u8,
    },
}

impl Call {
    /// The deletions of these connections' rows.
    fn deleting(rows: Vec<usize>) -> Self {
        if rows.is_empty() { Self::Ended } else { Self::Delete(rows) }
    }
}

impl Client {
    fn is_listing(&self) -> bool {
        matches!(self.read, Read::Expired | Read::Lists | Read::Listed { .. })
    }
}

impl Connection {
    fn is_opening(&self) -> bool {
        self.call != Call::Ended || self.life == Life::Opening
    }
}

impl State {
    fn newest(&self) -> u8 {
        length(&self.log)
    }

    fn has_row(&self, connection: usize) -> bool {
        self.rows[usize::from(self.connections[connection].device)] == Some(connection)
    }

    /// The newest connection of a device.
    fn newest_of(&self, device: u8) -> Option<usize> {
        self.connections.iter().rposition(|connection| connection.device == device)
    }

    /// Whether nothing happens any more, except for a client without a reason.
    fn is_quiet(&self) -> bool {
        let is_settled = |connection: &Connection| !connection.is_opening() && connection.frames.is_empty();
        self.handlers.is_empty()
            && self.late.is_empty()
            && self.connections.iter().all(is_settled)
            && self.clients.iter().all(|client| !client.has_reason && client.read == Read::None)
    }

    /// This state with one fault fewer left. Returns `None` if none is left.
    fn with_fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..self.clone() })
    }

    fn with_call(&self, connection: usize, call: Call) -> Self {
        let mut state = self.clone();
        state.connections[connection].call = call;
        state
    }

    fn closed(&self, connection: usize) -> Self {
        let mut state = self.clone();
        state.connections[connection].life = Life::Closed;
        state.connections[connection].frames.clear();
        state
    }

    /// The state after `open-connection` has failed or refused the connection.
    fn refused(&self, connection: usize) -> Self {
        self.closed(connection).with_call(connection, Call::Ended)
    }

    fn with_handler(&self, number: usize, handler: Handler) -> Self {
        let mut state = self.clone();
        state.handlers[number] = handler;
        state
    }

    /// Maps equivalent states to the same form.
    fn normalized(mut self) -> Self {
        let is_done =
            |handler: &Handler| handler.is_logged && handler.targets.as_ref().is_some_and(Vec::is_empty);
        self.handlers.retain(|handler| !is_done(handler));
        self.handlers.sort_unstable();
        for connection in &mut self.connections {
            connection.frames.sort_unstable();
        }
        self
    }
}

impl Pushes {
    fn is(&self, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm
    }

    /// Whether the row of a connection says that its time is over.
    fn is_over(&self, state: &State, connection: usize) -> bool {
        let end = state.connections[connection].connected_at.saturating_add(self.bounds.token);
        match self.algorithm {
            Algorithm::WithoutEnd => false,
            Algorithm::WithoutMarginAtEnd => state.clock >= end,
            _ => state.clock + 1 >= end,
        }
    }

    /// Adds the steps of a device: connecting, closing, reading.
    fn device(&self, state: &State, device: u8, steps: &mut Steps<State>) {
        let client = &state.clients[usize::from(device)];
        let with = |client: Client| {
            let mut next = state.clone();
            next.clients[usize::from(device)] = client;
            next
        };
        if state.connections.len() < usize::from(self.bounds.connections) {
            let mut next = state.clone();
            next.connections.push(Connection {
                device,
                connected_at: state.clock,
                call: if self.is(Algorithm::CountsBeforePut) { Call::Query } else { Call::Put(Vec::new()) },
                life: Life::Opening,
                frames: Vec::new(),
            });
            next.clients[usize::from(device)].has_reason |= self.is(Algorithm::ReadsBeforeOpening);
            let what = format_args!("device {device} begins connection {}", state.connections.len());
            steps.add(next, what);
        }
        for (number, connection) in state.connections.iter().enumerate() {
            let is_older = Some(number) != state.newest_of(device);
            if connection.device == device && is_older && connection.life == Life::Open {
                steps.add(state.closed(number), format_args!("device {device} closes connection {number}"));
            }
        }
        match client.read {
            Read::None => {
                let after = client.last;
                let next = with(Client { has_reason: false, read: Read::Sent { after }, ..client.clone() });
                steps.add(next, format_args!("device {device} reads after {after}"));
            }
            Read::Sent { after } => {
                let is_logged = |handler: &Handler| handler.is_logged;
                let is_last = state.begun == self.bounds.events && state.handlers.iter().all(is_logged);
                let until = state.newest();
                let next = with(Client { read: Read::Answered { after, until, is_last }, ..client.clone() });
                let what = format_args!("device {device} is sent the events from {after} to {until}");
                steps.add(next, what);
                if let Some(mut next) = state.with_fault() {
                    next.clients[usize::from(device)].read = Read::Expired;
                    steps.add(next, format_args!("device {device} is told that its cursor is expired"));
                }
            }
            Read::Answered { after, until, is_last } => {
                let known = if self.is(Algorithm::AppliesWholeAnswer) { after } else { client.last };
                let mut next = state.clone();
                let client = &mut next.clients[usize::from(device)];
                client.applied.extend(&state.log[usize::from(known.min(until))..usize::from(until)]);
                client.last = client.last.max(until);
                client.read = Read::None;
                client.has_reason &= !self.is(Algorithm::ReadsOnlyOnce);
                next.was_behind |= is_last && client.applied != state.log;
                steps.add(next, format_args!("device {device} gets the events from {after} to {until}"));
            }
            Read::Expired => {
                let last = state.newest();
                let next = with(Client { last, read: Read::Lists, ..client.clone() });
                steps.add(next, format_args!("device {device} takes the end {last}"));
            }
            Read::Lists => {
                let until = state.newest();
                let next = with(Client { read: Read::Listed { until }, ..client.clone() });
                steps.add(next, format_args!("everything until {until} is listed for device {device}"));
            }
            Read::Listed { until } => {
                // Events after the end come again. Applying them again changes nothing.
                let until = until.min(client.last);
                let applied = state.log[..usize::from(until)].to_vec();
                let next = with(Client { applied, has_reason: true, read: Read::None, ..client.clone() });
                steps.add(next, format_args!("device {device} gets the lists"));
            }
        }
    }

    /// Adds the steps of a connection.
    fn connection(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let connection = &state.connections[number];
        let device = usize::from(connection.device);
        match &connection.call {
            Call::Put(rows) => self.put(state, number, rows, steps),
            Call::Query => {
                // The connections are in the order of their times.
                let mut rows = state.rows.iter().copied().flatten().collect::<Vec<_>>();
                let is_before = self.is(Algorithm::CountsBeforePut);
                if is_before {
                    rows.retain(|other| state.connections[*other].device != connection.device);
                }
                rows.sort_unstable();
                let mut beyond = (rows.len() + usize::from(is_before)).saturating_sub(self.bounds.limit);
                if self.is(Algorithm::DeletesOneBeyondLimit) {
                    beyond = beyond.min(1);
                }
                rows.truncate(beyond);
                let call = if is_before { Call::Put(rows) } else { Call::deleting(rows) };
                let what = format_args!("connection {number} finds {beyond} rows too many");
                steps.add(state.with_call(number, call), what);
            }
            Call::Delete(rows) => {
                let mut rows = rows.clone();
                let other = rows.remove(0);
                let next = self.without_row(state, other).with_call(number, Call::deleting(rows));
                steps.add(next, format_args!("connection {number} deletes the row of connection {other}"));
            }
            Call::Ended => {}
        }
        let is_admitted = connection.call == Call::Ended || self.is(Algorithm::OpenedBeforePut);
        match connection.life {
            Life::Opening if is_admitted => {
                let mut next = state.clone();
                next.connections[number].life = Life::Open;
                next.clients[device].has_reason |= !matches!(
                    self.algorithm,
                    Algorithm::WithoutReadAfterOpening | Algorithm::ReadsBeforeOpening
                );
                steps.add(next, format_args!("connection {number} opens"));
            }
            Life::Opening | Life::Open => {}
            Life::Closed => return,
        }
        if let Some(next) = state.with_fault() {
            steps.add(next.closed(number), format_args!("connection {number} is cut"));
        }
        for (index, (position, event)) in connection.frames.iter().copied().enumerate() {
            let mut next = state.clone();
            next.connections[number].frames.remove(index);
            if let Some(next) = next.with_fault() {
                steps.add(next, format_args!("the frame of {position} is lost"));
            }
            let client = &mut next.clients[device];
            let following = client.last + 1;
            let applies = match self.algorithm {
                Algorithm::AppliesAfterGap => position >= following,
                Algorithm::AppliesOldFrames => position <= following,
                Algorithm::AppliesWhileListing => position == following && client.read != Read::Expired,
                _ => position == following && !client.is_listing(),
            };
            if applies {
                client.applied.push(event);
                client.last = position.max(client.last);
            } else if position > following && !self.is(Algorithm::WithoutReadAfterGap) {
                client.has_reason = true;
            }
            let what = if applies { "applies" } else { "drops" };
            steps.add(next, format_args!("device {device} {what} the frame of {position}"));
        }
    }

    /// The state after the deletion of a row, if it still is the connection's.
    fn without_row(&self, state: &State, connection: usize) -> State {
        let mut state = state.clone();
        if state.has_row(connection) || self.is(Algorithm::DeletesAnyConnection) {
            state.rows[usize::from(state.connections[connection].device)] = None;
        }
        state
    }

    /// The state after the write of a connection's row. Returns `None` if its condition fails.
    fn executed(&self, state: &State, number: usize) -> Option<State> {
        let device = usize::from(state.connections[number].device);
        let is_met = match state.rows[device] {
            Some(other) if other == number => !self.is(Algorithm::OwnRowTakenForNewer),
            Some(other) => other < number || self.is(Algorithm::ReplacesNewer),
            None => true,
        };
        let mut state = state.clone();
        state.rows[device] = Some(number);
        is_met.then_some(state)
    }

    /// Adds the steps of the write of a connection's row.
    fn put(&self, state: &State, number: usize, rows: &[usize], steps: &mut Steps<State>) {
        if let Some(next) = self.executed(state, number) {
            let call = match self.algorithm {
                Algorithm::CountsBeforePut => Call::deleting(rows.to_vec()),
                _ => Call::Query,
            };
            steps.add(next.with_call(number, call), format_args!("connection {number} puts its row"));
            if let Some(next) = next.with_fault() {
                let what = format_args!("connection {number} puts its row; the answer is lost");
                steps.add(next.clone(), format_args!("{what}, and it will put it again"));
                steps.add(next.refused(number), format_args!("{what}, and it fails"));
            }
        } else {
            let mut next = state.refused(number);
            next.was_refused |= state.has_row(number);
            steps.add(next, format_args!("connection {number} is refused"));
        }
        if let Some(next) = state.with_fault() {
            let mut next = next.refused(number);
            next.late.push(number);
            next.late.sort_unstable();
            steps.add(next, format_args!("connection {number} fails, its write is still on its way"));
        }
    }

    /// Adds the steps of an invocation of the stream handler.
    fn handler(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let handler = &state.handlers[number];
        let Handler { event, is_logged, .. } = *handler;
        let is_read = handler.targets.is_some();
        let is_pushed = handler.targets.as_ref().is_some_and(Vec::is_empty);
        let (may_log, may_read) = match self.algorithm {
            Algorithm::QueriedBeforeAppend => (is_read, true),
            Algorithm::PushedBeforeAppend => (is_pushed, true),
            _ => (true, is_logged),
        };
        if !is_logged && may_log {
            let mut next = state.clone();
            next.log.push(event);
            let handler = &mut next.handlers[number];
            handler.is_logged = true;
            handler.number = next.log.len().try_into().unwrap_or_default();
            steps.add(next.normalized(), format_args!("event {event} is logged"));
        }
        if !is_read && may_read {
            let intended = if is_logged { handler.number } else { state.newest() + 1 };
            let mut targets = state.rows.iter().copied().flatten().collect::<Vec<_>>();
            if self.is(Algorithm::EndCheckedOnce) {
                targets.retain(|connection| !self.is_over(state, *connection));
            }
            let handler = Handler { targets: Some(targets), number: intended, ..handler.clone() };
            let next = state.with_handler(number, handler.clone()).normalized();
            steps.add(next, format_args!("the connections for event {event} are read"));
            if self.is(Algorithm::WithoutConsistentQuery) {
                let handler = Handler { targets: Some(Vec::new()), ..handler };
                let what = format_args!("the connections for event {event} are read as they were");
                steps.add(state.with_handler(number, handler).normalized(), what);
            }
        }
        if is_logged || self.is(Algorithm::PushedBeforeAppend) {
            self.post(state, number, steps);
        }
        if let Some(mut next) = state.with_fault().filter(|_| is_logged) {
            next.handlers.remove(number);
            steps.add(next, format_args!("the invocation for event {event} dies"));
        }
    }

    /// Adds the steps of a post to the first connection that is left.
    fn post(&self, state: &State, number: usize, steps: &mut Steps<State>) {
        let handler = &state.handlers[number];
        let event = handler.event;
        let Some(target) = handler.targets.as_ref().and_then(|targets| targets.first().copied()) else {
            return;
        };
        let with = |state: &State, post: Post| {
            state.with_handler(number, Handler { post, ..handler.clone() }).normalized()
        };
        let done = |state: &State| {
            let targets = handler.targets.as_ref().map(|targets| targets[1..].to_vec());
            state.with_handler(number, Handler { post: Post::None, targets, ..handler.clone() }).normalized()
        };
        let what = format_args!("the frame of event {event} for connection {target}");
        match handler.post {
            Post::None if self.is_over(state, target) && !self.is(Algorithm::EndCheckedOnce) => {
                let what = format_args!("connection {target} is over, and is closed");
                steps.add(with(&state.closed(target), Post::Delete), what);
            }
            Post::None => {
                let next = with(state, Post::UnderWay { since: state.clock });
                steps.add(next, format_args!("{what} is posted"));
            }
            Post::UnderWay { .. } => {
                let connection = &state.connections[target];
                if connection.life == Life::Open {
                    let mut next = state.clone();
                    next.connections[target].frames.push((handler.number, event));
                    let end = connection.connected_at.saturating_add(self.bounds.token);
                    next.got_after_end |= state.clock >= end;
                    steps.add(done(&next), format_args!("{what} is on its way"));
                    if let Some(next) = next.with_fault() {
                        let next = with(&next, Post::None);
                        steps.add(next, format_args!("{what} is on its way; the answer is lost"));
                    }
                } else {
                    let is_old = state.clock - connection.connected_at >= OPENED;
                    let deletes = is_old || self.is(Algorithm::DeletesWhileOpening);
                    let next = if deletes { with(state, Post::Delete) } else { done(state) };
                    steps.add(next, format_args!("{what} is answered with 410"));
                }
                if let Some(next) = state.with_fault() {
                    steps.add(done(&next), format_args!("{what} is dropped"));
                }
            }
            Post::Delete => {
                let next = done(&self.without_row(state, target));
                steps.add(next, format_args!("the row of connection {target} is deleted, if it is there"));
            }
        }
    }
}

fn length(events: &[u8]) -> u8 {
    events.len().try_into().unwrap_or(u8::MAX)
}

impl Model for Pushes {
    type State = State;
    type Property = Property;

    fn initial(&self) -> State {
        let client = Client { applied: Vec::new(), last: 0, has_reason: false, read: Read::None };
        State {
            clock: 0,
            log: Vec::new(),
            begun: 0,
            handlers: Vec::new(),
            connections: Vec::new(),
            rows: [None; 3],
            late: Vec::new(),
            clients: vec![client; usize::from(self.bounds.devices)],
            faults: self.bounds.faults,
            was_behind: false,
            got_after_end: false,
            was_refused: false,
        }
    }

    fn steps(&self, state: &State, steps: &mut Steps<State>) {
        if state.begun < self.bounds.events {
            let mut next = state.clone();
            next.begun += 1;
            next.handlers.push(Handler {
                event: state.begun,
                number: 0,
                is_logged: false,
                targets: None,
                post: Post::None,
            });
            steps.add(next.normalized(), format_args!("the invocation for event {} begins", state.begun));
        }
        for number in 0..state.handlers.len() {
            self.handler(state, number, steps);
        }
        for device in 0..self.bounds.devices {
            self.device(state, device, steps);
        }
        for number in 0..state.connections.len() {
            self.connection(state, number, steps);
        }
        for (index, number) in state.late.iter().copied().enumerate() {
            let mut gone = state.clone();
            gone.late.remove(index);
            match self.executed(&gone, number) {
                Some(next) => steps.add(next, format_args!("connection {number}'s row is put late")),
                None => steps.add(gone, format_args!("the late write of connection {number} is refused")),
            }
        }
        let is_settled =
            |connection: &Connection| connection.connected_at == state.clock || !connection.is_opening();
        let is_late =
            |handler: &Handler| matches!(handler.post, Post::UnderWay { since } if since < state.clock);
        let may_pass = state.connections.iter().all(is_settled) && !state.handlers.iter().any(is_late);
        if may_pass && state.clock < self.bounds.clock {
            let clock = state.clock + 1;
            steps.add(State { clock, ..state.clone() }, format_args!("time {clock} begins"));
        }
    }

    fn violations(&self, state: &State) -> impl Iterator<Item = Property> {
        let is_quiet = state.is_quiet();
        let is_opening = state.connections.iter().any(|connection| connection.call != Call::Ended);
        let had_no_faults = state.faults == self.bounds.faults;
        let open = || {
            let newest = (0..self.bounds.devices).filter_map(|device| state.newest_of(device));
            newest.filter(|connection| {
                state.connections[*connection].life == Life::Open && !self.is_over(state, *connection)
            })
        };
        let is_in_order = |client: &Client| {
            client.is_listing() || state.log.get(..usize::from(client.last)) == Some(&client.applied)
        };
        let has_place = usize::from(self.bounds.devices) <= self.bounds.limit;
        let applied =
            |connection: usize| &state.clients[usize::from(state.connections[connection].device)].applied;
        let properties = [
            (Property::InOrder, state.clients.iter().all(is_in_order)),
            (Property::CaughtUp, !state.was_behind),
            (
                Property::Prompt,
                !is_quiet
                    || !had_no_faults
                    || !has_place
                    || open().all(|connection| *applied(connection) == state.log),
            ),
            (Property::NothingAfterEnd, !state.got_after_end),
            (
                Property::RowKept,
                !is_quiet || !has_place || open().all(|connection| state.has_row(connection)),
            ),
            (Property::NotRefused, !state.was_refused),
            (
                Property::Limited,
                is_opening || !had_no_faults || state.rows.iter().flatten().count() <= self.bounds.limit,
            ),
        ];
        properties.into_iter().filter(|(_, holds)| !holds).map(|(property, _)| property)
    }

    fn is_at_rest(&self, state: &State) -> bool {
        state.is_quiet()
    }
}
