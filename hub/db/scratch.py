"""A database for a moment, beside the one that an address names: to measure on, without a row of it in the way.

Invariant: nothing of the named database is read or changed, and the other one is gone at the end of the block.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hub.db.url import Address, parse
from hub.errors import AddressInvalid, DatabaseUnavailable

Administer = Callable[[Address, str], Awaitable[None]]
"""Runs one statement on a connection of its own, outside of any transaction."""


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[str]:
    """Its URL: on the same server with the same user, for SQLite in the same folder.

    Raises AddressInvalid, DatabaseUnavailable and, where the user may not make databases, Rejected.
    """
    address = parse(url)
    if address.dialect == "sqlite":
        folder = await asyncio.to_thread(_folder_beside, address.database)
        try:
            yield f"sqlite:///{folder / 'scratch.db'}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    administer = _administer(address.dialect)
    name = f"hub_scratch_{os.getpid()}_{secrets.token_hex(4)}"
    await administer(address, f"CREATE DATABASE {name}")
    try:
        yield address.beside(name)
    finally:
        await administer(address, f"DROP DATABASE {name}")


def _folder_beside(file: str) -> Path:
    near = next(folder for folder in Path(file).absolute().parents if folder.is_dir())
    try:
        return Path(tempfile.mkdtemp(prefix="hub-scratch-", dir=near))
    except OSError as error:
        raise DatabaseUnavailable(f"cannot make a folder in {near}: {error.strerror}") from error


def _administer(dialect: str) -> Administer:
    # Drivers are imported only for the dialect that is used.
    match dialect:
        case "postgresql":
            from hub.db.postgresql import administration as postgresql

            return postgresql.administer
        case "mysql":
            from hub.db.mysql import require_driver

            require_driver()
            from hub.db.mysql import administration as mysql

            return mysql.administer
    raise AddressInvalid(f"this version of the hub does not run on {dialect}")
