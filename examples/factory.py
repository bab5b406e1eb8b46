"""A factory line: telemetry by MQTT becomes rows, and an alarm leaves for the control room when a machine runs hot.

Invariant: an alarm is in the table if and only if its message is on the way: both are one commit. The jobs of one
machine run one after another (the route's `ordering_key`), so that nobody raises an alarm twice.

The measurements themselves are written by `sql.execute`, without Python: see examples/factory.json.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from hub import Job, handler

HOT = 80.0
COOL = 70.0
"""An alarm ends well below the temperature at which it begins, so that it does not flutter."""

_FIND = text("SELECT celsius FROM alarms WHERE machine = :machine")
_RAISE = text("INSERT INTO alarms (machine, celsius) VALUES (:machine, :celsius)")
_END = text("DELETE FROM alarms WHERE machine = :machine")


@dataclass(frozen=True, slots=True)
class Temperature:
    """What the route makes of a message: the machine from its topic, the value from its payload."""

    machine: str
    celsius: float


@handler("factory.watch")
async def watch(seen: Temperature, job: Job) -> None:
    """Raise or end the machine's alarm, and say so."""
    if COOL <= seen.celsius <= HOT:
        return
    values = {"machine": seen.machine, "celsius": seen.celsius}
    is_on = (await job.db.execute(_FIND, {"machine": seen.machine})).first() is not None
    if seen.celsius > HOT and not is_on:
        await job.db.execute(_RAISE, values)
        await _say(job, seen, "on")
    elif seen.celsius < COOL and is_on:
        await job.db.execute(_END, {"machine": seen.machine})
        await _say(job, seen, "off")


async def _say(job: Job, seen: Temperature, alarm: str) -> None:
    # Retained: who comes late to the control room sees it too.
    message = {"machine": seen.machine, "celsius": seen.celsius, "alarm": alarm}
    await job.publish("control", f"alarms/{seen.machine}", message, key=seen.machine, headers={"mqtt-retain": "true"})
