"""What became of a job, as a test wants to look at it.

Invariant: plain values, read from the rows after the job ended; nothing here asks the database again.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub.model import Status

Record = Mapping[str, Any]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; `error` is what the history keeps of it, the traceback below its first line."""

    status: str
    error: str | None
    number: int
    milliseconds: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the handler left behind: a message to the outside (`to` is set), or a job of its own."""

    id: str
    handler: str
    payload: Any
    queue: str | None
    to: str | None
    topic: str | None
    key: str | None
    metadata: Mapping[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is a word such as 'completed', `result` what the handler returned, as JSON brings it back, `error` the
    first line of the last error. `outbound` are the messages it published, `enqueued` the jobs it enqueued."""

    id: str
    status: str
    result: Any
    error: str | None
    attempts: Sequence[Attempt]
    outbound: Sequence[Message]
    enqueued: Sequence[Message]


def outcome_of(job: Record, histories: Sequence[Record], children: Sequence[Record]) -> Outcome:
    """From the rows of an ended job, its attempts in their order, and what it left behind."""
    messages = [(child["direction"], _message(child)) for child in children]
    return Outcome(
        id=job["id"],
        status=Status(job["statusid"]).word,
        result=None if job["result"] is None else msgspec.json.decode(job["result"]),
        error=_first_line(job["lasterror"]),
        attempts=[_attempt(each) for each in histories],
        outbound=[message for direction, message in messages if direction == "outbound"],
        enqueued=[message for direction, message in messages if direction != "outbound"],
    )


def _attempt(history: Record) -> Attempt:
    return Attempt(
        status=Status(history["statusid"]).word,
        error=history["errormessage"],
        number=history["retryattempt"],
        milliseconds=history["duration"] or 0,
    )


def _message(child: Record) -> Message:
    metadata = child["metadata"] or {}
    return Message(
        id=child["id"],
        handler=child["handler"],
        payload=_payload(child),
        queue=child["queue"],
        to=metadata.get("to"),
        topic=metadata.get("topic"),
        key=metadata.get("key"),
        metadata=metadata,
    )


def _payload(child: Record) -> Any:
    text = child["payload"]
    if text is None:
        return None
    if child["payloadencoding"] == "base64":
        return binascii.a2b_base64(text)
    return msgspec.json.decode(text) if child["contenttype"] == "application/json" else text


def _first_line(text: str | None) -> str | None:
    return None if text is None else text.partition("\n")[0]
