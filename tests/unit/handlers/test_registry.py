"""Names and what they mean: marks, modules, entry points, and every way in which they can be wrong."""

from __future__ import annotations

import importlib.metadata
import math
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hub.errors import HubError, Permanent, Retry
from hub.handlers.mark import HandlersInvalid, handler
from hub.handlers.registry import Entry, Registry
from hub.model import Claim, Status
from hub.transitions import Backoff, Failed, Rules, decide
from tests.unit.handlers import other_handlers
from tests.unit.handlers.conftest import claim

MODULE = "tests.unit.handlers.other_handlers"


def entry_of(function: Callable[..., Any], **given: Any) -> Entry:
    [entry] = Registry(**given).add(function)
    return entry


def faults_of(*modules: str | ModuleType) -> list[str]:
    with pytest.raises(HandlersInvalid) as caught:
        Registry().collect(modules, entry_points=False)
    return list(caught.value.faults)


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a module that can be imported, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text("from hub import Job, handler\n" + text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


# --- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [MODULE, other_handlers])
def test_a_module_brings_its_marked_functions_under_all_their_names(module: str | ModuleType) -> None:
    registry = Registry().collect([module], entry_points=False)
    assert {entry.name for entry in registry} == {"other.first", "other.second", "other.alias"}
    assert registry.queues() == {"other.first": "critical", "other.alias": "slow"}
    assert registry.max_retries() == {"other.first": 7}
    assert registry.get("other.plain") is None


def test_one_function_of_a_module_can_be_named() -> None:
    registry = Registry().collect([f"{MODULE}:first"], entry_points=False)
    assert [entry.name for entry in registry] == ["other.first"]


def test_importing_a_module_registers_nothing() -> None:
    assert len(Registry()) == 0


def test_a_function_seen_through_two_modules_is_one_handler(write_module: Callable[[str, str], str]) -> None:
    again = write_module("reexports", f"from {MODULE} import first, second\n")
    assert len(Registry().collect([MODULE, again], entry_points=False)) == 3


def test_entry_points_bring_the_modules_of_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [importlib.metadata.EntryPoint("other", MODULE, "hub.handlers")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points if group == "hub.handlers" else [])
    assert Registry().collect([]).get("other.first") is not None
    assert Registry().collect([], entry_points=False).get("other.first") is None


def test_a_broken_entry_point_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [importlib.metadata.EntryPoint("broken", "no_such_package.handlers", "hub.handlers")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points)
    with pytest.raises(HandlersInvalid, match=r"entry point 'broken'.*no_such_package"):
        Registry().collect([])


# --- what is wrong ---------------------------------------------------------------------------------------------------


def test_every_fault_is_told_at_once(write_module: Callable[[str, str], str]) -> None:
    twice = write_module("twice", '@handler("other.first")\nasync def mine() -> None: ...\n')
    broken = write_module("broken", "1 / 0\n")
    leaves = write_module("leaves", "raise SystemExit('bye')\n")
    needs = write_module("needs", "import no_such_library\n")
    empty = write_module("empty", "async def forgotten(): ...\n")
    odd = write_module("odd", '@handler("odd")\nasync def odd(a: int, b: int) -> None: ...\n')
    marked = write_module("marked", '@handler("")\nasync def nameless() -> None: ...\n')
    faults = faults_of(
        MODULE, twice, broken, leaves, needs, empty, odd, marked, "no.such.module", f"{MODULE}:plain", f"{MODULE}:gone"
    )
    expected = [
        ["'other.first'", "two handlers", "twice:mine", "other_handlers:first", "line 2", "line 6"],
        ["'broken'", "ZeroDivisionError"],
        ["'leaves'", "SystemExit"],
        ["'needs'", "no_such_library", "not installed"],
        ["'empty'", "@handler"],
        ["'odd'", "odd:odd", "one too many"],
        ["'marked'", "name"],
        ["no module 'no.such.module'", "'no'"],
        ["other_handlers:plain", "is no handler"],
        ["'gone'"],
    ]
    assert len(faults) == len(expected), faults
    for fault, words in zip(faults, expected, strict=True):
        assert [word for word in words if word not in fault] == [], fault


@pytest.mark.parametrize("module", ["", ":", "  ", ".relative", "a b", f"{MODULE}:first:second"])
def test_a_name_that_is_none_is_a_fault_too(module: str) -> None:
    assert len(faults_of(module)) == 1


def test_what_is_sound_is_registered_beside_the_faults() -> None:
    registry = Registry()
    with pytest.raises(HandlersInvalid):
        registry.collect(["no.such.module", MODULE], entry_points=False)
    assert registry.get("other.first") is not None


def test_an_unmarked_function_cannot_be_added() -> None:
    with pytest.raises(HandlersInvalid, match="mark it"):
        Registry().add(other_handlers.plain)


async def middleware_that_fits(job: Any, next: Any) -> None: ...


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"queue": ""}, "queue"),
        ({"queue": "x" * 101}, "queue"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"timeout": timedelta(seconds=-1)}, "timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"retry": []}, "retry"),
        ({"retry": [1, -1]}, "retry"),
        ({"retry": ["soon"]}, "retry"),
        ({"retry": 5}, "retry"),
        pytest.param({"middleware": [lambda job, next: None]}, "lambda.* is not async", id="a lambda"),
        ({"isolation": "sometimes"}, "isolation"),
        ({"permanent": ValueError()}, "permanent"),
        ({"permanent": (int,)}, "permanent"),
    ],
    ids=str,
)
def test_a_mark_that_makes_no_sense_is_refused_where_it_is_written(given: dict[str, Any], words: str) -> None:
    with pytest.raises(HandlersInvalid, match=words) as caught:
        handler(**{"name": "test", **given})
    assert isinstance(caught.value, HubError)


def test_all_that_is_wrong_with_a_mark_is_told_at_once() -> None:
    with pytest.raises(HandlersInvalid) as caught:
        handler("test", timeout=-1, max_retries=-1)
    assert len(caught.value.faults) == 2


def test_only_functions_can_be_marked() -> None:
    with pytest.raises(HandlersInvalid, match="function"):
        handler("test")(HandlersInvalid)


# --- entries ---------------------------------------------------------------------------------------------------------


def failing(retrycount: int) -> Claim:
    return claim(retrycount=retrycount, maxretries=10)


def delay_after(entry: Entry, retrycount: int, random: float = 0.5) -> float | None:
    transition = decide(failing(retrycount), Failed("x"), entry.rules, random)
    assert transition.status is Status.RETRYING
    return transition.delay


def test_the_rules_of_a_mark_are_those_of_its_retries() -> None:
    @handler("test", retry=[1, 10.5, 60])
    async def listed() -> None: ...

    @handler("test", retry=lambda n: 7 * n)
    async def computed() -> None: ...

    @handler("test", retry=Backoff(base=2, cap=5, jitter=False))
    async def backing_off() -> None: ...

    @handler("test")
    async def standard() -> None: ...

    assert [delay_after(entry_of(listed), n) for n in range(5)] == [1, 10.5, 60, 60, 60]
    assert [delay_after(entry_of(computed), n) for n in range(3)] == [0, 7, 14]
    assert [delay_after(entry_of(backing_off), n) for n in range(3)] == [2, 4, 5]
    own = Rules(backoff=Backoff(base=100, jitter=False), unknown_handler_snooze=5)
    assert delay_after(entry_of(standard, rules=own), 0) == 100
    assert entry_of(backing_off, rules=own).rules.unknown_handler_snooze == 5


@pytest.mark.parametrize("answer", [math.nan, math.inf, "soon", None, 1e300, ZeroDivisionError])
def test_a_retry_rule_that_fails_leaves_the_backoff(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    def rule(retry: int) -> Any:
        if answer is ZeroDivisionError:
            raise answer
        return answer

    @handler("test", retry=rule)
    async def run() -> None: ...

    assert delay_after(entry_of(run), 1) == 1.0
    assert "retry rule failed" in caplog.text


def test_a_retry_rule_may_answer_a_timedelta() -> None:
    @handler("test", retry=lambda n: timedelta(minutes=1))  # type: ignore[arg-type]  # taken all the same
    async def run() -> None: ...

    assert delay_after(entry_of(run), 0) == 60


def test_permanent_errors_are_the_hubs_and_those_that_the_mark_names() -> None:
    @handler("test", permanent=(LookupError,))
    async def run() -> None: ...

    entry = entry_of(run)
    assert entry.is_permanent(Permanent("never"))
    assert entry.is_permanent(KeyError("never"))
    assert not entry.is_permanent(ValueError("perhaps"))
    assert not entry.is_permanent(Retry())


def test_results_become_json_and_none_stays_none() -> None:
    @handler("test")
    async def run() -> None: ...

    entry = entry_of(run)
    assert entry.encode_result(None) is None
    assert entry.encode_result({"receipt": "R-7"}) == '{"receipt":"R-7"}'
    assert entry.encode_result("text") == '"text"'


@pytest.mark.parametrize(("result", "words"), [(object(), "object"), (math.nan, "nan"), ("\ud800", "surrogate")])
def test_a_result_that_cannot_be_kept_ends_the_job(result: Any, words: str) -> None:
    @handler("test.result")
    async def run() -> None: ...

    with pytest.raises(Permanent, match=rf"test\.result.*{words}"):
        entry_of(run).encode_result(result)


def test_an_entry_knows_what_its_mark_says_and_where_it_is_written() -> None:
    @handler("test", timeout=timedelta(minutes=2), isolation="SERIALIZABLE", share_transaction=True)
    async def run() -> None: ...

    entry = entry_of(run)
    assert (entry.timeout, entry.isolation, entry.share_transaction) == (120, "SERIALIZABLE", True)
    assert entry.queue is None
    assert entry.max_retries is None
    assert "test_registry" in entry.origin
    assert "run" in entry.origin
