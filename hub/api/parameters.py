"""The parameters of query strings that several addresses share.

Invariant: an address reads by `names` of the tuple that describes it: neither has a parameter that the other lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta

from hub.api.endpoint import Parameter
from hub.api.fields import Key, Zoned
from hub.api.query import LIMIT_DEFAULT, LIMIT_MOST
from hub.api.shapes import StatusWord
from hub.model import Failure

Cursor = Annotated[str, Meta(min_length=1, max_length=1000)]

STATUS: Final = Parameter("status", StatusWord, "Only jobs in this state.")
HANDLER: Final = Parameter("handler", Key, "Only jobs of this handler.")
QUEUE: Final = Parameter("queue", Key, "Only jobs of this queue.")
FAILURE: Final = Parameter("failure", Failure, "Only what failed for this reason.")
SINCE: Final = Parameter("since", Zoned, "Only what is as young as this time, in RFC 3339.")
CURSOR: Final = Parameter("cursor", Cursor, "Where to go on: `next` of the page before.")
LIMIT: Final = Parameter(
    "limit",
    Annotated[int, Meta(ge=1, le=LIMIT_MOST)],
    f"How many at most; {LIMIT_DEFAULT} unless said.",
)
PAGE: Final = (SINCE, CURSOR, LIMIT)


def names(parameters: Iterable[Parameter]) -> Sequence[str]:
    """What `Query` is told."""
    return [each.name for each in parameters]
