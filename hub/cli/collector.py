"""Python's collector of cyclic garbage, set for a process that is a hub and nothing else.

Invariant: no job depends on it. The hub makes next to no cycles of its own (24 objects in 10,000 workflows of five
steps), yet at Python's own setting the search for them took 9 % of a busy worker and stopped all jobs for 54 ms at a
time, as it went through every module there is. Set so: 1 %, 3 ms.
"""

from __future__ import annotations

import gc
from typing import Final

# Containers made and not yet gone, before the youngest are searched. Cycles that handlers make wait that much longer.
YOUNG: Final = 5_000


def settle() -> None:
    """To be called once all has started: what there is by now is not searched again, as it stays until the end.
    An application that has set a rarer search, or none, keeps it."""
    gc.collect()
    gc.freeze()
    young, middle, old = gc.get_threshold()
    if 0 < young < YOUNG:
        gc.set_threshold(YOUNG, middle, old)
