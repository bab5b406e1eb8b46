"""What no client should send: a refusal, or the end of that one connection, and a hub that goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.integration.sockets.engineio_wire import PATIENCE, Gone, handshake, session, wire
from tests.integration.sockets.rig import eventually
from tests.integration.sockets.socketio_rig import Rig, outgoing, serving


@pytest.fixture
async def hub(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Rig]:
    with caplog.at_level(logging.WARNING):
        async with serving(sqlite_url) as rig:
            yield rig
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def goes_on(hub: Rig) -> None:
    """A good message is processed within five seconds, whatever came before."""
    async with asyncio.timeout(PATIENCE), wire(hub.url) as client:
        await client.emit(1, "note", {"after": True})
        answer = await client.answer(1)
        assert answer["ok"] is True
        assert (await hub.harness.wait(answer["job_id"]))["statusid"] == 3


BAD = {
    "no type": "",
    "not a type": "x",
    "a digit that is none": "²",
    "a type of servers": "0{}",
    "a ping": "2",
    "a noop": "6",
    "base64 where frames are": "bAAAA",
    "a long pong": "3" + "x" * 1000,
    "deep JSON in a pong": "3" + "[" * 60_000,
    "an empty message": "4",
    "no packet of Socket.IO": "49",
    "JSON where a packet is": '4{"a":1}',
    "a server's refusal": '44{"message":"x"}',
    "an event without a name": "42[]",
    "an event that is no list": '42{"a":1}',
    "half an event": '42["note",',
    "a number for a name": "42[7]",
    "an empty name": '42["",1]',
    "deep JSON": '42["note",' + "[" * 60_000,
    "a reserved name": '42["connect",{"token":"x"}]',
    "another reserved name": '42["disconnect"]',
    "a huge id": '42999999999999999999999["note",1]',
    "10⁹ attachments": '451000000000-["note",1]',
    "more digits than a number has": '4599999999999999999999-["note",1]',
    "no attachments": '450-["note",1]',
    "attachments that are not announced": '45["note",1]',
    "attachments of a plain event": '421-["note",1]',
    "an acknowledgement of nothing": "43[]",
    "an acknowledgement of number 0": "430[1]",
    "an acknowledgement that is no list": "431{}",
    "an event elsewhere": '42/orders,["note",1]',
    "an event nowhere": '42/nowhere,["note",1]',
    "an acknowledgement elsewhere": "43/orders,1[1]",
    "authentication that is a list": "40/orders,[1]",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_a_bad_frame_ends_its_connection(hub: Rig, text: str) -> None:
    async with wire(hub.url) as client:
        if text == "2":
            # Taken for a late probe: answered by nothing.
            await client.text(text)
            await client.emit(1, "note", 1)
            assert (await client.answer(1))["ok"]
            return
        await client.text(text)
        assert await client.gone() is not None
    assert await hub.payloads() == []
    await eventually(lambda: not hub.adapter.connections)
    await goes_on(hub)


ATTACHMENTS: dict[str, list[str | bytes]] = {
    "one that nobody announced": [b"x"],
    "an empty one that nobody announced": [b""],
    "a text in between": ['451-["note",{"_placeholder":true,"num":0}]', '42["note",1]'],
    "a place that there is not": ['451-["note",{"_placeholder":true,"num":1}]', b"x"],
    "a place before the first": ['451-["note",{"_placeholder":true,"num":-1}]', b"x"],
    "a place with a name": ['451-["note",{"_placeholder":true,"num":"0"}]', b"x"],
    "no place": ['451-["note",1]', b"x"],
    "one in many places": ['451-["note"' + ',{"_placeholder":true,"num":0}' * 1000 + "]", b"x" * 30_000],
    "more than a message may have": [
        '452-["note",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"x" * 40_000, b"x" * 40_000,
    ],
    "for nowhere": ['451-/nowhere,["note",{"_placeholder":true,"num":0}]', b"x"],
}  # fmt: skip


@pytest.mark.parametrize("frames", ATTACHMENTS.values(), ids=ATTACHMENTS)
async def test_bad_attachments_end_their_connection(hub: Rig, frames: list[str | bytes]) -> None:
    async with wire(hub.url) as client:
        for frame in frames:
            await (client.socket.send_str(frame) if isinstance(frame, str) else client.socket.send_bytes(frame))
        await client.gone()
    assert await hub.payloads() == []
    await goes_on(hub)


async def test_a_frame_over_the_limit_ends_its_connection(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.text('42["note","' + "x" * 70_000 + '"]')
        assert await client.gone() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await eventually(lambda: not hub.adapter.connections)
    await goes_on(hub)


@pytest.mark.parametrize("value", ['{"cut":"\\ud83d"}', '"\\u0000"', "1e999", "[" * 40 + "]" * 40])
async def test_what_no_database_takes_is_refused_and_not_the_connection(hub: Rig, value: str) -> None:
    async with wire(hub.url) as client:
        for number, event in enumerate(("note", "join"), 1):
            await client.text(f'42{number}["{event}",{value}]')
            answer = await client.answer(number)
            assert answer["ok"] is False
            assert answer["code"] in ("payload-refused", "payload-malformed", "rejected", "forbidden")
        await client.emit(3, "note", "good")
        assert (await client.answer(3))["ok"]
    assert await hub.payloads() == ["good"]


async def test_an_unknown_namespace_is_refused_and_a_second_connect_too(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.text("40/nowhere,", "40")
        assert await client.frame() == '44/nowhere,{"message":"Invalid namespace"}'
        assert (await client.frame()).startswith("44")
        await client.emit(1, "note", 1)
        assert (await client.answer(1))["ok"]


async def test_a_flood_is_read_at_its_rate_and_nothing_of_it_is_lost(sqlite_url: str) -> None:
    async with serving(sqlite_url, socketio={"rate": 20}) as hub, wire(hub.url) as flooding, wire(hub.url) as client:
        began = asyncio.get_running_loop().time()
        for _ in range(60):
            await flooding.text("3")
            await flooding.socket.ping()
        await flooding.emit(1, "note", "behind the flood")
        behind = asyncio.create_task(flooding.answer(1))
        await client.emit(1, "note", "beside the flood")
        assert (await client.answer(1))["ok"]
        assert not behind.done(), "one client's flood is another one's wait"
        assert (await behind)["ok"]
        assert asyncio.get_running_loop().time() - began > 3.0, "121 frames at 20 a second"


async def test_who_never_connects_and_who_never_answers_is_dropped(sqlite_url: str) -> None:
    quick = {"handshake_timeout": "300ms", "ping_interval": "200ms", "ping_timeout": "300ms"}
    async with serving(sqlite_url, socketio=quick) as hub:
        async with wire(hub.url, connect=None) as client:
            await client.gone()
        async with wire(hub.url) as client:
            await client.gone()
        async with session() as made:
            await handshake(made, hub.url)
            assert hub.adapter.connections == 1
            await eventually(lambda: not hub.adapter.connections)
        await goes_on(hub)


async def test_a_pong_behind_many_emits_is_soon_enough(sqlite_url: str) -> None:
    quick = {"rate": 50, "ping_interval": "200ms", "ping_timeout": "600ms"}
    async with serving(sqlite_url, socketio=quick) as hub, wire(hub.url) as client:
        # Read for a second and a half, and the pong only then.
        await client.text(*(f'42{number}["note",{number}]' for number in range(125)), "3")
        for number in range(125):
            assert (await client.answer(number))["ok"]


async def test_connections_are_counted_and_bounded(sqlite_url: str) -> None:
    async with serving(sqlite_url, socketio={"max_connections": 2}) as hub, wire(hub.url), wire(hub.url) as second:
        assert hub.adapter.connections == 2
        with pytest.raises(aiohttp.WSServerHandshakeError) as third:
            async with wire(hub.url):
                pass
        assert third.value.status == 503
        await second.text("41", "1")
        await second.gone()
        await eventually(lambda: hub.adapter.connections == 1)
        async with wire(hub.url) as client:
            await client.emit(1, "note", 1)
            assert (await client.answer(1))["ok"]


async def test_who_reads_too_slowly_is_dropped(sqlite_url: str) -> None:
    async with (
        serving(sqlite_url, socketio={"send_buffer": "256KiB"}) as hub,
        wire(hub.url) as slow,
        wire(hub.url) as quick,
    ):
        # Nobody reads from `slow`: what its sockets do not hold waits here, up to the limit.
        heard = 0
        for number in range(2000):
            await hub.adapter.send(outgoing("all", [number, "x" * 60_000]))
            assert (await quick.event())[1][0] == number
            heard += 1
            if hub.adapter.connections == 1:
                break
        assert hub.adapter.connections == 1, f"{heard} messages of 60 kB wait for a client"
        await slow.gone()
        await goes_on(hub)


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def test_requests_by_the_letter(hub: Rig) -> None:
    async with session() as made:
        address = await handshake(made, hub.url)
        base = f"{hub.url}/socket.io/"
        for method, url, expected in [
            ("GET", base, 400),
            ("GET", f"{base}?EIO=3&transport=polling", 400),
            ("GET", f"{base}?EIO=4&transport=flash", 400),
            ("GET", f"{base}?EIO=4&transport=websocket", 400),
            ("GET", f"{base}?EIO=4&transport=polling&j=1", 400),
            ("GET", f"{base}?EIO=4&transport=polling&sid=nobody", 400),
            ("POST", f"{base}?EIO=4&transport=polling", 400),
            ("POST", f"{base}?EIO=4&transport=polling&sid=nobody", 400),
            ("PUT", address, 405),
            ("DELETE", address, 405),
        ]:
            async with made.request(method, url, data=b"") as answer:
                assert answer.status == expected, (method, url)
                assert answer.content_type == "application/problem+json"
        async with made.post(address, data="40") as answer:
            assert answer.status == 200
        async with made.get(address) as answer:
            assert (await answer.text()).startswith('40{"sid":')
            assert answer.headers["Cache-Control"] == "no-store"
    await goes_on(hub)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"x", 400),
        (b"40\x1e\x1e", 400),
        (b"40\x1ebno base64", 400),
        (b'40\x1e451-["note",{"_placeholder":true,"num":0}]\x1ebAAA', 400),
        (b"4" + b"0" * 70_000, 400),
        (b"4" * 200_000, 413),
    ],
)
async def test_a_bad_body_ends_its_session(hub: Rig, body: bytes, status: int) -> None:
    async with session() as made:
        address = await handshake(made, hub.url)
        async with made.post(address, data=body) as answer:
            assert answer.status == status
        async with made.get(address) as answer:
            assert answer.status == 400
    await eventually(lambda: not hub.adapter.connections)
    await goes_on(hub)


async def test_a_body_in_pieces_is_whole_and_many_packets_of_one_body_all_count(hub: Rig) -> None:
    packets = ["40", *(f'42{n}["note",{{"n":{n},"text":"{"x" * 500}"}}]' for n in range(1, 101))]
    body = "\x1e".join(packets).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7000):
            yield body[at : at + 7000]
            await asyncio.sleep(0)

    async with session() as made:
        address = await handshake(made, hub.url)
        async with made.post(address, data=pieces()) as answer:
            assert answer.status == 200
    assert [note["n"] for note in await hub.payloads()] == list(range(1, 101))


async def test_an_upgrade_that_comes_to_nothing_leaves_the_polls_working(hub: Rig) -> None:
    async with session() as made:
        address = await handshake(made, hub.url)
        async with made.post(address, data="40") as answer:
            assert answer.status == 200
        upgrade = address.replace("transport=polling", "transport=websocket")
        for said in ("2wrong", "x"):
            async with made.ws_connect(upgrade) as socket:
                await socket.send_str(said)
                await socket.receive(timeout=PATIENCE)
        async with made.get(address) as answer:
            assert (await answer.text()).startswith("40{")
        async with made.post(address, data='421["note",1]') as answer:
            assert answer.status == 200
        async with made.get(address) as answer:
            assert (await answer.text()).startswith('431[{"ok":true')


async def test_a_client_that_vanishes_midway_is_forgotten(hub: Rig) -> None:
    async with wire(hub.url) as client:
        await client.text('451-["note",{"_placeholder":true,"num":0}]')
        transport = client.socket._response.connection
        assert transport is not None
        assert transport.transport is not None
        transport.transport.abort()
        with pytest.raises(Gone):
            await client.frame()
    await eventually(lambda: not hub.adapter.connections)
    await goes_on(hub)
