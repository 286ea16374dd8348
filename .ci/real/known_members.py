"""A proxy in front of the API that leaves out the members of responses which an earlier version's openapi.yaml does not name:
that version's clients ignore them, but its conversation suite does not.

Usage: known_members.py PORT URL OPENAPI_FILE
"""

import http.client
import json
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

port, url = int(sys.argv[1]), sys.argv[2]
upstream = urllib.parse.urlsplit(url)
OWN = {"connection", "content-length", "date", "server", "transfer-encoding"}


def names(node):
    """The names of all properties of all schemas."""
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in node.values():
            yield from names(value)
    elif isinstance(node, list):
        for value in node:
            yield from names(value)


with open(sys.argv[3]) as file:
    known = set(names(yaml.safe_load(file)))


def reduced(value):
    if isinstance(value, dict):
        return {name: reduced(member) for name, member in value.items() if name in known}
    return [reduced(item) for item in value] if isinstance(value, list) else value


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if content and answer.getheader("Content-Type", "").startswith("application/json"):
            content = json.dumps(reduced(json.loads(content)), separators=(",", ":"), ensure_ascii=False).encode()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value.replace(url, f"http://127.0.0.1:{port}"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()
