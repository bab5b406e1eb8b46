"""The supervisor of one adapter: it connects, reads, commits, acknowledges, and begins anew when something breaks.

Invariant: a delivery is acknowledged after the commit that holds its rows, never before, and the next is read only when
the last was acknowledged or released. While the database is away a delivery is held, not read again, and nothing more
is taken from the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeGuard, TypeVar

import msgspec

from hub.clock import Clock, backoff
from hub.errors import DatabaseUnavailable, Saturated, TransactionConflict, Transient
from hub.ingest.inbox import Batch, Behind, Inbox, Taken
from hub.ingest.lease import Lease
from hub.ingest.state import AdapterState, explained
from hub.ports import Connected, Delivery, Source
from hub.telemetry import get_logger

_log = get_logger("hub.adapters")
_T = TypeVar("_T")
_DIALLED: Final = 0.5
"""Seconds for which a connection that is being made is waited for when it is no longer wanted."""


class PumpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds. `backoff` and `longest` bound the pauses between attempts, `steady` is how long a connection
    must last to count as good; `patience` is for what an adapter is asked to do, `check_patience` for a check, `drain`
    for a delivery that is in hand when the hub stops."""

    backoff: float = 0.2
    longest: float = 30.0
    steady: float = 5.0
    patience: float = 30.0
    check_every: float = 5.0
    check_patience: float = 10.0
    drain: float = 10.0


class Pump:
    """`topics` answers what is to be read at this moment, nothing for an adapter that is only sent through. `lease` is
    for an adapter of which only one may be connected."""

    def __init__(
        self,
        adapter: Connected,
        inbox: Inbox,
        topics: Callable[[], Sequence[str]],
        state: AdapterState,
        clock: Clock,
        lease: Lease | None = None,
        settings: PumpSettings | None = None,
    ) -> None:
        self._adapter = adapter
        self._inbox = inbox
        self._topics = topics
        self.state = state
        self._clock = clock
        self._lease = lease
        self._settings = settings or PumpSettings()
        self._task: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._stopping = False
        self._dialling = False
        self._deadline = 0.0
        self._lost: Exception | None = None
        self._attempts = 0

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; never waits for it."""
        if self._task is None:
            self._stopping = False
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"adapter {self.state.name}")

    def changed(self) -> None:
        """The routes have changed: look at the topics again."""
        self._stir.set()

    async def stop(self) -> None:
        """Finish the delivery in hand, or give it back, and disconnect. Harmless when never started, and twice."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping = True
        self._deadline = self._clock.monotonic() + self._settings.drain
        self._stir.set()
        if self._dialling:  # nothing is in hand, and a host that does not answer is not waited for
            await asyncio.wait([task], timeout=_DIALLED)
            if self._dialling:
                task.cancel()
        await asyncio.wait([task], timeout=self._settings.drain)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        try:
            while not self._stopping:
                if self._lease is not None and not await self._leased(self._lease):
                    continue
                try:
                    await self._connect()
                    since = self._clock.monotonic()
                    try:
                        await self._serve()
                    finally:
                        if self._clock.monotonic() - since >= self._settings.steady:
                            self._attempts = 0
                except Exception as error:  # whatever an adapter raises: begin anew
                    self.state.failed("connecting", error)
                finally:
                    await self._close()
                if not self._stopping:
                    await self._rest(self._delay(self._attempts))
                    self._attempts += 1
        finally:
            if self._lease is not None:
                await self._lease.release()
            self.state.become("stopped")

    async def _leased(self, lease: Lease) -> bool:
        """Whether the lease is held; when it is not, some time has passed."""
        try:
            if lease.held or await lease.take():
                return True
            self.state.become("waiting")
        except Exception as error:
            self.state.failed("waiting", error)
        await self._rest(lease.pause)
        return False

    async def _connect(self) -> None:
        self._lost = None
        self.state.topics = ()
        if self.state.state != "connecting":
            self.state.become("connecting")
        self._dialling = True
        try:
            await self._bounded(self._adapter.connect(), "connect")
        finally:
            self._dialling = False

    async def _close(self) -> None:
        self.state.in_flight = 0
        try:
            await self._bounded(self._adapter.close(), "close")
        except Exception as error:
            _log.warning("adapter did not close", adapter=self.state.name, error=explained(error))

    # --- connected --------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Read and watch until the connection is lost (which is raised) or the hub stops."""
        watching = asyncio.create_task(self._watch(), name=f"watch over {self.state.name}")
        reading = asyncio.create_task(self._read_on(), name=f"reading {self.state.name}")
        try:
            await asyncio.wait((watching, reading), return_when=asyncio.FIRST_COMPLETED)
            if watching.done() and not reading.done():
                # What is in hand may still be committed. A reader that hangs is not waited for, if the broker will
                # bring its delivery again.
                again = self._adapter.features.redelivery
                await asyncio.wait((reading,), timeout=self._settings.patience if again else None)
            if reading.done() and (error := reading.exception()) is not None:
                raise error
            if watching.done() and (error := watching.exception()) is not None:
                raise error
        finally:
            for task in (watching, reading):
                task.cancel()
            await asyncio.gather(watching, reading, return_exceptions=True)

    async def _watch(self) -> None:
        """Ask again and again whether the connection lives and the lease is still ours; raises when not."""
        settings, lease = self._settings, self._lease
        pause = settings.check_every if lease is None else min(settings.check_every, lease.pause)
        try:
            while True:
                await asyncio.sleep(pause)
                if lease is not None and not await lease.renew():
                    raise Transient("the lease was lost: another instance may be connected")
                await self._bounded(self._adapter.check(), "answer a check", settings.check_patience)
        except Exception as error:
            self._lost = error
            self._stir.set()
            raise

    async def _read_on(self) -> None:
        """Deliveries, one after another, until the hub stops; raises when the connection is lost."""
        while True:
            self._stir.clear()
            if self._stopping:
                return
            if self._lost is not None:
                raise self._lost
            await self._subscribe()
            self.state.become("connected")
            if not self.state.topics:
                await self._stir.wait()
                continue
            if not _reads(self._adapter):
                raise TypeError(f"{type(self._adapter).__name__} cannot be read from")
            delivery = await self._next(self._adapter)
            if delivery is not None:
                await self._take(self._adapter, delivery)

    async def _subscribe(self) -> None:
        topics = sorted(set(self._topics())) if _reads(self._adapter) else []
        if topics != self.state.topics and _reads(self._adapter):
            await self._bounded(self._adapter.subscribe(topics), "subscribe")
            self.state.topics = topics

    async def _next(self, source: Source) -> Delivery | None:
        """The next delivery; None when something else is to be looked at first."""
        reading = asyncio.ensure_future(source.read())
        stirred = asyncio.ensure_future(self._stir.wait())
        try:
            await asyncio.wait((reading, stirred), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
            if not reading.done():
                reading.cancel()
                await asyncio.wait((reading,))
        return None if reading.cancelled() else reading.result()

    # --- a delivery -------------------------------------------------------------------------------------------------

    async def _take(self, source: Source, delivery: Delivery) -> None:
        """Commit a delivery and tell the broker; raises when the connection is lost meanwhile."""
        state = self.state
        state.in_flight = len(delivery.messages)
        try:
            end = await self._committed(self._inbox.prepare(delivery))
            match end:
                case Taken(quarantined):
                    state.received += len(delivery.messages)
                    state.quarantined += quarantined
                    self._attempts = 0
                    await self._bounded(source.acknowledge(delivery), "acknowledge")
                case Behind(position):
                    _log.info("another instance has been further", adapter=state.name, position=position)
                    await self._bounded(source.release(delivery, position), "go on elsewhere")
                case None:
                    await self._bounded(source.release(delivery), "take messages back")
        finally:
            state.in_flight = 0

    async def _committed(self, batch: Batch) -> Taken | Behind | None:
        """Try until the database takes it; None when the hub stops before that. A delivery that comes again after a
        reconnect is let go when the connection is lost."""
        tries = 0
        while True:
            try:
                end = await self._inbox.commit(batch)
            except (Saturated, DatabaseUnavailable, TransactionConflict) as error:
                if self._stopping and (batch.safe_to_repeat or self._clock.monotonic() >= self._deadline):
                    return None
                if self._lost is not None and self._adapter.features.redelivery:
                    raise self._lost from error
                self.state.become("paused", explained(error))
                await self._rest(min(self._delay(tries), 1.0 if self._stopping else self._settings.longest))
                tries += 1
            else:
                self.state.become("connected")
                return end

    # --- time -------------------------------------------------------------------------------------------------------

    def _delay(self, attempts: int) -> float:
        """Full jitter under a bound that doubles."""
        bound = backoff(self._settings.backoff, attempts, self._settings.longest)
        return bound * self._clock.random()

    async def _rest(self, seconds: float) -> None:
        """Wait, less long when something is to be looked at."""
        self._stir.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._stir.wait()
        except TimeoutError:
            pass  # the usual end

    async def _bounded(self, work: Awaitable[_T], what: str, patience: float | None = None) -> _T:
        """What an adapter is asked to do, within its time. Raises Transient past it."""
        patience = patience or self._settings.patience
        try:
            async with asyncio.timeout(patience) as limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise Transient(f"did not {what} within {patience:g} s") from error
            raise


def _reads(adapter: Connected) -> TypeGuard[Source]:
    return hasattr(adapter, "read") and hasattr(adapter, "subscribe")
