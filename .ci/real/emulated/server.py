"""Runs MiniStack, an emulator of AWS, with corrections of its faults.

Each correction names the fault. It is here because the template could not be deployed without it, or a check of the step
would prove nothing. A missing service or feature is not added: .ci/real/emulator lists what stays untested.
"""

import contextvars
import inspect
import json
import os
import re
import time

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import apigateway, cognito, dynamodb, iam, lambda_svc
from ministack.services.cloudformation import provisioners

# ---- CloudFormation

# MiniStack refuses alarms over metric math. They are stored here, and never evaluated.
plain_alarm = provisioners._cw_metric_alarm_record


def alarm(name, properties):
    if "Metrics" in properties:
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        properties = {**rest, "MetricName": "metric math", "Namespace": "metric math"}
    return plain_alarm(name, properties)


provisioners._cw_metric_alarm_record = alarm


def correct(kind, before=lambda properties: properties, after=lambda name, properties: None):
    """Corrects the properties of a resource before, and the resource after it is created or updated."""
    handler = provisioners._RESOURCE_HANDLERS[kind]
    original_create, original_update = handler["create"], handler["update"]

    def create(logical_id, properties, stack):
        result = original_create(logical_id, before(properties), stack)
        after(result[0], properties)
        return result

    def update(physical_id, old, new, *rest, **named):
        result = original_update(physical_id, before(old), before(new), *rest, **named)
        after(result[0], new)
        return result

    # MiniStack decides by a handler's signature which arguments to pass.
    create.__signature__, update.__signature__ = inspect.signature(original_create), inspect.signature(original_update)
    handler.update(create=create, update=update)


def api_settings(properties):
    properties = dict(properties)
    for name in ("CorsConfiguration", "DefaultRouteSettings"):
        if name in properties:
            properties[name] = provisioners._pascal_to_camel(properties[name])
    if "RouteSettings" in properties:
        routes = properties["RouteSettings"].items()
        properties["RouteSettings"] = {route: provisioners._pascal_to_camel(limits) for route, limits in routes}
    return properties


def table_settings(name, properties):
    expiry = properties.get("TimeToLiveSpecification", {})
    backups = properties.get("PointInTimeRecoverySpecification", {})
    status = "ENABLED" if expiry.get("Enabled") in (True, "true") else "DISABLED"
    dynamodb._ttl_settings[name] = {"TimeToLiveStatus": status, "AttributeName": expiry.get("AttributeName")}
    dynamodb._pitr_settings[name] = backups.get("PointInTimeRecoveryEnabled") in (True, "true")


def role_boundary(name, properties):
    iam._roles[name]["PermissionsBoundary"] = properties.get("PermissionsBoundary")


# MiniStack's CloudFormation stores these settings of an HTTP API under names that its API Gateway does not read.
correct("AWS::ApiGatewayV2::Api", before=api_settings)
correct("AWS::ApiGatewayV2::Stage", before=api_settings)
# A function can't reach an API by its host name, so it gets the address at which the emulator serves the API by path.


def function_settings(properties):
    variables = dict(properties.get("Environment", {}).get("Variables", {}))
    if url := variables.get("WEBSOCKET_MANAGEMENT_URL"):
        api, stage = re.fullmatch(r"https://(\w+)\.execute-api\.[\w.-]+/(\w+)", url).groups()
        variables["WEBSOCKET_MANAGEMENT_URL"] = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{api}/{stage}"
        properties = {**properties, "Environment": {"Variables": variables}}
    return properties


correct("AWS::Lambda::Function", before=function_settings)


# MiniStack's CloudFormation has no responses of WebSocket routes, its API Gateway has them. Ids of routes begin with the
# API's.
def add_response(kind, parent, create, delete):
    def create_response(logical_id, properties, stack):
        status, _, body = create(
            properties["ApiId"], properties[parent].split("/")[-1], provisioners._pascal_to_camel(properties)
        )
        assert status == 201, body
        return json.loads(body)[f"{kind[0].lower()}{kind[1:]}Id"], {}

    def delete_response(physical_id, properties):
        delete(properties["ApiId"], properties[parent].split("/")[-1], physical_id)

    provisioners._RESOURCE_HANDLERS[f"AWS::ApiGatewayV2::{kind}"] = {"create": create_response, "delete": delete_response}


add_response("RouteResponse", "RouteId", apigateway._create_route_response, apigateway._delete_route_response)
add_response(
    "IntegrationResponse", "IntegrationId",
    apigateway._create_integration_response, apigateway._delete_integration_response,
)  # fmt: skip
# It drops time to live and backups of a table, and the boundary of a role.
correct("AWS::DynamoDB::Table", after=table_settings)
correct("AWS::IAM::Role", after=role_boundary)

# ---- IAM: MiniStack has no condition key dynamodb:LeadingKeys, so it would refuse every call of the functions.


def leading_keys(request):
    table = dynamodb._tables.get(request.get("TableName", "").rsplit("/", 1)[-1], {})
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes") or []}
    schema = indexes.get(request.get("IndexName"), table).get("KeySchema", [])
    key = next((part["AttributeName"] for part in schema if part["KeyType"] == "HASH"), None)
    item = request.get("Key") or request.get("Item") or {}
    if key in item:
        return list(item[key].values())
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    for condition in request.get("KeyConditionExpression", "").split(" AND "):
        match condition.strip(" ()").split():
            case [name, "=", value] if names.get(name, name) == key:
                return list(values[value].values())
    return []


class Arn(str):
    """An ARN with the leading keys of its item of a transaction."""

    keys = ()


plain_context, plain_checks = iam_actions.dynamodb_service_context, iam_actions.dynamodb_transaction_checks
plain_enforce = iam_evaluator.enforce


def dynamodb_context(body):
    keys = leading_keys(json.loads(body or b"{}"))
    return plain_context(body) | ({"dynamodb:LeadingKeys": keys} if keys else {})


def transaction_checks(action, body, *rest):
    checks = plain_checks(action, body, *rest)
    if not checks:
        return checks
    items = [item for entry in json.loads(body)["TransactItems"] for item in entry.values()]
    marked = []
    for (item_action, arn), item in zip(checks, items, strict=True):
        arn = Arn(arn)
        arn.keys = leading_keys(item)
        marked.append((item_action, arn))
    return marked


def enforce(access_key, action, *rest, resource_arn="*", service_context=None, **named):
    # MiniStack takes every request below an alias for ListAliases.
    action = {"lambda:ListAliases": "lambda:GetAlias"}.get(action, action)
    # MiniStack drops the version from the ARN of an invocation; only check-release invokes functions with a role.
    if action == "lambda:InvokeFunction":
        resource_arn = f"{resource_arn}:1"
    if isinstance(resource_arn, Arn) and resource_arn.keys:
        service_context = (service_context or {}) | {"dynamodb:LeadingKeys": resource_arn.keys}
    denied = plain_enforce(access_key, action, *rest, resource_arn=resource_arn, service_context=service_context, **named)
    if denied is not None:
        print("DENIED", action, resource_arn, (service_context or {}).get("dynamodb:LeadingKeys", ""), denied, flush=True)
    return denied


iam_actions.dynamodb_service_context = dynamodb_context
iam_actions.dynamodb_transaction_checks = transaction_checks
iam_evaluator.enforce = enforce

# ---- Cognito: MiniStack never invokes the trigger PostConfirmation.


def with_trigger(handler):
    def confirm(request):
        response = handler(request)
        for pool in cognito._user_pools.values() if response[0] == 200 else ():
            arn = (pool.get("LambdaConfig") or {}).get("PostConfirmation")
            if not arn or (request.get("UserPoolId") != pool["Id"] and request.get("ClientId") not in pool["_clients"]):
                continue
            user, _ = cognito._resolve_user(pool, request["Username"])
            attributes = cognito._attr_list_to_dict(user["Attributes"])
            event = cognito._build_presignup_event(
                pool["Id"], request.get("ClientId"), user["Username"],
                {**attributes, "cognito:user_status": "CONFIRMED", "email_verified": "true"},
                "PostConfirmation_ConfirmSignUp",
            )
            del event["request"]["validationData"]
            event["response"] = {}
            function, config, _ = lambda_svc._get_func_record_for_ref(arn)
            if function is None:
                return cognito.error_response_json("UnexpectedLambdaException", f"there is no function {arn}", 400)
            function = lambda_svc._execution_record_for_config(function, config)
            result = lambda_svc._execute_function_with_config_scope(function, event)
            if result.get("error"):
                return cognito.error_response_json("UserLambdaValidationException", str(result.get("body")), 400)
        return response

    return confirm


cognito._confirm_sign_up = with_trigger(cognito._confirm_sign_up)
cognito._admin_confirm_sign_up = with_trigger(cognito._admin_confirm_sign_up)

# ---- Lambda: MiniStack ignores the failures that a function reports for a batch of a DynamoDB stream. Here the whole
# batch counts as failed, and MiniStack retries it until MaximumRecordAgeInSeconds.
plain_execute = lambda_svc._execute_function


def reports_failures(function):
    name = function["config"]["FunctionName"]
    mappings = [mapping for *_, mapping in lambda_svc._iter_all_esms() if mapping["FunctionName"] == name]
    return any("ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []) for mapping in mappings)


def execute(function, event, *rest, **named):
    result = plain_execute(function, event, *rest, **named)
    body = result.get("body")
    if isinstance(body, dict) and body.get("batchItemFailures") and reports_failures(function):
        return {**result, "error": True}
    return result


lambda_svc._execute_function = execute

# ---- API Gateway: MiniStack does not throttle. Its own answers, such as the authorizer's, lack the headers of CORS, and
# its 401 lacks WWW-Authenticate.
buckets = {}
plain_request = apigateway._handle_execute_in_scope


def throttles(api_id, route, limits):
    rate, burst, now = float(limits["throttlingRateLimit"]), float(limits["throttlingBurstLimit"]), time.monotonic()
    left, then = buckets.get((api_id, route), (burst, now))
    left = min(burst, left + (now - then) * rate)
    buckets[api_id, route] = (left - 1 if left >= 1 else left, now)
    return left < 1


async def request(api_id, stage, path, method, headers, *rest):
    route = apigateway._match_route(api_id, method, "/" + path.lstrip("/"))
    if method == "OPTIONS" or not route:
        return await plain_request(api_id, stage, path, method, headers, *rest)
    settings, key = apigateway._stages[api_id][stage], route["routeKey"]
    if throttles(api_id, key, settings["defaultRouteSettings"] | settings["routeSettings"].get(key, {})):
        status, answer, body = 429, {"Content-Type": "application/json"}, b'{"message":"Too Many Requests"}'
    else:
        status, answer, body = await plain_request(api_id, stage, path, method, headers, *rest)
    if status == 401 and body == b'{"message": "Unauthorized"}':
        answer = {**answer, "WWW-Authenticate": "Bearer"}
    cors = apigateway._cors_response_headers(apigateway._apis[api_id]["corsConfiguration"], headers.get("origin", ""))
    return status, {**answer, **cors}, body


apigateway._handle_execute_in_scope = request

# ---- WebSocket APIs: MiniStack answers a refused handshake with 403 instead of the function's status, accepts without
# the function's subprotocol, and answers in routes without a response.
answers = contextvars.ContextVar("answers")
plain_socket, plain_invoke = apigateway.handle_websocket, apigateway._invoke_ws_lambda


async def invoke_route(api_id, account, region, route, stage, connection_id, kind, *rest, **named):
    answer = await plain_invoke(api_id, account, region, route, stage, connection_id, kind, *rest, **named)
    if kind == "CONNECT":
        answers.get()[:] = [answer or {}]
    elif not route.get("routeResponseSelectionExpression"):
        return None
    elif not apigateway._route_responses.get(api_id, {}).get(route["routeId"]):
        return None
    return answer


async def socket(scope, receive, send, *rest, **named):
    of_function = []
    answers.set(of_function)

    async def corrected(message):
        if message["type"] == "websocket.close" and of_function and of_function[0].get("statusCode", 200) >= 300:
            return await apigateway._refuse_ws_handshake(scope, send, of_function.pop()["statusCode"], "Forbidden", "", "")
        if message["type"] == "websocket.accept" and of_function:
            headers = {name.lower(): value for name, value in (of_function[0].get("headers") or {}).items()}
            message = {**message, "subprotocol": headers.get("sec-websocket-protocol")}
        await send(message)

    await plain_socket(scope, receive, corrected, *rest, **named)


apigateway.handle_websocket = socket
apigateway._invoke_ws_lambda = invoke_route

if __name__ == "__main__":
    app.main()
