"""ActiveMQ's connections: who does not let us in and why, encryption on the wire, failover, a broker gone silent."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.errors import HubError, Permanent, Rejected, Transient
from tests.integration.adapters.activemq_adapters import adapter, connected, fresh, outgoing, peer
from tests.integration.adapters.alone import one_delivery, read
from tests.servers import ActiveMqService, free_port

pytestmark = pytest.mark.activemq


class Tap:
    """Stands before a port and remembers what passes."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.seen = b""
        self._target = port

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", self._target)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                self.seen += data
                target.write(data)
            target.close()

        await asyncio.gather(copy(reader, far), copy(near, writer), return_exceptions=True)


@asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Tap]:
    tap = Tap(port)
    server = await asyncio.start_server(tap.pass_on, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        await server.wait_closed()


async def refusal(url: str, **settings: object) -> HubError:
    """What `connect` raises."""
    mes = adapter(url, **settings)
    try:
        with pytest.raises(HubError) as caught:
            await mes.connect()
        return caught.value
    finally:
        await mes.close()


# --- log-in ----------------------------------------------------------------------------------------------------------


async def test_a_wrong_password_is_named(activemq: ActiveMqService) -> None:
    error = await refusal(activemq.url, password="wrong")
    assert isinstance(error, Permanent)
    assert "check username and password" in str(error)
    assert "wrong" not in str(error)


async def test_a_port_where_nobody_listens_and_a_host_that_is_none() -> None:
    error = await refusal(f"stomp://127.0.0.1:{free_port()},nowhere.invalid:61613")
    assert isinstance(error, Transient)
    assert "is the broker running" in str(error)
    assert "nowhere.invalid:61613: no such host" in str(error)


async def test_a_server_that_never_answers_does_not_hold_up_for_ever() -> None:
    release = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await refusal(f"stomp://127.0.0.1:{port}", connect_timeout=0.3)
    assert isinstance(error, Transient)
    assert "no answer to the log-in" in str(error)
    release.set()
    server.close()
    await server.wait_closed()


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_with_stomps_the_wire_is_encrypted_and_without_it_is_not(activemq: ActiveMqService) -> None:
    assert activemq.certificates is not None
    secret = b"only for the two of us"
    for secure in (True, False):
        queue = fresh()
        async with tapped(activemq.secure_port if secure else activemq.port) as tap:
            url = f"stomp{'s' if secure else ''}://127.0.0.1:{tap.port}"
            tls = {"tls": {"ca": str(activemq.certificates.ca)}} if secure else {}
            async with connected(activemq, queue, url=url, heartbeat=0.5, **tls) as mes:
                bodies = [secret + b"%d" % number for number in range(300)]
                await asyncio.gather(*(mes.send(outgoing(queue, body)) for body in bodies))
                assert sorted(message.body for message in await read(mes, 300)) == sorted(bodies)
            assert (secret in tap.seen) is not secure


async def test_a_large_message_goes_both_ways_through_tls(activemq: ActiveMqService) -> None:
    assert activemq.certificates is not None
    queue, body = fresh(), bytes(range(256)) * 16_384
    async with connected(activemq, queue, url=activemq.secure_url, tls={"ca": str(activemq.certificates.ca)}) as mes:
        await mes.send(outgoing(queue, body, content_type="application/octet-stream"))
        [message] = await read(mes, 1)
        assert message.body == body


async def test_the_end_of_a_tls_connection_is_noticed_at_once(own_activemq: ActiveMqService) -> None:
    assert own_activemq.certificates is not None
    tls = {"ca": str(own_activemq.certificates.ca)}
    async with connected(own_activemq, fresh(), url=own_activemq.secure_url, heartbeat=60, tls=tls) as mes:
        reading = asyncio.create_task(mes.read())
        own_activemq.kill9()
        async with asyncio.timeout(30):
            with pytest.raises(Transient):
                await reading


async def test_an_unknown_authority_is_named_and_accepted_only_on_demand(activemq: ActiveMqService) -> None:
    error = await refusal(activemq.secure_url)
    assert isinstance(error, Permanent)
    assert "set tls.ca" in str(error)
    async with connected(activemq, url=activemq.secure_url, tls={"insecure": True}) as mes:
        await mes.send(outgoing(fresh()))


async def test_tls_and_plain_ports_mixed_up_are_named(activemq: ActiveMqService) -> None:
    plain_there = await refusal(f"stomps://127.0.0.1:{activemq.port}", connect_timeout=1)
    assert "is this the port for stomps://" in str(plain_there)
    tls_there = await refusal(f"stomp://127.0.0.1:{activemq.secure_port}", connect_timeout=1)
    assert "wants TLS (stomps://)" in str(tls_there)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "stomps://a", "tls": {"ca": "/nowhere/ca.pem"}}, "tls.ca"),
        ({"url": "stomps://a", "tls": {"certificate": "/nowhere/c.pem"}}, "tls.certificate"),
        ({"url": "stomp://a", "tls": {}}, "url"),
        ({"url": "stomp://a:x"}, "url"),
        ({"url": "stomp://a,:61613"}, "url"),
        ({"url": "stomp://a/vhost"}, "url"),
        ({"url": "tcp://a"}, "url"),
        ({"url": "stomp://a", "prefetch": 0}, "prefetch"),
        ({"url": "stomp://a", "prefetch": "many"}, "prefetch"),
        ({"url": "stomp://a", "password": "two\nlines"}, "password"),
        ({"url": "stomp://a", "receipt_timeout": 0}, "receipt_timeout"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_field(settings: dict[str, object], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        adapter(str(settings.pop("url")), **settings)
    assert caught.value.field == field


# --- failover, silence, restart --------------------------------------------------------------------------------------


async def test_the_second_address_is_taken_when_the_first_is_down(activemq: ActiveMqService) -> None:
    queue = fresh()
    url = f"stomp://127.0.0.1:{free_port()},127.0.0.1:{activemq.port}"
    async with connected(activemq, queue, url=url) as mes:
        await mes.send(outgoing(queue, b"by the second"))
        assert [message.body for message in await read(mes, 1)] == [b"by the second"]


async def test_a_broker_gone_silent_is_noticed_within_two_heartbeats(own_activemq: ActiveMqService) -> None:
    heartbeat, queue = 1.0, fresh()
    async with connected(own_activemq, queue, heartbeat=heartbeat, receipt_timeout=60) as mes:
        await mes.send(outgoing(queue))
        await one_delivery(mes)
        # It lives for longer than a heart-beat, in both directions, while nothing is said.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(heartbeat * 3):
                await mes.read()
        await mes.check()
        reading, sending = asyncio.create_task(mes.read()), None
        own_activemq.sigstop()
        try:
            began = time.monotonic()
            sending = asyncio.create_task(mes.send(outgoing(queue)))
            with pytest.raises(Transient, match="silent for"):
                await reading
            assert time.monotonic() - began < 20  # not by the missing receipt
            with pytest.raises(Transient, match="silent for"):
                await mes.check()
            with pytest.raises(Transient, match="silent for"):
                await sending
            async with asyncio.timeout(20):
                await mes.close()
        finally:
            own_activemq.sigcont()
        await mes.connect()
        await mes.subscribe([queue])
        await read(mes, 1)


async def test_a_broker_that_does_not_read_holds_up_no_other_work(own_activemq: ActiveMqService) -> None:
    """With megabytes on their way to a frozen broker the loop goes on."""
    queue = fresh()
    async with connected(own_activemq, heartbeat=0, receipt_timeout=1, connect_timeout=1) as mes:
        await mes.send(outgoing(queue))
        own_activemq.sigstop()
        try:
            sends = [asyncio.create_task(mes.send(outgoing(queue, b"x" * 1_000_000))) for _ in range(30)]
            turns = 0
            while not all(send.done() for send in sends):
                await asyncio.sleep(0.01)
                turns += 1
            assert turns >= 10  # a send that blocks the loop leaves it one turn before all of them are too late
            assert all(isinstance(send.exception(), Transient) for send in sends)
            await mes.close()
            connecting = asyncio.create_task(mes.connect())
            with pytest.raises(Transient, match="no answer to the log-in"):
                await connecting
        finally:
            own_activemq.sigcont()


async def test_sends_that_wait_for_one_connection_share_its_failure(own_activemq: ActiveMqService) -> None:
    async with connected(own_activemq, heartbeat=0, connect_timeout=1) as mes:
        own_activemq.sigstop()
        try:
            async with asyncio.timeout(15):  # one after another they would take twenty seconds
                sends = [mes.send(outgoing(fresh())) for _ in range(20)]
                failures = await asyncio.gather(*sends, return_exceptions=True)
            assert all(isinstance(failure, Transient) for failure in failures)
        finally:
            own_activemq.sigcont()
        await mes.send(outgoing(fresh()))


async def test_a_killed_broker_ends_reading_and_sending_and_is_found_again(own_activemq: ActiveMqService) -> None:
    queue = fresh()
    async with connected(own_activemq, queue) as mes:
        await mes.send(outgoing(queue, b"before"))
        reading = asyncio.create_task(read(mes, 10_000))
        own_activemq.kill9()
        with pytest.raises(Transient):
            await reading
        with pytest.raises(Transient):
            await mes.send(outgoing(queue, b"meanwhile"))
        with pytest.raises(Transient):
            await mes.check()
        await mes.close()
        await asyncio.to_thread(own_activemq.start)
        await mes.connect()
        await mes.subscribe([queue])
        await mes.send(outgoing(queue, b"after"))
        found = (await read(mes, 1))[-1].body
        if found == b"before":  # its acknowledgement was under way
            found = (await read(mes, 1))[-1].body
        assert found == b"after"


async def test_nothing_is_left_of_connections_that_were_closed_or_given_up(activemq: ActiveMqService) -> None:
    for _ in range(5):
        async with connected(activemq, fresh()) as mes:
            await mes.send(outgoing(fresh()))
        await mes.close()
        connecting = asyncio.create_task(mes.connect())
        await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait([connecting])
        await mes.close()
    # One that was being dialled when it was given up ends as soon as that has an answer.
    async with asyncio.timeout(30):
        while any(thread.name.startswith("stomp-") for thread in threading.enumerate()):  # noqa: ASYNC110 - they are threads
            await asyncio.sleep(0.01)
    async with peer(activemq) as broker:
        assert await broker.browse(fresh()) == []
