"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed version of the hub."""
    try:
        return installed("hub")
    except PackageNotFoundError:
        return "0+source"
