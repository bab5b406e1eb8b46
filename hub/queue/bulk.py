"""What a loader is given: only the columns in which some row of the batch differs from the table's default.

Invariant: pure. Leaving a column out means the same as naming its default, so the rows are the same either way; a test
compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.model import NewJob, Status

_FIELDS = NewJob.__struct_fields__
_DEFAULTS: dict[str, Any] = {
    "queue": None,
    "priority": 0,
    "maxretries": None,
    "scheduledat": None,
    "delay": None,
    "orderingkey": None,
    "source": "",
    "dedupekey": None,
    "parentjobid": None,
    "typeid": 2,
    "method": None,
    "protocol": None,
    "direction": "internal",
    "metadata": None,
    "contenttype": "application/json",
    "payloadencoding": "text",
    "timeout": None,
    "traceparent": None,
    "createdby": None,
    "lasterror": None,
    "failure": None,
}
"""The defaults of `queue_jobs`, as the migrations have them."""


def loadable(rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """(column names, rows) for rows of NewJob in the order of its fields; a row with a time is Scheduled."""
    columns = dict(zip(_FIELDS, zip(*rows, strict=True), strict=True))
    if any(columns["scheduledat"]):
        columns["statusid"] = tuple(
            status if at is None else int(Status.SCHEDULED)
            for status, at in zip(columns["statusid"], columns["scheduledat"], strict=True)
        )
    else:
        del columns["statusid"]
    for name, default in _DEFAULTS.items():
        if all(value == default for value in set(columns[name])):
            del columns[name]
    return list(columns), list(zip(*columns.values(), strict=True))
