"""A server that speaks STOMP wrongly: the connection ends with a reason, nothing hangs, nothing is lost or invented."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hub.adapters.activemq.frames import LIMIT, NotStomp, Splitter
from hub.errors import HubError, Permanent, Transient
from tests.integration.adapters.activemq_adapters import adapter, outgoing
from tests.integration.adapters.alone import one_delivery
from tests.servers.stomp_peer import Frame, read_frame

Script = Callable[[Frame], bytes]
WELCOME = b"CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0\n"


def message(body: bytes, *lines: bytes) -> bytes:
    fixed = (b"destination:/queue/a", b"message-id:1", b"subscription:1", b"ack:1")
    return b"MESSAGE\n" + b"".join(line + b"\n" for line in (*fixed, *lines)) + b"\n" + body


class Rogue:
    """Answers CONNECT and every receipt; `after_subscribe` is written once somebody reads."""

    def __init__(self, after_subscribe: bytes, welcome: bytes, on_send: bytes | None) -> None:
        self._after, self._welcome, self._on_send = after_subscribe, welcome, on_send

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await read_frame(reader)
                if frame.command == "CONNECT":
                    writer.write(self._welcome)
                elif frame.command == "SEND" and self._on_send is not None:
                    writer.write(self._on_send.replace(b"RECEIPT-ID", frame.headers["receipt"].encode()))
                elif "receipt" in frame.headers:
                    writer.write(Frame("RECEIPT", {"receipt-id": frame.headers["receipt"]}).encode())
                if frame.command == "SUBSCRIBE":
                    writer.write(self._after)
        except EOFError:
            writer.close()


@asynccontextmanager
async def rogue(after: bytes = b"", *, welcome: bytes = WELCOME, on_send: bytes | None = None) -> AsyncIterator[str]:
    server = await asyncio.start_server(Rogue(after, welcome, on_send).serve, "127.0.0.1", 0)
    yield f"stomp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def fault_of_reading(after: bytes) -> HubError:
    async with rogue(after) as url:
        mes = adapter(url, connect_timeout=5)
        await mes.connect()
        try:
            await mes.subscribe(["/queue/a"])
            while True:
                await one_delivery(mes)
        except HubError as error:
            return error
        finally:
            await mes.close()


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (message(b"12345\0\n", b"content-length:3"), "does not end where its content-length"),
        (message(b"12345\0MESSAGE\n\n\0", b"content-length:7"), "does not end where its content-length"),
        (message(b"x\0", b"content-length:-1"), "content-length '-1'"),
        (message(b"x\0", b"content-length:ten"), "content-length 'ten'"),
        (message(b"x\0", b"content-length:" + b"9" * 30), "content-length"),
        (message(b"x\0", b"content-length:%d" % (LIMIT + 1)), "content-length"),
        (b"MESSAGE\ndestination:/queue/a\0more\n", "headers do not end"),
        (b"MESSAGE\n" + b"h:" + b"x" * 1_200_000, "headers do not end"),
        (b"SURPRISE\n\n\0", "where a STOMP frame begins"),
        (b"\x80\x81\x82\x83", "where a STOMP frame begins"),
        (b"RECEIPT\n\n\0", "broker closed|connection"),
        (b"ERROR\nmessage:out\\cof room\n\ndetails follow\0", "out:of room"),
    ],
)
async def test_what_is_no_stomp_ends_the_connection_with_its_reason(after: bytes, reason: str) -> None:
    error = await fault_of_reading(after)
    assert isinstance(error, Transient)
    with pytest.raises(Transient, match=reason):
        raise error


async def test_frames_in_pieces_after_heartbeats_with_either_line_end_are_whole() -> None:
    """Two heart-beats before a frame are no end of its headers, and a body may hold what looks like a frame."""
    inner = b"\0MESSAGE\n\n\0"
    after = (
        b"\n\n\r\n"
        + message(b"one\0\n\n", b"note:a\\nb\\cc\\\\d", b"note:second is ignored")
        + message(inner + b"\0\n", b"content-length:%d" % len(inner))
        + message(b"three\0").replace(b"\n", b"\r\n")
        + message(b"\xff\xfe\0", b"bad:\xff")
    )
    async with rogue(after) as url:
        mes = adapter(url)
        await mes.connect()
        await mes.subscribe(["/queue/a"])
        found = []
        while len(found) < 4:
            found += (await one_delivery(mes)).messages
        await mes.close()
    assert [one.body for one in found] == [b"one", inner, b"three", b"\xff\xfe"]
    assert found[0].headers["note"] == "a\nb:c\\d"
    assert found[3].headers["bad"] == "\ufffd"


@pytest.mark.parametrize(
    ("welcome", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak STOMP"),
        (b"\x00\x00\x01\x40\x01ActiveMQ", "does not speak STOMP"),
        (b"ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'hub'\n\0", "check username and password"),
        (b"ERROR\nmessage:not today\n\n\0", "not today"),
    ],
)
async def test_a_welcome_that_is_none_says_what_came_instead(welcome: bytes, reason: str) -> None:
    async with rogue(welcome=welcome) as url:
        mes = adapter(url, connect_timeout=5)
        with pytest.raises((Permanent, Transient), match=reason):
            await mes.connect()
        await mes.close()


async def test_the_log_in_names_a_virtual_host_that_every_broker_has_unless_told_otherwise() -> None:
    hosts: list[str] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frame = await read_frame(reader)
        hosts.append(frame.headers["host"])
        writer.write(WELCOME)
        await reader.read()  # until it hangs up
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    for vhost in (None, "plant"):
        mes = adapter(f"stomp://127.0.0.1:{server.sockets[0].getsockname()[1]}", vhost=vhost)
        await mes.connect()
        await mes.close()
    assert hosts == ["/", "plant"]
    server.close()
    await server.wait_closed()


async def test_a_door_shut_without_a_word_is_most_likely_the_password() -> None:
    async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.close()

    server = await asyncio.start_server(shut, "127.0.0.1", 0)
    mes = adapter(f"stomp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(Transient, match="most likely a wrong user name or password"):
        await mes.connect()
    await mes.close()
    server.close()
    await server.wait_closed()


async def test_an_error_for_one_message_fails_that_one_and_one_for_all_fails_all() -> None:
    async with rogue(on_send=b"ERROR\nmessage:full\nreceipt-id:RECEIPT-ID\n\n\0") as url:
        mes = adapter(url)
        await mes.connect()
        with pytest.raises(Transient, match="the broker says: full"):
            await mes.send(outgoing("/queue/a"))
        await mes.check()
        await mes.close()
    async with rogue(on_send=b"ERROR\nmessage:going down\n\n\0") as url:
        mes = adapter(url)
        await mes.connect()
        failures = await asyncio.gather(*(mes.send(outgoing("/queue/a")) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(failure, Transient) and "going down" in str(failure) for failure in failures)
        await mes.close()


async def test_a_receipt_that_never_comes_ends_the_send_in_its_time() -> None:
    async with rogue(on_send=b"\n") as url:
        mes = adapter(url, receipt_timeout=0.2)
        await mes.connect()
        with pytest.raises(Transient, match=r"no receipt within 0\.2 s"):
            await mes.send(outgoing("/queue/a"))
        await mes.close()


async def test_a_broker_that_ignores_the_prefetch_is_not_read_from_without_bound() -> None:
    """A flood of a hundred thousand: what is held stays near the prefetch, and all of it can be read."""
    count = 100_000
    flood = message(b"x" * 100 + b"\0") * count
    async with rogue(flood) as url:
        mes = adapter(url, prefetch=10)
        await mes.connect()
        await mes.subscribe(["/queue/a"])
        held = -1
        while held < mes._inbox.waiting:  # until no more comes
            held = mes._inbox.waiting
            await asyncio.sleep(0.3)
        assert 10 < held < 2_500  # one piece of what was read from the socket beyond the bound
        read = 0
        async with asyncio.timeout(60):
            while read < count:
                read += len((await mes.read()).messages)
        await mes.close()


def test_frames_are_found_however_they_are_cut() -> None:
    frames = [
        message(b"a\0\0b\0", b"content-length:4"),
        message(b"plain\0"),
        b"RECEIPT\nreceipt-id:7\n\n\0",
        message(b"\0", b"content-length:0"),
    ]
    stream = b"\n" + b"\n\n".join(frames) + b"\r\n"
    for size in (1, 2, 3, 7, 50, len(stream)):
        splitter = Splitter()
        found = b"".join(splitter.feed(stream[at : at + size]) for at in range(0, len(stream), size))
        assert found == b"".join(frames)


def test_a_frame_without_a_length_may_not_grow_for_ever() -> None:
    splitter = Splitter()
    splitter.feed(message(b""))
    piece = b"x" * (8 * 1024 * 1024)
    for _ in range(LIMIT // len(piece) - 1):
        assert splitter.feed(piece) == b""
    splitter.feed(piece)
    with pytest.raises(NotStomp, match="does not end"):
        splitter.feed(piece)
