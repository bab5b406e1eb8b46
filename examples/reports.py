"""A report for a schedule: yesterday's sales, unless the payload names another day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from examples.tables import orders, with_orders
from hub import Job, handler

SALES = select(func.count().label("orders"), func.coalesce(func.sum(orders.c.total), 0.0).label("total")).where(
    orders.c.placedat >= bindparam("start"), orders.c.placedat < bindparam("end")
)


class Period(msgspec.Struct, frozen=True):
    """`{"date": "2026-11-22"}`: a day in UTC."""

    date: dt.date


@handler("reports.daily.sales", queue="scheduled", timeout=120, middleware=[with_orders])
async def daily_sales(period: Period | None, job: Job) -> dict[str, Any]:
    """Count the orders of a day and add up their totals."""
    day = period.date if period is not None else dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    start = dt.datetime.combine(day, dt.time.min, dt.UTC)
    found = (await job.db.execute(SALES, {"start": start, "end": start + dt.timedelta(days=1)})).one()
    return {"date": day.isoformat(), "orders": found.orders, "total": found.total}
