"""What a batch handler may declare, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from hub import Batch, Job, handler
from hub.errors import PayloadInvalid, Permanent, Retry
from hub.handlers.batch import results
from hub.handlers.mark import HandlersInvalid, Next
from hub.handlers.registry import Registry
from tests.unit.handlers.conftest import Hub

T = TypeVar("T")


@dataclass
class Order:
    id: int


async def typed(batch: Batch[Order]) -> list[int]:
    return [order.id for _, order in batch]


async def untyped(batch: Batch[Any]) -> list[Any]:
    return list(batch.payloads)


async def bare(batch: Batch) -> list[Any]:  # type: ignore[type-arg]  # as a reader in a hurry writes it
    return list(batch.payloads)


async def by_name(batch) -> list[Any]:  # type: ignore[no-untyped-def]  # the same
    return list(batch.payloads)


async def open_type(batch: Batch[T]) -> list[T]:
    return list(batch.payloads)


@pytest.mark.parametrize(
    ("function", "expected"),
    [(typed, 7), (untyped, {"id": 7}), (bare, {"id": 7}), (by_name, {"id": 7}), (open_type, {"id": 7})],
)
async def test_payloads_come_as_declared(hub: Hub, function: Callable[..., Any], expected: Any) -> None:
    handler("test", batch=10)(function)
    entry = Registry().add(function).get("test")
    del function.__dict__["__hub_handlers__"]
    assert entry is not None
    assert entry.grouped
    assert entry.batch is not None
    assert entry.batch.size == 10
    assert await entry.call(hub.job('{"id": 7}')) == expected


async def test_a_batch_of_one_ends_as_its_job_was_failed(hub: Hub) -> None:
    @handler("test", batch=10)
    async def fails(batch: Batch[Order]) -> None:
        [job] = batch.jobs
        batch.fail(job, f"order {batch.payloads[0].id}")

    entry = Registry().add(fails).get("test")
    assert entry is not None
    with pytest.raises(Retry, match="order 7"):
        await entry.call(hub.job('{"id": 7}'))
    with pytest.raises(PayloadInvalid):
        await entry.call(hub.job('{"id": "seven"}'))


def sync(batch: Batch[Order]) -> None: ...


async def two(batch: Batch[Order], job: Job) -> None: ...


async def none() -> None: ...


async def single(order: Order) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"), [(sync, "async"), (two, "one parameter"), (none, "one parameter"), (single, "one parameter")]
)
def test_what_cannot_take_a_batch_is_refused(function: Callable[..., Any], words: str) -> None:
    marked = handler("test", batch=10)(function)
    with pytest.raises(HandlersInvalid, match=words):
        Registry().add(marked)
    del function.__dict__["__hub_handlers__"]


async def around(job: Job, next: Next) -> Any: ...


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch": 0}, "batch"),
        ({"batch": 1001}, "batch"),
        ({"batch": 10, "share_transaction": True}, "share_transaction"),
        pytest.param({"batch": 10, "middleware": [around]}, "middleware", id="middleware"),
    ],
    ids=str,
)
def test_a_mark_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(HandlersInvalid, match=words):
        handler("test", **given)


def test_only_an_async_handler_shares_its_transaction() -> None:
    @handler("test", share_transaction=True)
    def run() -> None: ...

    with pytest.raises(HandlersInvalid, match="share_transaction is for async handlers"):
        Registry().add(run)


def test_a_batch_has_a_result_for_each_job(hub: Hub) -> None:
    batch = Batch([hub.job("1"), hub.job("2")], [1, 2])
    assert len(batch) == 2
    assert list(results(batch, None)) == [None, None]
    assert list(results(batch, (1, 2))) == [1, 2]
    with pytest.raises(Permanent, match="got 1 results"):
        results(batch, [1])
