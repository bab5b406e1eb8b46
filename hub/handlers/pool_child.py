"""A child of the process pool: runs one handler after another, as it is told over a socket.

Invariant: it imports what the parent's registry names and nothing else. It ends at once when the parent is gone, even
in the middle of a handler, and with it all that the handler has started.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import queue
import select
import signal
import socket
import threading
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

from hub.errors import Permanent
from hub.handlers.binding import bind_process
from hub.handlers.payload import NotJson, json_text
from hub.handlers.pool_frames import LENGTH, Begun, Call, Returned, Said, frame, raised, read_call
from hub.handlers.process_job import ProcessJob


def main(descriptor: int, leash: int) -> None:
    """Serve the parent at the other end of a socket until it closes that. `leash`: a pipe of which the parent alone has
    the other end."""
    # A Ctrl-C is meant for the hub, which tells its children what it wants of them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(leash)
    parent = socket.socket(fileno=descriptor)
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(parent, calls), daemon=True).start()
    while True:
        _serve(calls.get(), lambda message: parent.sendall(frame(message)))


def _end_with(leash: int) -> None:
    """Have the system kill this process, and what it has started, when the parent is gone: a handler inside one long
    call of C lets no thread of Python notice that."""
    os.set_inheritable(leash, False)
    if not hasattr(fcntl, "F_SETSIG"):
        return  # not Linux: `_listen` alone sees to it
    fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([leash], [], [], 0)[0]:  # it was gone before
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _listen(parent: socket.socket, calls: queue.SimpleQueue[Call]) -> None:
    with parent.makefile("rb") as stream:
        try:
            while head := stream.read(LENGTH):
                calls.put(read_call(stream.read(int.from_bytes(head, "big"))))
        finally:
            os._exit(0)  # idle for long enough, or the parent is gone


def _serve(call: Call, say: Callable[[Said], None]) -> None:
    say(Begun())
    try:
        function = _bound(call.module, call.qualname)
        value = function(ProcessJob(call.claim, say))
        try:
            answer: Said = Returned(None if value is None else json_text(value))
        except NotJson as error:
            raise Permanent(f"the result of {call.claim.handler} cannot be kept: {error}") from error
    except BaseException as error:  # SystemExit too: it is the attempt that it ends
        answer = raised(error)
    say(answer)


@cache
def _bound(module: str, qualname: str) -> Callable[[ProcessJob], Any]:
    return bind_process(resolve(module, qualname))


def resolve(module: str, qualname: str) -> Any:
    """What a dotted name means in a module. Raises ImportError and AttributeError."""
    return reduce(getattr, qualname.split("."), importlib.import_module(module))
