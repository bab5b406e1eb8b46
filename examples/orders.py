"""Orders: a typed payload, a row of the application's own, committed with the job or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import DateTime, TextClause, bindparam, text

from examples.tables import with_orders
from hub import Job, handler

Number = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(pattern=r"^[^\x00]{1,64}$")]
Amount = Annotated[float, Meta(ge=0, le=1e12)]

INSERT = "INSERT INTO orders (id, total, customer, jobid, placedat) VALUES (:id, :total, :customer, :jobid, :placedat) "


def _place(if_it_is_there: str) -> TextClause:
    return text(INSERT + if_it_is_there).bindparams(bindparam("placedat", type_=DateTime(timezone=True)))


# Built once: SQLAlchemy compiles a statement that it meets again for free.
PLACE = _place("ON CONFLICT (id) DO NOTHING")
PLACE_MYSQL = _place("ON DUPLICATE KEY UPDATE id = orders.id")


@dataclass(frozen=True, slots=True)
class Order:
    """What a shop sends. Anything else in the message is ignored; a field that does not fit ends the job at once."""

    id: Number | Name
    total: Amount | None = None
    customer: Name | None = None


@handler("order.processing.handler", queue="critical", timeout=30, max_retries=5, middleware=[with_orders])
@handler("order.processing", queue="critical", timeout=30, max_retries=5, middleware=[with_orders])
async def place(order: Order, job: Job) -> dict[str, Any]:
    """Write the order down. One that is there already stays as it is, so that a repeated message does no harm."""
    await job.db.execute(
        PLACE_MYSQL if job.db.dialect.name in ("mysql", "mariadb") else PLACE,
        {
            "id": str(order.id),
            "total": order.total,
            "customer": order.customer,
            "jobid": job.id,
            "placedat": datetime.now(UTC),
        },
    )
    return {"receipt": f"R-{order.id}"}
