"""What is told of rows that are committed."""

from datetime import UTC, datetime

from hub.model import NewJob
from hub.queue.arrival import NOTHING, TIMES, Arrival


def test_rows_name_their_queues_and_whether_one_waits_for_a_time() -> None:
    named, none = NewJob(id="1", handler="h", queue="slow"), NewJob(id="2", handler="h")
    assert Arrival.of(job for job in (named, none, named)) == Arrival(frozenset(["slow", ""]))
    assert Arrival.of([named, NewJob(id="3", handler="h", delay=0.0)]).timed
    assert Arrival.of([NewJob(id="3", handler="h", scheduledat=datetime(2030, 1, 1, tzinfo=UTC))]).timed


def test_two_are_one_that_has_the_queues_of_both() -> None:
    timed = Arrival(frozenset(["fast"]), timed=True)
    assert Arrival(frozenset(["slow"])) | timed == Arrival(frozenset(["fast", "slow"]), timed=True)
    assert NOTHING | timed == timed
    assert [bool(each) for each in (timed, TIMES, NOTHING)] == [True, True, False]


def test_who_hears_of_times_looks_for_them() -> None:
    assert Arrival(frozenset(["slow", ""])).notice == {"channel": "hub_ready", "queue": ["", "slow"]}
    assert TIMES.notice == {"channel": "hub_jobs", "queue": [""]}
