"""Many look-ups of users at once, and what is left of the database's connections for the inbox. Runs functions as Lambda
does: a process for each concurrent invocation, frozen between invocations, behind the runtime API.

Usage: look_up_burst.py BINARIES SCRATCH TOKENS IDLE-SECONDS
SCRATCH: a folder with the functions' variables in FUNCTION.variables, for their logs. TOKENS: address of a local stack.
IDLE-SECONDS: time before a last round of requests; 0: no such round.
"""

import itertools
import json
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

binaries, scratch, tokens, idle_seconds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
LOOK_UPS = 100
# Environments of the inbox's function, and requests to each of them.
INBOXES, ROUNDS = 6, 4
# Longer than a function's timeout, also on a loaded machine.
PATIENCE = 60


class Runtime(BaseHTTPRequestHandler):
    """Lambda's runtime API. The first part of a path is the number of the environment."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        environment = environments[int(self.path.split("/")[1])]
        environment.ready.set()
        self.respond(200, environment.events.get(), {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + PATIENCE) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:it",
        })

    def do_POST(self):
        answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        environments[int(self.path.split("/")[1])].answers.put(answer)
        self.respond(202, b"", {})

    def respond(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Environment:
    def __init__(self, function):
        self.events, self.answers, self.ready = queue.Queue(), queue.Queue(), threading.Event()
        number = next(numbers)
        environments[number] = self
        lines = (scratch / f"{function}.variables").read_text().split("\0")[:-1]
        variables = dict(line.split("=", 1) for line in lines)
        variables["AWS_LAMBDA_RUNTIME_API"] = f"http://127.0.0.1:{server.server_port}/{number}"
        with open(scratch / f"function-{function}-{number}.log", "wb") as log:
            self.process = subprocess.Popen([binaries / function], env=variables, stdout=log, stderr=log)
        self.freeze()

    def freeze(self):
        if not self.ready.wait(PATIENCE):
            raise TimeoutError(f"process {self.process.pid} does not ask for an event")
        self.process.send_signal(signal.SIGSTOP)

    def invoke(self, event):
        self.ready.clear()
        self.process.send_signal(signal.SIGCONT)
        self.events.put(json.dumps(event).encode())
        answer = self.answers.get(timeout=PATIENCE)
        self.freeze()
        return answer


class Function:
    def __init__(self, name, event):
        self.name, self.idle = name, queue.Queue()
        self.event = json.loads(Path(f"events/{name}/{event}.json").read_text())

    def invoke(self, headers):
        """Uses the environment that has been idle the longest, or starts one."""
        try:
            environment = self.idle.get_nowait()
        except queue.Empty:
            environment = Environment(self.name)
        answer = environment.invoke(self.event | {"headers": self.event["headers"] | headers})
        self.idle.put(environment)
        if answer["statusCode"] == 503 and answer["headers"]["retry-after"] != "1":
            raise ValueError(answer)
        return answer["statusCode"]


def call(path, body=None):
    return json.load(urllib.request.urlopen(tokens + path, body and json.dumps(body).encode(), PATIENCE))


def read_inboxes(what, rounds):
    """Each round is of another user, whom no environment has cached."""
    statuses = []
    for _ in range(rounds):
        headers = {"authorization": f"Bearer {call('/local/token', {'handle': next(users)})['access_token']}"}
        statuses += ThreadPoolExecutor(INBOXES).map(inbox.invoke, [headers] * INBOXES)
    print(f"inboxes {what}: {statuses.count(200)} of {len(statuses)}", flush=True)


server = ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
environments, numbers = {}, itertools.count()
look_up, inbox = Function("show-user", "found"), Function("list-message-groups", "first-page")
users = iter([user["handle"] for user in call("/local/users")])
try:
    for environment in ThreadPoolExecutor(8).map(Environment, ["show-user"] * LOOK_UPS):
        look_up.idle.put(environment)
    burst = ThreadPoolExecutor(LOOK_UPS).map(look_up.invoke, [{}] * LOOK_UPS)
    read_inboxes("meanwhile", ROUNDS)
    answered = Counter(burst)
    print(f"look-ups answered or unavailable: {answered[200] + answered[503]} of {LOOK_UPS}")
    print(f"look-ups answered: {answered[200]}", flush=True)
    read_inboxes("after", ROUNDS)
    if idle_seconds:
        time.sleep(idle_seconds)
        read_inboxes("after an idle time", 1)
        print(f"look-up after an idle time: {look_up.invoke({})}")
finally:
    for environment in environments.values():
        environment.process.kill()
