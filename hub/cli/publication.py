"""The work of `hub publish`: the outbound row of a message.

Invariant: a message is the same row whether it was made here, by the API or by a handler (which does not know what
protocol it will leave by).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hub.cli.session import actor, configured
from hub.clock import SystemClock
from hub.config.faults import did_you_mean
from hub.config.outlets import outlets
from hub.errors import Permanent, Rejected
from hub.handlers.outgoing import PUBLISH_HANDLER, Options, publication
from hub.handlers.payload import is_json
from hub.model import NewJob

_clock = SystemClock()


@dataclass(frozen=True)
class Publication:
    """What all messages of one command share; `text`: payloads need not be JSON."""

    to: str
    protocol: str
    topic: str
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: bool = False
    handler: str = PUBLISH_HANDLER

    def row(self, payload: bytes | None) -> NewJob:
        """Raises Permanent for a message that cannot be."""
        if payload is not None and not self.text and not is_json(payload):
            raise Permanent("the payload is not JSON; quote it for the shell, or say --text to send it as it is")
        options: Options = {} if self.key is None else {"key": self.key}
        job = publication(None, _clock.new_id(), self.to, self.topic, payload, self.headers, options, self.protocol)
        return msgspec.structs.replace(job, createdby=actor())


def protocol_of(file: Path | None, name: str) -> str:
    """What the adapter or the destination speaks. Raises Rejected for one that the configuration does not have, or has
    switched off."""
    configuration = configured(file)
    known = outlets(configuration)
    if name not in known:
        if name in configuration.adapters and not configuration.adapters[name].enabled:
            raise Rejected(f"the adapter {name!r} is switched off: adapters.{name}.enabled is false")
        near = did_you_mean(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
        raise Rejected(f"there is no adapter or destination {name!r} that sends; {near}")
    return known[name]
