"""The calendar case by case: fields, clocks put forward and back, intervals, and how quickly."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from hub.errors import Rejected
from hub.scheduler.calendar import CronSpec, IntervalSpec, OnceSpec, fires, last_fire, next_fire, zone
from hub.scheduler.cron import parse
from hub.scheduler.records import Definition


def at(text: str) -> datetime:
    """'2026-01-31 08:00' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(cron: str, after: str, count: int = 1, name: str = "UTC") -> list[str]:
    """The next fires as UTC, to the minute or, where there are seconds, to the second."""
    return [
        f"{fire:%Y-%m-%d %H:%M}" + (f":{fire:%S}" if fire.second else "")
        for fire in fires(CronSpec(parse(cron), zone(name)), at(after), count)
    ]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 8 * * *", ["2026-01-31 08:00", "2026-02-01 08:00"]),
        ("*/15 * * * *", ["2026-01-31 00:15", "2026-01-31 00:30"]),
        ("5/20 * * * *", ["2026-01-31 00:05", "2026-01-31 00:25"]),
        ("0 0 1 * *", ["2026-02-01 00:00", "2026-03-01 00:00"]),
        ("0 0 31 * *", ["2026-03-31 00:00", "2026-05-31 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 12 * * MON-FRI", ["2026-02-02 12:00", "2026-02-03 12:00"]),
        ("0 12 * * fri-mon", ["2026-01-31 12:00", "2026-02-01 12:00"]),
        ("0 12 * * 7", ["2026-02-01 12:00", "2026-02-08 12:00"]),
        ("0 12 * * 5-7", ["2026-01-31 12:00", "2026-02-01 12:00"]),
        ("0 12 13 * 5", ["2026-02-06 12:00", "2026-02-13 12:00"]),  # either: Fridays, and every 13th
        ("0 12 ? * 5", ["2026-02-06 12:00", "2026-02-13 12:00"]),
        ("0 0 1 nov-feb *", ["2026-02-01 00:00", "2026-11-01 00:00"]),
        ("0 0 L * ?", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("0 0 * * 5L", ["2026-02-27 00:00", "2026-03-27 00:00"]),
        ("0 0 * * FRI#2", ["2026-02-13 00:00", "2026-03-13 00:00"]),
        ("0 0 * * 5#5", ["2026-05-29 00:00", "2026-07-31 00:00"]),
        ("*/20 * * * * *", ["2026-01-31 00:00:20", "2026-01-31 00:00:40"]),
        ("30 0 8 * * *", ["2026-01-31 08:00:30", "2026-02-01 08:00:30"]),
        ("@hourly", ["2026-01-31 01:00", "2026-01-31 02:00"]),
        ("@daily", ["2026-02-01 00:00", "2026-02-02 00:00"]),
        ("@midnight", ["2026-02-01 00:00", "2026-02-02 00:00"]),
        ("@weekly", ["2026-02-01 00:00", "2026-02-08 00:00"]),
        ("@Monthly", ["2026-02-01 00:00", "2026-03-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
    ],
)
def test_expressions(cron: str, expected: list[str]) -> None:
    assert following(cron, "2026-01-31 00:00", 2) == expected


@pytest.mark.parametrize(
    ("cron", "field", "part"),
    [
        ("60 * * * *", "minute", "'60'"),
        ("*/0 * * * *", "minute", "'*/0'"),
        ("* 24 * * *", "hour", "'24'"),
        ("* 22-4 * * *", "hour", "'22-4'"),
        ("* * 0 * *", "day of month", "'0'"),
        ("* * 32 * *", "day of month", "'32'"),
        ("* * * 13 *", "month", "'13'"),
        ("* * * FOO *", "month", "'FOO'"),
        ("* * * * 8", "weekday", "'8'"),
        ("* * * * 5#6", "weekday", "'5#6'"),
        ("* * 15W * *", "day of month", "'15W'"),
        ("61 * * * * *", "second", "'61'"),
        ("1,,2 * * * *", "minute", "''"),
        ("-1 * * * *", "minute", "'-1'"),
        ("1-2-3 * * * *", "minute", "'1-2-3'"),
        ("*-5 * * * *", "minute", "'*-5'"),
        ("²  * * * *", "minute", "'²'"),
        ("*/99999999999999999999 * * * *", "minute", "'*/99999999999999999999'"),
    ],
)
def test_what_is_wrong_is_named(cron: str, field: str, part: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse(cron)
    assert caught.value.field == f"cron.{field}"
    assert part in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * * *", "@every 5m", "@reboot", "now"])
def test_what_is_no_expression(cron: str) -> None:
    with pytest.raises(Rejected):
        parse(cron)


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 30 FEB ?"])
def test_what_never_fires_is_refused(cron: str) -> None:
    with pytest.raises(Rejected, match="never fires"):
        parse(cron)


def test_a_megabyte_is_refused_without_being_read_or_repeated() -> None:
    with pytest.raises(Rejected) as caught:
        parse("*," * 500_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "a" * 300, "Europe/Par\0is"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(Rejected, match="no time zone"):
        zone(name)


# --- clocks put forward: Paris, 29 March 2026, 02:00 (01:00 UTC) becomes 03:00 ----------------------------------------


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        # Inside the gap: right after it, and the next day as usual.
        ("30 2 * * *", ["2026-03-29 01:00", "2026-03-30 00:30"]),
        # Several become one,
        ("0,15,30 2 * * *", ["2026-03-29 01:00", "2026-03-30 00:00"]),
        # also with what fires there anyway.
        ("0 2,3 * * *", ["2026-03-29 01:00", "2026-03-30 00:00"]),
        ("30 2,3 * * *", ["2026-03-29 01:00", "2026-03-29 01:30"]),
        # By elapsed time nothing is made up.
        ("30 * * * *", ["2026-03-29 00:30", "2026-03-29 01:30"]),
        ("*/30 */2 * * *", ["2026-03-29 02:00", "2026-03-29 02:30"]),
    ],
)
def test_forward(cron: str, expected: list[str]) -> None:
    assert following(cron, "2026-03-28 23:45", 2, "Europe/Paris") == expected


def test_a_gap_of_a_day() -> None:
    """Samoa left out 30 December 2011: 29 December 24:00 was 31 December 00:00, 10:00 UTC."""
    assert following("0 12 30 12 *", "2011-12-01 00:00", 2, "Pacific/Apia") == ["2011-12-30 10:00", "2012-12-29 22:00"]


def test_midnight_left_out() -> None:
    """São Paulo, 4 November 2018: 00:00 (03:00 UTC) became 01:00."""
    assert following("@daily", "2018-11-03 12:00", 2, "America/Sao_Paulo") == ["2018-11-04 03:00", "2018-11-05 02:00"]


# --- clocks put back: Paris, 25 October 2026, 03:00 (01:00 UTC) becomes 02:00 -----------------------------------------


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # Once, in the first pass,
        ("30 2 * * *", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        # from wherever in the second one asks.
        ("30 2 * * *", "2026-10-25 01:00", ["2026-10-26 01:30"]),
        ("30 2 * * *", "2026-10-25 01:29", ["2026-10-26 01:30"]),
        ("30 2,3 * * *", "2026-10-25 01:10", ["2026-10-25 02:30"]),
        ("0 2,3 * * *", "2026-10-25 00:00", ["2026-10-25 02:00"]),
        # By elapsed time, in both.
        ("30 * * * *", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"]),
        ("30 */2 * * *", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 03:30"]),
        ("30 */24 * * *", "2026-10-25 00:00", ["2026-10-25 23:30"]),
    ],
)
def test_back(cron: str, after: str, expected: list[str]) -> None:
    assert following(cron, after, len(expected), "Europe/Paris") == expected


def test_the_second_pass_of_another_year_is_not_this_ones() -> None:
    """Havana puts its clocks back at 01:00, so midnight comes twice, the second time at 05:00 UTC."""
    found = following("30 */24 1 11 *", "2020-11-01 05:10", 3, "America/Havana")
    assert found == ["2020-11-01 05:30", "2021-11-01 04:30", "2022-11-01 04:30"]


def test_a_zone_without_turns() -> None:
    assert following("0 8 * * *", "2026-10-25 00:00", 2, "Asia/Kolkata") == ["2026-10-25 02:30", "2026-10-26 02:30"]


# --- intervals, single times, ends ------------------------------------------------------------------------------------


def test_an_interval_keeps_its_grid() -> None:
    spec = IntervalSpec(300, at("2026-01-31 00:00:07"))
    assert next_fire(spec, at("2026-01-30 00:00")) == at("2026-01-31 00:00:07")
    assert next_fire(spec, at("2026-01-31 00:00:07")) == at("2026-01-31 00:05:07")
    assert next_fire(spec, at("2027-01-31 00:03")) == at("2027-01-31 00:05:07")


def test_once() -> None:
    spec = OnceSpec(at("2026-01-31 00:00"))
    assert next_fire(spec, at("2026-01-30 23:59:59")) == at("2026-01-31 00:00")
    assert next_fire(spec, at("2026-01-31 00:00")) is None


def test_nothing_fires_in_the_year_9999() -> None:
    end = at("9998-12-31 23:59:59")
    assert next_fire(CronSpec(parse("0 8 * * *"), zone("Europe/Paris")), end) is None
    assert next_fire(CronSpec(parse("* * * * *"), zone("Asia/Tokyo")), datetime.max.replace(tzinfo=UTC)) is None
    assert next_fire(IntervalSpec(2**31 - 1, end), end) is None
    assert next_fire(CronSpec(parse("0 8 1 1 *"), zone("Asia/Tokyo")), datetime.min.replace(tzinfo=UTC)) is not None


@pytest.mark.parametrize("cron", ["* * * * * *", "*/7 * * * *", "0 8 * * *", "* * 8 1 * *"])
@pytest.mark.parametrize("days", [0.0, 0.9, 31, 4000])
def test_the_last_fire_of_a_span(cron: str, days: float) -> None:
    spec = CronSpec(parse(cron), zone("Europe/Paris"))
    (first,) = fires(spec, at("2026-02-03 11:11:11"), 1)
    until = first + timedelta(days=days)
    last = last_fire(spec, first, until)
    after = next_fire(spec, last)
    assert first <= last <= until
    assert after is not None
    assert after > until
    assert next_fire(spec, last - timedelta(microseconds=1)) == last


def test_fires_ascend_without_end() -> None:
    spec = CronSpec(parse("0 0 * * 1#5"), zone("America/New_York"))
    found = fires(spec, at("2026-01-01 00:00"), 200)
    assert len(found) == 200
    assert all(one < two for one, two in pairwise(found))


@pytest.mark.parametrize("seconds", [0, 2**31, 2**63 - 1])
def test_an_interval_beyond_what_every_database_holds_is_refused_with_the_limits(seconds: int) -> None:
    now = at("2026-01-31 08:00")
    Definition(name="longest", handler="h", intervalseconds=2**31 - 1).check(now)
    with pytest.raises(Rejected, match=f"intervalseconds is {seconds}: 1 to 2147483647"):
        Definition(name="beyond", handler="h", intervalseconds=seconds).check(now)


@pytest.mark.parametrize("name", ["UTC+2", "europe/paris", ""])
def test_what_is_no_time_zone_is_told_with_what_would_be_one(name: str) -> None:
    with pytest.raises(Rejected, match="is no time zone: a name like 'Europe/Paris' or 'UTC'"):
        zone(name)
