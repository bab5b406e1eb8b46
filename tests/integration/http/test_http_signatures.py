"""Webhooks that are signed, posted as their senders do it; and CloudEvents that come by the batch."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.integration.http.conftest import Serve
from tests.integration.http.rig import ORDERS, Answer, Served

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_bmV3IHNlY3JldCBvZiB0aGUgcm91dGU="
SIGNED: dict[str, Any] = {
    "name": "signed",
    "from": "web",
    "handler": "seen",
    "signature": {"scheme": "standard-webhooks", "secrets": ["${env:OLD}", "${env:NEW}"]},
}
ENVIRON = {"OLD": SECRET, "NEW": NEW_SECRET, "SLACK": "s"}
TOKEN = "an operator's token"
AUTH = {"tokens": [{"name": "ci", "role": "operator", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]}


def signed(body: bytes, identity: str = "msg_1", *, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    stamp = str(int(time.time()) - age)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "Content-Type": "application/json",
    }


async def post(served: Served, body: bytes, headers: dict[str, str], route: str = "signed") -> Answer:
    return await served.call("POST", f"/webhooks/{route}", data=body, headers=headers)


@pytest.mark.parametrize("secret", [SECRET, NEW_SECRET])
async def test_a_signed_message_needs_no_token(serve_one: Serve, secret: str) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], auth=AUTH, environ=ENVIRON) as served:
        body = b'{"id": 7}'
        answer = await post(served, body, signed(body, secret=secret))
        assert answer.status == 202, answer.body
        assert await served.seen.get() == {"id": 7}
        (row,) = await served.sql("SELECT source, dedupekey, metadata FROM queue_jobs")
        assert (row["source"], row["dedupekey"]) == ("signed", "msg_1")
        assert "webhook-signature" not in str(row["metadata"])


async def test_beside_it_an_unsigned_route_still_needs_one(serve_one: Serve) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], auth=AUTH, environ=ENVIRON) as served:
        assert (await served.post("/webhooks/orders", {})).status == 401
        assert (await served.post("/webhooks/no-such", {})).status == 401
        token = {"Authorization": f"Bearer {TOKEN}"}
        assert (await served.post("/webhooks/orders", {}, headers=token)).status == 202


async def test_a_replay_is_answered_as_before_and_makes_no_second_job(serve_one: Serve) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], environ=ENVIRON) as served:
        body = b'{"id": 8}'
        headers = signed(body)
        first, again = await post(served, body, headers), await post(served, body, headers)
        assert (first.status, again.status) == (202, 202)
        assert again.json() == {"job_id": first.json()["job_id"], "duplicate": True}
        assert await served.rows() == 1


async def test_an_id_of_any_length_and_bytes_is_signed_and_known_again(serve_one: Serve) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], environ=ENVIRON) as served:
        for identity in (b"m" * 300, b"m\xff\xfe"):
            stamp = str(int(time.time())).encode()
            key = base64.b64decode(SECRET.removeprefix("whsec_"))
            signature = base64.b64encode(hmac.new(key, b"%s.%s.{}" % (identity, stamp), hashlib.sha256).digest())
            head = b"POST /webhooks/signed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
            head += b"webhook-id: %s\r\nwebhook-timestamp: %s\r\n" % (identity, stamp)
            for signed_by, status, duplicate in ((signature, 202, False), (signature, 202, True), (b"QQ==", 401, None)):
                answer = await served.raw(head + b"webhook-signature: v1,%s\r\n\r\n{}" % signed_by)
                assert (answer.status, answer.json().get("duplicate")) == (status, duplicate)
        assert await served.rows() == 2


async def test_what_does_not_fit_its_signature_leaves_nothing(serve_one: Serve) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], environ=ENVIRON) as served:
        body = b'{"id": 9}'
        old, changed, bare = signed(body, age=301), signed(b"{}"), {"Content-Type": "application/json"}
        doubled = [*signed(body).items(), ("webhook-signature", "v1,AAAA")]
        for headers in (old, changed, bare, doubled):
            answer = await post(served, body, headers)  # type: ignore[arg-type]  # pairs, as a dict has no doubles
            assert answer.status == 401
            assert answer.problem()["code"] == "signature-invalid"
        assert await served.rows() == 0
        await served.good()


async def test_what_is_signed_and_no_json_is_said_to_be_so(serve_one: Serve) -> None:
    async with serve_one(routes=[ORDERS, SIGNED], environ=ENVIRON) as served:
        answer = await post(served, b"{", signed(b"{"))
        assert answer.status == 400
        assert await served.rows() == 0


async def test_slack_is_answered_its_challenge(serve_one: Serve) -> None:
    slack = {**SIGNED, "name": "slack", "signature": {"scheme": "slack", "secrets": ["${env:SLACK}"]}}
    async with serve_one(routes=[ORDERS, slack], environ=ENVIRON) as served:
        body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
        stamp = str(int(time.time()))
        digest = hmac.new(b"s", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
        answer = await post(served, body, headers, "slack")
        assert (answer.status, answer.body) == (200, b"3eZbrw1aB")
        assert await served.rows() == 0


# --- CloudEvents by the batch ---------------------------------------------------------------------------------------


def event(identity: str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "order.placed", "source": "/shop", "id": identity, **more}


async def test_each_event_of_a_batch_is_a_job(serve_one: Serve) -> None:
    async with serve_one() as served:
        body = json.dumps([event("1", data={"n": 1}), event("2", data={"n": 2})]).encode()
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
        first = (await post(served, body, headers, "orders")).json()["jobs"]
        again = (await post(served, body, headers, "orders")).json()["jobs"]
        assert [one["duplicate"] for one in first] == [False, False]
        assert again == [{"job_id": one["job_id"], "duplicate": True} for one in first]
        assert {(await served.seen.get())["data"]["n"] for _ in range(2)} == {1, 2}
        rows = await served.sql("SELECT dedupekey FROM queue_jobs ORDER BY dedupekey")
        assert [row["dedupekey"] for row in rows] == ["/shop 1", "/shop 2"]


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'[{"id": "1"}]', b"[", b"\xff"])
async def test_a_batch_with_something_else_in_it_is_refused_whole(serve_one: Serve, body: bytes) -> None:
    async with serve_one() as served:
        good = json.dumps(event("1")).encode()
        whole = body if not body.endswith(b"]") else b"[" + good + b"," + body[1:]
        answer = await post(served, whole, {"Content-Type": "application/cloudevents-batch+json"}, "orders")
        assert answer.status in (400, 422)
        assert await served.rows() == 0
