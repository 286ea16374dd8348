//! Random faults of a run, with their probabilities and counts.
//!
//! The kinds cover DynamoDB and everything else around the functions, so that one schedule determines a run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{Dice, Failure, Fault};

macro_rules! fault_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $name,)*
        }

        impl FaultKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

fault_kinds! {
    /// `ProvisionedThroughputExceededException`.
    ThroughputExceeded,
    /// `ThrottlingException`.
    Throttled,
    /// `RequestLimitExceeded`.
    RequestLimitExceeded,
    /// A transaction is canceled because one of its writes was throttled.
    TransactionThrottled,
    /// A transaction is canceled because one of its writes exceeded the table's throughput.
    TransactionThroughputExceeded,
    /// A transaction is canceled because another one held one of its rows.
    TransactionConflict,
    /// A rejected transaction reports a conflict in place of some existing rows.
    ConflictHidesRows,
    /// A single write is rejected because a transaction held its row.
    WriteConflict,
    /// An earlier attempt of the transaction, with the same token, is in progress.
    TransactionInProgress,
    /// A 500 without effect.
    ErrorBefore,
    /// A 500 after the call took effect.
    ErrorAfter,
    /// A 503 without effect.
    UnavailableBefore,
    /// A 503 after the call took effect.
    UnavailableAfter,
    /// The connection breaks without effect.
    ResetBefore,
    /// The connection breaks after the call took effect.
    ResetAfter,
    /// No response and no effect.
    SilenceBefore,
    /// No response, although the call took effect at once.
    SilenceAfter,
    /// The connection breaks, and the write is executed later.
    LateAfterReset,
    /// No response, and the write is executed after the caller gave up.
    LateAfterSilence,
    /// The response takes longer than a second.
    Slow,
    /// The index omits a member's row.
    IndexShowsNone,
    /// The index shows a member's row at its old place.
    IndexShowsOld,
    /// The index shows two or more rows of a member.
    IndexShowsMany,
    /// The index reverts to an older state.
    IndexGoesBack,
    /// A page has fewer rows than requested, and more follow.
    ShortPage,
    /// A page has no rows, and more follow.
    EmptyPage,
    /// The partition changes between two pages of a query.
    CommitBetweenPages,
    /// The partition changes while a page is read.
    CommitWithinPage,
    /// A page shows a row, but not another one that was committed meanwhile.
    GapWithinPage,
    /// A read of several rows leaves some of them unread.
    KeysUnprocessed,
    /// A record is delivered again.
    Redelivery,
    /// The records of a batch are out of order.
    Reordered,
    /// A failed batch is redelivered in different parts.
    Resplit,
    /// Two invocations of the stream handler run concurrently.
    ConcurrentMoves,
    /// A record that can't be processed.
    Poison,
    /// The execution environment dies while sending a message.
    KilledSending,
    /// The execution environment dies while changing a message, a read marker or a setting.
    KilledChanging,
    /// The execution environment dies while moving rows.
    KilledMoving,
    /// The execution environment dies while reading a list or an event log.
    KilledListing,
    /// The execution environment dies while opening a connection.
    KilledOpening,
    /// The clock of an execution environment jumps.
    ClockJump,
    /// Nothing listens at the database's address.
    PostgresDown,
    /// The database takes a second to respond.
    PostgresSlow,
    /// The database accepts connections and queries but doesn't respond.
    PostgresSilent,
    /// The database closes the connection without a response.
    PostgresReset,
    /// The database is shut down by its administrator (57P01).
    PostgresShutDown,
    /// The key set's URL is unreachable.
    KeySetDown,
    /// The key set's URL doesn't respond in time.
    KeySetSlow,
    /// The key set's URL returns garbage.
    KeySetGarbage,
    /// A client repeats a request with the same idempotency key.
    RetryWithKey,
    /// A client repeats a request without a key.
    RetryWithoutKey,
    /// A client disconnects or loses the response.
    ClientGone,
    /// The management API of the sockets is throttled (429).
    PushThrottled,
    /// The management API returns a 5xx and sends nothing.
    PushErrorBefore,
    /// The management API returns a 5xx, but sends the frame.
    PushErrorAfter,
    /// The management API takes longer than the function waits.
    PushSlow,
    /// The management API doesn't respond.
    PushSilent,
    /// Nothing listens at the management API's address.
    PushDown,
    /// A push finds no connection (410).
    PushGone,
    /// A push finds a connection that is still being opened (410).
    PushBeforeOpening,
    /// A socket breaks, and the device notices.
    SocketCut,
    /// A socket breaks, and the device doesn't notice.
    SocketCutUnnoticed,
    /// A device receives a frame before an earlier one.
    FrameTooEarly,
    /// A device receives a frame that it has read before.
    FrameTooLate,
    /// A token ends while its socket is open.
    TokenEnded,
}

const ANY_CALL: [FaultKind; 12] = [
    FaultKind::ThroughputExceeded,
    FaultKind::Throttled,
    FaultKind::RequestLimitExceeded,
    FaultKind::ErrorBefore,
    FaultKind::ErrorAfter,
    FaultKind::UnavailableBefore,
    FaultKind::UnavailableAfter,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::SilenceBefore,
    FaultKind::SilenceAfter,
    FaultKind::Slow,
];

const ANY_WRITE: [FaultKind; 2] = [FaultKind::LateAfterReset, FaultKind::LateAfterSilence];

const ANY_TRANSACTION: [FaultKind; 3] = [
    FaultKind::TransactionConflict,
    FaultKind::TransactionThrottled,
    FaultKind::TransactionThroughputExceeded,
];

impl FaultKind {
    /// The kinds of faults that apply to calls of `operation`.
    fn of_call(operation: &str) -> Vec<Self> {
        let of_operation = match operation {
            "PutItem" | "DeleteItem" | "UpdateItem" => &[Self::WriteConflict][..],
            "TransactWriteItems" => &ANY_TRANSACTION[..],
            _ => return ANY_CALL.to_vec(),
        };
        [&ANY_CALL[..], &ANY_WRITE[..], of_operation].concat()
    }

    /// The fault of a call. [`Fault::None`] for kinds that are injected elsewhere.
    fn fault(self, dice: &Dice) -> Fault {
        use Failure::{Canceled, Reset, Silence, Status};
        use Fault::{Late, Lost, NotExecuted, Slow};
        const ERROR: Failure = Status(500, "InternalServerError");
        const UNAVAILABLE: Failure = Status(503, "ServiceUnavailable");
        let late = || dice.duration(Duration::from_millis(5), Duration::from_secs(20));
        match self {
            Self::ThroughputExceeded => NotExecuted(Status(400, "ProvisionedThroughputExceededException")),
            Self::Throttled => NotExecuted(Status(400, "ThrottlingException")),
            Self::RequestLimitExceeded => NotExecuted(Status(400, "RequestLimitExceeded")),
            Self::TransactionThrottled => NotExecuted(Canceled(&["None", "ThrottlingError"])),
            Self::TransactionThroughputExceeded => {
                NotExecuted(Canceled(&["None", "ProvisionedThroughputExceeded"]))
            }
            Self::TransactionConflict => NotExecuted(Canceled(&["None", "TransactionConflict"])),
            Self::WriteConflict => NotExecuted(Status(400, "TransactionConflictException")),
            Self::ErrorBefore => NotExecuted(ERROR),
            Self::ErrorAfter => Lost(ERROR),
            Self::UnavailableBefore => NotExecuted(UNAVAILABLE),
            Self::UnavailableAfter => Lost(UNAVAILABLE),
            Self::ResetBefore => NotExecuted(Reset),
            Self::ResetAfter => Lost(Reset),
            Self::SilenceBefore => NotExecuted(Silence),
            Self::SilenceAfter => Lost(Silence),
            Self::LateAfterReset => Late(Reset, late()),
            Self::LateAfterSilence => Late(Silence, late()),
            Self::Slow => Slow(dice.duration(Duration::from_secs(1), Duration::from_millis(1_900))),
            _ => Fault::None,
        }
    }
}

/// The number of faults of each kind that occurred.
pub type Counts = BTreeMap<FaultKind, u64>;

/// The schedule of a run's random faults. Clones share it.
#[derive(Clone, Debug)]
pub struct Faults {
    dice: Dice,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    probabilities: BTreeMap<FaultKind, f64>,
    enabled: bool,
}

impl Faults {
    /// A schedule with random probabilities, turned off.
    #[must_use]
    pub fn random(dice: &Dice) -> Self {
        // Not every kind occurs in every run: a storm of one kind masks the effects of others.
        let calm = dice.chance(0.05);
        let probability = |kind: FaultKind| {
            let most = match kind {
                FaultKind::ShortPage => 1.0,
                FaultKind::CommitWithinPage
                | FaultKind::KeysUnprocessed
                | FaultKind::Reordered
                | FaultKind::Redelivery => 0.5,
                FaultKind::ConflictHidesRows
                | FaultKind::IndexGoesBack
                | FaultKind::KilledSending
                | FaultKind::KilledChanging
                | FaultKind::KilledMoving
                | FaultKind::KilledListing
                | FaultKind::KilledOpening
                | FaultKind::PushThrottled
                | FaultKind::PushErrorBefore
                | FaultKind::PushErrorAfter
                | FaultKind::PushSlow
                | FaultKind::SocketCut
                | FaultKind::SocketCutUnnoticed => 0.3,
                FaultKind::SilenceBefore | FaultKind::SilenceAfter | FaultKind::LateAfterSilence => 0.04,
                FaultKind::TransactionConflict | FaultKind::WriteConflict => 0.15,
                FaultKind::PostgresDown
                | FaultKind::PostgresSlow
                | FaultKind::PostgresReset
                | FaultKind::PostgresShutDown
                | FaultKind::KeySetDown
                | FaultKind::KeySetSlow
                | FaultKind::KeySetGarbage
                | FaultKind::PushSilent
                | FaultKind::PushDown => 0.4,
                _ => 0.08,
            };
            if calm || dice.chance(0.5) { 0.0 } else { most * dice.share() }
        };
        Self::new(dice, probability)
    }

    /// A schedule without faults.
    #[must_use]
    pub fn none(dice: &Dice) -> Self {
        Self::new(dice, |_| 0.0)
    }

    fn new(dice: &Dice, probability: impl Fn(FaultKind) -> f64) -> Self {
        let probabilities = FaultKind::ALL.iter().map(|kind| (*kind, probability(*kind))).collect();
        let state = State { counts: Counts::default(), probabilities, enabled: false };
        Self { dice: dice.clone(), state: Arc::new(Mutex::new(state)) }
    }

    /// Turns all faults on or off.
    pub fn set_enabled(&self, enabled: bool) {
        self.state.lock().unwrap().enabled = enabled;
    }

    /// Returns `true` if faults are drawn.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state.lock().unwrap().enabled
    }

    /// The source of random decisions.
    #[must_use]
    pub fn dice(&self) -> &Dice {
        &self.dice
    }

    /// Draws one of `candidates`, or `None`. The caller counts the fault if it takes effect.
    #[must_use]
    pub fn draw(&self, candidates: &[FaultKind]) -> Option<FaultKind> {
        let state = self.state.lock().unwrap();
        if !state.enabled {
            return None;
        }
        let occurs = |kind: &FaultKind| self.dice.chance(state.probabilities[kind]);
        candidates.iter().copied().find(occurs)
    }

    /// Draws one of `candidates`, or `None`, and counts it.
    #[must_use]
    pub fn inject(&self, candidates: &[FaultKind]) -> Option<FaultKind> {
        self.draw(candidates).inspect(|kind| self.count(*kind))
    }

    /// Draws and counts the fault of a call of `operation`.
    #[must_use]
    pub fn inject_call(&self, operation: &str) -> Option<(FaultKind, Fault)> {
        let kind = self.inject(&FaultKind::of_call(operation))?;
        Some((kind, kind.fault(&self.dice)))
    }

    /// Counts a fault of this kind.
    pub fn count(&self, kind: FaultKind) {
        *self.state.lock().unwrap().counts.entry(kind).or_default() += 1;
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts.clone()
    }
}
