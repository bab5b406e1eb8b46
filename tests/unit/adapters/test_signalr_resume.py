"""A stateful reconnect: whatever is lost with a transport, each message is taken once, in order."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.adapters.signalr.messages import PING, Ack, CancelInvocation, HubMessage, ProtocolError, SequenceStart
from hub.adapters.signalr.resume import Resume


def numbered(n: int) -> CancelInvocation:
    return CancelInvocation(str(n))


class Side:
    """One side: sends numbers through a transport that may lose them, and takes what arrives."""

    def __init__(self) -> None:
        self.resume = Resume()
        self.wire: list[HubMessage] = []
        self.taken: list[str] = []
        self.sent = 0

    def send(self) -> None:
        message = numbered(self.sent)
        self.sent += 1
        self.resume.keep(str(message.invocation_id).encode())
        self.wire.append(message)

    def receive(self, message: HubMessage) -> None:
        if self.resume.takes(message):
            match message:
                case Ack():
                    self.resume.acknowledged(message.sequence_id)
                case CancelInvocation():
                    self.taken.append(message.invocation_id)

    def reconnect(self) -> None:
        self.resume.lost()
        self.wire = [self.resume.start(), *(CancelInvocation(one.decode()) for one in self.resume.again())]

    def acknowledge(self) -> None:
        if (owed := self.resume.owed()) is not None:
            self.wire.append(Ack(owed))


actions = st.lists(
    st.tuples(st.sampled_from(["send", "deliver", "acknowledge", "cut"]), st.booleans(), st.integers(1, 5)), max_size=60
)


@given(actions)
@example(  # cut off for a second time amid what is sent again, when all of it has been acknowledged
    [
        *(("send", False, 1), ("deliver", False, 1), ("cut", False, 1), ("deliver", False, 1)),
        *(("acknowledge", True, 1), ("deliver", True, 2)),
    ]
)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, bool, int]]) -> None:
    sides = (Side(), Side())

    def deliver(source: Side, target: Side, count: int) -> None:
        for _ in range(min(count, len(source.wire))):
            target.receive(source.wire.pop(0))

    def cut() -> None:
        for side in sides:
            side.reconnect()

    for what, first, count in steps:
        source, target = sides if first else sides[::-1]
        match what:
            case "send":
                source.send()
            case "deliver":
                deliver(source, target, count)
            case "acknowledge":
                source.acknowledge()
            case "cut":
                cut()
    cut()
    for side, other in (sides, sides[::-1]):
        deliver(side, other, len(side.wire))
        assert other.taken == [str(n) for n in range(side.sent)]
        other.acknowledge()
        deliver(other, side, len(other.wire))
        assert side.resume.size == 0


def test_until_the_start_nothing_is_taken() -> None:
    resume = Resume()
    assert resume.takes(numbered(1))
    resume.lost()
    assert not resume.takes(numbered(2))
    assert not resume.takes(PING)
    assert not resume.takes(SequenceStart(2))
    assert resume.takes(numbered(2))


@pytest.mark.parametrize("start", [3, 10**20])
def test_a_gap_is_fatal(start: int) -> None:
    resume = Resume()
    assert resume.takes(numbered(1))
    resume.lost()
    with pytest.raises(ProtocolError):
        resume.takes(SequenceStart(start))


def test_the_first_start_is_one_past_what_was_sent() -> None:
    resume = Resume()
    assert resume.start() == SequenceStart(1)
    resume.keep(b"a")
    resume.keep(b"b")
    resume.acknowledged(1)
    assert (resume.start(), list(resume.again()), resume.size) == (SequenceStart(2), [b"b"], 1)
    resume.acknowledged(10**9)
    assert resume.start() == SequenceStart(3)


@pytest.mark.parametrize("number", [0, -1])
def test_a_start_before_the_first_is_the_first(number: int) -> None:
    resume = Resume()
    resume.lost()
    taken: list[Any] = [resume.takes(SequenceStart(number)), resume.takes(numbered(1))]
    assert taken == [False, True]
