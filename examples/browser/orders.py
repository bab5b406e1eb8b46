"""The other side of the page: an order is packed, step by step, and its sender is told of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from hub import Job, handler

STATIONS = ("picked", "packed", "labelled")


@dataclass(frozen=True, slots=True)
class Order:
    """What the page sends."""

    product: Annotated[str, Meta(min_length=1, max_length=80)]
    quantity: Annotated[int, Meta(ge=1, le=1000)] = 1


@handler("browser.order", timeout=30, max_retries=2)
async def pack(order: Order, job: Job) -> dict[str, Any]:
    """Takes a second; the page that sent the order, and nobody else, hears when it is done."""
    for number, station in enumerate(STATIONS, 1):
        await asyncio.sleep(0.3)
        await job.progress(number / len(STATIONS), station)
    done = {
        "job_id": job.id,
        "product": order.product,
        "quantity": order.quantity,
        "parcel": f"P-{job.id[-6:].upper()}",
    }
    # A row of the same transaction as the order's end: sent once that is committed, to the connection that asked.
    sender = job.metadata["headers"]["signalr-connection"]
    await job.publish("live", f"connection:{sender}/orderCompleted", done)
    return done
