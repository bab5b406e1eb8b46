"""ActiveMQ Classic, from the jars that scripts/servers.sh fetches.

Invariant: nobody gets in without a password, what was acknowledged survives kill -9, and each queue has a dead-letter
queue of its own (`DLQ.` and its name), so that a test sees what the broker gave up.
"""

import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from tests.servers.certificates import Certificates
from tests.servers.service import Service, Unavailable, free_port

INSTALL = "ActiveMQ is not installed: run `sh scripts/servers.sh` (it needs Java, Maven and a network, once)"
USER, PASSWORD = "hub", "se:cret\\1"
"""The signs of the password have a meaning in every STOMP frame but that of the log-in."""
GUEST, GUEST_PASSWORD = "guest", "guest"
"""May read and write what begins with `tests.`, and nothing else."""

_JAVA = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_MAIN = "org.apache.activemq.console.command.ShellCommand"


class ActiveMqService(Service):
    """A broker with STOMP on `port`, and with TLS on `secure_port`; it knows delayed messages."""

    name = "activemq"

    def __init__(self) -> None:
        super().__init__()
        java = shutil.which("java")
        self._jars = jars("activemq")
        if java is None or self._jars is None:
            raise Unavailable(INSTALL)
        self._java = java
        self.secure_port = 0
        self.certificates: Certificates | None = None

    @property
    def url(self) -> str:
        return f"stomp://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"stomps://127.0.0.1:{self.secure_port}"

    def adapter(self, **settings: Any) -> dict[str, Any]:
        """An entry of configuration.json that logs in here; a configuration holds no password, it refers to one."""
        password = f"${{file:{self.folder}/password}}"
        return {"type": "activemq", "url": self.url, "username": USER, "password": password, **settings}

    def prepare(self, folder: Path) -> None:
        self.secure_port = free_port()
        self.certificates = Certificates.make(folder / "tls")
        made = self.certificates
        pair = ["-in", str(made.server_certificate), "-inkey", str(made.server_key)]
        store = ["-out", str(folder / "server.p12"), "-passout", "pass:password"]
        subprocess.run(["openssl", "pkcs12", "-export", *pair, *store], check=True, capture_output=True)
        (folder / "password").write_text(PASSWORD)
        (folder / "activemq.xml").write_text(self._configuration(folder))

    def command(self, folder: Path) -> Sequence[str]:
        places = [f"-Dactivemq.{name}={folder}" for name in ("home", "base", "conf")]
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self._java, *_JAVA, *places, log, "-cp", f"{self._jars}/*", _MAIN, "start", self._address(folder)]

    def ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            login = f"login:{USER}\npasscode:{PASSWORD}"
            client.sendall(f"CONNECT\naccept-version:1.2\nhost:/\n{login}\n\n\0".encode())
            if client.recv(9) != b"CONNECTED":
                return False
        with socket.create_connection(("127.0.0.1", self.secure_port), timeout=5):
            return True  # it is opened after the other

    def _address(self, folder: Path) -> str:
        return f"xbean:file:{folder}/activemq.xml"

    def _configuration(self, folder: Path) -> str:
        users = "".join(
            _tag("authenticationUser", {"username": name, "password": password, "groups": group})
            for name, password, group in ((USER, PASSWORD, "hubs"), (GUEST, GUEST_PASSWORD, "guests"))
        )
        rights = "".join(
            _tag("authorizationEntry", {kind: pattern, "read": who, "write": who, "admin": who})
            for kind in ("queue", "topic")
            for pattern, who in ((">", "hubs"), ("tests.>", "hubs,guests"))
        )
        broker = {
            "xmlns": "http://activemq.apache.org/schema/core",
            "brokerName": "tests",
            "persistent": "true",
            "useJmx": "false",
            "advisorySupport": "false",
            "schedulerSupport": "true",
            "dataDirectory": f"{folder}/data",
        }
        return f"""<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans
    http://www.springframework.org/schema/beans/spring-beans.xsd
    http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker {_attributes(broker)}>
    <destinationPolicy><policyMap><policyEntries><policyEntry queue=">"><deadLetterStrategy>
      <individualDeadLetterStrategy queuePrefix="DLQ."/>
    </deadLetterStrategy></policyEntry></policyEntries></policyMap></destinationPolicy>
    <persistenceAdapter>
      <kahaDB directory={quoteattr(f"{folder}/data/kahadb")} journalMaxFileLength="1mb"/>
    </persistenceAdapter>
    <plugins>
      <simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>{users}</users></simpleAuthenticationPlugin>
      <authorizationPlugin><map><authorizationMap>
        <authorizationEntries>{rights}</authorizationEntries>
      </authorizationMap></map></authorizationPlugin>
    </plugins>
    <sslContext><sslContext keyStore={quoteattr(f"file:{folder}/server.p12")} keyStoreType="PKCS12"
      keyStorePassword="password"/></sslContext>
    <systemUsage><systemUsage>
      <memoryUsage><memoryUsage limit="64 mb"/></memoryUsage>
      <storeUsage><storeUsage limit="512 mb"/></storeUsage>
      <tempUsage><tempUsage limit="64 mb"/></tempUsage>
    </systemUsage></systemUsage>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp+nio://127.0.0.1:{self.port}"/>
      <transportConnector name="stomps" uri="stomp+nio+ssl://127.0.0.1:{self.secure_port}"/>
    </transportConnectors>
  </broker>
</beans>
"""


def jars(name: str) -> Path | None:
    """The folder of a server's jars, None when they have not been fetched."""
    script = Path(__file__).parents[2] / "scripts" / "servers.sh"
    cache = subprocess.run(["sh", str(script), "--cache"], check=True, capture_output=True, text=True).stdout.strip()
    folder = Path(cache) / name
    return folder if any(folder.glob("*.jar")) else None


def _tag(name: str, attributes: Mapping[str, str]) -> str:
    return f"<{name} {_attributes(attributes)}/>"


def _attributes(values: Mapping[str, str]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in values.items())
