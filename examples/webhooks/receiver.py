"""Receives the hub's webhooks, and believes only those that are signed: `python examples/webhooks/receiver.py [PORT]`.

CRM_SECRET comes from the environment; each message is a line of JSON on standard output. Only the standard library is
used. Invariant: the raw body is verified before it is parsed, and a message that comes again is answered as before and
not worked on twice: the hub sends at least once, with the same id each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300
LARGEST = 2**20


def verified(secret: str, headers: Message, body: bytes) -> bool:
    """Whether the hub has sent it, within the last five minutes."""
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(time.time() - int(stamp)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    # Several, with spaces between, while a secret is being replaced.
    given = [one[3:] for one in headers.get("webhook-signature", "").split() if one.startswith("v1,")]
    return any(hmac.compare_digest(wanted, decoded(one)) for one in given)


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


class Receiver(BaseHTTPRequestHandler):
    secret = ""
    seen: set[str] = set()  # noqa: RUF012 - of the process; a real receiver keeps them in its database

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.answer(413)
            return
        body = self.rfile.read(length)
        if not verified(self.secret, self.headers, body):
            self.answer(401)
            return
        identity = self.headers["webhook-id"]
        if identity not in self.seen:
            message = {"id": identity, "topic": self.headers.get("hub-topic"), "payload": json.loads(body)}
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
            self.seen.add(identity)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass  # standard output is for the messages


def main() -> None:
    Receiver.secret = os.environ["CRM_SECRET"]
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Receiver) as server:
        sys.stderr.write(f"listening on {server.server_port}\n")
        sys.stderr.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
