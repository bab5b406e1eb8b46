"""`hub enqueue --template`: what a template of the configuration makes of a payload.

Invariant: the row is the one that the API and `Hub.enqueue_template` make.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from hub.cli.session import actor, configured
from hub.clock import SystemClock
from hub.config import Configuration
from hub.config.templates import prepared, template
from hub.errors import Permanent
from hub.handlers.outgoing import Options
from hub.handlers.payload import is_json
from hub.model import NewJob

_clock = SystemClock()


class Prepared:
    """Rows by the template `name`; see hub.cli.intake.Maker. Raises NotFound for an unknown name."""

    def __init__(
        self, file: Path | None, name: str, options: Mapping[str, Any], metadata: Mapping[str, Any] | None, text: bool
    ) -> None:
        self._configuration: Configuration = configured(file)
        self._name = name
        self._options = options
        self._metadata = metadata
        self._text = text
        self.handler = template(self._configuration, name).handler

    def row(self, payload: bytes | None) -> NewJob:
        """Raises Permanent for a payload or an option that cannot be."""
        if payload is not None and not self._text and not is_json(payload):
            raise Permanent("the payload is not JSON; quote it for the shell, or say --text to send it as it is")
        options = cast(Options, self._options)
        job = prepared(self._configuration, self._name, _clock.new_id(), payload, self._metadata, options)
        return msgspec.structs.replace(job, createdby=actor())
