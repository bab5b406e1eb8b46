"""What a row of `jobs` says about time, checked: the row as read → a Spec, or the reason why it cannot be one.

Invariant: whatever people write into a row ends here as a Rejected with the column at fault, and as nothing else.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from hub.errors import Rejected
from hub.scheduler.calendar import LAST_YEAR, CronSpec, IntervalSpec, OnceSpec, Spec, next_fire, zone
from hub.scheduler.cron import parse

MISFIRES = ("skip", "once", "all")
OVERLAPS = ("allow", "skip", "queue")

LONGEST_INTERVAL = 2**31 - 1
"""Seconds: as much as the column holds on every database; SQLite's own takes more."""
_TICK = timedelta(microseconds=1)
_MOMENTS = ("startat", "endat", "lastrunat", "nextrunat")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `jobs` as its statements read it; `live`: enabled, active, not deleted. `fault`: it cannot be read."""

    id: str
    revision: int
    live: bool
    cronexpression: str | None
    intervalseconds: int | None
    startat: datetime | None
    endat: datetime | None
    timezone: str
    misfire: str
    overlap: str
    jitter: float
    timeout: float
    maxretries: int | None
    maxexecutions: int
    executioncount: int
    condition: str | None
    queue: str | None
    lastrunat: datetime | None
    nextrunat: datetime | None
    fault: str | None = None

    @property
    def source(self) -> str:
        """`queue_jobs.source` of its fires, and their ordering key where they queue up."""
        return source_of(self.id)

    @property
    def left(self) -> int | None:
        """How many executions it may still have; None: any number."""
        return max(0, self.maxexecutions - self.executioncount) if self.maxexecutions > 0 else None


def source_of(job_id: str) -> str:
    """`queue_jobs.source` of a schedule's fires: 'schedule:' and its id, which has to fit into 255 characters."""
    if len(job_id) <= 240:
        return f"schedule:{job_id}"
    return f"schedule:{job_id[:180]}:{hashlib.sha256(job_id.encode()).hexdigest()[:32]}"


def read(record: Any) -> Row:
    """The row of an answer, on any database; a time that is none here becomes its fault."""
    values = {name: record[name] for name in Row.__struct_fields__ if name != "fault"}
    fault = None
    for name in _MOMENTS:
        try:
            values[name] = instant(values[name])
        except (ValueError, OverflowError):
            fault = f"{name}: {values[name]!r} is no time between the years 1 and {LAST_YEAR}"
            values[name] = None
    values["live"] = bool(values["live"])
    return Row(**values, fault=fault)


def instant(value: Any) -> datetime | None:
    """A column of times as an instant with zone UTC; SQLite keeps them as text. Raises ValueError."""
    if value is None:
        return None
    at: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def spec_of(row: Row, now: datetime) -> Spec:
    """When the row fires; raises Rejected with the column at fault. `now` anchors an interval if nothing else does."""
    _check(row)
    if row.cronexpression is not None:
        if row.intervalseconds is not None:
            raise Rejected("both cronexpression and intervalseconds are given: choose one", field="cronexpression")
        return CronSpec(parse(row.cronexpression), zone(row.timezone))
    if row.intervalseconds is not None:
        if not 1 <= row.intervalseconds <= LONGEST_INTERVAL:
            raise Rejected(
                f"intervalseconds is {row.intervalseconds}: 1 to {LONGEST_INTERVAL}", field="intervalseconds"
            )
        return IntervalSpec(row.intervalseconds, _anchor(row, row.intervalseconds, now))
    if row.startat is None:
        raise Rejected("nothing says when: give cronexpression, intervalseconds or startat", field="startat")
    return OnceSpec(row.startat)


def first_fire(row: Row, now: datetime) -> datetime | None:
    """When a row fires next that was just made or changed: never again at a time that it has had. Raises Rejected."""
    spec = spec_of(row, now)
    if row.left == 0:
        return None
    if isinstance(spec, OnceSpec):
        # Late is better than never: a time that was past when the row was made is due at once.
        following = spec.at if row.lastrunat is None or row.lastrunat < spec.at else None
    else:
        base = now if row.lastrunat is None else max(now, row.lastrunat)
        if row.startat is not None:
            base = max(base, row.startat - _TICK)
        following = next_fire(spec, base)
    return following if following is not None and (row.endat is None or following <= row.endat) else None


def _anchor(row: Row, seconds: int, now: datetime) -> datetime:
    """A point of the interval's grid."""
    if row.startat is not None:
        return row.startat
    # Where it stands, unless a longer interval or a hand put it further off than one.
    for known in (row.lastrunat, row.nextrunat):
        if known is not None and known <= now + timedelta(seconds=seconds):
            return known
    return now + timedelta(seconds=seconds)


def _check(row: Row) -> None:
    if row.fault is not None:
        raise Rejected(row.fault)
    if row.startat is not None and not 2 <= row.startat.year <= LAST_YEAR:
        raise Rejected(f"startat lies outside the years 2 to {LAST_YEAR}", field="startat")
    if row.startat is not None and row.endat is not None and row.endat < row.startat:
        raise Rejected("endat lies before startat: it would never fire", field="endat")
    if row.nextrunat is not None and not 2 <= row.nextrunat.year <= LAST_YEAR:
        raise Rejected(f"nextrunat lies outside the years 2 to {LAST_YEAR}", field="nextrunat")
    zone(row.timezone)
    for name, value, known in (("misfire", row.misfire, MISFIRES), ("overlap", row.overlap, OVERLAPS)):
        if value not in known:
            raise Rejected(f"{name} is {value!r}: one of {', '.join(known)}", field=name)
    if not (math.isfinite(row.jitter) and 0 <= row.jitter <= 86_400 * 366):
        raise Rejected(f"jitter is {row.jitter:g}: seconds, 0 or more and at most a year", field="jitter")
    if not (math.isfinite(row.timeout) and row.timeout > 0):
        raise Rejected(f"timeout is {row.timeout:g}: seconds, more than 0", field="timeout")
    if row.maxretries is not None and row.maxretries < 0:
        raise Rejected(f"maxretries is {row.maxretries}: 0 or more", field="maxretries")
    if row.maxexecutions < 0:
        raise Rejected(f"maxexecutions is {row.maxexecutions}: 0 or more", field="maxexecutions")
    if row.condition is not None and not row.condition.strip():
        raise Rejected("condition is empty: NULL asks nothing", field="condition")
