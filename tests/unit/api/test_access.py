"""Callers, roles and rates."""

import hashlib

import pytest

from hub.adapters.http.answers import HttpFault
from hub.api.access import ANONYMOUS, LOCAL, Caller, Gate, KnownToken, RateLimit, Role, authorize
from hub.testing import FakeClock


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, str]] = {}

    async def find(self, sha256: str) -> tuple[str, str] | None:
        return self.rows.get(sha256)


async def test_as_long_as_no_token_is_asked_for_everybody_is_the_local_admin() -> None:
    gate = Gate([], None, FakeClock(), enforced=False)
    assert await gate.caller(None) is LOCAL
    assert await gate.caller("Bearer anything") is LOCAL


async def test_the_files_tokens_and_the_databases() -> None:
    tokens = Tokens()
    tokens.rows[digest("b")] = ("of-database", "viewer")
    gate = Gate([KnownToken("of-file", "admin", digest("a"))], tokens, FakeClock(), enforced=True)
    assert await gate.caller(None) is ANONYMOUS
    assert await gate.caller("Bearer a") == Caller("of-file", Role.ADMIN)
    assert await gate.caller("bearer b") == Caller("of-database", Role.VIEWER)
    with pytest.raises(HttpFault) as caught:
        await gate.caller("Bearer c")
    assert (caught.value.status, 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]) == (401, True)


async def test_a_revoked_token_is_believed_for_a_moment_only() -> None:
    clock, tokens = FakeClock(), Tokens()
    tokens.rows[digest("b")] = ("b", "operator")
    gate = Gate([], tokens, clock, enforced=True)
    assert (await gate.caller("Bearer b")).role is Role.OPERATOR
    tokens.rows.clear()
    clock.advance(9)
    assert (await gate.caller("Bearer b")).role is Role.OPERATOR
    clock.advance(2)
    with pytest.raises(HttpFault):
        await gate.caller("Bearer b")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("needed", list(Role))
def test_a_role_may_what_those_below_it_may(role: Role, needed: Role) -> None:
    caller = ANONYMOUS if role is Role.ANYONE else Caller("x", role)
    if role >= needed:
        authorize(caller, needed)
        return
    with pytest.raises(HttpFault) as caught:
        authorize(caller, needed)
    assert caught.value.status == (401 if caller is ANONYMOUS else 403)


def test_a_rate_fills_up_again() -> None:
    clock = FakeClock()
    limit, caller = RateLimit(2.0, clock), Caller("x", Role.VIEWER)
    limit.take(caller)
    limit.take(caller)
    with pytest.raises(HttpFault) as caught:
        limit.take(caller)
    assert caught.value.status == 429
    limit.take(Caller("y", Role.VIEWER))
    clock.advance(0.5)
    limit.take(caller)
    with pytest.raises(HttpFault):
        limit.take(caller)
    clock.advance(3600)
    for _ in range(2):
        limit.take(caller)
    with pytest.raises(HttpFault):
        limit.take(caller)
