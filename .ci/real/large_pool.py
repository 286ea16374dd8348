"""Creates a user pool of 130 users, and an IAM user without permissions.

120 users have the handles u000 to u119, five have no handle, one has the handle of the demo user sunyoung, two share
the handle twins, one has not confirmed the sign-up, and one is disabled.

Usage: large_pool.py URL FILE
"""

import sys
from pathlib import Path

import boto3

url, file = sys.argv[1], Path(sys.argv[2])
session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
cognito = session.client("cognito-idp", endpoint_url=url)
pool_id = cognito.create_user_pool(PoolName="cruddur")["UserPool"]["Id"]
client_id = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName="web")["UserPoolClient"]["ClientId"]


def attributes(name, handle):
    values = {"email": f"{name}@example.com", "email_verified": "true", "name": f"Name of {name}"}
    if handle:
        values["preferred_username"] = handle
    return [{"Name": name, "Value": value} for name, value in values.items()]


def create(name, handle):
    user = cognito.admin_create_user(UserPoolId=pool_id, Username=name, UserAttributes=attributes(name, handle))
    return next(value["Value"] for value in user["User"]["Attributes"] if value["Name"] == "sub")


for number in range(120):
    create(f"u{number:03}", f"u{number:03}")
for number in range(5):
    create(f"nameless-{number}", None)
sunyoung = create("sunyoung", "sunyoung")
create("twin-1", "twins")
create("twin-2", "Twins")
cognito.sign_up(
    ClientId=client_id,
    Username="newcomer",
    Password="Secret-1-secret",
    UserAttributes=attributes("newcomer", "newcomer"),
)
create("banned", "banned")
cognito.admin_disable_user(UserPoolId=pool_id, Username="banned")

iam = session.client("iam", endpoint_url=url)
iam.create_user(UserName="nobody")
key = iam.create_access_key(UserName="nobody")["AccessKey"]
file.write_text(
    f"pool_id={pool_id}\n"
    f"sunyoung={sunyoung}\n"
    f"powerless_id={key['AccessKeyId']}\n"
    f"powerless_secret={key['SecretAccessKey']}\n"
)
