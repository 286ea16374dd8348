//! A request to DynamoDB as IAM sees it.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use super::{condition::ContextKey, key_condition};

/// One access to be decided: an action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The action, such as `dynamodb:Query`.
    pub action: String,
    /// ARN of a table or an index.
    pub resource: String,
    /// Partition keys named in the request; for an index, the index's own.
    pub leading_keys: Vec<String>,
    /// The enclosing transaction, if any.
    pub enclosing_operation: Vec<String>,
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
    pub(super) fn new(action: &str, resource: &str) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            leading_keys: Vec::new(),
            enclosing_operation: Vec::new(),
        }
    }

    fn to_table(operation: &str, request: &Value) -> Result<Self> {
        Ok(Self::new(&action(operation), &table_arn(table(request)?)))
    }

    pub(super) fn context(&self, key: ContextKey) -> &[String] {
        match key {
            ContextKey::LeadingKeys => &self.leading_keys,
            ContextKey::EnclosingOperation => &self.enclosing_operation,
        }
    }
}

/// Every access that `request` requires. Fails if the request is not understood.
///
/// Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB":
/// which action needs which resource, and that `LeadingKeys` exists for `ConditionCheckItem`, hence for parts
/// of transactions. DynamoDB Developer Guide, "Using IAM with DynamoDB transactions": a transaction has no
/// action; its parts have. The same guide, "Using IAM policy conditions for fine-grained access control":
/// leading keys are partition keys, and a batch names all of its keys.
pub fn accesses(operation: &str, request: &Value) -> Result<Vec<Access>> {
    Ok(match operation {
        "GetItem" | "DeleteItem" | "UpdateItem" => vec![of_item(operation, request, "Key")?],
        "PutItem" => vec![of_item(operation, request, "Item")?],
        "Query" => vec![of_query(request)?],
        "BatchGetItem" => of_batch(operation, request, |keys| {
            keys["Keys"].as_array().context("a batch without keys")?.iter().map(partition_key).collect()
        })?,
        "BatchWriteItem" => of_batch(operation, request, |requests| {
            let key = |request: &Value| match only_member(request)? {
                ("PutRequest", put) => partition_key(&put["Item"]),
                ("DeleteRequest", delete) => partition_key(&delete["Key"]),
                (other, _) => bail!("{other} in a batch"),
            };
            requests.as_array().context("a batch without requests")?.iter().map(key).collect()
        })?,
        "TransactWriteItems" | "TransactGetItems" => of_transaction(operation, request)?,
        "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction" => {
            bail!("{operation} is not understood: the table's keys are in a text of PartiQL")
        }
        // Operations on whole tables, including Scan, which has no leading keys.
        _ => vec![Access::to_table(operation, request)?],
    })
}

fn of_item(operation: &str, request: &Value, member: &str) -> Result<Access> {
    let mut access = Access::to_table(operation, request)?;
    access.leading_keys.push(partition_key(&request[member])?);
    Ok(access)
}

fn of_query(request: &Value) -> Result<Access> {
    let mut access = Access::to_table("Query", request)?;
    let partition_key = match request.get("IndexName").and_then(Value::as_str) {
        None => PARTITION_KEY,
        Some(index @ cruddur::table::GROUP_INDEX) => {
            access.resource = format!("{}/index/{index}", access.resource);
            INDEX_PARTITION_KEY
        }
        Some(index) => bail!("the partition key of the index {index} is not known here"),
    };
    access.leading_keys.push(key_condition::partition(request, partition_key)?);
    Ok(access)
}

fn of_batch(
    operation: &str,
    request: &Value,
    keys: impl Fn(&Value) -> Result<Vec<String>>,
) -> Result<Vec<Access>> {
    let tables = request["RequestItems"].as_object().context("a batch without tables")?;
    let of_table = |(name, requests): (&String, &Value)| {
        let mut access = Access::new(&action(operation), &table_arn(name));
        access.leading_keys = keys(requests)?;
        Ok(access)
    };
    tables.iter().map(of_table).collect()
}

/// Each part by itself, and all parts of an action together. AWS does not document whether IAM evaluates them
/// one by one or together, so policies must allow both.
fn of_transaction(operation: &str, request: &Value) -> Result<Vec<Access>> {
    let items = request["TransactItems"].as_array().context("a transaction without items")?;
    let of_part = |item: &Value| {
        let (kind, part) = only_member(item)?;
        let mut access = match kind {
            "Put" => of_item("PutItem", part, "Item"),
            "Get" | "Delete" | "Update" => of_item(&format!("{kind}Item"), part, "Key"),
            "ConditionCheck" => of_item("ConditionCheckItem", part, "Key"),
            _ => bail!("{kind} in a transaction"),
        }?;
        access.enclosing_operation.push(operation.to_owned());
        Ok(access)
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

fn action(operation: &str) -> String {
    format!("dynamodb:{operation}")
}

fn table(request: &Value) -> Result<&str> {
    let name = request["TableName"].as_str().context("a request without a table")?;
    ensure!(!name.contains(':'), "the table {name} is named by an ARN");
    Ok(name)
}

fn partition_key(item: &Value) -> Result<String> {
    let key = item[PARTITION_KEY]["S"].as_str();
    Ok(key.with_context(|| format!("no partition key {PARTITION_KEY} that is a string"))?.to_owned())
}

fn only_member(object: &Value) -> Result<(&str, &Value)> {
    let members = object.as_object().into_iter().flat_map(Map::iter).collect::<Vec<_>>();
    let [(name, value)] = members[..] else { bail!("{} members instead of one", members.len()) };
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn a_query_names_the_partition_of_what_it_asks() {
        let mut request = json!({
            "TableName": "t",
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": "pk"},
            "ExpressionAttributeValues": {":key": {"S": "A#1"}},
        });
        assert_eq!(brief("Query", &request), [access("Query", "t", &["A#1"])]);
        request["IndexName"] = json!("message-group-sk-index");
        request["ExpressionAttributeNames"]["#key"] = json!("message_group_uuid");
        assert_eq!(brief("Query", &request), [access("Query", "t/index/message-group-sk-index", &["A#1"])]);
    }

    #[test]
    fn a_scan_has_no_leading_keys() {
        assert_eq!(brief("Scan", &json!({"TableName": "t"})), [access("Scan", "t", &[])]);
    }

    #[test]
    fn a_batch_has_one_action_for_all_keys_of_a_table() {
        let request = json!({"RequestItems": {
            "t": {"Keys": [row("A#1"), row("B#1")]},
            "u": {"Keys": [row("C#1")]},
        }});
        let expected = [access("BatchGetItem", "t", &["A#1", "B#1"]), access("BatchGetItem", "u", &["C#1"])];
        assert_eq!(brief("BatchGetItem", &request), expected);
        let request = json!({"RequestItems": {"t": [
            {"PutRequest": {"Item": row("A#1")}},
            {"DeleteRequest": {"Key": row("B#1")}},
        ]}});
        assert_eq!(brief("BatchWriteItem", &request), [access("BatchWriteItem", "t", &["A#1", "B#1"])]);
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
        let accesses = accesses("TransactWriteItems", &request).unwrap();
        assert!(accesses.iter().all(|one| one.enclosing_operation == ["TransactWriteItems"]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refusal = |operation, request: Value| accesses(operation, &request).unwrap_err().to_string();
        assert_eq!(
            refusal("GetItem", json!({"TableName": "t", "Key": {"id": {"S": "1"}}})),
            "no partition key pk that is a string"
        );
        assert_eq!(
            refusal("PutItem", json!({"TableName": "t", "Item": {"pk": {"N": "1"}}})),
            "no partition key pk that is a string"
        );
        assert_eq!(
            refusal("Query", json!({"TableName": "t", "IndexName": "by-date"})),
            "the partition key of the index by-date is not known here"
        );
        assert_eq!(
            refusal("Scan", json!({"TableName": "arn:aws:dynamodb:eu-central-1:1:table/t"})),
            "the table arn:aws:dynamodb:eu-central-1:1:table/t is named by an ARN"
        );
        assert_eq!(refusal("ListTables", json!({})), "a request without a table");
        assert_eq!(
            refusal("TransactWriteItems", json!({"TransactItems": [{"Upsert": {}}]})),
            "Upsert in a transaction"
        );
        assert!(refusal("ExecuteStatement", json!({"Statement": "DELETE FROM t"})).contains("PartiQL"));
    }
}
