"""The quick start in TypeScript: it fits the types of @microsoft/signalr, and an order goes through and comes back."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from examples.browser import orders
from hub import Hub
from hub.config import build
from hub.testing import HubHarness
from tests.integration.sockets.rig import PATIENCE, ROOT, clients

pytestmark = [pytest.mark.node, pytest.mark.slow]

EXAMPLE = ROOT / "examples" / "browser"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example as somebody has it who ran npm install in it."""
    (tmp_path / "node_modules").symlink_to(clients() / "node_modules")
    for name in ("order.ts", "tsconfig.json"):
        shutil.copy(EXAMPLE / name, tmp_path)
    return tmp_path


async def _node(project: Path, *words: str, **environment: str) -> tuple[int | None, str]:
    """The exit status of a program in the project, and what it said."""
    process = await asyncio.create_subprocess_exec(
        "node", *words, cwd=project, env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()


async def _compile(project: Path, *options: str) -> tuple[int | None, str]:
    return await _node(project, "node_modules/typescript/bin/tsc", *options)


async def test_it_compiles_and_its_order_is_completed(project: Path, sqlite_url: str) -> None:
    status, said = await _compile(project)
    assert (status, said) == (0, "")
    settings = json.loads((EXAMPLE / "configuration.json").read_text())
    settings |= {"http": {"port": 0}, "handlers": []}
    async with Hub(build(settings, {"DATABASE_URL": sqlite_url}), handlers=[orders.pack]) as hub:
        url = f"{hub.addresses[0]}/signalr"
        status, said = await _node(project, "build/order.js", "Shaft", "2", HUB_URL=url)
        assert status == 0, said
        accepted, completed = (json.loads(line) for line in said.splitlines())
        assert completed["completed"] == accepted["accepted"]
        assert completed["parcel"].startswith("P-")
        assert (await HubHarness(hub).wait(accepted["accepted"]))["statusid"] == 3
        status, said = await _node(project, "build/order.js", "Shaft", "2000000", HUB_URL=f"{url}/nowhere")
        assert status == 1
        assert "404" in said


WRONG = {
    "quantity: Number(quantity)": "quantity",
    'invoke<Accepted>("placeOrder", order)': 'invoke<Accepted>(order, "placeOrder")',
    "done.parcel": "done.package",
}


async def test_what_does_not_fit_is_not_compiled(project: Path) -> None:
    text = (project / "order.ts").read_text()
    for right, wrong in WRONG.items():
        assert right in text
        text = text.replace(right, wrong)
    (project / "order.ts").write_text(text)
    status, said = await _compile(project, "--noEmit")
    assert status != 0
    assert said.count("error TS") == len(WRONG), said
