"""ORM sessions in a handler: they join the job's transaction, which stays the hub's.

The session's commit releases its savepoint and no more: the invoice is there when the job is Completed, and not
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import ForeignKey, Integer, String, Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from examples.tables import have, metadata
from hub import Job, SyncJob, handler


class Base(DeclarativeBase):
    metadata = metadata


class Invoice(Base):
    __tablename__ = "orm_invoices"

    number: Mapped[str] = mapped_column(String(50), primary_key=True)
    lines: Mapped[list[Line]] = relationship(back_populates="invoice", lazy="selectin")


class Line(Base):
    __tablename__ = "orm_lines"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(ForeignKey(Invoice.number))
    text: Mapped[str] = mapped_column(String(200))
    cents: Mapped[int]
    invoice: Mapped[Invoice] = relationship(back_populates="lines")


@dataclass(frozen=True, slots=True)
class Order:
    """`{"number": "A-7", "lines": {"bolt": 120, "nut": 80}}`"""

    number: str
    lines: dict[str, int]


@handler("invoice.write")
async def write(order: Order, job: Job) -> str:
    """The invoice with its lines; one that is there already stays as it is."""
    for table in (Invoice.__table__, Line.__table__):
        await have(job.db, cast(Table, table))
    async with AsyncSession(bind=job.db, join_transaction_mode="create_savepoint") as session:
        session.add(
            Invoice(number=order.number, lines=[Line(text=text, cents=cents) for text, cents in order.lines.items()])
        )
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()  # to the savepoint: the job goes on
            return "known"
    await job.enqueue("invoice.total", order.number)
    return "written"


@handler("invoice.total")
def total(number: str, job: SyncJob) -> int:
    """In a thread, by a session that is not async."""
    with Session(bind=job.db, join_transaction_mode="create_savepoint") as session:
        invoice = session.scalars(select(Invoice).where(Invoice.number == number)).one()
        return sum(line.cents for line in invoice.lines)
