"""Bytes from a broker cut into whole STOMP frames.

Invariant: only a whole and plausible frame goes on to the parser; of what never ends no more is kept than `LIMIT`. The
parser of stomp.py needs that: it loses a frame that follows two heart-beats in one piece, and waits without a bound for
the rest of a frame whose content-length is wrong.
"""

from __future__ import annotations

import re
from typing import Final

HEADER_LIMIT: Final = 1024 * 1024
LIMIT: Final = 128 * 1024 * 1024
"""ActiveMQ itself takes no message above 100 MiB unless told so."""

_COMMANDS: Final = (b"MESSAGE", b"RECEIPT", b"ERROR", b"CONNECTED")
_PREAMBLE_END: Final = re.compile(rb"\n\n|\r\n\r\n")
_LENGTH: Final = re.compile(rb"^content-length:([^\r\n]*)", re.MULTILINE)


class NotStomp(Exception):
    """What came is no STOMP; the text says what is wrong with it."""


class Splitter:
    """`feed` takes bytes as they come, and answers those that make up whole frames."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> bytes:
        """The frames that are whole now, one after another, each with its final NUL; heart-beats are left out.

        Raises NotStomp.
        """
        kept = self._kept
        kept += data
        start = self._skip_line_ends(0)
        whole: list[bytes] = []
        while start < len(kept):
            end = self._end_of_frame(start)
            if end is None:
                break
            whole.append(bytes(kept[start:end]))
            start = self._skip_line_ends(end)
            self._searched = start
        del kept[:start]
        self._searched = max(0, self._searched - start)
        return whole[0] if len(whole) == 1 else b"".join(whole)

    def _skip_line_ends(self, start: int) -> int:
        while start < len(self._kept) and self._kept[start] in b"\r\n":
            start += 1
        return start

    def _end_of_frame(self, start: int) -> int | None:
        """Where the frame at `start` ends, None while it is not whole."""
        kept = self._kept
        head = bytes(kept[start : start + 9])
        if not any(head.startswith(command[: len(head)]) for command in _COMMANDS):
            raise NotStomp(f"it sent {head!r} where a STOMP frame begins")
        preamble = _PREAMBLE_END.search(kept, start)
        if preamble is None:
            if len(kept) - start > HEADER_LIMIT or kept.find(b"\0", start) >= 0:
                raise NotStomp("it sent a frame whose headers do not end")
            return None
        if kept.find(b"\0", start, preamble.start()) >= 0:
            raise NotStomp("it sent a frame whose headers do not end")
        length = _LENGTH.search(kept, start, preamble.start())
        return self._unmeasured(preamble.end()) if length is None else self._measured(preamble.end(), length[1])

    def _measured(self, body: int, text: bytes) -> int | None:
        digits = text.strip()
        if not digits.isdigit() or len(digits) > 18 or int(digits) > LIMIT:
            raise NotStomp(f"it sent a frame with content-length {digits[:40].decode(errors='replace')!r}")
        end = body + int(digits)
        if end >= len(self._kept):
            return None
        if self._kept[end] != 0:
            raise NotStomp(f"it sent a frame that does not end where its content-length ({int(digits)}) says")
        return end + 1

    def _unmeasured(self, body: int) -> int | None:
        end = self._kept.find(b"\0", max(body, self._searched))
        if end >= 0:
            return end + 1
        self._searched = len(self._kept)
        if len(self._kept) - body > LIMIT:
            raise NotStomp("it sent a frame that does not end")
        return None
