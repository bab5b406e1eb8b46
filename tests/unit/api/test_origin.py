"""Hosts and origins that are answered, and those that are not."""

from collections.abc import Mapping

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from hub.adapters.http.answers import HttpFault
from hub.api.origin import OriginGuard


def refused(guard: OriginGuard, headers: Mapping[str, str]) -> int | None:
    try:
        guard.check(make_mocked_request("GET", "/", headers=dict(headers)))
    except HttpFault as fault:
        return fault.status
    return None


LOCAL = OriginGuard("127.0.0.1", (), (), open_hosts=False)


@pytest.mark.parametrize("host", ["localhost", "localhost.", "127.0.0.1:80", "[::1]", "127.255.255.254"])
def test_this_machine_is_answered(host: str) -> None:
    assert refused(LOCAL, {"Host": host}) is None


@given(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=30))
def test_any_other_host_is_refused(host: str) -> None:
    status = refused(LOCAL, {"Host": host})
    name = host.lower().rpartition(":")[0] or host.lower()
    loopback = name.strip("[].").startswith(("localhost", "127.", "::1", "0:", "0000:"))
    assert status in (400, 403) or loopback


def test_the_configured_host_is_answered() -> None:
    guard = OriginGuard("hub.internal", (), (), open_hosts=False)
    assert refused(guard, {"Host": "hub.internal:8080"}) is None


def test_listed_hosts_narrow_even_when_tokens_are_needed() -> None:
    guard = OriginGuard("0.0.0.0", ("hub.example",), (), open_hosts=True)
    assert refused(guard, {"Host": "hub.example"}) is None
    assert refused(guard, {"Host": "other.example"}) == 403


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8080", "http://localhost:8080", None),
        ("localhost:8080", "https://localhost:8080", None),
        ("localhost:8080", "http://localhost:3000", 403),
        ("localhost:8080", "http://localhost", 403),
        ("localhost", "ftp://localhost", 403),
        ("localhost", "null", 403),
        ("localhost", "", 403),
        ("localhost", "https://APP.example/", None),
        ("localhost", "https://app.example.evil", 403),
        ("localhost", "http://app.example", 403),
    ],
)
def test_origins(host: str, origin: str, status: int | None) -> None:
    guard = OriginGuard("127.0.0.1", (), ("https://app.example/",), open_hosts=False)
    assert refused(guard, {"Host": host, "Origin": origin.rstrip("/")}) == status
