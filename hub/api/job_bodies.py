"""Bodies of `/jobs` and rows of the table `jobs`, each made of the other.

Invariant: pure. A body that is read from a row and written back leaves the row as it was.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hub.api.access import Caller, Role
from hub.api.payloads import convert, encoded, in_utc, metadata_json
from hub.api.query import fits, invalid
from hub.api.shapes_of_jobs import ScheduledJobChange, ScheduledJobRequest
from hub.config import Configuration
from hub.config.values import seconds
from hub.handlers.payload import is_json
from hub.scheduler import tasks
from hub.scheduler.records import Definition

_LONGEST = 2**31 - 1
_AS_TEXT = "payload_text"
"""In the metadata of a job whose payload came as a text that holds JSON: it is shown as it came."""
_OF_THE_HUB = frozenset(
    (
        *("id", "status", "next_run_at", "last_run_at", "execution_count", "current_interval_id", "interval_progress"),
        *("interval_started_at", "last_error", "created_at", "updated_at", "upcoming"),
    )
)


def definition(asked: ScheduledJobRequest, configuration: Configuration) -> Definition:
    """The row of a new job. Raises HttpFault 422."""
    return _definition(asked, configuration, {}, maxexecutions=1 if asked.type == "scheduled" else 0)


def changed(record: dict[str, Any], value: Any, configuration: Configuration) -> Definition:
    """A row with the members of a body put over it. What only the hub writes is left alone: so an answer can be edited
    and sent back. Raises HttpFault 422."""
    if isinstance(value, dict):
        value = {name: member for name, member in value.items() if name not in _OF_THE_HUB}
    given = msgspec.structs.asdict(convert(value, ScheduledJobChange))
    given = {name: member for name, member in given.items() if member is not msgspec.UNSET}
    merged = {**_body(record, configuration), **given}
    if merged["type"] == "scheduled" and "interval" not in given:
        merged["interval"] = None
    maxexecutions = record["maxexecutions"]
    if merged["type"] == "interval":
        maxexecutions = maxexecutions if record["type"] == "interval" else 0
    elif record["type"] == "interval" or "schedule" in given:
        maxexecutions = record["executioncount"] + 1
    asked = ScheduledJobRequest(**merged)
    return _definition(asked, configuration, _metadata(record), maxexecutions=maxexecutions)


def view(record: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A row in this address's own words."""
    state, hidden = record["state"], caller.role < Role.OPERATOR
    shown = {
        "id": record["id"],
        "name": record["name"],
        "workspace_id": _workspace(record),
        "payload": _payload(record),
        "type": record["type"],
        "schedule": record["startat"],
        "interval": record["intervalseconds"] if record["cronexpression"] is None else record["cronexpression"],
        "timezone": record["timezone"],
        "handler": record["handler"],
        "enabled": record["enabled"],
        "priority": record["priority"],
        "max_retries": record["maxretries"],
        "timeout": record["timeout"],
        "enable_recovery": record["enable_recovery"],
        "status": state,
        "next_run_at": None if state == "paused" else record["nextrunat"],
        "last_run_at": record["lastrunat"],
        "execution_count": record["executioncount"],
        "current_interval_id": record["current_interval_id"],
        "interval_progress": _progress(record["interval_progress"], hidden),
        "interval_started_at": record["interval_started_at"],
        "last_error": record["lasterror"] or record["fireerror"],
        "created_at": record["createdon"],
        "updated_at": record["modifiedon"] or record["createdon"],
    }
    if hidden:
        del shown["payload"]
    return shown


# --- from a body -----------------------------------------------------------------------------------------------------


def _definition(
    asked: ScheduledJobRequest, configuration: Configuration, metadata: dict[str, Any], *, maxexecutions: int
) -> Definition:
    if asked.type == "scheduled" and asked.schedule is None:
        raise invalid("schedule", "a scheduled job needs a time")
    if asked.type == "scheduled" and asked.interval is not None:
        raise invalid("interval", "a scheduled job has none; its type would be interval")
    for name in ("name", "workspace_id", "handler", "timezone"):
        text = getattr(asked, name)
        if text is not None and not fits(text):
            raise invalid(name, "text without U+0000 and lone surrogates")
    cron, every = _interval(asked.interval, required=asked.type == "interval")
    payload = _text_of(asked.payload)
    about = {name: member for name, member in metadata.items() if name not in ("workspace_id", _AS_TEXT)}
    if asked.workspace_id is not None:
        about["workspace_id"] = asked.workspace_id
    if isinstance(asked.payload, str) and is_json(asked.payload):
        about[_AS_TEXT] = True
    recovery = configuration.jobs.recovery.default_enabled if asked.enable_recovery is None else asked.enable_recovery
    return Definition(
        name=asked.name,
        handler=_handler(asked.handler, payload, configuration),
        cronexpression=cron,
        intervalseconds=every,
        startat=in_utc(asked.schedule, "schedule"),
        maxexecutions=maxexecutions,
        enabled=asked.enabled,
        priority=asked.priority,
        maxretries=asked.max_retries,
        timeout=configuration.jobs.default_timeout if asked.timeout is None else asked.timeout,
        metadata=metadata_json(about, "workspace_id") if about else None,
        enable_recovery=recovery,
        payload=payload,
        timezone=asked.timezone,
    )


def _interval(value: str | int | None, *, required: bool) -> tuple[str | None, int | None]:
    """(cronexpression, intervalseconds)."""
    if value is None:
        if required:
            raise invalid("interval", 'an interval job needs one: a cron expression, seconds, or text like "5m"')
        return None, None
    if isinstance(value, int):
        return None, value
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return None, _whole(float(text))
    try:
        return None, _whole(seconds(text))
    except ValueError:
        return text, None  # what is wrong with it as a cron expression is found when the row is checked


def _whole(every: float) -> int:
    if every != int(every) or not 1 <= every <= _LONGEST:
        raise invalid("interval", f"whole seconds from 1 to {_LONGEST}")
    return int(every)


def _text_of(payload: Any) -> str | None:
    """A payload as the column has it, which holds text alone: one that is no JSON becomes a JSON string."""
    text, _, encoding = encoded(payload)
    if encoding != "text":
        raise invalid("payload", "text with the character U+0000")
    return msgspec.json.encode(text).decode() if text is not None and not is_json(text) else text


def _handler(named: str | None, payload: str | None, configuration: Configuration) -> str:
    has_tasks = _has_tasks(payload)
    if named is None:
        named = tasks.HANDLER if has_tasks else configuration.jobs.default_handler
    if named == tasks.HANDLER:
        convert({"payload": _said(payload)}, _WithTasks)
    return named


class _WithTasks(msgspec.Struct):
    payload: tasks.TaskList


def _has_tasks(payload: str | None) -> bool:
    value = _said(payload)
    return isinstance(value, dict) and "tasks" in value


# --- from a row ------------------------------------------------------------------------------------------------------


def _body(record: dict[str, Any], configuration: Configuration) -> dict[str, Any]:
    """The row as a body would have said it; a handler that was chosen by the payload is chosen anew."""
    chosen = record["handler"] in (tasks.HANDLER, configuration.jobs.default_handler)
    return {
        "name": record["name"],
        "type": record["type"],
        "workspace_id": _workspace(record),
        "payload": _payload(record),
        "schedule": record["startat"],
        "interval": record["intervalseconds"] if record["cronexpression"] is None else record["cronexpression"],
        "enable_recovery": record["enable_recovery"],
        "handler": None if chosen else record["handler"],
        "enabled": record["enabled"],
        "priority": record["priority"],
        "max_retries": record["maxretries"],
        "timeout": record["timeout"],
        "timezone": record["timezone"],
    }


def _metadata(record: dict[str, Any]) -> dict[str, Any]:
    """Rows written by SQL may hold any JSON there."""
    found = record["metadata"]
    value = _said(found) if isinstance(found, str) else found
    return value if isinstance(value, dict) else {}


def _said(text: str | None) -> Any:
    """What JSON says; None where there is none, or such as no program can read (1e999, a deep nest)."""
    try:
        return None if text is None else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _workspace(record: dict[str, Any]) -> str | None:
    found = _metadata(record).get("workspace_id")
    return found if isinstance(found, str) else None


def _payload(record: dict[str, Any]) -> Any:
    text = record["payload"]
    if text is None or _metadata(record).get(_AS_TEXT) is True:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def _progress(text: str | None, hidden: bool) -> Any:
    """What has been done, as JSON; without the results for those who may not see them."""
    if text is None or (hidden and tasks.read_interval(text) is None):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    if hidden:
        for task in value["tasks"]:
            task.pop("result", None)
    return value
