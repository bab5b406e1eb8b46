"""The kinds of fields in request bodies: each fits its column, whatever its caller sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=255)]
QueueName = Annotated[str, Meta(min_length=1, max_length=100)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Retries = Annotated[int, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]
Zoned = Annotated[datetime, Meta(tz=True)]
"""RFC 3339; the zone must be said."""
