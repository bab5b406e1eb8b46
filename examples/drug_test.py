"""The drug-test order: order the test → notify the employee and the supervisor, side by side.

The workflow itself is in drug_test.json (`workflows.drug_test_order`); this module has its handlers. The order runs in
the queue `critical`, the notifications in `notification`, and the workflow is complete when both have been sent.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy import insert

from examples.signup import partners
from examples.signup_partners import ask
from examples.signup_tables import make_tables, notices, test_orders
from hub import Job, handler

FACILITIES = {"north": 4.5, "harbour": 2.0, "airport": 11.0}
"""The facilities and how far they are, in kilometres."""


class TestOrder(Struct):
    """What an order begins with."""

    employee_id: Annotated[str, Meta(min_length=1, max_length=64)]
    user_id: Annotated[str, Meta(max_length=64)] = ""
    supervisor_id: Annotated[str, Meta(max_length=64)] = ""
    test_type: Literal["pre_employment", "random", "post_accident"] = "random"
    rush_order: bool = False

    def __post_init__(self) -> None:
        if not self.supervisor:
            raise ValueError("give supervisor_id, or user_id for who orders")

    @property
    def supervisor(self) -> str:
        """Who is told beside the employee: who orders, unless another is named."""
        return self.supervisor_id or self.user_id


class Ordered(TestOrder):
    """The context once the test is ordered."""

    order_id: str = ""
    facility: str = ""


@handler("drug_test.order", timeout=120)
async def order_test(order: TestOrder, job: Job) -> dict[str, str]:
    """Validate the request, choose the facility, place the order with the laboratory."""
    facility = min(FACILITIES, key=lambda name: FACILITIES[name])
    body = {"employee": order.employee_id, "type": order.test_type, "facility": facility, "rush": order.rush_order}
    order_id = await job.step("order", ask, partners(job), "orders", job.idempotency_key, body)
    await make_tables(job)
    await job.db.execute(
        insert(test_orders).values(order_id=order_id, employee_id=order.employee_id, facility=facility)
    )
    return {"order_id": order_id, "facility": facility}


@handler("drug_test.notify.employee", timeout=60)
async def notify_employee(context: Ordered, job: Job) -> dict[str, str]:
    """Tell the employee where to go."""
    return {"employee_notified": await _notify(context, job, context.employee_id, f"go to {context.facility}")}


@handler("drug_test.notify.supervisor", timeout=60)
async def notify_supervisor(context: Ordered, job: Job) -> dict[str, str]:
    """Tell the supervisor that the test is ordered."""
    return {"supervisor_notified": await _notify(context, job, context.supervisor, f"{context.order_id} is ordered")}


async def _notify(context: Ordered, job: Job, recipient: str, text: str) -> str:
    body = {"to": recipient, "text": text}
    receipt: str = await job.step("message", ask, partners(job), "messages", job.idempotency_key, body)
    await make_tables(job)
    await job.db.execute(insert(notices).values(order_id=context.order_id, recipient=recipient, receipt=receipt))
    return receipt
