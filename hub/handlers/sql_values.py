"""JSON's values as a database's parameters want them.

Invariant: a value is changed only into what the column's type makes of it anyway when it stands in SQL text: an RFC
3339 text for a timestamp, a number for a text column. What does not fit is left for the database to refuse.

PostgreSQL's driver encodes by the types that the server infers, and does not convert. They are asked for once a
statement, and kept as long as the engine lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DataError, DBAPIError

from hub.handlers.job import Job
from hub.handlers.payload import json_text

Record = dict[str, Any]
Convert = Callable[[Any], Any]

_CACHED = 256
_types: WeakKeyDictionary[Dialect, dict[str, tuple[str, ...]]] = WeakKeyDictionary()


async def fit(job: Job, clause: TextClause, names: Sequence[str], records: list[Record]) -> list[Record]:
    """`records` with values that the driver takes for the parameters `names` of `clause`."""
    if not names:
        return records
    if job.db.dialect.name != "postgresql":
        return [{name: _nested_as_json(value) for name, value in record.items()} for record in records]
    converts = [(name, _CONVERTS.get(kind, _as_it_is)) for name, kind in (await _parameter_types(job, clause)).items()]
    return [{name: _converted(convert, record[name]) for name, convert in converts} for record in records]


def forget(job: Job, clause: TextClause) -> None:
    """Ask for the types again next time: the table may have changed."""
    _types.get(job.db.dialect, {}).pop(clause.text, None)


def is_bad_value(error: DBAPIError) -> bool:
    """Whether the database or its driver refused a value, so that trying again is useless."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return state.startswith("22") or isinstance(error, DataError)  # class 22: "data exception"


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


async def _parameter_types(job: Job, clause: TextClause) -> dict[str, str]:
    """The parameters in the statement's order, with the names of their types, 'any' for arrays and the like."""
    compiled = clause.compile(dialect=job.db.dialect)
    order: Sequence[str] = getattr(compiled, "positiontup", None) or list(compiled.params)
    known = _types.setdefault(job.db.dialect, {})
    types = known.get(clause.text)
    if types is None:
        driver = await job.driver()
        prepared = await driver.prepare(str(compiled))
        types = tuple(kind.name if kind.kind == "scalar" else "any" for kind in prepared.get_parameters())
        if len(known) >= _CACHED:
            known.clear()
        known[clause.text] = types
    return dict(zip(order, types, strict=True))


def _converted(convert: Convert, value: Any) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except (ValueError, ArithmeticError):
        return value  # the driver's refusal says more


def _as_it_is(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else value


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _local_instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _day(value: Any) -> Any:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


def _clock_time(value: Any) -> Any:
    return time.fromisoformat(value) if isinstance(value, str) else value


def _seconds(value: Any) -> Any:
    return timedelta(seconds=value) if isinstance(value, int | float) else value


_CONVERTS: dict[str, Convert] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), _text),
    **dict.fromkeys(("json", "jsonb"), json_text),
    **dict.fromkeys(("int2", "int4", "int8"), _whole),
    "numeric": _decimal,
    "timestamptz": _instant,
    "timestamp": _local_instant,
    "date": _day,
    "time": _clock_time,
    "timetz": _clock_time,
    "interval": _seconds,
}


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _nested_as_json(value: Any) -> Any:
    return json_text(value) if isinstance(value, dict | list) else value
