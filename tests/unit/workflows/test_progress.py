"""What a step's end is told by: the metadata of its job, which SQL may have changed."""

import pytest

from hub.model import Claim
from hub.workflows.progress import Finished, finished

DEEP = "[" * 100_000 + "]" * 100_000


def claim(metadata: str | None) -> Claim:
    return Claim(
        id="w-1:pay", fence=1, handler="orders.pay", payload=None, contenttype="text/plain", payloadencoding="text",
        queue="default", priority=0, maxretries=3, retrycount=0, crashcount=0, attemptbase=0, orderingkey=None,
        timeout=None, metadata=metadata, typeid=2, protocol=None, direction="internal", method="workflow",
        parentjobid=None, traceparent=None, unknownfor=0.0,
    )  # fmt: skip


def test_a_step_ends_for_the_execution_that_its_job_names() -> None:
    end = finished(claim('{"workflow": {"id": "w-1", "type": "order", "step": "pay"}}'), '{"paid": true}', 7)
    assert end == Finished("w-1", "pay", '{"paid": true}', 7)


@pytest.mark.parametrize(
    "metadata", [None, "null", "{}", '{"workflow": 1}', f'{{"x": {DEEP}, "workflow": {{"id": "w-1", "step": "pay"}}}}']
)
def test_a_job_that_names_none_ends_alone(metadata: str | None) -> None:
    """It went in one commit with the ends of others: what is raised for it would be raised for all of them."""
    assert finished(claim(metadata), None, 7) is None
