"""What the environment says instead of the file.

Invariant: the environment is the mapping given, read when asked; an empty variable counts as not set, because that is
what compose files make of a missing one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from hub.config.faults import Fault, Invalid, Path, quoted
from hub.config.sections.server import DATABASE_SCHEMES

_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_PARTS = ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASS", "DB_NAME")


class Overridden(NamedTuple):
    """A document with the environment's values in it; `origins` names the variable behind each such place."""

    document: dict[str, Any]
    origins: dict[Path, str]
    faults: list[Fault]


def override(document: dict[str, Any], environ: Mapping[str, str]) -> Overridden:
    """`document` with the values that `environ` gives; the document itself stays as it is."""
    origins: dict[Path, str] = {}
    faults: list[Fault] = []
    for variable, (path, parse) in _VARIABLES.items():
        text = environ.get(variable, "")
        if not text:
            continue
        try:
            document = _replaced(document, path, parse(text))
            origins[path] = variable
        except Invalid as error:
            faults.append(Fault(f"environment {variable}", str(error), error.suggestion))
    if ("database", "url") not in origins and any(environ.get(part) for part in _PARTS):
        faults += (bad := list(_bad_parts(environ)))
        if not bad:
            document = _replaced(document, ("database", "url"), _address(environ, _server_scheme(document)))
            origins["database", "url"] = "DB_HOST"
    return Overridden(document, origins, faults)


def _bad_parts(environ: Mapping[str, str]) -> Iterator[Fault]:
    if not environ.get("DB_NAME"):
        given = ", ".join(part for part in _PARTS if environ.get(part))
        hint = "set DB_NAME too, or DATABASE_URL instead of all of them"
        yield Fault("environment DB_NAME", f"not set, although {given} is", hint)
    port = environ.get("DB_PORT", "")
    if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536):
        yield Fault("environment DB_PORT", f"expected a port between 1 and 65535, got {quoted(port)}")


def _address(environ: Mapping[str, str], scheme: str) -> str:
    host, port, user, password, name = (environ.get(part, "") for part in _PARTS)
    user_part = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    host_part = f"[{host}]" if ":" in host else host or "127.0.0.1"
    authority = (f"{user_part}@" if user_part else "") + host_part + (f":{port}" if port else "")
    return f"{scheme}://{authority}/{quote(name, safe='')}"


def _server_scheme(document: dict[str, Any]) -> str:
    """The kind of server the file names, if it names one."""
    database = document.get("database")
    written = database.get("url") if isinstance(database, dict) else None
    scheme = written.partition("://")[0] if isinstance(written, str) else ""
    return scheme if scheme in DATABASE_SCHEMES and scheme != "sqlite" else "postgresql"


def _replaced(document: dict[str, Any], keys: Sequence[str], value: object) -> dict[str, Any]:
    key, *inner_keys = keys
    if not inner_keys:
        return {**document, key: value}
    inner = document.get(key, {})
    # A section that is no object is a fault of its own; there is no place in it for the value.
    return {**document, key: _replaced(inner, inner_keys, value)} if isinstance(inner, dict) else document


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        raise Invalid(f"expected a whole number, got {quoted(text)}")
    return int(text)


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise Invalid(f"expected true or false, got {quoted(text)}") from None


def _span(text: str) -> float | str:
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else text


_VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[str], object]]] = {
    "DATABASE_URL": (("database", "url"), str),
    "MAX_WORKERS": (("jobs", "workers"), _whole),
    "PORT": (("http", "port"), _whole),
    "ENABLE_RECOVERY": (("jobs", "recovery", "enabled"), _flag),
    "DEFAULT_RECOVERY_ENABLED": (("jobs", "recovery", "default_enabled"), _flag),
    "RECOVERY_CHECK_INTERVAL": (("jobs", "recovery", "check_interval"), _span),
    "MAX_RECOVERY_ATTEMPTS": (("jobs", "recovery", "max_attempts"), _whole),
}
