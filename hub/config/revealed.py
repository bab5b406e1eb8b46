"""An adapter's entry of configuration.json as its factory gets it.

Invariant: this is where secrets leave their holders for adapters; what is made here is neither shown nor logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Secret, SecretStr

from hub.config.sections.adapters import Adapter

_NOT_SETTINGS = frozenset({"type", "enabled", "settings"})


def revealed(adapter: Adapter) -> dict[str, Any]:
    """The entry's plain values: secrets resolved, durations in seconds, what was left out with its default."""
    own = {name: _plain(getattr(adapter, name)) for name in type(adapter).model_fields if name not in _NOT_SETTINGS}
    return {**own, **getattr(adapter, "settings", {})}


def _plain(value: Any) -> Any:
    if isinstance(value, Secret | SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
