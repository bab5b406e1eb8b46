"""Pure: from a decision to rows: the job of a step, its row among the steps, the context after it.

Invariant: a step has one id for good, made of its execution's id and its name; its job has the same one, so that it
cannot be enqueued twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.errors import Permanent, Rejected
from hub.handlers.payload import NotJson, storable_json
from hub.model import NewJob
from hub.workflows.definition import Definition, Step, moment
from hub.workflows.graph import opened

METHOD = "workflow"
"""`queue_jobs.method` of a step's job."""
WAIT_HANDLER = "workflow.wait"
CONTEXT_LIMIT = 4 * 1024 * 1024
"""Characters: a context is copied into every step."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
ID_LIMIT = 255
"""Characters of a step's id, which is its job's."""
NO_OBJECT = "the context is a JSON object"

Context = dict[str, msgspec.Raw]
"""Values stay the text that they came as: no number changes on its way through."""

StepRow = tuple[str, str, str, str, str | None, str | None, str | None, int | None]
"""One row for save_steps.sql, in the order of its columns; `duration` in milliseconds."""

SavedRow = tuple[str | int | float | datetime | None, ...]
"""One row for save.sql, in the order of its columns."""

NONE_BEGINS: SavedRow = (None,) * 12
"""What `beginning` has where no step begins."""

_SHOWN = 200
_NOTHING = msgspec.Raw(b"null")
_context = msgspec.json.Decoder(Context)


def step_id(workflow_id: str, step: str) -> str:
    return f"{workflow_id}:{step}"


def unfit(workflow_id: str, definition: Definition | None, context: str | None) -> str | None:
    """Why what SQL has written cannot be begun: a context that is neither an object nor nothing, or an id that leaves
    no room for the names of the steps behind it."""
    if context is not None and not context.lstrip().startswith(("{", "null")):
        return NO_OBJECT
    try:
        _context.decode(context or "{}")
    except RecursionError:
        return "the context is nested too deeply"
    except msgspec.DecodeError:
        pass  # null
    longest = max((step.name for step in definition.steps), key=len) if definition is not None else ""
    if len(step_id(workflow_id, longest)) > ID_LIMIT:
        return f"workflow_id is too long: with the name of step {longest!r} behind it, it has {ID_LIMIT} at most"
    return None


def read_context(text: str | None) -> Context:
    """The context of an execution; anything but an object, which only SQL can have written, counts as empty."""
    try:
        return _context.decode(text) if text else {}
    except (msgspec.DecodeError, RecursionError):
        return {}


def context_text(value: Any) -> str:
    """The context that somebody starts a workflow with, as JSON. Raises Rejected for what is no object or too large."""
    try:
        text = storable_json({} if value is None else value)
    except NotJson as error:
        raise Rejected(f"the context: {error}", field="context") from error
    if not text.startswith("{"):
        raise Rejected(NO_OBJECT, field="context")
    if len(text) > CONTEXT_LIMIT:
        raise Rejected(f"the context is larger than {CONTEXT_LIMIT} characters", field="context")
    return text


def merge(context: Context, step: str, output: str | None) -> None:
    """Extend a context by what a step has returned: the fields of an object by their names, any other value by the
    step's. What is there already under a name is replaced."""
    if output is None:
        return
    if output.lstrip().startswith("{"):
        context.update(_context.decode(output))
    else:
        context[step] = msgspec.Raw(output)


def check_output(payload: str | None, output: str | None) -> None:
    """Raise Permanent for an output that no context can hold: not every database takes it, or it is too large to be
    copied into every step."""
    if output is not None and "\\u0000" in output and "\\u0000" in output.replace("\\\\", ""):
        raise Permanent("the result cannot be kept: text with the character U+0000")
    size = len(payload or "") + len(output or "")
    if size > CONTEXT_LIMIT:
        raise Permanent(f"the context would be larger than {CONTEXT_LIMIT} characters ({size}): keep a reference to it")


def begun(workflow_id: str, step: Step, context: str) -> StepRow:
    """The row of a step that begins."""
    return step_id(workflow_id, step.name), workflow_id, step.name, opened(step), context, None, None, None


def job(
    definition: Definition,
    step: Step,
    workflow_id: str,
    context: str,
    *,
    signals: Mapping[str, Any] | None = None,
    traceparent: str | None = None,
) -> NewJob:
    """The job of a step that begins, with the context as it is now."""
    about: dict[str, Any] = {"id": workflow_id, "type": definition.type, "step": step.name}
    waits = step.wait_for is not None
    delay, at = step.delay, None
    if waits:
        about["wait_for"] = step.wait_for
        if step.wait_for not in (signals or {}):
            delay, at = step.timeout, NEVER if step.timeout is None else None
    elif step.until is not None:
        at, fault = _time(step.until, context)
        if fault is not None:
            about["fault"] = fault
    metadata: dict[str, Any] = {METHOD: about}
    if step.settings:
        metadata["with"] = step.settings
    return NewJob(
        id=step_id(workflow_id, step.name),
        handler=step.handler or WAIT_HANDLER,
        payload=context,
        queue=step.queue,
        priority=step.priority,
        maxretries=step.max_retries,
        delay=delay,
        scheduledat=at,
        method=METHOD,
        metadata=msgspec.json.encode(metadata).decode(),
        timeout=None if waits else step.timeout,
        traceparent=traceparent,
    )


def wait_again(workflow_id: str, step: Step, signals: Mapping[str, Any]) -> tuple[str, bool, float | None]:
    """The row for wait_again.sql: a signal is waited for anew, a time stays what it was."""
    delay = 0.0 if step.wait_for in signals else step.timeout
    return step_id(workflow_id, step.name), step.wait_for is not None, delay


def beginning(step: Step, job: NewJob) -> SavedRow:
    """The columns of save.sql for a step that begins, and for what is its own in the job that `job` has made: the
    payload is the context, and the rest has the defaults of its table."""
    return (
        job.id, step.name, opened(step), job.handler, job.queue, job.priority, job.maxretries, job.scheduledat,
        job.delay, job.metadata, job.timeout, job.traceparent,
    )  # fmt: skip


def _time(until: str, context: str) -> tuple[datetime | None, str | None]:
    """The time that `until` says, or why it says none."""
    value = until if until[:1].isdigit() else _field(context, until.split("."))
    try:
        return moment(value), None
    except (TypeError, ValueError, OverflowError):
        return None, f"until: {until!r} is no time: {repr(value)[:_SHOWN]}"


def _field(context: str, names: Sequence[str]) -> Any:
    """A field of the context. The others are not read: SQL may have written what no program can read (1e999), and then
    this is its text."""
    found = msgspec.Raw(context.encode())
    try:
        for name in names:
            if not bytes(found).lstrip().startswith(b"{"):
                return None
            found = _context.decode(found).get(name, _NOTHING)
        return msgspec.json.decode(found)
    except (msgspec.DecodeError, RecursionError):
        return bytes(found).decode()
