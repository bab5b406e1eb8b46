"""The circuit breaker as a function of time, and the way out behind it."""

import pytest

from hub.errors import Permanent, Snooze, Transient
from hub.handlers.circuit import PROBE_PATIENCE, Admission, Circuit, CircuitSettings
from hub.handlers.outlet import Outlet
from hub.model import Outgoing
from hub.ports import Features
from hub.testing.clock import FakeClock

MESSAGE = Outgoing(id="1", to="erp", topic="t", body=b"", content_type="text/plain")


def opened(at: float = 0.0) -> Circuit:
    circuit = Circuit(CircuitSettings(failures=3, first=1.0, longest=4.0))
    for _ in range(3):
        circuit.failed(at, circuit.admit(at))
    return circuit


def test_it_opens_after_failures_in_a_row_alone() -> None:
    circuit = Circuit(CircuitSettings(failures=3))
    for _ in range(5):
        circuit.failed(0.0, circuit.admit(0.0))
        circuit.failed(0.0, circuit.admit(0.0))
        circuit.succeeded()
    assert circuit.state == "closed"
    assert opened().state == "open"


def test_while_it_is_open_nothing_passes_and_then_one_at_a_time() -> None:
    circuit = opened(10.0)
    assert circuit.admit(10.25) == Admission(0.75)
    probe = circuit.admit(11.0)
    assert probe.probe
    assert circuit.admit(11.1).wait > 0
    circuit.succeeded()
    assert circuit.admit(11.2) == Admission()


def test_each_probe_that_fails_rests_it_for_longer_up_to_a_bound() -> None:
    circuit, now, rests = opened(0.0), 0.0, []
    for _ in range(5):
        rest = circuit.admit(now).wait
        rests.append(rest)
        now += rest
        circuit.failed(now, circuit.admit(now))
    assert rests == [1.0, 2.0, 4.0, 4.0, 4.0]


def test_what_was_under_way_when_it_opened_changes_nothing_more() -> None:
    circuit = Circuit(CircuitSettings(failures=2, first=1.0))
    early = [circuit.admit(0.0) for _ in range(5)]
    for admission in early:
        circuit.failed(0.5, admission)
    assert circuit.admit(0.5).wait == pytest.approx(1.0)


def test_a_probe_that_never_ends_is_given_up() -> None:
    circuit = opened(0.0)
    assert circuit.admit(1.0).probe
    assert not circuit.admit(1.0 + PROBE_PATIENCE / 2).probe
    assert circuit.admit(1.0 + PROBE_PATIENCE).probe


class Broker:
    """A sink that answers as it is told."""

    name = "erp"
    features = Features()

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.sent = 0

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None: ...

    def lag(self) -> dict[str, int]:
        return {}

    async def send(self, message: Outgoing) -> None:
        if self.error is not None:
            raise self.error
        self.sent += 1


async def test_attempts_are_used_only_by_what_was_tried() -> None:
    broker, clock = Broker(), FakeClock()
    outlet = Outlet(broker, clock, circuit=Circuit(CircuitSettings(failures=2, first=10.0)))
    broker.error = Transient("no receipt")
    for _ in range(2):
        with pytest.raises(Transient, match="no receipt"):
            await outlet.send(MESSAGE)
    with pytest.raises(Snooze) as rests:
        await outlet.send(MESSAGE)
    assert 5.0 <= rests.value.delay <= 15.0
    clock.advance(10.0)
    with pytest.raises(Snooze, match="no receipt"):  # the probe
        await outlet.send(MESSAGE)
    broker.error = None
    clock.advance(20.0)
    await outlet.send(MESSAGE)
    await outlet.send(MESSAGE)
    assert (outlet.receipts(), broker.sent) == (2, 2)


async def test_whoever_looks_after_it_is_told_why_it_rests() -> None:
    broker, clock, told = Broker(), FakeClock(), list[str]()
    outlet = Outlet(broker, clock, circuit=Circuit(CircuitSettings(failures=2, first=1.0)))
    outlet.on_rest = told.append
    broker.error = Transient("no receipt")
    for _ in range(2):
        assert (outlet.resting(), told) == (False, [])
        with pytest.raises(Transient):
            await outlet.send(MESSAGE)
    assert (outlet.resting(), told) == (True, ["no receipt"])
    clock.advance(1.0)
    with pytest.raises(Snooze):  # the probe: that it rests is not said again
        await outlet.send(MESSAGE)
    broker.error = None
    clock.advance(2.0)
    await outlet.send(MESSAGE)
    assert (outlet.resting(), told) == (False, ["no receipt"])


async def test_who_refuses_is_there() -> None:
    broker = Broker()
    outlet = Outlet(broker, FakeClock(), circuit=Circuit(CircuitSettings(failures=1)))
    broker.error = Permanent("too large")
    for _ in range(3):
        with pytest.raises(Permanent):
            await outlet.send(MESSAGE)


async def test_the_longer_it_is_away_the_less_often_it_is_asked() -> None:
    broker, clock, there = Broker(), FakeClock(), False
    outlet = Outlet(broker, clock, lambda: there)
    delays = []
    for _ in range(4):
        with pytest.raises(Snooze) as rests:
            await outlet.send(MESSAGE)
        delays.append(rests.value.delay)
        clock.advance(8.0)
    assert delays[0] < 1.0 < delays[1] < delays[-1] < 20.0
    there = True
    await outlet.send(MESSAGE)


async def test_what_sends_without_a_connection_is_always_tried() -> None:
    outlet = Outlet(Broker(), FakeClock())
    await outlet.send(MESSAGE)
    assert outlet.receipts() == 1
