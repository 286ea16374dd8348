//! The stream handler with batches of various sizes: the cost of a record, and of its redelivery.

use anyhow::Result;
use bytes::Bytes;
use cruddur::{message_group::uuid_of_pair, user::User};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    figures::ms,
    functions::Case,
    measure::count_of,
    run::{MEMORY_OF_ONE_PROCESSOR, Run},
    stage::{Stage, sample, send, set_message},
};

/// The measurements of one batch.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Batch {
    /// Number of records.
    pub records: usize,
    /// Number of groups.
    pub groups: usize,
    /// Time to the answer.
    pub wall_ms: f64,
    /// CPU time per record.
    pub cpu_us_per_record: f64,
    /// Moved groups per record.
    pub moves_per_record: f64,
    /// Read request units per group.
    pub read_units_per_group: f64,
    /// Write request units per group.
    pub write_units_per_group: f64,
    /// Write request units of a redelivery of the same batch.
    pub write_units_again: f64,
    /// CPU time per record of a redelivery.
    pub cpu_us_per_record_again: f64,
}

/// Write request units of a move: in each of the two inboxes one row is deleted and one put, both also in the
/// index.
const UNITS_OF_A_MOVE: f64 = 12.0;

/// The numbers of records and groups of each batch.
pub const SHAPES: [(usize, usize); 11] = [
    (1, 1),
    (10, 1),
    (10, 10),
    (100, 1),
    (100, 10),
    (100, 100),
    (1_000, 1),
    (1_000, 100),
    (1_000, 1_000),
    (10_000, 100),
    (10_000, 1_000),
];

/// Measures batches of all [`SHAPES`] within the run's effort.
pub async fn batches(run: &Run, case: &Case) -> Result<Vec<Batch>> {
    let shapes = SHAPES.into_iter().filter(|(records, _)| *records <= run.effort.records).collect::<Vec<_>>();
    let groups = open_groups(&run.stage, shapes.iter().map(|(_, groups)| *groups).max().unwrap_or(0)).await?;
    let sample = sample("stream-handler/insert")?["Records"][0].take();
    let mut environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
    // The first invocation opens the connection.
    environment.invoke(&batch(&sample, &groups[..1], 1)).await?;
    let mut measured = Vec::new();
    for (records, number) in shapes {
        let event = batch(&sample, &groups[..number], records);
        let before = run.stage.dynamodb.count();
        let first = environment.invoke(&event).await?;
        let between = run.stage.dynamodb.count();
        let again = environment.invoke(&event).await?;
        let (cost, cost_again) =
            (between.since(before).units, run.stage.dynamodb.count().since(between).units);
        let (of_records, of_groups) = (count_of(u64::try_from(records)?), count_of(u64::try_from(number)?));
        measured.push(Batch {
            records,
            groups: number,
            wall_ms: ms(first.wall),
            cpu_us_per_record: ms(first.cpu) * 1e3 / of_records,
            moves_per_record: cost.write / UNITS_OF_A_MOVE / of_records,
            read_units_per_group: cost.read / of_groups,
            write_units_per_group: cost.write / of_groups,
            write_units_again: cost_again.write,
            cpu_us_per_record_again: ms(again.cpu) * 1e3 / of_records,
        });
    }
    environment.stop().await?;
    Ok(measured)
}

/// Opens groups of pairs without other groups.
async fn open_groups(stage: &Stage, number: usize) -> Result<Vec<String>> {
    let mut groups = Vec::new();
    for pair in 0..u128::try_from(number)? {
        let [first, second] = [2 * pair, 2 * pair + 1].map(|number| User {
            uuid: Uuid::from_u128(0xba7c_0000_0000 + number),
            handle: format!("batch-{number}"),
            display_name: format!("Batch No. {number}"),
        });
        send(&stage.table, &first, &second).await?;
        groups.push(uuid_of_pair(first.uuid, second.uuid).to_string());
    }
    Ok(groups)
}

fn batch(sample: &Value, groups: &[String], records: usize) -> Bytes {
    let records = groups.iter().cycle().take(records).enumerate().map(|(number, group)| {
        let mut record = sample.clone();
        record["eventID"] = json!(format!("{number:032x}"));
        set_message(&mut record, group);
        record["dynamodb"]["SequenceNumber"] = json!(format!("{:021}", number + 1));
        record
    });
    Bytes::from(json!({"Records": records.collect::<Vec<_>>()}).to_string())
}
