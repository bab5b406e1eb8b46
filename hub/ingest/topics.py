"""A route's topic pattern in its broker's own language, and a topic in parts.

Invariant: pure; a pattern is compiled once. MQTT has `+` and `#`, ActiveMQ `*` and `>` between dots, Kafka a regular
expression after `^`; everywhere else `*` stands for any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Matches = Callable[[str], bool]

_DESTINATION: Final = re.compile(r"^/(?:queue|topic|temp-queue|temp-topic|exchange|amq/queue)/")


def compile_topic(pattern: str | None, kind: str) -> Matches:
    """Whether a topic matches; `kind` is the adapter's type, None matches every topic. Raises ValueError."""
    if pattern is None:
        return lambda topic: True
    match kind:
        case "mqtt":
            return _mqtt(pattern)
        case "activemq":
            return _activemq(pattern)
        case "kafka" if pattern.startswith("^"):
            return _regex(pattern)
        case "kafka":
            return lambda topic: topic == pattern
    return _starred(pattern)


def parts_of(topic: str, kind: str) -> list[str]:
    """The parts of a topic, as expressions see them in `topic_parts`."""
    if kind == "kafka":
        return topic.split(".")
    if kind == "activemq":
        return _DESTINATION.sub("", topic).split(".")
    return topic.split("/")


def _mqtt(pattern: str) -> Matches:
    levels = pattern.split("/")
    if levels[0] == "$share" and len(levels) > 2:
        levels = levels[2:]
    rest = levels[-1] == "#"
    fixed = levels[:-1] if rest else levels

    def matches(topic: str) -> bool:
        found = topic.split("/")
        # The server's own topics ($SYS/…) are not meant by a wildcard in the first level (MQTT 5, 4.7.2).
        if topic.startswith("$") and levels[0] in ("+", "#"):
            return False
        if len(found) < len(fixed) or (len(found) > len(fixed) and not rest):
            return False
        return all(level in ("+", part) for level, part in zip(fixed, found, strict=False))

    return matches


def _activemq(pattern: str) -> Matches:
    if "*" not in pattern and ">" not in pattern:
        return lambda topic: topic == pattern
    # "a.>" takes "a" too, as the broker brings it.
    pattern, more = (pattern.removesuffix(".>"), r"(?:\..+)?") if pattern.endswith(".>") else (pattern, "")
    words = [r"[^.]+" if word == "*" else r".+" if word == ">" else re.escape(word) for word in pattern.split(".")]
    prefix = _DESTINATION.match(pattern)
    if prefix is not None:  # "/queue/*": the first word hangs on the kind of destination
        first = pattern[prefix.end() :].split(".")[0]
        words[0] = re.escape(prefix[0]) + {"*": r"[^.]+", ">": r".+"}.get(first, re.escape(first))
    return _regex(r"\.".join(words) + more)


def _starred(pattern: str) -> Matches:
    if "*" not in pattern:
        return lambda topic: topic == pattern
    return _regex(".*".join(re.escape(piece) for piece in pattern.split("*")))


def _regex(text: str) -> Matches:
    try:
        fullmatch = re.compile(text, re.DOTALL).fullmatch
    except re.error as error:
        raise ValueError(f"topic {text!r} is no regular expression: {error}") from error
    return lambda topic: fullmatch(topic) is not None
