"""A whole hub as one member of a consumer group, to be stopped, frozen and killed:
`python -m tests.integration.adapters.kafka_member CONFIGURATION [forgetful]`. It says `connected` once it is.

A forgetful one keeps no place in the database, only the group's offset at the broker: what the tests must notice."""

import asyncio
import signal
import sys

from hub import Hub
from hub.adapters.kafka import KafkaAdapter
from hub.ports import Delivery


def forget(adapter: KafkaAdapter) -> None:
    """Take the place out of each delivery, so that it is not committed with the rows."""
    read, acknowledge = adapter.read, adapter.acknowledge
    whole: dict[int, Delivery] = {}

    async def without_place() -> Delivery:
        delivery = await read()
        bare = Delivery(delivery.messages, delivery.token)
        whole[id(bare)] = delivery
        return bare

    async def tell(bare: Delivery) -> None:
        await acknowledge(whole.pop(id(bare)))

    adapter.read, adapter.acknowledge = without_place, tell  # type: ignore[method-assign]  # this is the fault


async def main(file: str, forgetful: bool) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    hub = Hub.from_file(file)
    if forgetful:
        adapter = hub.adapters["plant"]
        assert isinstance(adapter, KafkaAdapter)
        forget(adapter)
    async with hub:
        state = hub.supervisor.states["plant"]
        while not (state.topics or stopping.is_set()):  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.02)
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], "forgetful" in sys.argv[2:]))
