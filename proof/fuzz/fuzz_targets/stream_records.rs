//! Batches of valid records, and of records invalid in a known way, with few groups and times. The result is
//! each group's newest valid message and the sequence numbers of all valid ones (design, section 3).
#![no_main]

use arbitrary::Arbitrary;
use chrono::DateTime;
use cruddur::{
    sort_key::SortKey,
    stream::{Batch, NewMessages, NewestMessage},
    timestamp::Timestamp,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Arbitrary, Debug)]
struct Record<'a> {
    group: u8,
    seconds: u8,
    message: u8,
    text: &'a str,
    flaw: Option<Flaw<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Flaw<'a> {
    // Records that are not new messages.
    Modify,
    Remove,
    OtherEvent(&'a str),
    OtherRow(&'a str),
    // Malformed records of new messages.
    Without(u8),
    Number(u8),
    AnotherMessage,
    UpperCaseGroup,
    GroupWithoutHyphens,
    UpperCaseSortKey,
    NoSequenceNumber,
    EmptySequenceNumber,
    NoKeys,
    NoEventName,
}

const ATTRIBUTES: [&str; 7] =
    ["pk", "sk", "message_uuid", "message", "user_uuid", "user_display_name", "user_handle"];

enum Meaning {
    Nothing,
    Poison,
    /// A new message of this group.
    New(Uuid, SortKey),
}

fn group_uuid(group: u8) -> Uuid {
    Uuid::from_u128(0xa000_0000_0000_4000_8000_0000_0000_0000 + u128::from(group % 4))
}

fn message_uuid(message: u8) -> Uuid {
    Uuid::from_u128(0xb000_0000_0000_7000_8000_0000_0000_0000 + u128::from(message % 4))
}

impl Record<'_> {
    fn sk(&self) -> SortKey {
        let time = DateTime::from_timestamp(1_795_339_800 + i64::from(self.seconds % 4), 0).expect("a time");
        SortKey { created_at: Timestamp::new(time), message_uuid: message_uuid(self.message) }
    }

    fn render(&self, sequence_number: &str) -> (Value, Meaning) {
        let pk = format!("MSG#{}", group_uuid(self.group));
        let sk = self.sk();
        let user = Uuid::nil();
        let mut record = json!({
            "eventID": "1", "eventName": "INSERT", "awsRegion": "eu-central-1",
            "dynamodb": {
                "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
                "NewImage": {
                    "pk": {"S": pk}, "sk": {"S": sk}, "message_uuid": {"S": sk.message_uuid},
                    "message": {"S": self.text}, "user_uuid": {"S": user},
                    "user_display_name": {"S": "N"}, "user_handle": {"S": "n"},
                },
                "SequenceNumber": sequence_number,
                "SizeBytes": 1,
            },
        });
        let mut meaning = Meaning::Poison;
        let change = &mut record["dynamodb"];
        match &self.flaw {
            None => meaning = Meaning::New(group_uuid(self.group), sk),
            Some(Flaw::Modify) => (record["eventName"], meaning) = (json!("MODIFY"), Meaning::Nothing),
            Some(Flaw::Remove) => (record["eventName"], meaning) = (json!("REMOVE"), Meaning::Nothing),
            Some(Flaw::OtherEvent(name)) => {
                record["eventName"] = json!(name);
                meaning = if *name == "INSERT" {
                    Meaning::New(group_uuid(self.group), sk)
                } else {
                    Meaning::Nothing
                };
            }
            Some(Flaw::OtherRow(pk)) => {
                change["Keys"]["pk"]["S"] = json!(pk);
                change["NewImage"]["pk"]["S"] = json!(pk);
                let group = pk.strip_prefix("MSG#").map(|group| (group, group.parse::<Uuid>()));
                meaning = match group {
                    None => Meaning::Nothing,
                    // The fuzzer needs about half an hour to produce a valid group.
                    Some((spelt, Ok(group))) if spelt == group.to_string() => Meaning::New(group, sk),
                    Some(_) => Meaning::Poison,
                };
            }
            Some(Flaw::Without(index)) => {
                let name = ATTRIBUTES[usize::from(*index) % ATTRIBUTES.len()];
                change["NewImage"].as_object_mut().expect("an object").remove(name);
            }
            Some(Flaw::Number(index)) => {
                let name = ATTRIBUTES[usize::from(*index) % ATTRIBUTES.len()];
                change["NewImage"][name] = json!({"N": "1"});
            }
            Some(Flaw::AnotherMessage) => {
                change["NewImage"]["message_uuid"]["S"] = json!(message_uuid(self.message.wrapping_add(1)));
            }
            Some(Flaw::UpperCaseGroup) => {
                let pk = format!("MSG#{}", group_uuid(self.group).to_string().to_uppercase());
                change["Keys"]["pk"]["S"] = json!(pk);
                change["NewImage"]["pk"]["S"] = json!(pk);
            }
            Some(Flaw::GroupWithoutHyphens) => {
                let pk = format!("MSG#{}", group_uuid(self.group).simple());
                change["Keys"]["pk"]["S"] = json!(pk);
                change["NewImage"]["pk"]["S"] = json!(pk);
            }
            Some(Flaw::UpperCaseSortKey) => {
                change["NewImage"]["sk"]["S"] = json!(sk.to_string().to_uppercase());
            }
            Some(Flaw::NoSequenceNumber) => change["SequenceNumber"] = Value::Null,
            Some(Flaw::EmptySequenceNumber) => change["SequenceNumber"] = json!(""),
            Some(Flaw::NoKeys) => change["Keys"] = json!({}),
            Some(Flaw::NoEventName) => record["eventName"] = json!(1),
        }
        (record, meaning)
    }
}

fuzz_target!(|records: Vec<Record<'_>>| {
    let mut expected = NewMessages::default();
    let mut rendered = Vec::new();
    for (place, record) in records.iter().enumerate() {
        let sequence_number = place.to_string();
        let (json, meaning) = record.render(&sequence_number);
        rendered.push(json);
        let (group_uuid, sk) = match meaning {
            Meaning::Nothing => continue,
            Meaning::Poison => {
                expected.skipped += 1;
                continue;
            }
            Meaning::New(group, sk) => (group, sk),
        };
        let message = record.text.to_owned();
        match expected.newest.iter_mut().find(|newest| newest.group_uuid == group_uuid) {
            None => expected.newest.push(NewestMessage {
                group_uuid,
                sk,
                message,
                sequence_numbers: vec![sequence_number],
            }),
            Some(newest) => {
                newest.sequence_numbers.push(sequence_number);
                if sk > newest.sk {
                    (newest.sk, newest.message) = (sk, message);
                }
            }
        }
    }
    let batch: Batch = serde_json::from_value(json!({"Records": rendered})).expect("a batch");
    assert_eq!(batch.new_messages(), expected, "{records:?}");
});
