"""A whole hub that takes signed webhooks into its tables.

Invariant: nothing is turned off but the workers, so that what is measured is the way in. It ends at "stop".
"""

from __future__ import annotations

from typing import Any

from benchmarks.roles.webhooks_bare import serve_words
from benchmarks.roles.wire import Wire
from hub import Hub
from hub.cli.collector import settle
from hub.config import build


async def run(wire: Wire, *, url: str, secret: str) -> None:
    """Words: "meter" begins to count CPU, "read" answers it (seconds) and the memory (megabytes)."""
    settings: dict[str, Any] = {
        "jobs": {"enabled": False},
        "http": {"port": 0},
        "adapters": {"web": {"type": "http"}},
        "routes": [
            {
                "name": "orders",
                "from": "web",
                "handler": "benchmark.nothing",
                "signature": {"scheme": "standard-webhooks", "secrets": ["${env:WEBHOOK}"]},
            }
        ],
    }
    async with Hub(build(settings, {"DATABASE_URL": url, "WEBHOOK": secret})) as hub:
        settle()
        await wire.ready()
        wire.tell({"port": int(hub.addresses[0].rpartition(":")[2])})
        await serve_words(wire)
