"""When a schedule fires: pure arithmetic on instants, zones and cron expressions.

Invariant: `next_fire(spec, after)` is greater than `after` and never decreases as `after` grows; it is found by
jumping from field to field, so that its cost does not depend on how far away it is.

Where clocks are put forward, what a fixed hour would have fired in the gap becomes one fire right after it. Where they
are put back, a fixed hour fires in the first pass only. An hour given as `*` follows elapsed time: it fires whenever
the clock on the wall shows a time that fits, in both passes, and nothing is made up for a gap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from hub.errors import Rejected
from hub.scheduler.cron import Cron, days_of

LAST_YEAR = 9998
"""Beyond this nothing fires: a year more and the arithmetic of zones leaves what a datetime can hold."""

_SECOND = timedelta(seconds=1)
# As many years as a cron expression can pause for: 29 February on one weekday, with 2100 between.
_YEARS = 41


class CronSpec(msgspec.Struct, frozen=True):
    """By a cron expression on the clocks of a zone."""

    cron: Cron
    zone: ZoneInfo


class IntervalSpec(msgspec.Struct, frozen=True):
    """Every `seconds` on a fixed grid through `anchor`, which fires too."""

    seconds: int
    anchor: datetime


class OnceSpec(msgspec.Struct, frozen=True):
    """One time."""

    at: datetime


Spec = CronSpec | IntervalSpec | OnceSpec


def zone(name: str) -> ZoneInfo:
    """The zone of that name in the IANA database; raises Rejected."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Rejected(
            f"{name[:64]!r} is no time zone: a name like 'Europe/Paris' or 'UTC'", field="timezone"
        ) from None


def next_fire(spec: Spec, after: datetime) -> datetime | None:
    """The first fire later than `after`, with zone UTC; None if there is none before the year 9999."""
    after = after.astimezone(UTC)
    match spec:
        case OnceSpec(at):
            return at if at > after else None
        case IntervalSpec(seconds, anchor):
            return _next_of_grid(seconds, anchor, after)
        case CronSpec(cron, zone_):
            if not 2 <= after.year <= LAST_YEAR:
                return None if after.year > LAST_YEAR else next_fire(spec, datetime(2, 1, 1, tzinfo=UTC))
            return _next_elapsed(cron, zone_, after) if cron.elapsed else _next_fixed(cron, zone_, after)


def fires(spec: Spec, after: datetime, count: int) -> list[datetime]:
    """The next `count` fires later than `after`; fewer if there are no more."""
    found: list[datetime] = []
    following = next_fire(spec, after)
    while following is not None and len(found) < count:
        found.append(following)
        following = next_fire(spec, following)
    return found


def last_fire(spec: Spec, first: datetime, until: datetime) -> datetime:
    """The last fire not later than `until`, given that `first` is such a fire; found by bisection."""
    best, high = first, until
    while high - best > _SECOND:
        middle = best + (high - best) / 2
        later = next_fire(spec, middle)
        if later is not None and later <= until:
            best = later
        else:
            high = middle  # nothing fires behind it in time
    while (later := next_fire(spec, best)) is not None and later <= until:
        best = later
    return best


def _next_of_grid(seconds: int, anchor: datetime, after: datetime) -> datetime | None:
    if after < anchor:
        return anchor
    step = timedelta(seconds=seconds)
    try:
        following = anchor + ((after - anchor) // step + 1) * step
    except OverflowError:
        return None
    return following if following.year <= LAST_YEAR else None


# --- clocks on the wall ----------------------------------------------------------------------------------------------


def _next_fixed(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    local = after.astimezone(zone)
    wall, fold = local.replace(tzinfo=None, fold=0), local.fold
    if fold:
        # In the second pass: all that it shows was seen in the first. Go on where the passes end.
        before, behind = _offsets(wall, zone)
        wall = max(wall, _turn(wall, before, behind, zone).replace(tzinfo=None) + before - _SECOND)
    shown = _next_wall(cron, wall)
    if shown is None:
        return None
    before, behind = _offsets(shown, zone)
    if behind > before:
        return _turn(shown, before, behind, zone)  # it is in a gap: right after it
    return (shown - before).replace(tzinfo=UTC)


def _next_elapsed(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    local = after.astimezone(zone)
    wall, fold = local.replace(tzinfo=None, fold=0), local.fold
    before, behind = _offsets(wall, zone)
    repeated_until = None
    if before > behind:
        turn = _turn(wall, before, behind, zone).replace(tzinfo=None)
        repeated_until = turn + before
        if not fold:
            shown = _next_wall(cron, wall)
            if shown is not None and shown < repeated_until:
                return (shown - before).replace(tzinfo=UTC)
            wall = turn + behind - _SECOND
    while (shown := _next_wall(cron, wall)) is not None:
        before, behind = _offsets(shown, zone)
        if repeated_until is not None and shown < repeated_until:
            return (shown - behind).replace(tzinfo=UTC)
        if before >= behind:
            return (shown - before).replace(tzinfo=UTC)
        # In a gap nothing fires: look on from the first time that is shown behind it.
        wall = _turn(shown, before, behind, zone).replace(tzinfo=None) + behind - _SECOND
    return None


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offset from UTC before and behind the turn of clocks that `wall` is in; twice the same if it is in none."""
    before = wall.replace(tzinfo=zone).utcoffset()
    behind = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or behind is None:
        raise ValueError(f"{zone.key} has no offset at {wall}")
    return before, behind


def _turn(wall: datetime, before: timedelta, behind: timedelta, zone: ZoneInfo) -> datetime:
    """The instant at which the clocks go from one offset to the other, around what `wall` shows."""
    # With the larger offset the instant lies before the turn or at most on it, with the smaller one not before it.
    low = (wall - max(before, behind)).replace(tzinfo=UTC) - _SECOND
    high = (wall - min(before, behind)).replace(tzinfo=UTC) + _SECOND
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _next_wall(cron: Cron, wall: datetime) -> datetime | None:
    """The first time later than `wall` that fits, zones aside."""
    start = wall.replace(microsecond=0) + _SECOND
    year, month, day = start.year, start.month, start.day
    today = _time_from(cron, start.hour, start.minute, start.second)
    if today is None:
        day += 1
    for _ in range(_YEARS * 12):
        if year > LAST_YEAR:
            return None
        found = _next_bit(days_of(cron, year, month), day)
        if found is not None:
            hour, minute, second = today if today is not None and found == day else _first_time(cron)
            return datetime(year, month, found, hour, minute, second)  # noqa: DTZ001 - it is a wall's, without a zone
        day, today = 1, None
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return None


def _first_time(cron: Cron) -> tuple[int, int, int]:
    return _low(cron.hours), _low(cron.minutes), _low(cron.seconds)


def _time_from(cron: Cron, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
    """The first time of day that fits and is not earlier; None if there is none that day."""
    if cron.hours >> hour & 1:
        if cron.minutes >> minute & 1 and (found := _next_bit(cron.seconds, second)) is not None:
            return hour, minute, found
        if (later := _next_bit(cron.minutes, minute + 1)) is not None:
            return hour, later, _low(cron.seconds)
    following = _next_bit(cron.hours, hour + 1)
    return (following, _low(cron.minutes), _low(cron.seconds)) if following is not None else None


def _next_bit(bits: int, start: int) -> int | None:
    rest = bits >> start
    return start + (rest & -rest).bit_length() - 1 if rest else None


def _low(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
