"""The registry: which handler a name means in this process.

Invariant: a name has one handler. Only modules that were named, and entry points, are imported; a row can never cause
an import. Everything that is wrong with them is said at once.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Self

from hub.handlers.entry import Entry, make_entry, origin
from hub.handlers.mark import HandlersInvalid, Middleware, handler, marks
from hub.handlers.pool import ProcessPool
from hub.model import Claim
from hub.transitions import Rules

__all__ = ["ENTRY_POINTS", "Entry", "HandlersInvalid", "Registry", "handler"]

ENTRY_POINTS = "hub.handlers"

Function = Callable[..., Any]


class Registry:
    """Handlers by name; also `hub.ports.Defaults`. `middleware` goes around every handler, the first outermost; `pool`
    runs those that want a process."""

    def __init__(
        self, *, middleware: Sequence[Middleware] = (), rules: Rules | None = None, pool: ProcessPool | None = None
    ) -> None:
        self.pool = pool if pool is not None else ProcessPool()
        self._middleware = tuple(middleware)
        self._rules = rules if rules is not None else Rules()
        self._entries: dict[str, Entry] = {}
        self._queues: dict[str, str] = {}
        self._max_retries: dict[str, int] = {}
        self._variants: dict[str, Callable[[Entry], Entry]] = {}
        self._varied: dict[tuple[str, str], Entry] = {}

    def get(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def find(self, claim: Claim) -> Entry | None:
        """The entry that runs a claimed row: its handler's, or what stands for that in rows of its method."""
        method = claim.method
        if method is None or method not in self._variants:
            return self._entries.get(claim.handler)
        varied = self._varied.get((method, claim.handler))
        if varied is None and (entry := self._entries.get(claim.handler)) is not None:
            varied = self._varied[method, claim.handler] = self._variants[method](entry)
        return varied

    def vary(self, method: str, variant: Callable[[Entry], Entry]) -> None:
        """Rows whose `method` is this one run by what `variant` makes of their handler's entry."""
        self._variants[method] = variant

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def queues(self) -> Mapping[str, str]:
        return self._queues

    def max_retries(self) -> Mapping[str, int]:
        return self._max_retries

    def collect(self, modules: Iterable[str | ModuleType] = (), entry_points: bool = True) -> Self:
        """Register the marked functions of `modules` ("package.module", or "package.module:function" for one alone)
        and, unless told not to, of the entry points in the group `hub.handlers`.

        Raises HandlersInvalid with every fault found; what is sound is registered all the same.
        """
        faults: list[str] = []
        for module in modules:
            self._collect(module, faults)
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS) if entry_points else ():
            self._collect(point.value, faults, f"entry point {point.name!r} ({_distribution(point)}): ")
        if faults:
            raise HandlersInvalid(*faults)
        return self

    def add(self, *functions: Function) -> Self:
        """Register marked functions under each of their names. Raises HandlersInvalid with every fault."""
        faults: list[str] = []
        for function in functions:
            self._add(function, faults)
        if faults:
            raise HandlersInvalid(*faults)
        return self

    def _collect(self, module: str | ModuleType, faults: list[str], prefix: str = "") -> None:
        found: list[str] = []
        try:
            functions = _functions(module)
        except HandlersInvalid as error:
            found.extend(error.faults)
        else:
            for function in functions:
                self._add(function, found)
        faults.extend(prefix + fault for fault in found)

    def _add(self, function: Function, faults: list[str]) -> None:
        if not marks(function):
            faults.append(f"{function!r} is no handler: mark it with @handler(name)")
        for mark in marks(function):
            known = self._entries.get(mark.name)
            if known is not None and known.function is function:
                continue  # the same function, seen through a second module
            if known is not None:
                faults.append(f"two handlers {mark.name!r}: {known.origin} and {origin(function)}")
                continue
            try:
                entry = make_entry(function, mark, self._middleware, self._rules, self.pool)
            except TypeError as error:
                faults.append(f"handler {mark.name!r}, {origin(function)}: {error}")
                continue
            self._entries[entry.name] = entry
            if entry.queue is not None:
                self._queues[entry.name] = entry.queue
            if entry.max_retries is not None:
                self._max_retries[entry.name] = entry.max_retries


# --- modules ---------------------------------------------------------------------------------------------------------


def _functions(module: str | ModuleType) -> list[Function]:
    """The marked functions of a module, or the one function named. Raises HandlersInvalid."""
    if isinstance(module, ModuleType):
        name, attribute = module.__name__, ""
    else:
        name, _, attribute = (part.strip() for part in module.partition(":"))
        module = _imported(name)
    if attribute:
        return [_named(module, attribute)]
    functions = [value for value in vars(module).values() if marks(value)]
    if not functions:
        raise HandlersInvalid(f"module {name!r} has no handlers: mark its functions with @handler(name)")
    return functions


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise HandlersInvalid(f"no module {name!r}: {error.name!r} is not found in {_search_path()}") from error
        raise HandlersInvalid(f"module {name!r} needs {error.name!r}, which is not installed") from error
    except HandlersInvalid as error:
        raise HandlersInvalid(*(f"module {name!r}: {fault}" for fault in error.faults)) from error
    except (Exception, SystemExit) as error:  # a module may do anything while it is imported
        raise HandlersInvalid(f"module {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def _named(module: ModuleType, attribute: str) -> Function:
    value = getattr(module, attribute, None)
    if value is None:
        raise HandlersInvalid(f"module {module.__name__!r} has no {attribute!r}")
    if not marks(value):
        raise HandlersInvalid(f"{module.__name__}:{attribute} is no handler: mark it with @handler(name)")
    function: Function = value
    return function


def _search_path() -> str:
    return ", ".join(repr(entry or ".") for entry in sys.path[:4]) + (" …" if len(sys.path) > 4 else "")


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown distribution"
