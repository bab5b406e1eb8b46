"""The work of `hub enqueue --lines`: one job a line, in batches.

Invariant: a line that cannot be taken is named by its number and never takes its neighbours with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from hub.cli.intake import Maker, Source, insert, warn_of_unknown
from hub.cli.session import Session, opened
from hub.cli.show import print_json, progress, say
from hub.clock import SystemClock
from hub.errors import AlreadyExists, Permanent, Rejected
from hub.model import NewJob

BATCH = 1000
_TOLD = 20
"""So many bad lines are told one by one, the rest by their count."""

Line = tuple[int, bytes]
"""Its number, from 1, and its bytes."""


async def enqueue_lines(file: Path | None, template: Maker, source: Source, *, strict: bool, as_json: bool) -> None:
    """Enqueue every line. Raises Rejected at the first bad one when `strict`."""
    clock = SystemClock()
    begun = clock.monotonic()
    async with opened(file) as session:
        warn_of_unknown(session.configuration, template.handler)
        with source.open() as stream, progress(source.size()) as bar:
            loader = Loader(session, template, bar.console, strict=strict)
            task = bar.add_task("enqueue", total=source.size(), jobs=0)
            for batch in _batches(stream):
                await loader.take(batch)
                bar.update(task, advance=sum(len(line) + 1 for _, line in batch), jobs=loader.enqueued)
    seconds = clock.monotonic() - begun
    if as_json:
        skipped = [{"line": number, "error": reason} for number, reason in loader.bad]
        counts = {"enqueued": loader.enqueued, "duplicates": loader.duplicates, "skipped": skipped}
        print_json({**counts, "seconds": round(seconds, 3)})
    else:
        say(loader.summary(seconds))


def _batches(stream: BinaryIO) -> Iterator[list[Line]]:
    """Lines, a batch at a time; blank ones are passed over."""
    batch: list[Line] = []
    for number, line in enumerate(stream, start=1):
        if line.strip():
            batch.append((number, line.rstrip(b"\r\n")))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Loader:
    """Takes lines and counts what became of them; `bad` holds (number, reason)."""

    def __init__(self, session: Session, template: Maker, console: Console, *, strict: bool) -> None:
        self._session = session
        self._template = template
        self._console = console
        self._strict = strict
        self._upto = 0
        self.enqueued = 0
        self.duplicates = 0
        self.bad: list[tuple[int, str]] = []

    async def take(self, lines: Sequence[Line]) -> None:
        """Enqueue a batch. Raises Rejected at its first bad line when strict, with what came before it enqueued."""
        rows: list[tuple[int, NewJob]] = []
        wrong: tuple[int, str] | None = None
        for number, line in lines:
            try:
                rows.append((number, self._template.row(line)))
            except Permanent as error:
                wrong = (number, str(error))
                if self._strict:
                    break
                self._leave_out(*wrong)
        try:
            await self._insert(rows)
        except asyncio.CancelledError:  # Ctrl-C
            say("[yellow]ended:[/]", f"the lines up to {self._upto:,} are done, {self.enqueued:,} jobs are enqueued")
            raise
        if self._strict and wrong is not None:
            self._end(*wrong)
        self._upto = lines[-1][0]

    def summary(self, seconds: float) -> str:
        """What became of the lines, as markup."""
        rate = f" in {seconds:.1f} s ({self.enqueued / seconds:,.0f}/s)" if seconds > 0 else ""
        parts = [f"{self.enqueued:,} enqueued{rate}"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} were there already")
        if self.bad:
            parts.append(f"[yellow]{len(self.bad):,} left out[/]")
        return ", ".join(parts)

    async def _insert(self, rows: Sequence[tuple[int, NewJob]]) -> None:
        """A batch; when the database refuses it, its rows one by one, so that only the bad ones stay out."""
        if not rows:
            return
        try:
            answers = await insert(self._session, [job for _, job in rows])
        except (Rejected, AlreadyExists) as error:
            if len(rows) > 1:
                for one in rows:
                    await self._insert([one])
                return
            if self._strict:
                self._end(rows[0][0], str(error))
            self._leave_out(rows[0][0], str(error))
            return
        duplicates = sum(answer.duplicate for answer in answers)
        self.duplicates += duplicates
        self.enqueued += len(answers) - duplicates

    def _leave_out(self, number: int, reason: str) -> None:
        self.bad.append((number, reason))
        if len(self.bad) <= _TOLD:
            say(f"[yellow]line {number} is left out:[/]", reason, self._console)

    def _end(self, number: int, reason: str) -> None:
        raise Rejected(f"line {number}: {reason} ({self.enqueued} of the lines before it are enqueued)")
