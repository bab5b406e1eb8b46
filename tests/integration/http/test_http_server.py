"""The server's edge: bytes that are no request, slow ones, too many, and a stop that loses nothing."""

import asyncio
import itertools

import pytest
import uvloop

from hub.api.server import ServerSettings
from tests.integration.http.rig import Serve, read_answer, serving

HEAD = b"POST /webhooks/orders HTTP/1.1\r\nHost: localhost\r\n"
QUICK = {"request_timeout": "300ms"}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello in TLS\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G@T /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\n: empty\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(5000)) + b"\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: ten\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\nContent-Encoding: gzip\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n",
    ],
    ids=[
        "tls",
        "method-alone",
        "no-version",
        "version",
        "unknown-method",
        "method",
        "header-without-colon",
        "header-without-name",
        "nul",
        "long-line",
        "long-header",
        "many-headers",
        "negative-length",
        "length-in-words",
        "huge-length",
        "two-lengths",
        "length-and-chunks",
        "gzip-transfer",
        "bad-chunk-size",
        "huge-chunk-size",
    ],
)
async def test_bytes_that_are_no_request_are_answered_and_the_next_is_served(
    serve_one: Serve, request_bytes: bytes
) -> None:
    async with serve_one() as hub:
        answer = await hub.raw(request_bytes)
        assert 400 <= answer.status < 500
        answer.problem()
        await hub.good()
        assert await hub.rows() == 1


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks/or", HEAD, HEAD + b"Content-Length: 2\r\n"])
async def test_a_head_that_does_not_come_is_not_waited_for(serve_one: Serve, sent: bytes) -> None:
    async with serve_one(http=QUICK) as hub:
        answer = await hub.raw(sent)
        assert (answer.status, answer.problem()["code"]) == (408, "too-slow")
        await hub.good()


async def test_a_head_that_drips_does_not_win_time(serve_one: Serve) -> None:
    async with serve_one(http=QUICK) as hub:
        reader, writer = await hub.connect()
        answer = asyncio.create_task(read_answer(reader))
        for piece in itertools.chain([HEAD], (b"X-%d: 1\r\n" % n for n in itertools.count())):
            if answer.done() or writer.is_closing():
                break
            try:
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                break
            await asyncio.wait([answer], timeout=0.05)
        assert (await answer).status == 408
        await hub.good()


async def test_the_second_request_of_a_connection_has_the_same_deadline(serve_one: Serve) -> None:
    async with serve_one(http=QUICK) as hub:
        reader, writer = await hub.connect()
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert (await read_answer(reader)).status == 202
        writer.write(b"POST /web")
        assert (await read_answer(reader)).status == 408
        writer.close()


async def test_a_body_that_drips_is_cut_off(serve_one: Serve) -> None:
    async with serve_one(http=QUICK) as hub:
        reader, writer = await hub.connect()
        writer.write(HEAD + b"Content-Length: 100\r\n\r\n")
        answer = asyncio.create_task(read_answer(reader))
        while not answer.done():
            writer.write(b" ")
            await asyncio.wait([answer], timeout=0.05)
        assert ((await answer).status, (await answer).problem()["code"]) == (408, "too-slow")
        writer.close()
        await hub.good()
        assert await hub.rows() == 1


async def test_an_idle_connection_is_kept_longer_than_a_request_may_take(serve_one: Serve) -> None:
    async with serve_one(http={"request_timeout": "500ms"}) as hub:
        reader, writer = await hub.connect()
        for _ in range(2):
            writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
            assert (await read_answer(reader)).status == 202
            await asyncio.wait([asyncio.create_task(reader.read(1))], timeout=1.0)
            break
        assert not reader.at_eof()
        writer.close()


async def test_endless_chunks_are_cut_at_the_limit(serve_one: Serve) -> None:
    async with serve_one() as hub:
        reader, writer = await hub.connect()
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = asyncio.create_task(read_answer(reader))
        sent = 0
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        while not answer.done():
            try:
                writer.write(chunk)
                await writer.drain()
            except ConnectionError:
                break
            sent += 65536
            assert sent < 64 * 2**20, "the server reads on"
            await asyncio.sleep(0)
        assert ((await answer).status, (await answer).problem()["code"]) == (413, "body-too-large")
        writer.close()
        await hub.good()
        assert await hub.rows() == 1


async def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(serve_one: Serve) -> None:
    async with serve_one() as hub:
        answer = await hub.raw(HEAD + b"Content-Length: 10000000000\r\n\r\n")
        assert (answer.status, answer.problem()["code"]) == (413, "body-too-large")
        await hub.good()


async def test_what_is_left_of_a_refused_body_is_answered_by_nothing_more(serve_one: Serve) -> None:
    """Its bytes are the beginning of no request that could be late."""
    server = ServerSettings(request_timeout=0.2, lingering=1.0)
    async with serve_one(server=server) as hub:
        reader, writer = await hub.connect()
        writer.write(b"POST /webhooks/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n{")
        assert (await read_answer(reader)).problem()["code"] == "unknown-route"
        writer.write(b'"')
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
        await hub.good()


async def test_an_expectation_that_nobody_knows_is_a_problem(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        for path in ("/webhooks/orders", "/nowhere"):
            for expected in (b"tea", b"\xff"):
                head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: %s\r\nContent-Length: 2\r\n\r\n{}"
                answer = await hub.raw(head % (path.encode(), expected))
                assert (answer.status, answer.problem()["code"]) == (417, "expectation-failed")


async def test_connections_beyond_the_limit_are_told_so(serve_one: Serve) -> None:
    async with serve_one(http={"max_connections": 5}) as hub:
        open_ones = [await hub.connect() for _ in range(5)]
        reader, writer = await hub.connect()
        answer = await read_answer(reader)
        assert (answer.status, answer.problem()["code"], answer.headers["Retry-After"]) == (
            503,
            "too-many-connections",
            "1",
        )
        writer.close()
        for _, one in open_ones:
            one.close()
            await one.wait_closed()
        async with asyncio.timeout(20):
            while hub.server.connections:
                await asyncio.wait([asyncio.create_task(hub.engine.store.reachable())])
        await hub.good()


async def test_what_is_not_there_and_what_is_not_allowed_are_problems(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        for path in ("/nowhere", "/api", "/api/", "/api/queue/", "/favicon.ico", "/%2e%2e/etc/passwd"):
            answer = await hub.get(path)
            assert (answer.status, answer.problem()["code"]) == (404, "not-found"), path
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await hub.call(method, "/api/queue")
            assert (answer.status, answer.problem()["code"]) == (405, "method-not-allowed")
            assert set(answer.headers["Allow"].split(",")) == {"GET", "POST", "HEAD"}
        assert (await hub.call("HEAD", "/health")).status == 200


async def test_who_does_not_read_the_answers_loses_the_connection(serve_one: Serve) -> None:
    async with serve_one(http=QUICK, work=False) as hub:
        await hub.post("/api/queue", [{"handler": "h", "payload": "x" * 4000} for _ in range(200)])
        await hub.session.close()
        _, writer = await hub.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport, which can
        writer.write(b"GET /api/queue?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        async with asyncio.timeout(20):
            while hub.server.connections:
                await hub.engine.store.reachable()


# --- start and stop -----------------------------------------------------------------------------------------------


async def test_stop_answers_what_is_in_flight_and_takes_nothing_new(serve: Serve) -> None:
    async with serve(work=False) as hub:
        reader, writer = await hub.connect()
        idle, _ = await hub.connect()
        writer.write(HEAD + b"Content-Length: 12\r\n\r\n")
        writer.write(b'{"half": ')
        await writer.drain()
        async with asyncio.timeout(20):
            while not hub.server.in_flight:
                await hub.engine.store.reachable()
        stopping = asyncio.create_task(hub.server.stop())
        assert await idle.read() == b""  # an idle connection is closed at once
        with pytest.raises(OSError, match=r"."):
            await hub.connect()
        assert not stopping.done()
        writer.write(b"1 }")
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["Connection"]) == (202, "close")
        await stopping
        assert await hub.rows() == 1
        await hub.server.stop()


async def test_a_request_that_outlives_the_drain_is_cut_off(serve_one: Serve) -> None:
    async with serve_one(work=False, server=ServerSettings(drain_timeout=0.2)) as hub:
        reader, writer = await hub.connect()
        writer.write(HEAD + b"Content-Length: 12\r\n\r\n{")
        async with asyncio.timeout(20):
            while not hub.server.in_flight:
                await hub.engine.store.reachable()
            await hub.server.stop()
        await reader.read()
        writer.close()
        assert await hub.rows() == 0


async def test_it_starts_twice_and_stops_twice_and_starts_again(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        address = hub.server.address
        await hub.server.start()
        assert hub.server.address == address
        assert (await hub.get("/health")).status == 200


def test_it_runs_on_uvloop(sqlite_url: str) -> None:
    async def use() -> None:
        async with serving(sqlite_url, http={**QUICK, "max_connections": 5}) as hub:
            await hub.good()
            assert (await hub.raw(b"nonsense\r\n\r\n")).status == 400
            assert (await hub.raw(HEAD)).status == 408
            connections = [await hub.connect() for _ in range(6)]
            assert (await read_answer(connections[-1][0])).status == 503

    uvloop.run(use())
