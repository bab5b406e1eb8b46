"""The Protocols between layers, and the values they speak of.

Invariant: values and Protocols only. A layer that needs something from above or beside it names it here: `database`
what the queue asks of a database, `jobs` what a handler asks of the queue, `adapters` the contract of adapters.
"""

from hub.ports.adapters import (
    Adapter,
    Backplane,
    Connected,
    Context,
    Cursor,
    Delivery,
    Factory,
    Features,
    Follow,
    Identity,
    Listener,
    Receive,
    Sink,
    Source,
)
from hub.ports.cache import Cache, Channels, Locks
from hub.ports.database import Bulk, Call, Database, JobScope, JobShare, JobTransaction, Row, Rows, Runner, Statement
from hub.ports.http import HttpRequest, MakeRequest
from hub.ports.jobs import Attempt, Defaults

__all__ = [
    "Adapter",
    "Attempt",
    "Backplane",
    "Bulk",
    "Cache",
    "Call",
    "Channels",
    "Connected",
    "Context",
    "Cursor",
    "Database",
    "Defaults",
    "Delivery",
    "Factory",
    "Features",
    "Follow",
    "HttpRequest",
    "Identity",
    "JobScope",
    "JobShare",
    "JobTransaction",
    "Listener",
    "Locks",
    "MakeRequest",
    "Receive",
    "Row",
    "Rows",
    "Runner",
    "Sink",
    "Source",
    "Statement",
]
