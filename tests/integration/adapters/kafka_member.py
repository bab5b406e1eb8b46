"""A whole hub as one member of a consumer group, to be stopped, frozen and killed:
`python -m tests.integration.adapters.kafka_member CONFIGURATION`. It says `connected` once it is."""

import asyncio
import signal
import sys

from hub import Hub


async def main(file: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with Hub.from_file(file) as hub:
        state = hub.supervisor.states["plant"]
        while not (state.topics or stopping.is_set()):  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.02)
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
