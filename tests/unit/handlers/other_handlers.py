"""Handlers in a module of their own, for the registry's tests."""

from hub.handlers.mark import handler


@handler("other.first", queue="critical", max_retries=7)
async def first() -> None:
    """One name."""


@handler("other.second")
@handler("other.alias", queue="slow")
async def second() -> None:
    """Two names."""


async def plain() -> None:
    """Not marked."""
