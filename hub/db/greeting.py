"""A server that takes a connection and then says nothing: most often it is one of another kind.

Invariant: this only tells. How long a connection may take is its own matter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hub.db.url import Address

_log = logging.getLogger("hub.db")
_SOON = 3.0


@contextmanager
def awaited(address: Address) -> Iterator[None]:
    """While the first connection is opened: past some seconds the log says what is waited for."""
    telling = asyncio.get_running_loop().call_later(_SOON, _tell, address)
    try:
        yield
    finally:
        telling.cancel()


def reason_of(error: Exception, address: Address) -> str | None:
    """Why a connection failed on which nothing was heard in its time; None for another reason."""
    return f"no answer in time: does {_what(address)} listen there?" if isinstance(error, TimeoutError) else None


def _tell(address: Address) -> None:
    _log.warning("%s does not answer yet: does %s listen there?", address.masked, _what(address))


def _what(address: Address) -> str:
    return "PostgreSQL" if address.dialect == "postgresql" else "MariaDB or MySQL"
