"""Jobs that wait for the children of their parent: which of them the sweep looks at."""

from hub.model import BoundJob, Status
from tests.conformance.store.rig import Rig


async def family(rig: Rig, parent: str, child: Status | None = None, direction: str = "internal") -> str:
    """A job that waits for the children of `parent`, and one child in this state; the id of the first."""
    waiting = BoundJob(id=f"{parent}-waits", handler="h", parentjobid=parent, waits="ended", statusid=Status.SCHEDULED)
    await rig.add(waiting)
    if child is not None:
        await rig.add(rig.new(id=f"{parent}-child", parentjobid=parent, direction=direction))
        await rig.sql("UPDATE queue_jobs SET statusid = :to WHERE id = :id", to=int(child), id=f"{parent}-child")
    return waiting.id


async def test_only_those_whose_children_have_ended_are_looked_at(rig: Rig) -> None:
    for child in (Status.PENDING, Status.QUEUED, Status.PROCESSING, Status.RETRYING, Status.SCHEDULED):
        await family(rig, f"open-{child.word}", child)
    ended = [await family(rig, f"ended-{child.word}", child) for child in (Status.COMPLETED, Status.FAILED)]
    ended += [await family(rig, "none"), await family(rig, "said", Status.PENDING, direction="outbound")]
    free, following = await rig.store.waited_for("")
    assert (sorted(free), following) == (["ended-completed", "ended-failed", "none", "said"], None)
    assert await rig.store.unpark(free) == set(ended)
    await rig.store.promote()
    assert await rig.store.waited_for("") == ([], None)


async def test_a_page_is_counted_by_whom_it_has_looked_at(rig: Rig) -> None:
    for number in range(5):
        await family(rig, f"p{number}", Status.COMPLETED if number == 3 else Status.PENDING)
    assert await rig.store.waited_for("", 2) == ([], "p1")
    assert await rig.store.waited_for("p1", 2) == (["p3"], "p3")
    assert await rig.store.waited_for("p3", 2) == ([], None)
