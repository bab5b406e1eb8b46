"""The work of `hub dead`: which dead letters are meant, and what is done to them, in batches.

Invariant: what is changed is what was counted and agreed to; a dead letter that arrives meanwhile is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from hub.cli.session import Session, actor, opened
from hub.cli.show import age, errors, first_line, output, print_json, progress, say, table
from hub.errors import Rejected
from hub.queue.records import LARGEST_PAGE, DeadFilter

_BATCH = 200

Change = Callable[[Sequence[str]], Awaitable[int]]


@dataclass(frozen=True)
class Choice:
    """Which dead letters: `ids`, or all that fit `where` and failed before `before`."""

    ids: tuple[str, ...]
    where: DeadFilter
    before: datetime | None

    @classmethod
    def made(
        cls,
        ids: Sequence[str] | None,
        handler: str | None,
        queue: str | None,
        failure: str | None,
        since: datetime | None,
        before: datetime | None,
        *,
        everything: bool,
    ) -> Choice:
        """Of the command line. Raises BadParameter for one that names nothing, or ids and a filter."""
        filtered = any(value is not None for value in (handler, queue, failure, since, before))
        if not ids and not filtered and not everything:
            raise typer.BadParameter("name them by id or by a filter, or say --all")
        if ids and (filtered or everything):
            raise typer.BadParameter("ids and a filter exclude each other")
        return cls(tuple(ids or ()), DeadFilter(handler=handler, queue=queue, failure=failure, since=since), before)

    async def found(self, session: Session) -> list[str]:
        """The ids of the dead letters it names."""
        if self.ids:
            return list(self.ids)
        found: list[str] = []
        cursor: str | None = None
        while True:
            page, cursor = await session.records.dead(self.where, cursor=cursor, limit=LARGEST_PAGE)
            found += [letter["id"] for letter in page if self._is_old_enough(letter)]
            if cursor is None:
                return found

    def _is_old_enough(self, letter: dict[str, Any]) -> bool:
        failed = letter["completedat"] or letter["createdon"]
        return self.before is None or failed < self.before


async def redrive_chosen(file: Path | None, choice: Choice, *, ask: bool, as_json: bool) -> None:
    """Queue them again."""
    async with opened(file) as session:

        async def change(ids: Sequence[str]) -> int:
            return await session.records.redrive(ids, actor=actor())

        await _change_all(session, choice, change, ("redrive", "redriven"), ask=ask, as_json=as_json)


async def purge_chosen(file: Path | None, choice: Choice, *, ask: bool, as_json: bool) -> None:
    """Delete them."""
    async with opened(file) as session:
        await _change_all(session, choice, session.records.purge, ("purge", "purged"), ask=ask, as_json=as_json)


async def _change_all(
    session: Session, choice: Choice, change: Change, words: tuple[str, str], *, ask: bool, as_json: bool
) -> None:
    verb, done = words
    ids = await choice.found(session)
    # Ids were typed one by one; a filter may fit more than its author thinks.
    if ask and ids and not choice.ids:
        _agreed(f"{verb} {_letters(len(ids))}?")
    changed = 0
    with progress(len(ids)) as bar:
        task = bar.add_task(verb, total=len(ids), jobs=0)
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            changed += await change(batch)
            bar.update(task, advance=len(batch), jobs=changed)
    left = len(ids) - changed
    if as_json:
        print_json({done: changed, "left": left})
    else:
        say(f"{changed:,} {done}", f"({left:,} were no dead letters, or are not any more)" if left else "")
    if left and choice.ids:
        raise typer.Exit(1)


def _agreed(question: str) -> None:
    """Raises Abort for a no, Rejected where nobody is there to answer."""
    try:
        answer = typer.confirm(question, err=True)
    except typer.Abort:
        errors().print()  # the question still stands on this line
        raise Rejected("nobody has answered: --yes does it without asking") from None
    if not answer:
        raise typer.Abort


def show_page(letters: Sequence[dict[str, Any]], following: str | None) -> None:
    """A page of dead letters, and how to see the next."""
    if not letters:
        say("[dim]no dead letters[/]")
        return
    rows = [
        [
            letter["id"],
            letter["handler"],
            letter["queue"] or "",
            Text(letter["failure"] or "", style="red"),
            age(letter["completedat"] or letter["createdon"]),
            first_line(letter["lasterror"]),
        ]
        for letter in letters
    ]
    output().print(table(["ID", "HANDLER", "QUEUE", "FAILURE", "FAILED", "ERROR"], rows))
    if following:
        errors().print(Text(f"more: --cursor {following}", style="dim"))


def _letters(number: int) -> str:
    return "1 dead letter" if number == 1 else f"{number:,} dead letters"
