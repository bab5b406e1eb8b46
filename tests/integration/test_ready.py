"""Whether an instance calls itself ready: by what its own roles need."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import Hub
from hub.config.load import build


def _hub(tmp_path: Path, roles: list[str], *, enabled: bool) -> Hub:
    document = {
        "database": {"url": f"sqlite:///{tmp_path / 'hub.db'}"},
        "http": {"port": 0},
        "jobs": {"enabled": enabled},
    }
    return Hub(build(document, {}), roles=roles)


@pytest.mark.parametrize("role", ["api", "adapters", "scheduler", "worker"])
async def test_an_instance_of_one_role_is_ready(tmp_path: Path, role: str) -> None:
    async with _hub(tmp_path, [role], enabled=True) as hub:
        assert await hub.unready() == []


async def test_disabled_jobs_are_told(tmp_path: Path) -> None:
    async with _hub(tmp_path, ["api"], enabled=False) as hub:
        assert await hub.unready() == ["jobs are disabled (jobs.enabled is false)"]
