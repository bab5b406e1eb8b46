"""MariaDB and MySQL. The driver is an optional part: it is imported when a database of this kind is opened."""

from __future__ import annotations

from importlib.util import find_spec

from hub.errors import AddressInvalid


def require_driver() -> None:
    """Raises AddressInvalid, which says what to install, when the driver is not there."""
    if find_spec("asyncmy") is None:
        raise AddressInvalid("MariaDB and MySQL need a driver that is not installed: pip install 'hub[mysql]'")
