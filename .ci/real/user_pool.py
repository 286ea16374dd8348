"""Creates a user pool with a client and a confirmed user, signs the user in, and writes events with the tokens.

Usage: user_pool.py URL AUTHORITY FOLDER
"""

import json
import sys
from pathlib import Path

import boto3

url, authority, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
cognito = boto3.client(
    "cognito-idp",
    endpoint_url=url,
    verify=authority,
    region_name="eu-central-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
pool_id = cognito.create_user_pool(PoolName="cruddur")["UserPool"]["Id"]
client_id = cognito.create_user_pool_client(
    UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
)["UserPoolClient"]["ClientId"]
attributes = {
    "email": "moto@example.com",
    "email_verified": "true",
    "name": "Moto",
    "preferred_username": "moto",
}
user = cognito.admin_create_user(
    UserPoolId=pool_id,
    Username="moto",
    UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
)["User"]
cognito.admin_set_user_password(UserPoolId=pool_id, Username="moto", Password="Secret-1-secret", Permanent=True)
tokens = cognito.admin_initiate_auth(
    UserPoolId=pool_id,
    ClientId=client_id,
    AuthFlow="ADMIN_USER_PASSWORD_AUTH",
    AuthParameters={"USERNAME": "moto", "PASSWORD": "Secret-1-secret"},
)["AuthenticationResult"]
sub = next(attribute["Value"] for attribute in user["Attributes"] if attribute["Name"] == "sub")

event = json.loads(Path("events/list-message-groups/first-page.json").read_text())
for name, token in (("access", tokens["AccessToken"]), ("id", tokens["IdToken"])):
    event["headers"]["authorization"] = f"Bearer {token}"
    (folder / f"{name}.json").write_text(json.dumps(event))
confirmed = json.loads(Path("events/post-confirmation/confirm-sign-up.json").read_text())
confirmed["userPoolId"] = pool_id
confirmed["request"]["userAttributes"] = {"sub": sub, **attributes}
(folder / "confirmed.json").write_text(json.dumps(confirmed))
(folder / "pool.sh").write_text(f"pool_id={pool_id}\nclient_id={client_id}\n")
