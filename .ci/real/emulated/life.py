"""The life of a deployment: from an empty account to the first message, its updates, its deletion, and the import of the
table that it leaves."""

import json
import os
import re
import threading
import time
import uuid
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws
from aws import ARCHITECTURE, DATABASE_URL, ENDPOINT, ORIGIN, STACK, check, client, output, request, say

# The people of the conversation suite, and a password that satisfies the pool's rules.
HANDLES, PASSWORD = ["sunyoung", "scarlett", "andrew", "bayko", "lore", "mock"], "Correct-horse-9battery"
TABLE = "cruddur-messages"


def sql(statement):
    return aws.run("psql", "--no-psqlrc", "-At", os.environ["OWNER_DATABASE_URL"], "-c", statement)[1].strip()


def token(handle):
    answer = client("cognito-idp").admin_initiate_auth(
        UserPoolId=output("UserPoolId"),
        ClientId=output("UserPoolClientId"),
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": f"{handle}@cruddur.example", "PASSWORD": PASSWORD},
    )
    return answer["AuthenticationResult"]["AccessToken"]


def cruddur(*arguments, show=False):
    command = [str(aws.BINARIES / "cruddur"), *arguments, "--cognito-url", ENDPOINT]
    return aws.succeed(f"cruddur {arguments[0]}", *command, show=show)


def key_set(pool):
    return f"CognitoJwks='{cruddur('cognito', 'jwks', '--user-pool', pool).strip()}'"


@cache
def deployed():
    """Deploys to an empty account and sends the first message. Returns SAM's folder."""
    say("deployment to an empty account, as docs/DEPLOY.md says")
    began = time.monotonic()
    folder = aws.sam_build("life")
    origins = f"{ORIGIN},http://localhost:3000"
    aws.sam_deploy(
        folder, f"AllowedOrigins={origins}", "UserPoolDomainPrefix=messages", "AlarmEmail=alarms@cruddur.example",
        f"Architecture={ARCHITECTURE}", "FunctionConcurrency=8", f"DatabaseUrl='{DATABASE_URL}'",
    )  # fmt: skip
    pool, app = output("UserPoolId"), output("UserPoolClientId")
    cognito = client("cognito-idp")
    settings = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=app)["UserPoolClient"]
    pages = f"{ORIGIN}/callback http://localhost:3000/callback {ORIGIN}/ http://localhost:3000/"
    check("pages after sign-in and sign-out", pages, " ".join(settings["CallbackURLs"] + settings["LogoutURLs"]))
    for handle in [*HANDLES, "leaver"]:
        mail = f"{handle}@cruddur.example"
        attributes = {"email": mail, "name": f"{handle.title()} Example", "preferred_username": handle}
        attributes = [{"Name": name, "Value": value} for name, value in attributes.items()]
        cognito.sign_up(ClientId=app, Username=mail, Password=PASSWORD, UserAttributes=attributes)
        # The emulator always issues this code.
        cognito.confirm_sign_up(ClientId=app, Username=mail, ConfirmationCode="123456")
    check("users created by the trigger", str(len(HANDLES) + 1), sql("SELECT count(*) FROM users"))
    erasure(pool)
    message = {"message": "hello", "handle": "mock"}
    check("a message without a key set", 503, request("/api/messages", token("lore"), message))
    aws.sam_deploy(folder, key_set(pool))
    check("a parameter that is not given again", origins, aws.parameters()["AllowedOrigins"])
    check("the first message", 200, request("/api/messages", token("lore"), message))
    say(f"from the empty account to the first message: {time.monotonic() - began:.0f} s")
    return folder


def erasure(pool):
    """The function that the schedule invokes deletes the Cognito user of an erased user."""
    arguments = ["users", "erase", "@leaver", "--yes", "--target", "aws"]
    database = {**os.environ, "DATABASE_URL": os.environ["OWNER_DATABASE_URL"]}
    aws.succeed("cruddur users erase", str(aws.BINARIES / "cruddur"), *arguments, env=database)
    check("rows of the erased user", "0", sql("SELECT count(*) FROM users WHERE handle = 'leaver' OR email LIKE 'leaver%'"))
    cognito, end = client("cognito-idp"), time.monotonic() + 150
    while time.monotonic() < end:
        users = cognito.list_users(UserPoolId=pool, Filter='email = "leaver@cruddur.example"')["Users"]
        if not users:
            break
        time.sleep(2)
    check("Cognito users of the erased user", [], users)


def run():
    deployed()
    say("cruddur deploy-check")
    target = ["--target", "aws", "--stack", STACK, "--url", aws.api(), "--websocket-url", aws.websocket_api(), "--origin", ORIGIN]
    cruddur("deploy-check", *target, "--create-test-users", show=True)
    say("updates")
    aws.update(LookUpsPerSecond="1")
    statuses = {request("/api/users/@lore/short") for _ in range(5)}
    check("statuses of five look-ups, one a second", {200, 429}, statuses)
    limits = dict(SendsPerSecond="2000", ListsPerSecond="2000", LookUpsPerSecond="2000", SendBurst="0")
    check("replaced by an update", [], aws.update(GatewayAuthorizer="false", LogRetentionDays="7", **limits))
    check("the authorizer exists", False, "Authorizer" in aws.resources())
    aws.update(WebSocketApi="false")
    check("the WebSocket API exists", False, "SocketApi" in aws.resources())
    check("the stack without a WebSocket API", "UPDATE_COMPLETE", aws.describe()["StackStatus"])
    aws.update(WebSocketApi="true")
    check("the WebSocket API exists again", True, "SocketApi" in aws.resources())
    check("replaced by a new table name", True, "MessageTable" in aws.update(execute=False, MessageTableName="other"))
    conversation()
    permissions()


class Tokens(BaseHTTPRequestHandler):
    """Serves /local/users and /local/token, as the local stack does for the conversation suite."""

    def log_message(self, *_):
        pass

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.answer(sql("SELECT json_agg(users) FROM (SELECT uuid, handle, display_name FROM users) users"))

    def do_POST(self):
        handle = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["handle"]
        self.answer(json.dumps({"access_token": token(handle)}))


def conversation():
    say("the conversation suite, through the API")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    addresses = ["--api", aws.api(), "--tokens", f"http://127.0.0.1:{server.server_port}"]
    aws.succeed("the suite", str(aws.BINARIES / "conversation"), *addresses, show=True)
    server.shutdown()


def permissions():
    say("IAM")
    lines = open(os.environ["EMULATOR_LOG"], errors="replace")
    check("calls that IAM has refused", [], [line for line in lines if line.startswith("DENIED")])
    iam, reader = client("iam"), token("lore")
    role = next(r["RoleName"] for r in iam.list_roles()["Roles"] if "ListMessageGroups" in r["RoleName"])
    name = iam.list_role_policies(RoleName=role)["PolicyNames"][0]
    policy = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    boundary = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]

    def status(policy, boundary):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
        return request("/api/message_groups", reader)

    check("the inbox", 200, status(policy, boundary))
    check("the inbox, with a policy for other keys", 500, status(policy.replace("GRP#", "OTHER#"), boundary))
    other = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    check("the inbox, with another boundary", 500, status(policy, other))
    check("the inbox again", 200, status(policy, boundary))


# ---- dead letters


@cache
def poison():
    """Writes a message row of a group without members, which the stream handler reports as a failure. The emulator gives
    up on a record because of its age only. Returns the row's key."""
    deployed()
    say("a record that cannot be moved")
    mapping = client("lambda").list_event_source_mappings()["EventSourceMappings"][0]
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], MaximumRecordAgeInSeconds=60)
    rows = client("dynamodb").scan(TableName=TABLE)["Items"]
    row = next(row for row in rows if row["pk"]["S"].startswith("MSG#"))
    row["pk"] = {"S": f"MSG#{uuid.uuid4()}"}
    client("dynamodb").put_item(TableName=TABLE, Item=row)
    return {"pk": row["pk"], "sk": row["sk"]}


def dead_letter():
    key = poison()
    say("the dead letter")
    queue, letters, end = output("StreamDeadLetterQueueUrl"), [], time.monotonic() + 100
    while not letters and time.monotonic() < end:
        letters = client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        time.sleep(0.5)
    conditions = [json.loads(letter["Body"])["requestContext"]["condition"] for letter in letters]
    # AWS's word is RecordAgeExceeded.
    check("dead letters", ["MaxRecordAgeExceeded"], conditions)
    client("dynamodb").delete_item(TableName=TABLE, Key=key)


def deletion():
    """Deletes the stack, imports the table that it leaves, and deploys over it."""
    dead_letter()
    # The new mapping reads the stream from its start, and logs messages before a log's last 16 rows again. Rows that have
    # expired go meanwhile, and pushes delete connections.
    kept = {
        "FilterExpression": "attribute_not_exists(expires_at) AND NOT begins_with(pk, :log)",
        "ExpressionAttributeValues": {":log": {"S": "LOG#"}},
    }
    count = lambda: client("dynamodb").scan(TableName=TABLE, Select="COUNT", **kept)["Count"]  # noqa: E731
    pool, app, rows = output("UserPoolId"), output("UserPoolClientId"), count()
    say("sam delete")
    aws.sam(deployed(), "delete", "--no-prompts", "--stack-name", STACK, "--region", aws.REGION)
    check("left by the stack", {"tables": 1, "pools": 1}, aws.left())
    say("import of the table, by the commands of docs/DEPLOY.md")
    section = open("docs/DEPLOY.md").read().split("### Importing a table and a user pool", 1)[1]
    commands = re.search(r"```sh\n(.*?)&&\n  sam deploy", section, re.S)[1].replace("sam build\n", "")
    aws.succeed("the commands", "bash", "-euo", "pipefail", "-c", commands, cwd=deployed())
    check("the stack", "IMPORT_COMPLETE", aws.describe()["StackStatus"])
    aws.sam_deploy(
        deployed(), f"AllowedOrigins={ORIGIN}", f"Architecture={ARCHITECTURE}", f"UserPoolId={pool}",
        f"UserPoolClientIds={app}", f"DatabaseUrl='{DATABASE_URL}'", key_set(pool),
    )  # fmt: skip
    check("the rows of the table that do not expire, without events", rows, count())
    check("the inbox", 200, request("/api/message_groups", token("lore")))
