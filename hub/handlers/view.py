"""What a job says about itself: read only, the same in an async handler, in a thread and in middleware.

Invariant: nothing is decoded before it is asked for, as most handlers ask for little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.clock import Clock
from hub.handlers import payload as payloads
from hub.model import Claim
from hub.ports import Attempt


class StepOf(msgspec.Struct, frozen=True):
    """The workflow that a job is a step of; `context` is what the step was given: what all before it have returned."""

    id: str
    type: str
    step: str
    context: dict[str, Any]


class JobView:
    """The claimed row behind a handler's `job`."""

    __slots__ = ("_attempt", "_claim", "_clock", "_metadata")

    def __init__(self, claim: Claim, attempt: Attempt, clock: Clock) -> None:
        self._claim = claim
        self._attempt = attempt
        self._clock = clock
        self._metadata: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.handler} attempt {self.attempt}>"

    @property
    def id(self) -> str:
        return self._claim.id

    @property
    def handler(self) -> str:
        return self._claim.handler

    @property
    def queue(self) -> str:
        return self._claim.queue

    @property
    def attempt(self) -> int:
        """0 for the first."""
        return self._claim.attempt

    @property
    def last_attempt(self) -> bool:
        """Whether a failure now is final: no retries are left."""
        return self._claim.retrycount >= self._claim.maxretries

    @property
    def max_retries(self) -> int:
        """Retries allowed after the first attempt."""
        return self._claim.maxretries

    @property
    def priority(self) -> int:
        return self._claim.priority

    @property
    def key(self) -> str | None:
        """The ordering key: jobs that share one run strictly one after another."""
        return self._claim.orderingkey

    @property
    def direction(self) -> str:
        """'inbound', 'outbound' or 'internal'."""
        return self._claim.direction

    @property
    def protocol(self) -> str | None:
        return self._claim.protocol

    @property
    def method(self) -> str | None:
        return self._claim.method

    @property
    def parent_id(self) -> str | None:
        """The job that enqueued this one."""
        return self._claim.parentjobid

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context the message came with."""
        return self._claim.traceparent

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt: for calls to the outside, which may happen more than once."""
        return self._claim.id

    @property
    def payload(self) -> str | bytes | None:
        """The payload as it came: text, or bytes where it is no text. Raises PayloadInvalid for broken base64."""
        return payloads.raw(self._claim)

    @property
    def content_type(self) -> str:
        return self._claim.contenttype

    def json(self) -> Any:
        """The payload as JSON, decoded at each call; None when there is none. Raises PayloadInvalid."""
        return payloads.json(self._claim)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the adapter, the route and the producer noted. Raises PayloadInvalid when it is no JSON object."""
        if self._metadata is None:
            self._metadata = payloads.json_object(self._claim.metadata, "metadata")
        return self._metadata

    @property
    def headers(self) -> Mapping[str, str]:
        """The message's headers; empty when it had none."""
        found = self.metadata.get("headers")
        return found if isinstance(found, dict) else {}

    @property
    def workflow(self) -> StepOf | None:
        """The workflow that this job is a step of; None for a job by itself."""
        about = self.metadata.get("workflow") if self._claim.method == "workflow" else None
        if not isinstance(about, dict):
            return None
        context = self.json()
        return StepOf(
            str(about.get("id")),
            str(about.get("type")),
            str(about.get("step")),
            context if isinstance(context, dict) else {},
        )

    @property
    def topic(self) -> str | None:
        """The topic, queue, event or method the message came by."""
        found = self.metadata.get("topic")
        return found if isinstance(found, str) else None
