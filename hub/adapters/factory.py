"""Makes adapters: finds the factory that a package offers for a type, and calls it.

Invariant: our own adapters are found as a stranger's are, by their entry points. What cannot be made says why, with the
field at fault; nothing is imported for a type that no configuration names.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from hub.errors import Rejected
from hub.ports import Adapter, Context, Factory

GROUP: Final = "hub.adapters"


def make_adapter(name: str, kind: str, settings: Mapping[str, Any], context: Context) -> Adapter:
    """The adapter `name`, connected to nothing. Raises Rejected; its field is a path from the configuration's root."""
    factory = _factory(name, kind)
    try:
        return factory(name, settings, context)
    except Rejected as error:
        place = f"adapters.{name}.{error.field}" if error.field else f"adapters.{name}"
        raise Rejected(str(error), field=place, code=error.code) from error


def _factory(name: str, kind: str) -> Factory:
    place = f"adapters.{name}.type"
    points = list(entry_points(group=GROUP, name=kind))
    if not points:
        known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
        raise Rejected(f"no installed package offers adapters of type {kind!r} (offered: {known})", field=place)
    try:
        factory: Factory = points[0].load()
    except Exception as error:  # a stranger's module may raise anything when it is imported
        reason = f"adapters of type {kind!r} ({points[0].value}) cannot be loaded: {type(error).__name__}: {error}"
        raise Rejected(reason, field=place) from error
    return factory
