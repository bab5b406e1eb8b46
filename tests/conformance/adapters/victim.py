"""A hub that dies by SIGKILL when it is about to acknowledge its first delivery: everything of it is committed, and the
broker knows nothing. `python -m tests.conformance.adapters.victim CONFIGURATION ADAPTER`."""

import asyncio
import os
import signal
import sys

from hub import Hub
from hub.ports import Delivery
from tests.conformance.adapters.rig import note


async def main(file: str, adapter: str) -> None:
    hub = Hub.from_file(file, handlers=[note])

    async def die(delivery: Delivery) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    hub.adapters[adapter].acknowledge = die  # type: ignore[attr-defined]  # it is a Source
    async with hub:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
