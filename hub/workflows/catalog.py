"""The workflows that this process can start, by type: of the configuration, and of the modules of handlers.

Invariant: every definition in it is sound, and a type has one. Whether its handlers are here is another question.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from hub.errors import NotFound
from hub.handlers.registry import Registry
from hub.workflows.definition import Definition, Workflow, WorkflowInvalid, faults


class Catalog:
    """Definitions by type."""

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._definitions: dict[str, Definition] = {}
        self.add(*definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._definitions.values())

    def add(self, *definitions: Definition) -> None:
        """Take definitions in. Raises WorkflowInvalid with every fault."""
        found: list[str] = []
        for definition in definitions:
            found += [f"workflow {definition.type!r}: {fault}" for fault in faults(definition)]
            if self._definitions.setdefault(definition.type, definition) is not definition:
                found.append(f"two workflows are called {definition.type!r}")
        if found:
            raise WorkflowInvalid(*found)

    def replace(self, definitions: Iterable[Definition]) -> None:
        """Take these instead of what was there. Raises WorkflowInvalid, and leaves what was there then."""
        self._definitions = Catalog(definitions)._definitions

    def get(self, type: str) -> Definition | None:
        return self._definitions.get(type)

    def of(self, type: str) -> Definition:
        """Raises NotFound, naming those that there are."""
        found = self._definitions.get(type)
        if found is None:
            known = ", ".join(sorted(self._definitions)) or "none"
            raise NotFound(f"there is no workflow {type!r} (there are: {known})")
        return found

    def missing(self, registry: Registry) -> list[str]:
        """The steps whose handlers nobody has registered here."""
        return [
            f"workflow {definition.type!r}, step {step.name!r}: there is no handler {step.handler!r}"
            for definition in self
            for step in definition.steps
            if step.handler is not None and registry.get(step.handler) is None
        ]


def collect(modules: Iterable[str | ModuleType], registry: Registry) -> list[Definition]:
    """The workflows that modules hold, which are imported already; functions that they name become handlers."""
    found: dict[str, Workflow] = {}
    for module in modules:
        names: Mapping[str, object] = vars(module) if isinstance(module, ModuleType) else _names(module)
        found.update({f"{id(value)}": value for value in names.values() if isinstance(value, Workflow)})
    for workflow in found.values():
        registry.add(*workflow.functions)
    return [workflow.definition for workflow in found.values()]


def _names(module: str) -> Mapping[str, object]:
    name, _, attribute = (part.strip() for part in module.partition(":"))
    imported = sys.modules.get(name)
    return vars(imported) if imported is not None and not attribute else {}
