//! Calls to the embedded engine, bypassing all layers.

use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

/// Executes a call.
pub fn dispatch(database: &Database, operation: &str, request: Value) -> Result<Value, DynoxideError> {
    macro_rules! operations {
        ($($name:literal => $method:ident),* $(,)?) => {
            match operation {
                $($name => {
                    let request = serde_json::from_value(request).unwrap();
                    serde_json::to_value(database.$method(request)?).unwrap()
                })*
                _ => panic!("unsupported operation {operation}"),
            }
        };
    }
    Ok(operations! {
        "BatchGetItem" => batch_get_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "GetItem" => get_item,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "TransactWriteItems" => transact_write_items,
        "UpdateItem" => update_item,
        "UpdateTable" => update_table,
        "UpdateTimeToLive" => update_time_to_live,
    })
}

/// Calls `visit` with each row of a table.
pub fn scan(database: &Database, table: &str, mut visit: impl FnMut(&Value)) {
    // Without a limit, the engine reads the whole rest of the table for each page.
    let mut request = json!({"TableName": table, "Limit": 1_000});
    loop {
        let response = dispatch(database, "Scan", request.clone()).unwrap();
        response["Items"].as_array().unwrap().iter().for_each(&mut visit);
        match response.get("LastEvaluatedKey") {
            Some(last) if !last.is_null() => request["ExclusiveStartKey"] = last.clone(),
            _ => return,
        }
    }
}

/// A string attribute of an item, or an empty string.
#[must_use]
pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

/// The request units that a response reports: the table's and the index's.
#[must_use]
pub fn units(response: &Value) -> (f64, f64) {
    let consumed = &response["ConsumedCapacity"];
    let mut units = (0.0, 0.0);
    for table in consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice) {
        let indexes = table["GlobalSecondaryIndexes"].as_object();
        let of_indexes = indexes.map_or(0.0, |indexes| {
            indexes.values().filter_map(|index| index["CapacityUnits"].as_f64()).sum()
        });
        // Some responses report only the total.
        let of_table = table["Table"]["CapacityUnits"].as_f64();
        let total = table["CapacityUnits"].as_f64().unwrap_or_default();
        units.0 += of_table.unwrap_or(total - of_indexes);
        units.1 += of_indexes;
    }
    units
}
