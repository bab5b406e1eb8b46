"""Tokens in the database, as the hub's port looks for them."""

from collections.abc import AsyncIterator

import pytest

from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.db.tokens import TokenStore, digest
from hub.errors import AlreadyExists, NotFound, Rejected


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def tokens(request: pytest.FixtureRequest) -> AsyncIterator[TokenStore]:
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    await migrate(url)
    database = open_database(url, DatabaseSettings(exclusive=False))
    await database.start()
    yield TokenStore(database)
    await database.stop()


async def test_a_token_is_found_by_its_digest_until_it_is_revoked(tokens: TokenStore) -> None:
    token = await tokens.create("ci", "operator")
    assert await tokens.find(digest(token)) == ("ci", "operator")
    assert await tokens.find(digest(token + "x")) is None
    assert await tokens.find(token) is None
    await tokens.revoke("ci")
    assert await tokens.find(digest(token)) is None
    with pytest.raises(NotFound):
        await tokens.revoke("ci")


async def test_a_revoked_name_may_be_used_again_and_the_old_token_stays_shut(tokens: TokenStore) -> None:
    old = await tokens.create("ci", "admin")
    with pytest.raises(AlreadyExists):
        await tokens.create("ci", "viewer")
    assert await tokens.find(digest(old)) == ("ci", "admin")
    await tokens.revoke("ci")
    new = await tokens.create("ci", "viewer")
    assert await tokens.find(digest(new)) == ("ci", "viewer")
    assert await tokens.find(digest(old)) is None
    assert [(token.name, token.role, token.revokedon) for token in await tokens.list()] == [("ci", "viewer", None)]


@pytest.mark.parametrize(
    ("name", "role"), [("", "admin"), (" x", "admin"), ("x\n", "admin"), ("x" * 256, "admin"), ("x", "root")]
)
async def test_names_and_roles_that_make_no_sense(tokens: TokenStore, name: str, role: str) -> None:
    with pytest.raises(Rejected):
        await tokens.create(name, role)
    assert await tokens.list() == []
