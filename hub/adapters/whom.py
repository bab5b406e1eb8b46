"""Which clients of a socket adapter a message is for: read from its topic.

Invariant: pure. Only the topic decides, never a header: headers of a message from outside may travel on.
"""

from __future__ import annotations

from enum import StrEnum

from hub.errors import Permanent


class Whom(StrEnum):
    ALL = "all"
    GROUP = "group"
    USER = "user"
    CONNECTION = "connection"


def whom_of(topic: str, called: str) -> tuple[Whom, str, str]:
    """Whom, the name of the group, user or connection (empty for all), and what is called at them.

    `group:NAME/CALL`; a name may hold slashes, what is called may not. `called` is the adapter's word for it. Raises
    Permanent for an address without a name or a call.
    """
    kind, colon, rest = topic.partition(":")
    if not colon or kind not in (Whom.GROUP, Whom.USER, Whom.CONNECTION):
        return Whom.ALL, "", topic
    name, _, call = rest.rpartition("/")
    if not name or not call:
        raise Permanent(f"topic {topic!r}: expected {kind}:NAME/{called}")
    return Whom(kind), name, call
