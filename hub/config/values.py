"""The kinds of values a configuration is made of, each with its rule, its words and its JSON Schema.

Invariant: a value is what the file says or a fault; nothing is rounded, trimmed or converted silently. Durations become
seconds (float), sizes become bytes (int), times become datetimes in UTC.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SecretStr,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from hub.config.faults import Invalid, quoted
from hub.config.secrets import MASK, SecretUrl


class Section(BaseModel):
    """Base of every object in the file: frozen, and nothing in it that the schema does not know."""

    # Inputs stay out of pydantic's own messages: they may be secrets.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


_T = TypeVar("_T")
Listed = Annotated[tuple[_T, ...], Strict(False)]
"""A JSON list; a tuple in Python, so that it is frozen like everything else."""

# --- durations and sizes -----------------------------------------------------------------------------------------

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
# Ten digits before the point: a number beyond is a mistake, and float arithmetic stays exact to the millisecond.
_DURATION = r"^[0-9]{1,10}(\.[0-9]{1,9})?(ms|s|m|h|d)$"
_SIZE = r"^[0-9]{1,10} ?(B|KiB|MiB|GiB|KB|MB|GB)?$"
_LONGEST = 100 * 365 * 86_400.0


def seconds(value: object) -> float:
    """A duration as seconds: a number of them, or text like "500ms", "30s", "5m", "1h", "7d". Raises Invalid."""
    if isinstance(value, str):
        if not re.fullmatch(_DURATION, value):
            near = (
                f'write "{value}s" or the number {value}' if re.fullmatch(r"\d{1,10}", value) else 'write it like "30s"'
            )
            raise Invalid(f"{quoted(value)} is no duration", near)
        unit = value.lstrip("0123456789.")
        duration = float(value.removesuffix(unit)) * _MILLISECONDS[unit] / 1000
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # A 400-digit integer has no float.
        duration = float(value) if abs(value) < 1e300 else math.inf
    else:
        raise Invalid("expected a duration", 'a number of seconds, or text like "500ms", "30s", "5m", "1h", "7d"')
    if not 0 <= duration <= _LONGEST:
        raise Invalid("a duration lies between 0 and 100 years")
    return duration


def _positive(value: object) -> float:
    duration = seconds(value)
    if duration == 0:
        raise Invalid("must be longer than 0")
    return duration


def _bytes(value: object) -> int:
    if isinstance(value, str):
        if not re.fullmatch(_SIZE, value):
            raise Invalid(f"{quoted(value)} is no size", 'write it like "64KiB" or "1MiB"')
        unit = value.lstrip("0123456789")
        size = int(value.removesuffix(unit)) * _BYTES[unit.strip()]
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        raise Invalid("expected a size", 'a whole number of bytes, or text like "64KiB", "1MiB"')
    if not 0 <= size <= 2**40:
        raise Invalid("a size lies between 0 and 1 TiB")
    return size


_DurationInput = Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=_DURATION)]
_SizeInput = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=_SIZE)]
Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=_DurationInput)]
"""Seconds, 0 allowed."""
PositiveDuration = Annotated[float, BeforeValidator(_positive, json_schema_input_type=_DurationInput)]
"""Seconds, more than 0."""
Size = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=_SizeInput)]
"""Bytes."""

# --- numbers -----------------------------------------------------------------------------------------------------

Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Natural = Annotated[int, Field(ge=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]

# --- names and texts ---------------------------------------------------------------------------------------------

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_NO_SPACE = r"^\S+$"
_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_SHA256 = r"^[0-9a-f]{64}$"
PATTERN_WORDS = {
    _NAME: "a name has letters, digits, '.', '_' and '-', and begins with a letter or digit",
    _NO_SPACE: "must hold no space",
    _MODULE: 'expected the name of a Python module, like "examples.orders"',
    _SHA256: "expected a SHA-256 as 64 hexadecimal digits in lower case",
}
"""What a pattern wants, in words."""

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=_NAME)]
QueueName = Annotated[str, Field(min_length=1, max_length=100, pattern=_NAME)]
HandlerName = Annotated[str, Field(min_length=1, max_length=255, pattern=_NO_SPACE)]
ModuleName = Annotated[str, Field(max_length=255, pattern=_MODULE)]
UrlPath = Annotated[str, Field(pattern=r"^/[^?#\s]*$")]
Sha256 = Annotated[str, Field(pattern=_SHA256), PlainSerializer(lambda _: MASK, return_type=str)]
"""A digest of a secret: plain to compare with, masked when shown."""
SecretText = Annotated[SecretStr, Field(min_length=1)]
"""A secret. An empty one would open what it is to protect."""


A_TIME = 'write it like "2026-01-31T08:00:00Z"'


def instant(value: object) -> datetime:
    """A time with zone UTC, from text as RFC 3339 has it. Raises Invalid."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the one message below serves this case too
    raise Invalid("expected a time", A_TIME)


Instant = Annotated[datetime, BeforeValidator(instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time; without a zone it is UTC."""


@dataclass(frozen=True)
class Address:
    """Marks a SecretUrl (a secret, because an address may hold a password) with the schemes it may begin with."""

    schemes: tuple[str, ...]

    def _check(self, value: SecretUrl) -> SecretUrl:
        text = value.get_secret_value()
        scheme, _, rest = text.partition("://")
        # An address made of references stays as it is in a disabled part, where they are not resolved.
        if "${" not in text and not (scheme in self.schemes and rest):
            raise Invalid(f"expected an address that begins with {' or '.join(f'{name}://' for name in self.schemes)}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schemes = "|".join(map(re.escape, self.schemes))
        return {"type": "string", "pattern": rf"^({schemes})://.|\$\{{"}
