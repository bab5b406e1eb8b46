"""Pure: who of those that ask may start under a limit now, and when the others should ask again.

A rate is a bucket that fills evenly and holds a tenth of a second's worth: what is taken beyond it is taken from the
time to come (`booked`). A concurrency is a number of slots; each instance says how many it has, and until when that
counts if nothing more is heard of it.

Invariant: `decide` looks at values only, with one clock for all instances. At no time are more slots given than there
are, and the starts of any span t are at most t * rate + rate / 10 + 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

BURST = 0.1
"""Seconds of a rate that may be taken at once."""
LONGEST = 60.0
_SHORTEST = 0.02
_LINE = 200
_FORGOTTEN = 30.0
_EARLY = 0.05


class Limit(msgspec.Struct, frozen=True):
    """`concurrency`: jobs at once; `rate`: starts a second; over all instances."""

    concurrency: int | None = None
    rate: float | None = None


class State(msgspec.Struct, omit_defaults=True):
    """What is taken. Times in seconds since 1970 by the clock of whoever keeps it.

    `started`: until when the starts there were use up the rate; `booked`: the same with what is promised. `line`: job →
    its turn, for those that were told one. `horizon`: the end of the line of those that were told to ask again.
    `held`: instance → (slots, until when). `by`: who wrote it. `rate`: by which the starts were counted, 0 = not known.
    """

    started: float = 0.0
    booked: float = 0.0
    line: dict[str, float] = {}
    horizon: float = 0.0
    held: dict[str, tuple[int, float]] = {}
    by: str = ""
    rate: float = 0.0


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: an instance, how many slots it has, for how long it wants them, and how long (seconds) it needs one.

    `in_line`: those refused are told a turn that is kept for them; otherwise just when there will be room.
    """

    instance: str
    mine: int
    ttl: float
    needs: float = 0.1
    in_line: bool = True


class Decision(msgspec.Struct, frozen=True):
    """The new state, the jobs that may start, and job → seconds for the others."""

    state: State
    admitted: list[str]
    delays: dict[str, float]


def decide(limit: Limit, state: State, jobs: Sequence[str], asking: Asking, now: float) -> Decision:
    """Admit as many of `jobs` as there is room for, in their order."""
    line = {job: turn for job, turn in state.line.items() if turn > now - _FORGOTTEN}
    held = {name: slots for name, slots in state.held.items() if name != asking.instance and slots[1] > now}
    slots = None if limit.concurrency is None else limit.concurrency - sum(count for count, _ in held.values())
    started, booked = state.started, max(state.booked, state.started)
    if limit.rate is not None and state.rate not in (0.0, limit.rate):
        # The limit was changed: what was promised by the old rate would bind the new one for as long as it reached.
        line, started = {}, min(started, now + 1 / limit.rate)
        booked = started
    horizon, mine = max(state.horizon, now), asking.mine
    admitted: list[str] = []
    delays: dict[str, float] = {}
    for job in jobs:
        if slots is not None and mine >= slots:
            horizon += max(_SHORTEST, asking.needs / 2) / max(1, limit.concurrency or 1)
            delays[job] = min(LONGEST, max(_SHORTEST, horizon - now))
            continue
        if limit.rate is not None:
            turn = line.get(job)
            if (turn - _EARLY if turn is not None else booked - BURST) > now:
                booked, delays[job] = _wait(limit.rate, line, job, booked, now, asking.in_line, len(delays))
                continue
            if started - BURST > now:  # its turn has come, but others took theirs late
                delays[job] = max(_SHORTEST, started - BURST - now) + len(delays) / limit.rate
                continue
            started = max(started, now) + 1 / limit.rate
            booked = booked if turn is not None else max(booked, now) + 1 / limit.rate
            line.pop(job, None)
        admitted.append(job)
        mine += limit.concurrency is not None
    if not delays:
        horizon = 0.0  # there is room: nobody need wait for those that wait
    if mine:
        held[asking.instance] = (mine, now + asking.ttl)
    return Decision(State(started, booked, line, horizon, held, rate=limit.rate or 0.0), admitted, delays)


def _wait(
    rate: float, line: dict[str, float], job: str, booked: float, now: float, in_line: bool, before: int
) -> tuple[float, float]:
    """(booked, seconds) for one that the rate has no room for now."""
    if job in line:
        return booked, max(_SHORTEST, line[job] - now)
    if in_line and len(line) < _LINE:
        line[job] = max(_SHORTEST + now, booked - BURST)
        return booked + 1 / rate, line[job] - now
    # The line is full: come back about when one's turn to join it may be.
    return booked, min(LONGEST, max(_SHORTEST, booked - BURST - now + before / rate))
