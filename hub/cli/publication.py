"""The work of `hub publish`: the outbound row of a message.

Invariant: a message is the same row whether it was made here, by the API or by a handler (which does not know what
protocol it will leave by).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from hub.cli.session import actor
from hub.clock import SystemClock
from hub.errors import Permanent
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
