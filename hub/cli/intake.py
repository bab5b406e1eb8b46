"""The work of `hub enqueue`: payloads become rows, singly or in batches.

Invariant: what was reported as enqueued is committed; a line that cannot be taken is named by its number and never
takes its neighbours with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import typer

from hub.app import collect
from hub.cli.session import Session, actor, opened
from hub.cli.show import print_json, progress, say, span
from hub.clock import SystemClock
from hub.config import Configuration
from hub.config.faults import did_you_mean
from hub.errors import AlreadyExists, HubError, Permanent, Rejected, TransactionConflict
from hub.handlers.outgoing import Options, request
from hub.handlers.payload import is_json
from hub.model import Enqueued, NewJob

BATCH = 1000
_clock = SystemClock()
_TOLD = 20
"""So many bad lines are told one by one, the rest by their count."""
_TRIES = 5
_SYSTEM = "system."  # made by a running hub

Template = tuple[str, Mapping[str, Any], Mapping[str, Any] | None]
"""(handler, options, metadata) that all the rows share."""


class Source:
    """Where payloads come from: the argument, a file, or standard input."""

    def __init__(self, text: str | None = None, file: Path | None = None, *, piped: bool = False) -> None:
        self._text = text
        self._file = file
        self._piped = piped

    @classmethod
    def chosen(cls, payload: str | None, file: Path | None, *, lines: bool) -> Source:
        """By the command line. Raises BadParameter for two sources, or lines from nowhere."""
        if file is not None and payload is not None:
            raise typer.BadParameter("give the payload, or a file, not both", param_hint="PAYLOAD and --file")
        if lines and payload not in (None, "-"):
            raise typer.BadParameter("reads a file (--file) or standard input (-)", param_hint="--lines")
        if file == Path("-"):
            file, payload = None, "-"
        return cls(payload, file, piped=payload == "-" or (lines and file is None))

    def whole(self) -> bytes | None:
        """All of it as one payload; None when none was given."""
        if self._piped:
            return sys.stdin.buffer.read()
        if self._file is not None:
            return self._file.read_bytes()
        return None if self._text is None else self._text.encode("utf-8", "surrogateescape")

    def open(self) -> BinaryIO:
        """As a stream of lines."""
        return self._file.open("rb") if self._file is not None else cast(BinaryIO, sys.stdin.buffer)

    def size(self) -> int | None:
        """Bytes, where that is known before."""
        return self._file.stat().st_size if self._file is not None and self._file.is_file() else None


@dataclass
class Tally:
    """What became of the lines. `bad` holds (number, reason)."""

    enqueued: int = 0
    duplicates: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


async def enqueue_one(file: Path | None, template: Template, source: Source, *, text: bool, as_json: bool) -> None:
    """One job; its id goes to standard output."""
    job = _row(template, source.whole(), text=text)
    async with opened(file) as session:
        _warn_of_unknown(session.configuration, template[0])
        answer = (await _insert(session, [job]))[0]
    if as_json:
        print_json({"id": answer.id, "duplicate": answer.duplicate})
        return
    print(answer.id)
    if answer.duplicate:
        say("[yellow]a job with this key was there already: that is its id[/]")


async def enqueue_lines(
    file: Path | None, template: Template, source: Source, *, text: bool, strict: bool, as_json: bool
) -> None:
    """One job a line, in batches. Raises Rejected at the first bad line when `strict`."""
    begun = _clock.monotonic()
    tally = Tally()
    async with opened(file) as session:
        _warn_of_unknown(session.configuration, template[0])
        with source.open() as stream, progress(source.size()) as bar:
            task = bar.add_task("enqueue", total=source.size(), jobs=0)
            for batch in _batches(stream):
                await _take(session, template, batch, tally, text=text, strict=strict)
                bar.update(task, advance=sum(len(line) for _, line in batch), jobs=tally.enqueued)
    seconds = _clock.monotonic() - begun
    if as_json:
        skipped = [{"line": number, "error": reason} for number, reason in tally.bad]
        counts = {"enqueued": tally.enqueued, "duplicates": tally.duplicates, "skipped": skipped}
        print_json({**counts, "seconds": round(seconds, 3)})
    else:
        _summarise(tally, seconds)


def _batches(stream: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """Lines with their numbers, a batch at a time; blank ones are passed over."""
    batch: list[tuple[int, bytes]] = []
    for number, line in enumerate(stream, start=1):
        if line.strip():
            batch.append((number, line.rstrip(b"\r\n")))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _take(
    session: Session,
    template: Template,
    lines: Sequence[tuple[int, bytes]],
    tally: Tally,
    *,
    text: bool,
    strict: bool,
) -> None:
    rows: list[tuple[int, NewJob]] = []
    wrong: tuple[int, str] | None = None
    for number, line in lines:
        try:
            rows.append((number, _row(template, line, text=text)))
        except Permanent as error:
            wrong = (number, str(error))
            if strict:
                break
            _note(tally, *wrong)
    await _insert_lines(session, rows, tally, strict=strict)
    if strict and wrong is not None:
        _end(*wrong, tally)


async def _insert_lines(session: Session, rows: Sequence[tuple[int, NewJob]], tally: Tally, *, strict: bool) -> None:
    """Insert a batch; when the database refuses it, its rows one by one, so that only the bad ones stay out."""
    if not rows:
        return
    try:
        answers = await _insert(session, [job for _, job in rows])
    except (Rejected, AlreadyExists) as error:
        if len(rows) > 1:
            for one in rows:
                await _insert_lines(session, [one], tally, strict=strict)
            return
        if strict:
            _end(rows[0][0], str(error), tally)
        _note(tally, rows[0][0], str(error))
        return
    duplicates = sum(answer.duplicate for answer in answers)
    tally.duplicates += duplicates
    tally.enqueued += len(answers) - duplicates


async def _insert(session: Session, jobs: Sequence[NewJob]) -> list[Enqueued]:
    for _ in range(_TRIES - 1):
        try:
            return await session.store.enqueue(jobs)
        except TransactionConflict:
            continue  # a hub beside us writes the same file
    return await session.store.enqueue(jobs)


def _row(template: Template, payload: bytes | None, *, text: bool) -> NewJob:
    """Raises Permanent for a payload or an option that cannot be."""
    handler, options, metadata = template
    if payload is not None and not text and not is_json(payload):
        raise Permanent("the payload is not JSON; quote it for the shell, or say --text to send it as it is")
    job = request(_clock.new_id(), handler, payload, metadata, cast(Options, options))
    return msgspec.structs.replace(job, createdby=actor())


def _note(tally: Tally, number: int, reason: str) -> None:
    tally.bad.append((number, reason))
    if len(tally.bad) <= _TOLD:
        say(f"[yellow]line {number} is left out:[/]", reason)


def _end(number: int, reason: str, tally: Tally) -> None:
    raise Rejected(f"line {number}: {reason} ({tally.enqueued} of the lines before it are enqueued)")


def _summarise(tally: Tally, seconds: float) -> None:
    rate = f" in {seconds:.1f} s ({tally.enqueued / seconds:,.0f}/s)" if seconds > 0 else ""
    parts = [f"{tally.enqueued:,} enqueued{rate}"]
    if tally.duplicates:
        parts.append(f"{tally.duplicates:,} were there already")
    if tally.bad:
        parts.append(f"[yellow]{len(tally.bad):,} left out[/]")
    say(", ".join(parts))


def _warn_of_unknown(configuration: Configuration, handler: str) -> None:
    """A misspelt name would wait for an hour and fail then."""
    try:
        known = [entry.name for entry in collect(configuration)]
    except HubError:
        return  # handlers that are not installed here; the instances that run them know better
    if handler not in known and not handler.startswith(_SYSTEM):
        wait = span(configuration.jobs.unknown_handler_after)
        near = did_you_mean(handler, known) or f"it waits up to {wait} for an instance that has it"
        say("[yellow]unknown here:[/]", f"no handler {handler!r}; {near}")
