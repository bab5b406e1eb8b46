"""What an error of MariaDB, of MySQL or of their driver means to the hub."""

import pytest
from asyncmy import errors

from hub.db.mysql.faults import translate
from hub.errors import AlreadyExists, ConnectionLost, DatabaseUnavailable, HubError, Rejected, TransactionConflict


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.InterfaceError(0, "Not connected"), ConnectionLost),
        (errors.InternalError("Packet sequence number wrong - got 1 expected 2"), ConnectionLost),
        (errors.OperationalError(2013, "Lost connection to MySQL server during query"), ConnectionLost),
        (errors.OperationalError(1053, "Server shutdown in progress"), ConnectionLost),
        (errors.OperationalError(1927, "Connection was killed"), ConnectionLost),
        (
            errors.OperationalError(1021, "Disk full (/tmp); waiting for someone to free some space"),
            DatabaseUnavailable,
        ),
        (errors.OperationalError(3, "Error writing file '/tmp/MY' (Errcode: 28)"), DatabaseUnavailable),
        (errors.OperationalError(1290, "running with the --read-only option"), DatabaseUnavailable),
        (errors.OperationalError(1290, "running with the --super-read-only option"), DatabaseUnavailable),
        (errors.OperationalError(1290, "running with the --secure-file-priv option"), None),
        (errors.OperationalError(29, "File '/nowhere/missing' not found (Errcode: 2)"), None),
        (errors.OperationalError(1038, "Out of sort memory, consider increasing server sort buffer size"), None),
        (errors.ProgrammingError("Query values error"), None),
        (errors.OperationalError(1213, "Deadlock found when trying to get lock"), TransactionConflict),
        (errors.IntegrityError(1062, "Duplicate entry '7' for key 'PRIMARY'"), AlreadyExists),
        (errors.DataError(1406, "Data too long for column 'note' at row 1"), Rejected),
        (errors.ProgrammingError(1064, "You have an error in your SQL syntax"), None),
        (ValueError("a bug"), None),
    ],
)
def test_an_error_is_told_in_the_hubs_words(error: BaseException, kind: type[HubError] | None) -> None:
    found = translate(error)
    assert type(found) is (kind or type(None))
