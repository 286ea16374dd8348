"""`cruddur deploy` from an empty account to a message, interrupted and continued, and `cruddur destroy`. Leaves nothing in the
account, which the scenario `life` uses next: the emulator serves APIs in this account only."""

import json
import os
import re
import subprocess
import time
import zipfile
from pathlib import Path

import pexpect

import aws
from aws import ENDPOINT, ORIGIN, STACK, check, client, say

ARTIFACTS = aws.SCRATCH / "functions"
OWNER = os.environ["OWNER_DATABASE_URL"].replace("/cruddur?", "/command?")
ANSWERS = {
    "DatabaseUrl": aws.DATABASE_URL.replace("/cruddur?", "/command?"),
    "LookUpDatabaseUrl": "",
    "AllowedOrigins": ORIGIN,
    "UserPoolId": "",
    "UserPoolDomainPrefix": "command",
    "SelfSignUp": "maybe",
    "RequireMfa": "",
    "AlarmEmail": "",
}
# Rejected at once, and asked for again.
CORRECTION = {"SelfSignUp": "false"}


def environment():
    return {**os.environ, "DATABASE_URL": OWNER, "XDG_CONFIG_HOME": str(aws.SCRATCH / "config")}


def arguments(command, *rest):
    return [str(aws.BINARIES / "cruddur"), command, *rest]


def cruddur(what, command, *rest, show=False):
    return aws.succeed(what, *arguments(command, *rest), show=show, env=environment())


def deploy(what, *rest, show=False):
    return cruddur(what, "deploy", "--yes", "--artifacts", str(ARTIFACTS), *rest, show=show)


def prepare():
    """Packs the functions as a release has them, and creates an empty database for this scenario."""
    ARTIFACTS.mkdir()
    for program in Path(os.environ["STRIPPED"]).iterdir():
        with zipfile.ZipFile(ARTIFACTS / f"{program.name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, program.read_bytes(), compresslevel=1)
    # The roles are there, from the other scenarios.
    aws.succeed("cruddur db create", *arguments("db", "create", "--target", "aws"), env=environment())


def stack_status():
    try:
        return aws.describe()["StackStatus"]
    except client("cloudformation").exceptions.ClientError:
        return None


def ask_and_kill():
    """Answers the questions in a terminal, and kills the command while CloudFormation creates the resources."""
    command, *rest = arguments("deploy", "--artifacts", str(ARTIFACTS), "--skip-check")
    child = pexpect.spawn(command, rest, env=environment(), encoding="utf8", timeout=180, dimensions=(50, 120))
    child.logfile_read = open(aws.SCRATCH / "command.log", "w")
    asked = []
    while child.expect([r"\n  (\w+)[^\n]*: $", r"continue\? \[y/N\] $", pexpect.EOF]) == 0:
        name = child.match[1]
        child.sendline(CORRECTION[name] if name in asked else ANSWERS[name])
        asked.append(name)
    # In the order of ANSWERS, and then the repeated ones.
    repeated = [name for name in CORRECTION if asked.count(name) == 2]
    check("questions", [*ANSWERS, *CORRECTION], [name for name in ANSWERS if name in asked] + repeated)
    check("the stack before the confirmation", "REVIEW_IN_PROGRESS", stack_status())
    child.sendline("y")
    end = time.monotonic() + 60
    while stack_status() == "REVIEW_IN_PROGRESS" and time.monotonic() < end:
        time.sleep(0.1)
    child.kill(9)
    child.wait()
    check("the stack of the killed run", "CREATE_IN_PROGRESS", stack_status())
    stored = (aws.SCRATCH / f"config/cruddur/deploy-{aws.ACCOUNT}-{aws.REGION}-{STACK}.json").read_text()
    check("the stored answers have the origin", ORIGIN, json.loads(stored)["AllowedOrigins"])
    check("the stored answers have the database's URL", False, "postgresql" in stored)


def run():
    say("cruddur deploy to an empty account")
    began = time.monotonic()
    prepare()
    given = [f"{name}={value}" for name, value in (ANSWERS | CORRECTION).items() if value]
    planned = deploy("a plan", "--plan", *(word for pair in given for word in ("--parameter", pair)))
    check("the plan adds the table", True, bool(re.search(r"Add +MessageTable ", planned)))
    check("the stack after the plan", None, stack_status())
    ask_and_kill()
    config = aws.SCRATCH / "config.json"
    deploy("cruddur deploy again, without questions", "--skip-check", "--config", str(config), show=True)
    check("the stack", "CREATE_COMPLETE", stack_status())
    check("the pool of config.json", True, aws.output("UserPoolId") in json.loads(config.read_text())["authority"])
    values = aws.parameters()
    check("answers", ["false", "command", ORIGIN], [values[k] for k in ("SelfSignUp", "UserPoolDomainPrefix", "AllowedOrigins")])
    key_set = subprocess.run(
        arguments("cognito", "jwks", "--user-pool", aws.output("UserPoolId"), "--cognito-url", ENDPOINT),
        check=True, capture_output=True, text=True, env=environment(),
    ).stdout.strip()  # fmt: skip
    # The names of AWS's APIs lead nowhere here.
    addresses = ["--url", aws.api(), "--websocket-url", aws.websocket_api()]
    checked = ["--create-test-users", *addresses]
    log = deploy("an update, and messages between two users", "--parameter", f"CognitoJwks={key_set}", *checked, show=True)
    check("uploads of the update", True, "0 functions to the bucket" in log)
    say(f"from the empty account to the first message: {time.monotonic() - began:.0f} s")
    log = deploy("a run that changes nothing", "--skip-check")
    check("its changes", True, bool(re.search(r"^changes +none$", log, re.M)))
    refused = aws.run(*arguments("deploy", "--yes", "--artifacts", str(ARTIFACTS), "--parameter", "MessageTableName=other"), env=environment())
    check("another table", (1, True), (refused[0], "would replace or remove MessageTable" in refused[1]))
    broken = aws.DATABASE_URL.split("&sslrootcert=")[0] + "&sslrootcert=/missing.pem"
    wrong = ["--skip-database", "--parameter", f"DatabaseUrl={broken}"]
    failed = aws.run(*arguments("deploy", "--yes", "--artifacts", str(ARTIFACTS), *wrong), env=environment())
    print(*(f"        {line[:200]}" for line in failed[1].splitlines() if re.match("FAILED|error|  tip", line)), sep="\n")
    check("a version that cannot start", (1, "UPDATE_ROLLBACK_COMPLETE"), (failed[0], stack_status()))
    check("the failed resource", True, bool(re.search(r"^FAILED +\w*Release: .* is unhealthy: .*DATABASE_URL", failed[1], re.M)))
    destruction()


def destruction():
    say("cruddur destroy")
    refused = aws.run(*arguments("destroy", "--confirm", STACK), env=environment())
    check("with termination protection", (1, True), (refused[0], "termination protection" in refused[1]))
    refused = aws.run(*arguments("destroy", "--unprotect", "--confirm", "other"), env=environment())
    check("with another name", (1, True), (refused[0], stack_status().endswith("_COMPLETE")))
    cruddur("the stack", "destroy", "--unprotect", "--confirm", STACK, show=True)
    check("left by the stack", {"tables": 1, "pools": 1}, aws.left())
    check("buckets", [], [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]])
    pool = client("cognito-idp").list_user_pools(MaxResults=1)["UserPools"][0]["Id"]
    data = ["--with-data", "--table", "cruddur-messages", "--user-pool", pool]
    cruddur("the data", "destroy", "--confirm", STACK, *data, show=True)
    check("left by the data", {}, aws.left())
