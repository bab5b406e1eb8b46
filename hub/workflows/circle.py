"""Steps that wait for each other.

Invariant: pure, and imports nothing of the hub: the configuration is checked by it before any workflow is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def circle(after: Mapping[str, Sequence[str]]) -> list[str]:
    """A chain of steps that comes back to its beginning; empty when there is none."""
    left = {name: {other for other in others if other in after} for name, others in after.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    if not left:
        return []
    chain = [next(iter(left))]
    while chain[-1] not in chain[:-1]:
        chain.append(next(name for name in after[chain[-1]] if name in left))
    return chain[chain.index(chain[-1]) :]
