"""Posts a signed webhook to the hub: `python examples/webhooks/sender.py '{"id": 7}'`.

HUB_URL (http://127.0.0.1:8080/webhooks/orders) and ORDERS_SECRET come from the environment. Only the standard library
is used, so that the file can be taken as it is. The signature is that of Standard Webhooks: HMAC-SHA256 of
`id.timestamp.body`. Invariant: every attempt at one message carries the same id, so that the hub makes one job of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import time
import uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ATTEMPTS = 5


def signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    """`secret` as the hub's route has it: "whsec_" and base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def send(url: str, secret: str, body: bytes, identity: str) -> str:
    """The hub's answer, once the message is a committed row. Raises HTTPError for a refusal, URLError for no answer."""
    for attempt in range(1, ATTEMPTS + 1):
        stamp = str(int(time.time()))
        request = Request(url, body, method="POST")  # noqa: S310 - the address is this program's own setting
        request.add_header("Content-Type", "application/json")
        request.add_header("webhook-id", identity)
        request.add_header("webhook-timestamp", stamp)
        request.add_header("webhook-signature", signature(secret, identity, stamp, body))
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
                return str(answer.read().decode())
        except HTTPError as error:
            if error.code not in (429, 503) or attempt == ATTEMPTS:
                raise
            wait = float(error.headers.get("Retry-After", "1"))
        except URLError:
            if attempt == ATTEMPTS:
                raise
            wait = 0.5 * 2**attempt
        time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def main() -> None:
    url = os.environ.get("HUB_URL", "http://127.0.0.1:8080/webhooks/orders")
    body = (sys.argv[1] if len(sys.argv) > 1 else '{"id": 7}').encode()
    identity = sys.argv[2] if len(sys.argv) > 2 else f"msg_{uuid.uuid4().hex}"
    try:
        sys.stdout.write(send(url, os.environ["ORDERS_SECRET"], body, identity) + "\n")
    except HTTPError as error:
        sys.exit(f"refused: {error.code} {error.read().decode()}")


if __name__ == "__main__":
    main()
