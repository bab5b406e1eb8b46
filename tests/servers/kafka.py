"""Apache Kafka, one broker that is its own controller (KRaft), started by the tests.

Invariant: the log survives `kill9` and `restart` on the same port; two brokers never share a cluster id, so that a
client that meets another broker on an old port can tell.
"""

import base64
import os
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.certificates import Certificates
from tests.servers.service import Service, Unavailable, free_port

INSTALL = "Kafka is not installed (sh scripts/servers.sh fetches its jars; it needs java and mvn)"
ROOT = Path(__file__).parents[2]

# A small heap, and the first compiler only: a broker of a test lives for seconds.
JAVA = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, 4) + b"test"


class KafkaService(Service):
    """A broker without passwords; with `users` (name → password) it has a second listener, for SASL over TLS.

    `settings` go over the ones it starts with. Topics are made by whoever needs them, never by being used.
    """

    name = "kafka"

    def __init__(self, settings: Mapping[str, str] | None = None, users: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._java = shutil.which("java")
        self._jars = _jars()
        if self._java is None:
            raise Unavailable(INSTALL)
        self._settings = dict(settings or {})
        self._users = dict(users or {})
        self._controller_port = 0
        self.secure_port = 0
        self.certificates: Certificates | None = None

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"kafkas://127.0.0.1:{self.secure_port}"

    @property
    def bootstrap(self) -> str:
        """The address as Kafka's own clients take it."""
        return f"127.0.0.1:{self.port}"

    def prepare(self, folder: Path) -> None:
        self._controller_port = free_port()
        properties = {**self._properties(folder), **self._secured(folder), **self._settings}
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        (folder / "server.properties").write_text(text)
        self.run_tool([*self._program(), "kafka.tools.StorageTool", *self._format(folder)])

    def command(self, folder: Path) -> Sequence[str]:
        return [*self._program(), "kafka.Kafka", f"{folder}/server.properties"]

    def ready(self) -> bool:
        """Whether the broker answers which requests it knows."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            answer = connection.recv(10, socket.MSG_WAITALL)
        return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)

    def _program(self) -> list[str]:
        assert self._java is not None
        return [self._java, *JAVA, LOGGING, "-cp", f"{self._jars}/*"]

    def _properties(self, folder: Path) -> dict[str, str]:
        address = f"PLAINTEXT://127.0.0.1:{self.port}"
        single = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{address},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": address,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": f"{folder}/data",
            "auto.create.topics.enable": "false",
            "message.max.bytes": "8388608",
            **{f"{name}.num.partitions": "1" for name in single},
            **{f"{name}.replication.factor": "1" for name in single},
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            # After kill -9 the registration of the dead broker must expire before the new one is let in.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "250",
            "log.segment.bytes": "16777216",
            "log.index.size.max.bytes": "65536",
            "log.retention.check.interval.ms": "1000",
            "log.initial.task.delay.ms": "500",
            "file.delete.delay.ms": "1000",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "background.threads": "2",
            "log.cleaner.dedupe.buffer.size": "2097152",
            "metadata.log.segment.bytes": "8388608",
        }

    def _secured(self, folder: Path) -> dict[str, str]:
        if not self._users:
            return {}
        self.secure_port = free_port()
        self.certificates = made = Certificates.make(folder / "tls")
        both = f"PLAINTEXT://127.0.0.1:{self.port},SECURE://127.0.0.1:{self.secure_port}"
        login = "org.apache.kafka.common.security"
        known = " ".join(f'user_{name}="{password}"' for name, password in self._users.items())
        scram = f"{login}.scram.ScramLoginModule required;"
        return {
            "listeners": f"{both},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": both,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(made.server_pem),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(made.ca),
            "listener.name.secure.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required {known};",
            "listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
        }

    def _format(self, folder: Path) -> list[str]:
        # An id that begins with "-" would be taken for an option.
        cluster = "t" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]
        scram = [
            f"{mechanism}=[name={name},password={password}]"
            for name, password in self._users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        users = [word for one in scram for word in ("--add-scram", one)]
        return ["format", "-t", cluster, "-c", f"{folder}/server.properties", "--standalone", *users]


def _jars() -> Path:
    """The folder of Kafka's jars. Raises Unavailable when there is none."""
    asked = subprocess.run(
        ["sh", str(ROOT / "scripts" / "servers.sh"), "--cache"],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    folder = Path(asked.stdout.strip()) / "kafka"
    if not any(folder.glob("kafka_*.jar")):
        raise Unavailable(INSTALL)
    return folder
