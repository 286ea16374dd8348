//! The faults, and how often each came to pass.

use std::{array, fmt};

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident => $label:literal,)*) => {
        /// What can go wrong around the functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$name),*];

            /// What it is, for people.
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// How often each fault came to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; Fault::ALL.len()]);

impl Counts {
    /// One more.
    pub fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Each fault with its number.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.0[fault as usize]))
    }

    /// All together.
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
