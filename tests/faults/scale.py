"""How large a run is wanted: the committed suite is short, the long form is asked for by the environment."""

from __future__ import annotations

import os


def wanted_jobs(otherwise: int) -> int:
    """HUB_FAULT_JOBS: the jobs of a run that is made of many faults."""
    return int(os.environ.get("HUB_FAULT_JOBS", otherwise))


def wanted_seconds(otherwise: float) -> float:
    """HUB_FAULT_SECONDS: how long the random mix goes on."""
    return float(os.environ.get("HUB_FAULT_SECONDS", otherwise))
