"""What stands under the name of a lock: its token, a space, its owner.

Invariant: two grants never have one value, so that comparing values tells one grant from the next.
"""

from __future__ import annotations


def value_of(owner: str, token: int) -> bytes:
    return f"{token} {owner}".encode()


def owner_of(value: bytes) -> str:
    return value.partition(b" ")[2].decode(errors="replace")
