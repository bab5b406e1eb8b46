"""The page at /docs in a real browser: it shows the API, sends, keeps the token to itself, runs nothing it shows."""

from typing import Any

import pytest
from playwright.async_api import expect

from hub.api import docs
from hub.api.application import build_application
from tests.integration.http.browser import EVIL, opened
from tests.integration.http.rig import Serve, Served
from tests.integration.http.test_http_access import AUTH

PAGES = ("/docs", "/console")


@pytest.mark.browser
async def test_it_asks_for_a_token_shows_the_api_and_sends(serve_one: Serve) -> None:
    schema = {"type": "object", "title": EVIL, "description": EVIL, "properties": {EVIL: {"description": EVIL}}}
    routes: list[dict[str, Any]] = [{"name": "orders", "from": "web", "handler": "seen", "schema": schema}]
    async with (
        serve_one(auth=AUTH, routes=routes) as hub,
        opened(hub.server.address, "/docs", "status of 401") as (page, faults),
    ):
        await expect(page.locator("#notice")).to_contain_text("needs a token")
        await page.fill("#token", "t-operator")
        await page.click("#access button")
        await expect(page.locator("details.operation")).to_have_count(
            len({one for one in await _paths(hub) if one[1] != docs.HOME and not one[1].startswith(PAGES)})
        )
        await page.click("#index a[href='#postApiQueue']")
        form = page.locator("#postApiQueue form")
        await form.locator("textarea").fill('{"handler": "seen", "payload": "' + EVIL + '"}')
        await form.locator(".send").click()
        await expect(form.locator(".status")).to_contain_text("201")
        assert await hub.seen.get() == EVIL
        await page.click("#index a[href='#getApiQueue']")
        listing = page.locator("#getApiQueue form")
        await listing.locator("[name=handler]").fill("seen")
        await listing.locator(".send").click()
        await expect(listing.locator("pre").first).to_contain_text("onerror")
        await page.click("#index a[href='#postWebhooksRoute_orders']")
        await expect(page.locator("#postWebhooksRoute_orders .member").first).to_have_text(EVIL)
        assert await page.locator("main img, main script").count() == 0
        assert await page.title() == "hub · API"
        kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
        assert "t-operator" not in kept + await page.content() + await page.input_value("#token")
        assert faults == []


@pytest.mark.browser
async def test_the_filter_narrows_what_is_shown(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub, opened(hub.server.address, "/docs") as (page, faults):
        await expect(page.locator("#getApiDead")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("redrive")
        await expect(page.locator("details.operation:visible")).to_have_count(1)
        assert faults == []


async def test_its_files_have_a_strict_policy_and_name_nothing_outside(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        for path, (_, media) in docs.FILES.items():
            answer = await hub.get(path)
            assert (answer.status, answer.headers["Content-Type"]) == (200, f"{media}; charset=utf-8")
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
            assert "unsafe" not in policy
            text = answer.body.decode()
            assert text.strip()
            for forbidden in ("innerHTML", "insertAdjacentHTML", "eval(", "http://", "https://", " style=", "Storage"):
                assert forbidden not in text, (path, forbidden)


async def test_the_bare_address_leads_to_it(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        for method in ("GET", "HEAD"):
            answer = await hub.call(method, "/", allow_redirects=False)
            assert (answer.status, answer.headers["Location"], answer.body) == (302, "/docs", b"")
        assert b"<title>hub" in (await hub.get("/")).body
        assert (await hub.post("/")).status == 405
        assert (await hub.get("/", headers={"Authorization": "Bearer nobody"})).status == 401
        foreign = {"Host": "evil.example"}
        assert (await hub.get("/nowhere")).status == 404
    async with serve_one(work=False) as hub:
        assert (await hub.get("/", headers=foreign, allow_redirects=False)).status == 403


async def test_where_no_page_is_served_the_bare_address_is_nothing(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        served = build_application(hub.services, api=False)
        assert not [one for one in served.router.resources() if one.canonical in ("/", "/docs")]


async def _paths(hub: Served) -> set[tuple[str, str]]:
    headers = {"Authorization": "Bearer t-viewer"}
    document = (await hub.get("/openapi.json", headers=headers)).json()
    return {(method, path) for path, item in document["paths"].items() for method in item}
