"""Who may send: signatures of webhooks, tokens, and the address the hub listens on."""

from __future__ import annotations

from typing import Any

import pytest

from hub.config import build


def signed(scheme: str, **more: object) -> dict[str, Any]:
    route = {"name": "orders", "from": "web", "handler": "h", "signature": {"scheme": scheme, **more}}
    return {"adapters": {"web": {"type": "http"}}, "routes": [route]}


def test_a_secret_that_is_none_of_its_scheme_is_refused_without_being_shown(faults: Any) -> None:
    found = faults(signed("standard-webhooks", secrets=["${env:S}"]), {"S": "whsec_canary!"})
    assert list(found) == ["routes[0].signature.secrets"]
    assert "base64" in found["routes[0].signature.secrets"].message
    assert "canary" not in str(found)


def test_a_scheme_needs_secrets(faults: Any) -> None:
    assert list(faults(signed("github"))) == ["routes[0].signature.secrets"]
    document = signed("github", secrets=["${env:S}"])
    signature = build(document, {"S": "canary"}).routes[0].signature
    assert signature is not None
    assert [secret.get_secret_value() for secret in signature.secrets] == ["canary"]


def test_an_unknown_scheme(faults: Any) -> None:
    found = faults(signed("githb", secrets=["${env:ORDERS_SECRET}"]))
    assert found["routes[0].signature.scheme"].suggestion == 'did you mean "github"?'


def test_a_signature_without_a_scheme_asks_for_one(faults: Any) -> None:
    document = signed("none")
    del document["routes"][0]["signature"]["scheme"]
    assert list(faults(document)) == ["routes[0].signature.scheme"]


# --- who may call ------------------------------------------------------------------------------------------------

TOKEN = {"name": "ci", "role": "viewer", "sha256": "0" * 64}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "hub.example", "*"])
def test_a_host_that_others_reach_needs_a_token(faults: Any, host: str) -> None:
    found = faults({"http": {"host": host}})
    assert list(found) == ["http.host"]
    assert "hub token create" in (found["http.host"].suggestion or "")
    assert list(faults({"http": {"host": host}, "auth": {"tokens": [TOKEN], "required": False}})) == ["http.host"]
    build({"http": {"host": host}, "auth": {"tokens": [TOKEN]}}, {})
    build({"http": {"host": host}, "auth": {"required": True}}, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    auth = build({"http": {"host": host}}, {}).auth
    assert not auth.enforced


def test_a_token_enforces_itself() -> None:
    assert build({"auth": {"tokens": [TOKEN]}}, {}).auth.enforced
    assert build({"auth": {"required": True}}, {}).auth.enforced


def test_a_digest_is_compared_but_not_shown() -> None:
    auth = build({"auth": {"tokens": [TOKEN]}}, {}).auth
    assert auth.tokens[0].sha256 == "0" * 64
    assert "0" * 64 not in repr(auth) + auth.model_dump_json() + repr(auth.model_dump())


def test_two_tokens_of_one_name(faults: Any) -> None:
    assert faults({"auth": {"tokens": [TOKEN, TOKEN]}})["auth.tokens"].message == '2 tokens are named "ci"'
