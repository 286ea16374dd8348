//! The stream handler with batches of various sizes: the cost of a record, and of its redelivery.

use anyhow::Result;
use bytes::Bytes;
use cruddur::message_group::uuid_of_pair;
use serde_json::{Value, json};

use crate::{
    Run,
    cases::{Case, sample, set_message},
    environment::Environment,
    figures::{Figures, float},
    report::{Row, Table},
    services::user,
};

/// The numbers of records and groups of each batch, up to the mapping's batch size.
const SHAPES: [(usize, usize); 6] = [(1, 1), (10, 1), (10, 10), (100, 1), (100, 10), (100, 100)];

/// Measures batches of all [`SHAPES`].
pub(crate) async fn batches(run: &Run, stream_handler: &Case) -> Result<Table> {
    let groups = create_groups(run).await?;
    let sample = sample("stream-handler/insert")?["Records"][0].take();
    let mut environment = Environment::start(run, stream_handler).await?;
    // The first invocation opens the connection.
    environment.invoke(batch(&sample, &groups[..1], 1)).await?;
    let mut rows = Vec::new();
    for (records, number) in SHAPES {
        let event = batch(&sample, &groups[..number], records);
        run.services.take_counts();
        let first = environment.invoke(event.clone()).await?;
        let counts = run.services.take_counts();
        let again = environment.invoke(event).await?;
        let (of_records, of_groups) = (float(records), float(number));
        let figures = Figures::from([
            ("wall, ms", first.wall_ms),
            ("CPU µs / record", first.cpu_ms * 1e3 / of_records),
            ("RRU / group", counts.read_units / of_groups),
            ("WRU / group", counts.write_units / of_groups),
            ("WRU of a redelivery", run.services.take_counts().write_units),
            ("CPU µs / record of a redelivery", again.cpu_ms * 1e3 / of_records),
        ]);
        rows.push(Row { name: format!("{records}, {number}"), figures });
    }
    environment.process.stop().await?;
    Ok(Table { title: "batch: records, groups", rows })
}

/// Creates 100 groups of users without other groups.
async fn create_groups(run: &Run) -> Result<Vec<String>> {
    let mut groups = Vec::new();
    for number in 0..100 {
        let [sender, receiver] = [5_000, 6_000].map(|first| user(first + number));
        run.services.send(&sender, &receiver).await?;
        groups.push(uuid_of_pair(sender.uuid, receiver.uuid).to_string());
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
