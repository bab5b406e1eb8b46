"""Whether a topic can be one in its broker's language: as what a route reads, and as what is sent to.

Invariant: pure, and never stricter than the broker. What is a fault here would be refused at every connect, or would
match nothing for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

ALERTS_TOPIC: Final = "alerts"
"""Where an alert goes that names no topic."""
Finding = tuple[str, str | None]
"""What is wrong, and what to write instead."""

_KAFKA: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_MQTT_LONGEST: Final = 65_535
_STOMP: Final = 'write "/queue/NAME" or "/topic/NAME"'


def filter_fault(topic: str, kind: str | None) -> Finding | None:
    """What is wrong with a route's topic for an adapter of type `kind`; None: nothing, or nothing is known of it."""
    check = _FILTERS.get(kind or "")
    return check(topic) if check is not None else None


def name_fault(topic: str, kind: str | None) -> Finding | None:
    """What is wrong with a topic that is sent to; there are no wildcards in it."""
    check = _NAMES.get(kind or "")
    return check(topic) if check is not None else None


# --- MQTT (5, section 4.7) -----------------------------------------------------------------------------------------


def _mqtt_filter(topic: str) -> Finding | None:
    if topic.startswith("$share/"):
        _, group, *rest = topic.split("/", 2)
        if not group or "+" in group or "#" in group or not rest or not rest[0]:
            return "is no shared subscription", 'write it like "$share/GROUP/plant/#", or set "share" on the adapter'
        topic = rest[0]
    levels = topic.split("/")
    if any("#" in level for level in levels[:-1]):
        at = next(number for number, level in enumerate(levels) if "#" in level)
        return "# stands for all that follows, so it is the last level", f'did you mean "{_up_to(levels, at)}"?'
    for number, level in enumerate(levels):
        for wildcard in "#+":
            if wildcard in level and level != wildcard:
                meant = "/".join([*levels[:number], wildcard, *levels[number + 1 :]])
                return f"{wildcard} stands for a whole level, not for a part of one", f'did you mean "{meant}"?'
    return _mqtt_text(topic)


def _up_to(levels: list[str], at: int) -> str:
    return "/".join([*levels[:at], "#"])


def _mqtt_name(topic: str) -> Finding | None:
    if "+" in topic or "#" in topic:
        return "a message is sent to one topic: there are no wildcards in it", "name the topic"
    return _mqtt_text(topic)


def _mqtt_text(topic: str) -> Finding | None:
    if "\0" in topic or len(topic.encode("utf-8", "replace")) > _MQTT_LONGEST:
        return f"an MQTT topic has at most {_MQTT_LONGEST} bytes, none of them 0", None
    return None


# --- Kafka ---------------------------------------------------------------------------------------------------------


def _kafka_filter(topic: str) -> Finding | None:
    if not topic.startswith("^"):
        return _kafka_name(topic)
    try:
        re.compile(topic)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}", 'write it like "^orders\\\\..*", or a plain name without ^'
    return None


def _kafka_name(topic: str) -> Finding | None:
    if _KAFKA.fullmatch(topic) and topic not in (".", ".."):
        return None
    near = 'a pattern begins with ^, like "^orders\\\\..*"' if re.search(r"[*+?\[(|$]", topic) else None
    return "a Kafka topic has up to 249 letters, digits, '.', '_' and '-'", near


# --- STOMP ---------------------------------------------------------------------------------------------------------


def _stomp(topic: str) -> Finding | None:
    kind, _, name = topic.removeprefix("/").partition("/")
    if topic.startswith("/") and kind and name:
        return None
    if topic.startswith("/") or "/" in topic:
        return "is no STOMP destination", _STOMP
    return "a STOMP destination begins with its kind", f'did you mean "/queue/{topic}" or "/topic/{topic}"?'


_FILTERS: Final[dict[str, Callable[[str], Finding | None]]] = {
    "mqtt": _mqtt_filter,
    "kafka": _kafka_filter,
    "activemq": _stomp,
}
_NAMES: Final[dict[str, Callable[[str], Finding | None]]] = {
    "mqtt": _mqtt_name,
    "kafka": _kafka_name,
    "activemq": _stomp,
}
