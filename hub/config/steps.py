"""A workflow's steps, as far as one can be judged without the rest of the configuration.

Invariant: works on the document, as the other checks across sections do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hub.config.entry import Entry
from hub.config.faults import Fault, Invalid, quoted
from hub.config.values import A_TIME, instant


def kind_of_step(step: Entry) -> Iterator[Fault]:
    """What a step does: one thing, and one that can be."""
    given = {key for key in ("handler", "wait_for", "delay", "until") if step.value.get(key) is not None}
    if not given:
        yield step.fault("handler", "required, but missing", "or wait_for a signal, or a delay, or until a time")
    elif "wait_for" in given and len(given) > 1:
        other = sorted(given - {"wait_for"})[0]
        yield step.fault(other, "a step that waits for a signal has nothing else to do", "make two steps of it")
    elif {"delay", "until"} <= given:
        yield step.fault("until", "a step has a delay or an until, not both", "leave one of them out")
    until = step.text("until") or ""
    if until[:1].isdigit() and moment(step, "until") is None:
        yield step.fault("until", f"{quoted(until)} is no time", f"{A_TIME}, or the name of a field of the context")


def moment(entry: Entry, key: str) -> datetime | None:
    """The time under a key; None if there is none that can be read."""
    try:
        return instant(entry.value.get(key))
    except Invalid:
        return None
