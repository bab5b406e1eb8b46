"""What no client should send: a refusal that says why, and a hub that goes on."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.integration.sockets.rig import Rig, eventually, outgoing, serving
from tests.integration.sockets.wire import HANDSHAKE, PATIENCE, RS, Wire, negotiate, packed, session, wire

QUICK = {"handshake_timeout": "300ms", "client_timeout": "600ms", "keepalive": "150ms", "reconnect_window": "300ms"}


@pytest.fixture
async def hub(sqlite_url: str) -> AsyncIterator[Rig]:
    async with serving(sqlite_url) as rig:
        yield rig


async def goes_on(hub: Rig) -> None:
    """A good message is processed within five seconds, whatever came before."""
    async with asyncio.timeout(PATIENCE), wire(hub.url) as client:
        await client.call("1", "note", {"after": True})
        answer = await client.heard()
        assert answer["result"]["job_id"]
        assert (await hub.harness.wait(answer["result"]["job_id"]))["statusid"] == 3


async def ended_with(client: Wire, *said: str) -> str:
    """The error of the Close message, behind which the connection ends."""
    for text in said:
        await client.text(text)
    message = await client.heard()
    assert message["type"] == 7
    assert not message.get("allowReconnect")
    await client.gone()
    error: str = message["error"]
    return error


# --- frames -----------------------------------------------------------------------------------------------------------


async def test_frames_may_split_and_join_messages_anywhere(hub: Rig) -> None:
    messages = [{"type": 1, "target": "note", "arguments": [n], "invocationId": str(n)} for n in range(3)]
    text = HANDSHAKE + "".join(json.dumps(message) + RS for message in messages)
    async with wire(hub.url, shake=False) as client:
        for character in text:
            await client.text(character)
        assert await client.heard() == {}
        assert [(await client.heard())["invocationId"] for _ in range(3)] == ["0", "1", "2"]
    async with wire(hub.url, shake=False) as client:
        await client.text(text)
        assert await client.heard() == {}
        assert [(await client.heard())["invocationId"] for _ in range(3)] == ["0", "1", "2"]
    assert await hub.payloads() == [0, 1, 2] * 2


async def test_messagepack_may_be_split_too(hub: Rig) -> None:
    async with wire(hub.url, shake=False) as client:
        await client.text('{"protocol":"messagepack","version":2}' + RS)
        assert (await client.socket.receive_bytes()) == b"{}\x1e"
        data = packed([1, {}, "a", "note", [{"n": 1, "bytes": b"\xff"}], []]) + packed([6])
        for byte in data:
            await client.socket.send_bytes(bytes([byte]))
        answer = await client.socket.receive_bytes(timeout=PATIENCE)
        assert b"job_id" in answer
    assert await hub.payloads() == [{"n": 1, "bytes": "/w=="}]


async def test_a_message_that_never_ends_is_too_large_in_time(hub: Rig) -> None:
    async with wire(hub.url) as client:
        error = await ended_with(client, *["x" * 8192] * 5)
        assert "maximum message size of 32768B" in error
    await goes_on(hub)


async def test_a_frame_far_too_large_is_not_read(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.text("x" * 1_000_000)
        assert await client.gone() == 1009
    await goes_on(hub)


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        '{"type":"1"}',
        '{"type":1}',
        '{"type":1,"target":5,"arguments":[]}',
        '{"type":1,"target":"note"}',
        '{"type":1,"target":"note","arguments":{}}',
        '{"type":1,"target":"note","arguments":[],"invocationId":""}',
        '{"type":1,"target":"note","arguments":[],"invocationId":7}',
        '{"type":4,"target":"note","arguments":[]}',
        '{"type":2,"invocationId":"1"}',
        '{"type":3,"invocationId":"1","result":1,"error":"x"}',
        '{"type":5}',
        '{"type":8}',
        '{"type":1,"target":"note","arguments":[' + "[" * 15_000 + "]" * 15_000 + "]}",
        '{"type":1,"target":"\\ud800","arguments":[]}',
        '{"type":1,"target":"note","arguments":["\\ud800",NaN]}',
        '{"type":2,"invocationId":"1","item":"\\ud800"}',
    ],
)
async def test_a_message_that_is_none_ends_the_connection_with_a_reason(hub: Rig, text: str) -> None:
    async with wire(hub.url) as client:
        assert await ended_with(client, text + RS)
    await goes_on(hub)


async def test_unknown_types_members_and_ids_are_ignored(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.say(
            {"type": 99, "target": 5},
            {"type": 2, "invocationId": "nobody", "item": 1},
            {"type": 3, "invocationId": "nobody", "result": 1},
            {"type": 5, "invocationId": "nobody"},
            {"type": 8, "sequenceId": 10**30},
            {"type": 1, "target": "note", "arguments": [1], "invocationId": "1", "colour": "red"},
        )
        assert (await client.heard())["invocationId"] == "1"


async def test_huge_ids_are_answered_as_they_are(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.call("i" * 30_000, "note", 1)
        assert (await client.heard())["invocationId"] == "i" * 30_000
        await client.call("2", "t" * 30_000, 1)
        assert (await client.heard())["error"].startswith("Unknown hub method")


@pytest.mark.parametrize("argument", ['"\\u0000"', '{"cut":"\\ud83d"}', "1e999", "[" * 40 + "]" * 40])
async def test_what_no_database_takes_is_refused_and_not_the_connection(hub: Rig, argument: str) -> None:
    async with wire(hub.url) as client:
        await client.text(f'{{"type":1,"target":"note","arguments":[{argument}],"invocationId":"1"}}{RS}')
        answer = await client.heard()
        assert answer["invocationId"] == "1"
        assert "was not taken" in answer["error"]
        await client.call("2", "note", "good")
        assert (await client.heard())["result"]["job_id"]
    assert await hub.payloads() == ["good"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x07" + b"\x00" * 10,
        packed({"type": 1}),
        packed([]),
        packed(["1"]),
        packed([1, {}, "1", "note"]),
        packed([1, {}, 5, "note", [], []]),
        packed([1, {}, "1", "note", "x", []]),
        packed([1, {}, "1", "note", [], [1]]),
        packed([3, {}, "1", 9]),
        packed([8, -1.5]),
        b"\x03\xc1\xc1\xc1",
        b"\x02\x93\x01",
    ],
)
async def test_messagepack_that_is_none_ends_the_connection(hub: Rig, data: bytes) -> None:
    async with wire(hub.url, shake=False) as client:
        await client.text('{"protocol":"messagepack","version":1}' + RS)
        assert (await client.socket.receive_bytes()) == b"{}\x1e"
        await client.socket.send_bytes(data)
        frame = await client.socket.receive(timeout=PATIENCE)
        assert frame.type is aiohttp.WSMsgType.BINARY
        assert frame.data[1:3] == b"\x93\x07"
    await goes_on(hub)


async def test_a_burst_of_invocations_is_taken_in_order(hub: Rig) -> None:
    async with wire(hub.url) as client:
        for start in range(0, 300, 150):
            await client.say(
                *({"type": 1, "target": "note", "arguments": [n]} for n in range(start, start + 150)),
            )
        await client.call("end", "note", "end")
        assert (await client.heard(patience=30))["invocationId"] == "end"
        assert hub.adapter.received == 301


# --- the handshake ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"protocol":"xml","version":1}' + RS, "protocol 'xml'"),
        ('{"protocol":"json","version":3}' + RS, "version 3"),
        ('{"protocol":"json"}' + RS, "handshake"),
        ('{"type":6}' + RS, "handshake"),
        ("GET / HTTP/1.1" + RS, "handshake"),
        ("x" * 5000, "4096"),
    ],
)
async def test_a_handshake_that_is_none_is_answered_with_an_error(hub: Rig, text: str, why: str) -> None:
    async with wire(hub.url, shake=False) as client:
        await client.text(text)
        assert why in (await client.heard())["error"]
        await client.gone()
    await goes_on(hub)


async def test_without_a_handshake_it_ends(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr=QUICK) as hub:
        async with wire(hub.url, shake=False) as client:
            assert "in time" in (await client.heard())["error"]
            await client.gone()
        async with session() as made:
            token = (await negotiate(made, hub.url))["connectionToken"]
            assert hub.adapter.connections == 1
            await eventually(lambda: not hub.adapter.connections)
            async with made.get(hub.url, params={"id": token}) as answer:
                assert answer.status == 404


async def test_a_silent_client_is_pinged_and_then_dropped(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr=QUICK) as hub, wire(hub.url) as client:
        frame = await client.socket.receive_str(timeout=PATIENCE)
        assert json.loads(frame[:-1]) == {"type": 6}
        message = await client.heard()
        assert message["type"] == 7
        assert "silent" in message["error"]
        await client.gone()
        await eventually(lambda: not hub.adapter.connections)


async def test_a_client_that_pings_is_kept(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr={**QUICK, "client_timeout": "2s"}) as hub, wire(hub.url) as client:
        for _ in range(16):  # twice as long as a silent one is kept
            await client.say({"type": 6})
            await asyncio.sleep(0.25)
        await client.call("1", "note", 1)
        assert (await client.heard())["invocationId"] == "1"


# --- connections ------------------------------------------------------------------------------------------------------


async def test_an_id_names_one_connection_on_one_transport(hub: Rig) -> None:
    async with session() as made:
        told = await negotiate(made, hub.url)
        token = told["connectionToken"]
        assert told["connectionId"] != token
        assert "useStatefulReconnect" not in told
        query = {"id": token}
        for method, params, expected in [
            ("GET", {}, 400),
            ("GET", {"id": "nobody"}, 404),
            ("GET", {"id": told["connectionId"]}, 404),
            ("POST", {}, 400),
            ("POST", {"id": "nobody"}, 404),
            ("POST", query, 404),
            ("DELETE", {"id": "nobody"}, 404),
            ("PUT", query, 405),
        ]:
            async with made.request(method, hub.url, params=params, data=b"") as answer:
                assert answer.status == expected, (method, params)
        async with made.ws_connect(hub.url, params=query) as socket:
            with pytest.raises(aiohttp.WSServerHandshakeError) as second:
                await made.ws_connect(hub.url, params=query)
            assert second.value.status == 409
            for method, headers, expected in [
                ("GET", {}, 400),
                ("GET", {"Accept": "text/event-stream"}, 400),
                ("POST", {}, 405),
                ("DELETE", {}, 400),
            ]:
                async with made.request(method, hub.url, params=query, headers=headers, data=b"") as answer:
                    assert answer.status == expected, (method, headers)
            client = Wire(socket)
            await client.text(HANDSHAKE)
            assert await client.heard() == {}
        await eventually(lambda: not hub.adapter.connections)
        async with made.get(hub.url, params=query) as answer:
            assert answer.status == 404
    await goes_on(hub)


async def test_negotiation_as_old_clients_know_it(hub: Rig) -> None:
    async with session() as made:
        told = await negotiate(made, hub.url, "")
        assert told["negotiateVersion"] == 0
        assert "connectionToken" not in told
        async with made.ws_connect(hub.url, params={"id": told["connectionId"]}) as socket:
            client = Wire(socket)
            await client.text(HANDSHAKE)
            assert await client.heard() == {}


async def test_polls_by_the_letter(hub: Rig) -> None:
    async with session() as made:
        query = {"id": (await negotiate(made, hub.url))["connectionToken"]}

        async def poll() -> tuple[int, bytes]:
            async with made.get(hub.url, params=query) as answer:
                return answer.status, await answer.read()

        assert await poll() == (200, b"")
        first = asyncio.create_task(poll())
        await _until_polled(hub)
        second = asyncio.create_task(poll())
        assert await first == (204, b"")
        async with made.post(hub.url, params=query, data=HANDSHAKE) as answer:
            assert answer.status == 200
        assert await second == (200, b"{}\x1e")
        third = asyncio.create_task(poll())
        await _until_polled(hub)
        async with made.delete(hub.url, params=query) as answer:
            assert answer.status == 202
        assert await third == (204, b"")
        assert (await poll())[0] == 404


async def _until_polled(hub: Rig) -> None:
    await eventually(
        lambda: any(getattr(one.carrier, "idle_since", 0) is None for one in hub.adapter._registry.every())
    )


async def test_a_poll_ends_empty_when_there_is_nothing_to_say(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr={"poll_timeout": "100ms"}) as hub, session() as made:
        query = {"id": (await negotiate(made, hub.url))["connectionToken"]}
        for _ in range(2):
            async with made.get(hub.url, params=query) as answer:
                assert (answer.status, await answer.read()) == (200, b"")


async def test_events_by_the_letter(hub: Rig) -> None:
    async with session() as made:
        query = {"id": (await negotiate(made, hub.url))["connectionToken"]}
        accept = {"Accept": "text/event-stream"}
        async with made.get(hub.url, params=query, headers=accept) as events:
            assert events.content_type == "text/event-stream"
            assert await events.content.readuntil(b"\r\n\r\n") == b":\r\n\r\n"
            async with made.get(hub.url, params=query, headers=accept) as second:
                assert second.status == 409
            async with made.post(hub.url, params=query, data=HANDSHAKE) as answer:
                assert answer.status == 200
            assert await events.content.readuntil(b"\r\n\r\n") == b"data: {}\x1e\r\n\r\n"
            # A payload with line breaks of its own stays one event.
            await hub.hub.enqueue("publish", '{\r\n"a":\n1}', metadata={"to": "live", "topic": "broken"})
            event = await events.content.readuntil(b"\r\n\r\n")
            assert event.count(b"data: ") == event.count(b"\r\n") - 1


async def test_messagepack_is_refused_where_there_is_text_only(hub: Rig) -> None:
    async with session() as made:
        query = {"id": (await negotiate(made, hub.url))["connectionToken"]}
        async with made.get(hub.url, params=query, headers={"Accept": "text/event-stream"}) as events:
            await events.content.readuntil(b"\r\n\r\n")
            await made.post(hub.url, params=query, data='{"protocol":"messagepack","version":1}' + RS)
            assert b"text only" in await events.content.readuntil(b"\r\n\r\n")


async def test_connections_are_bounded(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr={"max_connections": 2}) as hub, session() as made:
        async with wire(hub.url), wire(hub.url), made.post(f"{hub.url}/negotiate?negotiateVersion=1") as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
        await eventually(lambda: not hub.adapter.connections)
        await goes_on(hub)


async def test_who_reads_too_slowly_is_dropped(sqlite_url: str) -> None:
    async with serving(sqlite_url, signalr={"send_buffer": "64KiB"}) as hub:
        async with wire(hub.url, max_msg_size=0) as slow, wire(hub.url) as other:
            # The slow one reads nothing: what is sent fills the system's buffers, then the hub's own.
            for _ in range(200):
                await hub.adapter.send(outgoing("news", "x" * 60_000))
                if hub.adapter.connections == 1:
                    break
                assert (await other.heard())["target"] == "news"
            assert hub.adapter.connections == 1
            await slow.gone()
        await goes_on(hub)
