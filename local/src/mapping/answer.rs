//! Evaluation of a function's answer by the rules of `ReportBatchItemFailures`.

use serde_json::Value;

/// The outcome of one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every record of the batch succeeded.
    Succeeded,
    /// The records before this place in the batch succeeded. The others are retried.
    FailedFrom(usize),
    /// The whole batch failed, but the function returned an answer.
    Failed,
    /// The function returned an error, panicked or timed out.
    FunctionError,
}

impl Outcome {
    /// Parses the answer to a batch with these sequence numbers, for a mapping that reports batch item
    /// failures.
    ///
    /// Lambda treats an empty answer, null, an empty list and an object without failures as success. It
    /// retries from the lowest identifier on. It fails the whole batch if an identifier is not in it.
    pub(super) fn of_answer(answer: &str, sequence_numbers: &[String]) -> Self {
        if answer.trim().is_empty() {
            return Self::Succeeded;
        }
        let failures = match serde_json::from_str(answer) {
            Ok(Value::Null) => return Self::Succeeded,
            Ok(Value::Array(elements)) if elements.is_empty() => return Self::Succeeded,
            Ok(Value::Object(mut answer)) => match answer.remove("batchItemFailures") {
                None | Some(Value::Null) => return Self::Succeeded,
                Some(Value::Array(failures)) => failures,
                Some(_) => return Self::Failed,
            },
            _ => return Self::Failed,
        };
        // The batch is in stream order, so the lowest sequence number comes first.
        let place = |failure: &Value| {
            let identifier = failure.get("itemIdentifier")?.as_str()?;
            sequence_numbers.iter().position(|number| number == identifier)
        };
        match failures.iter().map(place).collect::<Option<Vec<_>>>() {
            None => Self::Failed,
            Some(places) => places.into_iter().min().map_or(Self::Succeeded, Self::FailedFrom),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(answer: &str) -> Outcome {
        Outcome::of_answer(answer, &["10", "11", "12"].map(str::to_owned))
    }

    fn failures(identifiers: &[&str]) -> String {
        let failures: Vec<_> =
            identifiers.iter().map(|number| serde_json::json!({"itemIdentifier": number})).collect();
        serde_json::json!({"batchItemFailures": failures}).to_string()
    }

    #[test]
    fn an_answer_without_failures_is_success() {
        for answer in
            ["", " \n", "null", "[]", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#]
        {
            assert_eq!(outcome(answer), Outcome::Succeeded, "{answer:?}");
        }
    }

    #[test]
    fn other_keys_of_the_answer_are_ignored() {
        assert_eq!(outcome(r#"{"moved": 3}"#), Outcome::Succeeded);
    }

    #[test]
    fn the_lowest_failed_record_decides_in_any_order_of_the_report() {
        assert_eq!(outcome(&failures(&["12", "11"])), Outcome::FailedFrom(1));
        assert_eq!(outcome(&failures(&["10", "12", "10"])), Outcome::FailedFrom(0));
        assert_eq!(outcome(&failures(&["12"])), Outcome::FailedFrom(2));
    }

    #[test]
    fn an_identifier_outside_the_batch_fails_the_whole_batch() {
        assert_eq!(outcome(&failures(&["13"])), Outcome::Failed);
        assert_eq!(outcome(&failures(&["11", "13"])), Outcome::Failed);
        assert_eq!(outcome(&failures(&[""])), Outcome::Failed);
    }

    #[test]
    fn an_identifier_that_is_null_missing_or_not_a_string_fails_the_whole_batch() {
        for failure in
            [r#"{"itemIdentifier":null}"#, r#"{"foo":"11"}"#, r#"{"itemIdentifier":11}"#, "\"11\"", "null"]
        {
            let answer = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"12"}},{failure}]}}"#);
            assert_eq!(outcome(&answer), Outcome::Failed, "{answer}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_fails_the_whole_batch() {
        for answer in
            ["done", "\"done\"", "3", "true", "[1]", r#"{"batchItemFailures":"11"}"#, "{\"batchItem"]
        {
            assert_eq!(outcome(answer), Outcome::Failed, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in ".*") {
            outcome(&answer);
        }
    }
}
