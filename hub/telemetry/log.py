"""The log: structured events through the standard library's loggers, as text or JSON, to standard error.

Invariant: values under names that mean a secret, and passwords in addresses, never reach the output. Until
`configure_logging` is called nothing of the process's logging is touched, so that the hub can live in another program.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MASK: Final = "***"

# Whole words only: "token" and "api_token", but neither "tokens_made" nor "ordering_key".
_SECRET_NAME: Final = re.compile(
    r"(?:^|[_.\-])(?:password|passwd|pwd|pass|passphrase|secrets?|token|cookie|authorization|credentials?|signature"
    r"|api[_\-]?key|access[_\-]?key|private[_\-]?key)$",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS: Final = re.compile(r"(?P<before>[a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s/]*(?=@)", re.IGNORECASE)
_CHATTY: Final = ("aiohttp.access", "asyncio", "watchfiles.main")
# Says at each of its attempts what the adapter says once.
_REPEATING: Final = ("aiokafka",)
_DEPTH: Final = 6

_configured = False
_always: dict[str, Any] = {}


def get_logger(name: str) -> BoundLogger:
    """The logger `name`: `log.info("what happened", job=…, handler=…)`; the event is constant, the rest are fields."""
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=_EVENT, wrapper_class=BoundLogger, context_class=dict
    )
    return logger


def always(**fields: Any) -> None:
    """Every line from now on has these fields, whoever writes it: which of several processes it is, say."""
    _always.update(fields)


def configure_logging(
    level: str = "info", format: Literal["text", "json"] = "text", stream: TextIO | None = None
) -> None:
    """Send every log record of the process to `stream` (standard error), at `level` and above; again to change it.

    Raises ValueError for a level that is not debug, info, warning or error, or another format.
    """
    global _configured
    if level.lower() not in LEVELS:
        raise ValueError(f"log level {level!r}: expected one of {', '.join(LEVELS)}")
    if format not in ("text", "json"):
        raise ValueError(f"log format {format!r}: expected text or json")
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(old)
    output = _Handler(stream if stream is not None else sys.stderr)
    output.setFormatter(ProcessorFormatter(foreign_pre_chain=_FIELDS, processors=_RENDER[format]))
    root.addHandler(output)
    root.setLevel(LEVELS[level.lower()])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level.lower()]))
    for name in _REPEATING:
        logging.getLogger(name).setLevel(logging.DEBUG if level.lower() == "debug" else logging.CRITICAL)
    _configured = True


class _Handler(logging.StreamHandler[TextIO]):
    """Ours among the root logger's handlers."""


# --- masking ---------------------------------------------------------------------------------------------------------


def mask(value: Any, depth: int = 0) -> Any:
    """`value` with the secrets inside replaced: by the names they stand under, and in addresses."""
    if isinstance(value, str):
        return _PASSWORD_IN_ADDRESS.sub(rf"\g<before>{MASK}", value) if "://" in value else value
    if depth >= _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(key, str) and _SECRET_NAME.search(key) else mask(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray | memoryview):
        return [mask(inner, depth + 1) for inner in value]
    return value


def _add_always(_: Any, __: str, event: EventDict) -> EventDict:
    event.update(_always)
    return event


def _mask_event(_: Any, __: str, event: EventDict) -> EventDict:
    masked: EventDict = mask(event)
    return masked


# --- rendering -------------------------------------------------------------------------------------------------------


def _hand_over(logger: Any, method: str, event: EventDict) -> Any:
    """To our formatter once it is installed; before, a plain line for whatever the program's logging is."""
    if _configured:
        return ProcessorFormatter.wrap_for_formatter(logger, method, event)
    return _text_fields(event)


def _render_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    head = f"{event.pop('timestamp')} {event.pop('level'):<7} {event.pop('logger')}"
    exception = event.pop("exception", None)
    line = f"{head}  {_text_fields(event)}"
    return line if exception is None else f"{line}\n{exception}"


def _text_fields(event: MutableMapping[str, Any]) -> str:
    for added in ("timestamp", "level", "logger"):
        event.pop(added, None)
    exception = event.pop("exception", None)
    text = str(event.pop("event", ""))
    line = "  ".join([text, *(f"{name}={_shown(value)}" for name, value in event.items())])
    return line if exception is None else f"{line}\n{exception}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    # A line break inside a value would let a message write log lines of its own.
    return text if text.isprintable() and " " not in text and text else repr(text)


def _render_json(_: Any, __: str, event: EventDict) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except (TypeError, ValueError, RecursionError):  # text without Unicode, keys that are no text
        return msgspec.json.encode({str(k): ascii(v) for k, v in event.items()}).decode()


_FIELDS: list[Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_EVENT: list[Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    *_FIELDS,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.format_exc_info,
    _mask_event,
    _hand_over,
]
_RENDER: dict[str, list[Processor]] = {
    form: [
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _mask_event,
        _add_always,
        render,
    ]
    for form, render in (("text", _render_text), ("json", _render_json))
}
