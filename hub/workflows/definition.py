"""What a workflow is: its steps, and which of them each one waits for.

Invariant: values, frozen; the same definition has the same digest in every process. A definition that has faults (names
that are not there, a circle) never starts an execution.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import msgspec

from hub.errors import HubError
from hub.handlers.mark import marks
from hub.handlers.payload import NotJson, storable_json
from hub.workflows.circle import circle

NAME_LIMIT = 200
"""A step's id, and its job's, is the execution's id, a colon and the step's name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class WorkflowInvalid(HubError):
    """A definition that cannot run; `faults` has one text for each."""

    code = "workflow-invalid"

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"settings": "with"}):
    """One step: a handler to run, a signal to wait for, a time to let pass, or a time and then a handler.

    `after` names the steps that are completed before it begins. `timeout` (seconds) is of one attempt, or how long a
    signal is waited for. `delay` in seconds from when it could begin; `until` a time in RFC 3339, or the name of a
    field of the context that has one. `settings` are the handler's `with`.
    """

    name: str
    handler: str | None = None
    after: tuple[str, ...] = ()
    queue: str | None = None
    priority: int = 0
    max_retries: int | None = None
    timeout: float | None = None
    wait_for: str | None = None
    delay: float | None = None
    until: str | None = None
    settings: dict[str, Any] = {}


class Definition(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A workflow's name and its steps, in the order in which they are shown."""

    type: str
    steps: tuple[Step, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def json(self) -> str:
        """As it is kept with each execution."""
        return msgspec.json.encode(self).decode()

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.json.encode()).hexdigest()

    @classmethod
    def read(cls, text: str) -> Self:
        """The definition that an execution has kept."""
        return msgspec.json.decode(text, type=cls)


def faults(definition: Definition) -> Iterator[str]:
    """Everything that is wrong with a definition."""
    names = [step.name for step in definition.steps]
    if not names:
        yield "a workflow has one step at least"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two steps are named {name!r}"
    for step in definition.steps:
        yield from (f"step {step.name!r}: {fault}" for fault in _of_step(step, names))
    if chain := circle({step.name: step.after for step in definition.steps}):
        yield f"steps wait for each other: {' after '.join(chain)}"


def _of_step(step: Step, names: Sequence[str]) -> Iterator[str]:
    if len(step.name) > NAME_LIMIT or not _NAME.fullmatch(step.name):
        yield f"a name has 1 to {NAME_LIMIT} letters, digits, '.', '_' and '-', and begins with a letter or digit"
    for other in step.after:
        if other not in names:
            yield f"after: there is no step {other!r}"
    if step.wait_for is not None and step.handler is not None:
        yield "waits for a signal or has a handler, not both: make two steps of it"
    if step.wait_for is not None and (step.delay is not None or step.until is not None):
        yield "waits for a signal or for a time, not both; how long it waits for the signal is its timeout"
    if step.delay is not None and step.until is not None:
        yield "has a delay or an until, not both"
    if step.until is not None and step.until[:1].isdigit():
        try:
            moment(step.until)
        except (ValueError, OverflowError):
            yield f"until: {step.until!r} is no time"
    try:
        storable_json(step.settings)
    except NotJson as error:
        yield f"settings: {error}"
    if step.handler is None and step.wait_for is None and step.delay is None and step.until is None:
        yield "needs a handler, a signal (wait_for) or a time (delay, until)"


def moment(text: str) -> datetime:
    """A time as `until` or a context has it; without a zone it is UTC. Raises TypeError, ValueError, OverflowError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class Workflow:
    """A workflow written in Python, found in the modules of handlers like these.

    >>> signup = (
    ...     Workflow("user_signup")
    ...     .step("create_user", "users.create")
    ...     .step("create_organization", "organizations.create", after="create_user")
    ... )
    """

    def __init__(self, type: str) -> None:
        self.type = type
        self.functions: list[Callable[..., Any]] = []
        self._steps: list[Step] = []

    def step(
        self,
        name: str,
        handler: str | Callable[..., Any] | None = None,
        *,
        after: str | Sequence[str] = (),
        queue: str | None = None,
        priority: int = 0,
        max_retries: int | None = None,
        timeout: float | timedelta | None = None,
        wait_for: str | None = None,
        delay: float | timedelta | None = None,
        until: str | datetime | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add a step (see Step). `handler` is a name, or a function marked with `@handler`."""
        if handler is not None and not isinstance(handler, str):
            found = marks(handler)
            if not found:
                raise WorkflowInvalid(f"workflow {self.type!r}, step {name!r}: mark {handler!r} with @handler(name)")
            self.functions.append(handler)
            handler = found[0].name
        self._steps.append(
            Step(
                name=name,
                handler=handler,
                after=(after,) if isinstance(after, str) else tuple(after),
                queue=queue,
                priority=priority,
                max_retries=max_retries,
                timeout=_seconds(timeout),
                wait_for=wait_for,
                delay=_seconds(delay),
                until=until.isoformat() if isinstance(until, datetime) else until,
                settings=dict(settings or {}),
            )
        )
        return self

    def wait(
        self, name: str, signal: str, *, after: str | Sequence[str], timeout: float | timedelta | None = None
    ) -> Self:
        """Add a step that is completed by a signal, whose payload goes into the context."""
        return self.step(name, after=after, wait_for=signal, timeout=timeout)

    @property
    def definition(self) -> Definition:
        """Raises WorkflowInvalid with every fault."""
        made = Definition(type=self.type, steps=tuple(self._steps))
        if found := tuple(f"workflow {self.type!r}: {fault}" for fault in faults(made)):
            raise WorkflowInvalid(*found)
        return made


def _seconds(span: float | timedelta | None) -> float | None:
    if span is None:
        return None
    return span.total_seconds() if isinstance(span, timedelta) else float(span)
