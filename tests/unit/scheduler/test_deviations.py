"""The page that says where croniter alone deviates says the truth, about both."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.unit.scheduler import deviations
from tests.unit.scheduler.deviations import EXAMPLES, Deviation, instant, ours, shown, theirs

PAGE = Path(__file__).parents[3] / "docs" / "schedules.md"


def installed() -> str | None:
    try:
        return version("croniter")
    except PackageNotFoundError:
        return None


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.expression} {one.zone}")
def test_what_is_right(one: Deviation) -> None:
    assert shown(ours(one.expression, one.zone, instant(one.after), 1)[0]) == one.right


@pytest.mark.skipif(installed() != deviations.CRONITER, reason=f"croniter {deviations.CRONITER} is not installed")
@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.expression} {one.zone}")
def test_what_croniter_says(one: Deviation) -> None:
    try:
        says = shown(theirs(one.expression, one.zone, instant(one.after), 1)[0])
    except ValueError as error:
        says = type(error).__name__
    assert says == one.says != one.right


def test_the_page_has_all_of_them() -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in deviations.table() if line not in page] == []


@pytest.mark.skipif(installed() != deviations.CRONITER, reason=f"croniter {deviations.CRONITER} is not installed")
def test_every_difference_is_of_a_kind_that_the_page_names() -> None:
    found = deviations.search(120, 3)
    assert found["compared"] > 100
    assert set(found) - {"compared"} <= set(deviations.KINDS)
    assert found["single"] > 0
