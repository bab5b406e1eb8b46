"""What the handlers that come with the hub need of the `with` beside them: where to, and what to run.

Invariant: a fault here is one that every job would fail of, whatever its message holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.config.entry import Entry
from hub.config.faults import Fault, quoted

_NEEDED = {
    "publish": (("to",), "a place to send to", '"with": {"to": "NAME"}'),
    "http.request": (("to", "url"), "a destination or an address", '"with": {"to": "NAME"} or {"url": "https://…"}'),
    "sql.execute": (("statement",), "a statement", '"with": {"statement": "INSERT INTO …"}'),
}


def missing_settings(route: Entry) -> Iterator[Fault]:
    """What the route's handler has no idea of: a message does not bring it along."""
    handler = route.text("handler") or ""
    keys, noun, example = _NEEDED.get(handler, ((), "", ""))
    if keys and not any(key in route.inner("with").value for key in keys):
        yield route.fault("with", f"the handler {handler} needs {noun}", example)


def unfit_target(entry: Entry, root: Entry) -> Iterator[Fault]:
    """A place that exists, and that the handler of this entry cannot send to."""
    settings = entry.inner("with")
    to = settings.text("to")
    kind = root.inner("adapters").inner(to or "").text("type")
    if to is None or kind is None:
        return
    if entry.text("handler") == "http.request":
        yield settings.fault("to", f"{quoted(to)} is an adapter; requests go to a destination", "or use publish")
    elif kind == "http":
        yield settings.fault("to", f"{quoted(to)} takes requests in and sends nothing", "name a destination")
