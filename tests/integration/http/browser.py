"""A real browser on a page of the hub, and whatever it complains of."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

PATIENCE = 30_000
"""Milliseconds: a page that backs off, on a loaded machine."""

EVIL = "<img src=x onerror=document.title=1><script>document.title=1</script>"


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: sh scripts/servers.sh")
        pytest.skip("Chromium is missing: sh scripts/servers.sh")
    return found


@asynccontextmanager
async def opened(address: str, path: str, *expected: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page, and what it complained of or asked elsewhere, but for lines that hold an `expected` text."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        try:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            faults: list[str] = []

            def complain(text: str) -> None:
                if not any(one in text for one in expected):
                    faults.append(text)

            page.on("pageerror", lambda error: complain(str(error)))
            page.on("console", lambda said: complain(said.text))
            page.on("request", lambda one: None if one.url.startswith(address) else complain(one.url))
            await page.goto(f"{address}{path}")
            yield page, faults
        finally:
            await browser.close()
