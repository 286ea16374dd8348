"""Sends messages from one user to another while the functions are crashed. Repeats each message with its idempotency key
until it is acknowledged. Then checks that each message is stored once, in the order of sending.

Usage: send_through_crashes.py API TOKENS SECONDS
"""

import http.client
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

api, tokens, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
run = uuid.uuid4().hex
SENDERS = 4
# An invocation of a crashed process never answers.
ANSWERED_WITHIN = 4
PATIENCE = 60


def call(url, body=None, headers=None):
    """Returns status, body and headers, or None if there is no answer."""
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=ANSWERED_WITHIN) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers
    except (OSError, http.client.HTTPException):
        return None


def token(handle):
    return call(f"{tokens}/local/token", {"handle": handle})[1]["access_token"]


as_lore = {"Authorization": f"Bearer {token('lore')}"}
as_mock = {"Authorization": f"Bearer {token('mock')}"}


def send(text):
    """Returns the answer and the number of retries."""
    headers = {**as_lore, "Content-Type": "application/json", "Idempotency-Key": text.replace(" ", "-")}
    end = time.monotonic() + PATIENCE
    tries = 0
    while time.monotonic() < end:
        match call(f"{api}/api/messages", {"handle": "mock", "message": text}, headers):
            case (200, body, _):
                return body, tries
            case (status, body, _) if status < 500:
                raise SystemExit(f"{text}: {status} {body}")
        tries += 1
        time.sleep(0.1)
    raise SystemExit(f"{text}: not sent within {PATIENCE} s")


def send_many(sender):
    sent, again = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = f"{run} {sender} {len(sent)}"
        answer, tries = send(text)
        sent.append((text, answer))
        again += tries
    return sent, again


def messages(group):
    """Returns all messages, oldest to newest."""
    pages, path = [], f"/api/messages/{group}?limit=100"
    while path:
        status, page, headers = call(api + path, headers=as_mock)
        assert status == 200, (status, page)
        pages.append(page)
        path = headers["Link"] and headers["Link"].split(">")[0].lstrip("<")
    return [message for page in reversed(pages) for message in page]


with ThreadPoolExecutor(SENDERS) as pool:
    outcomes = list(pool.map(send_many, range(SENDERS)))
again = sum(tries for _, tries in outcomes)
sent = {text: answer for many, _ in outcomes for text, answer in many}
print(f"{len(sent)} messages, {again} requests that were sent again")
if not again:
    sys.exit("no crash was felt")

group = next(iter(sent.values()))["message_group_uuid"]
stored = [message for message in messages(group) if message["message"].startswith(run)]
if sorted(message["message"] for message in stored) != sorted(sent):
    sys.exit(f"{len(stored)} messages are there")
for message in stored:
    if message["uuid"] != sent[message["message"]]["uuid"]:
        sys.exit(f"the answer was another: {message}")
for sender, (many, _) in enumerate(outcomes):
    of_sender = [message["message"] for message in stored if message["message"].split()[1] == str(sender)]
    if of_sender != [text for text, _ in many]:
        sys.exit(f"out of order: {of_sender}")

newest = stored[-1]["message"]
end = time.monotonic() + PATIENCE
while True:
    answer = call(f"{api}/api/message_groups", headers=as_mock)
    if answer and answer[0] == 200:
        rows = [row for row in answer[1] if row["uuid"] == group]
        if len(rows) > 1:
            sys.exit(f"the group is there twice: {rows}")
        if rows and rows[0]["message"] == newest:
            break
    if time.monotonic() > end:
        sys.exit(f"the inbox does not show {newest}: {answer}")
    time.sleep(0.2)
print("ok: each is there once, in its order, and the inbox shows the newest")
