"""Rows as they are shown: the columns' own names, without what the caller may not see.

Invariant: a viewer sees that something happened, never what it was about: payloads, results and the headers in metadata
are left out. Lists and details are hidden alike.
"""

from __future__ import annotations

from typing import Any, Final

from hub.api.access import Caller, Role

_OF_JOB: Final = frozenset(("payload", "result", "metadata", "truncated"))
_OF_HISTORY: Final = frozenset(("inputdata", "outputdata", "metadata", "truncated"))


def job_view(record: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A row of queue_jobs for this caller."""
    return _without(record, _OF_JOB, caller)


def history_view(record: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A row of job_histories for this caller; its `result` is a word or the error's first line."""
    return _without(record, _OF_HISTORY, caller)


def _without(record: dict[str, Any], hidden: frozenset[str], caller: Caller) -> dict[str, Any]:
    if caller.role >= Role.OPERATOR:
        return record
    return {name: value for name, value in record.items() if name not in hidden}
