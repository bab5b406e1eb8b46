"""Whether the promise was kept: what was acknowledged, held against what the database shows once all has settled.

Invariant: pure. It judges facts and knows nothing of how they came about, nor of the hub's code.

I1 accepted = effects and failed · I2 one effect an id, failed ones none · I3 history rows = attempts without gaps, one
terminal · I4 nothing Processing past its lease + 2 rescue intervals · I6 the committed fence is the highest · I9
connections back to the base line. (I5, I7 and I8 are of the scheduler, of brokers and of keys.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.faults.handlers import SENDING, WITH_EFFECT, WITHOUT_SQL

COMPLETED, FAILED, CANCELLED = 3, 4, 6
FINAL = (COMPLETED, FAILED, CANCELLED)


@dataclass(frozen=True)
class JobRow:
    """A row of queue_jobs; `msg_id` is the message's own id, from its payload."""

    id: str
    msg_id: str
    handler: str
    statusid: int
    failure: str | None
    retrycount: int
    crashcount: int
    attemptbase: int
    fence: int
    parentjobid: str | None = None


@dataclass(frozen=True)
class HistoryRow:
    jobid: str
    statusid: int
    retryattempt: int


@dataclass(frozen=True)
class EffectRow:
    msg_id: str
    jobid: str
    attempt: int
    fence: int


_Row = TypeVar("_Row", HistoryRow, EffectRow)


@dataclass(frozen=True)
class Facts:
    """`overdue` are the ids of jobs that are Processing though their lease has long expired; `connections` those of
    workers that are gone."""

    accepted: frozenset[str]
    jobs: Sequence[JobRow]
    histories: Sequence[HistoryRow]
    effects: Sequence[EffectRow]
    overdue: Sequence[str] = ()
    connections: int = 0


@dataclass(frozen=True)
class Verdict:
    """`violations` names everything that is wrong, each with its invariant; lost and duplicated messages among them."""

    accepted: int
    effects: int
    failed: int
    lost: Sequence[str] = ()
    duplicates: Sequence[str] = ()
    violations: Sequence[str] = field(default=())

    @property
    def clean(self) -> bool:
        return not self.violations

    def breaks(self, invariant: str) -> bool:
        """Whether one of the violations is of this invariant (`I7`, say)."""
        return any(violation.startswith(f"{invariant} ") for violation in self.violations)

    def __str__(self) -> str:
        figures = (
            f"accepted {self.accepted}, effects {self.effects}, duplicates {len(self.duplicates)}, "
            f"lost {len(self.lost)}, failed {self.failed}"
        )
        shown = "".join(f"\n  {violation}" for violation in self.violations[:20])
        more = f"\n  … and {len(self.violations) - 20} more" if len(self.violations) > 20 else ""
        return figures + shown + more


def judge(facts: Facts) -> Verdict:
    """The verdict on a database in which nothing is under way any more."""
    count = _effects_of_messages(facts)
    failed = {job.msg_id for job in facts.jobs if job.statusid == FAILED}
    cancelled = {job.msg_id for job in facts.jobs if job.statusid == CANCELLED}
    lost = sorted(facts.accepted - count.keys() - failed - cancelled)
    duplicates = sorted(msg_id for msg_id, times in count.items() if times > 1)
    violations = [
        *(f"I1 lost: {one}" for one in lost),
        *(f"I2 {count[one]} effects: {one}" for one in duplicates),
        *(f"I2 failed, and yet it has an effect: {one}" for one in sorted(failed & count.keys())),
        *_of_jobs(facts),
        *(f"I4 Processing past its lease: {one}" for one in facts.overdue),
        *([f"I9 {facts.connections} connections are left"] if facts.connections else []),
    ]
    return Verdict(len(facts.accepted), sum(count.values()), len(failed), lost, duplicates, violations)


def _effects_of_messages(facts: Facts) -> Counter[str]:
    """Message → how often it took effect. The effect of a handler without SQL is its completion."""
    count = Counter(effect.msg_id for effect in facts.effects)
    empty = {job.id: job.msg_id for job in facts.jobs if job.handler in WITHOUT_SQL}
    count.update(empty[h.jobid] for h in facts.histories if h.statusid == COMPLETED and h.jobid in empty)
    return count


def _of_jobs(facts: Facts) -> Iterator[str]:
    histories: Mapping[str, list[HistoryRow]] = _by_job(facts.histories)
    effects: Mapping[str, list[EffectRow]] = _by_job(facts.effects)
    children = Counter(job.parentjobid for job in facts.jobs)
    for job in facts.jobs:
        if job.statusid not in FINAL:
            yield f"I1 not settled, status {job.statusid}: {job.id}"
            continue
        yield from _of_histories(job, sorted(histories[job.id], key=lambda row: row.retryattempt))
        yield from _of_effects(job, effects[job.id])
        sent = 1 if job.handler in SENDING and job.statusid == COMPLETED else 0
        if children[job.id] != sent:
            yield f"I2 {children[job.id]} outbound rows instead of {sent}: {job.id}"


def _of_histories(job: JobRow, rows: Sequence[HistoryRow]) -> Iterator[str]:
    attempts = [row.retryattempt for row in rows]
    # The failure that a crash makes of a job is counted as a crash; any other has one attempt more than it counts.
    made = job.attemptbase + job.retrycount + job.crashcount + (0 if job.failure == "poison" else 1)
    if attempts != list(range(made)):
        yield f"I3 histories of attempts {attempts} where {made} were made: {job.id}"
    elif rows[-1].statusid != job.statusid or any(row.statusid != FAILED for row in rows[:-1]):
        yield f"I3 histories end {[row.statusid for row in rows]}, the job {job.statusid}: {job.id}"


def _of_effects(job: JobRow, rows: Sequence[EffectRow]) -> Iterator[str]:
    if job.statusid == COMPLETED and job.handler in WITH_EFFECT and not rows:
        yield f"I1 completed without its effect: {job.id}"
    for row in rows:
        if row.fence != job.fence:
            yield f"I6 the effect has fence {row.fence}, the job {job.fence}: {job.id}"


def _by_job(rows: Sequence[_Row]) -> Mapping[str, list[_Row]]:
    found: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.jobid].append(row)
    return found
