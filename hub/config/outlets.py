"""Where messages to the outside may go: adapters and destinations, which share their names.

Invariant: pure; by the configuration alone, as any instance may take a message in that another one sends.
"""

from __future__ import annotations

from hub.config.faults import did_you_mean
from hub.config.schema import Configuration
from hub.errors import NotFound

_OWN_PORT = "http"
_SPOKEN = {"signalr-client": "signalr"}


def outlets(configuration: Configuration) -> dict[str, str]:
    """What is switched on, by name: the protocol that it speaks, as `queue_jobs.protocol` has it."""
    spoken = {
        name: _SPOKEN.get(one.type, one.type)[:32]
        for name, one in configuration.adapters.items()
        if one.enabled and one.type != _OWN_PORT
    }
    return spoken | dict.fromkeys(configuration.destinations, "http")


def protocol_of(configuration: Configuration, name: str) -> str:
    """What the adapter or destination speaks. Raises NotFound where there is none, or one that is switched off."""
    known = outlets(configuration)
    if name not in known:
        if name in configuration.adapters and not configuration.adapters[name].enabled:
            raise NotFound(f"the adapter {name!r} is switched off: adapters.{name}.enabled is false")
        near = did_you_mean(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
        raise NotFound(f"there is no adapter or destination {name[:255]!r} that sends; {near}")
    return known[name]
