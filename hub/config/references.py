"""`${env:NAME}` and `${file:PATH}` inside the texts of a configuration.

Invariant: only texts of the file are looked at, once: what a reference brings in is never searched for references
itself. A text without references stays the object it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from hub.config.faults import Fault, Path, did_you_mean, path_text, quoted

# The first alternative is the escape: $${env:X} stands for the text ${env:X}.
_PATTERN = re.compile(r"\$\$\{|\$\{(?P<kind>[A-Za-z_]+):(?P<name>[^}]*)\}")
_KINDS = ("env", "file")


class Resolved(str):
    """A text with its references replaced; `template` is what the file says."""

    template: str

    def __new__(cls, value: str, template: str) -> Resolved:
        self = super().__new__(cls, value)
        self.template = template
        return self

    def __repr__(self) -> str:
        return repr(self.template)


class Unresolved(Exception):
    """A reference that leads nowhere; `suggestion` says what to do about it."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


class References:
    """Resolves the references of one document: variables from `environ`, relative files from `folder`.

    After `resolve`, `faults` has those that lead nowhere and `templates` what stood at each place that had one.
    """

    def __init__(self, environ: Mapping[str, str], folder: FilePath) -> None:
        self._environ = environ
        self._folder = folder
        self.faults: dict[Path, Fault] = {}
        self.templates: dict[Path, str] = {}

    def resolve(self, value: Any, skip: Callable[[Path], bool], path: Path = ()) -> Any:
        """A copy of `value` with every reference replaced, except below the places that `skip` names."""
        if skip(path):
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, list):
            return [self.resolve(item, skip, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.resolve(item, skip, (*path, key)) for key, item in value.items()}
        return value

    def _text(self, template: str, path: Path) -> str:
        if "${" not in template:
            return template
        try:
            value = _PATTERN.sub(self._replacement, template)
        except Unresolved as error:
            self.faults[path] = Fault(path_text(path), str(error), error.suggestion)
            return template
        if not is_reference(template):
            return value
        self.templates[path] = template
        return Resolved(value, template)

    def _replacement(self, match: re.Match[str]) -> str:
        kind, name = match["kind"], match["name"]
        if kind is None:
            return "${"
        if kind in _KINDS and not name:
            raise Unresolved(f"{quoted(match[0])} names nothing", f'"${{{kind}:NAME}}"')
        if kind == "env":
            return self._variable(name)
        if kind == "file":
            return self._file(name)
        raise Unresolved(f"unknown kind of reference {quoted(match[0])}", did_you_mean(kind, _KINDS))

    def _variable(self, name: str) -> str:
        try:
            return self._environ[name]
        except KeyError:
            near = did_you_mean(name, self._environ)
            raise Unresolved(f"the environment variable {name} is not set", near or f"set {name}") from None

    def _file(self, name: str) -> str:
        file = self._folder / name
        try:
            # The line end that editors and `echo` leave behind belongs to no secret.
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise Unresolved(f"the file {quoted(name)} is not UTF-8 text") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no possible file name"
            raise Unresolved(
                f"the file {quoted(name)} cannot be read: {reason}", "the path is relative to the configuration file"
            ) from None


def is_reference(text: str) -> bool:
    """Whether `text` holds at least one reference, known or mistyped."""
    return any(match["kind"] for match in _PATTERN.finditer(text))


def dormant(document: Mapping[str, Any]) -> frozenset[Path]:
    """The places whose references are left alone, because nothing of them runs: disabled adapters, the routes from
    them, and disabled schedules."""
    adapters = _disabled(document.get("adapters"))
    places = {("adapters", name) for name in adapters} | {
        ("schedules", name) for name in _disabled(document.get("schedules"))
    }
    routes = document.get("routes")
    from_disabled = {
        ("routes", index)
        for index, route in enumerate(routes if isinstance(routes, list) else ())
        if isinstance(route, dict) and isinstance(route.get("from"), str) and route["from"] in adapters
    }
    return frozenset(places | from_disabled)


def _disabled(section: object) -> frozenset[str]:
    entries: Iterator[tuple[str, object]] = iter(section.items()) if isinstance(section, dict) else iter(())
    return frozenset(name for name, entry in entries if isinstance(entry, dict) and entry.get("enabled") is False)
