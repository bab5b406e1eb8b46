"""Routes as the configuration has them, and a clock whose ids are numbers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.config.sections.routes import Route as RouteSection
from hub.ingest.route import RouteTable

KINDS = {"web": "http", "plant": "mqtt", "erp": "kafka", "mes": "activemq"}

Tables = Callable[..., RouteTable]


class Numbered:
    """A clock that stands still; ids count up."""

    def __init__(self) -> None:
        self.at = 1000.0
        self._last = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 8, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at

    def random(self) -> float:
        return 0.5

    def new_id(self) -> str:
        self._last += 1
        return f"id-{self._last}"


@pytest.fixture
def clock() -> Numbered:
    return Numbered()


@pytest.fixture
def table() -> Tables:
    """Compiles routes given as the file has them."""

    def compile(*routes: dict[str, Any], queues: dict[str, str] | None = None) -> RouteTable:
        return RouteTable.compile([RouteSection.model_validate(route) for route in routes], KINDS, queues)

    return compile
