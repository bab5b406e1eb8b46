"""Invoices, by the two kinds of handlers that are not async: one waits in a thread, one keeps a processor busy.

`invoice.book` is plain SQLAlchemy as an application may have it already; it runs in a thread, and `job.db` is the job's
own transaction, so that the ORM session in it commits with the job or not at all. `invoice.seal` computes for a while,
so it runs in a process of its own, where there is no database: what it finds out it hands on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Float, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from examples.tables import have
from hub import Job, ProcessJob, SyncJob, handler
from hub.errors import Permanent
from hub.handlers.mark import Next

ROUNDS = 200_000


class Base(DeclarativeBase):
    pass


class Booking(Base):
    __tablename__ = "bookings"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    total: Mapped[float] = mapped_column(Float)
    seal: Mapped[str | None] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class Invoice:
    """`{"number": "R-7", "total": 12.5}`"""

    number: str
    total: float


@dataclass(frozen=True, slots=True)
class Seal:
    number: str
    seal: str


async def with_bookings(job: Job, next: Next) -> object:
    """Middleware: the handler behind it finds the table. Middleware is async, whatever the handler is."""
    await have(job.db, cast(Table, Booking.__table__))
    return await next(job)


@handler("invoice.book", permanent=ValueError, middleware=[with_bookings])
def book(invoice: Invoice, job: SyncJob) -> str:
    """Book an invoice, and have it sealed once that is committed."""
    if invoice.total < 0:
        raise ValueError(f"invoice {invoice.number} is negative")
    with Session(bind=job.db) as session:  # joins by a savepoint: its commit releases that, the job's is the hub's
        session.add(Booking(number=invoice.number, total=invoice.total))
        session.commit()
    return job.enqueue("invoice.seal", invoice)


@handler("invoice.seal", process=True, timeout=60)
def seal(invoice: Invoice, job: ProcessJob) -> str:
    """Compute a seal. A time-out or a cancellation kills the process, whatever it computes."""
    data = f"{invoice.number} {invoice.total:.2f}".encode()
    job.progress(0.1, "sealing")
    found = hashlib.pbkdf2_hmac("sha256", data, b"seal", ROUNDS).hex()
    job.enqueue("invoice.sealed", {"number": invoice.number, "seal": found})
    return found


@handler("invoice.sealed")
def sealed(seal: Seal, job: SyncJob) -> None:
    """Keep the seal."""
    with Session(bind=job.db) as session:
        booking = session.get(Booking, seal.number)
        if booking is None:
            raise Permanent(f"there is no invoice {seal.number}")
        booking.seal = seal.seal
        session.commit()
