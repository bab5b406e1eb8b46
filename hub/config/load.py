"""Loads a configuration: the file, the environment over it, references resolved, everything checked.

Invariant: the outcome is a whole configuration or one ConfigurationError with every fault that can be found; the file
and the environment are read here and nowhere else, when asked and not at import.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.config.crosscheck import crosscheck
from hub.config.document import read
from hub.config.explain import explain
from hub.config.faults import ConfigurationError, Fault
from hub.config.overrides import override
from hub.config.references import References, dormant
from hub.config.schema import Configuration
from hub.config.secrets import secrets_in_the_clear

DEFAULT_FILE = Path("config/configuration.json")
VARIABLE = "HUB_CONFIG"


def load(path: Path | None, environ: Mapping[str, str]) -> Configuration:
    """The configuration in `path`, else in the file that HUB_CONFIG names, else in config/configuration.json if that
    is there, else the defaults; with the variables of `environ` over it.

    Raises ConfigurationError with all faults.
    """
    file, place = _choose(path, environ)
    if file is None:
        return build({}, environ)
    document, faults = read(file, place)
    return build(document or {}, environ, file=file, faults=faults)


def without_file() -> str:
    """What a configuration is made of that names no file, in words for people."""
    name = DEFAULT_FILE.name
    unread = f"; {name} in this folder is not read: say --config {name}" if Path(name).exists() else ""
    return f"defaults and environment{unread}"


def build(
    document: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    file: Path | None = None,
    faults: Collection[Fault] = (),
) -> Configuration:
    """The configuration that `document` (JSON values) describes; relative `${file:…}` lie beside `file`.

    `faults` are those already found while it was read. Raises ConfigurationError with all faults.
    """
    found = [*faults, *secrets_in_the_clear(document)]
    written, origins, bad_variables = override(dict(document), environ)
    references = References(environ, file.parent if file else Path())
    left_alone = dormant(written)
    resolved = references.resolve(written, lambda place: place in left_alone or place in origins)
    found += [*bad_variables, *references.faults.values()]
    configuration = None
    try:
        configuration = Configuration.model_validate(resolved)
    except ValidationError as error:
        # A value that could not be looked up has its fault; what the reference's own text breaks is no second one.
        found += [fault for place, fault in explain(error, origins) if place not in references.faults]
    # What is wrong in itself needs no second fault about how it goes with the rest.
    places = {fault.path for fault in found}
    found += [fault for fault in crosscheck(resolved) if fault.path not in places]
    if found or configuration is None:
        raise ConfigurationError(dict.fromkeys(found), str(file) if file else "no file")
    configuration._file = file
    configuration._templates = references.templates
    return configuration


def _choose(path: Path | None, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read, if any, and how a fault of the file itself is placed."""
    if path is not None:
        return path, str(path)
    if named := environ.get(VARIABLE):
        return Path(named), f"environment {VARIABLE}"
    return (DEFAULT_FILE, str(DEFAULT_FILE)) if DEFAULT_FILE.exists() else (None, "")
