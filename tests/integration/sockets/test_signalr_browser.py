"""The example page in a real browser: an order placed, and seen completed live."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright, expect

from examples.browser import orders, serve
from hub import Hub
from hub.config import build
from hub.testing import HubHarness
from tests.integration.sockets.rig import ROOT, clients

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
    client = clients() / "node_modules" / "@microsoft" / "signalr" / "dist" / "browser" / "signalr.min.js"
    runner = web.AppRunner(serve.application(client))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


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
