"""How an adapter's entry becomes its settings, and what is said of one that cannot."""

from typing import Any

import msgspec
import pytest

from hub.adapters.entry import read
from hub.errors import Rejected


class Will(msgspec.Struct, forbid_unknown_fields=True):
    topic: str


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    prefetch: int = 100
    wills: tuple[Will, ...] = ()


def test_an_entry_is_read_with_its_defaults() -> None:
    entry = {"url": "stomp://h", "wills": [{"topic": "t"}]}
    assert read(entry, Settings) == Settings("stomp://h", 100, (Will("t"),))


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ({}, None, "url"),
        ({"url": "h", "colour": "red"}, None, "colour"),
        ({"url": 1}, "url", "`str`"),
        ({"url": "h", "prefetch": "many"}, "prefetch", "`int`"),
        ({"url": "h", "wills": [{"topic": "t"}, {"topic": 1}]}, "wills[1].topic", "`str`"),
    ],
    ids=str,
)
def test_what_is_wrong_is_rejected_with_its_field(entry: dict[str, Any], field: str | None, words: str) -> None:
    with pytest.raises(Rejected, match=words) as caught:
        read(entry, Settings)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: " if field else "Object "), "the text names the field as well"
