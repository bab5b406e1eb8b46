"""Handlers for the process pool, in a module of their own: a child imports them by its name."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from hub import ProcessJob, handler
from hub.errors import Permanent, Retry, Snooze


class Broken(Exception):
    """Takes other arguments than it keeps."""

    def __init__(self, part: str, *, severity: int) -> None:
        super().__init__(f"{part} is broken")
        self.severity = severity


@dataclass
class Square:
    side: int


@handler("pool.area", process=True)
def area(square: Square) -> dict[str, int]:
    return {"area": square.side**2, "pid": os.getpid()}


@handler("pool.tell", process=True)
def tell(job: ProcessJob) -> str:
    job.progress(0.5, "half")
    job.publish("erp", "topic", {"n": 1})
    return job.enqueue("system.record", {"from": job.id})


@handler("pool.raise", process=True, max_retries=1, retry=[0], permanent=(Broken,))
def raises(kind: str, job: ProcessJob) -> None:
    match kind:
        case "own":
            raise Broken("the door", severity=3)
        case "local":

            class Local(Exception):
                pass

            raise Local("of nobody else")
        case "half":
            raise ValueError("\ud800")
        case "bytes":
            b"\xff".decode()
        case "permanent":
            raise Permanent("never")
        case "retry":
            if job.attempt == 0:
                raise Retry(delay=0)
        case "snooze":
            raise Snooze(3600)
        case "exit":
            raise SystemExit(3)
        case "result":
            return {1, object()}  # type: ignore[return-value]  # what is tested
    return None


@handler("pool.die", process=True, max_retries=2, retry=[0])
def die(how: str, job: ProcessJob) -> str:
    if job.attempt < 2 or how == "always":
        os._exit(7) if how == "exit" else os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@handler("pool.sleep", process=True, max_retries=0)
def sleep(payload: dict[str, str]) -> str:
    child = subprocess.Popen(["sleep", "60"])
    marker = Path(payload["marker"])
    marker.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    marker.with_suffix(".new").rename(marker)
    time.sleep(float(payload["seconds"]))
    child.kill()
    child.wait()
    return "slept"


@handler("pool.spin", process=True)
def spin(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number
    return total
