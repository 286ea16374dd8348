//! A request to DynamoDB as IAM sees it.

use anyhow::{Context as _, Result, bail, ensure};
use cruddur::table::GROUP_INDEX;
use serde_json::{Map, Value, json};

/// One access to be decided: an action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The action, such as `dynamodb:Query`.
    pub action: String,
    /// ARN of a table or an index.
    pub resource: String,
    /// Partition keys named in the request; for an index, the index's own.
    pub leading_keys: Vec<String>,
}

/// Partition key of the table and of its index. A test compares the table with `template.yaml`.
const PARTITION_KEY: &str = "pk";
const INDEX_PARTITION_KEY: &str = "message_group_uuid";

/// ARN of a table. All tests use the same account.
#[must_use]
pub(super) fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:eu-central-1:123456789012:table/{name}")
}

impl Access {
    pub(super) fn new(operation: &str, resource: &str) -> Self {
        let action = format!("dynamodb:{operation}");
        Self { action, resource: resource.to_owned(), leading_keys: Vec::new() }
    }

    fn to_table(operation: &str, request: &Value) -> Result<Self> {
        let name = request["TableName"].as_str().context("a request without a table")?;
        ensure!(!name.contains(':'), "the table {name} is named by an ARN");
        Ok(Self::new(operation, &table_arn(name)))
    }

    fn to_item(operation: &str, request: &Value) -> Result<Self> {
        let item = if operation == "PutItem" { &request["Item"] } else { &request["Key"] };
        let key = item[PARTITION_KEY]["S"].as_str().context("the partition key is not a string")?;
        Ok(Self { leading_keys: vec![key.to_owned()], ..Self::to_table(operation, request)? })
    }
}

/// Every access that `request` requires. Fails if the request is not supported.
///
/// Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB":
/// which action needs which resource, and that `LeadingKeys` exists for `ConditionCheckItem`, hence for parts
/// of transactions. DynamoDB Developer Guide, "Using IAM with DynamoDB transactions": a transaction has no
/// action; its parts have. The same guide, "Using IAM policy conditions for fine-grained access control":
/// leading keys are partition keys.
pub fn accesses(operation: &str, request: &Value) -> Result<Vec<Access>> {
    Ok(match operation {
        "GetItem" | "DeleteItem" | "UpdateItem" | "PutItem" => vec![Access::to_item(operation, request)?],
        "BatchGetItem" => of_batch(request)?,
        "Query" => vec![of_query(request)?],
        "TransactWriteItems" => of_transaction(request)?,
        // Operations on a whole table, including Scan, which has no leading keys.
        _ => vec![Access::to_table(operation, request)?],
    })
}

/// One access for each table, with the keys of all its rows.
fn of_batch(request: &Value) -> Result<Vec<Access>> {
    let tables = request["RequestItems"].as_object().context("a batch without tables")?;
    let of_table = |(table, read): (&String, &Value)| {
        let keys = read["Keys"].as_array().context("a batch without keys")?.iter();
        let keys = keys.map(|key| Access::to_item("BatchGetItem", &json!({"TableName": table, "Key": key})));
        let accesses = keys.collect::<Result<Vec<_>>>()?;
        let leading_keys = accesses.iter().flat_map(|access| access.leading_keys.clone()).collect();
        let first = accesses.into_iter().next().context("a batch without keys")?;
        Ok(Access { leading_keys, ..first })
    };
    tables.iter().map(of_table).collect()
}

fn of_query(request: &Value) -> Result<Access> {
    let mut access = Access::to_table("Query", request)?;
    let partition_key = match request.get("IndexName").and_then(Value::as_str) {
        None => PARTITION_KEY,
        Some(GROUP_INDEX) => {
            access.resource = format!("{}/index/{GROUP_INDEX}", access.resource);
            INDEX_PARTITION_KEY
        }
        Some(index) => bail!("the partition key of the index {index} is unknown"),
    };
    access.leading_keys.push(partition(request, partition_key)?);
    Ok(access)
}

/// The value to which a query's key condition compares `partition_key`, in the one form that the functions use. A key
/// condition consists of terms joined by AND, so a term in this form limits the query to the partition.
fn partition(request: &Value, partition_key: &str) -> Result<String> {
    let condition = request["KeyConditionExpression"].as_str().context("a query without a key condition")?;
    let term = condition.split(" AND ").next().unwrap_or_default();
    let value = term.strip_prefix(partition_key).and_then(|rest| rest.strip_prefix(" = "));
    let value = value.with_context(|| format!("{condition:?} does not begin with {partition_key:?} = …"))?;
    let value = request["ExpressionAttributeValues"][value]["S"].as_str();
    Ok(value.context("the partition key is not a string")?.to_owned())
}

/// Each part by itself, and all parts of an action together. AWS does not document whether IAM evaluates them
/// one by one or together, so policies must allow both.
fn of_transaction(request: &Value) -> Result<Vec<Access>> {
    let items = request["TransactItems"].as_array().context("a transaction without items")?;
    let of_part = |item: &Value| {
        let members = item.as_object().into_iter().flat_map(Map::iter).collect::<Vec<_>>();
        let [(kind, part)] = members[..] else { bail!("{} members instead of one", members.len()) };
        match &**kind {
            "Put" | "Delete" | "Update" | "ConditionCheck" => Access::to_item(&format!("{kind}Item"), part),
            _ => bail!("{kind} in a transaction"),
        }
    };
    let parts = items.iter().map(of_part).collect::<Result<Vec<_>>>()?;
    let mut together: Vec<Access> = Vec::new();
    for part in &parts {
        let same = |all: &&mut Access| all.action == part.action && all.resource == part.resource;
        match together.iter_mut().find(same) {
            Some(all) => all.leading_keys.extend(part.leading_keys.iter().cloned()),
            None => together.push(part.clone()),
        }
    }
    together.retain(|all| all.leading_keys.len() > 1);
    Ok([parts, together].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Action, end of the resource, and leading keys of each required access.
    fn brief(operation: &str, request: &Value) -> Vec<(String, String, Vec<String>)> {
        let accesses = accesses(operation, request).unwrap().into_iter();
        let end = |arn: String| arn.split_once(":table/").unwrap().1.to_owned();
        accesses.map(|one| (one.action, end(one.resource), one.leading_keys)).collect()
    }

    fn access(action: &str, resource: &str, leading_keys: &[&str]) -> (String, String, Vec<String>) {
        let leading_keys = leading_keys.iter().map(|&key| key.to_owned()).collect();
        (format!("dynamodb:{action}"), resource.to_owned(), leading_keys)
    }

    fn row(pk: &str) -> Value {
        json!({"pk": {"S": pk}, "sk": {"S": "x"}})
    }

    #[test]
    fn a_call_for_one_row_names_its_partition() {
        for operation in ["GetItem", "DeleteItem", "UpdateItem"] {
            let request = json!({"TableName": "t", "Key": row("A#1")});
            assert_eq!(brief(operation, &request), [access(operation, "t", &["A#1"])]);
        }
        let request = json!({"TableName": "t", "Item": row("A#1")});
        assert_eq!(brief("PutItem", &request), [access("PutItem", "t", &["A#1"])]);
    }

    #[test]
    fn a_query_names_its_partition() {
        let mut request = json!({
            "TableName": "t",
            "KeyConditionExpression": "pk = :key AND sk BETWEEN :from AND :to",
            "ExpressionAttributeValues": {":key": {"S": "A#1"}},
        });
        assert_eq!(brief("Query", &request), [access("Query", "t", &["A#1"])]);
        request["IndexName"] = json!(GROUP_INDEX);
        request["KeyConditionExpression"] = json!("message_group_uuid = :key");
        assert_eq!(brief("Query", &request), [access("Query", "t/index/message-group-sk-index", &["A#1"])]);
    }

    #[test]
    fn a_query_in_another_form_is_rejected() {
        for condition in [
            "",
            "sk = :pk",
            "pk > :pk",
            "pk=:pk",
            "#pk = :pk",
            "(pk = :pk)",
            "begins_with(pk, :pk)",
            "pk BETWEEN :pk AND :other",
            "pk = :pk OR pk = :other",
            "NOT pk = :pk",
            "pk = :number",
            "pk = :missing",
            "pk <> :pk",
        ] {
            let request = json!({
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": {":pk": {"S": "A#1"}, ":other": {"S": "B#1"}, ":number": {"N": "1"}},
            });
            assert!(partition(&request, "pk").is_err(), "{condition}");
        }
    }

    #[test]
    fn a_scan_has_no_leading_keys() {
        assert_eq!(brief("Scan", &json!({"TableName": "t"})), [access("Scan", "t", &[])]);
    }

    #[test]
    fn a_transaction_has_the_actions_of_its_parts() {
        let part = |kind: &str, member: &str, pk: &str| json!({kind: {"TableName": "t", member: row(pk)}});
        let request = json!({"TransactItems": [
            part("Put", "Item", "A#1"),
            part("ConditionCheck", "Key", "B#1"),
            part("Delete", "Key", "C#1"),
            part("Update", "Key", "D#1"),
            part("Put", "Item", "E#1"),
        ]});
        assert_eq!(
            brief("TransactWriteItems", &request),
            [
                access("PutItem", "t", &["A#1"]),
                access("ConditionCheckItem", "t", &["B#1"]),
                access("DeleteItem", "t", &["C#1"]),
                access("UpdateItem", "t", &["D#1"]),
                access("PutItem", "t", &["E#1"]),
                access("PutItem", "t", &["A#1", "E#1"]),
            ]
        );
    }

    #[test]
    fn unsupported_calls_are_rejected() {
        let error = |operation, request: Value| accesses(operation, &request).unwrap_err().to_string();
        for (operation, request, expected) in [
            (
                "GetItem",
                json!({"TableName": "t", "Key": {"id": {"S": "1"}}}),
                "the partition key is not a string",
            ),
            (
                "PutItem",
                json!({"TableName": "t", "Item": {"pk": {"N": "1"}}}),
                "the partition key is not a string",
            ),
            (
                "Query",
                json!({"TableName": "t", "IndexName": "by-date"}),
                "the partition key of the index by-date is unknown",
            ),
            (
                "Scan",
                json!({"TableName": "arn:aws:dynamodb:eu-central-1:1:table/t"}),
                "the table arn:aws:dynamodb:eu-central-1:1:table/t is named by an ARN",
            ),
            ("ListTables", json!({}), "a request without a table"),
            ("BatchGetItem", json!({"RequestItems": {"t": {"Keys": []}}}), "a batch without keys"),
            ("BatchWriteItem", json!({"RequestItems": {"t": []}}), "a request without a table"),
            ("ExecuteStatement", json!({"Statement": "DELETE FROM t"}), "a request without a table"),
            ("TransactWriteItems", json!({"TransactItems": [{"Upsert": {}}]}), "Upsert in a transaction"),
        ] {
            assert_eq!(error(operation, request), expected);
        }
    }
}
