"""Pure: what the states of a workflow's steps make of it, and which steps may begin.

Invariant: a step may begin once, when all that it comes after are completed and nothing has failed. Whatever order the
ends of steps come in, the states at the end are the same.

Progress is step → state of the steps that have begun; one that is not in it has not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from hub.workflows.definition import Definition, Step

QUEUED, WAITING, COMPLETED, FAILED, CANCELLED = "queued", "waiting", "completed", "failed", "cancelled"
PENDING, RUNNING = "pending", "running"
OPEN = (QUEUED, WAITING)
ENDED = (COMPLETED, FAILED, CANCELLED)

Progress = Mapping[str, str]


class Decision(msgspec.Struct, frozen=True):
    """The next states, and the steps that begin now."""

    status: str
    progress: dict[str, str]
    ready: list[Step] = []


def begin(definition: Definition) -> Decision:
    """A new execution: whatever comes after nothing begins."""
    return _go_on(definition, {})


def complete(definition: Definition, status: str, progress: Progress, steps: Collection[str]) -> Decision:
    """These steps have completed. One that had failed and now did not (its job was run again) is as good as any."""
    states = {**progress, **dict.fromkeys(steps, COMPLETED)}
    if status in (CANCELLED, COMPLETED):
        return Decision(status, states)
    return _go_on(definition, states)


def fail(status: str, progress: Progress, outcomes: Mapping[str, str]) -> Decision:
    """The jobs of these steps have failed or were cancelled, and the workflow with them. Steps that are not open any
    more stay as they are: what somebody else has decided holds."""
    new = {step: outcome for step, outcome in outcomes.items() if progress.get(step) in OPEN}
    states = {**progress, **new}
    if status != RUNNING or not new:
        return Decision(status, states)
    return Decision(FAILED if FAILED in new.values() else CANCELLED, states)


def cancel(progress: Progress) -> Decision:
    """Nothing more begins; what is open is to be stopped."""
    return Decision(CANCELLED, {step: CANCELLED if state in OPEN else state for step, state in progress.items()})


def resume(definition: Definition, progress: Progress) -> Decision:
    """What failed or was cancelled is open again, and what may begin begins."""
    by_name = definition.by_name
    states = {
        step: opened(by_name[step]) if state in (FAILED, CANCELLED) and step in by_name else state
        for step, state in progress.items()
    }
    return _go_on(definition, states)


def opened(step: Step) -> str:
    """The state of a step that has begun."""
    return QUEUED if step.handler is not None else WAITING


def _go_on(definition: Definition, states: dict[str, str]) -> Decision:
    if FAILED in states.values():
        return Decision(FAILED, states)
    if CANCELLED in states.values():
        return Decision(CANCELLED, states)
    ready = [
        step
        for step in definition.steps
        if step.name not in states and all(states.get(other) == COMPLETED for other in step.after)
    ]
    for step in ready:
        states[step.name] = opened(step)
    done = all(states.get(step.name) == COMPLETED for step in definition.steps)
    return Decision(COMPLETED if done else RUNNING, states, ready)
