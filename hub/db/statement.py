"""Loads statements from .sql files: `:name` parameters, a `-- columns:` line for the batch they take.

Invariant: values reach the server as parameters only. A file holds one operation; on databases that cannot do it in one
statement it holds several, separated by a line `----`, run in order in one transaction.

PostgreSQL takes a batch as one array a column (`unnest(:id::text[], …)`), so that `:id` there means the whole column;
or as one array of a composite type that has these columns (`unnest(:rows::hub_step_advance[])`), which is less work
where rows are wide. The others take it as one JSON text `:rows`, an array of arrays. On MySQL a text is also given what
the texts before it have found (hub.db.mysql.statements).
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

from hub.ports import Statement

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
_COLUMNS = re.compile(r"^--\s*columns:((?:.*\n)(?:--   .*\n)*)", re.MULTILINE)


# What a database gives to a text by itself.
_GIVEN = frozenset(("rows", "found", "foundrows", "firstrows", "twice"))


@lru_cache(maxsize=256)
def load(package: str, dialect: str, name: str) -> Statement:
    """The statement in `<package>/sql/<dialect>/<name>.sql`."""
    source = resources.files(package).joinpath("sql", dialect, f"{name}.sql").read_text(encoding="utf-8")
    return compile_statement(name, source, positional=dialect == "postgresql", formatted=dialect == "mysql")


def compile_statement(name: str, source: str, *, positional: bool, formatted: bool = False) -> Statement:
    """Turn the text of a file into a Statement; `:name` becomes `$n` if `positional`, `%(name)s` if `formatted`."""
    declared = _COLUMNS.search(source)
    columns = tuple(re.findall(r"[a-z_]+", declared[1].replace("--", ""))) if declared else ()
    texts = [
        text for part in re.split(r"^----$", source, flags=re.MULTILINE) if (text := _COMMENT.sub("", part).strip())
    ]
    order = tuple(dict.fromkeys(found for text in texts for found in _PARAMETER.findall(text)))
    scalars = tuple(found for found in order if found not in columns and found not in _GIVEN)
    if positional:
        if len(texts) != 1:
            raise ValueError(f"{name}.sql holds {len(texts)} statements; a dialect with $n parameters takes one")
        number = {found: str(index) for index, found in enumerate(order, start=1)}
        texts = [_PARAMETER.sub(lambda match: "$" + number[match[1]], text) for text in texts]
    elif formatted:
        texts = [_PARAMETER.sub(r"%(\1)s", text.replace("%", "%%")) for text in texts]
    return Statement(name, tuple(texts), columns, scalars, order)
