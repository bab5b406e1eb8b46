"""The floor: an aiohttp handler that verifies the signature and answers, and keeps nothing.

Invariant: as `webhooks_hub`, word for word. The signature is checked as Standard Webhooks wants it: id, time and body,
in constant time, within five minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import msgspec
from aiohttp import web

from benchmarks.machine import resident
from benchmarks.roles.wire import Meter, Wire

_TOLERANCE = 300


async def run(wire: Wire, *, secret: str) -> None:
    """Takes what `webhooks_hub` takes, at the same path."""
    key = base64.b64decode(secret.removeprefix("whsec_"))

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        headers = request.headers
        identity, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        wanted = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
        given = base64.b64decode(headers["webhook-signature"].removeprefix("v1,"))
        if not hmac.compare_digest(wanted, given) or abs(time.time() - int(stamp)) > _TOLERANCE:
            return web.Response(status=401)
        answer = msgspec.json.encode({"job_id": identity, "duplicate": False})
        return web.Response(body=answer, status=202, content_type="application/json")

    application = web.Application()
    application.router.add_post("/webhooks/orders", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    await wire.ready()
    wire.tell({"port": int(runner.addresses[0][1])})
    await serve_words(wire)
    await runner.cleanup()


async def serve_words(wire: Wire) -> None:
    """The words that both contestants know."""
    meter = Meter()
    while (word := await wire.heard()) != "stop":
        if word == "meter":
            meter = Meter()
        wire.tell({**meter.read(), "memory": resident()})
