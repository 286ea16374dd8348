use proptest::{collection::vec, prelude::*};

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn batching() -> Batching {
    Batching { batch_size: 3, max_retries: 2, max_record_age: None }
}

fn record(number: usize) -> Record {
    Record { sequence_number: number.to_string(), created_at: now(), event: Value::Null }
}

fn delivery(batching: Batching, numbers: impl IntoIterator<Item = usize>) -> Delivery {
    let mut delivery = Delivery::new(batching, None);
    delivery.push(numbers.into_iter().map(|number| Read::Matched(record(number))));
    delivery
}

/// The sequence numbers of the next invocation. Empty if the next step is not an invocation.
fn batch(delivery: &Delivery) -> Vec<String> {
    match delivery.next(now()) {
        Next::Invoke(records) => records.iter().map(|record| record.sequence_number.clone()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn records_are_delivered_in_order_and_in_batches_of_the_given_size() {
    let mut delivery = delivery(batching(), 1..=7);
    for expected in [["1", "2", "3"].as_slice(), &["4", "5", "6"], &["7"]] {
        assert_eq!(batch(&delivery), expected);
        assert_eq!(delivery.answered(Outcome::Succeeded), None);
    }
    assert_eq!(delivery.next(now()), Next::Read);
    assert_eq!(delivery.position(), Some("7"));
}

#[test]
fn a_skipped_record_is_done_as_soon_as_all_before_it_are() {
    let skipped = |number: usize| Read::Skipped(number.to_string());
    let mut delivery = Delivery::new(batching(), None);
    delivery.push([skipped(1), skipped(2)]);
    assert_eq!(delivery.position(), Some("2"));
    delivery.push([skipped(3), Read::Matched(record(4)), skipped(5), Read::Matched(record(6)), skipped(7)]);
    assert_eq!(delivery.position(), Some("3"));
    assert_eq!(batch(&delivery), ["4", "6"]);
    delivery.answered(Outcome::FailedFrom(1));
    assert_eq!(delivery.position(), Some("5"));
    delivery.answered(Outcome::Succeeded);
    assert_eq!(delivery.position(), Some("7"));
}

#[test]
fn after_a_partial_failure_the_failed_record_and_all_after_it_are_delivered_again() {
    let mut delivery = delivery(batching(), 1..=3);
    assert_eq!(delivery.answered(Outcome::FailedFrom(1)), Some(1));
    assert_eq!(delivery.position(), Some("1"));
    assert_eq!(batch(&delivery), ["2", "3"]);
}

#[test]
fn a_failed_batch_is_delivered_again_unchanged_even_if_more_was_read() {
    let mut delivery = delivery(batching(), 1..=2);
    assert_eq!(delivery.answered(Outcome::Failed), Some(1));
    delivery.push([Read::Matched(record(3))]);
    assert_eq!(batch(&delivery), ["1", "2"]);
    assert_eq!(delivery.position(), None);
}

#[test]
fn a_batch_is_given_up_after_its_last_retry_and_the_next_one_is_delivered() {
    let mut delivery = delivery(batching(), 1..=4);
    assert_eq!(delivery.answered(Outcome::Failed), Some(1));
    assert_eq!(delivery.answered(Outcome::FailedFrom(0)), Some(2));
    assert_eq!(delivery.answered(Outcome::Failed), None);
    let records = [record(1), record(2), record(3)];
    assert_eq!(
        delivery.next(now()),
        Next::GiveUp(GivenUp {
            records: records.iter().collect(),
            condition: Condition::RetryAttemptsExhausted,
            invocations: 3,
            function_error: false,
        })
    );
    assert_eq!(delivery.position(), None);
    delivery.discard(3);
    assert_eq!(delivery.position(), Some("3"));
    assert_eq!(batch(&delivery), ["4"]);
}

#[test]
fn after_progress_the_rest_of_a_batch_has_all_its_retries_again() {
    let mut delivery = delivery(batching(), 1..=3);
    delivery.answered(Outcome::FailedFrom(0));
    delivery.answered(Outcome::FailedFrom(0));
    delivery.answered(Outcome::FailedFrom(2));
    for invocations in 1..=2 {
        assert_eq!(batch(&delivery), ["3"]);
        assert_eq!(delivery.answered(Outcome::FailedFrom(0)), Some(invocations));
    }
    assert_eq!(delivery.answered(Outcome::FailedFrom(0)), None);
    let Next::GiveUp(given_up) = delivery.next(now()) else { panic!("the record is not given up") };
    assert_eq!((given_up.invocations, given_up.function_error), (3, false));
}

#[test]
fn a_function_error_halves_the_batch_without_using_up_a_retry() {
    let mut delivery = delivery(Batching { max_retries: 0, ..batching() }, 1..=3);
    assert_eq!(delivery.answered(Outcome::FunctionError), Some(1));
    assert_eq!(batch(&delivery), ["1"]);
    delivery.answered(Outcome::Succeeded);
    assert_eq!(batch(&delivery), ["2", "3"]);
    assert_eq!(delivery.answered(Outcome::FunctionError), Some(2));
    assert_eq!(batch(&delivery), ["2"]);
    assert_eq!(delivery.answered(Outcome::FunctionError), None);
    let Next::GiveUp(given_up) = delivery.next(now()) else { panic!("the poison record is not given up") };
    assert_eq!((given_up.records, given_up.function_error), (vec![&record(2)], true));
    delivery.discard(1);
    assert_eq!(batch(&delivery), ["3"]);
}

#[test]
fn records_past_their_age_are_given_up_undelivered_and_younger_ones_are_delivered() {
    let hour = Duration::from_hours(1);
    let mut delivery = Delivery::new(Batching { max_record_age: Some(hour), ..batching() }, None);
    let old = Record { created_at: now() - hour - Duration::from_secs(1), ..record(1) };
    let young = Record { created_at: now() - hour, ..record(2) };
    delivery.push([Read::Matched(old.clone()), Read::Matched(young)]);
    assert_eq!(
        delivery.next(now()),
        Next::GiveUp(GivenUp {
            records: vec![&old],
            condition: Condition::RecordAgeExceeded,
            invocations: 0,
            function_error: false,
        })
    );
    delivery.discard(1);
    assert_eq!(batch(&delivery), ["2"]);
}

#[test]
fn a_record_from_the_future_is_not_too_old() {
    let mut delivery = Delivery::new(Batching { max_record_age: Some(Duration::ZERO), ..batching() }, None);
    delivery.push([Read::Matched(Record { created_at: now() + Duration::from_mins(1), ..record(1) })]);
    assert_eq!(batch(&delivery), ["1"]);
}

/// The function's behavior in one invocation. The place is taken modulo the batch size.
fn behavior() -> impl Strategy<Value = (u8, usize)> {
    (0..4u8, 0..100usize)
}

proptest! {
    /// For any behavior of the function, every record succeeds or is given up, in order. The checkpoint never
    /// passes a record that is neither.
    #[test]
    fn no_record_is_lost_or_overtaken(
        matched in vec(any::<bool>(), 1..60),
        behaviors in vec(behavior(), 0..80),
        reads in vec(1..20usize, 60),
        batch_size in 1..8usize,
        max_retries in 0..4u32,
    ) {
        let mut delivery = Delivery::new(Batching { batch_size, max_retries, max_record_age: None }, None);
        let mut done = vec![false; matched.len()];
        let mut unread = 0;
        let mut reads = reads.into_iter();
        // After the last behavior, the function always fails.
        let mut behaviors = behaviors.into_iter().chain(std::iter::repeat((3, 0)));
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 10_000, "the delivery doesn't end");
            match delivery.next(now()) {
                Next::Read => {
                    let count = reads.next().unwrap_or(1).min(matched.len() - unread);
                    if count == 0 {
                        break;
                    }
                    delivery.push((unread..unread + count).map(|number| {
                        if matched[number] { Read::Matched(record(number)) } else { Read::Skipped(number.to_string()) }
                    }));
                    unread += count;
                }
                Next::Invoke(records) => {
                    prop_assert!(records.len() <= batch_size);
                    let numbers: Vec<usize> =
                        records.iter().map(|record| record.sequence_number.parse().unwrap()).collect();
                    prop_assert!(numbers.is_sorted());
                    // In order: every record before the batch is done, and none in it.
                    prop_assert!((0..numbers[0]).all(|before| done[before] || !matched[before]));
                    prop_assert!(numbers.iter().all(|number| !done[*number]));
                    let (kind, place) = behaviors.next().unwrap();
                    let place = place % numbers.len();
                    let (outcome, successes) = match kind {
                        0 => (Outcome::Succeeded, numbers.len()),
                        1 => (Outcome::FailedFrom(place), place),
                        2 => (Outcome::Failed, 0),
                        _ => (Outcome::FunctionError, 0),
                    };
                    for number in numbers.iter().take(successes) {
                        done[*number] = true;
                    }
                    delivery.answered(outcome);
                }
                Next::GiveUp(given_up) => {
                    let count = given_up.records.len();
                    for record in given_up.records {
                        let number: usize = record.sequence_number.parse().unwrap();
                        prop_assert!(!done[number]);
                        done[number] = true;
                    }
                    delivery.discard(count);
                }
            }
            if let Some(position) = delivery.position() {
                let position: usize = position.parse().unwrap();
                prop_assert!((0..=position).all(|number| done[number] || !matched[number]));
            }
        }
        prop_assert!((0..matched.len()).all(|number| done[number] || !matched[number]));
        let last = (matched.len() - 1).to_string();
        prop_assert_eq!(delivery.position(), Some(last.as_str()));
        prop_assert_eq!(delivery.pending(), 0);
    }
}
