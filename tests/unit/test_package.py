"""`import hub` is cheap, and brings what it promises when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hub


def loaded_after(statement: str) -> set[str]:
    """The modules, by their first two names, that a fresh interpreter has after `statement`."""
    script = f"import sys; {statement}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return {".".join(name.split(".")[:2]) for name in found.stdout.split()}


def test_importing_the_package_imports_nothing_else() -> None:
    loaded = loaded_after("import hub")
    assert {name for name in loaded if name.partition(".")[0] in ("hub", "sqlalchemy", "msgspec", "structlog")} == {
        "hub"
    }


def test_a_handlers_module_needs_neither_driver_nor_server() -> None:
    assert not {"asyncpg", "aiosqlite", "aiohttp", "pydantic", "hub.db"} & loaded_after("from hub import Job, handler")


def test_the_names_are_those_of_their_homes() -> None:
    from hub.handlers.job import Job
    from hub.handlers.mark import handler

    assert hub.Job is Job
    assert hub.handler is handler
    assert {"Hub", "Job", "handler"} <= {*dir(hub)}


def test_other_names_are_missing_as_from_any_module() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = hub.nonsense
