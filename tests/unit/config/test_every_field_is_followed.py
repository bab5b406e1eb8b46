"""No edit is ignored in silence: whichever field of the schema is changed, it is followed or named for a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from hub.config import Configuration, build, masked
from hub.config.diff import Changes, changes, in_force
from hub.config.faults import Path, path_text
from hub.config.sections.adapters import ThirdParty
from hub.config.values import Section

TLS = {"ca": "ca.pem"}
ANNOUNCEMENT = {"topic": "hub/state"}
WORK = {"handler": "h"}
# Everything that may be left out is there, so that each model has a place.
WHOLE: dict[str, Any] = {
    "cache": {"adapter": "memory"},
    "auth": {"tokens": [{"name": "ci", "role": "viewer", "sha256": "0" * 64}]},
    "jobs": {"queues": {"slow": 2}, "limits": {"h": {"rate": 1}}},
    "handlers": ["examples.orders"],
    "adapters": {
        "kafka": {"type": "kafka", "url": "kafka://h", "tls": TLS},
        "mqtt": {"type": "mqtt", "url": "mqtt://h", "birth": ANNOUNCEMENT, "will": ANNOUNCEMENT},
        "activemq": {"type": "activemq", "url": "stomp://h"},
        "signalr": {"type": "signalr"},
        "client": {"type": "signalr-client", "url": "http://h", "greetings": [{"target": "Join"}]},
        "socketio": {"type": "socketio"},
        "http": {"type": "http"},
        "memory": {"type": "memory"},
        "off": {"type": "memory", "enabled": False},
    },
    "routes": [{**WORK, "name": "r", "from": "http", "signature": {"scheme": "github", "secrets": ["secret-secret"]}}],
    "destinations": {"crm": {"url": "https://crm.example"}},
    "resource_types": {"agent": WORK},
    "schedules": {"daily": {**WORK, "cron": "@daily"}},
    "workflows": {"flow": {"steps": [{**WORK, "name": "one"}]}},
    "templates": {"hello": WORK},
    "alerts": {"dead": {"metric": "dead_letters", "to": "crm"}},
}
# Each of these is shown to be followed by a test of its own in tests/integration/test_reload*.py.
FOLLOWED_OF_JOBS = {
    *("workers", "limits", "limits.h.rate", "limits.h.concurrency", "limits.h.key"),
    *("queues", "queues.slow.limit", "queues.slow.rate", "queues.slow.concurrency", "queues.slow.ageing"),
    *("default_handler", "use_redis", "recovery.default_enabled"),
}
OLD = Configuration.model_validate(WHOLE)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every field below `value` that is no section itself, through objects and lists too."""
    if not isinstance(value, BaseModel):
        yield path
    if isinstance(value, BaseModel):
        inner = [(key, getattr(value, key)) for key in type(value).model_fields]
    else:
        inner = list(value.items() if isinstance(value, Mapping) else enumerate(value) if _is_list(value) else ())
    for key, item in inner:
        yield from places(item, (*path, key))


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = getattr(value, str(part)) if isinstance(value, BaseModel) else value[part]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with `new` at `path`."""
    if not path:
        return new
    part, rest = path[0], path[1:]
    if isinstance(value, BaseModel):
        return value.model_copy(update={str(part): put(getattr(value, str(part)), rest, new)})
    if isinstance(value, Mapping):
        return {**value, part: put(value[part], rest, new)}
    return tuple(put(item, rest, new) if index == part else item for index, item in enumerate(value))


def changed(path: Path) -> Configuration:
    """The old configuration with something else of about the same kind at `path`."""
    value = at(OLD, path)
    new = not value if isinstance(value, bool) else type(value)() if isinstance(value, dict | tuple) else "another"
    found: Configuration = put(OLD, path, new)
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


def _empty(path: Path) -> bool:
    return at(OLD, path) in ({}, ())


PLACES = [path for path in places(OLD) if not _empty(path)]


def test_there_is_a_place_for_every_section_of_the_schema() -> None:
    """A section that is added must be put into WHOLE, and so into these tests."""

    def subclasses(kind: type[BaseModel]) -> set[type[BaseModel]]:
        return {found for sub in kind.__subclasses__() for found in {sub, *subclasses(sub)}}

    def models(value: Any) -> set[type[BaseModel]]:
        inner = (
            [getattr(value, key) for key in type(value).model_fields]
            if isinstance(value, BaseModel)
            else list(value.values() if isinstance(value, Mapping) else value if _is_list(value) else ())
        )
        return {found for item in inner for found in models(item)} | (
            {type(value)} if isinstance(value, BaseModel) else set()
        )

    every = {kind for kind in subclasses(Section) if kind.__module__.startswith("hub.config")}
    concrete = {kind for kind in every if not kind.__subclasses__()}
    assert concrete - models(OLD) == {ThirdParty}  # needs a package of its own; its entry is compared as a whole


@pytest.mark.parametrize("path", PLACES, ids=path_text)
def test_a_changed_field_is_followed_or_named(path: Path) -> None:
    new = changed(path)
    found = changes(OLD, new)
    assert found != Changes(), "ignored in silence"
    if found.held:
        assert all(held == path[: len(held)] or held[: len(path)] == path for held in found.held), found.held
    # What is in force needs no restart, and lacks nothing but what is named.
    now = in_force(OLD, new, found.held)
    assert changes(OLD, now).held == ()
    left = changes(now, new)
    assert (left.any, left.held) == (False, found.held)


def test_what_of_jobs_is_followed_is_what_is_tested() -> None:
    """Whatever is added to the section either needs a restart or gets a test that shows that it is followed."""
    of_jobs = [path for path in PLACES if path[0] == "jobs"]
    followed = {path_text(path[1:]) for path in of_jobs if not changes(OLD, changed(path)).held}
    assert followed == FOLLOWED_OF_JOBS


def test_put_back_nothing_is_left() -> None:
    for path in PLACES:
        new = changed(path)
        assert changes(in_force(OLD, new, changes(OLD, new).held), OLD).held == ()


def test_a_secret_is_shown_by_the_reference_it_is_in_force_by() -> None:
    document: dict[str, Any] = {
        "auth": {"tokens": [{"name": "ci", "role": "viewer", "sha256": "${env:A}"}]},
        "destinations": {"crm": {"url": "https://crm.example", "secret": "${env:ONE}"}},
    }
    environ = {"A": "0" * 64, "B": "1" * 64, "ONE": "whsec_b25lb25lb25lb25lb25lb25l", "TWO": "whsec_dHdvdHdvdHdvdHdv"}
    before = build(document, environ)
    document["auth"]["tokens"][0]["sha256"] = "${env:B}"
    document["destinations"]["crm"]["secret"] = "${env:TWO}"
    after = build(document, environ)
    shown = masked(in_force(before, after, changes(before, after).held))
    assert shown["auth"]["tokens"][0]["sha256"] == "${env:A}"
    assert shown["destinations"]["crm"]["secret"] == "${env:TWO}"
