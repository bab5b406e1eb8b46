"""pysignalr, another client of another language, against a whole hub."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pysignalr.client import SignalRClient
from pysignalr.messages import CompletionMessage
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

from tests.integration.sockets.rig import serving

PROTOCOLS = {"json": JSONProtocol, "messagepack": MessagepackProtocol}


class Client:
    def __init__(self, url: str, protocol: str) -> None:
        self.client = SignalRClient(url, PROTOCOLS[protocol]())
        self.opened = asyncio.Event()
        self.errors: asyncio.Queue[str | None] = asyncio.Queue()
        self.client.on_open(self._open)
        self.client.on_error(self._error)

    async def _open(self) -> None:
        self.opened.set()

    async def _error(self, message: CompletionMessage) -> None:
        self.errors.put_nowait(message.error)

    async def invoke(self, target: str, *arguments: Any) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def answered(message: Any) -> None:
            if not done.done():
                done.set_result(message.result)

        await self.client.send(target, list(arguments), answered)
        return await done

    def heard(self, method: str, answer: Any = None) -> asyncio.Queue[Any]:
        """What the hub calls `method` with; `answer` is what the client says to it."""
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def called(arguments: Any) -> Any:
            queue.put_nowait(arguments)
            return answer

        self.client.on(method, called)
        return queue


@asynccontextmanager
async def connected(url: str, protocol: str) -> AsyncIterator[Client]:
    made = Client(url, protocol)
    running = asyncio.create_task(made.client.run())
    try:
        async with asyncio.timeout(20):
            await made.opened.wait()
            yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # whatever it makes of its cancellation
            await running


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
async def test_it_invokes_streams_uploads_hears_and_answers(sqlite_url: str, protocol: str) -> None:
    async with serving(sqlite_url) as hub, connected(hub.url, protocol) as client:
        answer = await client.invoke("note", {"id": 1})
        assert answer["duplicate"] is False
        job = await hub.harness.wait(answer["job_id"])
        assert job["statusid"] == 3
        connection = job["metadata"]["headers"]["signalr-connection"]

        await client.client.send("note", [{"id": 2}])
        items: asyncio.Queue[Any] = asyncio.Queue()
        ended = asyncio.Event()

        async def item(value: Any) -> None:
            items.put_nowait(value)

        async def end(_: Any) -> None:
            ended.set()

        await client.client.stream("note", [{"id": 3}], item, end)  # type: ignore[list-item]  # its hint is too narrow
        assert (await items.get())["job_id"]
        await ended.wait()

        async with client.client.client_stream("note") as upload:
            for n in range(3):
                await upload.send(n)
        await client.invoke("note", {"id": 4})
        assert await hub.payloads() == [{"id": 1}, {"id": 2}, {"id": 3}, [0, 1, 2], {"id": 4}]

        await client.client.send("nowhere", [{}], item)
        assert await client.errors.get() == "Unknown hub method 'nowhere'"

        news = client.heard("news")
        await client.invoke("JoinGroup", "line-1")
        await client.invoke("say", {"to": "group:line-1/news", "payload": {"n": 1}})
        assert await news.get() == [{"n": 1}]

        asked = client.heard("ask", answer={"yes": True})
        await client.invoke(
            "say", {"to": f"connection:{connection}/ask", "payload": 5, "headers": {"signalr-result": "true"}}
        )
        assert await asked.get() == [5]
        [row] = [row for row in await hub.jobs(handler="publish") if row["metadata"]["topic"].endswith("/ask")]
        assert '"answer":{"yes":true}' in row["result"].replace(" ", "")
