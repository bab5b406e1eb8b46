"""Simulated partners of the workflow examples, over real HTTP: `python -m examples.signup_partners --port 8090`.

Each POST makes one thing (a user, a payment, an order, a message); the same Idempotency-Key gets the same answer again
and makes nothing, as good partners do. `GET /made` tells what was made, `GET /calls` how often it was asked for.

Invariant: what a partner has made it never makes again for the same key.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from aiohttp import web

KINDS = ("users", "payments", "orders", "messages")


class Partners:
    """All of them at one address."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.closed: set[str] = set()
        """Kinds that are answered with 503 for now."""

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{kind}", self._make)
        app.router.add_get("/made", self._made)
        app.router.add_get("/calls", self._calls)
        return app

    async def _make(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        key = request.headers.get("Idempotency-Key")
        if kind not in KINDS or key is None:
            raise web.HTTPBadRequest(text=f"one of {', '.join(KINDS)}, with an Idempotency-Key")
        self.calls[f"{kind} {key}"] += 1
        if kind in self.closed:
            raise web.HTTPServiceUnavailable(text="closed for now")
        if key not in self.made:
            number = sum(each["kind"] == kind for each in self.made.values()) + 1
            self.made[key] = {"kind": kind, "id": f"{kind[:-1]}-{number}", "of": await request.json()}
        return web.json_response(self.made[key], status=201)

    async def _made(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.made.values()))

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response(self.calls)


async def ask(url: str, kind: str, key: str, body: dict[str, Any]) -> str:
    """Have a partner make something; its id. Raises aiohttp.ClientError, and ValueError for an answer without one."""
    from aiohttp import ClientSession, ClientTimeout

    async with (
        ClientSession(timeout=ClientTimeout(10), raise_for_status=True) as session,
        session.post(f"{url}/{kind}", json=body, headers={"Idempotency-Key": key}) as answer,
    ):
        match await answer.json():
            case {"id": str(made)} if made:
                return made
    raise ValueError(f"{kind}: the partner's answer has no id")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulated partners.")
    parser.add_argument("--port", type=int, default=8090)
    web.run_app(Partners().application(), host="127.0.0.1", port=parser.parse_args().port)
