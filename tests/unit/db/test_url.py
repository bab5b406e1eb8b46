"""Addresses of databases, as people write them and as they get them wrong."""

import traceback
from dataclasses import replace

import pytest

from hub.db.url import Address, parse
from hub.errors import AddressInvalid


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("postgresql://u:p@db.example:6543/hub", Address("postgresql", "db.example", 6543, "u", "p", "hub")),
        ("postgres://u@db.example/hub", Address("postgresql", "db.example", 5432, "u", None, "hub")),
        ("POSTGRES://db.example/hub", Address("postgresql", "db.example", 5432, None, None, "hub")),
        ("postgresql:///hub", Address("postgresql", "localhost", 5432, None, None, "hub")),
        (
            "postgresql://u@/hub?host=/run/postgresql&port=5433",
            Address("postgresql", "/run/postgresql", 5433, "u", None, "hub"),
        ),
        ("postgresql://u:p%40%2F%23@h/hub", Address("postgresql", "h", 5432, "u", "p@/#", "hub")),
        ("postgresql://[::1]:5432/hub", Address("postgresql", "::1", 5432, None, None, "hub")),
        (
            "postgresql://u@h/hub?sslmode=verify-full",
            Address("postgresql", "h", 5432, "u", None, "hub", {"sslmode": "verify-full"}),
        ),
        ("mysql://u:p@h/hub", Address("mysql", "h", 3306, "u", "p", "hub")),
        ("mariadb://u:p@h:3307/hub", Address("mysql", "h", 3307, "u", "p", "hub")),
        ("sqlite:///data/hub.db", Address("sqlite", "", 0, None, None, "data/hub.db")),
        ("sqlite:////var/lib/hub.db", Address("sqlite", "", 0, None, None, "/var/lib/hub.db")),
        (" sqlite:///with%20space.db\n", Address("sqlite", "", 0, None, None, "with space.db")),
    ],
)
def test_understood(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("hub.db", "no scheme"),
        ("", "no scheme"),
        ("oracle://u:p@h/x", "not a database the hub knows"),
        ("postgresql+asyncpg://u:p@h/x", "write postgresql:// in place of"),
        ("sqlite://", "name one, like sqlite:///data/hub.db"),
        ("sqlite:///:memory:", "in a file"),
        ("sqlite://data/hub.db", "three slashes"),
        ("sqlite:///hub.db?mode=ro", "leave it out"),
        ("postgresql://u:p@h", "name one database"),
        ("postgresql://u:p@h/a/b", "name one database"),
        ("postgresql://u:p@h:x/hub", "host or port"),
        ("postgresql://u:p@h:1,i:2/hub", "host or port"),
        ("postgresql://u@h/hub?port=x", "the port is a number"),
        ("postgresql://u@h/hub?sslmode=always", "sslmode=always is none of"),
        ("postgresql://u@h/hub?sslrootcert=/ca.pem", "does not act on the option 'sslrootcert'"),
    ],
)
def test_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(AddressInvalid, match=remedy):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:s3cr/t@h/hub",
        "postgresql://u:s3cr#t@h/hub",
        "postgresql://u:s3cr?t@h/hub",
        "postgresql://u:s3cr@t@h:no/hub",
        "postgresql://u:s3cret@h/hub?what=1",
        "postgresql://u@h/hub?password=s3cret&what=1",
        "oracle://u:s3cret@h/hub",
        "postgresql://u:s3cr/t",
        "postgresql://u:s3cr#t",
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    with pytest.raises(AddressInvalid) as caught:
        parse(text)
    shown = "".join(traceback.format_exception(caught.value, chain=True)) + repr(caught.value)
    assert "s3cr" not in shown


def test_the_masked_text_can_be_parsed_again_and_hides_the_password() -> None:
    for text in (
        "postgresql://u%40x:s3cret@h:5433/hub?sslmode=require",
        "postgresql://u:s3cret@[::1]:5432/hub",
        "postgresql://u@/hub?host=/run/postgresql",
        "sqlite:////var/lib/hub.db",
        "sqlite:///hub.db",
    ):
        address = parse(text)
        assert "s3cret" not in address.masked + repr(address) + str(address)
        again = parse(address.masked)
        assert (again.dialect, again.host, again.user, again.database) == (
            address.dialect,
            address.host,
            address.user,
            address.database,
        )


def test_a_database_beside_another_is_reached_the_same_way() -> None:
    for text in (
        "postgresql://u%40x:s3c%2Fret@h:5433/hub?sslmode=require",
        "postgresql://u@/hub?host=/run/postgresql&port=5544",
        "mysql://root@[::1]:3307/hub",
    ):
        address = parse(text)
        assert parse(address.beside("an other")) == replace(address, database="an other")
