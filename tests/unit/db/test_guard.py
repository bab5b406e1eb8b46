"""What a handler's SQL text may begin with, in the reading of every database."""

import pytest

from hub.db.guard import refusal


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "commit work",
        "END",
        "ABORT",
        "BEGIN",
        "begin immediate",
        "START TRANSACTION",
        "ROLLBACK",
        "rollback transaction",
        "ROLLBACK AND CHAIN",
        "ROLLBACK PREPARED 'x'",
        "COMMIT PREPARED 'x'",
        "PREPARE TRANSACTION 'x'",
        "SET TRANSACTION READ ONLY",
        "set transaction isolation level serializable, read /**/ only",
        "SET LOCAL transaction_read_only = on",
        "ATTACH 'other.db' AS o",
        "USE other",
        "DETACH o",
        "PRAGMA query_only = 1",
        "pragma main.journal_mode(delete)",
        'PRAGMA "foreign_keys"=0',
        "PRAGMA/**/query_only/**/=1",
        "PRAGMA query_only -- yes\n = 1",
        " \n\t; ;COMMIT",
        "\ufeffCOMMIT",
        "-- a remark\nCOMMIT",
        "/* one */ /* two */ COMMIT",
        "/**/COMMIT",
        "/*/ */ COMMIT",
        "-- a remark\rCOMMIT",  # PostgreSQL ends the comment at the carriage return
        "/* /* */ */ COMMIT",  # PostgreSQL nests
        "/* /* */ COMMIT",  # SQLite does not
        "/* /*/ COMMIT",
        "ROLLBACK /* TO */",
        "ROLLBACK -- TO\n",
        "COMMIT;",
        "COMMIT--",
    ],
)
def test_refused(sql: str) -> None:
    assert refusal(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "/* never closed",
        "SELECT 1",
        "INSERT INTO t VALUES ('; COMMIT')",
        "/* COMMIT */ SELECT 1",
        "-- COMMIT\nSELECT 1",
        "ROLLBACK TO SAVEPOINT a",
        "rollback to a",
        "ROLLBACK WORK TO SAVEPOINT a",
        "ROLLBACK TRANSACTION /* back */ TO a",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "PREPARE plan AS SELECT 1",
        "PRAGMA foreign_keys",
        "PRAGMA table_info(t)",
        'PRAGMA main.table_xinfo("t")',
        "PRAGMA defer_foreign_keys = ON",
        "commits",
        "begin_of_something",
        "UPDATE t SET a = 1 WHERE b = 'BEGIN'",
        "WITH x AS (SELECT 1) SELECT * FROM x",
    ],
)
def test_allowed(sql: str) -> None:
    assert refusal(sql) is None


def test_the_reason_names_what_was_sent() -> None:
    assert refusal("  rollback") == "ROLLBACK"
    assert refusal("pragma Query_Only=1") == "PRAGMA Query_Only"
