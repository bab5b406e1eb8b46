"""The AsyncAPI 3.0 document of a hub: what its routes receive, and where they send it on.

Invariant: only what a masked configuration shows is read; an address of a server never holds who logs in there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from hub.api.openapi_schemas import component_name, moved
from hub.api.openapi_webhooks import scheme_of
from hub.config import Configuration, masked
from hub.handlers.outgoing import PUBLISH_HANDLER
from hub.version import version

VERSION: Final = "3.0.0"
_DRAFT: Final = "application/schema+json;version=draft-2020-12"
_PROTOCOLS: Final = {"activemq": "stomp", "signalr": "ws", "signalr-client": "ws", "socketio": "socket.io"}
_LEVEL: Final = re.compile(r"(?<![^/])\+(?![^/])|(?<![^/])#$")

Shown = Mapping[str, Any]


def asyncapi(configuration: Configuration) -> dict[str, Any]:
    """The document, as JSON values."""
    shown = masked(configuration)
    made = _Document(shown)
    for route in shown["routes"]:
        made.add(route)
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "hub",
            "version": version(),
            "description": "What the routes of this hub receive, and where they send it on. A message is acknowledged "
            "once it is a committed row.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": made.servers,
        "channels": made.channels,
        "operations": made.operations,
        "components": {"messages": made.messages, "schemas": made.schemas},
    }


class _Document:
    """Grows by one route at a time. A channel is an adapter's topic; several routes may share one."""

    def __init__(self, shown: Shown) -> None:
        self._adapters: Mapping[str, Shown] = shown["adapters"]
        self._http: Shown = shown["http"]
        names = [*self._adapters, *shown["destinations"]]
        self._destinations: Mapping[str, Shown] = shown["destinations"]
        self.servers = {component_name(name): self._server(name) for name in names}
        self.channels: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}

    def add(self, route: Shown) -> None:
        """What the route receives; and what it sends, where it only sends on."""
        name = component_name(route["name"])
        self.messages[name] = self._message(name, route)
        kind = self._kind(route["from"])
        topic = f"/webhooks/{route['name']}" if kind == "http" else route["topic"]
        channel = self._channel(route["from"], topic, name)
        self.operations[f"receive.{name}"] = self._operation("receive", route, channel, name, _received(route))
        to, onward = route["with"].get("to"), route["with"].get("topic")
        if route["handler"] == PUBLISH_HANDLER and isinstance(to, str) and isinstance(onward, str) and self._kind(to):
            sent = name
            if route["map"] is not None:  # it is another message than the one that came
                sent = f"{name}.sent"
                self.messages[sent] = {"name": sent, "title": f"What {route['name']} sends", "payload": {}}
            channel = self._channel(to, onward, sent)
            text = f"Sends it on to {to}, at least once, with a stable id."
            self.operations[f"send.{name}"] = self._operation("send", route, channel, sent, text, to)

    def _operation(
        self, action: str, route: Shown, channel: str, message: str, text: str, adapter: str | None = None
    ) -> dict[str, Any]:
        found = {
            "action": action,
            "title": route["name"],
            "summary": text,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        }
        name = adapter or route["from"]
        bindings = _operation_bindings(self._kind(name), self._adapters.get(name, {}))
        return {**found, "bindings": bindings} if bindings else found

    def _channel(self, adapter: str, topic: str | None, message: str) -> str:
        kind = self._kind(adapter)
        name = component_name(f"{adapter}.{topic or 'any'}")
        address, parameters = _address(topic, kind)
        channel = self.channels.setdefault(
            name,
            {
                "address": address,
                "title": topic or "any topic",
                "servers": [{"$ref": f"#/servers/{component_name(adapter)}"}],
                "messages": {},
                **({"parameters": parameters} if parameters else {}),
                **({"bindings": bindings} if (bindings := _channel_bindings(kind, topic)) else {}),
            },
        )
        channel["messages"][message] = {"$ref": f"#/components/messages/{message}"}
        return name

    def _message(self, name: str, route: Shown) -> dict[str, Any]:
        found: dict[str, Any] = {"name": route["name"], "title": route["name"], "payload": {}}
        if len(route["content_types"]) == 1:
            found["contentType"] = route["content_types"][0]
        if route["schema"] is not None:
            place = f"#/components/schemas/{name}"
            self.schemas[name] = {"schemaFormat": _DRAFT, "schema": moved(route["schema"], f"{place}/schema")}
            found["payload"] = {"$ref": place}
        return found

    def _kind(self, name: str) -> str:
        """The type of an adapter; a destination is sent to by HTTP. Empty: there is none of the name."""
        if name in self._adapters:
            return str(self._adapters[name]["type"])
        return "http" if name in self._destinations else ""

    def _server(self, name: str) -> dict[str, Any]:
        settings = self._adapters.get(name) or self._destinations[name]
        kind = self._kind(name)
        url, path = settings.get("url"), settings.get("path")
        here = f"{self._http['host']}:{self._http['port']}"
        host, scheme = here, ""
        if isinstance(url, str):
            parts = urlsplit(url)
            host, scheme, path = parts.netloc.rpartition("@")[2] or "unknown", parts.scheme, parts.path
        elif kind == "memory":
            host = "localhost"
        found: dict[str, Any] = {
            "host": host,
            "protocol": _protocol(kind, scheme),
            "title": name,
            "description": f"The {'adapter' if name in self._adapters else 'destination'} {name} ({kind}).",
        }
        if isinstance(path, str) and path.strip("/"):
            found["pathname"] = path
        return found


def _protocol(kind: str, scheme: str) -> str:
    match kind, scheme:
        case "kafka", "kafkas":
            return "kafka-secure"
        case "mqtt", "mqtts":
            return "secure-mqtt"
        case "activemq", "stomps":
            return "stomps"
        case (("http" | "signalr-client"), "https"):
            return "https" if kind == "http" else "wss"
    return _PROTOCOLS.get(kind, kind)


def _address(topic: str | None, kind: str) -> tuple[str | None, dict[str, Any]]:
    """A topic pattern as an address; what a wildcard of MQTT stands for is a parameter. None: not known before."""
    if topic is None:
        return None, {}
    parameters: dict[str, Any] = {}
    if kind != "mqtt":
        return topic.replace("{", "").replace("}", ""), {}

    def named(found: re.Match[str]) -> str:
        rest = found[0] == "#"
        name = "rest" if rest else f"level{topic[: found.start()].count('/') + 1}"
        parameters[name] = {"description": "All further levels." if rest else "One level of the topic."}
        return f"{{{name}}}"

    return _LEVEL.sub(named, topic), parameters


def _received(route: Shown) -> str:
    does = f"Run by {route['handler']}" if route["handler"] else "Acknowledged and dropped"
    signed = scheme_of(route)
    parts = [
        does,
        f"signed by {signed}" if signed else None,
        f"only where {route['filter']}" if route["filter"] else None,
    ]
    return ", ".join(part for part in parts if part) + "."


def _channel_bindings(kind: str, topic: str | None) -> dict[str, Any]:
    if kind == "kafka" and topic is not None and not topic.startswith("^"):
        return {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}}
    return {}


def _operation_bindings(kind: str, adapter: Shown) -> dict[str, Any]:
    match kind:
        case "kafka":
            return {"kafka": {"groupId": {"type": "string", "const": adapter["group"]}, "bindingVersion": "0.5.0"}}
        case "mqtt":
            return {"mqtt": {"qos": adapter["qos"], "bindingVersion": "0.2.0"}}
        case "http":
            return {"http": {"method": "POST", "bindingVersion": "0.3.0"}}
    return {}
