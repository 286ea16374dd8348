//! Random faults of a run, with their probabilities and counts.
//!
//! The kinds cover DynamoDB and everything else that surrounds the functions, so that one schedule decides a run.

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

            /// Description for reports.
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
    /// A transaction cancelled since one of its writes was throttled.
    TransactionThrottled => "throttled: transaction cancelled, ThrottlingError",
    /// A transaction cancelled since one of its writes exceeded the table's throughput.
    TransactionThroughputExceeded => "throttled: transaction cancelled, ProvisionedThroughputExceeded",
    /// A transaction cancelled since another one had one of its rows.
    TransactionConflict => "transaction cancelled, TransactionConflict",
    /// A refused transaction that says of some rows in the way only that there was a conflict.
    ConflictHidesRows => "transaction refused, rows in the way hidden by conflicts",
    /// A single write refused since a transaction had its row.
    WriteConflict => "single write refused, TransactionConflictException",
    /// A transaction whose earlier try, with the same token, is under way.
    TransactionInProgress => "transaction in progress",
    /// A 500, and nothing was done.
    ErrorBefore => "500, before it took effect",
    /// A 500, and all was done.
    ErrorAfter => "500, after it took effect",
    /// A 503, and nothing was done.
    UnavailableBefore => "503, before it took effect",
    /// A 503, and all was done.
    UnavailableAfter => "503, after it took effect",
    /// The connection breaks, and nothing was done.
    ResetBefore => "connection reset, before it took effect",
    /// The connection breaks, and all was done.
    ResetAfter => "connection reset, after it took effect",
    /// No answer, and nothing was done.
    SilenceBefore => "no answer, and nothing done",
    /// No answer, and all was done at once.
    SilenceAfter => "no answer, although done at once",
    /// The connection breaks, and the write lands later.
    LateAfterReset => "connection reset, and the write lands later",
    /// No answer, and the write lands after the caller gave up.
    LateAfterSilence => "no answer, and the write lands later",
    /// The answer takes longer than a second.
    Slow => "answered after more than a second",
    /// The index shows no row of a member who has one.
    IndexShowsNone => "index shows no row of a member",
    /// The index shows one row of a member, where it was.
    IndexShowsOld => "index shows a member's old row",
    /// The index shows two rows of a member or more.
    IndexShowsMany => "index shows two rows of a member or more",
    /// The index goes back to what it showed before.
    IndexGoesBack => "index goes back to an older state",
    /// A page has fewer rows than were asked for, and more are to come.
    ShortPage => "short page",
    /// A page has no row, and more are to come.
    EmptyPage => "empty page",
    /// The partition changes between two pages of a query.
    CommitBetweenPages => "commit between the pages of a query",
    /// The partition changes while one page is read.
    CommitWithinPage => "commit within a page",
    /// A record is delivered once more.
    Redelivery => "records delivered once more",
    /// The records of a batch are not in the order of their commits.
    Reordered => "batch out of order",
    /// A batch that failed comes again in other parts.
    Resplit => "batch split in another way",
    /// Two invocations of the stream handler run at the same time.
    ConcurrentMoves => "concurrent invocations of the stream handler",
    /// A record that nobody can read.
    Poison => "poison record",
    /// The execution environment dies while a request to send is under way.
    KilledSending => "killed while sending",
    /// The execution environment dies while rows are moved.
    KilledMoving => "killed while moving",
    /// The execution environment dies while it reads for a list.
    KilledListing => "killed while listing",
    /// The clock of an execution environment jumps.
    ClockJump => "clock jumps",
    /// Nothing answers at the database's address.
    PostgresDown => "PostgreSQL down",
    /// The database takes a second for an answer.
    PostgresSlow => "PostgreSQL slow",
    /// The database takes connections and queries, and says nothing.
    PostgresSilent => "PostgreSQL silent",
    /// The database ends the connection instead of answering.
    PostgresReset => "PostgreSQL resets the connection",
    /// The database is shut down by its administrator (57P01).
    PostgresShutDown => "PostgreSQL shut down (57P01)",
    /// The key set's URL can't be reached.
    KeySetDown => "key set down",
    /// The key set's URL does not answer in time.
    KeySetSlow => "key set slow",
    /// The key set's URL answers with something else.
    KeySetGarbage => "key set garbled",
    /// A client asks again, with the same idempotency key.
    RetryWithKey => "client retries with its key",
    /// A client asks again, without a key.
    RetryWithoutKey => "client retries without a key",
    /// A client goes away, or has lost the answer.
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
    /// Kinds of faults that a call of `operation` can meet.
    fn of_call(operation: &str) -> Vec<Self> {
        let of_operation = match operation {
            "PutItem" | "DeleteItem" | "UpdateItem" => &[Self::WriteConflict][..],
            "TransactWriteItems" => &ANY_TRANSACTION[..],
            _ => return ANY_CALL.to_vec(),
        };
        [&ANY_CALL[..], &ANY_WRITE[..], of_operation].concat()
    }

    /// The fault of a call; [`Fault::None`] for kinds that are injected elsewhere.
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
    /// A schedule with random probabilities, off.
    #[must_use]
    pub fn random(dice: &Dice) -> Self {
        // Not every kind occurs in every run: a storm of one kind hides what another one finds.
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

    /// A schedule in which a call to DynamoDB fails with about the probability `rate`, and so does everything else.
    /// Off.
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

    /// Turns all faults off, or on.
    pub fn set_off(&self, off: bool) {
        self.state.lock().unwrap().off = off;
    }

    /// Whether all faults are off.
    #[must_use]
    pub fn are_off(&self) -> bool {
        self.state.lock().unwrap().off
    }

    /// The random decisions.
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

    /// Counts one fault of this kind.
    pub fn count(&self, kind: FaultKind) {
        self.state.lock().unwrap().counts.add(kind);
    }

    /// Counts so far.
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

/// Number of faults of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; FaultKind::ALL.len()]);

impl Counts {
    fn add(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Each kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        FaultKind::ALL.into_iter().map(|kind| (kind, self.0[kind as usize]))
    }

    /// Total.
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
