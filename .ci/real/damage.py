"""Damages the inboxes of a table: missing, duplicate, lagging and misplaced rows, wrong texts and names.

Usage: damage.py URL
"""

import sys

import boto3

table = boto3.resource(
    "dynamodb",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",
).Table("cruddur-messages")

rows, start = [], {}
while True:
    page = table.scan(**start)
    rows += page["Items"]
    if "LastEvaluatedKey" not in page:
        break
    start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

inboxes = sorted((row for row in rows if row["pk"].startswith("GRP#")), key=lambda row: (row["sk"], row["pk"]))
messages = {}
for row in rows:
    if row["pk"].startswith("MSG#"):
        messages.setdefault(row["pk"][4:], []).append(row)


def delete(row):
    table.delete_item(Key={"pk": row["pk"], "sk": row["sk"]})


def older(row):
    """The group's message before the row's position."""
    return sorted(messages[row["message_group_uuid"]], key=lambda row: row["sk"])[-2]


# Each row belongs to a different group.
seen, victims = set(), []
for row in inboxes:
    group = row["message_group_uuid"]
    if group not in seen and len(messages[group]) > 1:
        seen.add(group)
        victims.append(row)

missing, doubled, behind, text, names, membership, stranger = victims[:7]
delete(missing)
table.put_item(Item=doubled | {"sk": older(doubled)["sk"], "message": older(doubled)["message"][:100]})
delete(behind)
table.put_item(Item=behind | {"sk": older(behind)["sk"]})
table.put_item(Item=text | {"message": "somebody else's words"})
table.put_item(Item=names | {"user_handle": "nobody"})
table.delete_item(Key={"pk": "MEM#" + membership["message_group_uuid"], "sk": "MEM"})
table.put_item(Item=stranger | {"pk": "GRP#0195b5a0-0000-7000-8000-0000000000ff"})
print("damaged 7 groups of", len(messages))
