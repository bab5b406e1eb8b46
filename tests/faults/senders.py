"""Senders of messages over HTTP, as partners are: one is accepted by a 202, and its id is its Idempotency-Key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from tests.faults.insistent import Say, insist


@asynccontextmanager
async def _joined(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Say]:
    yield partial(_accepted, session, address)


send = partial(insist, join=_joined)


async def _accepted(session: aiohttp.ClientSession, address: str, route: str, message: str) -> bool:
    headers = {"Idempotency-Key": message}
    async with session.post(f"{address}/webhooks/{route}", json={"id": message}, headers=headers) as answer:
        if answer.status in (429, 503):
            return False
        if answer.status != 202:
            raise AssertionError(f"{answer.status} {await answer.text()}")
        return True
