"""A proxy in front of DynamoDB that fails a share of the calls from the signal SIGUSR1 on: half of them before DynamoDB has
the call, half after. The response is a 500, or the connection is closed.

Usage: failing_proxy.py PORT URL PERCENT
"""

import http.client
import random
import signal
import sys
import threading
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, url, percent = int(sys.argv[1]), urllib.parse.urlsplit(sys.argv[2]), float(sys.argv[3])
failing = threading.Event()
calls = Counter()
upstream = threading.local()
ERROR = b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"The proxy failed."}'
JSON = [("Content-Type", "application/x-amz-json-1.0")]


def forward(path, body, headers):
    for last in (False, True):
        if not hasattr(upstream, "connection"):
            upstream.connection = http.client.HTTPConnection(url.hostname, url.port)
        try:
            upstream.connection.request("POST", path, body, headers)
            answer = upstream.connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            # An idle connection may have been closed.
            del upstream.connection
            if last:
                raise


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fails = failing.is_set() and random.random() < percent / 100
        calls[f"{self.headers['X-Amz-Target']} {'failed' if fails else 'passed'}"] += 1
        if fails:
            is_late, is_silent = random.random() < 0.5, random.random() < 0.5
            if is_late:
                forward(self.path, body, dict(self.headers))
            if is_silent:
                self.close_connection = True
                return
            status, headers, answer = 500, JSON, ERROR
        else:
            status, headers, answer = forward(self.path, body, dict(self.headers))
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def end(*_):
    for call, number in sorted(calls.items()):
        print(number, call)
    sys.exit()


signal.signal(signal.SIGUSR1, lambda *_: failing.set())
signal.signal(signal.SIGTERM, end)
threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever, daemon=True).start()
while True:
    signal.pause()
