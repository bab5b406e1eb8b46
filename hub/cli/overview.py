"""The work of `hub status`: the database's numbers, the running hub's own words.

Invariant: a hub that does not answer is a finding, not an error.
"""

from __future__ import annotations

import asyncio
import http.client
import os
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from hub.cli.session import opened
from hub.cli.show import output, pairs, span, table
from hub.config import Configuration
from hub.queue.records import LARGEST_PAGE

_PATIENCE = 2.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where a hub may listen

Numbers = dict[str, Any]


class Overview(msgspec.Struct):
    """What is shown; `dead` counts dead letters, `more` says that there are more than that."""

    health: Numbers
    queues: dict[str, Numbers]
    handlers: dict[str, Numbers]
    dead: int
    more: bool


async def look(file: Path | None) -> Overview:
    """Ask the database and the hub."""
    async with opened(file) as session:
        asked = asyncio.create_task(asyncio.to_thread(_health, session.configuration))
        statistics = await session.records.statistics()
        letters, following = await session.records.dead(limit=LARGEST_PAGE)
        health = await asked
    queues = _queues(session.configuration, statistics["queues"])
    return Overview(health, queues, statistics["handlers"], len(letters), following is not None)


def _queues(configuration: Configuration, counted: dict[str, Numbers]) -> dict[str, Numbers]:
    """The queues of the configuration, idle ones too, then those that rows have named."""
    limits = {name: queue.limit for name, queue in configuration.jobs.queues.items()}
    idle = {"ready": 0, "waiting": 0, "processing": 0, "oldest_seconds": None}
    return {name: {**counted.get(name, idle), "limit": limits.get(name)} for name in dict.fromkeys((*limits, *counted))}


def _health(configuration: Configuration) -> Numbers:
    """The answer of /health, or why there is none, under `status`."""
    host, port = configuration.http.host, configuration.http.port
    host = _EVERYWHERE.get(host, host)
    if port == 0:
        return {"status": "unknown", "reason": "http.port is 0: a running hub has taken a port that only its log tells"}
    place = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    token = os.environ.get("HUB_TOKEN")
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/health", headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        body = msgspec.json.decode(answer.read(), type=dict[str, Any])
        if answer.status != 200:
            return {"status": "unknown", "address": place, "reason": str(body.get("detail") or answer.reason)}
        return {**body, "address": place}
    except (OSError, http.client.HTTPException) as error:
        return {"status": "not running", "address": place, "reason": str(error) or type(error).__name__}
    except msgspec.DecodeError:
        return {"status": "unknown", "address": place, "reason": "something that is no hub answers there"}
    finally:
        connection.close()


# --- shown -------------------------------------------------------------------------------------------------------


def show_overview(overview: Overview) -> None:
    """Write it to standard output."""
    console = output()
    console.print(pairs(_instance(overview.health)))
    console.print()
    processes = overview.health.get("processes")
    if isinstance(processes, list) and processes:
        columns = ["PROCESS", "PID", "STATE", "RUNNING", "HELD", "RESTARTS"]
        console.print(table(columns, [_process(each) for each in processes], right=columns[3:]))
        console.print()
    adapters = overview.health.get("adapters")
    if isinstance(adapters, dict) and adapters:
        columns = [
            "ADAPTER",
            "TYPE",
            "STATE",
            "LAG",
            "RECEIVED",
            "PUBLISHED",
            "QUARANTINED",
            "RECONNECTS",
            "LAST ERROR",
        ]
        rows = [_adapter(name, state) for name, state in adapters.items() if isinstance(state, dict)]
        console.print(table(columns, rows, right=columns[3:8]))
        console.print()
    columns = ["QUEUE", "READY", "WAITING", "PROCESSING", "LIMIT", "OLDEST"]
    rows = [_queue(name, numbers) for name, numbers in overview.queues.items()]
    console.print(table(columns, rows, right=columns[1:]) if rows else "no queue has anything to do")
    if overview.handlers:
        console.print()
        columns = ["HANDLER", "ATTEMPTS", "COMPLETED", "FAILED", "AVERAGE", "P95"]
        rows = [_handler(name, numbers) for name, numbers in sorted(overview.handlers.items())]
        console.print(table(columns, rows, right=columns[1:]))
    if overview.dead:
        count = "1 dead letter" if overview.dead == 1 else f"{overview.dead}{'+' if overview.more else ''} dead letters"
        console.print()
        console.print(Text.assemble((count, "red"), ": see hub dead list"))


def _instance(health: Numbers) -> list[tuple[str, str | Text]]:
    status = str(health["status"])
    colour = {"ok": "green", "not running": "yellow"}.get(status, "red")
    jobs = health.get("jobs")
    running = f"{jobs.get('running')} running, {jobs.get('held')} held" if isinstance(jobs, dict) else ""
    uptime = health.get("uptime_seconds")
    return [
        ("hub", Text.assemble((status, colour), (f"  {health.get('address', '')}", "dim"))),
        ("reason", str(health.get("reason", ""))),
        ("version", str(health.get("version", ""))),
        ("instance", str(health.get("instance", ""))),
        ("up for", span(uptime) if isinstance(uptime, int | float) else ""),
        ("jobs", running),
        ("cache", _cache(health.get("cache"))),
    ]


def _cache(cache: object) -> str:
    if not isinstance(cache, dict):
        return ""
    adapter = cache.get("adapter")
    if adapter is None:
        return f"{cache.get('mode')} mode: none is configured"
    return f"{cache.get('mode')} mode: {adapter} is {'there' if cache.get('reachable') else 'away'}"


def _process(numbers: Numbers) -> list[str | Text]:
    state = str(numbers.get("state", ""))
    colour = {"running": "green", "starting": "yellow"}.get(state, "red")
    counts = [str(numbers.get(each, "")) for each in ("running", "held", "restarts")]
    return [str(numbers.get("number", "")), str(numbers.get("pid") or ""), Text(state, style=colour), *counts]


def _adapter(name: str, state: Numbers) -> list[str | Text]:
    word = str(state.get("state", ""))
    colour = {"connected": "green", "stopped": "red", "connecting": "red"}.get(word, "yellow")
    lag = state.get("lag")
    waiting = str(sum(lag.values())) if isinstance(lag, dict) and lag else ""
    counts = [str(state.get(each, "")) for each in ("received", "published", "quarantined", "reconnects")]
    return [
        name,
        str(state.get("type", "")),
        Text(word, style=colour),
        waiting,
        *counts,
        str(state.get("last_error") or ""),
    ]


def _queue(name: str, numbers: Numbers) -> list[str | Text]:
    oldest, limit = numbers["oldest_seconds"], numbers["limit"]
    counts = [str(numbers[each]) for each in ("ready", "waiting", "processing")]
    return [name, *counts, "" if limit is None else str(limit), "" if oldest is None else span(oldest)]


def _handler(name: str, numbers: Numbers) -> list[str | Text]:
    failed = str(numbers["failed"])
    return [
        name,
        str(numbers["total"]),
        str(numbers["completed"]),
        Text(failed, style="red") if numbers["failed"] else failed,
        _milliseconds(numbers["avg_duration_ms"]),
        _milliseconds(numbers["p95_duration_ms"]),
    ]


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"
