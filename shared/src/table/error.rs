//! Classification of DynamoDB's errors.

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::CancellationReason,
};

use super::Item;
use crate::error::{Cause, Dependency, Error};

/// The error of a write.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was written, because a condition was false. Other actions of the transaction may have failed with a
    /// conflict; DynamoDB does not return their rows.
    #[error("a condition was false")]
    ConditionFailed {
        /// One entry for each action, `None` unless its condition was false. A put, a check, or [`Table::update`]
        /// returns the current row, or an empty item if the row is absent. Other actions return an empty item.
        ///
        /// [`Table::update`]: super::Table::update
        rows: Vec<Option<Item>>,
        /// DynamoDB's error.
        #[source]
        cause: Cause,
    },
    /// Nothing was written, because of a conflict or throttling. The same write may succeed later.
    #[error("DynamoDB is busy")]
    Busy(#[source] Cause),
    /// The write may have succeeded, or may still succeed later: a timeout, a broken connection or a 5xx.
    #[error("the outcome of the write is unknown")]
    Unknown(#[source] Cause),
    /// Nothing was written, and a retry would fail too: the request is invalid or not allowed.
    #[error("DynamoDB rejects the request")]
    Permanent(#[source] Cause),
}

impl WriteError {
    pub(super) fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match classify(&error) {
            Class::Busy => Self::Busy(error.into()),
            Class::Unknown => Self::Unknown(error.into()),
            Class::Permanent => Self::Permanent(error.into()),
        }
    }

    /// Classifies a canceled transaction. `reasons` has one entry for each action.
    pub(super) fn from_reasons(reasons: &[CancellationReason], cause: Cause) -> Self {
        let code = |reason: &CancellationReason| reason.code.clone().unwrap_or_else(|| "None".to_owned());
        let rows = reasons.iter().map(|reason| {
            (code(reason) == "ConditionalCheckFailed").then(|| reason.item.clone().unwrap_or_default())
        });
        let rows: Vec<_> = rows.collect();
        if rows.iter().any(Option::is_some) {
            Self::ConditionFailed { rows, cause }
        } else if reasons.iter().map(code).all(|code| code == "None" || is_transient(&code)) {
            Self::Busy(cause)
        } else {
            Self::Permanent(cause)
        }
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Busy(_) | WriteError::Unknown(_) => Self::unavailable(Dependency::DynamoDb, error),
            WriteError::ConditionFailed { .. } | WriteError::Permanent(_) => Self::internal(error),
        }
    }
}

enum Class {
    Busy,
    Unknown,
    Permanent,
}

/// Returns `true` if the code of an error, or of a cancellation reason, means a conflict or throttling.
fn is_transient(code: &str) -> bool {
    matches!(
        code.strip_suffix("Exception").unwrap_or(code),
        "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingError"
            | "TransactionConflict"
    )
}

fn classify<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Class {
    match error {
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(code) if is_transient(code) => Class::Busy,
            // An earlier attempt of the SDK, with the same token, is still running.
            Some("TransactionInProgressException") => Class::Unknown,
            _ if answer.raw().status().is_server_error() => Class::Unknown,
            _ => Class::Permanent,
        },
        SdkError::ConstructionFailure(_) => Class::Permanent,
        _ => Class::Unknown,
    }
}

/// Classifies the error of a read.
pub fn read_error<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match classify(&error) {
        Class::Busy | Class::Unknown => Error::unavailable(Dependency::DynamoDb, error),
        Class::Permanent => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{error::ErrorMetadata, operation::put_item::PutItemError};
    use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    type PutError = SdkError<PutItemError, HttpResponse>;

    /// An answer of DynamoDB with this status and, if there is one, this error code.
    fn answer(status: u16, code: Option<&str>) -> PutError {
        let mut error = ErrorMetadata::builder();
        if let Some(code) = code {
            error = error.code(code);
        }
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        SdkError::service_error(PutItemError::generic(error.build()), response)
    }

    /// The classification of an error: of a write, of a read, and of the request that made the write.
    fn meanings(error: impl Fn() -> PutError) -> (&'static str, &'static str, &'static str) {
        let of_write = match WriteError::from_sdk(error()) {
            WriteError::ConditionFailed { .. } => "refused",
            WriteError::Busy(_) => "busy",
            WriteError::Unknown(_) => "unknown",
            WriteError::Permanent(_) => "failed",
        };
        let of_request = |error| match error {
            Error::Unavailable { what: Dependency::DynamoDb, .. } => "unavailable",
            Error::Internal(_) => "internal",
            _ => "another error",
        };
        (of_write, of_request(read_error(error())), of_request(WriteError::from_sdk(error()).into()))
    }

    #[test]
    fn throttling_and_conflicts_pass() {
        for code in [
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "ThrottlingException",
            "TransactionConflictException",
        ] {
            let error = || answer(400, Some(code));
            assert_eq!(meanings(error), ("busy", "unavailable", "unavailable"), "{code}");
        }
    }

    #[test]
    fn after_a_5xx_or_no_answer_the_outcome_is_unknown() {
        let unknown = ("unknown", "unavailable", "unavailable");
        assert_eq!(meanings(|| answer(400, Some("TransactionInProgressException"))), unknown);
        assert_eq!(meanings(|| answer(500, Some("InternalServerError"))), unknown);
        assert_eq!(meanings(|| answer(503, None)), unknown);
        assert_eq!(meanings(|| SdkError::timeout_error("no answer")), unknown);
        assert_eq!(
            meanings(|| SdkError::dispatch_failure(ConnectorError::io("connection reset".into()))),
            unknown
        );
        let unreadable = || {
            let response = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
            SdkError::response_error("half an answer", response)
        };
        assert_eq!(meanings(unreadable), unknown);
    }

    #[test]
    fn a_request_at_fault_never_succeeds() {
        let failed = ("failed", "internal", "internal");
        for code in [Some("ValidationException"), Some("AccessDeniedException"), None] {
            assert_eq!(meanings(|| answer(400, code)), failed, "{code:?}");
        }
        assert_eq!(meanings(|| SdkError::construction_failure("no table name")), failed);
    }

    #[test]
    fn an_unhandled_false_condition_is_an_internal_error() {
        let refused = WriteError::ConditionFailed { rows: vec![None], cause: "a condition was false".into() };
        assert!(matches!(Error::from(refused), Error::Internal(_)));
    }
}
