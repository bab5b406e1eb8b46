"""What a stateful reconnect keeps on one side: what was sent and not acknowledged, and how far the other side was read.

Invariant: pure. Numbered messages count from 1 in each direction and are taken once, in order; after the transport was
lost nothing but the other side's SequenceStart is taken, and that must not leave a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from hub.adapters.signalr.messages import NUMBERED, HubMessage, ProtocolError, SequenceStart


class Resume:
    """One side of one connection, over all its transports."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, bytes]] = deque()
        self._sent = 0
        self.size = 0
        """Bytes kept."""
        self._next = 1
        self._latest = 0
        self._acknowledged = 0
        self._waiting = False

    # --- what is sent -----------------------------------------------------------------------------------------------

    def keep(self, message: bytes) -> None:
        """A numbered message is sent: keep it until the other side acknowledges it."""
        self._sent += 1
        self._kept.append((self._sent, message))
        self.size += len(message)

    def acknowledged(self, number: int) -> None:
        """The other side has received everything up to `number`."""
        while self._kept and self._kept[0][0] <= number:
            self.size -= len(self._kept.popleft()[1])

    def start(self) -> SequenceStart:
        """What to send first on a new transport; `again` follows."""
        return SequenceStart(self._kept[0][0] if self._kept else self._sent + 1)

    def again(self) -> Iterable[bytes]:
        """What to send again, in order."""
        return [message for _, message in self._kept]

    # --- what is received -------------------------------------------------------------------------------------------

    def lost(self) -> None:
        """The transport is gone."""
        self._waiting = True

    def takes(self, message: HubMessage) -> bool:
        """Whether a received message is to be dealt with. Raises ProtocolError for a start that leaves a gap."""
        if isinstance(message, SequenceStart):
            if message.sequence_id > self._latest + 1:  # not `_next`: it may have been cut off while it sent again
                raise ProtocolError("The sequence begins after messages that never arrived.")
            self._waiting = False
            self._next = max(1, message.sequence_id)
            return False
        if self._waiting:
            return False
        if not isinstance(message, NUMBERED):
            return True
        number = self._next
        self._next += 1
        if number <= self._latest:
            # It came before; its acknowledgement may have been lost with the transport.
            self._acknowledged = min(self._acknowledged, number - 1)
            return False
        self._latest = number
        return True

    def owed(self) -> int | None:
        """The number to acknowledge now, None when there is nothing new."""
        if self._latest == self._acknowledged:
            return None
        self._acknowledged = self._latest
        return self._latest
