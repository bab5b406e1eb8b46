"""Keys that fit their columns: of order, and against repeats.

Invariant: pure; the same text makes the same key wherever it is made.
"""

from __future__ import annotations

import hashlib
from typing import Final

KEY_LIMIT: Final = 255


def fit_key(text: str) -> str:
    """`text` where it fits a key's column, else its SHA-256 in hexadecimal."""
    if len(text) <= KEY_LIMIT and "\0" not in text and is_unicode(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def outbound_key(to: str, topic: str, key: str) -> str:
    """The ordering key of messages with one key to one topic: they leave one after another."""
    return fit_key(f"{to}/{topic}/{key}")


def is_unicode(text: str) -> bool:
    """Whether `text` holds no lone surrogate, as headers with stray bytes do."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
