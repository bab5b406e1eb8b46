"""`sql.execute` on each database: values bound as the columns want them, one statement, clear refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.errors import PayloadInvalid, Permanent
from hub.handlers import sql, sql_text
from hub.handlers.registry import Registry
from tests.unit.handlers.conftest import Hub

READINGS = "CREATE TABLE readings (machine text, celsius double precision)"
INSERT = "INSERT INTO readings (machine, celsius) VALUES (:machine, :celsius)"


async def execute(hub: Hub, statement: str, payload: Any = None) -> Any:
    registry = Registry().collect([sql], entry_points=False)
    metadata = json.dumps({"route": "telemetry", "with": {"statement": statement}})
    text = None if payload is None else json.dumps(payload)
    result = await hub.run(registry, "sql.execute", text, metadata=metadata)
    return json.loads(result)


async def test_a_message_becomes_a_row(database_hub: Hub) -> None:
    assert await execute(database_hub, READINGS) == {"rows": 0}
    assert await execute(database_hub, INSERT, {"machine": "m1", "celsius": 21.5, "other": [1]}) == {"rows": 1}
    assert await database_hub.rows("SELECT machine, celsius FROM readings") == [("m1", 21.5)]


async def test_a_list_of_messages_becomes_as_many_rows(database_hub: Hub) -> None:
    await execute(database_hub, READINGS)
    messages = [{"machine": f"m{n}", "celsius": None} for n in range(3)]
    assert await execute(database_hub, INSERT, messages) == {"rows": 3}
    assert await execute(database_hub, INSERT, []) == {"rows": 0}
    assert await database_hub.rows("SELECT count(*) FROM readings WHERE celsius IS NULL") == [(3,)]


async def test_values_are_bound_and_never_become_sql(database_hub: Hub) -> None:
    await execute(database_hub, READINGS)
    evil = "'); DROP TABLE readings; --"
    await execute(database_hub, INSERT, {"machine": evil, "celsius": 1})
    assert await database_hub.rows("SELECT machine FROM readings") == [(evil,)]


async def test_a_select_answers_its_rows(database_hub: Hub) -> None:
    statement = "SELECT :a AS a, 'b :a' AS b /* :none */ -- :none"
    assert await execute(database_hub, statement, {"a": "x"}) == {"rows": 1, "data": [{"a": "x", "b": "b :a"}]}


async def test_more_rows_than_a_result_should_hold_are_left_out(database_hub: Hub) -> None:
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) SELECT i FROM n ORDER BY i"
    )
    found = await execute(database_hub, numbers)
    assert (found["rows"], found["truncated"], found["data"][-1]) == (1000, True, {"i": 1000})


async def test_nested_values_are_kept_as_json(database_hub: Hub) -> None:
    await execute(database_hub, "CREATE TABLE documents (body text)")
    await execute(database_hub, "INSERT INTO documents VALUES (:body)", {"body": {"a": [1, None]}})
    assert await database_hub.rows("SELECT body FROM documents") == [('{"a":[1,null]}',)]


@pytest.mark.postgres
async def test_values_become_what_postgresql_columns_want(postgres_hub: Hub) -> None:
    kinds = {
        "at": "timestamptz",
        "local": "timestamp",
        "day": "date",
        "clock": "time",
        "pause": "interval",
        "price": "numeric",
        "count": "integer",
        "label": "text",
        "document": "jsonb",
        "ref": "uuid",
        "tags": "text[]",
        "ok": "boolean",
    }
    await execute(postgres_hub, f"CREATE TABLE kinds ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})")
    message = {
        "at": "2026-11-22T10:00:00+01:00",
        "local": "2026-11-22T10:00:00+01:00",
        "day": "2026-11-22",
        "clock": "10:30",
        "pause": 90,
        "price": 1.1,
        "count": 3.0,
        "label": 7,
        "document": {"a": "b"},
        "ref": "00000000-0000-0000-0000-000000000005",
        "tags": ["a", "b"],
        "ok": True,
    }
    statement = f"INSERT INTO kinds VALUES ({', '.join(f':{name}' for name in kinds)})"
    assert await execute(postgres_hub, statement, [message, dict.fromkeys(kinds)]) == {"rows": 2}
    shown = ", ".join(f"{name}::text" for name in kinds if name != "at")
    [found] = await postgres_hub.rows(f"SELECT (at AT TIME ZONE 'UTC')::text, {shown} FROM kinds WHERE ok")
    assert found == (
        *("2026-11-22 09:00:00", "2026-11-22 09:00:00", "2026-11-22", "10:30:00", "00:01:30", "1.1", "3", "7"),
        *('{"a": "b"}', "00000000-0000-0000-0000-000000000005", "{a,b}", "true"),
    )


@pytest.mark.postgres
async def test_a_cast_after_a_parameter_is_no_part_of_its_name(postgres_hub: Hub) -> None:
    found = await execute(postgres_hub, "SELECT :day::date + 1 AS next, ':day::date' AS text", {"day": "2026-11-22"})
    assert found["data"] == [{"next": "2026-11-23", "text": ":day::date"}]


@pytest.mark.postgres
async def test_a_changed_column_is_noticed_after_one_failure(postgres_hub: Hub) -> None:
    assert postgres_hub.engine is not None
    await execute(postgres_hub, "CREATE TABLE changing (value text)")
    statement, message = "INSERT INTO changing VALUES (:value)", {"value": 7}
    await execute(postgres_hub, statement, message)
    await execute(postgres_hub, "ALTER TABLE changing ALTER value TYPE integer USING value::integer")
    await postgres_hub.engine.dispose()  # connections remember statements by themselves
    with pytest.raises(PayloadInvalid):
        await execute(postgres_hub, statement, message)
    assert await execute(postgres_hub, statement, message) == {"rows": 1}


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "payload", "words"),
    [
        ("", {}, "needs its statement"),
        ("SELECT 1; SELECT 2", {}, "several"),
        ("SELECT ';'; DROP TABLE x;", {}, "several"),
        (INSERT, {"machine": "m1"}, "payload: .*celsius"),
        (INSERT, [{"machine": "m1", "celsius": 1}, {}], "machine, celsius"),
        (INSERT, "text", "expected an object with machine, celsius"),
        (INSERT, None, "expected an object"),
    ],
)
async def test_what_can_never_work_ends_the_job_with_its_reason(
    statement: str, payload: Any, words: str, sqlite_hub: Hub
) -> None:
    with pytest.raises(Permanent, match=words):
        await execute(sqlite_hub, statement, payload)


async def test_a_job_without_a_statement_is_refused(sqlite_hub: Hub) -> None:
    registry = Registry().collect([sql], entry_points=False)
    for metadata in (None, "{}", '{"with": 5}', '{"with": {"statement": 5}}'):
        with pytest.raises(Permanent, match="statement"):
            await sqlite_hub.run(registry, "sql.execute", "{}", metadata=metadata)


@pytest.mark.parametrize("celsius", [10**400, "warm", {"a": 1}])
@pytest.mark.postgres
async def test_a_value_that_postgresql_refuses_ends_the_job(celsius: Any, postgres_hub: Hub) -> None:
    await execute(postgres_hub, READINGS)
    with pytest.raises(PayloadInvalid, match="payload"):
        await execute(postgres_hub, INSERT, {"machine": "m1", "celsius": celsius})


@pytest.mark.postgres
async def test_the_zero_character_ends_the_job_on_postgresql(postgres_hub: Hub) -> None:
    await execute(postgres_hub, READINGS)
    with pytest.raises(PayloadInvalid, match="payload"):
        await execute(postgres_hub, INSERT, {"machine": "\0", "celsius": 1})


async def test_an_integer_too_large_for_sqlite_ends_the_job(sqlite_hub: Hub) -> None:
    await execute(sqlite_hub, READINGS)
    with pytest.raises(PayloadInvalid, match="payload"):
        await execute(sqlite_hub, INSERT, {"machine": "m1", "celsius": 2**70})


async def test_other_errors_of_the_database_stay_errors_that_may_pass(database_hub: Hub) -> None:
    with pytest.raises(Exception, match="readings") as caught:
        await execute(database_hub, INSERT, {"machine": "m1", "celsius": 1})
    assert not isinstance(caught.value, Permanent)


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "several"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", False),
        ("SELECT 1; ; -- end", False),
        ("SELECT 1; /* ; */", False),
        ("SELECT ';'", False),
        ("SELECT 'it''s; fine'", False),
        ("SELECT E'\\'; fine'", False),
        ('SELECT ";" FROM t', False),
        ("SELECT $$ a; b $$", False),
        ("SELECT $x$ a; $$ b; $x$", False),
        ("-- a; b\nSELECT 1", False),
        ("SELECT 1; SELECT 2", True),
        ("SELECT 'a'; SELECT 'b'", True),
        ("SELECT $$a$$; SELECT 2", True),
        ("SELECT 1 -- ;\n; SELECT 2", True),
        (";SELECT 1", True),
    ],
)
def test_semicolons_count_only_where_they_end_a_statement(statement: str, several: bool) -> None:
    assert sql_text.is_several(statement) is several
