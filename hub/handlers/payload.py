"""Payloads: from a Python value to the row's text, and from there to what a handler declared.

Invariant: whatever stands in a row, decoding it ends in a value of the declared type or in PayloadInvalid; whatever a
program hands over, encoding it ends in text that every database takes, or in PayloadInvalid.

A str or bytes is the payload as it stands (JSON already, or plain text); any other value becomes JSON. A payload that
is not JSON counts as a string, so that `OFF` from a switch and `"OFF"` from a program are the same to a handler.
"""

from __future__ import annotations

import binascii
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hub.errors import PayloadInvalid
from hub.model import Claim

JSON: Final = "application/json"
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"

Decode = Callable[[Claim], Any]

Encoded = tuple[str | None, str, str]
"""(payload, contenttype, payloadencoding), as the columns of a row have them."""


class NotJson(ValueError):
    """A value that JSON cannot hold."""


# --- to the row --------------------------------------------------------------------------------------------------


def encode(value: Any) -> Encoded:
    """`value` as the columns payload, contenttype and payloadencoding. Raises PayloadInvalid."""
    if value is None:
        return None, JSON, "text"
    if type(value) is str:
        return _encode_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _encode_bytes(bytes(value))
    try:
        return json_text(value), JSON, "text"
    except NotJson as error:
        raise PayloadInvalid(f"payload: {error}") from error


def json_text(value: Any) -> str:
    """`value` as JSON. Raises NotJson for types, numbers and nestings that JSON cannot hold."""
    try:
        data = _encoder.encode(value)
        if b"null" in data:  # how the encoder writes NaN and infinities too, without a word
            _refuse_nonfinite(value)
    except RecursionError as error:
        raise NotJson("nested too deeply, or within itself") from error
    except UnicodeEncodeError as error:
        raise NotJson("text with a lone surrogate") from error
    except (TypeError, ValueError, OverflowError) as error:
        long = "integer string conversion" in str(error)  # how Python says it, with a remedy that is none here
        most = sys.get_int_max_str_digits()
        raise NotJson(f"a whole number of more than {most} digits" if long else str(error)) from error
    return data.decode()


def storable_json(value: Any) -> str:
    """As `json_text`, also refusing U+0000, which the databases' own JSON columns do not take."""
    text = json_text(value)
    if "\\u0000" in text and "\\u0000" in text.replace("\\\\", ""):
        raise NotJson("text with the character U+0000")
    return text


def _encode_text(text: str) -> Encoded:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise PayloadInvalid("payload: text with a lone surrogate") from error
    if "\0" in text:
        return _base64(data), TEXT, "base64"
    return text, JSON if is_json(text) else TEXT, "text"


def _encode_bytes(data: bytes) -> Encoded:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _base64(data), BYTES, "base64"
    if "\0" in text:
        return _base64(data), BYTES, "base64"
    return text, JSON if is_json(text) else TEXT, "text"


def is_json(text: str | bytes) -> bool:
    """Whether `text` is JSON by the letter: no NaN, nothing after the value."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _encode_other(value: Any) -> Any:
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:  # a pydantic model, recognized without importing pydantic
        return dump(value, mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be written as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_encode_other)


def _refuse_nonfinite(value: Any) -> None:
    waiting = [msgspec.to_builtins(value, enc_hook=_encode_other)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                raise NotJson(f"the number {item} cannot be written as JSON")
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)


# --- from the row ------------------------------------------------------------------------------------------------


def raw(claim: Claim) -> str | bytes | None:
    """The payload as it came. Raises PayloadInvalid for base64 that is none."""
    if claim.payload is None or claim.payloadencoding == "text":
        return claim.payload
    try:
        return binascii.a2b_base64(claim.payload, strict_mode=True)
    except ValueError as error:
        raise PayloadInvalid(f"payload: not base64: {error}") from error


def json(claim: Claim) -> Any:
    """The payload as JSON; None when there is none. Raises PayloadInvalid."""
    text = raw(claim)
    return None if text is None else _strict(text, "payload")


def json_object(text: str | None, what: str) -> dict[str, Any]:
    """`text` as a JSON object, empty for None and null; `what` names it in the PayloadInvalid raised otherwise."""
    value = None if text is None else _strict(text, what)
    if value is None:  # null: how many programs write that there is nothing
        return {}
    if not isinstance(value, dict):
        raise PayloadInvalid(f"{what}: expected an object, got {_kind(value)}")
    return value


def untyped(claim: Claim) -> Any:
    """The payload for a handler that declares no type: JSON where it is JSON, else the text or the bytes."""
    value = claim.payload if claim.payloadencoding == "text" else raw(claim)
    if value is None:
        return None
    try:
        return _decode(value)
    except msgspec.ValidationError as error:  # JSON, but with numbers that nothing here can hold
        raise PayloadInvalid(invalid("payload", error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value
    except (RecursionError, UnicodeEncodeError) as error:
        raise PayloadInvalid(invalid("payload", error)) from error


def invalid(what: str, error: Exception) -> str:
    """The message for a value that could not be decoded: the path of the field, then what is wrong with it."""
    match error:
        case msgspec.ValidationError():
            text, _, path = str(error).partition(" - at `")
            where = path.rstrip("`").replace("$", what, 1) or what
            return f"{where}: {text[:1].lower()}{text[1:]}"
        case RecursionError():
            return f"{what}: nested too deeply"
        case UnicodeError():
            return f"{what}: text that is not valid Unicode"
        case _:
            return f"{what}: not JSON: {error}"


def _strict(text: str | bytes, what: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise PayloadInvalid(invalid(what, error)) from error


def _kind(value: Any) -> str:
    return "null" if value is None else "an array" if isinstance(value, list) else f"a {type(value).__name__}"


_decode = msgspec.json.Decoder().decode
