"""`hub workflows` on real databases, beside a hub that runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub.testing import running_hub
from tests.integration.cli_project import CliProject

ON = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
HANDLERS = """
from hub import handler
from hub.workflows.definition import Workflow

@handler("cli.ask")
async def ask(payload: dict) -> dict:
    return {"asked": True}

@handler("cli.act")
async def act(payload: dict) -> dict:
    return {"acted": payload["by"]}

flow = Workflow("approval").step("ask", ask).wait("approval", "approved", after="ask")
flow.step("act", act, after="approval")
"""


@pytest.fixture(params=ON)
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliProject:
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = CliProject(tmp_path, url)
    made.handlers(HANDLERS, f"cli_workflows_{request.param}")
    assert made.hub("migrate").exit_code == 0
    return made


async def until(project: CliProject, workflow_id: str, step: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = project.json("workflows", "show", workflow_id)
            if any(each["step_name"] == step and each["status"] in statuses for each in found["steps"]):
                return found
            await asyncio.sleep(0.05)


async def test_one_from_its_start_to_its_end(project: CliProject) -> None:
    async with running_hub(database=project.url, handlers=project.document["handlers"], roles=["worker"]):
        workflow_id = project.ok("workflows", "start", "approval", '{"amount": 7}').strip()
        await until(project, workflow_id, "approval", "waiting")
        shown = project.ok("workflows", "show", workflow_id)
        for text in ("approval", "✔ ask", "… approval", "for the signal approved", "· act", '"amount": 7'):
            assert text in shown
        project.ok("workflows", "signal", workflow_id, "approved", '{"by": "Ada"}')
        done = await until(project, workflow_id, "act", "completed")
        assert done["context"] == {"amount": 7, "asked": True, "by": "Ada", "acted": "Ada"}
        assert workflow_id in project.ok("workflows", "list", "--type", "approval")
        refused = project.hub("workflows", "cancel", workflow_id)
        assert (refused.exit_code, "completed" in refused.stderr) == (1, True)


async def test_one_that_fails_is_resumed_and_one_is_cancelled(project: CliProject) -> None:
    async with running_hub(database=project.url, handlers=project.document["handlers"], roles=["worker"]):
        waiting = project.json("workflows", "start", "approval")["workflow_id"]
        failing = project.json("workflows", "start", "approval")["workflow_id"]
        await until(project, failing, "approval", "waiting")
        project.ok("workflows", "signal", failing, "approved")
        await until(project, failing, "act", "retrying")
        project.ok("workflows", "cancel", failing)
        assert project.json("workflows", "resume", failing)["steps"] == ["act"]
        await until(project, failing, "act", "retrying")
        await until(project, waiting, "approval", "waiting")
        project.ok("workflows", "cancel", waiting)
        listed = project.json("workflows", "list", "--status", "cancelled")
        assert [each["workflow_id"] for each in listed["data"]] == [waiting]


def test_what_is_not_there_is_said(project: CliProject) -> None:
    for words in (["start", "unheard"], ["show", "nobody"], ["resume", "nobody"], ["signal", "nobody", "x"]):
        refused = project.hub("workflows", *words)
        assert (refused.exit_code, "there is no workflow" in refused.stderr) == (1, True)
    assert project.hub("workflows", "list", "--status", "done").exit_code == 2
    assert project.json("workflows", "list") == {"data": [], "next": None}
