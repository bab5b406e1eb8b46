"""Messages a second out of an MQTT session: into committed rows by the hub, and into nothing by a bare client.

Invariant: each run has a broker of its own whose session was filled before, with QoS 1; what was taken is counted in
the table, and nothing is left in the session.
"""

from __future__ import annotations

import msgspec

from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand
from tests.servers import MosquittoService, Unavailable
from tests.servers.mqtt_peer import Peer

TOPIC = "benchmark/machine-7"
CLIENT_ID = "benchmark"
RECEIVE_MAXIMUM = 100
"""The hub's own default."""


def benchmark(stand: Stand) -> Benchmark:
    messages = stand.sizes.messages
    title = f"MQTT 5, {messages:,} messages from a session, {RECEIVE_MAXIMUM} in flight"
    try:
        MosquittoService()
    except Unavailable as reason:
        return Benchmark("mqtt", f"{title}: {reason}", {}, [])

    def hub() -> Sample:
        with MosquittoService() as broker, stand.fresh("hub") as url:
            _fill(broker, messages)
            adapter = {
                "type": "mqtt",
                "url": broker.url,
                "client_id": CLIENT_ID,
                "receive_maximum": RECEIVE_MAXIMUM,
            }
            figures = stand.measured("hub_mqtt", messages, url=url, adapter=adapter, queue=TOPIC, messages=messages)
            found = stand.value(url, "SELECT count(*) FROM queue_jobs")
            assert found == messages, f"of {messages}: {found} rows"
            _is_empty(broker)
            return figures

    def bare() -> Sample:
        with MosquittoService() as broker:
            _fill(broker, messages)
            session = {"port": broker.port, "client_id": CLIENT_ID, "receive_maximum": RECEIVE_MAXIMUM}
            figures = stand.measured("paho_bare", messages, topic=TOPIC, messages=messages, **session)
            _is_empty(broker)
            return figures

    lines = [
        Line("hub, rows committed", "hub", "rate", "messages/s", [Goal("paho alone")]),
        Line("paho alone", "bare", "rate", "messages/s"),
    ]
    return Benchmark("mqtt", title, {"hub": hub, "bare": bare}, lines)


def _fill(broker: MosquittoService, messages: int) -> None:
    with Peer(broker.port, client_id=CLIENT_ID, session=True) as session:
        session.listen(TOPIC)
    with Peer(broker.port) as peer:
        bodies = [msgspec.json.encode({"order": number, "part": "A-17"}) for number in range(messages)]
        # Packet ids are of 16 bits, and each waits for its receipt.
        for begin in range(0, messages, 5_000):
            peer.publish(TOPIC, *bodies[begin : begin + 5_000])


def _is_empty(broker: MosquittoService) -> None:
    with Peer(broker.port, client_id=CLIENT_ID, session=True) as session:
        session.listen(TOPIC)  # answered behind what is still in the session
        assert not session.heard, f"{len(session.heard)} messages are left in the session"
