"""The work of `hub enqueue`: a payload from wherever it comes, a row, its id.

Invariant: what was reported as enqueued is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import msgspec
import typer

from hub.cli.session import Session, actor, opened
from hub.cli.show import print_json, say, span
from hub.clock import SystemClock
from hub.config import Configuration
from hub.config.faults import did_you_mean
from hub.errors import HubError, Permanent, TransactionConflict
from hub.handlers.outgoing import PUBLISH_HANDLER, Options, request
from hub.handlers.payload import is_json
from hub.model import Enqueued, NewJob

_TRIES = 5
_SYSTEM = ("system.", PUBLISH_HANDLER)  # made by a running hub
_clock = SystemClock()


class Maker(Protocol):
    """What makes the rows of one command."""

    @property
    def handler(self) -> str: ...

    def row(self, payload: bytes | None) -> NewJob:
        """Raises Permanent for a payload or an option that cannot be."""
        ...


class Template(msgspec.Struct, frozen=True):
    """What the rows share. `text`: payloads need not be JSON."""

    handler: str
    options: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    text: bool

    def row(self, payload: bytes | None) -> NewJob:
        """Raises Permanent for a payload or an option that cannot be."""
        if payload is not None and not self.text and not is_json(payload):
            raise Permanent("the payload is not JSON; quote it for the shell, or say --text to send it as it is")
        job = request(_clock.new_id(), self.handler, payload, self.metadata, cast(Options, self.options))
        return msgspec.structs.replace(job, createdby=actor())


class Source:
    """Where payloads come from: the argument, a file, or standard input."""

    def __init__(self, text: str | None = None, file: Path | None = None, *, piped: bool = False) -> None:
        self._text = text
        self._file = file
        self._piped = piped

    @classmethod
    def chosen(cls, payload: str | None, file: Path | None, *, lines: bool) -> Source:
        """By the command line. Raises BadParameter for two sources, lines from an argument, or a closed input."""
        if file is not None and payload is not None:
            raise typer.BadParameter("give the payload, or a file, not both", param_hint="PAYLOAD and --file")
        if lines and payload not in (None, "-"):
            raise typer.BadParameter("reads a file (--file) or standard input (-)", param_hint="--lines")
        if file == Path("-"):
            file, payload = None, "-"
        piped = payload == "-" or (lines and file is None)
        if piped and sys.stdin is None:  # as Python has it when the caller closed it: `<&-`, some supervisors
            raise typer.BadParameter("standard input is closed", param_hint="PAYLOAD")
        return cls(payload, file, piped=piped)

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


async def enqueue_one(file: Path | None, template: Maker, source: Source, *, as_json: bool) -> None:
    """One job; its id goes to standard output."""
    job = template.row(source.whole())
    async with opened(file) as session:
        warn_of_unknown(session.configuration, template.handler)
        answer = (await insert(session, [job]))[0]
    if as_json:
        print_json({"id": answer.id, "duplicate": answer.duplicate})
        return
    print(answer.id)
    if answer.duplicate:
        say("[yellow]a job with this key was there already: that is its id[/]")


async def insert(session: Session, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Insert rows in one transaction, again if the database asks for it: a hub beside us writes the same file."""
    for _ in range(_TRIES - 1):
        try:
            return await session.store.enqueue(jobs)
        except TransactionConflict:
            continue
    return await session.store.enqueue(jobs)


def warn_of_unknown(configuration: Configuration, handler: str) -> None:
    """A misspelt name would wait for an hour and fail then."""
    from hub.settings import collect  # here: it imports all of the hub

    try:
        known = [entry.name for entry in collect(configuration)]
    except HubError:
        return  # handlers that are not installed here; the instances that run them know better
    if handler not in known and not handler.startswith(_SYSTEM):
        wait = span(configuration.jobs.unknown_handler_after)
        near = did_you_mean(handler, known) or f"it waits up to {wait} for an instance that has it"
        say("[yellow]unknown here:[/]", f"no handler {handler!r}; {near}")
