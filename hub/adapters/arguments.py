"""A message's payload as the arguments of a call at a socket's client.

Invariant: pure. JSON becomes its value, text stays text, bytes stay bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.errors import Permanent

_check_json: Final = msgspec.json.Decoder().decode


class Payload(msgspec.Struct, frozen=True):
    """As it is in the job, in a form that other instances can be sent. `spread`: it is a list, and each of its values
    an argument; that is what the header `header` asks for."""

    body: bytes
    content_type: str
    spread: bool

    def arguments(self, header: str) -> list[Any]:
        """Raises Permanent for what is no JSON though it is said to be, and for no list with `spread`."""
        value = self._value()
        if not self.spread:
            return [value]
        if not isinstance(value, list):
            raise Permanent(f"{header}: the payload is no list")
        return value

    def _value(self) -> Any:
        if self.content_type.partition(";")[0].strip().endswith("json"):
            if not self.body:
                return None
            try:
                return _check_json(self.body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise Permanent(f"the payload is said to be JSON and is not: {error}") from error
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return self.body
