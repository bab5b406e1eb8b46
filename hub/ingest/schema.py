"""A route's JSON Schema: compiled once, asked about payloads as they arrive.

Invariant: checking fetches nothing (a `$ref` to the web is a fault of the schema, not a request), and every outcome but
"valid" is a Rejected that names the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hub.errors import Rejected
from hub.ingest.decode import FIELD

MISMATCH: Final = "schema-mismatch"
UNUSABLE: Final = "schema-unusable"


class MessageSchema:
    """One compiled JSON Schema; without `$schema` it is one of draft 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # Imported here: few configurations have a schema, and the import is slow.
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
        from referencing import Registry

        self._validator = validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())

    def check(self, value: Any) -> None:
        """Raises Rejected with the first fault, the field being its path below `payload`."""
        try:
            fault = next(iter(self._validator.iter_errors(value)), None)
        except Exception as error:  # an unresolvable $ref, a pattern that is none, a number past float
            raise Rejected(f"the route's schema cannot judge this payload: {error}"[:500], code=UNUSABLE) from error
        if fault is not None:
            path = FIELD + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.absolute_path)
            raise Rejected(f"{path}: {fault.message[:300]}", field=path[:300], code=MISMATCH)
