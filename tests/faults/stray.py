"""A child of the process pool that stays when its parent is gone: what Control.CHILDREN_STAY starts.

Invariant: only that is wrong with it.
"""

from __future__ import annotations

import queue
import socket

from hub.handlers import pool_child
from hub.handlers.pool_frames import LENGTH, Call, read_call
from tests.faults.controls import replace


def main(descriptor: int, leash: int) -> None:
    """As hub.handlers.pool_child has it."""
    replace(pool_child, "_end_with", lambda leash: None)
    replace(pool_child, "_listen", _listen)
    pool_child.main(descriptor, leash)


def _listen(parent: socket.socket, calls: queue.SimpleQueue[Call]) -> None:
    with parent.makefile("rb") as stream:
        while head := stream.read(LENGTH):
            calls.put(read_call(stream.read(int.from_bytes(head, "big"))))
