"""Cron expressions: text → Cron, a set of allowed values a field, kept as bits.

Invariant: parsing takes time in proportion to a text of at most 255 characters, and whatever is refused is refused with
the name of the field and the value at fault.

Five fields (minute hour day month weekday) or six (second first): `*`, `?`, numbers, names (JAN, MON), ranges, steps,
lists; 7 is Sunday, and a range of weekdays or months may go round (`FRI-MON`). Day of month: also `L`, the last one.
Weekday: also `5L`, the month's last Friday, and `5#2`, its second one. `@yearly @annually @monthly @weekly @daily
@midnight @hourly`. Not supported: `W`, years, `@reboot`, `@every`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from functools import lru_cache

import msgspec

from hub.errors import Rejected

LONGEST = 255

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = {name: at for at, name in enumerate(_MONTH_NAMES, start=1)}
_WEEKDAYS = {name: at for at, name in enumerate(_WEEKDAY_NAMES)}
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ITEM = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", re.ASCII)
_NTH = re.compile(r"(?P<day>\w+)#(?P<nth>[1-5])|(?P<last>\w+?)L", re.ASCII)
# The calendar repeats its weekdays after 28 years, or after 40 with a year like 2100 between.
_YEARS = 41


class _Field(msgspec.Struct, frozen=True):
    name: str
    low: int
    high: int
    names: dict[str, int] = {}
    # The value behind the last one that stands for the first: 7 for Sunday.
    again: int | None = None
    circular: bool = False


_SECOND = _Field("second", 0, 59)
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS, circular=True),
    _Field("weekday", 0, 6, _WEEKDAYS, again=7, circular=True),
)


class Cron(msgspec.Struct, frozen=True):
    """Bit n of a field is set if n is allowed; days of the week count from Sunday, 0.

    `either`: day of month and weekday are both restricted, and a day that fits one of them fits. `elapsed`: the hour
    was given as `*`, so that the schedule follows elapsed time when clocks change.
    """

    seconds: int
    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    last_day: bool
    nth_weekdays: tuple[tuple[int, int], ...]
    """(weekday, n): its n-th in the month, 0 for its last."""
    either: bool
    elapsed: bool


@lru_cache(maxsize=4096)
def parse(text: str) -> Cron:
    """The expression as sets; raises Rejected, also for one that matches no day of any year."""
    if len(text) > LONGEST:
        raise Rejected(f"a cron expression has at most {LONGEST} characters, this one has {len(text)}", field="cron")
    shown = text.strip()
    if shown.startswith("@"):
        if shown.lower() not in _SHORTHANDS:
            raise Rejected(f"{shown!r} is none of {', '.join(_SHORTHANDS)}", field="cron")
        shown = _SHORTHANDS[shown.lower()]
    fields = shown.split()
    if len(fields) not in (5, 6):
        raise Rejected(
            f"a cron expression has 5 fields, or 6 with seconds first; {text!r} has {len(fields)}", field="cron"
        )
    second, (minute, hour, day, month, weekday) = fields[0] if len(fields) == 6 else "0", fields[-5:]
    last_day, day_items = _take_last_day(day)
    nth, weekday_items = _take_nth(weekday)
    cron = Cron(
        seconds=_bits(_SECOND, second.split(",")),
        minutes=_bits(_FIELDS[0], minute.split(",")),
        hours=_bits(_FIELDS[1], hour.split(",")),
        days=_bits(_FIELDS[2], day_items),
        months=_bits(_FIELDS[3], month.split(",")),
        weekdays=_bits(_FIELDS[4], weekday_items),
        last_day=last_day,
        nth_weekdays=nth,
        either=not _open(day) and not _open(weekday),
        elapsed=any(item.startswith(("*", "?")) for item in hour.split(",")),
    )
    if not any(days_of(cron, year, month) for year in range(2000, 2000 + _YEARS) for month in range(1, 13)):
        raise Rejected(f"{text!r} never fires: no month has such a day", field="cron")
    return cron


@lru_cache(maxsize=16384)
def days_of(cron: Cron, year: int, month: int) -> int:
    """The days of a month that fit, as bits; 0 if none does."""
    if not cron.months >> month & 1:
        return 0
    first, length = monthrange(year, month)  # Monday is 0
    every = (1 << length + 1) - 2
    by_day = cron.days & every
    if cron.last_day:
        by_day |= 1 << length
    by_weekday = 0
    for weekday in range(7):
        # The first day of the month with this weekday, counted from Sunday, and then every seventh.
        start = (weekday - 1 - first) % 7 + 1
        if cron.weekdays >> weekday & 1:
            by_weekday |= _EVERY_SEVENTH << start
    for weekday, nth in cron.nth_weekdays:
        start = (weekday - 1 - first) % 7 + 1
        day = start + 7 * (nth - 1) if nth else start + (length - start) // 7 * 7
        by_weekday |= 1 << day
    by_weekday &= every
    return by_day | by_weekday if cron.either else by_day & by_weekday


_EVERY_SEVENTH = sum(1 << 7 * week for week in range(5))


def _open(field: str) -> bool:
    """Whether a field leaves its values open: `*`, `?` or `*/1` is among its items."""
    return any(item in ("*", "?", "*/1", "?/1") for item in field.split(","))


def _bits(field: _Field, items: list[str]) -> int:
    bits = 0
    for item in items:
        bits |= _item(field, item)
    return bits


def _item(field: _Field, item: str) -> int:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise _wrong(field, item)
    first, last, step_text = found["first"], found["last"], found["step"]
    step = int(step_text) if step_text is not None and len(step_text) < 6 else 1 if step_text is None else 0
    if step < 1:
        raise _wrong(field, item, "a step is 1 or more")
    if first in ("*", "?"):
        if last is not None:
            raise _wrong(field, item)
        values = range(field.low, field.high + 1, step)
    else:
        low = _value(field, first, item)
        if last is None:
            low = _folded(field, low)
        # As cron has it: 5/15 goes on to the end, a plain 5 does not.
        high = _value(field, last, item) if last is not None else field.high if step_text is not None else low
        values = _range(field, item, low, high, step)
    bits = 0
    for value in values:
        bits |= 1 << _folded(field, value)
    return bits


def _range(field: _Field, item: str, low: int, high: int, step: int) -> range:
    if low > high:
        if not field.circular:
            raise _wrong(field, item, "a range goes upwards")
        high += field.high - field.low + 1
    return range(low, high + 1, step)


def _folded(field: _Field, value: int) -> int:
    return (value - field.low) % (field.high - field.low + 1) + field.low if value > field.high else value


def _value(field: _Field, text: str, item: str) -> int:
    if text.upper() in field.names:
        return field.names[text.upper()]
    highest = field.again if field.again is not None else field.high
    if not text.isdecimal() or len(text) > 4:
        raise _wrong(field, item)
    if not field.low <= int(text) <= highest:
        raise _wrong(field, item, f"{text} is not between {field.low} and {highest}")
    return int(text)


def _take_last_day(field: str) -> tuple[bool, list[str]]:
    items = field.split(",")
    return "L" in items or "l" in items, [item for item in items if item not in ("L", "l")]


def _take_nth(field: str) -> tuple[tuple[tuple[int, int], ...], list[str]]:
    taken, left = [], []
    for item in field.split(","):
        found = _NTH.fullmatch(item.upper())
        if found is None:
            left.append(item)
            continue
        weekday = _folded(_FIELDS[4], _value(_FIELDS[4], found["day"] or found["last"], item))
        taken.append((weekday, int(found["nth"] or 0)))
    return tuple(taken), left


def _wrong(field: _Field, item: str, why: str | None = None) -> Rejected:
    text = f"{item!r} is no value of the field {field.name}"
    return Rejected(f"{text}: {why}" if why else text, field=f"cron.{field.name}")
