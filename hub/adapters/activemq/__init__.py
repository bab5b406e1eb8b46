"""ActiveMQ, and other brokers that speak STOMP 1.2 (RabbitMQ's plug-in is tried as well).

Invariant: a message is acknowledged by itself, after it is durable here. There is no saying no: ActiveMQ takes a NACK
for a reason to put the message into its dead letters, so giving back is disconnecting.

A message's key is the header `hub-key`, else `JMSXGroupID`; what leaves carries both, and its stable id as
`hub-message-id`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from hub.adapters.activemq.adapter import ActiveMqAdapter
from hub.adapters.activemq.settings import settings_of
from hub.ports import Context

__all__ = ["ActiveMqAdapter", "make"]


def make(name: str, settings: Mapping[str, Any], context: Context) -> ActiveMqAdapter:
    """The adapter `name`, connected to nothing yet. Raises Rejected, naming the field."""
    # It logs what is reported by the adapter anyway, and at its debug level the password of CONNECT frames.
    logging.getLogger("stomp.py").setLevel(logging.CRITICAL)
    return ActiveMqAdapter(name, settings_of(name, settings), context.clock)
