"""Every broker that there is a module for, and the one that HUB_TEST_ADAPTER names (a module with `make`)."""

import importlib
import importlib.util
import os
from collections.abc import AsyncIterator, Callable

import pytest

from tests.conformance.adapters.broker import Broker

HERE = "tests.conformance.adapters"
BROKERS = ("memory", "memory:make_log", "kafka", "mqtt", "mqtt:make_311", "mqtt:make_hivemq", "activemq")
Make = Callable[[pytest.FixtureRequest], Broker]


def offered() -> list[object]:
    """(module:function), each with the mark of its broker, so that `-m "not kafka"` leaves it out."""
    if named := os.environ.get("HUB_TEST_ADAPTER"):
        return [named]
    here = [name for name in BROKERS if importlib.util.find_spec(f"{HERE}.{name.partition(':')[0]}") is not None]
    return [
        pytest.param(f"{HERE}.{name}", id=name.replace(":make_", "-"), marks=_marks(name.partition(":")[0]))
        for name in here
    ]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [] if name == "memory" else [getattr(pytest.mark, name)]


@pytest.fixture(params=offered())
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """A broker that is up, and is left so."""
    module, _, function = request.param.partition(":")
    make: Make = getattr(importlib.import_module(module), function or "make")
    found = make(request)
    found.start()
    yield found
    found.start()
    await found.close()
