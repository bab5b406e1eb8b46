"""Where croniter alone would fire a schedule at another time than its expression says.

`python -m tests.unit.scheduler.deviations [COUNT [SEED]]` compares so many random expressions, most of them around a
turn of clocks, and prints how many differ in which way. What is right is what looking at every minute says; an
expression of which the hub's calendar says otherwise is an error here.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hub.errors import Rejected
from hub.scheduler.calendar import CronSpec, fires, zone
from hub.scheduler.cron import parse
from tests.unit.scheduler import oracle

CRONITER = "7.0.0"
"""The release that the table speaks of."""


class Deviation(NamedTuple):
    """`says` is what croniter answers behind `after` (a time, or the name of what it raises), `right` the fire's time.

    All times in UTC; `kind` is one of KINDS.
    """

    expression: str
    zone: str
    after: str
    says: str
    right: str
    kind: str


KINDS = {
    "single": "a range of one value, like `22-22`, counts as any value",
    "every": "one of two day fields holds every value without being `*` (`*/1`, `0-6`): either and both change places",
    "gap": "clocks put forward: an hour with a step (`*/2`) fires at the end of the gap, at a time that does not fit",
    "twice": "clocks put back: a fixed hour fires in both passes",
    "whole": "hours that hold every value without a star (`0-23`) follow elapsed time: the gap is not made up for",
    "syntax": "another way of writing it",
}
EXAMPLES = [
    Deviation("0 22-22 * * *", "UTC", "2026-03-01 12:00", "2026-03-01 13:00", "2026-03-01 22:00", "single"),
    Deviation("0 0 29-29 * *", "UTC", "2026-03-01 12:00", "2026-03-02 00:00", "2026-03-29 00:00", "single"),
    Deviation("0 0 * 6-6 *", "UTC", "2026-03-01 12:00", "2026-03-02 00:00", "2026-06-01 00:00", "single"),
    Deviation("0 0 * * SAT-6", "UTC", "2026-03-01 12:00", "2026-03-02 00:00", "2026-03-07 00:00", "single"),
    Deviation("0 0 */1 * 1", "UTC", "2026-03-02 12:00", "2026-03-03 00:00", "2026-03-09 00:00", "every"),
    Deviation("0 0 1 * */1", "UTC", "2026-03-01 12:00", "2026-03-02 00:00", "2026-04-01 00:00", "every"),
    Deviation("0 0 */2 * 0-6", "UTC", "2026-03-01 12:00", "2026-03-03 00:00", "2026-03-02 00:00", "every"),
    Deviation("0 */2 * * *", "Australia/Lord_Howe", "2015-10-03 14:59", "2015-10-03 15:30", "2015-10-03 17:00", "gap"),
    Deviation("12 */7 * * *", "Asia/Tehran", "2019-03-21 19:59", "2019-03-21 20:30", "2019-03-22 02:42", "gap"),
    Deviation("0 */2 * * *", "America/Havana", "2027-03-14 04:30", "2027-03-14 05:00", "2027-03-14 06:00", "gap"),
    Deviation("0 2 * * *", "Antarctica/Troll", "2011-10-30 00:00", "2011-10-30 02:00", "2011-10-31 02:00", "twice"),
    Deviation("0 1 * * *", "America/New_York", "2019-11-03 05:00", "2019-11-03 06:00", "2019-11-04 06:00", "twice"),
    Deviation(
        "34 0-23 * * *", "America/Sao_Paulo", "2015-10-18 02:59", "2015-10-18 03:34", "2015-10-18 03:00", "whole"
    ),
    Deviation("30 0 8 * * *", "UTC", "2026-03-01 12:00", "2026-03-08 00:30", "2026-03-02 08:00:30", "syntax"),
    Deviation("0 0 * * 5L", "UTC", "2026-03-01 12:00", "CroniterNotAlphaError", "2026-03-27 00:00", "syntax"),
]


def theirs(expression: str, name: str, after: datetime, count: int) -> list[datetime]:
    """croniter's next fires, in UTC. Raises its errors, and ImportError where it is not installed."""
    croniter = import_module("croniter").croniter  # the benchmarks bring it; nothing else here needs it
    found = croniter(expression, after.astimezone(ZoneInfo(name)))
    return [found.get_next(datetime).astimezone(UTC) for _ in range(count)]


def ours(expression: str, name: str, after: datetime, count: int) -> list[datetime]:
    return fires(CronSpec(parse(expression), zone(name)), after, count)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def table() -> list[str]:
    """The examples as lines of a table in Markdown."""
    return [
        f"| `{one.expression}` | {one.zone} | {one.after} | {one.says} | {one.right} | {KINDS[one.kind]} |"
        for one in EXAMPLES
    ]


def kind_of(expression: str, meaning: oracle.Meaning, says: datetime, name: str) -> str:
    """Which deviation it is that `says` was answered (times in UTC); 'unknown' if it is none of them."""
    _, _, day, _, weekday = expression.split()
    if any(_value(first) == _value(last) for first, last in re.findall(r"(\w+)-(\w+)", expression)):
        return "single"
    every = meaning.days == frozenset(range(1, 32)) or meaning.weekdays == frozenset(range(7))
    if day != "*" and weekday != "*" and (every or "*/1" in (day, weekday)):
        return "every"
    if len(meaning.hours) == 24 and not meaning.elapsed:
        return "whole"
    wall = says.astimezone(ZoneInfo(name))
    if not meaning.shows(wall.replace(tzinfo=None)):
        return "gap"
    return "twice" if wall.fold else "unknown"


def _value(word: str) -> int:
    names = {
        **{name: at for at, name in enumerate(oracle.MONTHS, 1)},
        **{w: at for at, w in enumerate(oracle.WEEKDAYS)},
    }
    return names[word.upper()] if word.upper() in names else int(word)


def search(count: int, seed: int) -> Counter[str]:
    """How many of `count` random expressions croniter fires otherwise in their first six fires, by kind.

    Two thirds of them begin an hour to a day before a turn of clocks. Raises AssertionError if the hub deviates.
    """
    dice, found = random.Random(seed), Counter[str]()
    for number in range(count):
        name = oracle.ZONES[number % len(oracle.ZONES)]
        text, meaning = oracle.expression(dice)
        text = text.replace("?", "*")
        year = dice.choice([2011, 2015, 2019, 2023, 2027])
        turns = oracle.turns(name, year)
        around = dice.choice(turns) if turns and number % 3 else datetime(year, dice.randint(1, 12), 7, tzinfo=UTC)
        after = around - timedelta(minutes=dice.choice([61, 181, 1801]))
        try:
            right = ours(text, name, after, 6)
        except Rejected:
            continue
        _check(meaning, name, after, right)
        found["compared"] += 1
        try:
            says = theirs(text, name, after, len(right))
        except ValueError as error:
            found[type(error).__name__] += 1
            continue
        differing = next((each for each, expected in zip(says, right, strict=True) if each != expected), None)
        if differing is not None:
            kind = kind_of(text, meaning, differing, name)
            found[kind if kind in KINDS else f"{kind}: {text} in {name} after {shown(after)}"] += 1
    return found


def _check(meaning: oracle.Meaning, name: str, after: datetime, right: list[datetime]) -> None:
    """The hub's fires in the first four days are those that looking at every minute finds."""
    window = oracle.Window(name, after + timedelta(minutes=1), timedelta(days=4), timedelta(minutes=1))
    expected = [window.at(each) for each in oracle.brute_force(meaning, window)]
    assert [each for each in right if each < window.at(window.count)] == expected[: len(right)]


def main() -> None:
    count, seed = (int(word) for word in (*sys.argv[1:3], *("3000", "1")[len(sys.argv) - 1 :]))
    sys.stdout.write("\n".join(table()) + "\n")
    for kind, times in search(count, seed).most_common():
        sys.stdout.write(f"{times:6} {kind}: {KINDS.get(kind, '')}\n")


if __name__ == "__main__":
    main()
