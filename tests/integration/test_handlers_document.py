"""The page on handlers: its code runs as it stands, its test passes, and its handlers do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hub.testing import run_job

PAGE = Path(__file__).parents[2] / "docs" / "handlers.md"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the page's code, as a module that another process finds too."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "handlers_page.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return vars(__import__("handlers_page"))


async def test_its_own_test_passes(page: dict[str, Any]) -> None:
    await page["test_a_parcel_moves"]()


async def test_its_handlers_do_what_it_says(page: dict[str, Any]) -> None:
    for state, status in (("withdrawn", "cancelled"), ("lost", "failed")):
        ended = await run_job(page["moved"], {"id": 7, "state": state})
        assert (ended.status, len(ended.attempts)) == (status, 1)
    weighed = await run_job(page["weighed"], {"id": 2, "state": ""})
    assert weighed.result == 42
    label = await run_job(page["label"], {"id": 2, "state": ""})
    assert label.result == "000000000002"
    assert (await run_job(page["scanned"], {"id": 2})).status == "completed"
    assert (await run_job(page["scanned"], {}, max_retries=0)).error == "Retry: no id"
