"""Topic filters: what is subscribed, what matches, and which subscription may have brought a stray message.

Invariant: pure. A session that a broker has kept may hold subscriptions of an earlier configuration; the protocol has
no way to list them, but what they match gives them away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

SHARE = "$share/"
_LEVELS = 8
_REMEMBERED = 10_000


class Filters:
    """A set of filters, asked for each message: what was found is remembered by topic."""

    def __init__(self, filters: Collection[str] = ()) -> None:
        self._filters = [plain(one).split("/") for one in filters]
        self._known: dict[str, bool] = {}

    def match(self, topic: str) -> bool:
        known = self._known.get(topic)
        if known is None:
            levels = topic.split("/")
            known = any(_match(one, levels) for one in self._filters)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[topic] = known
        return known


def _match(filter: Sequence[str], topic: Sequence[str]) -> bool:
    # The server's own topics ($SYS/…) are not meant by a wildcard in the first level (MQTT 5, 4.7.2).
    if topic[0].startswith("$") and filter[0] in ("+", "#"):
        return False
    rest = filter[-1] == "#"
    fixed = filter[:-1] if rest else filter
    if len(topic) < len(fixed) or (len(topic) > len(fixed) and not rest):
        return False
    return all(level in ("+", part) for level, part in zip(fixed, topic, strict=False))


def essential(filters: Sequence[str]) -> list[str]:
    """The filters without those that another one covers: for overlapping ones a broker may send a message twice.

    What overlaps only in part stays, and needs a dedupe key.
    """
    distinct = list(dict.fromkeys(filters))
    levels = {one: plain(one).split("/") for one in distinct}
    return [
        one for one in distinct if not any(one != other and _covers(levels[other], levels[one]) for other in distinct)
    ]


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether everything that `narrow` matches is matched by `wide`."""
    if narrow[0].startswith("$") and wide[0] in ("+", "#"):
        return False
    for at, level in enumerate(wide):
        if level == "#":
            return True
        if at == len(narrow) or narrow[at] == "#" or level not in ("+", narrow[at]):
            return False
    return len(wide) == len(narrow)


def plain(filter: str) -> str:
    """The filter without the name of its shared subscription."""
    return filter.split("/", 2)[2] if filter.startswith(SHARE) and filter.count("/") > 1 else filter


def shared(topics: Sequence[str], group: str) -> list[str]:
    """The topics as shared subscriptions of `group`; what already is one stays as it is."""
    return [topic if topic.startswith(SHARE) else f"{SHARE}{group}/{topic}" for topic in topics]


def candidates(topic: str) -> Iterator[str]:
    """Every filter that matches `topic`; of a topic with many levels only those that keep its last ones or end in #."""
    levels = topic.split("/")
    keep = max(0, len(levels) - _LEVELS)
    for length in range(len(levels), -1, -1):
        for choice in range(1 << max(0, length - keep)):
            named = [
                "+" if at >= keep and choice >> (at - keep) & 1 else level for at, level in enumerate(levels[:length])
            ]
            if length == len(levels):
                yield "/".join(named)
            yield "/".join([*named, "#"])
