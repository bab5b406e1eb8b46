"""Membership in a consumer group: which topics, which partitions, and the deliveries of them.

Invariant: `read` only waits for what the fetching task brought, so that cancelling it loses nothing. Whatever ends the
membership is raised by `read`, and so is, once, each alarm.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors

from hub.adapters.kafka.assignment import Assignment
from hub.adapters.kafka.committer import Committer
from hub.adapters.kafka.control import Control
from hub.adapters.kafka.ending import consumer_ended
from hub.adapters.kafka.faults import fault
from hub.adapters.kafka.fetcher import RETRY, Fetcher
from hub.adapters.kafka.partition import Partition
from hub.adapters.kafka.placement import Placement, ends_of
from hub.adapters.kafka.quiet import hasten, quiet
from hub.adapters.kafka.settings import KafkaSettings
from hub.adapters.kafka.topics import Topics
from hub.errors import HubError, Permanent, Transient
from hub.ports import Context, Delivery
from hub.telemetry import get_logger

_log = get_logger("hub.adapters.kafka")

STALLED: Final = 30.0
"""Longer than a request for records may take."""
UNGIVEN: Final = 45.0
"""Longer than a rebalance may take."""
HAND_OVER: Final = 2.0
STOP_TIME: Final = 5.0


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One membership, from `start` to `close`. `said` remembers, beyond it, which alarms were raised."""

    def __init__(self, name: str, settings: KafkaSettings, control: Control, context: Context, said: set[str]) -> None:
        self._name = name
        self._settings = settings
        self._control = control
        self._clock = context.clock
        self._said = said
        self._assignment = Assignment()
        milliseconds = int(settings.session_timeout * 1000)
        self._consumer: Any = AIOKafkaConsumer(
            **control.options,
            group_id=settings.group,
            group_instance_id=settings.group_instance_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=milliseconds,
            heartbeat_interval_ms=max(100, milliseconds // 4),
            metadata_max_age_ms=int(settings.refresh * 1000),
        )
        self._committer = Committer(self._consumer)
        placement = Placement(control, context, settings.group)
        self._fetcher = Fetcher(
            name,
            self._consumer,
            control,
            placement,
            self._assignment,
            self._committer,
            settings.max_records,
            self._alarm,
        )
        self._fetching: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._topics = Topics(name, ())
        self._subscribed: set[str] = set()
        self._ends: dict[TopicPartition, int] = {}
        self._asked: float | None = None
        """Since when the group owes us partitions, maybe none; monotonic."""
        self._failure: HubError | None = None
        self._alarms: deque[HubError] = deque()

    # --- as the adapter asks it -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises Transient and Permanent; `close` is due then too."""
        try:
            async with asyncio.timeout(STOP_TIME * 2):
                await self._consumer.start()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise fault(error, "joining the group") from error
        self._fetching = self._spawn(self._fetcher.run(), "fetching")
        # They end by a fault only, and aiokafka tells nobody who has no partitions to read.
        theirs: list[asyncio.Task[Any]] = [
            self._consumer._fetcher.error_future,
            self._consumer._coordinator._coordination_task,
        ]
        for task, what in zip(theirs, ("fetching", "coordination"), strict=True):
            task.set_name(f"aiokafka's {what}")
        for task in (self._fetching, self._committer.start(), *theirs):
            task.add_done_callback(self._gone)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Read these and no other. Raises Permanent for a pattern, else as Control does."""
        wanted = Topics(self._name, topics)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait((self._watching,))
        self._topics = wanted
        await self._resubscribe()
        self._watching = self._spawn(self._watch(), "topics")

    async def read(self) -> Delivery:
        """Raises Transient when the membership is of no use any more, and the error of an alarm once."""
        while True:
            if self._alarms and not self._assignment.leavings:
                raise self._alarms.popleft()
            if (delivery := self._assignment.take(self._settings.max_records)) is not None:
                return delivery
            if self._failure is not None:
                raise self._failure
            self._assignment.arrived.clear()
            await self._assignment.arrived.wait()

    def acknowledge(self, delivery: Delivery) -> None:
        """Note the offset for the broker; nothing for a partition that is no longer ours."""
        one = self._assignment.back(delivery)
        if one is not None and delivery.cursor is not None:
            if one.current:
                self._committer.note(one.tp, delivery.cursor.next, one.stream)
            self._assignment.offer(one)

    def release(self, delivery: Delivery, position: int | None) -> None:
        """Let it come again, from `position` if given."""
        one = self._assignment.back(delivery)
        if one is not None and delivery.cursor is not None:
            one.rewind(delivery.cursor.first if position is None else position)
            one.seek(self._consumer)
            self._assignment.room.set()

    async def check(self) -> None:
        """Look how much waits. Raises Transient for a consumer that gets nothing although something is there, and for
        a member that the group gives nothing, not even the answer that nothing is left for it."""
        if self._failure is not None:
            raise self._failure
        now = self._clock.monotonic()
        if self._asked is not None and now - self._asked >= UNGIVEN:
            unknown = self._consumer._coordinator.coordinator_id is None
            why = "no broker can be found that keeps the group" if unknown else "the group does not come to rest"
            raise Transient(f"group {self._settings.group!r} has given out no partitions for {UNGIVEN:g} s: {why}")
        placed = self._assignment.placed()
        if placed:
            _, self._ends = await ends_of(self._consumer, [one.tp for one in placed])
        for one in placed:
            if one.live and one.current:
                await self._look(one, self._ends.get(one.tp, 0), now)

    def lag(self) -> Mapping[str, int]:
        """Messages at the broker that the hub has not taken, by `topic/partition`."""
        found = {}
        assigned = self._consumer.assignment()
        for one in self._assignment.placed():
            seen = self._consumer.highwater(one.tp) if one.tp in assigned else None
            end = max(seen or 0, self._ends.get(one.tp, 0))
            found[str(one)] = max(0, end - one.reached) + one.waiting
        return found

    async def close(self) -> None:
        """Leave the group. Raises nothing."""
        self._failure = self._failure or Transient("the connection was closed")
        self._fetcher.stopping = True
        if self._watching is not None:
            self._watching.cancel()
        await self._committer.close(HAND_OVER)
        self._assignment.forget()
        self._assignment.room.set()
        await consumer_ended(self._consumer, STOP_TIME)
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait((self._fetching,))
        self._assignment.arrived.set()

    # --- as aiokafka calls it ---------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Let what is out be committed and told, for a moment: the next owner then begins behind it."""
        self._assignment.closing = True
        self._asked = self._clock.monotonic()
        # The heartbeat of the partitions that go may be about to begin. Ended before that, it takes aiokafka's
        # coordination with it, in silence.
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(min(HAND_OVER, self._settings.session_timeout / 4)):
                await self._assignment.all_back()
        except TimeoutError:
            pass  # its cursor is refused if somebody has been further by then
        await self._committer.hand_over(HAND_OVER)
        self._assignment.forget()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self._asked = None
        self._assignment.assign(assigned)

    # --- topics -----------------------------------------------------------------------------------------------------

    async def _resubscribe(self) -> None:
        present = await self._topics.present(self._control)
        for name in sorted(self._topics.denied):
            text = f"topic {name!r} may not be read: the user needs the ACLs Describe and Read for it"
            self._alarm(text, Permanent(text))
        if present == self._subscribed:
            return
        await quiet(self._consumer)
        self._subscribed = present
        if present:
            self._asked = self._clock.monotonic()
            self._consumer.subscribe(sorted(present), listener=self)
            hasten(self._consumer)
        else:
            self._asked = None
            self._consumer.unsubscribe()
            self._assignment.forget()

    async def _watch(self) -> None:
        """Look for topics that came or went."""
        refresh = self._settings.refresh
        while self._topics:
            await asyncio.sleep(min(RETRY, refresh) if self._topics.missing or self._topics.denied else refresh)
            try:
                await self._resubscribe()
            except HubError as error:
                _log.debug("topics could not be looked for", adapter=self._name, reason=str(error))

    # --- small parts ------------------------------------------------------------------------------------------------

    async def _look(self, one: Partition, end: int, now: float) -> None:
        """Whether a partition gets what is there."""
        try:
            async with asyncio.timeout(RETRY):
                position = await self._consumer.position(one.tp)
        except (errors.KafkaError, TimeoutError):
            return  # it was taken away in this moment
        if not one.moving and position > one.reached:
            one.reached, one.since = position, None
        if one.moving or one.reached >= end or one.messages or one.flying is not None:
            one.since = None
        elif one.since is None:
            one.since = now
        elif now - one.since >= STALLED:
            raise Transient(f"{one}: {end - one.reached} messages are there and nothing came for {STALLED:g} s")

    def _alarm(self, text: str, error: HubError | None = None) -> None:
        """Say what was lost or is wrong, once: in the log and, by the error of a read, as the adapter's last error."""
        if text not in self._said:
            self._said.add(text)
            _log.error("alarm", adapter=self._name, reason=text)
            self._alarms.append(error or Transient(text))
            self._assignment.arrived.set()

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=f"{what} of {self._name}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that fails ends the membership: `read` says why."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _gone(self, task: asyncio.Task[Any]) -> None:
        """So does the end of a task that lives as long as the membership, whatever ended it."""
        error = None if task.cancelled() else task.exception()
        self._fail(error or Transient(f"reading: {task.get_name()} ended"))

    def _fail(self, error: BaseException) -> None:
        if self._fetcher.stopping or self._failure is not None:
            return
        if not isinstance(error, (HubError, errors.KafkaError, OSError, TimeoutError)):
            _log.error("reading failed", adapter=self._name, exc_info=error)
        self._failure = fault(error, "reading")
        self._assignment.arrived.set()
