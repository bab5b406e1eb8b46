"""What an error of PostgreSQL or of its driver means to the hub."""

import asyncpg
import pytest

from hub.db.postgresql.faults import translate
from hub.errors import AlreadyExists, ConnectionLost, DatabaseUnavailable, HubError, Rejected, TransactionConflict


def server_error(state: str) -> BaseException:
    """As the driver makes it of the server's answer."""
    made: BaseException = asyncpg.PostgresError.new({"C": state, "M": "why", "S": "ERROR"})
    return made


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (server_error("57P01"), ConnectionLost),  # terminated by the administrator
        (server_error("57P03"), DatabaseUnavailable),  # shutting down, or starting up
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), ConnectionLost),
        (asyncpg.InterfaceError("the connection is closed"), ConnectionLost),
        # A connection that heard the good-bye while it was idle, at the next statement.
        (asyncpg.InternalClientError("cannot switch to state 12"), ConnectionLost),
        (ConnectionRefusedError(), ConnectionLost),
        (server_error("40P01"), TransactionConflict),
        (server_error("23505"), AlreadyExists),
        (server_error("22021"), Rejected),
        (server_error("57014"), None),
        (server_error("53100"), DatabaseUnavailable),  # the disk is full
        (server_error("53400"), None),  # temp_file_limit, of one statement
        (server_error("58030"), DatabaseUnavailable),  # the disk fails
        (server_error("58P01"), None),  # COPY from a file that is not there
        (server_error("42601"), None),
        (ValueError("a bug"), None),
    ],
)
def test_an_error_is_told_in_the_hubs_words(error: BaseException, kind: type[HubError] | None) -> None:
    found = translate(error)
    assert type(found) is (kind or type(None))
