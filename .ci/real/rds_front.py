"""Stands in for the RDS front end of PostgreSQL: accepts only TLS connections, requests a cleartext password, checks
that it is a valid token for this region, and connects the client with the real server.

Computes the expected signature with botocore, which shares no code with the signer under test. Prints one line for each
connection: "accepted USER", or "refused USER: REASON". Like RDS, does not send the reason to the client.

Usage: rds_front.py PORT UPSTREAM-PORT CERTIFICATE KEY REGION HOST USER [CLOCK-OFFSET-SECONDS]

The expected credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. USER is the only role that
may sign in.
"""

import asyncio
import hmac
import os
import ssl
import struct
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SSL_REQUEST, GSS_REQUEST, PROTOCOL_3_0 = 80877103, 80877104, 196608

port, upstream_port, certificate, key, region, host, role = sys.argv[1:8]
clock_offset = timedelta(seconds=float(sys.argv[8]) if len(sys.argv) > 8 else 0)
credentials = Credentials(
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")
)
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)


class Refused(Exception):
    """The reason for rejecting a token."""


def check(token, user):
    """Raises Refused unless the token is valid now, for this user and server."""

    def need(fits, why):
        if not fits:
            raise Refused(why)

    address, _, query = token.partition("/?")
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    given = dict(pairs)
    need(len(given) == len(pairs), "a parameter is there twice")
    need(address == f"{host}:{port}", "it is for another server")
    need(user == role, "this user may not sign in with tokens")
    need(given.get("Action") == "connect" and given.get("DBUser") == user, "it is for another user")
    need(given.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256", "the algorithm is another")
    need(given.get("X-Amz-SignedHeaders") == "host", "other headers are signed")

    signed_at, lifetime = given.get("X-Amz-Date", ""), given.get("X-Amz-Expires", "")
    try:
        start = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refused("it has no time") from None
    need(lifetime.isdigit() and 0 < int(lifetime) <= 900, "it lives longer than 15 minutes")
    now = datetime.now(timezone.utc) + clock_offset
    need(now <= start + timedelta(seconds=int(lifetime)), "it has expired")
    need(start <= now + timedelta(minutes=5), "it is of the future")

    scope = [credentials.access_key, signed_at[:8], region, "rds-db", "aws4_request"]
    need(given.get("X-Amz-Credential", "").split("/") == scope, "it is of another key, day, region or service")
    need(given.get("X-Amz-Security-Token") == credentials.token, "it is of another session")

    signature = given.pop("X-Amz-Signature", "")
    signer = SigV4QueryAuth(credentials, "rds-db", region, expires=int(lifetime))
    request = AWSRequest("GET", f"https://{address}/?{urlencode(given, quote_via=quote)}")
    request.context["timestamp"] = signed_at
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    need(hmac.compare_digest(signature, expected), "the signature is wrong")


async def message(reader, typed=True):
    """Reads the next message. Returns its type and payload."""
    kind = await reader.readexactly(1) if typed else b""
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    return kind, await reader.readexactly(length - 4)


async def refuse(writer, text):
    fields = f"SFATAL\0VFATAL\0C28000\0M{text}\0\0".encode()
    writer.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
    await writer.drain()


async def relay(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def serve(reader, writer):
    encrypted = False
    while True:
        _, start = await message(reader, typed=False)
        (code,) = struct.unpack("!I", start[:4])
        if code == SSL_REQUEST:
            writer.write(b"S")
            await writer.start_tls(tls)
            encrypted = True
        elif code == GSS_REQUEST:
            writer.write(b"N")
            await writer.drain()
        else:
            break
    words = start[4:].split(b"\0")
    user = dict(zip(words[::2], words[1::2])).get(b"user", b"").decode()
    if code != PROTOCOL_3_0 or not encrypted:
        print(f"refused {user}: it does not begin as a connection over TLS does")
        return await refuse(writer, f'no pg_hba.conf entry for user "{user}", no encryption')
    writer.write(b"R" + struct.pack("!II", 8, 3))
    await writer.drain()
    kind, password = await message(reader)
    try:
        if kind != b"p":
            raise Refused("it is no password")
        check(password.rstrip(b"\0").decode(), user)
    except (Refused, ValueError) as refused:
        print(f"refused {user}: {refused}")
        return await refuse(writer, f'PAM authentication failed for user "{user}"')
    print(f"accepted {user}")
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", int(upstream_port))
    server_writer.write(struct.pack("!I", len(start) + 4) + start)
    await asyncio.gather(relay(reader, server_writer), relay(server_reader, writer), return_exceptions=True)


async def connection(reader, writer):
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
        print(f"broken off: {type(error).__name__} {error}")
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(connection, "127.0.0.1", int(port))
    await server.serve_forever()


sys.stdout.reconfigure(line_buffering=True)
asyncio.run(main())
