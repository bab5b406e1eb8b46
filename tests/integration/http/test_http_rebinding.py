"""A name whose answer changes: the address that was judged is the one that is dialled, at every request anew."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from hub.adapters.http.client import Call, HttpClient
from hub.adapters.http.guard import AddressRefused, Guard

NAME = "rebound.example"
ALLOWED, FORBIDDEN = "127.0.0.2", "127.0.0.1"


@asynccontextmanager
async def listening(reached: list[str]) -> AsyncIterator[int]:
    """One port on both addresses; `reached` is told by which a request came. No connection is kept."""

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        reached.append(request.transport.get_extra_info("sockname")[0])
        return web.Response(headers={"Connection": "close"})

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, FORBIDDEN, 0).start()
        port: int = runner.addresses[0][1]
        await web.TCPSite(runner, ALLOWED, port).start()
        yield port
    finally:
        await runner.cleanup()


def _call(port: int) -> Call:
    return Call(method="POST", url=f"http://{NAME}:{port}/", headers={}, body=b"{}", timeout=10.0)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[list[str]]], list[int]]:
    """Makes the system's resolver give these answers to NAME, one after another; how often it was asked."""
    real = socket.getaddrinfo

    def install(answers: list[list[str]]) -> list[int]:
        asked: list[int] = []

        def resolve(host: Any, port: Any, *more: Any, **named: Any) -> Any:
            if host != NAME:
                return real(host, port, *more, **named)
            asked.append(len(asked))
            found = answers[min(len(asked), len(answers)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        return asked

    return install


async def test_a_name_that_was_good_and_turns_bad_is_refused(
    resolver: Callable[[list[list[str]]], list[int]],
) -> None:
    reached: list[str] = []
    asked = resolver([[ALLOWED], [FORBIDDEN]])
    async with listening(reached) as port:
        for expected in (200, None):
            # Anew each time, as after the moment for which an answer is kept.
            client = HttpClient(Guard(networks=[f"{ALLOWED}/32"]))
            try:
                call = _call(port)
                if expected is None:
                    with pytest.raises(AddressRefused, match=FORBIDDEN):
                        await client.call(call)
                else:
                    assert (await client.call(call))["status"] == expected
            finally:
                await client.close()
    assert reached == [ALLOWED]
    assert len(asked) == 2, "a second look-up within a request could say something else"


async def test_a_bad_address_beside_a_good_one_is_never_dialled(
    resolver: Callable[[list[list[str]]], list[int]],
) -> None:
    reached: list[str] = []
    resolver([[FORBIDDEN, ALLOWED]])
    async with listening(reached) as port:
        client = HttpClient(Guard(networks=[f"{ALLOWED}/32"]))
        try:
            for _ in range(5):
                await client.call(_call(port))
        finally:
            await client.close()
    assert reached == [ALLOWED] * 5
