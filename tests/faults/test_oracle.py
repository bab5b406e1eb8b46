"""The oracle against violations made by hand: one that sees nothing would prove nothing."""

from dataclasses import replace

import pytest

from tests.faults.handlers import EFFECTFUL, EMPTY, PUBLISHING
from tests.faults.oracle import EffectRow, Facts, HistoryRow, JobRow, judge

COMPLETED = JobRow("j1", "m1", EFFECTFUL, 3, None, 0, 1, 0, 3)
PUBLISHED = JobRow("j2", "m2", PUBLISHING, 3, None, 0, 0, 0, 1)
CHILD = JobRow("c2", "c2", "publish", 3, None, 0, 0, 0, 1, parentjobid="j2")
EMPTIED = JobRow("j3", "m3", EMPTY, 3, None, 1, 0, 0, 2)
POISON = JobRow("j4", "m4", EFFECTFUL, 4, "poison", 0, 3, 0, 6)
EXHAUSTED = JobRow("j5", "m5", EFFECTFUL, 4, "exhausted", 1, 0, 0, 2)

KEPT = Facts(
    accepted=frozenset(("m1", "m2", "m3", "m4", "m5")),
    jobs=[COMPLETED, PUBLISHED, CHILD, EMPTIED, POISON, EXHAUSTED],
    histories=[
        *(HistoryRow("j1", 4, 0), HistoryRow("j1", 3, 1)),
        *(HistoryRow("j2", 3, 0), HistoryRow("c2", 3, 0)),
        *(HistoryRow("j3", 4, 0), HistoryRow("j3", 3, 1)),
        *(HistoryRow("j4", 4, number) for number in range(3)),
        *(HistoryRow("j5", 4, number) for number in range(2)),
    ],
    effects=[EffectRow("m1", "j1", 1, 3), EffectRow("m2", "j2", 0, 1)],
)


def without_job(facts: Facts, job: JobRow) -> Facts:
    return replace(
        facts,
        jobs=[one for one in facts.jobs if one != job],
        histories=[row for row in facts.histories if row.jobid != job.id],
        effects=[row for row in facts.effects if row.jobid != job.id],
    )


def with_job(facts: Facts, job: JobRow) -> Facts:
    return replace(facts, jobs=[*(one for one in facts.jobs if one.id != job.id), job])


def test_a_promise_that_was_kept_is_clean() -> None:
    verdict = judge(KEPT)
    assert verdict.clean, str(verdict)
    assert (verdict.accepted, verdict.effects, verdict.failed) == (5, 3, 2)


def test_what_was_not_acknowledged_may_be_there_or_not() -> None:
    assert judge(replace(KEPT, accepted=KEPT.accepted - {"m1"})).clean
    assert judge(without_job(replace(KEPT, accepted=KEPT.accepted - {"m1"}), COMPLETED)).clean


@pytest.mark.parametrize("job", [COMPLETED, EMPTIED, POISON])
def test_an_acknowledged_message_without_a_row_is_lost(job: JobRow) -> None:
    verdict = judge(without_job(KEPT, job))
    assert verdict.lost == [job.msg_id]
    assert verdict.violations == [f"I1 lost: {job.msg_id}"]


def test_a_completed_job_without_its_effect_is_lost() -> None:
    verdict = judge(replace(KEPT, effects=KEPT.effects[1:]))
    assert verdict.lost == ["m1"]
    assert "I1 completed without its effect: j1" in verdict.violations


def test_a_job_that_has_not_ended_is_no_success() -> None:
    assert judge(with_job(KEPT, replace(COMPLETED, statusid=2))).violations == ["I1 not settled, status 2: j1"]


def test_an_effect_made_twice_is_a_duplicate() -> None:
    verdict = judge(replace(KEPT, effects=[*KEPT.effects, EffectRow("m1", "j1", 1, 3)]))
    assert verdict.duplicates == ["m1"]
    assert verdict.violations == ["I2 2 effects: m1"]


def test_a_message_accepted_as_two_jobs_is_a_duplicate() -> None:
    twin = replace(COMPLETED, id="j9", crashcount=0)
    facts = replace(
        with_job(KEPT, twin),
        effects=[*KEPT.effects, EffectRow("m1", "j9", 0, 3)],
        histories=[*KEPT.histories, HistoryRow("j9", 3, 0)],
    )
    assert judge(facts).violations == ["I2 2 effects: m1"]


def test_an_empty_job_completed_twice_is_a_duplicate() -> None:
    verdict = judge(replace(KEPT, histories=[*KEPT.histories, HistoryRow("j3", 3, 2)]))
    assert verdict.duplicates == ["m3"]


def test_a_failed_job_has_no_effect() -> None:
    verdict = judge(replace(KEPT, effects=[*KEPT.effects, EffectRow("m4", "j4", 2, 6)]))
    assert verdict.violations == ["I2 failed, and yet it has an effect: m4"]


def test_an_outbound_row_too_many_or_too_few_is_seen() -> None:
    assert judge(with_job(KEPT, replace(CHILD, id="c3"))).violations == [
        "I2 2 outbound rows instead of 1: j2",
        "I3 histories of attempts [] where 1 were made: c3",
    ]
    assert judge(without_job(KEPT, CHILD)).violations == ["I2 0 outbound rows instead of 1: j2"]
    stray = replace(CHILD, parentjobid="j1")
    assert "I2 1 outbound rows instead of 0: j1" in judge(with_job(KEPT, stray)).violations


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [HistoryRow("j1", 3, 1)],
        [HistoryRow("j1", 4, 0), HistoryRow("j1", 4, 1), HistoryRow("j1", 3, 2)],
        [HistoryRow("j1", 4, 0), HistoryRow("j1", 3, 0)],
    ],
    ids=["none", "a gap", "one too many", "the same attempt twice"],
)
def test_attempts_with_gaps_are_seen(rows: list[HistoryRow]) -> None:
    facts = replace(KEPT, histories=[*rows, *KEPT.histories[2:]])
    assert [violation[:2] for violation in judge(facts).violations] == ["I3"]


@pytest.mark.parametrize("statuses", [(3, 3), (4, 4), (3, 4)])
def test_one_history_row_ends_the_job_and_it_is_the_last(statuses: tuple[int, int]) -> None:
    rows = [HistoryRow("j1", status, number) for number, status in enumerate(statuses)]
    [violation] = judge(replace(KEPT, histories=[*rows, *KEPT.histories[2:]])).violations
    assert violation.startswith("I3 histories end")


def test_a_zombies_effect_is_seen() -> None:
    facts = replace(KEPT, effects=[EffectRow("m1", "j1", 0, 2), *KEPT.effects[1:]])
    assert judge(facts).violations == ["I6 the effect has fence 2, the job 3: j1"]


def test_overdue_leases_and_connections_left_are_seen() -> None:
    assert judge(replace(KEPT, overdue=["j1"])).violations == ["I4 Processing past its lease: j1"]
    assert judge(replace(KEPT, connections=2)).violations == ["I9 2 connections are left"]
