"""`POST /webhooks/{route}`: a row is there when the answer is, and only what is good becomes one."""

import asyncio
import gzip
import io
import json
from typing import Any

import pytest

from hub.ingest.pressure import PressureLimits
from tests.integration.http.rig import ORDERS, Serve, read_answer

JSON = {"Content-Type": "application/json"}


async def test_a_posted_message_is_a_committed_row_and_is_processed(serve: Serve) -> None:
    async with serve(work=False) as hub:
        answer = await hub.post("/webhooks/orders", {"id": 7}, headers={"X-Kind": "a", "Cookie": "s3cret"})
        assert answer.status == 202
        found = answer.json()
        assert found == {"job_id": found["job_id"], "duplicate": False}
        (row,) = await hub.sql("SELECT * FROM queue_jobs")
        assert (row["id"], row["protocol"], row["direction"], row["typeid"]) == (found["job_id"], "http", "inbound", 0)
        assert (row["method"], row["source"], json.loads(row["payload"])) == ("POST", "orders", {"id": 7})
        metadata = row["metadata"] if isinstance(row["metadata"], dict) else json.loads(row["metadata"])
        assert metadata["headers"]["x-kind"] == "a"
        assert "s3cret" not in str(row)
    async with serve() as hub:
        await hub.good()


async def test_a_repeat_is_answered_with_the_same_job_also_at_the_same_moment(serve: Serve) -> None:
    routes = [{**ORDERS, "dedupe_key": "payload.id"}]
    async with serve(routes=routes) as hub:
        answers = await asyncio.gather(*(hub.post("/webhooks/orders", {"id": 7, "n": n}) for n in range(20)))
        assert {answer.status for answer in answers} == {202}
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        assert sorted(answer.json()["duplicate"] for answer in answers) == [False] + [True] * 19
        assert await hub.rows() == 1
        later = await hub.post("/webhooks/orders", {"id": 7})
        assert later.json() == {"job_id": answers[0].json()["job_id"], "duplicate": True}


@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "key-1"},
        {"Idempotency-Key": "k" * 3000},
        {"ce-id": "1", "ce-source": "/shop", "ce-type": "t", "ce-specversion": "1.0"},
    ],
)
async def test_the_senders_own_key_makes_a_repeat_too(serve_one: Serve, headers: dict[str, str]) -> None:
    async with serve_one() as hub:
        first = await hub.post("/webhooks/orders", {"a": 1}, headers=headers)
        again = await hub.post("/webhooks/orders", {"a": 1}, headers=headers)
        assert again.json() == {"job_id": first.json()["job_id"], "duplicate": True}
        plain = await hub.post("/webhooks/orders", {"a": 1})
        assert plain.json()["duplicate"] is False


async def test_the_routes_settings_reach_the_row(serve: Serve) -> None:
    route = {
        **ORDERS,
        "priority": 5,
        "max_retries": 2,
        "timeout": "10s",
        "map": "{number: payload.id}",
        "ordering_key": "payload.customer",
    }
    async with serve(routes=[route], work=False) as hub:
        await hub.post("/webhooks/orders", {"id": 7, "customer": "c"})
        (row,) = await hub.sql("SELECT payload, priority, maxretries, timeout, orderingkey FROM queue_jobs")
        assert dict(row) == {
            "payload": '{"number":7}',
            "priority": 5,
            "maxretries": 2,
            "timeout": 10.0,
            "orderingkey": "c",
        }


async def test_what_the_filter_does_not_want_is_thanked_for(serve_one: Serve) -> None:
    async with serve_one(routes=[{**ORDERS, "filter": "payload.total > `10`"}]) as hub:
        answer = await hub.post("/webhooks/orders", {"total": 1})
        assert (answer.status, answer.json()) == (202, {"job_id": None, "duplicate": False, "filtered": True})
        assert await hub.rows() == 0
        assert (await hub.post("/webhooks/orders", {"total": 11})).json()["job_id"]


SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "field"),
    [
        (b"{", JSON, 400, "payload-malformed", "payload"),
        (b"", JSON, 400, "payload-malformed", "payload"),
        ('{"id": 1}'.encode("utf-16"), JSON, 400, "payload-malformed", "payload"),
        (b'{"id": NaN}', JSON, 400, "payload-malformed", "payload"),
        (b'"\\ud800"', JSON, 400, "payload-malformed", "payload"),
        (b'{"id": 1e999}', JSON, 422, "payload-refused", "payload"),
        (b'{"id": ' + b"9" * 5000 + b"}", JSON, 422, "payload-refused", "payload"),
        (b'{"id": "\\u0000"}', JSON, 422, "payload-refused", "payload"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, JSON, 422, "payload-refused", "payload"),
        (b"[" * 500_000, JSON, 422, "payload-refused", "payload"),
        (b'{"a": 1}', JSON, 422, "schema-mismatch", "payload"),
        (b'{"id": "x"}', JSON, 422, "schema-mismatch", "payload.id"),
        (b'{"id": 1, "list": 5}', JSON, 422, "expression-failed", "map"),
        (b"\xff\xfe\x00", {"Content-Type": "text/plain"}, 415, "content-type-refused", "Content-Type"),
        (b"<a/>", {}, 415, "content-type-refused", "Content-Type"),
        (gzip.compress(b"0" * 10_000_000), {**JSON, "Content-Encoding": "gzip"}, 415, "content-encoding-refused", None),
        (b"{}", {**JSON, "Content-Encoding": "x, gzip"}, 415, "content-encoding-refused", None),
        (b'"' + b"x" * 2**20 + b'"', JSON, 413, "body-too-large", None),
    ],
)
async def test_bad_bodies_are_refused_by_name_and_leave_nothing(
    serve_one: Serve, body: bytes, headers: dict[str, str], status: int, code: str, field: str | None
) -> None:
    route = {
        "name": "strict",
        "from": "web",
        "handler": "seen",
        "schema": SCHEMA,
        "map": "{id: payload.id, sum: sum(payload.list || `[]`)}",
        "content_types": ["application/json"],
    }
    async with serve_one(routes=[ORDERS, route]) as hub:
        answer = await hub.post("/webhooks/strict", data=io.BytesIO(body), headers=headers)
        problem = answer.problem()
        assert (answer.status, problem["code"], problem.get("field")) == (status, code, field)
        assert await hub.rows() == 0
        await hub.good()


async def test_a_byte_order_mark_is_dropped_and_a_form_by_curl_is_json(serve_one: Serve) -> None:
    async with serve_one() as hub:
        await hub.post("/webhooks/orders", data=b'\xef\xbb\xbf{"id":1}', headers=JSON)
        await hub.post(
            "/webhooks/orders", data=b'{"id":2}', headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert [await hub.seen.get() for _ in range(2)] == [{"id": 1}, {"id": 2}]


async def test_a_route_has_its_own_limit(serve_one: Serve) -> None:
    small = {"name": "small", "from": "web", "handler": "seen", "max_body": 10}
    large = {"name": "large", "from": "web", "handler": "seen", "max_body": "2MiB"}
    async with serve_one(routes=[ORDERS, small, large]) as hub:
        assert (await hub.post("/webhooks/small", data=b"12345678901")).status == 413
        assert (await hub.post("/webhooks/small", data=b"1234567890")).status == 202
        assert (await hub.post("/webhooks/large", data=io.BytesIO(b"1" + b" " * 2**20))).status == 202
        await hub.good()


async def test_only_routes_of_http_adapters_are_webhooks(serve_one: Serve) -> None:
    heat = {"name": "heat", "from": "plant", "topic": "plant/#", "handler": "seen"}
    async with serve_one(routes=[ORDERS, heat]) as hub:
        for path in ("/webhooks/heat", "/webhooks/nothing", "/webhooks/", "/webhooks/%00", "/webhooks/%ff%fe"):
            answer = await hub.call("POST", path, data=b"{}")
            assert answer.status == 404, path
            answer.problem()
        answer = await hub.get("/webhooks/orders")
        assert (answer.status, answer.problem()["code"]) == (405, "method-not-allowed")
        assert answer.headers["Allow"] == "POST"
        await hub.good()


async def test_a_sender_that_hangs_up_does_not_undo_what_was_taken(serve: Serve) -> None:
    async with serve() as hub:
        body = b'{"hung": "up"}'
        _, writer = await hub.connect()
        head = f"POST /webhooks/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.transport.abort()
        async with asyncio.timeout(30):
            assert await hub.seen.get() == {"hung": "up"}


async def test_half_a_message_is_no_message(serve_one: Serve) -> None:
    async with serve_one() as hub:
        reader, writer = await hub.connect()
        writer.write(b"POST /webhooks/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{}")
        await writer.drain()
        writer.write_eof()
        await reader.read()
        writer.close()
        await hub.good()
        assert await hub.rows() == 1


async def test_a_deep_queue_answers_503_and_when_to_come_again(serve_one: Serve) -> None:
    depth = 100_000

    async def ask() -> int:
        return depth

    async with serve_one(depth=ask, limits=PressureLimits(fresh_for=0.0)) as hub:
        answer = await hub.post("/webhooks/orders", {})
        assert (answer.status, answer.problem()["code"], answer.headers["Retry-After"]) == (503, "saturated", "5")
        assert await hub.rows() == 0
        depth = 0
        async with asyncio.timeout(30):
            while (await hub.post("/webhooks/orders", {"again": True})).status != 202:
                pass  # the depth is asked for again by the first message after a second
        answer = await hub.get("/metrics")
        assert b'hub_ingested_total{outcome="saturated",route="orders"}' in answer.body


async def test_pipelined_requests_are_answered_in_order(serve_one: Serve) -> None:
    async with serve_one() as hub:
        reader, writer = await hub.connect()
        one: Any = b"POST /webhooks/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n%d"
        writer.write(b"".join(one % number for number in range(9)))
        answers = [await read_answer(reader) for _ in range(9)]
        writer.close()
        assert {answer.status for answer in answers} == {202}
        ids = [answer.json()["job_id"] for answer in answers]
        assert ids == sorted(ids)
