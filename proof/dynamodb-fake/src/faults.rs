//! Random faults of a run, with their probabilities and counts.
//!
//! The kinds cover DynamoDB and everything else around the functions, so that one schedule determines a run.

use std::{
    array, fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{Dice, Failure, Fault};

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident => $label:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $name,)*
        }

        impl FaultKind {
            /// All kinds.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$name),*];

            /// The description in reports.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

faults! {
    /// `ProvisionedThroughputExceededException`.
    ThroughputExceeded => "throttled: provisioned throughput exceeded",
    /// `ThrottlingException`.
    Throttled => "throttled: throttling exception",
    /// `RequestLimitExceeded`.
    RequestLimitExceeded => "throttled: request limit exceeded",
    /// A transaction is canceled because one of its writes was throttled.
    TransactionThrottled => "throttled: transaction cancelled, ThrottlingError",
    /// A transaction is canceled because one of its writes exceeded the table's throughput.
    TransactionThroughputExceeded => "throttled: transaction cancelled, ProvisionedThroughputExceeded",
    /// A transaction is canceled because another one held one of its rows.
    TransactionConflict => "transaction cancelled, TransactionConflict",
    /// A rejected transaction reports a conflict in place of some existing rows.
    ConflictHidesRows => "transaction refused, rows in the way hidden by conflicts",
    /// A single write is rejected because a transaction held its row.
    WriteConflict => "single write refused, TransactionConflictException",
    /// An earlier attempt of the transaction, with the same token, is in progress.
    TransactionInProgress => "transaction in progress",
    /// A 500 without effect.
    ErrorBefore => "500, before it took effect",
    /// A 500 after the call took effect.
    ErrorAfter => "500, after it took effect",
    /// A 503 without effect.
    UnavailableBefore => "503, before it took effect",
    /// A 503 after the call took effect.
    UnavailableAfter => "503, after it took effect",
    /// The connection breaks without effect.
    ResetBefore => "connection reset, before it took effect",
    /// The connection breaks after the call took effect.
    ResetAfter => "connection reset, after it took effect",
    /// No response and no effect.
    SilenceBefore => "no answer, and nothing done",
    /// No response, although the call took effect at once.
    SilenceAfter => "no answer, although done at once",
    /// The connection breaks, and the write is executed later.
    LateAfterReset => "connection reset, and the write lands later",
    /// No response, and the write is executed after the caller gave up.
    LateAfterSilence => "no answer, and the write lands later",
    /// The response takes longer than a second.
    Slow => "answered after more than a second",
    /// The index omits a member's row.
    IndexShowsNone => "index shows no row of a member",
    /// The index shows a member's row at its old place.
    IndexShowsOld => "index shows a member's old row",
    /// The index shows two or more rows of a member.
    IndexShowsMany => "index shows two rows of a member or more",
    /// The index reverts to an older state.
    IndexGoesBack => "index goes back to an older state",
    /// A page has fewer rows than requested, and more follow.
    ShortPage => "short page",
    /// A page has no rows, and more follow.
    EmptyPage => "empty page",
    /// The partition changes between two pages of a query.
    CommitBetweenPages => "commit between the pages of a query",
    /// The partition changes while a page is read.
    CommitWithinPage => "commit within a page",
    /// A record is delivered again.
    Redelivery => "records delivered once more",
    /// The records of a batch are out of order.
    Reordered => "batch out of order",
    /// A failed batch is redelivered in different parts.
    Resplit => "batch split in another way",
    /// Two invocations of the stream handler run concurrently.
    ConcurrentMoves => "concurrent invocations of the stream handler",
    /// A record that can't be processed.
    Poison => "poison record",
    /// The execution environment dies while sending a message.
    KilledSending => "killed while sending",
    /// The execution environment dies while moving rows.
    KilledMoving => "killed while moving",
    /// The execution environment dies while reading a list.
    KilledListing => "killed while listing",
    /// The clock of an execution environment jumps.
    ClockJump => "clock jumps",
    /// Nothing listens at the database's address.
    PostgresDown => "PostgreSQL down",
    /// The database takes a second to respond.
    PostgresSlow => "PostgreSQL slow",
    /// The database accepts connections and queries but doesn't respond.
    PostgresSilent => "PostgreSQL silent",
    /// The database closes the connection without a response.
    PostgresReset => "PostgreSQL resets the connection",
    /// The database is shut down by its administrator (57P01).
    PostgresShutDown => "PostgreSQL shut down (57P01)",
    /// The key set's URL is unreachable.
    KeySetDown => "key set down",
    /// The key set's URL doesn't respond in time.
    KeySetSlow => "key set slow",
    /// The key set's URL returns garbage.
    KeySetGarbage => "key set garbled",
    /// A client repeats a request with the same idempotency key.
    RetryWithKey => "client retries with its key",
    /// A client repeats a request without a key.
    RetryWithoutKey => "client retries without a key",
    /// A client disconnects or loses the response.
    ClientGone => "client does not wait for the answer",
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
        use Failure::{Cancelled, Reset, Silence, Status};
        use Fault::{Late, Lost, Refused, Slow};
        const ERROR: Failure = Status(500, "InternalServerError");
        const UNAVAILABLE: Failure = Status(503, "ServiceUnavailable");
        let late = || dice.duration(Duration::from_millis(5), Duration::from_secs(20));
        match self {
            Self::ThroughputExceeded => Refused(Status(400, "ProvisionedThroughputExceededException")),
            Self::Throttled => Refused(Status(400, "ThrottlingException")),
            Self::RequestLimitExceeded => Refused(Status(400, "RequestLimitExceeded")),
            Self::TransactionThrottled => Refused(Cancelled(&["None", "ThrottlingError"])),
            Self::TransactionThroughputExceeded => {
                Refused(Cancelled(&["None", "ProvisionedThroughputExceeded"]))
            }
            Self::TransactionConflict => Refused(Cancelled(&["None", "TransactionConflict"])),
            Self::WriteConflict => Refused(Status(400, "TransactionConflictException")),
            Self::ErrorBefore => Refused(ERROR),
            Self::ErrorAfter => Lost(ERROR),
            Self::UnavailableBefore => Refused(UNAVAILABLE),
            Self::UnavailableAfter => Lost(UNAVAILABLE),
            Self::ResetBefore => Refused(Reset),
            Self::ResetAfter => Lost(Reset),
            Self::SilenceBefore => Refused(Silence),
            Self::SilenceAfter => Lost(Silence),
            Self::LateAfterReset => Late(Reset, late()),
            Self::LateAfterSilence => Late(Silence, late()),
            Self::Slow => Slow(dice.duration(Duration::from_secs(1), Duration::from_millis(1_900))),
            _ => Fault::None,
        }
    }
}

/// The schedule of a run's random faults. Clones share it.
#[derive(Clone, Debug)]
pub struct Faults {
    dice: Dice,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    probabilities: [f64; FaultKind::ALL.len()],
    off: bool,
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
                FaultKind::CommitWithinPage | FaultKind::Reordered | FaultKind::Redelivery => 0.5,
                FaultKind::ConflictHidesRows
                | FaultKind::IndexGoesBack
                | FaultKind::KilledSending
                | FaultKind::KilledMoving
                | FaultKind::KilledListing => 0.3,
                FaultKind::SilenceBefore | FaultKind::SilenceAfter | FaultKind::LateAfterSilence => 0.04,
                FaultKind::TransactionConflict | FaultKind::WriteConflict => 0.15,
                FaultKind::PostgresDown
                | FaultKind::PostgresSlow
                | FaultKind::KeySetDown
                | FaultKind::KeySetSlow
                | FaultKind::KeySetGarbage => 0.4,
                _ => 0.08,
            };
            if calm || dice.chance(0.5) { 0.0 } else { most * dice.share() }
        };
        Self::new(dice, probability)
    }

    /// A schedule, turned off, in which calls to DynamoDB and all other steps fail with the approximate
    /// probability `rate`.
    #[must_use]
    pub fn with_rate(rate: f64, dice: &Dice) -> Self {
        let share = rate / f64::from(u32::try_from(ANY_CALL.len()).unwrap());
        let of_calls = ["PutItem", "TransactWriteItems"].map(FaultKind::of_call).concat();
        Self::new(dice, |kind| if of_calls.contains(&kind) { share } else { rate })
    }

    fn new(dice: &Dice, probability: impl FnMut(FaultKind) -> f64) -> Self {
        let probabilities = FaultKind::ALL.map(probability);
        let state = State { counts: Counts::default(), probabilities, off: true };
        Self { dice: dice.clone(), state: Arc::new(Mutex::new(state)) }
    }

    /// Turns all faults off or on.
    pub fn set_off(&self, off: bool) {
        self.state.lock().unwrap().off = off;
    }

    #[must_use]
    pub fn are_off(&self) -> bool {
        self.state.lock().unwrap().off
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
        if state.off {
            return None;
        }
        let occurs = |kind: &FaultKind| self.dice.chance(state.probabilities[*kind as usize]);
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
        self.state.lock().unwrap().counts.add(kind);
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts.clone()
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The number of faults of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; FaultKind::ALL.len()]);

impl Counts {
    fn add(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Iterates over the kinds and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        FaultKind::ALL.into_iter().map(|kind| (kind, self.0[kind as usize]))
    }

    /// The total count.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self(array::from_fn(|_| 0))
    }
}

impl std::ops::AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        for (mine, others) in self.0.iter_mut().zip(other.0) {
            *mine += others;
        }
    }
}
