"""What a handler raised, in words, and where: the end of the traceback, from where the hub was left.

Invariant: nothing here raises, whatever a stranger's exception does when it is asked. An error of a child process is
told by the child's own frames, not by those that brought it here.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from hub.errors import HubError

_FRAMES = 6
_HUB = f"{Path(__file__).parents[1]}{os.sep}"


class InChild(Exception):
    """The cause of an error that a child raised: its frames there, as text."""

    def __init__(self, frames: str) -> None:
        super().__init__(f"\n{frames}")
        self.frames = frames


def message_of(error: BaseException) -> str:
    """What it says, else the name of its type."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return f"{type(error).__name__}, which raises when it is asked what it says"


def frames_of(error: BaseException) -> str:
    """The last frames as text, the innermost at the end; '' if the error needs none."""
    if isinstance(error.__cause__, InChild):
        return error.__cause__.frames
    frames = traceback.extract_tb(error.__traceback__)
    left = next((place for place, frame in enumerate(frames) if not frame.filename.startswith(_HUB)), None)
    if left is None:  # an error of the hub's own says all itself, anything else is a bug
        left = len(frames) if isinstance(error, HubError) else 0
    return "".join(traceback.format_list(frames[left:][-_FRAMES:])).rstrip()
