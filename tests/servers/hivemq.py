"""HiveMQ CE, an MQTT broker in Java, from the jars that scripts/servers.sh fetches.

Invariant: what it has acknowledged, and its sessions, survive `stop`. They do not always survive `kill9`: in 7 of 207
kills under load, with no hub anywhere near, one acknowledged message was gone for good, and in none of 60 stops.
"""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.activemq import jars
from tests.servers.mosquitto import CONNACK, CONNECT
from tests.servers.service import Service, Unavailable

INSTALL = "HiveMQ is not installed: run `sh scripts/servers.sh` (it needs a JDK, Maven and a network, once)"

_SOURCE = Path(__file__).parent / "jars" / "hivemq" / "Broker.java"
_JAVA = ("-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_QUEUE = 200_000
"""Messages that wait for one client. HiveMQ's own limit is a thousand, and it drops what is beyond without a word."""


class HiveMqService(Service):
    """A broker without passwords, which takes `receive_maximum` messages of a client before it has answered the first
    (HiveMQ's own figure is 10; who sends more is cut off)."""

    name = "hivemq"

    def __init__(self, receive_maximum: int = 1000) -> None:
        super().__init__()
        self._receive_maximum = receive_maximum
        java, javac, found = shutil.which("java"), shutil.which("javac"), jars("hivemq")
        if java is None or javac is None or found is None:
            raise Unavailable(INSTALL)
        self._java, self._javac, self._jars = java, javac, found

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def prepare(self, folder: Path) -> None:
        (folder / "config.xml").write_text(_configuration(self.port, self._receive_maximum))
        (folder / "logback.xml").write_text(_LOGBACK)
        (folder / "tmp").mkdir()
        self.run_tool(
            [self._javac, "-proc:none", "-cp", f"{self._jars}/*", "-d", str(folder / "classes"), str(_SOURCE)]
        )

    def command(self, folder: Path) -> Sequence[str]:
        # Its libraries unpack native code, which a killed process leaves behind.
        places = [f"-Djava.io.tmpdir={folder}/tmp", f"-Dlogback.configurationFile={folder}/logback.xml"]
        return [self._java, *_JAVA, *places, "-cp", f"{folder}/classes:{self._jars}/*", "Broker", str(folder)]

    def ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(CONNECT)
            return connection.recv(1)[:1] == bytes([CONNACK])


def _configuration(port: int, receive_maximum: int) -> str:
    return f"""<hivemq>
  <listeners>
    <tcp-listener><port>{port}</port><bind-address>127.0.0.1</bind-address></tcp-listener>
  </listeners>
  <mqtt>
    <queued-messages><max-queue-size>{_QUEUE}</max-queue-size></queued-messages>
    <receive-maximum><server-receive-maximum>{receive_maximum}</server-receive-maximum></receive-maximum>
  </mqtt>
  <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
</hivemq>
"""


_LOGBACK = """<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""
