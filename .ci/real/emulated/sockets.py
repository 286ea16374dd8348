"""The WebSocket API: clients of the library websockets at the deployed API."""

import json
import os
import time
import uuid
from functools import cache

import websockets.exceptions
from websockets.sync.client import connect

import aws
import life
from aws import check, client, output, request, say

REPLIES = {
    '{"type":"ping"}': {"type": "pong"},
    '{"type":"pong"}': {"type": "error", "codes": ["message_unknown"]},
    "not JSON": {"type": "error", "codes": ["message_unknown"]},
}


@cache
def user(handle):
    return life.sql(f"SELECT uuid FROM users WHERE handle = '{handle}'")


def opened(*offer):
    """Opens a WebSocket. Returns it, or the status of the refusal."""
    try:
        return connect(aws.websocket_api(), subprotocols=["cruddur.v1", *offer], proxy=None)
    except websockets.exceptions.InvalidStatus as refused:
        return refused.response.status_code


def of(handle, device):
    return opened(f"device.{device}", f"bearer.{life.token(handle)}")


def rows():
    """Returns the connection rows of a user, by device."""
    found = client("dynamodb").query(
        TableName=life.TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"CONN#{user('lore')}"}},
    )
    return {row["sk"]["S"]: row for row in found["Items"]}


def change(device, name, difference):
    row = rows()[device]
    client("dynamodb").update_item(
        TableName=life.TABLE,
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET #name = #name + :difference",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":difference": {"N": str(difference)}},
    )


def send(text):
    check(f"a message: {text}", 200, request("/api/messages", life.token("mock"), {"message": text, "handle": "lore"}))


def texts(socket, last):
    """Returns the texts of the frames up to the text `last`."""
    seen, end = [], time.monotonic() + 30
    while last not in seen and time.monotonic() < end:
        try:
            frame = json.loads(socket.recv(timeout=1))
        except TimeoutError:
            continue
        seen += [message["message"] for message in frame.get("messages", [])]
    return seen


def until(what, condition):
    end = time.monotonic() + 30
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    check(what, True, bool(holds))


def run():
    life.deployed()
    say("WebSockets")
    check("the address in config.json", output("WebSocketUrl"), json.loads(output("FrontEndConfig"))["websocket_url"])
    phone, laptop = str(uuid.uuid4()), str(uuid.uuid4())
    check("without a token", 401, opened(f"device.{phone}"))
    check("with a wrong token", 401, opened(f"device.{phone}", "bearer.e30.e30.e30"))
    check("without a device", 422, opened(f"bearer.{life.token('lore')}"))
    sockets = {phone: of("lore", phone), laptop: of("lore", laptop)}
    check("the subprotocols", ["cruddur.v1"] * 2, [socket.subprotocol for socket in sockets.values()])
    check("the connections", {phone, laptop}, set(rows()))
    for frame, reply in REPLIES.items():
        sockets[phone].send(frame)
        check(f"the reply to {frame}", reply, json.loads(sockets[phone].recv(timeout=30)))
    send("to both devices")
    for device in sockets:
        check("the device receives it", ["to both devices"], texts(sockets[device], "to both devices"))
    sockets[laptop].close()
    send("to the phone")
    check("the phone receives it", ["to the phone"], texts(sockets[phone], "to the phone"))
    check("a new connection stays, though it is gone (410)", {phone, laptop}, set(rows()))
    change(laptop, "connected_at", -120_000)
    send("again to the phone")
    check("the phone receives it", ["again to the phone"], texts(sockets[phone], "again to the phone"))
    until("an older connection that is gone (410) is deleted", lambda: set(rows()) == {phone})
    change(phone, "expires_at", -86_400)
    send("to nobody")
    until("a connection whose token has ended is deleted", lambda: not rows())
    try:
        ended = f"received {sockets[phone].recv(timeout=30)}"
    except (TimeoutError, websockets.exceptions.ConnectionClosed) as end:
        ended = type(end).__name__
    check("the end of its socket, without another frame", "ConnectionClosedOK", ended)
    permissions()


def refused():
    lines = open(os.environ["EMULATOR_LOG"], errors="replace")
    return [line for line in lines if line.startswith("DENIED execute-api:")]


def permissions():
    say("IAM of WebSockets")
    check("calls that IAM has refused", [], refused())
    iam, device = client("iam"), str(uuid.uuid4())
    socket = of("lore", device)
    role = next(role["RoleName"] for role in iam.list_roles()["Roles"] if "StreamHandler" in role["RoleName"])
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    policy = next(policy["PolicyArn"] for policy in attached if "SocketPushes" in policy["PolicyArn"])
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    send("without the policy")
    until("the push is refused", refused)
    check("what is refused", {"execute-api:ManageConnections"}, {line.split()[1] for line in refused()})
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    send("with the policy")
    check("the device receives it", ["with the policy"], texts(socket, "with the policy"))
    socket.close()
