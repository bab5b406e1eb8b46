"""configuration.json as a whole, and its JSON Schema.

Invariant: every section may be left out; an empty object is a valid configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import Field, PrivateAttr
from pydantic.json_schema import GenerateJsonSchema

from hub.config.faults import Path
from hub.config.sections.adapters import AnyAdapter
from hub.config.sections.jobs import Jobs
from hub.config.sections.plans import Alert, ResourceType, Schedule, Template, Workflow
from hub.config.sections.routes import Route
from hub.config.sections.server import Auth, Cache, Database, Destination, Http, Log
from hub.config.values import Listed, ModuleName, Name, Section


class Configuration(Section):
    """The configuration of one hub."""

    schema_: str | None = Field(default=None, alias="$schema", description="Where editors find this schema.")
    database: Database = Database()
    cache: Cache | None = Field(default=None, description="Left out: single-instance mode.")
    log: Log = Log()
    http: Http = Http()
    auth: Auth = Auth()
    jobs: Jobs = Jobs()
    handlers: Listed[ModuleName] = Field(default=(), description="Python modules whose handlers are loaded.")
    adapters: dict[Name, AnyAdapter] = Field(default={})
    routes: Listed[Route] = Field(default=(), description="Tried in this order; the first match wins.")
    destinations: dict[Name, Destination] = Field(default={}, description="Shares its names with `adapters`.")
    resource_types: dict[Name, ResourceType] = Field(default={})
    schedules: dict[Name, Schedule] = Field(default={})
    workflows: dict[Name, Workflow] = Field(default={})
    templates: dict[Name, Template] = Field(default={})
    alerts: dict[Name, Alert] = Field(default={})

    _file: FilePath | None = PrivateAttr(None)
    _templates: Mapping[Path, str] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> FilePath | None:
        """The file it was loaded from; None when only defaults and the environment made it."""
        return self._file


def masked(configuration: Configuration) -> dict[str, Any]:
    """The configuration as JSON values that may be shown: what came from a reference is the reference again, and
    other secrets are masked."""
    shown = configuration.model_dump(mode="json", by_alias=True)
    for path, template in configuration._templates.items():
        _put(shown, path, template)
    return shown


def _put(value: Any, path: Path, text: str) -> None:
    """Sets the place `path` below `value`, where it has that place."""
    for part in path[:-1]:
        if not _has(value, part):
            return
        value = value[part]
    if _has(value, path[-1]):
        value[path[-1]] = text


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of configuration.json, as written to config/configuration.schema.json."""
    schema = Configuration.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": "configuration.json of the hub"}


def json_schema_text() -> str:
    """The JSON Schema as the text of the shipped file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
