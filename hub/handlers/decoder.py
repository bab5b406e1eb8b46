"""From the type a handler declares for its payload to the function that makes one of a row.

Invariant: what cannot be decoded into is refused when the handler is registered; after that a decoder answers a value
of the type or raises PayloadInvalid with the path of the field.

str and bytes get the payload as it stands. Dataclasses, msgspec Structs, TypedDicts and builtins go through msgspec,
pydantic models, wherever they stand in the type, through pydantic, which is imported only then.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from hub.errors import PayloadInvalid
from hub.handlers.payload import Decode, invalid, is_json, raw, untyped
from hub.model import Claim

_UNTYPED = (Any, object, inspect.Parameter.empty)


def decoder_for(annotation: Any) -> Decode:
    """The decoder for payloads of the type `annotation`. Raises TypeError for a type that JSON cannot become."""
    if annotation in _UNTYPED:
        return untyped
    members = _members(annotation)
    if set(members) <= {str, bytes, types.NoneType} and (str in members or bytes in members):
        return _as_it_stands(members)
    if _is_pydantic(annotation):
        return _by_pydantic(annotation)
    _refuse_foreign(annotation)
    return _by_msgspec(annotation)


def _members(annotation: Any) -> tuple[Any, ...]:
    """What a union consists of, else the type alone."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


# --- str, bytes ------------------------------------------------------------------------------------------------------


def _as_it_stands(members: tuple[Any, ...]) -> Decode:
    def decode(claim: Claim) -> str | bytes | None:
        value = raw(claim)
        if value is None:
            if types.NoneType in members:
                return None
            raise PayloadInvalid("payload: there is none")
        if isinstance(value, bytes) and bytes not in members:
            return _decoded(value)
        if isinstance(value, str) and str not in members:
            return _encoded(value)
        return value

    return decode


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PayloadInvalid(invalid("payload", error)) from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise PayloadInvalid(invalid("payload", error)) from error


# --- msgspec ---------------------------------------------------------------------------------------------------------


def _by_msgspec(annotation: Any) -> Decode:
    decode_json = msgspec.json.Decoder(annotation, dec_hook=_inner_pydantic).decode

    def convert(text: str) -> Any:
        return msgspec.convert(text, annotation, dec_hook=_inner_pydantic)

    def decode(claim: Claim) -> Any:
        text = claim.payload if claim.payloadencoding == "text" else raw(claim)
        try:
            return decode_json("null" if text is None else text)
        except msgspec.DecodeError as error:
            return _from_string(text, convert, error)
        except (RecursionError, UnicodeError) as error:
            raise PayloadInvalid(invalid("payload", error)) from error

    return decode


def _from_string(text: str | bytes | None, convert: Callable[[str], Any], error: Exception) -> Any:
    """What is not JSON counts as a string; if it is, or the type takes no such string, `error` says what is wrong."""
    if isinstance(text, str) and not is_json(text):
        try:
            return convert(text)
        except (ValueError, RecursionError):  # told below
            pass
    raise PayloadInvalid(invalid("payload", error)) from error


def _inner_pydantic(kind: type, value: Any) -> Any:
    """A pydantic type inside a dataclass, Struct or TypedDict."""
    try:
        return _adapter(kind).validate_python(value)
    except ValueError as error:
        raise ValueError(_pydantic_faults(error, "value")) from None


def _refuse_foreign(annotation: Any) -> None:
    """Raise TypeError where `annotation` holds a class that neither msgspec nor pydantic can make of JSON."""
    seen: set[int] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(annotation)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, msgspec.inspect.Type | msgspec.inspect.Field) and id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, msgspec.inspect.CustomType) and not _is_pydantic(node.cls):
                raise TypeError(f"{node.cls.__module__}.{node.cls.__qualname__} cannot be decoded from JSON")
            waiting.extend(getattr(node, name) for name in node.__struct_fields__)


# --- pydantic --------------------------------------------------------------------------------------------------------


def _is_pydantic(annotation: Any) -> bool:
    if hasattr(annotation, "__get_pydantic_core_schema__") or hasattr(annotation, "__pydantic_core_schema__"):
        return True
    home = annotation if isinstance(annotation, type) else type(annotation)
    if home.__module__.partition(".")[0] == "pydantic":
        return True
    return any(_is_pydantic(inner) for inner in typing.get_args(annotation))


def _by_pydantic(annotation: Any) -> Decode:
    adapter = _new_adapter(annotation)

    def decode(claim: Claim) -> Any:
        text = raw(claim)
        if text is None:
            text = "null"
        if not is_json(text):  # asked first, as pydantic itself would take NaN and Infinity
            return _from_string(text, adapter.validate_python, ValueError("malformed"))
        try:
            return adapter.validate_json(text)
        except RecursionError as error:
            raise PayloadInvalid(invalid("payload", error)) from error
        except ValueError as error:
            raise PayloadInvalid(_pydantic_faults(error, "payload")) from error

    return decode


def _new_adapter(annotation: Any) -> Any:
    from pydantic import TypeAdapter  # here, so that a hub without such payloads does not pay for it

    return TypeAdapter(annotation)


_adapter = lru_cache(maxsize=256)(_new_adapter)


def _pydantic_faults(error: ValueError, what: str) -> str:
    """The faults of a pydantic ValidationError, each with its path; never the values, which may be secret."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return f"{what}: {error}"
    faults = errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{what}{_path(fault['loc'])}: {_lower(fault['msg'])}" for fault in faults[:5])


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
