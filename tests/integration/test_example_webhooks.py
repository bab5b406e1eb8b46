"""examples/webhooks as it stands: a signed order in, a signed acceptance out, by programs in both languages."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.cli_project import ROOT, CliProject, Running

EXAMPLE = ROOT / "examples" / "webhooks"
SECRETS = {
    "ORDERS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "CRM_SECRET": "whsec_Y3JtJ3Mgb3duIHNlY3JldCwgMjQ=",
}
LANGUAGES = ["py", pytest.param("mjs", marks=pytest.mark.node)]


def command(name: str, language: str) -> list[str]:
    if language == "mjs" and not shutil.which("node"):
        if os.environ.get("CI"):
            pytest.fail("Node.js is missing")
        pytest.skip("Node.js is missing")
    return [sys.executable if language == "py" else "node", str(EXAMPLE / f"{name}.{language}")]


@asynccontextmanager
async def receiving(language: str) -> AsyncIterator[tuple[Process, int]]:
    """A receiver on a free port, without a variable of ours beside its secret."""
    process = await asyncio.create_subprocess_exec(
        *command("receiver", language),
        "0",
        env={**os.environ, **SECRETS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            said = (await process.stderr.readline()).decode()
        yield process, int(said.split()[-1])
    finally:
        process.kill()
        await process.wait()


async def line(process: Process) -> Any:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return json.loads(await process.stdout.readline())


async def send(language: str, url: str, *arguments: str, **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command("sender", language),
        *arguments,
        env={**os.environ, **SECRETS, "HUB_URL": url, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode or 0, (out or err).decode()


@asynccontextmanager
async def hub(folder: Path, url: str, receiver: int) -> AsyncIterator[str]:
    """The address of the example's route."""
    project = CliProject(folder, url)
    shutil.copy(EXAMPLE / "configuration.json", project.file)
    running: Running = await project.start(
        "run", DATABASE_URL=url, PORT="0", CRM_URL=f"http://127.0.0.1:{receiver}/hooks", **SECRETS
    )
    try:
        ready = await running.until("listening=")
        yield f"{ready.partition('listening=')[2].split()[0]}/webhooks/orders"
    finally:
        await running.kill()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_order_goes_in_and_its_acceptance_comes_out_once(
    language: str, tmp_path: Path, sqlite_url: str
) -> None:
    async with receiving(language) as (receiver, port), hub(tmp_path, sqlite_url, port) as url:
        for number in (1, 2):
            status, said = await send(language, url, '{"id": 7}', "msg_7")
            assert (status, json.loads(said)["duplicate"]) == (0, number == 2)
        status, said = await send(language, url, '{"id": 8}')
        assert status == 0, said
        found = {message["payload"]["order"]: message for message in (await line(receiver), await line(receiver))}
        assert set(found) == {7, 8}
        assert (found[7]["topic"], found[7]["payload"]["state"]) == ("order.accepted", "accepted")
        refused, why = await send(language, url, '{"id": 9}', ORDERS_SECRET=SECRETS["CRM_SECRET"])
        assert (refused, "401" in why) == (1, True)
        refused, why = await send(language, url, '{"id": "nine"}')
        assert (refused, "422" in why) == (1, True)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_receiver_believes_no_one_else(language: str) -> None:
    async with receiving(language) as (_, port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
        forged = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        for headers in ({}, forged, {**forged, "webhook-timestamp": "x"}, {**forged, "webhook-signature": "v1,é"}):
            async with client.post("/hooks", data=b"{}", headers=headers) as answer:
                assert answer.status == 401
