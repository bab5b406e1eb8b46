"""When a cron expression fires, found by looking at every minute (or second) of a window: slow, and plain.

Expressions are made together with the sets they mean, so that the parser is compared too.
"""

import random
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import compress
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # puts its clocks half an hour forward
    "Antarctica/Troll",  # two hours
    "America/Havana",  # midnight comes twice
    "America/Sao_Paulo",  # midnight was left out, until 2018
    "Asia/Tehran",  # by its own calendar, until 2022
    "Africa/Casablanca",  # around Ramadan
    "Pacific/Apia",  # left out 30 December 2011
    "Pacific/Chatham",  # turns its clocks at 02:45
]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


class Meaning(NamedTuple):
    """`days` or `weekdays` None: not restricted. `elapsed`: the hour is a star."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    elapsed: bool

    def shows(self, wall: datetime) -> bool:
        """Whether a time on the wall fits."""
        if wall.second not in self.seconds or wall.minute not in self.minutes or wall.hour not in self.hours:
            return False
        if wall.month not in self.months:
            return False
        weekday = wall.isoweekday() % 7
        if self.days is None or self.weekdays is None:
            return (self.days is None or wall.day in self.days) and (self.weekdays is None or weekday in self.weekdays)
        return wall.day in self.days or weekday in self.weekdays


def expression(dice: random.Random, *, with_seconds: bool = False) -> tuple[str, Meaning]:
    """A random expression that fires now and then, and its meaning."""
    minute, minutes = _field(dice, 0, 59)
    hour, hours = _field(dice, 0, 23)
    day, days = _field(dice, 1, 31, star=0.6)
    month, months = _field(dice, 1, 12, star=0.7, names=MONTHS)
    weekday, weekdays = _field(dice, 0, 6, star=0.6, names=WEEKDAYS)
    if "7" not in weekday and dice.random() < 0.2 and weekday == "0":
        weekday = "7"
    second, seconds = _field(dice, 0, 59) if with_seconds else ("", frozenset((0,)))
    meaning = Meaning(
        seconds,
        minutes,
        hours,
        None if day in ("*", "?", "*/1") else days,
        months,
        None if weekday in ("*", "?", "*/1") else weekdays,
        hour.startswith(("*", "?")),
    )
    return " ".join((second, minute, hour, day, month, weekday)).strip(), meaning


def _field(
    dice: random.Random, low: int, high: int, *, star: float = 0.3, names: list[str] | None = None
) -> tuple[str, frozenset[int]]:
    every = range(low, high + 1)
    if dice.random() < star:
        step = dice.choice([1, 1, 1, 2, 3, 5, 7, 15])
        text = dice.choice(["*", "?"]) if step == 1 and dice.random() < 0.9 else f"*/{step}"
        return text, frozenset(every[::step])
    texts, values = [], set()
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        first = dice.choice(every)
        match dice.choice(["one", "one", "range", "range-step", "from-step"]):
            case "one":
                texts.append(_word(dice, first, low, names))
                values.add(first)
            case "range":
                last = dice.randint(first, high)
                texts.append(f"{_word(dice, first, low, names)}-{_word(dice, last, low, names)}")
                values.update(range(first, last + 1))
            case "range-step":
                last, step = dice.randint(first, high), dice.randint(1, 9)
                texts.append(f"{first}-{last}/{step}")
                values.update(range(first, last + 1, step))
            case _:
                step = dice.randint(1, 9)
                texts.append(f"{first}/{step}")
                values.update(range(first, high + 1, step))
    return ",".join(texts), frozenset(values)


def _word(dice: random.Random, value: int, low: int, names: list[str] | None) -> str:
    if names is None or dice.random() < 0.5:
        return f"{value:02d}" if dice.random() < 0.1 else str(value)
    name = names[value - low]
    return name.lower() if dice.random() < 0.3 else name


class Window:
    """What the clocks of a zone show, instant by instant from `start` on: one byte an instant for each part of it."""

    def __init__(self, zone: str, start: datetime, length: timedelta, step: timedelta) -> None:
        self.start, self.step, self.count = start, step, length // step
        clock = ZoneInfo(zone)
        walls = [(start + number * step).astimezone(clock) for number in range(-1, self.count)]
        before, walls = walls[0], walls[1:]
        self.second = bytes(wall.second for wall in walls)
        self.minute = bytes(wall.minute for wall in walls)
        self.hour = bytes(wall.hour for wall in walls)
        self.day = bytes(wall.day for wall in walls)
        self.month = bytes(wall.month for wall in walls)
        self.weekday = bytes(wall.isoweekday() % 7 for wall in walls)
        self.first_pass = bytes(not wall.fold for wall in walls)
        self.left_out: dict[int, list[datetime]] = {}
        """Instant → what the clocks would have shown just before, but skipped."""
        for number, wall in enumerate(walls):
            missed = (wall.replace(tzinfo=None) - before.replace(tzinfo=None)) // step - 1
            if missed > 0:
                skipped = [before.replace(tzinfo=None, fold=0) + (n + 1) * step for n in range(missed)]
                self.left_out[number] = skipped
            before = wall

    def at(self, number: int) -> datetime:
        return self.start + number * self.step


def brute_force(meaning: Meaning, window: Window) -> list[int]:
    """The number of every instant of the window at which it fires: all are looked at, part by part."""
    fits = _fits(window.second, meaning.seconds) & _fits(window.minute, meaning.minutes)
    fits &= _fits(window.hour, meaning.hours) & _fits(window.month, meaning.months)
    if meaning.days is not None and meaning.weekdays is not None:
        fits &= _fits(window.day, meaning.days) | _fits(window.weekday, meaning.weekdays)
    elif meaning.days is not None:
        fits &= _fits(window.day, meaning.days)
    elif meaning.weekdays is not None:
        fits &= _fits(window.weekday, meaning.weekdays)
    if not meaning.elapsed:
        fits &= int.from_bytes(window.first_pass, "big")
    found = set(compress(range(window.count), fits.to_bytes(window.count, "big")))
    if not meaning.elapsed:
        found |= {number for number, walls in window.left_out.items() if any(map(meaning.shows, walls))}
    return sorted(found)


def _fits(shown: bytes, allowed: Container[int]) -> int:
    """A number with a byte for each instant: 1 where what is shown is allowed."""
    return int.from_bytes(shown.translate(bytes(value in allowed for value in range(256))), "big")


@lru_cache(maxsize=8)
def window(zone: str, start: datetime, length: timedelta, step: timedelta = timedelta(minutes=1)) -> Window:
    return Window(zone, start, length, step)


@lru_cache(maxsize=256)
def turns(zone: str, year: int) -> list[datetime]:
    """The hours of a year at whose beginning the clocks were other than an hour before."""
    clock, found = ZoneInfo(zone), []
    start = datetime(year, 1, 1, tzinfo=UTC)
    for number in range(366 * 24):
        instant = start + timedelta(hours=number)
        if instant.astimezone(clock).utcoffset() != (instant - timedelta(hours=1)).astimezone(clock).utcoffset():
            found.append(instant)
    return found
