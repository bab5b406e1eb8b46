"""JSON Schemas (2020-12) of the types that the API takes and answers.

Invariant: a type stands once, as a component of its name; every use refers to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_PLACE: Final = "#/components/schemas/{name}"
_WITHIN: Final = re.compile(r"#(?:/|$)")


class Schemas:
    """`components` by name. `of` answers the schema of one of the types that it was made with."""

    def __init__(self, types: Iterable[Any]) -> None:
        known = [one for each in types for one in (each if isinstance(each, tuple) else (each,))]
        found, components = msgspec.json.schema_components(known, ref_template=_PLACE)
        # By position: not every type that has a schema can be hashed.
        self._known = [(each, _tidy(schema)) for each, schema in zip(known, found, strict=True)]
        self.components: dict[str, Any] = {name: _tidy(schema) for name, schema in sorted(components.items())}

    def of(self, type: Any) -> dict[str, Any]:
        """A tuple of types means any of them."""
        if isinstance(type, tuple):
            return {"anyOf": [self.of(each) for each in type]}
        for each, schema in self._known:
            if each == type:
                return dict(schema)
        return {}

    def own(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A component that somebody else wrote; answers the reference to it."""
        place = _PLACE.format(name=component_name(name))
        self.components[component_name(name)] = moved(schema, place)
        return {"$ref": place}


def moved(schema: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A schema whose references within itself hold when it stands at `place` of a document."""
    if "$id" in schema:
        return dict(schema)
    found: dict[str, Any] = _moved(schema, place)
    return found


def _moved(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_moved(each, place) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _reference(name, each, place) or _moved(each, place) for name, each in value.items()}


def _reference(name: str, value: Any, place: str) -> str | None:
    """Where a reference points after the move; None for what is no reference within the schema."""
    within = name == "$ref" and isinstance(value, str) and _WITHIN.match(value)
    return place + value[1:] if within else None


def component_name(text: str) -> str:
    """A name that the document may use."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def _tidy(value: Any) -> Any:
    """Docstrings without their line breaks; no default that says nothing."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: " ".join(each.split()) if name == "description" and isinstance(each, str) else _tidy(each)
        for name, each in value.items()
        if not (name == "default" and each is None)
    }
