"""The hub, for programs: `from hub import Hub, Job, handler`.

Invariant: importing the package imports nothing else; each name is fetched at its first use, as a handler's module
needs neither the server nor a database driver.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.handlers.batch import Batch
    from hub.handlers.job import Job
    from hub.handlers.mark import handler
    from hub.handlers.process_job import ProcessJob
    from hub.handlers.sync import SyncJob
    from hub.workflows.definition import Workflow

__all__ = ["Batch", "Hub", "Job", "ProcessJob", "SyncJob", "Workflow", "handler"]

_HOMES = {
    "Batch": "hub.handlers.batch",
    "Hub": "hub.app",
    "Job": "hub.handlers.job",
    "ProcessJob": "hub.handlers.process_job",
    "SyncJob": "hub.handlers.sync",
    "Workflow": "hub.workflows.definition",
    "handler": "hub.handlers.mark",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
