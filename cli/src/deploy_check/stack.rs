//! The check of the stack.

use super::report::{CheckResult, Problem, Success};
use crate::stack::Stack;

/// Checks that the last deployment succeeded.
pub(super) fn check(stack: &Stack) -> CheckResult {
    let Stack { name, status, reason, .. } = stack;
    let advice = match &**status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => {
            // The reason may be that of an earlier deployment.
            return Ok(Success::new(format!("{name} is {status}")));
        }
        status if status.contains("ROLLBACK") => {
            "the last deployment was rolled back; see `aws cloudformation describe-stack-events` for the first failure"
        }
        status if status.ends_with("_IN_PROGRESS") => "wait until CloudFormation is done, and check again",
        _ => "see `aws cloudformation describe-stack-events` for the first failure, fix it, and deploy again",
    };
    let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Err(Problem::new(format!("{name} is {status}{reason}"), advice))
}
