"""What the oracle says of brokers, on facts made by hand: it speaks when something is wrong, and only then."""

from collections.abc import Sequence

from tests.conformance.adapters.broker import Produced
from tests.faults.brokers.judge import ID_HEADER, Size, ahead, grown, out_of_order, repeated, sent_out
from tests.faults.brokers.sender import KEYS, key_of, said


def ids(*numbers: int) -> list[str]:
    return [said(number, "").id for number in numbers]


def at_broker(pairs: Sequence[tuple[str, str]]) -> list[Produced]:
    return [Produced(b'{"of": "%s"}' % of.encode(), None, {ID_HEADER: id}) for id, of in pairs]


def test_order_is_that_of_each_key() -> None:
    assert key_of(ids(0)[0]) == key_of(ids(KEYS)[0]) != key_of(ids(1)[0])
    assert list(out_of_order(ids(1, 0, KEYS, KEYS + 1))) == []
    assert list(out_of_order(ids(0, KEYS, 0))) == [], "an effect made twice is no matter of order"
    [found] = out_of_order(ids(KEYS, 0, 2 * KEYS))
    assert found.startswith("I8 m0000000 after m0000050")


def test_an_offset_may_be_behind_but_not_ahead() -> None:
    assert list(ahead({0: 5, 1: 7}, {0: 5, 1: 9})) == []
    assert [one[:14] for one in ahead({0: 6, 2: 1}, {0: 5})] == ["I7 partition 0", "I7 partition 2"]


def test_a_little_more_memory_is_no_growth() -> None:
    small = Size(100 << 20, 30)
    assert list(grown(small, Size(150 << 20, 40))) == []
    assert [one[:2] for one in grown(small, Size(500 << 20, 200))] == ["I9", "I9"]


def test_what_is_sent_is_there_under_its_id() -> None:
    first, second, third = ids(0, KEYS, 1)
    rows = {"a": first, "b": second, "c": third}
    whole = at_broker([("a", first), ("a", first), ("c", third), ("b", second)])
    assert list(sent_out(rows, whole)) == []
    assert repeated(whole) == 1
    assert list(sent_out(rows, whole[:-1])) == [f"OUT lost: b (of {second})"]
    assert len(list(sent_out(rows, [*whole, *at_broker([("b", first)])]))) == 1
    assert len(list(sent_out(rows, [*whole, *at_broker([("d", first)])]))) == 1
    assert "I8" in next(sent_out(rows, whole[::-1]))
