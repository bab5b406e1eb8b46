"""Locks that instances share, on whatever cache is configured, and what becomes of them when it is away.

Invariant: a lock only spares work. The database's claim and its fence alone keep any number of instances correct, so
that losing every lock at once, or having none, harms nothing.
"""

from hub.locking.mode import CacheMode
from hub.locking.opening import open_locks
from hub.locking.sharing import Sharing

__all__ = ["CacheMode", "Sharing", "open_locks"]
