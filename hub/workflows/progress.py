"""The ends of steps: what a completed step makes of its execution, in the transaction that completes its job.

Invariant: an execution is read under its lock and written in the same transaction, together with the completion of the
jobs and the jobs that come next: two branches that end at once are merged one after another, and a join begins with the
last of them. Steps whose handlers touched no SQL end together, hundreds to a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import cast

import msgspec

from hub.db.statement import load
from hub.errors import Permanent
from hub.model import Claim, NewJob, Settlement
from hub.ports import Database, JobScope, JobTransaction, Statement
from hub.queue.arrival import Arrival, Told
from hub.queue.store import Store
from hub.workflows import graph, rows
from hub.workflows.definition import Definition, Step

_PROGRESS = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode
_TOGETHER = 500
_KNOWN = 1000


class _Whose(msgspec.Struct, frozen=True):
    id: str
    step: str


class _About(msgspec.Struct, frozen=True):
    """Of a step's metadata what tells whose it is."""

    workflow: _Whose


_ABOUT = msgspec.json.Decoder(_About)


class Finished(msgspec.Struct, frozen=True):
    """A step whose handler has returned `output` (JSON text) after `duration` milliseconds."""

    workflow_id: str
    step: str
    output: str | None
    duration: int
    traceparent: str | None = None


def finished(claim: Claim, output: str | None, duration: int) -> Finished | None:
    """The end of a step by its claim; None if its metadata do not say of which execution (SQL has changed them)."""
    try:
        about = _ABOUT.decode(claim.metadata or "{}").workflow
    except (msgspec.DecodeError, RecursionError):
        return None
    return Finished(about.id, about.step, output, duration, claim.traceparent)


class Execution(msgspec.Struct, frozen=True):
    """A row of workflow_executions that is held, in the order of lock.sql's columns."""

    workflow_id: str
    workflow_type: str
    status: str
    context: str | None
    progress_text: str
    signals_text: str
    digest: str | None
    version: int

    @property
    def progress(self) -> dict[str, str]:
        return read_progress(self.progress_text)

    @property
    def signals(self) -> dict[str, msgspec.Raw]:
        return msgspec.json.decode(self.signals_text, type=dict[str, msgspec.Raw])


class Next(msgspec.Struct, frozen=True):
    """What ends of steps make of an execution: its state, its progress as JSON, the steps that begin."""

    status: str
    progress: str
    ready: list[Step]


class Progress:
    """`complete` is what the settler writes the ends of steps with, `advance` is for a step's own transaction.
    `arrived` is told of the jobs of steps that have begun."""

    def __init__(self, database: Database, store: Store, arrived: Told) -> None:
        self._database = database
        self._store = store
        self._arrived = arrived
        self._definitions: dict[str, Definition] = {}
        self._decided: dict[tuple[str | None, str, str, tuple[str, ...]], Next] = {}
        self._lock = self.statement("lock")
        self._save = self.statement("save")
        self._save_steps = self.statement("save_steps")
        self._complete = load("hub.queue", database.dialect, "complete")

    def statement(self, name: str) -> Statement:
        return load("hub.workflows", self._database.dialect, name)

    # --- many ends at a time ----------------------------------------------------------------------------------------

    async def complete(self, ended: Sequence[tuple[Claim, Settlement]]) -> set[str]:
        """Complete steps whose handlers used no transaction; answers the ids for which the fence held."""
        done: set[str] = set()
        for start in range(0, len(ended), _TOGETHER):
            done |= await self._complete_some(list(ended[start : start + _TOGETHER]))
        return done

    async def _complete_some(self, ended: list[tuple[Claim, Settlement]]) -> set[str]:
        while ended:
            transaction = self._database.begin_job(f"the ends of {len(ended)} steps")
            try:
                done, begun = await self._complete_in(transaction, ended)
            except BaseException:
                await transaction.rollback()
                raise
            if done is not None:
                if begun:
                    self._arrived(begun)
                return done
            ended.pop()  # its fence was lost, and with it the commit
        return set()

    async def _complete_in(
        self, transaction: JobTransaction, ended: list[tuple[Claim, Settlement]]
    ) -> tuple[set[str] | None, Arrival]:
        """The ids for which the fence held, and what began. The last one's completion carries the COMMIT; None if its
        fence was lost."""
        *others, (_, last) = ended
        done = {last.id}
        ends = {s.id: end for claim, s in ended if (end := finished(claim, s.result, s.duration)) is not None}
        held = await self.lock(transaction, {end.workflow_id for end in ends.values()})
        if others:
            settings = self._store.settings
            found = await transaction.run(
                self._complete,
                [(s.id, s.fence, s.result, s.executionid, s.duration, s.attempt) for _, s in others],
                executedby=settings.owner,
                history_input=settings.history_input,
            )
            done |= {row[0] for row in found}
        begun = await self._advance(transaction, held, [end for id, end in ends.items() if id in done], tell=True)
        return (done if await self._store.complete_in(transaction, last) else None), begun

    # --- in a transaction ---------------------------------------------------------------------------------------------

    async def advance(self, transaction: JobScope, ends: Sequence[Finished]) -> Arrival:
        """Write what these ends make of their executions; answers what has begun, of which nobody is told yet: a COMMIT
        that tells somebody waits for all others that do."""
        held = await self.lock(transaction, {end.workflow_id for end in ends})
        return await self._advance(transaction, held, ends, tell=False)

    async def _advance(
        self, transaction: JobScope, held: Sequence[Execution], ends: Sequence[Finished], *, tell: bool
    ) -> Arrival:
        by_execution: dict[str, list[Finished]] = {}
        for end in ends:
            by_execution.setdefault(end.workflow_id, []).append(end)
        saved: list[rows.SavedRow] = []
        jobs: list[NewJob] = []
        for execution in held:
            of_it = by_execution.get(execution.workflow_id)
            definition = await self.definition(execution, transaction) if of_it else None
            if not of_it or definition is None:
                continue
            following = self._next(execution, definition, tuple(end.step for end in of_it))
            context = _merged(execution.context, of_it)
            next_jobs = _jobs(execution, definition, following.ready, context, of_it[-1].traceparent)
            saved += _saved(execution.workflow_id, following, context, of_it, next_jobs)
            jobs += next_jobs
        begun = Arrival.of(jobs)
        if saved:
            queues = sorted(begun.queues) if tell else []
            await transaction.run(self._save, saved, queues=queues, channel=begun.channel)
        return begun

    def _next(self, execution: Execution, definition: Definition, steps: tuple[str, ...]) -> Next:
        """Executions of one definition go through the same states: what was decided once is remembered."""
        key = execution.digest, execution.status, execution.progress_text, steps
        found = self._decided.get(key)
        if found is None:
            decision = graph.complete(definition, execution.status, execution.progress, steps)
            found = Next(decision.status, _encode(decision.progress).decode(), decision.ready)
            if len(self._decided) >= _KNOWN:
                self._decided.clear()
            self._decided[key] = found
        return found

    async def lock(self, transaction: JobScope, ids: Iterable[str]) -> list[Execution]:
        """Hold these executions until the end of the transaction; those that are gone are left out."""
        return [Execution(*row) for row in await transaction.run(self._lock, [(one,) for one in sorted(ids)])]

    async def write_steps(self, transaction: JobScope, steps: Sequence[rows.StepRow]) -> None:
        if steps:
            await transaction.run(self._save_steps, steps)

    async def definition(self, execution: Execution, transaction: JobScope) -> Definition | None:
        """What the execution runs by; None for a row without one, that SQL has made."""
        if execution.digest is None:
            return None
        found = self._definitions.get(execution.digest)
        if found is None:
            row = (await transaction.run(self.statement("definition"), id=execution.workflow_id))[0]
            found = Definition.read(row[0])
            self.know(found, execution.digest)
        return found

    def know(self, definition: Definition, digest: str) -> None:
        """Remember a definition, so that it is not read again."""
        if len(self._definitions) >= _KNOWN:
            self._definitions.clear()
        self._definitions[digest] = definition


def own(scope: JobScope) -> JobTransaction:
    """The transaction of a job that has one of its own, as steps have. Raises Permanent for one that is shared."""
    if not hasattr(scope, "commit_with"):
        raise Permanent("a job that shares its transaction cannot start a workflow in it")
    return cast(JobTransaction, scope)


def _merged(context: str | None, ends: Sequence[Finished]) -> str:
    """The context with what these steps have returned."""
    merged = rows.read_context(context)
    for end in ends:
        rows.merge(merged, end.step, end.output)
    return _encode(merged).decode()


def _jobs(
    execution: Execution, definition: Definition, ready: Sequence[Step], context: str, traceparent: str | None
) -> list[NewJob]:
    """The jobs of the steps that begin."""
    return [
        rows.job(
            definition,
            step,
            execution.workflow_id,
            context,
            signals=execution.signals if step.wait_for is not None else None,
            traceparent=traceparent,
        )
        for step in ready
    ]


def _saved(
    id: str, following: Next, context: str, ends: Sequence[Finished], jobs: Sequence[NewJob]
) -> Iterator[rows.SavedRow]:
    """An execution after these ends, as save.sql takes it: with each of them, and with each step that begins."""
    execution = (id, following.status, context, following.progress, following.status in graph.ENDED)
    begun = [rows.beginning(step, job) for step, job in zip(following.ready, jobs, strict=True)]
    for end, beginning in zip_longest(ends, begun, fillvalue=None):
        ended = (None, None, None) if end is None else (rows.step_id(id, end.step), end.output, end.duration)
        yield (*execution, *ended, *(beginning or rows.NONE_BEGINS))


def read_progress(text: str) -> dict[str, str]:
    """The states in the column; none for what says none: anybody may write there, and it must stop no other row."""
    try:
        return _PROGRESS.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
