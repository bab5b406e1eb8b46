"""`python -m benchmarks.roles ROLE SPEC`: one process under test. SPEC is JSON; see the roles for what they take.

Invariant: only names of this package's own roles are imported.
"""

from __future__ import annotations

import asyncio
import cProfile
import importlib
import sys
from collections.abc import Coroutine
from typing import Any

import msgspec

from benchmarks.roles.wire import Wire

ROLES = frozenset(
    (
        *("hub_jobs", "hub_enqueue", "hub_server", "hub_producer", "hub_claims", "hub_memory", "hub_locked"),
        *("hub_activemq", "stomp_bare"),
        *("hub_mqtt", "paho_bare"),
        *("sockets_hub", "sockets_engine", "sockets_bare", "sockets_clients"),
        *("webhooks_hub", "webhooks_bare", "webhooks_senders"),
        *("pgqueuer_jobs", "pgqueuer_enqueue", "pgqueuer_server", "pgqueuer_producer", "copy_rows", "snapshot"),
        *("hub_kafka", "kafka_copy", "kafka_single"),
        *("hub_workflows", "hub_workflow_starts", "dbos_workflows", "hub_share", "hub_schedules"),
    )
)


def main() -> None:
    name, spec = sys.argv[1], msgspec.json.decode(sys.argv[2])
    if name not in ROLES:
        raise SystemExit(f"no role {name!r}: choose from {', '.join(sorted(ROLES))}")
    run = importlib.import_module(f"benchmarks.roles.{name}").run
    profile = spec.pop("profile", None)
    work = _work(run, spec)
    if profile is None:
        _loop(work)
        return
    profiler = cProfile.Profile()
    profiler.runcall(_loop, work)
    profiler.dump_stats(profile)


async def _work(run: Any, spec: dict[str, Any]) -> None:
    await run(Wire(asyncio.get_running_loop()), **spec)


def _loop(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
