"""For the tests of applications: a clock that stands still, a job run to its end, a whole hub for a block of code.

Invariant: the hub under test is the real one, on a real database; only time and the place of the database are chosen.
"""

from hub.testing.clock import FakeClock
from hub.testing.harness import HubHarness, running_hub
from hub.testing.job import run_job
from hub.testing.outcome import Attempt, Message, Outcome

__all__ = ["Attempt", "FakeClock", "HubHarness", "Message", "Outcome", "run_job", "running_hub"]
