"""Where messages to the outside may go: adapters and destinations, which share their names.

Invariant: pure; by the configuration alone, as any instance may take a message in that another one sends.
"""

from __future__ import annotations

from hub.config.schema import Configuration

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
