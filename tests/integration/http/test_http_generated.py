"""Whatever is sent to an address of the document, by its schemas or beside them: never a 5xx, and never an answer that
the document does not know."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from tests.integration.http.described import Described
from tests.integration.http.generated import ANYTHING, TEXT, spoilt, values
from tests.integration.http.test_http_openapi import described

T = TypeVar("T")


class Served:
    """A hub in a loop of its own, so that an example is a plain function."""

    def __init__(self, url: str, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._open = described(url, folder)
        _, self.client = self.run(self._open.__aenter__())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.run(self._open.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("generated")
    url = f"sqlite:///{folder / 'hub.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database("generated")
    found = Served(url, folder)
    yield found
    found.close()


async def attempt(client: Described, method: str, path: str, **more: Any) -> int:
    """The status of an answer that the document knows."""
    async with client.session.request(method, path, **more) as answer:
        body = await answer.read()
        assert answer.status < 500, (method, path, more, body)
        client.check(method, path.partition("?")[0], answer.status, answer.content_type, body)
        return answer.status


def bodies(client: Described) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, schema) of what takes JSON."""
    return [
        (method.upper(), path, content["application/json"].get("schema", {}))
        for path, item in client.document["paths"].items()
        for method, operation in item.items()
        if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    ]


def queries(client: Described) -> list[tuple[str, list[dict[str, Any]]]]:
    """(path, parameters) of what is asked by a query."""
    found = []
    for path, item in client.document["paths"].items():
        asked = [each for each in item.get("get", {}).get("parameters", ()) if each["in"] == "query"]
        if asked and "{" not in path:
            found.append((path, asked))
    return found


PLACES = {
    "/api/publish/{adapter}": "/api/publish/bus",
    "/api/templates/{name}": "/api/templates/report",
    "/api/workflows/{id}": "/api/workflows/approval",
}
RULES = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RULES
@given(data=st.data())
def test_bodies_that_fit_and_bodies_that_do_not(served: Served, data: st.DataObject) -> None:
    client = served.client
    method, path, schema = data.draw(st.sampled_from(bodies(client)))
    fits = data.draw(st.booleans())
    value = data.draw((values if fits else spoilt)(schema, client.document))
    body = json.dumps(value).encode()
    path = PLACES.get(path, path.replace("{", "no-").replace("}", ""))
    headers = {"Content-Type": "application/json"}
    status = served.run(attempt(client, method, path, data=body, headers=headers))
    assert not (fits and status == 400), "what is made by a schema is JSON"


@pytest.mark.parametrize("job_id", ["\r\nX-Injected: yes", "ü / ?", "\x01", "日本"])
def test_an_id_of_the_callers_own_is_led_to(served: Served, job_id: str) -> None:
    async def make() -> None:
        session = served.client.session
        async with session.post("/api/queue", json={"handler": "nobody", "id": job_id}) as made:
            assert (made.status, await made.json()) == (201, {"id": job_id})
            assert "X-Injected" not in made.headers
            location = URL(f"{served.client.url}{made.headers['Location']}", encoded=True)
        async with session.get(location) as shown:
            assert (shown.status, (await shown.json())["id"]) == (200, job_id)

    served.run(make())


@RULES
@given(data=st.data())
def test_queries_that_fit_and_queries_that_do_not(served: Served, data: st.DataObject) -> None:
    client = served.client
    path, parameters = data.draw(st.sampled_from(queries(client)))
    chosen = data.draw(st.lists(st.sampled_from(parameters), unique_by=lambda each: each["name"]))
    fits = {each["name"]: data.draw(values(each["schema"], client.document) | TEXT | ANYTHING) for each in chosen}
    query = "&".join(f"{name}={quote(str(value), errors='replace')}" for name, value in fits.items())
    served.run(attempt(client, "GET", f"{path}?{query}" if query else path))


@RULES
@given(name=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300), data=st.data())
def test_ids_of_any_kind(served: Served, name: str, data: st.DataObject) -> None:
    client = served.client
    paths = [
        (method.upper(), path)
        for path, item in client.document["paths"].items()
        for method in item
        if (path.endswith("{id}") and method == "get") or path.endswith(("}/cancel", "}/retry", "}/resume"))
    ]
    method, path = data.draw(st.sampled_from(paths))
    address = path.replace("{id}", quote(f"nobody {name}", safe=""))

    async def ask() -> None:
        async with client.session.request(method, f"{client.url}{address}") as answer:
            assert answer.status in (400, 404, 409, 422), (method, address, await answer.read())

    served.run(ask())


@RULES
@given(data=st.data())
def test_without_a_token_whatever_is_sent_is_a_401(served: Served, data: st.DataObject) -> None:
    """Before anything of a request is looked at; what is open or signed answers as the document says."""
    client = served.client
    method, path, schema = data.draw(st.sampled_from(bodies(client)))
    value = data.draw(spoilt(schema, client.document))
    token = data.draw(st.sampled_from(("", "Bearer", "Bearer nobody", "Basic dTpw", f"Bearer {'x' * 600}")))
    path = PLACES.get(path, path.replace("{", "no-").replace("}", ""))

    async def ask() -> None:
        headers = {"Content-Type": "application/json", "Authorization": token}
        assert await attempt(client, method, path, data=json.dumps(value).encode(), headers=headers) in (401, 404)

    served.run(ask())
