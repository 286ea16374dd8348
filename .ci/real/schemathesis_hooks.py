"""Rules of the API that its OpenAPI document cannot express, and a count of the requests.

All checks stay on. Where the contract (docs/DESIGN.md, section 5) differs from a check's expectation, exactly the
contract's answer is accepted.
"""

import atexit
import collections
import threading

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

# Errors in requests that the schema allows. Cursors are opaque and may expire, and a schema cannot express who owns a
# handle or a uuid, whether a key was used for another request, that one of two targets is required, that Unicode
# white space alone is blank, or what an emoji is.
CODES_BEYOND_THE_SCHEMA = {
    "GET /api/message_groups": {"cursor_invalid"},
    "GET /api/messages/{message_group_uuid}": {"cursor_invalid"},
    "GET /api/message_requests": {"cursor_invalid"},
    "GET /api/blocks": {"cursor_invalid"},
    "PUT /api/blocks/{user_uuid}": {"user_is_caller"},
    "DELETE /api/blocks/{user_uuid}": {"user_is_caller"},
    "GET /api/me/export": {"cursor_invalid"},
    "GET /api/events": {"cursor_invalid", "cursor_expired"},
    "POST /api/messages": {
        "user_reciever_handle_blank",
        "user_reciever_not_found",
        "user_reciever_is_sender",
        "message_blank",
        "idempotency_key_reused",
    },
    "PUT /api/messages/{message_group_uuid}/{message_uuid}": {"message_blank"},
    "PUT /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}": {"reaction_invalid"},
    "DELETE /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}": {"reaction_invalid"},
    "PATCH /api/me": {"display_name_invalid"},
    "GET /api/users": {"prefix_invalid"},
}

# API Gateway's answer to a method that a path lacks: an HTTP API has no 405.
NO_SUCH_ROUTE = {"message": "Not Found"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, RejectedPositiveData) and response.status_code in (410, 422):
        allowed = CODES_BEYOND_THE_SCHEMA.get(case.operation.label, set())
        return not set(response.json()) <= allowed
    if isinstance(failure, UnsupportedMethodResponse) and response.status_code == 404:
        return response.json() != NO_SUCH_ROUTE
    return True


@schemathesis.check
def answers_any_content_type(ctx, response, case):
    """The API ignores the Content-Type, so every Content-Type must get a documented answer."""
    documented = case.operation.responses.status_codes
    if response.request.method == case.operation.method.upper() and str(response.status_code) not in documented:
        raise AssertionError(f"undocumented status {response.status_code}")


@schemathesis.check
def codes_come_once_and_in_the_documented_order(ctx, response, case):
    if response.status_code == 422:
        codes = response.json()
        schema = case.operation.responses.find_by_status_code(422).definition["content"]["application/json"]["schema"]
        order = schema["items"]["enum"]
        # Any other code breaks the schema, which has its own check.
        if set(codes) <= set(order) and codes != sorted(set(codes), key=order.index):
            raise AssertionError(f"not once each and in the documented order: {codes}")


requests = collections.Counter()
lock = threading.Lock()


@schemathesis.hook
def after_call(context, case, response):
    with lock:
        requests[f"{response.request.method} {case.operation.path}", response.status_code] += 1


@atexit.register
def print_requests():
    print("\nrequests by route and status")
    for route in sorted({route for route, _ in requests}):
        statuses = sorted((status, count) for (of, status), count in requests.items() if of == route)
        print(f"{route:48}", *(f"{status}: {count:<6}" for status, count in statuses))
    by_status = collections.Counter()
    for (_, status), count in requests.items():
        by_status[status] += count
    print(f"{'all: ' + str(sum(requests.values())):48}", *(f"{s}: {c:<6}" for s, c in sorted(by_status.items())))
