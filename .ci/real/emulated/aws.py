"""Calls of the emulator, the SAM CLI and the deployed API, and the results of the checks."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

import boto3

ACCOUNT, ENDPOINT, REGION = (os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_REGION"))
BINARIES, SCRATCH = Path(os.environ["BINARIES"]), Path(os.environ["SCRATCH"])
DATABASE_URL = os.environ["FUNCTIONS_DATABASE_URL"]
ARCHITECTURE = "arm64" if os.uname().machine == "aarch64" else "x86_64"
STACK, ORIGIN = "cruddur-messages", "https://cruddur.example"

failures = 0
started = time.monotonic()


def say(text):
    print(f"--- {time.monotonic() - started:4.0f} s  {text}", flush=True)


def check(what, expected, actual):
    """Prints a line of the log. Counts a failure if the values differ."""
    global failures
    if expected == actual:
        print(f"ok      {what}" + (f": {actual}" if len(str(actual)) < 60 else ""), flush=True)
    else:
        failures += 1
        print(f"FAILED  {what}: expected {expected!r}, got {actual!r}", flush=True)


def finish():
    say(f"end, {failures} failed")
    sys.exit(failures > 0)


@cache
def client(service, account=ACCOUNT):
    # The emulator takes an access key of 12 digits for the administrator of that account.
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=ENDPOINT)


def run(*command, **options):
    """Returns the exit code and the output of a command."""
    streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    result = subprocess.run(command, text=True, **streams, **options)
    return result.returncode, result.stdout


def succeed(what, *command, show=False, **options):
    """Runs a command that has to succeed. Shows its output if it fails or `show`, without the lines of passed checks."""
    status, output = run(*command, **options)
    if status or show:
        lines = [f"        {line[:300]}" for line in output.splitlines() if line and not line.startswith("ok")]
        print(*lines[-50:], sep="\n")
    check(f"{what}: exit code", 0, status)
    return output


# ---- SAM


def sam_environment(account=ACCOUNT):
    return {**os.environ, "PATH": os.environ["SAM_PATH"], "AWS_ACCESS_KEY_ID": account}


def sam(folder, *arguments):
    failed = failures
    succeed(f"sam {arguments[0]}", os.environ["SAM"], *arguments, cwd=folder, env=sam_environment())
    if failures > failed:
        finish()


def sam_build(name):
    """Copies the files that SAM reads to a new folder, and builds there."""
    folder = SCRATCH / name
    (folder / "docs").mkdir(parents=True)
    for file in ("template.yaml", "samconfig.toml", "docs/import.yaml"):
        shutil.copy(file, folder / file)
    sam(folder, "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}")
    return folder


def sam_deploy(folder, *parameters):
    sam(folder, "deploy", "--no-confirm-changeset", "--parameter-overrides", *parameters)


# ---- stacks


def describe(stack=STACK, account=ACCOUNT):
    return client("cloudformation", account).describe_stacks(StackName=stack)["Stacks"][0]


def output(name):
    return next(output["OutputValue"] for output in describe()["Outputs"] if output["OutputKey"] == name)


def parameters(account=ACCOUNT):
    return {found["ParameterKey"]: found["ParameterValue"] for found in describe(account=account)["Parameters"]}


def resources(account=ACCOUNT):
    found = client("cloudformation", account).describe_stack_resources(StackName=STACK)["StackResources"]
    return {resource["LogicalResourceId"] for resource in found}


def settled(stack=STACK, account=ACCOUNT):
    """Waits for the end of a stack's operation. Returns the status."""
    while (status := describe(stack, account)["StackStatus"]).endswith("PROGRESS"):
        time.sleep(0.2)
    return status


def reasons(since, account=ACCOUNT):
    """Returns the failed events of the stack since a time."""
    events = client("cloudformation", account).describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if "FAILED" in event["ResourceStatus"]]
    recent = [event for event in failed if event["Timestamp"].timestamp() >= since]
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in recent]


def update(execute=True, **changed):
    """Changes parameters of the stack by a change set with its own template, which needs no upload. Returns the logical
    ids of the resources that the change set replaces."""
    cloudformation, change_set = client("cloudformation"), {"StackName": STACK, "ChangeSetName": f"u{time.time_ns()}"}
    values = [{"ParameterKey": key, "UsePreviousValue": True} for key in parameters().keys() - changed.keys()]
    values += [{"ParameterKey": key, "ParameterValue": value} for key, value in changed.items()]
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_change_set(
        **change_set, UsePreviousTemplate=True, Parameters=values, Capabilities=capabilities
    )
    waiter = cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(**change_set, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    changes = [change["ResourceChange"] for change in cloudformation.describe_change_set(**change_set)["Changes"]]
    if execute:
        cloudformation.execute_change_set(**change_set)
        settled()
    return [change["LogicalResourceId"] for change in changes if change.get("Replacement") == "True"]


def left(account=ACCOUNT):
    """Counts what a stack may leave behind in an account."""
    calls = {
        "tables": ("dynamodb", "list_tables", "TableNames"),
        "pools": ("cognito-idp", "list_user_pools", "UserPools"),
        "functions": ("lambda", "list_functions", "Functions"),
        "mappings": ("lambda", "list_event_source_mappings", "EventSourceMappings"),
        "log groups": ("logs", "describe_log_groups", "logGroups"),
        "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms"),
        "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries"),
        "APIs": ("apigatewayv2", "get_apis", "Items"),
        "roles": ("iam", "list_roles", "Roles"),
        "queues": ("sqs", "list_queues", "QueueUrls"),
        "topics": ("sns", "list_topics", "Topics"),
    }
    found = {}
    for kind, (service, call, member) in calls.items():
        limit = {"MaxResults": 10} if call == "list_user_pools" else {}
        found[kind] = len(getattr(client(service, account), call)(**limit).get(member, []))
    return {kind: number for kind, number in found.items() if number}


# ---- the API


def api():
    """Returns the address of the stack's API in the emulator, which serves it by path."""
    identifier = output("ApiUrl").removeprefix("https://").split(".")[0]
    return f"{ENDPOINT}/_aws/execute-api/{identifier}/$default"


def websocket_api():
    """Returns the address of the stack's WebSocket API in the emulator."""
    host, stage = output("WebSocketUrl").removeprefix("wss://").split("/")
    return f"{ENDPOINT.replace('http', 'ws', 1)}/_aws/execute-api/{host.split('.')[0]}/{stage}"


def request(path, token=None, body=None, base=None):
    """Returns the status of the response."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else None
    try:
        with urllib.request.urlopen(urllib.request.Request((base or api()) + path, data, headers), timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return str(error)
