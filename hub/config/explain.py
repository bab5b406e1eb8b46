"""From pydantic's errors to faults: the place as the author wrote it, the matter in plain words, the nearest key.

Invariant: a value is shown only when it stands where no secret stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.config.faults import Fault, Invalid, Path, did_you_mean, path_text, quoted
from hub.config.schema import Configuration
from hub.config.secrets import is_secret_key
from hub.config.sections.adapters import ADAPTER_TYPES, ThirdParty
from hub.config.values import PATTERN_WORDS

_EXPECTED = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def explain(error: ValidationError, origins: Mapping[Path, str]) -> Iterator[tuple[Path, Fault]]:
    """A fault for each of pydantic's errors, with the place it stands at.

    `origins` names the environment variable behind a value that does not come from the file.
    """
    for details in error.errors(include_url=False):
        if details["type"] == "too_short" and details["input"]:
            continue  # it counts what is left without the items that have faults of their own
        path = _path(details["loc"])
        place = f"environment {origins[path]}" if path in origins else path_text(path)
        yield path, Fault(place, *_words(details, path))


def known_keys(loc: Path) -> list[str]:
    """The keys of the object at `loc`, as pydantic counts places; empty where the keys are free."""
    annotation: Any = Configuration
    for part in loc:
        annotation = _descend(annotation, part)
    model = _model(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _path(loc: Path) -> Path:
    """pydantic's place without its own marks: the tag of an adapter's type, and "[key]" behind a bad key."""
    if loc[:1] == ("adapters",) and len(loc) > 2 and loc[2] != "[key]":
        loc = (*loc[:2], *loc[3:])
    return loc[:-1] if loc[-1:] == ("[key]",) else loc


def _words(details: ErrorDetails, path: Path) -> tuple[str, str | None]:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    reason = context.get("error")
    if isinstance(reason, Invalid):
        return str(reason), reason.suggestion
    if kind == "extra_forbidden":
        return "unknown key", did_you_mean(str(path[-1]), known_keys(details["loc"][:-1]))
    if kind == "string_unicode":
        return "text with a lone surrogate", "leave that character out"
    if kind == "missing":
        return "required, but missing", None
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {_shown(value, path)}", None
    if kind == "literal_error":
        near = did_you_mean(value, _choices(context["expected"])) if isinstance(value, str) else None
        return f"expected {context['expected'].replace(chr(39), chr(34))}, got {_shown(value, path)}", near
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {context[key]}, got {_shown(value, path)}", None
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERN_WORDS:
        return f"{_shown(value, path)} does not fit: {PATTERN_WORDS[context['pattern']]}", None
    if kind in ("string_too_short", "too_short"):
        return "must not be empty", None
    return details["msg"][:1].lower() + details["msg"][1:], None


def _shown(value: object, path: Path) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "text" if _secret(path) else f"text {quoted(value)}"
        case int() | float() if not _secret(path) and abs(value) < 1e15:
            return f"the number {value}"
        case _:
            return "a number"


def _secret(path: Path) -> bool:
    return any(is_secret_key(part) for part in path)


def _choices(expected: str) -> list[str]:
    """pydantic gives the values of a Literal as one text: "'a', 'b' or 'c'"."""
    return expected.split("'")[1::2]


def _descend(annotation: Any, part: str | int) -> Any:
    bare = _bare(annotation)
    model = _model(bare)
    if model:
        return next(
            (field.annotation for name, field in model.model_fields.items() if part in (field.alias, name)), None
        )
    if get_origin(bare) in (dict, tuple):
        return get_args(bare)[1 if get_origin(bare) is dict else 0]
    if get_origin(bare) in (Union, UnionType):  # the one tagged union: adapters
        return ADAPTER_TYPES.get(str(part), ThirdParty)
    return None


def _bare(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation):
            annotation = next(choice for choice in get_args(annotation) if choice is not NoneType)
        else:
            return annotation


def _model(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None
