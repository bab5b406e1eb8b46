"""Which texts a handler may not send on MariaDB and MySQL, beyond those refused everywhere."""

import pytest

from hub.db.mysql.guard import refusal


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "# a remark\nCOMMIT",
        "-- a remark\nROLLBACK",
        "/* a remark */ BEGIN",
        "/*! COMMIT */",
        "/*M! COMMIT */",
        " ;/*!50000 COMMIT */ SELECT 1",
        "create table t (id int)",
        "CREATE OR REPLACE TABLE t (id int)",
        "DROP TABLE t",
        "ALTER TABLE t ADD c int",
        "TRUNCATE t",
        "RENAME TABLE t TO u",
        "LOCK TABLES t WRITE",
        "UNLOCK TABLES",
        "FLUSH TABLES",
        "XA START 'x'",
        "SET autocommit = 0",
        "SET SESSION autocommit=1",
        "SET @a = 1, @@autocommit = 1",
        "SET STATEMENT max_statement_time=1 FOR COMMIT",
        "EXECUTE IMMEDIATE 'COMMIT'",
        "START TRANSACTION",
        "BEGIN NOT ATOMIC COMMIT; END",
    ],
)
def test_refused(sql: str) -> None:
    assert refusal(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "# nothing",
        "SELECT 1",
        "(SELECT 1)",
        "SELECT /*! STRAIGHT_JOIN */ 1",
        "INSERT INTO t VALUES ('; COMMIT')",
        "--1",
        "CREATE TEMPORARY TABLE t (id int)",
        "DROP TEMPORARY TABLE t",
        "SET @a = 1",
        "SET SESSION sql_mode = ''",
        "SAVEPOINT a",
        "ROLLBACK TO SAVEPOINT a",
        "CALL settle()",
        "UPDATE autocommit SET a = 1",
    ],
)
def test_allowed(sql: str) -> None:
    assert refusal(sql) is None
