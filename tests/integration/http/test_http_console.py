"""The console in a real browser against a real hub: what flows is seen, what failed is found, mended and seen done."""

import asyncio
import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Page, expect

from hub import Job, console, handler
from hub.testing import HubHarness, running_hub
from tests.integration.http.browser import EVIL, opened
from tests.integration.http.rig import Serve
from tests.integration.http.test_http_access import AUTH, bearer

LARGE = 4 * 2**20
AWAY = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
FORBIDDEN = ("innerHTML", "insertAdjacentHTML", "eval(", "http://", "https://", " style=", "localStorage")


@handler("invoice.pay", max_retries=0)
async def pay(payload: Any, job: Job) -> Any:
    if not _mended.is_set():
        raise ValueError(EVIL)
    await job.enqueue("invoice.mail", {"to": "ada"})
    return {"paid": payload}


@handler("invoice.mail")
async def mail(payload: Any) -> None: ...


_mended = asyncio.Event()


@pytest.fixture(autouse=True)
def as_new() -> None:
    """Handlers fail until they are mended."""
    _mended.clear()


def hub_of(url: str, **sections: Any) -> Any:
    jobs = {"enable_metrics": True}
    return running_hub(handlers=[pay, mail], database=url, configuration={"jobs": jobs, **sections})


def tile(page: Page, name: str) -> Any:
    return page.locator(".tile", has_text=name).locator("strong")


async def sure(page: Page, verb: str) -> None:
    """Says yes to what is asked."""
    await page.locator("dialog").get_by_role("button", name=verb, exact=True).click()
    await expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.browser
async def test_what_flows_is_seen_and_a_hub_that_was_away_is_found_again(sqlite_url: str) -> None:
    routes = [{"name": "invoices", "from": "web", "handler": "invoice.mail"}]
    async with hub_of(sqlite_url, routes=routes) as hub:
        address = hub.url
        port = int(address.rpartition(":")[2])
        async with opened(address, "/console", *AWAY) as (page, faults):
            await expect(page.locator("#pulse")).to_have_text("live")
            await expect(tile(page, "Done")).to_have_text("0")
            await expect(page.locator(".node", has_text="invoices")).to_contain_text("/webhooks/invoices")
            for number in range(3):
                await hub.enqueue("invoice.mail", {"n": number})
            await expect(tile(page, "Done")).to_have_text("3")
            await expect(page.locator("#handlers tr", has_text="invoice.mail")).to_contain_text("3")
            await expect(page.locator(".node", has_text="invoice.mail")).to_contain_text("/s")
            await expect(page.locator(".chart path.line.one").first).to_have_attribute("d", re.compile("M"))
            await page.click("#hold")
            await expect(page.locator("#pulse")).to_have_text("held")
            await page.click("#hold")
            await expect(page.locator("#pulse")).to_have_text("live")
            await hub.hub.stop()
            await expect(page.locator("#notice")).to_contain_text("The hub is away")
            await expect(tile(page, "Done")).to_have_text("3")
            async with hub_of(sqlite_url, routes=routes, http={"port": port}) as anew:
                await anew.enqueue("invoice.mail", {})
                await expect(page.locator("#pulse")).to_have_text("live")
                await expect(page.locator("#notice")).to_be_hidden()
                await expect(tile(page, "Done")).to_have_text("4")
            assert faults == []


@pytest.mark.browser
async def test_a_failed_job_is_found_mended_and_seen_done_and_hostile_text_stays_text(sqlite_url: str) -> None:
    async with hub_of(sqlite_url) as hub, opened(hub.url, "/console#/jobs?status=failed") as (page, faults):
        large = await hub.enqueue("invoice.pay", "x" * LARGE, queue="q" * 100)
        failed = await hub.enqueue("invoice.pay", {EVIL: None, "\u202e日本": "\U0001f600"})
        for job in (large, failed):
            await hub.wait(job)
        ids = page.locator("#jobs .brief")
        await expect(ids).to_have_count(2)
        assert await ids.evaluate_all("ids => ids.map((id) => id.getClientRects().length)") == [1, 1]  # a line each
        await page.click(f"#jobs tr[data-key='{large}'] a")
        payload = page.locator(".of-payload pre")
        await expect(payload).to_contain_text("xxx")
        assert len(await payload.inner_text()) < 10_000
        await page.get_by_role("button", name=re.compile("Show all")).click()
        assert await payload.text_content() == "x" * LARGE
        await page.go_back()
        await page.click(f"#jobs tr[data-key='{failed}'] a")
        await expect(page.locator(".of-error pre")).to_contain_text(EVIL)
        await expect(page.locator(".of-top .badge")).to_have_text("failed")
        await expect(payload).to_contain_text("日本")
        await expect(payload).to_contain_text(EVIL)
        assert await page.locator("main img, main script, iframe").count() == 0

        _mended.set()
        await page.get_by_role("button", name="Retry", exact=True).click()
        await sure(page, "Retry")
        await expect(page.locator("#done")).to_contain_text("queued")
        await expect(page.locator(".of-top .badge")).to_have_text("completed")
        await expect(page.locator(".of-attempts tbody tr")).to_have_count(2)
        await page.get_by_role("button", name="Look for children").click()
        await expect(page.locator(".of-children a")).to_have_text("invoice.mail")

        await page.get_by_role("button", name="Edit and resend").click()
        await page.fill("dialog textarea", '{"cents": 123456789012345678901,')
        await page.get_by_role("button", name="Send as a new job").click()
        await expect(page.locator("dialog .notice")).to_contain_text("no JSON")
        await page.fill("dialog textarea", '{"cents": 123456789012345678901}')
        await sure(page, "Send as a new job")
        await page.click("#done a")
        await expect(page.locator(".of-top .badge")).to_have_text("completed")
        await expect(page.locator(".of-payload pre")).to_contain_text("123456789012345678901")
        assert await page.title() == "Job · hub"
        assert faults == []


@pytest.mark.browser
async def test_with_a_token_dead_letters_are_redriven_and_a_viewer_is_offered_nothing(sqlite_url: str) -> None:
    async with (
        hub_of(sqlite_url, auth=AUTH) as hub,
        opened(hub.url, "/console#/dead", "status of 401") as (page, faults),
    ):
        jobs = [await hub.enqueue("invoice.pay", {"n": number}) for number in range(3)]
        for job in jobs:
            await hub.wait(job)
        await expect(page.locator("#access")).to_contain_text("this needs a token")
        await page.fill("#token", "nobody's")
        await page.click("#access button")
        await expect(page.locator("#access-why")).to_contain_text("not known")
        await use(page, "t-viewer")
        await expect(page.locator("#dead tbody tr")).to_have_count(3)
        await expect(page.get_by_role("button", name=re.compile("Redrive"))).to_have_count(0)
        await page.click("nav a[data-name='']")
        await expect(tile(page, "Dead letters")).to_have_text("3")
        await page.go_back()

        await page.click("#forget")
        await use(page, "t-operator")
        _mended.set()
        await page.locator(f"#dead tr[data-key='{jobs[0]}']").get_by_role("button", name="Redrive").click()
        await sure(page, "Redrive")
        await expect(page.locator("#done")).to_contain_text("1 job is queued again")
        await expect(page.locator("#dead tbody tr")).to_have_count(2)
        await page.get_by_role("button", name="Redrive all that fit").click()
        await sure(page, "Redrive all")
        await expect(page.locator("#dead")).to_contain_text("No dead letter fits")
        for job in jobs:
            assert (await hub.wait(job))["status"] == "completed"
        kept = await page.evaluate("JSON.stringify([localStorage, document.cookie, location.href])")
        assert "t-operator" not in kept + await page.content() + await page.input_value("#token")
        assert faults == []


@pytest.mark.browser
async def test_schedules_are_paused_and_run_and_a_workflow_is_signalled(sqlite_url: str) -> None:
    _mended.set()
    steps = [
        {"name": "approval", "wait_for": "approved"},
        {"name": "bill", "handler": "invoice.pay", "after": ["approval"]},
    ]
    sections = {
        "schedules": {"nightly": {"handler": "invoice.mail", "cron": "0 2 * * *"}},
        "workflows": {"order": {"steps": steps}},
    }
    async with hub_of(sqlite_url, **sections) as hub, opened(hub.url, "/console#/schedules") as (page, faults):
        row = page.locator("#schedules tr", has_text="nightly")
        await row.get_by_role("button", name="Pause").click()
        await sure(page, "Pause")
        await expect(row).to_contain_text("paused")
        await row.get_by_role("button", name="Resume").click()
        await sure(page, "Resume")
        await row.get_by_role("link").click()
        await expect(page.locator(".of-times li")).to_have_count(10)
        await page.get_by_role("button", name="Run now").click()
        await sure(page, "Run now")
        await page.click("#done a")
        await expect(page.locator(".of-top .badge")).to_have_text("completed")
        await expect(page.locator(".of-top h1")).to_have_text("invoice.mail")

        workflow = await started(hub, "order")
        await page.goto(f"{hub.url}/console#/workflows")
        await page.click(f"#workflows tr[data-key='{workflow}'] a")
        await expect(page.locator(".node", has_text="approval")).to_contain_text("waiting")
        await page.get_by_role("button", name="Signal approved").click()
        await page.fill("dialog textarea", '{"by": "ada"}')
        await sure(page, "Send")
        await expect(page.locator(".of-top .badge")).to_have_text("completed")
        await expect(page.locator(".node.good")).to_have_count(2)
        for view, text in (("adapters", "connected"), ("configuration", "The file was not edited")):
            await page.click(f"nav a[data-name='{view}']")
            await expect(page.locator("main")).to_contain_text(text)
        assert faults == []


async def use(page: Page, token: str) -> None:
    await page.fill("#token", token)
    await page.click("#access button")
    await expect(page.locator("#pulse")).to_have_text("live")


async def started(hub: HubHarness, type: str) -> str:
    workflows = hub.hub.services.workflows  # type: ignore[union-attr]  # it runs, so there are some
    assert workflows is not None
    return await workflows.start(type, {}, actor="tests")


# --- the files ----------------------------------------------------------------------------------------------------


async def test_its_files_have_a_strict_policy_and_name_nothing_outside(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        for path, (_, media) in console.FILES.items():
            answer = await hub.get(path)
            assert (answer.status, answer.headers["Content-Type"]) == (200, f"{media}; charset=utf-8")
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
            assert "unsafe" not in policy
            text = answer.body.decode().replace("http://www.w3.org/2000/svg", "")
            assert text.strip()
            for forbidden in (
                "innerHTML",
                "insertAdjacentHTML",
                "eval(",
                "http://",
                "https://",
                " style=",
                "localStorage",
            ):
                assert forbidden not in text, (path, forbidden)
            for imported in re.findall(r'from "([^"]+)"', text):
                assert (await hub.get(imported)).headers["Content-Type"].startswith("text/javascript"), (path, imported)
        assert (await hub.get("/console/nothing.js", headers=bearer("t-admin"))).status == 404
        assert (await hub.post("/console")).status == 405


def test_every_file_is_served() -> None:
    assert {name for name, _ in console.FILES.values()} == {
        one.name for one in files("hub.console").joinpath("static").iterdir()
    }
