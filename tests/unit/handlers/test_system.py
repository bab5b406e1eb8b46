"""The system's handlers: small batches to the end, bounded runs, and refusals that say what to do."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from hub.errors import PayloadInvalid, Permanent
from hub.handlers import system
from hub.handlers.registry import Registry
from tests.unit.handlers.conftest import Hub


class Store:
    """So many rows of each kind; remembers what it was asked."""

    def __init__(self, rows: int, status: str = "ok") -> None:
        self.rows = rows
        self.status = status
        self.asked: list[tuple[Any, ...]] = []

    def _take(self, limit: int) -> int:
        taken = min(limit, self.rows)
        self.rows -= taken
        return taken

    async def delete_histories(self, older_than_days: float, limit: int) -> int:
        self.asked.append(("histories", older_than_days, limit))
        return self._take(limit)

    async def delete_jobs(self, older_than_days: float, limit: int) -> int:
        self.asked.append(("jobs", older_than_days, limit))
        return self._take(limit)

    async def retry_failed(self, limit: int) -> int:
        self.asked.append(("retry", limit))
        return limit  # there are always more: what was retried fails again

    async def release_dedupe(self, limit: int) -> int:
        self.asked.append(("dedupe", limit))
        return 0

    async def health(self) -> dict[str, Any]:
        return {"status": self.status}


async def run(hub: Hub, store: Store, name: str, payload: str | None = None, **columns: Any) -> Any:
    registry = Registry().add(*system.handlers(store, batch=100, retries_a_run=300))
    entry = registry.get(name)
    assert entry is not None
    result = entry.encode_result(await entry.call(hub.job(payload, handler=name, **columns)))
    return None if result is None else json.loads(result)


def test_the_documents_names_are_there() -> None:
    names = {entry.name for entry in Registry().add(*system.handlers(Store(0)))}
    assert names == {
        *("system.health.check", "system.record", "system.unrouted", "system.retry.failed"),
        *("system.cleanup.monthly", "system.cleanup.histories"),
    }


async def test_histories_are_deleted_in_small_batches_until_none_is_left(hub: Hub) -> None:
    store = Store(250)
    assert await run(hub, store, "system.cleanup.histories") == {"histories": 250, "jobs": 0, "dedupe_keys": 0}
    assert store.asked == [*[("histories", 90.0, 100)] * 3, ("jobs", 90.0, 100), ("dedupe", 100)]
    shares = [share for share, note in hub.attempt.said if note.endswith("histories")]
    assert shares == sorted(shares)
    assert "250 histories" in [note for _, note in hub.attempt.said]


async def test_the_monthly_run_deletes_jobs_too(hub: Hub) -> None:
    store = Store(100)
    assert await run(hub, store, "system.cleanup.monthly", '{"jobs": 30}') == {"histories": 100, "jobs": 0}
    assert store.asked == [("histories", 90.0, 100), ("histories", 90.0, 100), ("jobs", 30.0, 100)]


@pytest.mark.parametrize("payload", ['{"histories": 0}', '{"histories": -1}', '{"histories": "all"}'])
async def test_a_retention_that_would_delete_everything_is_refused(payload: str, hub: Hub) -> None:
    store = Store(250)
    with pytest.raises(PayloadInvalid, match=r"payload\.histories"):
        await run(hub, store, "system.cleanup.histories", payload)
    assert store.rows == 250


async def test_retrying_ends_though_there_are_always_more(hub: Hub) -> None:
    assert await run(hub, Store(0), "system.retry.failed") == {"retried": 300}


async def test_health_is_answered_and_told_when_it_is_bad(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert await run(hub, Store(0), "system.health.check") == {"status": "ok"}
    assert not caplog.records
    assert await run(hub, Store(0, "database away"), "system.health.check") == {"status": "database away"}
    assert "database away" in caplog.text


@pytest.mark.parametrize(("payload", "result"), [('{"a": 1}', {"a": 1}), ("text", "text"), (None, None)])
async def test_record_keeps_the_payload_as_the_result(
    payload: str | None, result: Any, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert await run(hub, Store(0), "system.record", payload) == result
    assert "no handler was named" in caplog.text


async def test_record_keeps_bytes_readable(hub: Hub) -> None:
    assert await run(hub, Store(0), "system.record", "/2E=", payloadencoding="base64") == "\ufffda"


async def test_an_unrouted_message_stays_a_dead_letter_and_says_what_is_missing(hub: Hub) -> None:
    with pytest.raises(Permanent, match=r"plant.*'plant/7/temperature'.*redrive"):
        await run(hub, Store(0), "system.unrouted", metadata='{"adapter": "plant", "topic": "plant/7/temperature"}')
