"""MQTT 5 and 3.1.1, in and out.

Invariant: see `adapter`. The way of a message: `connection` → `packets` → `inbox` → `adapter`; out: `sending` →
`connection`. With QoS 1 a message may come twice: for exactly one effect its route needs a `dedupe_key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.adapters.mqtt.adapter import MqttAdapter
from hub.adapters.mqtt.settings import parse
from hub.ports import Context

__all__ = ["MqttAdapter", "make"]


def make(name: str, settings: Mapping[str, Any], context: Context) -> MqttAdapter:
    """The adapter, not connected. Raises Rejected, naming the field."""
    return MqttAdapter(name, parse(settings), context)
