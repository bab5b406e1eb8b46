"""An export: many rows read in pages, with progress, as text in the job's result."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from sqlalchemy import select

from examples.tables import orders, with_orders
from hub import Job, handler

PAGE = 500
MOST = 10_000
COLUMNS = ("id", "total", "customer", "placedat")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which orders; all of them without a date (a day in UTC)."""

    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """`{"format": "csv", "filters": {"date": "2024-01-01"}}`"""

    format: Literal["csv", "json"] = "csv"
    filters: Filters = field(default_factory=Filters)


@handler("data.export.handler", timeout=600, middleware=[with_orders])
async def export(wanted: Export, job: Job) -> dict[str, Any]:
    """Write the orders out, by their ids, up to 10,000 of them."""
    rows = [row async for row in _rows(wanted.filters, job)]
    text = _csv(rows) if wanted.format == "csv" else msgspec.json.encode(rows).decode()
    return {"format": wanted.format, "rows": len(rows), "text": text, "requested_by": job.metadata.get("requested_by")}


async def _rows(filters: Filters, job: Job) -> AsyncIterator[dict[str, Any]]:
    page = select(*(orders.c[name] for name in COLUMNS)).order_by(orders.c.id).limit(PAGE)
    if filters.date is not None:
        start = dt.datetime.combine(filters.date, dt.time.min, dt.UTC)
        page = page.where(orders.c.placedat >= start, orders.c.placedat < start + dt.timedelta(days=1))
    last, sent = "", 0
    while sent < MOST:
        found = (await job.db.execute(page.where(orders.c.id > last))).mappings().all()
        for row in found:
            yield dict(row)
        sent += len(found)
        await job.progress(sent / MOST, f"{sent} orders")
        if len(found) < PAGE:
            return
        last = found[-1]["id"]


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
