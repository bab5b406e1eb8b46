"""What the states of steps make of a workflow: pure, and the same whatever order they end in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import handler
from hub.errors import Rejected
from hub.workflows import graph, rows
from hub.workflows.definition import Definition, Step, Workflow, WorkflowInvalid, faults

DIAMOND = Definition(
    type="diamond",
    steps=(
        Step(name="a", handler="h"),
        Step(name="b", handler="h", after=("a",)),
        Step(name="c", wait_for="go", after=("a",)),
        Step(name="d", handler="h", after=("b", "c")),
    ),
)


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def test_a_join_begins_with_the_last_of_its_branches() -> None:
    first = graph.begin(DIAMOND)
    assert (first.status, names(first.ready), first.progress) == ("running", ["a"], {"a": "queued"})
    second = graph.complete(DIAMOND, first.status, first.progress, ["a"])
    assert names(second.ready) == ["b", "c"]
    assert second.progress == {"a": "completed", "b": "queued", "c": "waiting"}
    third = graph.complete(DIAMOND, "running", second.progress, ["c"])
    assert third.ready == []
    fourth = graph.complete(DIAMOND, "running", third.progress, ["b"])
    assert names(fourth.ready) == ["d"]
    assert graph.complete(DIAMOND, "running", fourth.progress, ["d"]).status == "completed"


def test_branches_that_end_together_begin_the_join_once() -> None:
    states = {"a": "completed", "b": "queued", "c": "waiting"}
    assert names(graph.complete(DIAMOND, "running", states, ["b", "c"]).ready) == ["d"]


def test_after_a_failure_nothing_begins_until_what_failed_has_completed() -> None:
    states = {"a": "completed", "b": "queued", "c": "waiting"}
    failed = graph.fail("running", states, {"b": "failed"})
    assert failed.status == "failed"
    beside = graph.complete(DIAMOND, "failed", failed.progress, ["c"])
    assert (beside.status, beside.ready) == ("failed", [])
    again = graph.resume(DIAMOND, beside.progress)
    assert (again.status, again.progress["b"], again.ready) == ("running", "queued", [])
    redriven = graph.complete(DIAMOND, "failed", beside.progress, ["b"])
    assert (redriven.status, names(redriven.ready)) == ("running", ["d"])


def test_what_is_known_is_not_failed_again() -> None:
    states = {"a": "completed"}
    assert graph.fail("running", states, {"a": "failed"}) == graph.Decision("running", states)


def test_a_cancelled_workflow_goes_nowhere() -> None:
    cancelled = graph.cancel({"a": "completed", "b": "queued", "c": "waiting"})
    assert cancelled.progress == {"a": "completed", "b": "cancelled", "c": "cancelled"}
    late = graph.complete(DIAMOND, "cancelled", cancelled.progress, ["b"])
    assert (late.status, late.ready) == ("cancelled", [])


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    count = draw(st.integers(1, 8))
    steps = []
    for number in range(count):
        after = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=3)) if number else []
        steps.append(Step(name=f"s{number}", handler="h", after=tuple(f"s{one}" for one in after)))
    return Definition(type="drawn", steps=tuple(draw(st.permutations(steps))))


@given(definitions(), st.data())
def test_in_whatever_order_they_end_each_step_begins_once_after_all_it_waits_for(
    definition: Definition, data: st.DataObject
) -> None:
    assert list(faults(definition)) == []
    decision = graph.begin(definition)
    begun, done = names(decision.ready), set[str]()
    open_steps = set(begun)
    while decision.status == "running":
        ending = data.draw(st.lists(st.sampled_from(sorted(open_steps)), min_size=1, unique=True))
        done |= set(ending)
        open_steps -= set(ending)
        decision = graph.complete(definition, decision.status, decision.progress, ending)
        for step in decision.ready:
            assert set(step.after) <= done
        begun += names(decision.ready)
        open_steps |= set(names(decision.ready))
    assert decision.status == "completed"
    assert sorted(begun) == sorted(step.name for step in definition.steps)


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([], "one step at least"),
        ([Step(name="a", handler="h"), Step(name="a", handler="h")], "two steps are named 'a'"),
        ([Step(name="a", handler="h", after=("b",))], "there is no step 'b'"),
        ([Step(name="a", handler="h", after=("a",))], "wait for each other: a after a"),
        ([Step(name="a", handler="h", after=("b",)), Step(name="b", handler="h", after=("a",))], "wait for each other"),
        ([Step(name="a")], "needs a handler"),
        ([Step(name="a", handler="h", wait_for="s")], "not both"),
        ([Step(name="a", delay=1, until="2026-01-01")], "a delay or an until"),
        ([Step(name="a", delay=1, wait_for="s")], "a signal or for a time"),
        ([Step(name="a", until="2026-13-45")], "until: '2026-13-45' is no time"),
        ([Step(name="a", handler="h", settings={"x": "\ud800"})], "settings: text with a lone surrogate"),
        ([Step(name="a", handler="h", settings={"x": "\0"})], "settings: text with the character U+0000"),
        ([Step(name="a:b", handler="h")], "a name has"),
        ([Step(name="a" * 201, handler="h")], "a name has"),
    ],
)
def test_faults_are_named(steps: list[Step], fault: str) -> None:
    assert any(fault in found for found in faults(Definition(type="x", steps=tuple(steps))))


def test_one_written_in_python_is_the_one_of_the_configuration() -> None:
    @handler("signup.user")
    async def user() -> None: ...

    flow = Workflow("signup").step("one", user, timeout=60).wait("two", "paid", after="one")
    assert flow.definition == Definition(
        type="signup",
        steps=(
            Step(name="one", handler="signup.user", timeout=60),
            Step(name="two", after=("one",), wait_for="paid"),
        ),
    )
    assert Definition.read(flow.definition.json).digest == flow.definition.digest
    with pytest.raises(WorkflowInvalid, match="there is no step 'three'"):
        _ = flow.step("four", user, after="three").definition
    with pytest.raises(WorkflowInvalid, match="mark"):
        Workflow("bare").step("one", lambda: None)


def test_outputs_extend_the_context_and_change_no_value_on_the_way() -> None:
    context = rows.read_context('{"n":1e400,"big":123456789012345678901,"kept":{"a":[1,2]}}')
    rows.merge(context, "object", '{"kept":null,"new":"x"}')
    rows.merge(context, "text", '"plain"')
    rows.merge(context, "nothing", None)
    assert {name: bytes(value) for name, value in context.items()} == {
        "n": b"1e400", "big": b"123456789012345678901", "kept": b"null", "new": b'"x"', "text": b'"plain"',
    }  # fmt: skip


@pytest.mark.parametrize("context", [[1], "x", 7, {"x": "\0"}, {"x": "y" * rows.CONTEXT_LIMIT}])
def test_contexts_that_cannot_be_are_refused(context: Any) -> None:
    with pytest.raises(Rejected):
        rows.context_text(context)


def test_a_step_s_job_says_whose_it_is() -> None:
    step = Step(name="b", handler="h", queue="critical", priority=2, max_retries=1, timeout=5.0, settings={"url": "u"})
    job = rows.job(Definition(type="t", steps=(step,)), step, "w-1", '{"a":1}')
    assert (job.id, job.handler, job.queue, job.priority, job.maxretries, job.timeout) == (
        "w-1:b", "h", "critical", 2, 1, 5.0,
    )  # fmt: skip
    assert job.metadata == '{"workflow":{"id":"w-1","type":"t","step":"b"},"with":{"url":"u"}}'
    assert (job.method, job.payload) == ("workflow", '{"a":1}')
