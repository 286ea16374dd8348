"""Stacks with sets of parameters, each in an account of its own. Wrong sets are rejected before a stack is created."""

import json
import re

import botocore.exceptions

import aws
import life
from aws import DATABASE_URL, check, client, say

BASE = {"DatabaseUrl": DATABASE_URL, "AllowedOrigins": aws.ORIGIN}
OWN_POOL = {**BASE, "UserPoolDomainPrefix": "messages"}
GIVEN_POOL = {**BASE, "UserPoolId": "us-east-1_aBcDeFgHi", "UserPoolClientIds": "0abc,1def"}
# In the account's network; see `network`.
IN_VPC = {"SubnetIds": "subnets", "SecurityGroupIds": "group"}
ENDPOINT = {**IN_VPC, "VpcId": "vpc", "RouteTableIds": "routes"}
KEY_SET = json.dumps(json.load(open("events/key-set.json")))
# No server here accepts IAM tokens.
IAM = {
    "DatabaseUrl": "postgresql://cruddur@localhost:5432/cruddur?sslmode=verify-full&sslrootcert=rds",
    "DatabaseIamUser": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ/cruddur",
}

POOL = {"UserPool", "UserPoolClient", "UserPoolDomain"}
UNCHANGED = "No updates are to be performed."
SOCKETS = {"SocketApi", "SocketStage", "PingIntegrationResponse", "SocketPushes", "OpeningsRefusedAlarm"}
OPTIONAL = POOL | SOCKETS | {"Authorizer", "DatabaseSignIn", "DynamoDbEndpoint", "AlarmSubscription"}
# name: parameters, and the resources of OPTIONAL, without SOCKETS
SETS = {
    "own pool": (OWN_POOL, POOL | {"Authorizer"}),
    "given pool": (GIVEN_POOL, {"Authorizer"}),
    "one client": ({**GIVEN_POOL, "UserPoolClientIds": "0abc"}, {"Authorizer"}),
    "VPC": ({**OWN_POOL, **IN_VPC, "CognitoJwks": KEY_SET}, POOL | {"Authorizer"}),
    "VPC with an endpoint": ({**GIVEN_POOL, **ENDPOINT}, {"Authorizer", "DynamoDbEndpoint"}),
    "look-up with a limit, MFA": (
        {**OWN_POOL, "LookUpDatabaseUrl": DATABASE_URL, "LookUpConcurrency": "4", "RequireMfa": "true"},
        POOL | {"Authorizer"},
    ),
    "provisioned": ({**OWN_POOL, "ProvisionedThroughput": "true"}, POOL | {"Authorizer"}),
    "no WebSocket API": ({**OWN_POOL, "WebSocketApi": "false"}, POOL | {"Authorizer"}),
    "no authorizer": ({**OWN_POOL, "GatewayAuthorizer": "false"}, POOL),
    "closed and limited": (
        {**OWN_POOL, "SelfSignUp": "false", "FunctionConcurrency": "20", "SendBurst": "0", "Architecture": "x86_64",
         "AlarmEmail": "alarms@cruddur.example", "LogRetentionDays": "1"},
        POOL | {"Authorizer", "AlarmSubscription"},
    ),
    "three origins": (
        {**OWN_POOL, "AllowedOrigins": "https://a.example,https://b.example,http://localhost:5173"},
        POOL | {"Authorizer"},
    ),
}  # fmt: skip
# name: parameters, and a part of the reason
WRONG = {
    "no pool": (BASE, "needs a UserPoolDomainPrefix"),
    "two pools": ({**GIVEN_POOL, "UserPoolDomainPrefix": "messages"}, "UserPoolDomainPrefix is for a pool"),
    "pool without clients": ({**GIVEN_POOL, "UserPoolClientIds": ""}, "must name the accepted clients"),
    "subnets alone": ({**OWN_POOL, "SubnetIds": "subnet-0a"}, "SubnetIds need SecurityGroupIds"),
    "groups alone": ({**OWN_POOL, "SecurityGroupIds": "sg-0a"}, "give SubnetIds, too"),
    "route tables without a VPC": (
        {**OWN_POOL, "SubnetIds": "subnet-0a", "SecurityGroupIds": "sg-0a", "RouteTableIds": "rtb-0a"},
        "RouteTableIds need a VpcId",
    ),
    "WebSocket domain without a certificate": (
        {**OWN_POOL, "WebSocketDomainName": "live.cruddur.example"},
        "WebSocketDomainName needs a WebSocketCertificateArn",
    ),
    "origin with a slash": ({**OWN_POOL, "AllowedOrigins": "https://a.example/"}, "exact origins without a path"),
    "any origin": ({**OWN_POOL, "AllowedOrigins": "*"}, "exact origins without a path"),
    "no sslmode": ({**OWN_POOL, "DatabaseUrl": "postgresql://a:b@c/d"}, "exactly one sslmode"),
}


def network(account):
    """Creates a network. Returns the values of the parameters for it."""
    ec2 = client("ec2", account)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)]
    group = ec2.create_security_group(GroupName="functions", Description="functions", VpcId=vpc)["GroupId"]
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    return {"vpc": vpc, "subnets": ",".join(subnets), "group": group, "routes": routes}


def arguments(template, account, values):
    """Uploads the code and the template, which is too long for a request. Returns the arguments of CreateStack and
    UpdateStack."""
    s3, bucket = client("s3", account), f"uploads-{account}"
    s3.create_bucket(Bucket=bucket)
    for source, key in set(re.findall(r"s3://([^/\s]+)/([\w./-]+)", template)):
        code = client("s3").get_object(Bucket=source, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=code)
        template = template.replace(f"s3://{source}/{key}", f"s3://{bucket}/{key}")
    s3.put_object(Bucket=bucket, Key="template", Body=template.encode())
    return {
        "StackName": aws.STACK,
        "TemplateURL": f"{aws.ENDPOINT}/{bucket}/template",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    }


def refusal(call, arguments, reason):
    """Returns the part `reason` of the error, or the whole error if it is another."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return reason if reason in str(error) else str(error)
    return "accepted"


def lives(template, account, values):
    """Creates a stack, updates it without a change and deletes it. Returns what was seen."""
    cloudformation = client("cloudformation", account)
    made = network(account) if "SubnetIds" in values else {}
    given = arguments(template, account, {key: made.get(value, value) for key, value in values.items()})
    stack = cloudformation.create_stack(**given, DisableRollback=True)["StackId"]
    seen = [aws.settled(account=account), aws.reasons(0, account), OPTIONAL & aws.resources(account)]
    seen.append(refusal(cloudformation.update_stack, given, UNCHANGED))
    cloudformation.delete_stack(StackName=aws.STACK)
    return [*seen, aws.settled(stack, account), aws.left(account)]


def run():
    life.deployed()
    say("sets of parameters: a stack is created, updated without a change, and deleted")
    # With the location of the code that SAM has uploaded.
    found = client("cloudformation").get_template(StackName=aws.STACK, TemplateStage="Original")
    template = found["TemplateBody"]
    for number, (name, (values, optional)) in enumerate(SETS.items()):
        left = {"tables": 1} | ({"pools": 1} if POOL <= optional else {})
        optional = optional if values.get("WebSocketApi") == "false" else optional | SOCKETS
        expected = ["CREATE_COMPLETE", [], optional, UNCHANGED, "DELETE_COMPLETE", left]
        check(name, expected, lives(template, str(200_000_000_000 + number), values))
    say("IAM sign-in: the check of the first version stops the deployment")
    status, reasons, *_ = lives(template, "250000000000", {**OWN_POOL, **IAM})
    check("the stack", "CREATE_FAILED", status)
    check("the reason", True, any("can't use PostgreSQL" in reason for reason in reasons))
    say("wrong sets of parameters: no stack is created")
    for number, (name, (values, reason)) in enumerate(WRONG.items()):
        account = str(300_000_000_000 + number)
        given = arguments(template, account, values)
        check(name, reason, refusal(client("cloudformation", account).create_stack, given, reason))
