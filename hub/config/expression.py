"""JMESPath expressions: each compiles, and names at its root what there is to see.

Invariant: a name that nothing has is a fault. It would be null in every message: a filter that compares with "order"
for 'order', or with true for `true`, would drop them all without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

from hub.config.faults import Invalid, did_you_mean, quoted

_OF_ROUTES: Final = ("payload", "key", "headers", "topic", "topic_parts", "adapter", "timestamp")
_OF_LIMITS: Final = ("payload", "metadata", "ordering_key")
# Of these only the first child looks at the root, the others at what it has found.
_STEPS: Final = frozenset(
    ("subexpression", "index_expression", "projection", "value_projection", "filter_projection", "flatten", "pipe")
)


def _checked(text: str, known: tuple[str, ...]) -> str:
    try:
        tree = jmespath.compile(text).parsed
        unknown = next((name for name in _roots(tree) if name not in known), None)
    except (JMESPathError, RecursionError) as error:
        first_line = (str(error).strip() or "nested too deeply").splitlines()[0].removesuffix(", for expression:")
        hint = "a number stands between backticks: `0`" if "(NUMBER)" in first_line else None
        raise Invalid(f"{quoted(text)} is no JMESPath expression: {first_line.rstrip(':')}", hint) from None
    if unknown is not None:
        hint = did_you_mean(unknown, known) or "a text is written 'so', true, false and null stand between backticks"
        raise Invalid(f"{quoted(text)} names {quoted(unknown)}, but there are only {', '.join(known)}", hint)
    return text


def _roots(node: dict[str, Any]) -> Iterator[str]:
    """The names that an expression looks up in what it is given as a whole."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] != "expref":  # &name looks at each item of a list
        for child in node["children"][:1] if node["type"] in _STEPS else node["children"]:
            yield from _roots(child)


RouteExpression = Annotated[str, AfterValidator(lambda text: _checked(text, _OF_ROUTES))]
"""What a route says of a message (see hub.ingest.route)."""

LimitExpression = Annotated[str, AfterValidator(lambda text: _checked(text, _OF_LIMITS))]
"""What a limit says of a job (see hub.queue.limit_rules)."""
