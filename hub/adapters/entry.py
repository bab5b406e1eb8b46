"""An adapter's entry in configuration.json as the settings that the adapter works with.

Invariant: whatever is wrong with an entry is Rejected and names its field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from hub.errors import Rejected

T = TypeVar("T")


def read(entry: Mapping[str, Any], kind: type[T]) -> T:
    """The entry as a `kind`, a Struct. Raises Rejected, naming the field."""
    try:
        return msgspec.convert(dict(entry), kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$").removeprefix(".") or None
        raise Rejected(f"{field}: {what}" if field else what, field=field) from error
