"""The HTTP that leaves a hub: its destinations, and the requests that `http.request` makes.

Invariant: every request to the outside goes through one client, so that what may be reached is decided in one place,
and to one destination through one circuit, whichever handler sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.adapters.http.client import Call, HttpClient
from hub.adapters.http.destination import Destination, DestinationSettings, identified
from hub.adapters.http.guard import Guard
from hub.clock import Clock
from hub.config import Configuration
from hub.config.sections import server as config
from hub.errors import Permanent
from hub.handlers.outlet import Outlet
from hub.ports import HttpRequest


class Prepared(msgspec.Struct, frozen=True):
    """All destinations' settings by name, and the destinations that are new or changed."""

    settings: Mapping[str, DestinationSettings]
    made: Mapping[str, Destination]


class Outbound:
    """`outlets`: the destinations by name, as `publish` sends to them; the same mapping for good."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        """Raises Rejected for a secret that cannot sign."""
        limits = configuration.http.outbound
        self._client = HttpClient(Guard(limits.allowed_hosts, limits.allowed_networks))
        self._clock = clock
        self._settings: dict[str, DestinationSettings] = {}
        self._destinations: dict[str, Destination] = {}
        self.outlets: dict[str, Outlet] = {}
        self.follow(self.prepare(configuration))

    def prepare(self, configuration: Configuration) -> Prepared:
        """Its destinations, made and not known yet. Raises Rejected."""
        settings = {name: _settings(one) for name, one in configuration.destinations.items()}
        made = {
            name: Destination(name, one, self._client, self._clock)
            for name, one in settings.items()
            if one != self._settings.get(name)
        }
        return Prepared(settings, made)

    def follow(self, prepared: Prepared) -> None:
        """Know these destinations from now on; one that did not change keeps its circuit."""
        for name in self._settings.keys() - prepared.settings.keys():
            del self._destinations[name], self.outlets[name]
        for name, destination in prepared.made.items():
            self._destinations[name], self.outlets[name] = destination, Outlet(destination, self._clock)
        self._settings = dict(prepared.settings)

    async def make(self, request: HttpRequest) -> Any:
        """See hub.ports.MakeRequest."""
        if request.to is None:
            return await self._client.call(
                Call(
                    method=request.method,
                    url=request.url or "",
                    headers=identified(request),
                    body=request.body,
                    timeout=request.timeout or 30.0,
                )
            )
        destination = self._destinations.get(request.to)
        if destination is None:
            known = ", ".join(sorted(self._destinations)) or "none"
            raise Permanent(f"metadata.to: there is no destination {request.to!r} (there are: {known})")
        return await self.outlets[request.to].attempt(request.to, lambda: destination.request(request))

    async def stop(self) -> None:
        await self._client.close()


def _settings(one: config.Destination) -> DestinationSettings:
    return DestinationSettings(
        url=one.url.get_secret_value(),
        secret=one.secret.get_secret_value() if one.secret is not None else None,
        headers={header: value.get_secret_value() for header, value in one.headers.items()},
        method=one.method,
        timeout=one.timeout,
        connect_timeout=one.connect_timeout,
    )
