"""Stands in for the delivery of outbound messages, where an engine works without a hub around it."""

from __future__ import annotations

from hub import handler


@handler("publish")
async def deliver() -> None: ...
