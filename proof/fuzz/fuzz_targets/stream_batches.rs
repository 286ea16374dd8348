//! Batches of stream records. A batch yields what its records yield one by one. No record spoils or hides
//! another, in any order (design, section 3).
#![no_main]

use std::collections::BTreeMap;

use cruddur::{
    projection::inbox::GroupChanges,
    sort_key::SortKey,
    stream::{Batch, GroupRecords},
    table::{MemberStateRow, MessageRow, Partition},
};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

#[derive(Deserialize)]
struct Records {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// Greatest sort key and all sequence numbers, by group.
type Newest = BTreeMap<Uuid, (Option<SortKey>, Vec<String>)>;

fn new_messages<'a>(records: impl Iterator<Item = &'a str>) -> (Newest, usize) {
    let batch = format!("{{\"Records\":[{}]}}", records.collect::<Vec<_>>().join(","));
    let batch: Batch = serde_json::from_str(&batch).expect("records of a batch are a batch");
    let changes = batch.changes();
    let groups = changes.groups.len();
    let newest: Newest = changes
        .groups
        .into_iter()
        .map(|GroupRecords { changes, sequence_numbers }| {
            let GroupChanges { created, changed, states, .. } = &changes;
            assert!(created.is_sorted_by(|a, b| a.sk < b.sk), "unordered or repeated messages");
            let versions = |row: &MessageRow| (row.sk, row.version);
            assert!(changed.is_sorted_by(|a, b| versions(a) < versions(b)), "unordered or repeated changes");
            let versions = |row: &MemberStateRow| (row.sk, row.version);
            assert!(states.is_sorted_by(|a, b| versions(a) < versions(b)), "unordered or repeated states");
            assert!(created.len() + changed.len() + states.len() > 0, "a group without changes");
            (changes.group_uuid, (changes.newest().map(|newest| newest.sk), sequence_numbers))
        })
        .collect();
    assert_eq!(newest.len(), groups, "a group is listed twice");
    (newest, changes.skipped)
}

fn check_alone(record: &str, newest: &Newest, skipped: usize) {
    assert!(newest.len() + skipped <= 1, "{record}");
    for (group_uuid, (_, sequence_numbers)) in newest {
        let record: Value = serde_json::from_str(record).expect("JSON");
        let [sequence_number] = sequence_numbers.as_slice() else {
            panic!("not one sequence number of {record}")
        };
        assert!(!sequence_number.is_empty(), "{record}");
        let partitions = [Partition::Messages(*group_uuid), Partition::MemberStates(*group_uuid)];
        let pk = record["dynamodb"]["NewImage"]["pk"]["S"].as_str().unwrap_or_default();
        assert!(partitions.iter().any(|partition| partition.to_string() == pk));
    }
}

fuzz_target!(|json: &[u8]| {
    let Ok(batch) = serde_json::from_slice::<Batch>(json) else { return };
    let Ok(Records { records }) = serde_json::from_slice(json) else { panic!("a batch without records") };
    assert_eq!(batch.len(), records.len());

    let mut expected = Newest::new();
    let mut expected_skipped = 0;
    for record in &records {
        let (newest, skipped) = new_messages([record.get()].into_iter());
        check_alone(record.get(), &newest, skipped);
        expected_skipped += skipped;
        for (group_uuid, (sk, mut sequence_numbers)) in newest {
            let known = expected.entry(group_uuid).or_insert((sk, vec![]));
            known.0 = known.0.max(sk);
            known.1.append(&mut sequence_numbers);
        }
    }
    let records = || records.iter().map(|record| record.get());
    assert_eq!(new_messages(records()), (expected.clone(), expected_skipped));
    for (_, sequence_numbers) in expected.values_mut() {
        sequence_numbers.reverse();
    }
    assert_eq!(new_messages(records().rev()), (expected, expected_skipped));
});
