"""All adapters of a hub: a pump for each that connects, and the listeners.

Invariant: one adapter that is down, or whose password is wrong, keeps neither the hub nor another adapter from working.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import msgspec

from hub.clock import Clock
from hub.ingest.cursors import Cursors
from hub.ingest.inbox import Inbox
from hub.ingest.intake import Intake
from hub.ingest.lease import Lease
from hub.ingest.leases import Leases
from hub.ingest.listening import Listening
from hub.ingest.pump import Pump, PumpSettings
from hub.ingest.sending import Sending
from hub.ingest.state import AdapterState
from hub.ports import Adapter, Connected, Database, Listener, Sink
from hub.queue.arrival import Told
from hub.queue.store import Store
from hub.telemetry import Metrics

if TYPE_CHECKING:
    from aiohttp import web

ANY: Final = "*"
"""What is subscribed to for a route without a topic (the types for which that means nothing ask for a topic)."""
LEASE: Final = 15.0
"""Seconds for which an instance that fell silent keeps an adapter that only one may connect, unless told otherwise."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor stands on. `owner` names this instance; `lease` and `shutdown_timeout` in seconds."""

    database: Database
    store: Store
    arrived: Told
    clock: Clock
    metrics: Metrics
    owner: str
    lease: float = LEASE
    shutdown_timeout: float = 30.0
    pump: PumpSettings = PumpSettings()


class Supervisor:
    """`adapters` by name, `kinds` their types. States are there before anything is started, and after it stopped.

    `doors`: the names of those that are the hub's own port, as they are now: there is nothing to start, but to be seen.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        kinds: Mapping[str, str],
        parts: Parts,
        doors: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._adapters = dict(adapters)
        self._doors = doors
        self._intake: Intake | None = None
        self._read = True
        self._parts = parts
        self._cursors = Cursors(parts.database)
        self._leases = Leases(parts.database, parts.owner, parts.lease)
        self._running: dict[str, Pump | Listening | Sending] = {}
        self.states = {name: AdapterState(name, kinds.get(name, "")) for name in adapters}
        for name, adapter in self._adapters.items():
            if connects(adapter):
                self.states[name].lag = adapter.lag
            elif listens(adapter):
                self.states[name].clients = partial(getattr, adapter, "connections", 0)
        self._expose()

    # --- life -------------------------------------------------------------------------------------------------------

    def mount(self, application: web.Application) -> None:
        """Let the listeners add their addresses, before the port opens."""
        for adapter in self._adapters.values():
            if listens(adapter):
                adapter.mount(application)

    async def start(self, intake: Intake, *, read: bool = True) -> None:
        """Begin to connect, and take clients. Without `read` adapters are only sent through."""
        self._intake, self._read = intake, read
        for name, adapter in self._adapters.items():
            if connects(adapter):
                self._begin(name, adapter, intake)
            elif listens(adapter) and read:
                listening = Listening(adapter, intake, self.states[name], self._parts.shutdown_timeout)
                await listening.start()
                self._running[name] = listening

    async def stop(self) -> None:
        """Stop all of them at the same time; what they have in hand is finished or given back."""
        running, self._running = self._running, {}
        await asyncio.gather(*(one.stop() for one in running.values()))

    async def follow(self, anew: Mapping[str, Connected], kinds: Mapping[str, str], gone: Iterable[str]) -> None:
        """Stop those of `gone`, and put those of `anew` in the place of their namesakes; the others go on."""
        leaving = [name for name in {*gone, *anew} if name in self._running]
        await asyncio.gather(*(self._running.pop(name).stop() for name in leaving))
        for name in gone:
            self._adapters.pop(name, None)
            self.states.pop(name, None)
        for name, adapter in anew.items():
            self._adapters[name] = adapter
            state = self.states[name] = AdapterState(name, kinds.get(name, ""))
            state.lag = adapter.lag
            if self._intake is not None:
                self._begin(name, adapter, self._intake)

    def changed(self) -> None:
        """The routes have changed: subscribe to what they read now."""
        for one in self._running.values():
            if isinstance(one, Pump):
                one.changed()

    def _begin(self, name: str, adapter: Connected, intake: Intake) -> None:
        state = self.states[name]
        if adapter.features.exclusive and not self._read:
            one = self._running[name] = Sending(adapter, state, self._parts.shutdown_timeout)
            one.start()
        else:
            pump = self._running[name] = self._pump(name, adapter, intake)
            pump.start()

    def _pump(self, name: str, adapter: Connected, intake: Intake) -> Pump:
        parts = self._parts
        inbox = Inbox(name, intake, parts.store, self._cursors, parts.arrived, parts.clock, parts.metrics)
        lease = Lease(self._leases, name, parts.clock) if adapter.features.exclusive else None

        def topics() -> list[str]:
            read = intake.table.routes if self._read else ()
            return [route.topic or ANY for route in read if route.adapter == name]

        return Pump(adapter, inbox, topics, self.states[name], parts.clock, lease, parts.pump)

    # --- seen -------------------------------------------------------------------------------------------------------

    def view(self) -> list[dict[str, Any]]:
        """Every adapter, as `GET /api/adapters` shows them."""
        return [state.view() for state in self._seen()]

    def _seen(self) -> list[AdapterState]:
        return [*self.states.values(), *map(self._door, self._doors())]

    def _door(self, name: str) -> AdapterState:
        state = AdapterState(name, "http")
        if self._intake is not None and self._read:
            state.state = "connected"
            state.received = self._intake.accepted[name]
        return state

    def _expose(self) -> None:
        watch = self._parts.metrics.watch
        watch("hub_adapter_up", "Whether an adapter is connected.", "adapter", self._up)
        watch("hub_adapter_lag", "Messages that wait at the broker.", ("adapter", "stream"), self._lag)
        watch(
            "hub_adapter_in_flight", "Messages read and not acknowledged.", "adapter", partial(self._all, "in_flight")
        )
        for name, help in (
            ("received", "Messages taken, and acknowledged to their sender."),
            ("published", "Messages sent, on their receipts."),
            ("quarantined", "Messages kept because they could not be worked on."),
            ("reconnects", "Connections after the first."),
        ):
            watch(f"hub_adapter_{name}", help, "adapter", partial(self._all, name), counts=True)

    def _up(self) -> dict[str, float]:
        return {state.name: float(state.is_ready()) for state in self._seen()}

    def _lag(self) -> dict[tuple[str, ...], float]:
        return {
            (name, stream): float(count) for name, state in self.states.items() for stream, count in state.lag().items()
        }

    def _all(self, count: str) -> dict[str, float]:
        return {state.name: float(state.view()[count]) for state in self._seen()}


def connects(adapter: Adapter) -> TypeGuard[Connected]:
    """Whether it connects to somewhere else: a Source, a Sink, or both."""
    return hasattr(adapter, "connect")


def sends(adapter: Adapter) -> TypeGuard[Sink | Listener]:
    """Whether the hub can send through it."""
    return hasattr(adapter, "send")


def listens(adapter: Adapter) -> TypeGuard[Listener]:
    """Whether its clients come to the hub's own port."""
    return hasattr(adapter, "mount")
