"""What is kept around a payload: bounded, storable, and without secrets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.secrets import Settings
from hub.ingest.envelope import event_id, metadata_text, public_headers, settings_json, traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Hub-Signature-256",
        "webhook-signature",
        "X-API-Key",
        "x-gitlab-token",
        "X-Auth-Token",
        "apikey",
        "X-Amz-Security-Token",
        "client_secret",
        "X-CSRF-Token",
    ],
)
def test_headers_that_carry_secrets_are_dropped(name: str) -> None:
    assert public_headers({name: "s3cret", "X-Kind": "order"}) == {"x-kind": "order"}


@pytest.mark.parametrize("name", ["Idempotency-Key", "traceparent", "ce-id", "X-GitHub-Delivery", "User-Agent", "key"])
def test_other_headers_stay(name: str) -> None:
    assert public_headers({name: "v"}) == {name.lower(): "v"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (TRACE, TRACE),
        (f" {TRACE} ", TRACE),
        (TRACE.upper(), None),
        (f"{TRACE}-more", None),
        (f"cc{TRACE[2:]}-what-the-future-brings", f"cc{TRACE[2:]}"),
        (f"ff{TRACE[2:]}", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", None),
        (f"{TRACE}\n", TRACE),
        (f"{TRACE}, {TRACE}", None),
        ("x" * 10_000, None),
    ],
)
def test_a_trace_is_kept_when_it_is_valid(value: str, kept: str | None) -> None:
    assert traceparent({"traceparent": value}) == kept


def test_a_cloud_event_is_known_by_source_and_id() -> None:
    assert event_id({"ce-id": "7", "ce-source": "/shop"}, None, None) == "/shop 7"
    assert event_id({"ce_id": "7", "ce_source": "/shop"}, None, None) == "/shop 7"
    structured = "application/cloudevents+json; charset=utf-8"
    assert event_id({}, structured, {"id": "7", "source": "/shop"}) == "/shop 7"
    assert event_id({}, "application/json", {"id": "7", "source": "/shop"}) is None
    assert event_id({}, structured, {"id": 7, "source": "/shop"}) is None
    assert event_id({"ce-id": "7"}, None, None) is None


def test_a_cloud_event_by_mqtt_is_known_by_its_specversion() -> None:
    binary = {"specversion": "1.0", "id": "7", "source": "/press"}
    structured = {**binary, "type": "pressed"}
    assert event_id(binary, "application/json", {"n": 1}, "mqtt") == "/press 7"
    assert event_id({}, None, structured, "mqtt") == "/press 7"
    assert event_id({"id": "7", "source": "/press"}, None, {"id": "7", "source": "/press"}, "mqtt") is None
    assert event_id(binary, "application/json", structured, "kafka") is None


def test_headers_are_bounded() -> None:
    many = {f"x-{number}": "v" * 5000 for number in range(1000)}
    text = metadata_text(headers=many)
    assert len(text) < 20_000
    assert json.loads(text)["headers"]["x-0"] == "v" * 2048


def test_references_to_secrets_stay_references_in_the_row() -> None:
    settings = Settings({"statement": "INSERT …", "token": "plain"})
    settings.written = {"statement": "INSERT …", "token": "${env:TOKEN}"}
    text = metadata_text(route="r", settings=settings_json(settings))
    assert json.loads(text) == {"route": "r", "with": {"statement": "INSERT …", "token": "${env:TOKEN}"}}


def test_settings_that_no_database_takes_are_found_when_the_route_is_made() -> None:
    with pytest.raises(ValueError, match="U"):
        settings_json({"statement": "a\0b"})


@given(st.text(st.characters()), st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_any_metadata_is_json_without_nul_and_surrogates(text: str, headers: dict[str, str]) -> None:
    found = metadata_text(topic=text, key=text, headers=headers)
    found.encode()
    shown = json.loads(found)
    texts = [*shown.values(), *shown.get("headers", {}).items()]
    assert "\0" not in json.dumps(texts, ensure_ascii=False)
