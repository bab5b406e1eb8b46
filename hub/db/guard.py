"""Which SQL text a handler may not send on the job's connection.

Invariant: a text is refused if any of our databases would read its first word, behind blanks, semicolons and comments,
as one that begins, ends or replaces the transaction, or that changes the connection for the jobs after. Databases
themselves refuse a second statement in one text, and COMMIT inside of procedures called in a transaction.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"[\s;\ufeff]+")
# PostgreSQL ends a line comment at a carriage return too and nests block comments; SQLite does neither.
_LINE_COMMENT = {True: re.compile(r"--[^\n\r]*"), False: re.compile(r"--[^\n]*")}
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_PRAGMA = re.compile(r"\s*(?:[\w\"'`\[\]]+\s*\.\s*)?[\"'`\[]?(\w+)[\"'`\]]?\s*([=(]?)", re.DOTALL)

# The end of the job is written in it.
_READ_ONLY = re.compile(
    r"\s*(?:TRANSACTION\b.*\bREAD\s+ONLY\b|(?:(?:LOCAL|SESSION)\s+)?transaction_read_only\b)", re.IGNORECASE | re.DOTALL
)

_ENDS_OR_BEGINS = frozenset(("COMMIT", "END", "ABORT", "BEGIN", "START"))
_TOLD_BY_MORE_WORDS = frozenset(("ROLLBACK", "PREPARE", "SET"))
# These take an argument and change nothing, or nothing that outlives the transaction.
_HARMLESS_PRAGMAS = frozenset(
    (
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"),
        *("foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "defer_foreign_keys"),
    )
)


_REMEMBERED = 2000
"""Characters: a handler's texts are few and short, unless it writes its values into them."""


def refusal(sql: str) -> str | None:
    """Why a handler may not send this text; None if it may."""
    return _remembered(sql) if len(sql) <= _REMEMBERED else _refusal(sql)


def _refusal(sql: str) -> str | None:
    if "/*" not in sql and "--" not in sql:  # the two readings differ in comments only
        return _judge(*head(sql, nested=False), sql)
    return _judge(*head(sql, nested=False), sql) or _judge(*head(sql, nested=True), sql)


_remembered = lru_cache(maxsize=1024)(_refusal)


def _judge(words: list[str], after_first: int, sql: str) -> str | None:
    first, second, third = words
    if first in _ENDS_OR_BEGINS:
        return first
    if first == "ROLLBACK":
        to_savepoint = second == "TO" or (second in ("WORK", "TRANSACTION") and third == "TO")
        return None if to_savepoint else first
    if first == "PREPARE":
        return "PREPARE TRANSACTION" if second == "TRANSACTION" else None
    if first == "SET":
        return "SET TRANSACTION READ ONLY" if _READ_ONLY.match(_COMMENTS.sub(" ", sql[after_first:])) else None
    if first in ("ATTACH", "DETACH", "USE"):
        return first
    if first == "PRAGMA":
        found = _PRAGMA.match(_COMMENTS.sub(" ", sql[after_first:]))
        if found is not None and found[2] and found[1].lower() not in _HARMLESS_PRAGMAS:
            return f"PRAGMA {found[1]}"
    return None


def head(sql: str, *, nested: bool) -> tuple[list[str], int]:
    """The first three words in upper case ('' where there is none), and where the first one ends."""
    words: list[str] = []
    at = after_first = 0
    while len(words) < 3:
        word = _WORD.match(sql, at := _skip(sql, at, nested=nested))
        if word is None:
            break
        words.append(word[0].upper())
        at = word.end()
        after_first = after_first or at
        if words[0] not in _TOLD_BY_MORE_WORDS:
            break
    return [*words, "", "", ""][:3], after_first


def _skip(sql: str, at: int, *, nested: bool) -> int:
    """Behind the blanks, semicolons and comments that begin at `at`."""
    while True:
        start = at
        if (blank := _BLANK.match(sql, at)) is not None:
            at = blank.end()
        if (line := _LINE_COMMENT[nested].match(sql, at)) is not None:
            at = line.end()
        if sql.startswith("/*", at):
            at = _after_block(sql, at, nested=nested)
        if at == start:
            return at


def _after_block(sql: str, at: int, *, nested: bool) -> int:
    if not nested:
        end = sql.find("*/", at + 2)
        return len(sql) if end < 0 else end + 2
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
