"""Creates and damages a deployment in moto's AWS emulator.

Usage: deployment.py URL deploy API-URL   creates stack, mapping and user pool; prints the ids of pool and client
       deployment.py URL damage WHAT      one of: ttl, backups, mapping, no-mapping, trigger, alarm, silent, alarms,
                                          letter; restored undoes the damage of alarms and letter
       deployment.py URL user HANDLE      prints whether the pool's user is enabled
"""

import json
import re
import sys
from pathlib import Path

import boto3

STACK, TABLE = "cruddur-test", "deployed-messages"
url, what, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")


def client(service):
    return session.client(service, endpoint_url=url)


def outputs():
    stack = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def pool_id():
    return client("cognito-idp").list_user_pools(MaxResults=1)["UserPools"][0]["Id"]


def mapping():
    return client("lambda").list_event_source_mappings()["EventSourceMappings"][0]["UUID"]


def switch_on(expiry, backups):
    dynamodb = client("dynamodb")
    dynamodb.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": expiry, "AttributeName": "expires_at"}
    )
    dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": backups}
    )


def queue_arn():
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=outputs()["StreamDeadLetterQueueUrl"], AttributeNames=["QueueArn"]
    )
    return attributes["Attributes"]["QueueArn"]


def map_stream():
    """Calls Lambda directly, since the emulator's CloudFormation supports too few properties of a mapping."""
    client("lambda").create_event_source_mapping(
        EventSourceArn=client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"],
        FunctionName="stream-handler",
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
        DestinationConfig={"OnFailure": {"Destination": queue_arn()}},
    )


def trigger():
    return {"PostConfirmation": outputs()["PostConfirmationFunctionArn"]}


def add_alarms():
    """Creates the template's alarms directly, since the emulator's CloudFormation does not. Adds one of another stack."""
    topic = outputs()["AlarmTopicArn"]
    names = re.findall(r"AlarmName: !Sub \$\{AWS::StackName\}(-\S+)", Path("template.yaml").read_text())
    for name in [*names, "-staging-dead-letters"]:
        client("cloudwatch").put_metric_alarm(
            AlarmName=f"{STACK}{name}",
            Namespace="test",
            MetricName=name,
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[topic],
        )


def take_letters():
    sqs, queue = client("sqs"), outputs()["StreamDeadLetterQueueUrl"]
    for letter in sqs.receive_message(QueueUrl=queue).get("Messages", []):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])


def deploy(api_url):
    client("cloudformation").create_stack(
        StackName=STACK,
        TemplateBody=Path(".ci/real/deployment.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "ApiUrl", "ParameterValue": api_url},
            # As the local stack has it.
            {"ParameterKey": "WebSocketUrl", "ParameterValue": f"{api_url.replace('http', 'ws', 1)}/ws"},
        ],
    )
    switch_on(expiry=True, backups=True)
    map_stream()
    add_alarms()
    cognito = client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="cruddur", LambdaConfig=trigger())["UserPool"]["Id"]
    web = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    print(f"pool_id={pool}\nclient_id={web}")


def damage(kind):
    cloudwatch = client("cloudwatch")
    if kind == "ttl":
        switch_on(expiry=False, backups=True)
    elif kind == "backups":
        switch_on(expiry=True, backups=False)
    elif kind == "mapping":
        switch_on(expiry=True, backups=True)
        client("lambda").update_event_source_mapping(UUID=mapping(), Enabled=False)
    elif kind == "no-mapping":
        client("lambda").delete_event_source_mapping(UUID=mapping())
    elif kind == "trigger":
        client("cognito-idp").update_user_pool(UserPoolId=pool_id(), LambdaConfig={})
    elif kind == "alarm":
        cloudwatch.set_alarm_state(AlarmName=f"{STACK}-api-5xx", StateValue="ALARM", StateReason="a test")
    elif kind == "silent":
        cloudwatch.set_alarm_state(AlarmName=f"{STACK}-api-5xx", StateValue="OK", StateReason="a test")
        cloudwatch.disable_alarm_actions(AlarmNames=[f"{STACK}-dead-letters"])
    elif kind == "alarms":
        cloudwatch.delete_alarms(AlarmNames=[f"{STACK}-api-5xx", f"{STACK}-dead-letters"])
    elif kind == "letter":
        client("sqs").send_message(QueueUrl=outputs()["StreamDeadLetterQueueUrl"], MessageBody=json.dumps({}))
    elif kind == "restored":
        if not client("lambda").list_event_source_mappings()["EventSourceMappings"]:
            map_stream()
        client("cognito-idp").update_user_pool(UserPoolId=pool_id(), LambdaConfig=trigger())
        add_alarms()
        take_letters()
    else:
        sys.exit(f"no damage {kind}")


def user(handle):
    print(client("cognito-idp").admin_get_user(UserPoolId=pool_id(), Username=handle)["Enabled"])


{"deploy": deploy, "damage": damage, "user": user}[what](*arguments)
