"""The connection itself: TLS, websockets, passwords, who else is there, and a broker that falls silent."""

import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest

from hub.adapters.mqtt import MqttAdapter, connection
from hub.errors import Permanent, Transient
from tests.integration.adapters.alone import fresh, one_delivery, read
from tests.integration.adapters.mqtt_adapters import adapter, connected, outgoing
from tests.servers import MosquittoService
from tests.servers.mqtt_peer import Peer

pytestmark = pytest.mark.mqtt
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


@pytest.fixture(scope="module")
def guarded() -> Iterator[MosquittoService]:
    """A broker that asks for passwords, lets `hub` read under allowed/ only, and wants certificates for TLS."""
    rules = ["user hub", "topic readwrite allowed/#"]
    with MosquittoService(users={"hub": "right"}, rules=rules, tls=True, client_certificates=True) as service:
        yield service


async def travels(service: MosquittoService, **settings: object) -> bool:
    """Whether a message gets out and in again."""
    topic = fresh("allowed/round")
    async with connected(service, topic, **settings) as plant:
        await plant.send(outgoing(topic, b"round"))
        await plant.check()
        return [message.body for message in await read(plant, 1)] == [b"round"]


# --- TLS, websockets -------------------------------------------------------------------------------------------------


async def test_tls_with_an_authority(mosquitto: MosquittoService) -> None:
    assert mosquitto.certificates is not None
    assert await travels(mosquitto, url=mosquitto.tls_url, tls={"ca": str(mosquitto.certificates.ca)})


async def test_tls_reads_more_than_one_message_at_a_time(mosquitto: MosquittoService) -> None:
    assert mosquitto.certificates is not None
    topic, tls = fresh("many"), {"ca": str(mosquitto.certificates.ca)}
    async with connected(mosquitto, topic, url=mosquitto.tls_url, tls=tls, receive_maximum=50) as plant:
        with Peer(mosquitto.port) as peer:
            bodies = [b"%d" % number * 100 for number in range(1000)]
            await asyncio.to_thread(peer.publish, topic, *bodies)
        assert [message.body for message in await read(plant, 1000)] == bodies


async def test_tls_without_the_authority_says_what_to_do(mosquitto: MosquittoService) -> None:
    with pytest.raises(Permanent, match=r"not trusted.*tls\.ca"):
        await adapter(mosquitto, url=mosquitto.tls_url).connect()


async def test_tls_may_go_unverified_with_a_warning(
    mosquitto: MosquittoService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await travels(mosquitto, url=mosquitto.tls_url, tls={"insecure": True})
    assert "not verified" in caplog.text


async def test_tls_at_a_port_without_it(mosquitto: MosquittoService) -> None:
    with pytest.raises((Permanent, Transient), match=r"TLS|hung up"):
        await adapter(mosquitto, url=mosquitto.url.replace("mqtt://", "mqtts://")).connect()


async def test_a_file_that_is_not_there(mosquitto: MosquittoService) -> None:
    with pytest.raises(Permanent, match=r"tls\.ca: nowhere\.pem"):
        await adapter(mosquitto, url=mosquitto.tls_url, tls={"ca": "nowhere.pem"}).connect()


async def test_a_certificate_of_the_client(guarded: MosquittoService) -> None:
    made = guarded.certificates
    assert made is not None
    user = {"url": guarded.tls_url, "username": "hub", "password": "right"}
    with pytest.raises(Transient, match="certificate"):
        await adapter(guarded, **user, tls={"ca": str(made.ca)}).connect()
    ours = {"ca": str(made.ca), "certificate": str(made.client_certificate), "key": str(made.client_key)}
    assert await travels(guarded, **user, tls=ours)


@VERSIONS
async def test_websockets(mosquitto: MosquittoService, version: str) -> None:
    assert await travels(mosquitto, url=mosquitto.websocket_url, version=version)


async def test_no_websocket_where_none_is(mosquitto: MosquittoService) -> None:
    with pytest.raises((Permanent, Transient), match="no websocket"):
        await adapter(mosquitto, url=f"ws://127.0.0.1:{mosquitto.port}/mqtt").connect()


# --- refusals --------------------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("who", [{}, {"username": "hub"}, {"username": "hub", "password": "wrong"}], ids=str)
async def test_a_wrong_password(guarded: MosquittoService, version: str, who: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="check username and password"):
        await adapter(guarded, version=version, **who).connect()


async def test_a_password_in_the_address(guarded: MosquittoService) -> None:
    assert await travels(guarded, url=guarded.url.replace("//", "//hub:right@"))


async def test_a_topic_that_may_not_be_read(guarded: MosquittoService) -> None:
    plant = adapter(guarded, username="hub", password="right")
    await plant.connect()
    await plant.subscribe(["allowed/a"])
    # Mosquitto grants what its ACL will filter; what it does refuse is no filter.
    with pytest.raises(Permanent, match="no topic filter"):
        await plant.subscribe(["allowed/#/a"])
    await plant.close()


async def test_nobody_listens() -> None:
    service = MosquittoService()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service.port = listening.getsockname()[1]
    with pytest.raises(Transient, match="nobody listens"):
        await adapter(service).connect()


async def test_a_host_that_is_not_known(mosquitto: MosquittoService) -> None:
    with pytest.raises(Transient, match=r"host 'nowhere\.invalid' is not known"):
        await adapter(mosquitto, url="mqtt://nowhere.invalid").connect()


async def test_somebody_who_listens_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.3)
    service = MosquittoService()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service.port = listening.getsockname()[1]
        with pytest.raises(Transient, match="no answer"):
            await adapter(service).connect()


async def test_somebody_who_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    service = MosquittoService()
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        service.port = server.sockets[0].getsockname()[1]
        with pytest.raises(Transient, match='does it speak MQTT 5 \\("version"\\)'):
            await adapter(service).connect()


# --- who else is there -----------------------------------------------------------------------------------------------


async def test_another_client_of_the_same_id_is_named(mosquitto: MosquittoService) -> None:
    name = fresh("twice")
    async with connected(mosquitto, "a", client_id=name) as plant:
        with Peer(mosquitto.port, client_id=name):
            # Mosquitto hangs up without a word.
            with pytest.raises(Transient, match=f"another client may use client_id '{name}'"):
                await one_delivery(plant)
            with pytest.raises(Transient, match="another client"):
                await plant.check()


async def test_a_broker_that_tells_of_another_client_is_quoted() -> None:
    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(bytes([0x20, 3, 0, 0, 0]) + bytes([0xE0, 2, 0x8E, 0]))
        await reader.read()
        writer.close()

    service = MosquittoService()
    async with await asyncio.start_server(tell, "127.0.0.1", 0) as server:
        service.port = server.sockets[0].getsockname()[1]
        plant = adapter(service, client_id="ours")
        await plant.connect()
        with pytest.raises(Transient, match="another client uses client_id 'ours'"):
            await one_delivery(plant)
        await plant.close()


async def test_a_broker_that_falls_silent_is_noticed(own_mosquitto: MosquittoService) -> None:
    async with connected(own_mosquitto, "a", keepalive=1) as plant:
        for _ in range(15):
            await asyncio.sleep(0.1)
            await plant.check()  # nothing is sent: only pings keep it alive
        own_mosquitto.sigstop()
        with pytest.raises(Transient, match="nothing heard"):
            await checked_on(plant)
        own_mosquitto.sigcont()


async def checked_on(plant: MqttAdapter) -> None:
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.1)
            await plant.check()


async def test_a_reader_learns_that_the_broker_is_gone(own_mosquitto: MosquittoService) -> None:
    async with connected(own_mosquitto, "a") as plant:
        reading = asyncio.create_task(one_delivery(plant))
        await asyncio.sleep(0)
        own_mosquitto.kill9()
        with pytest.raises(Transient, match="lost"):
            await reading


async def test_a_session_that_the_broker_has_lost_is_told(
    own_mosquitto: MosquittoService, caplog: pytest.LogCaptureFixture
) -> None:
    plant = adapter(own_mosquitto)
    await plant.connect()
    await plant.subscribe(["a"])
    own_mosquitto.kill9()
    own_mosquitto.start()
    await plant.close()
    with caplog.at_level(logging.WARNING):
        await plant.connect()
    await plant.close()
    assert "forgotten the session" in caplog.text


# --- will and birth --------------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("orderly", [True, False], ids=["orderly", "vanished"])
async def test_others_see_the_hub_come_and_go(mosquitto: MosquittoService, version: str, orderly: bool) -> None:
    topic = fresh("hubs")
    birth = {"topic": topic, "payload": "online", "retain": True}
    will = {"topic": topic, "payload": "offline", "retain": True}
    with Peer(mosquitto.port) as peer:
        await asyncio.to_thread(peer.listen, topic)
        plant = adapter(mosquitto, version=version, birth=birth, will=will)
        await plant.connect()
        await asyncio.to_thread(peer.wait, 1)
        if orderly:
            await plant.close()
        else:
            assert plant._session is not None
            plant._session.connection.abort("as if killed")
        heard = await asyncio.to_thread(peer.wait, 2)
    assert [one.body for one in heard] == [b"online", b"offline"]
    await plant.close()
