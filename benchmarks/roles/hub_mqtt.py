"""A hub takes in what waits in an MQTT session: from its start to the last message acknowledged.

Invariant: a message counts once its row is committed and the broker was told so; what is measured is what is measured
for every other broker.
"""

from __future__ import annotations

from benchmarks.roles.hub_activemq import run

__all__ = ["run"]
