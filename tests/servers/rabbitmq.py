"""RabbitMQ with its STOMP plug-in, from the distribution's package; beside ActiveMQ a second broker that speaks STOMP.

Invariant: it shares nothing with a RabbitMQ of this machine: node, port mapper, cookie, plug-ins and data are its own,
and all of it listens on loopback alone.
"""

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.service import Service, Unavailable, first_program, free_port

INSTALL = "RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)"
USER, PASSWORD = "hub", "secret"

# What Debian puts on PATH insists on the package's own account.
_FOLDERS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
# The port mapper ends with the node: each is told when its parent dies.
_START = 'setpriv --pdeathsig KILL "$0" -port "$1" -address 127.0.0.1 & exec "$2"'


class RabbitMqService(Service):
    """A node with STOMP on `port`, and no other protocol."""

    name = "rabbitmq"

    def __init__(self) -> None:
        super().__init__()
        mapper = shutil.which("epmd")
        server = next(
            (path for folder in _FOLDERS if os.access(path := Path(folder) / "rabbitmq-server", os.X_OK)), None
        )
        if mapper is None or server is None or first_program("setpriv", ()) is None:
            raise Unavailable(INSTALL)
        self._mapper, self._server = mapper, server
        self._mapper_port = self._node_port = 0

    @property
    def url(self) -> str:
        return f"stomp://127.0.0.1:{self.port}"

    def adapter(self, **settings: Any) -> dict[str, Any]:
        """An entry of configuration.json that logs in here; a configuration holds no password, it refers to one."""
        password = f"${{file:{self.folder}/password}}"
        return {"type": "activemq", "url": self.url, "username": USER, "password": password, **settings}

    def prepare(self, folder: Path) -> None:
        self._mapper_port, self._node_port = free_port(), free_port()
        (folder / "password").write_text(PASSWORD)
        (folder / "enabled_plugins").write_text("[rabbitmq_stomp].")
        settings = {
            "listeners.tcp": "none",
            "stomp.listeners.tcp.1": f"127.0.0.1:{self.port}",
            "default_user": USER,
            "default_pass": PASSWORD,
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
        }
        (folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))

    def command(self, folder: Path) -> Sequence[str]:
        return ["sh", "-c", _START, self._mapper, str(self._mapper_port), str(self._server)]

    def environment(self) -> Mapping[str, str]:
        folder = str(self.folder)
        return {
            **super().environment(),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"hub-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            # In the foreground, as one process, without reading from its standard input.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{USER}\npasscode:{PASSWORD}\n\n\0".encode())
            return client.recv(9) == b"CONNECTED"
