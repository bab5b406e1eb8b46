"""Which fires a schedule makes that is due: pure, from where it stands, what time it is and its policies.

Invariant: where it goes next is later than now, however many fires were missed; what is missed is counted by nobody and
costs nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from hub.scheduler.calendar import Spec, last_fire, next_fire


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`misfire`: skip, once or all; `left`: executions it may still have.

    A fire up to `grace` seconds late counts as in time; `all` makes up at most `bound`, the oldest ones.
    """

    misfire: str
    overlap: str
    end: datetime | None = None
    left: int | None = None
    grace: float = 60.0
    bound: int = 100


class Decision(msgspec.Struct, frozen=True):
    """The times to fire for, ascending, and when the schedule fires next (None: never again)."""

    fires: list[datetime]
    following: datetime | None


def decide(spec: Spec, due: datetime, now: datetime, policy: Policy) -> Decision:
    """What becomes of a schedule that was due at `due`, not later than `now`."""
    following = next_fire(spec, now)
    if policy.end is not None and following is not None and following > policy.end:
        following = None
    until = now if policy.end is None else min(now, policy.end)
    if due > until or policy.left == 0:
        return Decision([], following if policy.left != 0 else None)
    missed = _missed(spec, due, until, now, policy)
    if policy.overlap == "skip":
        missed = missed[-1:]  # the others would give way to the first
    return Decision(missed if policy.left is None else missed[: policy.left], following)


def _missed(spec: Spec, due: datetime, until: datetime, now: datetime, policy: Policy) -> list[datetime]:
    if policy.misfire == "all":
        found, at = [due], next_fire(spec, due)
        while at is not None and at <= until and len(found) < policy.bound:
            found.append(at)
            at = next_fire(spec, at)
        return found
    last = last_fire(spec, due, until)
    too_late = now - last > timedelta(seconds=policy.grace)
    return [] if policy.misfire == "skip" and too_late else [last]
