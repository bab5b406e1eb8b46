"""What an edit changes: what a running hub follows, and what it must be started anew for."""

from typing import Any

import pytest

from hub.config import Configuration, build
from hub.config.diff import Changes, changes

BASE: dict[str, Any] = {
    "adapters": {
        "web": {"type": "http"},
        "a": {"type": "memory"},
        "b": {"type": "memory"},
        "off": {"type": "memory", "enabled": False},
    },
    "routes": [{"name": "r", "from": "a", "handler": "h"}],
    "destinations": {"crm": {"url": "https://crm.example"}},
    "schedules": {"s": {"handler": "h", "cron": "0 8 * * *"}},
    "jobs": {"workers": 5, "queues": {"default": 5}},
}


def edited(**sections: Any) -> Configuration:
    return build({**BASE, **sections}, {})


def found(**sections: Any) -> Changes:
    return changes(build(BASE, {}), edited(**sections))


def test_the_same_again_changes_nothing() -> None:
    assert found() == Changes()
    assert not found().any


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ({"routes": []}, {"routes": True}),
        ({"destinations": {}}, {"destinations": True}),
        ({"schedules": {}}, {"schedules": True}),
        ({"jobs": {**BASE["jobs"], "workers": 6}}, {"pool": True}),
        ({"jobs": {**BASE["jobs"], "queues": {"default": 3}}}, {"pool": True}),
        ({"log": {"level": "debug"}}, {"log": True}),
        ({"jobs": {**BASE["jobs"], "lease": "10s"}}, {"held": (("jobs", "lease"),)}),
        ({"database": {"url": "sqlite:///other.db"}}, {"held": (("database", "url"),)}),
        ({"http": {"port": 1}}, {"held": (("http", "port"),)}),
        ({"handlers": ["examples.orders"]}, {"held": (("handlers",),)}),
    ],
)
def test_each_section(sections: dict[str, Any], what: dict[str, Any]) -> None:
    assert found(**sections) == Changes(**what)


def test_an_adapter_that_comes_one_that_goes_one_that_is_turned_on() -> None:
    adapters = {"web": {"type": "http"}, "a": {"type": "memory"}, "c": {"type": "memory"}, "off": {"type": "memory"}}
    assert found(adapters=adapters) == Changes(
        adapters=frozenset({"c", "off"}), gone=frozenset({"b"}), routes=True, looked_up=True
    )


def test_an_adapter_that_is_turned_off_goes() -> None:
    adapters = {**BASE["adapters"], "b": {"type": "memory", "enabled": False}}
    assert found(adapters=adapters) == Changes(gone=frozenset({"b"}), routes=True, looked_up=True)


def test_what_lives_on_the_hubs_own_port_stays_as_it_was_opened() -> None:
    adapters = {**BASE["adapters"], "live": {"type": "signalr"}}
    assert found(adapters=adapters) == Changes(held=(("adapters", "live"),))
