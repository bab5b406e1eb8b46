"""What a handler's SQL leaves on its connection."""

import pytest

from hub.db.traces import Trace, trace


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SET search_path TO tenant", Trace.SETTING),
        ("  -- which\n set LOCAL role = app", Trace.SETTING),
        ("RESET ALL", Trace.SETTING),
        ("SELECT set_config('search_path', 'tenant', true)", Trace.SETTING),
        ("SET @@session.sql_mode = ''", Trace.SETTING),
        ("SET SESSION TRANSACTION READ ONLY", Trace.SETTING),
        ("SET TRANSACTION READ ONLY", Trace.NONE),
        ("SET CONSTRAINTS ALL DEFERRED", Trace.NONE),
        ("SET @n = 1", Trace.NONE),
        ("UPDATE a SET b = 1", Trace.NONE),
        ("CREATE TEMP TABLE t (a int)", Trace.LASTING),
        ("CREATE LOCAL TEMPORARY TABLE t AS SELECT 1", Trace.LASTING),
        ("create or replace temporary table t (a int)", Trace.LASTING),
        ("CREATE TEMP TABLE t (a int) ON COMMIT DROP", Trace.NONE),
        ("CREATE TABLE temp (a int)", Trace.NONE),
        ("INSERT INTO temp VALUES (1)", Trace.NONE),
        ("SELECT pg_advisory_lock(7)", Trace.LASTING),
        ("SELECT pg_try_advisory_lock_shared(7)", Trace.LASTING),
        ("SELECT pg_advisory_xact_lock(7)", Trace.NONE),
        ("SELECT GET_LOCK('a', 1)", Trace.LASTING),
        ("PREPARE p AS SELECT 1", Trace.LASTING),
        ("DEALLOCATE ALL", Trace.LASTING),
        ("SELECT pg_advisory_lock(1), set_config('a.b', 'c', false)", Trace.SETTING | Trace.LASTING),
        ("", Trace.NONE),
    ],
)
def test_what_a_text_leaves(sql: str, left: Trace) -> None:
    assert trace(sql) == left
    assert trace(sql + " " * 3000) == left
