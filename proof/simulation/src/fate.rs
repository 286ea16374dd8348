//! What may become of a call to DynamoDB, whichever way it goes.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::ConnectorError};

use crate::{fault::Fault, wire};

/// What a caller gets: an answer, or a connection that breaks.
pub type Answer = Result<HttpResponse, ConnectorError>;

/// What becomes of a call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not carried out, and this is the answer.
    Refused(Failure),
    /// It is carried out, and this is the answer.
    Lost(Failure),
    /// It is carried out later, and this is the answer.
    Late(Failure),
}

/// How a call fails, as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A status with an error code of DynamoDB.
    Status(u16, &'static str),
    /// A transaction of two actions or more, cancelled for this reason.
    Cancelled(&'static str),
    /// The connection breaks.
    Reset,
    /// No answer at all.
    Silence,
}

impl Failure {
    /// The answer of a call that fails so.
    pub async fn answer(self) -> Answer {
        match self {
            Self::Status(status, code) => Ok(wire::failure(status, code)),
            Self::Cancelled(code) => Ok(wire::cancelled(&["None", code])),
            Self::Reset => Err(wire::reset()),
            Self::Silence => std::future::pending().await,
        }
    }
}

const ANY_CALL: [Fault; 12] = [
    Fault::ThroughputExceeded,
    Fault::Throttled,
    Fault::RequestLimitExceeded,
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::UnavailableBefore,
    Fault::UnavailableAfter,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::SilenceBefore,
    Fault::SilenceAfter,
    Fault::Slow,
];

const ANY_WRITE: [Fault; 2] = [Fault::LateAfterReset, Fault::LateAfterSilence];

const ANY_TRANSACTION: [Fault; 3] =
    [Fault::TransactionConflict, Fault::TransactionThrottled, Fault::TransactionThroughputExceeded];

/// The faults that a call of `operation` may meet on its way.
#[must_use]
pub fn faults_of(operation: &str) -> Vec<Fault> {
    let of_kind = match operation {
        "GetItem" | "Query" => return ANY_CALL.to_vec(),
        "TransactWriteItems" => &ANY_TRANSACTION[..],
        _ => &[Fault::WriteConflict][..],
    };
    [&ANY_CALL[..], &ANY_WRITE[..], of_kind].concat()
}

/// What a fault makes of a call; none: it is carried out and answered.
#[must_use]
pub fn fate(fault: Fault) -> Option<Fate> {
    use Failure::{Cancelled, Reset, Silence, Status};
    use Fate::{Late, Lost, Refused};
    const ERROR: Failure = Status(500, "InternalServerError");
    const UNAVAILABLE: Failure = Status(503, "ServiceUnavailable");
    Some(match fault {
        Fault::ThroughputExceeded => Refused(Status(400, "ProvisionedThroughputExceededException")),
        Fault::Throttled => Refused(Status(400, "ThrottlingException")),
        Fault::RequestLimitExceeded => Refused(Status(400, "RequestLimitExceeded")),
        Fault::TransactionThrottled => Refused(Cancelled("ThrottlingError")),
        Fault::TransactionThroughputExceeded => Refused(Cancelled("ProvisionedThroughputExceeded")),
        Fault::TransactionConflict => Refused(Cancelled("TransactionConflict")),
        Fault::WriteConflict => Refused(Status(400, "TransactionConflictException")),
        Fault::ErrorBefore => Refused(ERROR),
        Fault::ErrorAfter => Lost(ERROR),
        Fault::UnavailableBefore => Refused(UNAVAILABLE),
        Fault::UnavailableAfter => Lost(UNAVAILABLE),
        Fault::ResetBefore => Refused(Reset),
        Fault::ResetAfter => Lost(Reset),
        Fault::SilenceBefore => Refused(Silence),
        Fault::SilenceAfter => Lost(Silence),
        Fault::LateAfterReset => Late(Reset),
        Fault::LateAfterSilence => Late(Silence),
        _ => return None,
    })
}
