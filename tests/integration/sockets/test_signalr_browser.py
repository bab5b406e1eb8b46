"""A real browser on the example page: an order is placed and seen completed live; there it passes what Node.js does."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright, expect

from examples.browser import orders, serve
from hub import Hub
from hub.config import build
from hub.testing import HubHarness
from tests.integration.sockets.rig import CONFORMANCE, PATIENCE, ROOT, STEPS, WAYS, Rig, clients, serving
from tests.servers import Proxy

pytestmark = [pytest.mark.browser, pytest.mark.node]

EXAMPLE = ROOT / "examples" / "browser"


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: sh scripts/servers.sh")
        pytest.skip("Chromium is missing: sh scripts/servers.sh")
    return found


@asynccontextmanager
async def _page_server() -> AsyncIterator[str]:
    """The example's own server; beside its page are the steps of the conformance script and what they need."""
    libraries = clients() / "node_modules" / "@microsoft"
    application = serve.application(libraries / "signalr" / "dist" / "browser" / "signalr.min.js")
    binary = libraries / "signalr-protocol-msgpack" / "dist" / "browser" / "signalr-protocol-msgpack.min.js"
    for file in (CONFORMANCE.with_name("signalr_steps.mjs"), CONFORMANCE.with_name("assert.mjs"), binary):
        application.router.add_get(f"/{file.name}", partial(_file, file))
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _file(file: Path, request: web.Request) -> web.FileResponse:
    return web.FileResponse(file)


@asynccontextmanager
async def _browser() -> AsyncIterator[Page]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": 900, "height": 520})
            page.set_default_timeout(20_000)
            yield page
        finally:
            await browser.close()


async def test_an_order_is_placed_and_seen_completed(sqlite_url: str, tmp_path: Path) -> None:
    settings = json.loads((EXAMPLE / "configuration.json").read_text())
    async with _page_server() as address:
        settings["http"] = {"port": 0, "allowed_origins": [address]}
        # The module's own functions: loaded by its name, as the file does, handlers would be known twice.
        settings["handlers"] = []
        async with (
            Hub(build(settings, {"DATABASE_URL": sqlite_url}), handlers=[orders.pack]) as hub,
            _browser() as page,
        ):
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            await page.goto(f"{address}/?hub={hub.addresses[0]}/signalr")
            await expect(page.locator("#state")).to_have_text("connected")
            for product in ("Gear wheel", "Shaft"):
                await page.fill("[name=product]", product)
                await page.click("button")
            newest = page.locator("#orders tr").first
            await expect(newest.locator("td").nth(3)).to_contain_text("completed, parcel P-", timeout=15_000)
            await expect(page.locator("[data-state=completed]")).to_have_count(2)
            assert await newest.locator("td").first.inner_text() == "Shaft"
            job = await newest.locator("td.job").inner_text()
            row = await HubHarness(hub).wait(job)
            assert (row["statusid"], row["handler"]) == (3, "browser.order")
            shot = Path(os.environ.get("HUB_TEST_SCREENSHOTS", tmp_path)) / "signalr-orders.png"
            await page.screenshot(path=shot)
            assert shot.stat().st_size > 5_000

            assert faults == []
            await hub.stop()
            await expect(page.locator("#state")).to_have_text("reconnecting")


# --- the conformance script, in the page ------------------------------------------------------------------------------

PLAY = """
async ([url, transport, protocol, steps]) => {
  const { player } = await import("/signalr_steps.mjs");
  const assert = await import("/assert.mjs");
  const { MessagePackHubProtocol } = signalR.protocols.msgpack;
  const play = player({ signalR, MessagePackHubProtocol, assert, say, told: window.told, url, transport, protocol });
  await play(steps);
}
"""


@asynccontextmanager
async def _stage(database: str, **settings: Any) -> AsyncIterator[tuple[Rig, Page]]:
    """A hub, and the example page, which may speak to it."""
    async with (
        _page_server() as address,
        serving(database, allowed_origins=[address], **settings) as hub,
        _browser() as page,
    ):
        await page.goto(f"{address}/?hub={hub.url}")
        await page.add_script_tag(url="/signalr-protocol-msgpack.min.js")
        yield hub, page


async def _play(
    page: Page, url: str, transport: str, protocol: str, *steps: str, told: Callable[[], str] | None = None
) -> list[str]:
    """Run the steps to their end; those that succeeded. Raises playwright's Error with what failed."""
    succeeded: list[str] = []

    def say(line: dict[str, Any]) -> None:
        if line.get("ok"):
            succeeded.append(line["step"])

    await page.expose_function("say", say)
    if told is not None:
        await page.expose_function("told", told)
    async with asyncio.timeout(PATIENCE):
        await page.evaluate(PLAY, [url, transport, protocol, list(steps)])
    return succeeded


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_chromium_passes_what_node_passes(sqlite_url: str, transport: str, protocol: str) -> None:
    async with _stage(sqlite_url) as (hub, page):
        assert await _play(page, hub.url, transport, protocol, *STEPS, "large") == [*STEPS, "large"]
        notes = [note for note in await hub.payloads() if isinstance(note, dict)]
        assert [note["id"] for note in notes if note.get("step") == "send"] == list(range(51))


@pytest.mark.parametrize(("transport", "protocol"), WAYS)
async def test_chromium_gets_33_kib_where_the_limit_is_higher(sqlite_url: str, transport: str, protocol: str) -> None:
    async with _stage(sqlite_url, signalr={"max_message": "64KiB"}) as (hub, page):
        assert await _play(page, hub.url, transport, protocol, "largeEnough") == ["largeEnough"]


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_a_cut_connection_of_chromium_loses_nothing(sqlite_url: str, protocol: str) -> None:
    async with _stage(sqlite_url) as (hub, page), Proxy.before(hub.url) as proxy:
        cuts: list[int] = []

        def told() -> str:
            cuts.append(proxy.cut())
            return "cut"

        assert await _play(page, proxy.url_through(hub.url), "WebSockets", protocol, "cut", told=told) == ["cut"]
        assert len(cuts) == 3
        assert min(cuts) >= 1
        assert len(await hub.jobs(handler="say.publish")) == 31, "an invocation was lost, or taken twice"
