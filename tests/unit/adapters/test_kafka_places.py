"""Where reading goes on in a partition, what its stream is called, and how an address is read."""

import pytest

from hub.adapters.kafka.settings import address_of, settings_of
from hub.adapters.kafka.streams import Place, place, stream_name
from hub.errors import Rejected


def at(stored: int | None = None, committed: int | None = None, begin: int = 0, end: int = 100, gen: int = 0) -> Place:
    return place("t/0", stored=stored, committed=committed, begin=begin, end=end, generation=gen)


@pytest.mark.parametrize(
    ("found", "position"),
    [
        (at(), 0),
        (at(begin=40), 40),
        (at(committed=7), 7),
        (at(stored=9), 9),
        (at(stored=9, committed=99), 9),
        (at(stored=100), 100),
        (at(stored=0, begin=0, end=0), 0),
        (at(stored=40, begin=40), 40),
    ],
)
def test_a_place_that_is_there_is_taken_without_a_word(found: Place, position: int) -> None:
    assert found == Place(position)


@pytest.mark.parametrize(("stored", "committed"), [(10, None), (None, 10)])
def test_what_is_gone_is_named(stored: int | None, committed: int | None) -> None:
    found = at(stored, committed, begin=25)
    assert (found.position, found.generation) == (25, 0)
    assert "offsets 10 to 24 are gone" in (found.alarm or "")


def test_an_end_before_the_place_is_another_stream_read_from_its_beginning() -> None:
    found = at(stored=101, begin=3, gen=2)
    assert (found.position, found.generation) == (3, 3)
    assert "ends at offset 100, before 101" in (found.alarm or "")
    only_told = at(committed=101, begin=3)
    assert (only_told.position, only_told.generation) == (3, 0)
    assert only_told.alarm is not None


def test_streams_have_names_of_their_own_that_fit() -> None:
    parts = [
        ("c", "g", "t", "id", 0, 0),
        ("c", "g", "t", "id", 1, 0),
        ("c", "g", "t", "id", 0, 1),
        ("c", "g", "t", None, 0, 0),
    ]
    parts += [("c", "g", "t", "other", 0, 0), ("c", "g2", "t", "id", 0, 0), ("d", "g", "t", "id", 0, 0)]
    parts += [
        ("c", "g" * 200, "t" * 249, "id", 0, 0),
        ("c", "g" * 200, "t" * 249, "id", 0, 1),
        ("c", "gruppe ä", "t", "id", 0, 0),
    ]
    names = [stream_name(*one) for one in parts]
    assert names[0] == "c/g/t/id/0"
    assert len(set(names)) == len(names)
    assert all(len(name) <= 255 and name.isascii() for name in names)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("kafka://a:1,b:2", (("a", 1), ("b", 2))),
        ("kafka://a", (("a", 9092),)),
        ("kafka://[::1]:7,[::2]", (("::1", 7), ("::2", 9092))),
        ("kafkas://u:p%40w@a:1/", (("a", 1),)),
    ],
)
def test_addresses(url: str, hosts: tuple[tuple[str, int], ...]) -> None:
    address = address_of(settings_of({"url": url}))
    assert address.hosts == hosts
    assert address.encrypted == url.startswith("kafkas")
    assert (address.username, address.password) == (("u", "p@w") if "@" in url else (None, None))
    assert "p@w" not in str(address)


@pytest.mark.parametrize(
    "url", ["", "kafka://", "http://a", "kafka://a:0", "kafka://a:99999", "kafka://a,,b", "kafka://:1"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(Rejected) as raised:
        address_of(settings_of({"url": url}))
    assert raised.value.field == "url"
