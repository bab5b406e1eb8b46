"""What a process pool and its children say to each other: MessagePack behind four bytes of length.

Invariant: nothing that a row holds names what is imported; a call names a function of the parent's registry. Errors
travel as their class, arguments and attributes, and as text where those cannot.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hub.errors import Transient
from hub.handlers.where import InChild, frames_of, message_of
from hub.model import Claim, NewJob

LENGTH: Final = 4


class HandlerRaised(Transient):
    """A handler in the process pool raised what cannot be sent as it is; the message begins with its type."""

    code = "handler-raised"


class Call(msgspec.Struct, frozen=True, tag=True):
    """To a child: run `module`:`qualname` for a claimed row."""

    module: str
    qualname: str
    claim: Claim


class Begun(msgspec.Struct, frozen=True, tag=True):
    """From a child: the handler starts now."""


class Progressed(msgspec.Struct, frozen=True, tag=True):
    share: float
    note: str | None


class Enqueued(msgspec.Struct, frozen=True, tag=True):
    row: NewJob


class Returned(msgspec.Struct, frozen=True, tag=True):
    """`result` is JSON text, None for None."""

    result: str | None


class Raised(msgspec.Struct, frozen=True, tag=True):
    error: bytes | None
    text: str
    frames: str


Said = Begun | Progressed | Enqueued | Returned | Raised

_encoder = msgspec.msgpack.Encoder()
read_call = msgspec.msgpack.Decoder(Call).decode
read_said: Callable[[bytes], Said] = msgspec.msgpack.Decoder(Said).decode


def frame(message: Call | Said) -> bytes:
    """The bytes of a message."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH, "big") + body


def raised(error: BaseException) -> Raised:
    """An error, ready to be sent."""
    text = _unicode(f"{type(error).__name__}: {message_of(error)}")
    frames = _unicode(frames_of(error))
    try:
        parts = pickle.dumps((type(error), error.args, vars(error)))
        pickle.loads(parts)  # noqa: S301 - what this process has just written
    except Exception:  # a class inside a function, an argument that holds a lock, anything
        return Raised(None, text, frames)
    return Raised(parts, text, frames)


def restored(sent: Raised) -> BaseException:
    """The error that was raised, as good as it can be had; where the child raised it is its cause."""
    error: BaseException = HandlerRaised(sent.text)
    if sent.error is not None:
        try:
            kind, args, attributes = pickle.loads(sent.error)  # noqa: S301 - from a child that this process started
            error = _made(kind, args, attributes)
        except Exception:  # a module that is there in the child alone
            error = HandlerRaised(sent.text)
    error.__cause__ = InChild(sent.frames)
    return error


def _unicode(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _made(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    # Not by calling the class: what an __init__ takes is seldom what it keeps in `args`.
    error = kind.__new__(kind, *args)
    error.args = args
    if isinstance(error, UnicodeError | SyntaxError) and kind.__module__ == "builtins":
        error = kind(*args)  # what they say hangs on what their __init__ has kept beside
    vars(error).update(attributes)
    return error
