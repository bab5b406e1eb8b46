"""What people and programs see of the queue beside the claim path, and what they change there: jobs, attempts, dead
letters, statistics, redrive, purge, retention.

Invariant: nothing here touches a job that runs, and no call does more work than its limits say: lists are pages, counts
end at a bound, changes go through in batches that are a short transaction each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.db.statement import load
from hub.errors import Rejected
from hub.model import Status
from hub.ports import Database, Row, Statement
from hub.queue.columns import instant, parsed
from hub.queue.store import Store

Record = dict[str, Any]
"""A row by the columns' own names: times are datetimes in UTC, metadata is parsed; `status` is the status as a word."""

Page = tuple[list[Record], str | None]
"""Records, and the cursor of the page after them; None when this was the last one."""

LARGEST_PAGE = 200
CUT = 4096
"""Payloads, results and the like are cut to so many characters in lists; `truncated` then names them."""

_BATCH = 500
_WEEK = 7 * 86_400.0
_MOST = 100_000
_ATTEMPTS, _DAY = 10_000, 86_400.0

_LONG = ("payload", "result", "inputdata", "outputdata")
_BOOLEANS = frozenset(("active", "cancelrequested"))
_TIMES = frozenset(
    ("scheduledat", "startedat", "completedat", "leaseuntil", "unknownsince", "createdon", "modifiedon")
)  # fmt: skip


class DeadFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters: all that fit what is given. `failure` is one of hub.model.Failure, `since` when it failed."""

    handler: str | None = None
    queue: str | None = None
    failure: str | None = None
    since: datetime | None = None


class Records:
    """See the module. Methods raise the database's errors as hub.errors has them, Rejected for a bad limit or cursor.

    `dedupe_retention` is in seconds: until then a purged row still answers for its dedupe key. `woken` is told the
    queues that got something to run, for a database that tells nobody itself.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        *,
        dedupe_retention: float = _WEEK,
        woken: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        self._database = database
        self._settings = store.settings
        self._dedupe_retention = dedupe_retention
        self._woken = woken

    # --- seen -------------------------------------------------------------------------------------------------------

    async def job(self, job_id: str) -> Record | None:
        """One job with all its columns, whole."""
        rows = await self._read("job", id=job_id)
        return _record(rows[0]) if rows else None

    async def status(self, job_id: str) -> int | None:
        """The `statusid` of one job, None if there is none."""
        rows = await self._read("status", id=job_id)
        return None if not rows else int(rows[0]["statusid"])

    async def jobs(
        self,
        *,
        status: Status | None = None,
        handler: str | None = None,
        queue: str | None = None,
        protocol: str | None = None,
        since: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Jobs, newest first: by their ids, which begin with the time they were made at (ids given by hand stand where
        their text puts them). `queue` 'default' includes rows that name none and were not claimed yet; `since` is when
        the job was made."""
        return await self._page(
            "list_jobs",
            "id",
            limit,
            status=status,
            handler=handler,
            queue=queue,
            protocol=protocol,
            since=since,
            cursor=cursor,
        )

    async def dead(self, where: DeadFilter | None = None, *, cursor: str | None = None, limit: int = 50) -> Page:
        """Dead letters: failed and quarantined jobs that are active, the last arrived first."""
        return await self._page("list_dead", "seq", limit, cursor=_number(cursor), **_given(where))

    async def histories(
        self,
        *,
        job_id: str | None = None,
        handler: str | None = None,
        status: Status | None = None,
        since: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Attempts with the handler of their job, newest first; `since` is when they began."""
        only: Record = {"handler": handler, "status": status, "since": since, "cursor": cursor}
        if job_id is None:
            return await self._page("list_histories", "id", limit, **only)
        return await self._page("histories_of_job", "id", limit, job_id=job_id, **only)

    async def history_of(self, job_id: str) -> list[Record]:
        """The attempts at one job in the order in which they were made: the last LARGEST_PAGE of them."""
        page, _ = await self.histories(job_id=job_id, limit=LARGEST_PAGE)
        return page[::-1]

    async def statistics(self) -> dict[str, dict[str, Record]]:
        """`{"queues": {name: {ready, waiting, processing, oldest_seconds}}, "handlers": {name: {total, completed,
        failed, avg_duration_ms, p95_duration_ms}}}`.

        Ready may run now and `oldest_seconds` is how long the oldest of it has waited (None if there is none); waiting
        is for its time or behind its ordering key. Each count ends at 100,000. Handlers are counted by attempts: the
        last 10,000 of the last 24 hours.
        """
        queues = await self._read("statistics_of_queues", most=_MOST)
        handlers = await self._read("statistics_of_handlers", most=_ATTEMPTS, seconds=_DAY)
        return {"queues": _by_first(queues), "handlers": _by_first(handlers)}

    async def depth(self, most: int = _MOST) -> int:
        """How many rows wait for a worker, for back-pressure. Counts up to `most` open ones and as many more behind
        their ordering keys: choose it a little above the mark that matters."""
        depth: int = (await self._read("depth", most=most))[0][0]
        return depth

    async def count_dead(self, *, handler: str | None = None, queue: str | None = None, most: int = _MOST) -> int:
        """How many dead letters there are; the count ends at `most`."""
        count: int = (await self._read("count_dead", handler=handler, queue=queue, most=most))[0][0]
        return count

    # --- second chances ---------------------------------------------------------------------------------------------

    async def retry(self, job_id: str, *, actor: str | None = None) -> bool:
        """Queue a Failed or Cancelled job again as if it were new; False if it is not there or in another state."""
        return await self.redrive([job_id], actor=actor) == 1

    async def redrive(
        self, ids: Sequence[str] | None = None, where: DeadFilter | None = None, *, actor: str | None = None
    ) -> int:
        """Queue Failed and Cancelled jobs again, by id; or dead letters, by filter. Answers how many."""
        return await self._each(ids, where, lambda batch: self._redrive(batch, actor))

    async def retry_failed(self, limit: int) -> int:
        """Queue again up to `limit` jobs that Failed for a passing reason and have retries left; each uses one up."""
        return await self._wake(await self._run("retry_failed", limit=limit, max_retries=self._settings.max_retries))

    async def _redrive(self, batch: Sequence[str], actor: str | None) -> int:
        return await self._wake(await self._run("redrive", batch, actor=actor))

    async def _wake(self, queued: Sequence[Row]) -> int:
        if queued and self._woken is not None:
            self._woken({row[1] for row in queued})
        return len(queued)

    # --- gone -------------------------------------------------------------------------------------------------------

    async def purge(self, ids: Sequence[str] | None = None, where: DeadFilter | None = None) -> int:
        """Delete dead letters with their attempts, by id or by filter; answers how many.

        One whose dedupe key is younger than `dedupe_retention` leaves an empty, inactive row that holds the key.
        """
        return await self._each(ids, where, lambda batch: self._remove(batch, failed=True))

    async def delete_jobs(self, older_than_days: float, limit: int) -> int:
        """Delete up to `limit` jobs that were Completed or Cancelled more than so many days ago, as `purge` does."""
        rows = await self._read("old_jobs", days=float(older_than_days), limit=limit)
        return await self._remove([row[0] for row in rows], failed=False)

    async def delete_histories(self, older_than_days: float, limit: int) -> int:
        """Delete up to `limit` attempts that began more than so many days ago."""
        return len(await self._run("delete_histories", days=float(older_than_days), limit=limit))

    async def release_dedupe(self, older_than_seconds: float, limit: int) -> int:
        """Forget up to `limit` dedupe keys of that age, and delete the rows that stayed only to hold theirs."""
        rows = await self._read("old_dedupe_keys", seconds=float(older_than_seconds), limit=limit)
        if rows:
            await self._run("release_dedupe", [row[0] for row in rows])
        return len(rows)

    async def _remove(self, ids: Sequence[str], *, failed: bool) -> int:
        if not ids:
            return 0
        hollowed = await self._run("hollow", ids, failed=failed, dedupe_retention=self._dedupe_retention)
        deleted = await self._run("purge", ids, failed=failed, dedupe_retention=self._dedupe_retention)
        return len(hollowed) + len(deleted)

    # --- how --------------------------------------------------------------------------------------------------------

    async def _each(
        self, ids: Sequence[str] | None, where: DeadFilter | None, change: Callable[[Sequence[str]], Awaitable[int]]
    ) -> int:
        """Change jobs in batches. By filter it goes from the newest down, so that one which fails again at once is not
        met twice."""
        if (ids is None) == (where is None):
            raise Rejected("give either ids or a filter")
        if ids is not None:
            return sum([await change(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH)])
        changed, cursor = 0, None
        while rows := await self._read("dead_ids", cursor=cursor, limit=_BATCH, **_given(where)):
            changed += await change([row[0] for row in rows])
            cursor = rows[-1][1]
        return changed

    async def _page(self, name: str, key: str, limit: int, **parameters: Any) -> Page:
        if not 1 <= limit <= LARGEST_PAGE:
            raise Rejected(f"a page holds 1 to {LARGEST_PAGE} rows, not {limit}", field="limit")
        # One more than asked for: whether there is a page after this one. One character more: whether it was cut.
        rows = await self._read(name, cut=CUT + 1, limit=limit + 1, **parameters)
        records = [_record(row) for row in rows[:limit]]
        for record in records:
            _cut(record)
        return records, str(records[-1][key]) if len(rows) > limit else None

    async def _read(self, name: str, **scalars: Any) -> list[Row]:
        return await self._database.read(self._statement(name), **scalars)

    async def _run(self, name: str, ids: Iterable[str] = (), **scalars: Any) -> list[Row]:
        return await self._database.run(self._statement(name), [(each,) for each in ids], **scalars)

    def _statement(self, name: str) -> Statement:
        return load("hub.queue", self._database.dialect, name)


def _given(where: DeadFilter | None) -> Record:
    return msgspec.structs.asdict(where or DeadFilter())


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise Rejected("not a cursor of this list", field="cursor")
    return int(cursor)


def _by_first(rows: Iterable[Row]) -> dict[str, Record]:
    return {row[0]: {name: row[name] for name in list(row.keys())[1:]} for row in rows}


def _record(row: Row) -> Record:
    record: Record = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row iterates over its values
    for name, value in record.items():
        if name in _TIMES:
            record[name] = instant(value)
        elif name in _BOOLEANS:
            record[name] = bool(value)
    record["metadata"] = parsed(record["metadata"])
    record["status"] = Status(record["statusid"]).word
    return record


def _cut(record: Record) -> None:
    # A history's result is a line, a job's may be long.
    long = [name for name in _LONG if isinstance(value := record.get(name), str) and len(value) > CUT]
    for name in long:
        record[name] = record[name][:CUT]
    if long:
        record["truncated"] = long


def unretried(job: Record) -> str:
    """Why `retry` has left this job as it is."""
    if job["statusid"] in (Status.FAILED, Status.CANCELLED):
        if not job["active"]:
            return "only active jobs are retried"
        if job["uniquekey"] is not None:
            return "another job of its handler has its unique key now"
    return "only failed and cancelled jobs are retried"
