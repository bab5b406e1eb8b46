"""Database addresses: text as people write it (DATABASE_URL, `database.url`) → Address.

Invariant: no message, repr or traceback made here shows a password, also when the text cannot be understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from hub.errors import AddressInvalid

_DIALECTS = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_PORTS = {"postgresql": 5432, "mysql": 3306}
# An option that nobody acts on would be a promise not kept (sslrootcert!), so the others are errors.
_OPTIONS = {"postgresql": frozenset(("sslmode",)), "mysql": frozenset(("sslmode",)), "sqlite": frozenset[str]()}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# libpq takes these in the query too; `host` is the way to name the folder of a Unix socket.
_PARTS = ("host", "port", "user", "password", "dbname")
_EXAMPLES = "postgresql://user:password@host:5432/name, sqlite:///relative/file.db or sqlite:////absolute/file.db"


@dataclass(frozen=True)
class Address:
    """Where a database is. `dialect` is 'postgresql', 'mysql' or 'sqlite'; `database` the name, or the file's path.

    On SQLite `host` is '' and `port` 0. `options` are libpq's, by their names.
    """

    dialect: str
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def masked(self) -> str:
        """The address as text, the password as ***."""
        return self._text(self.database, "***")

    def beside(self, database: str) -> str:
        """The URL of another database of the same server, with the password: for `open_database`, not to be shown."""
        return self._text(quote(database, safe=""), quote(self.password or "", safe=""))

    def _text(self, database: str, password: str) -> str:
        if self.dialect == "sqlite":
            return f"sqlite:///{database}"
        user = "" if self.user is None else quote(self.user, safe="")
        secret = "" if self.password is None else f":{password}"
        at = "@" if user or secret else ""
        socket = self.host.startswith("/")
        host = "" if socket else f"[{self.host}]" if ":" in self.host else self.host
        port = {} if self.port == _PORTS[self.dialect] else {"port": str(self.port)}
        options = {"host": self.host, **port, **self.options} if socket else self.options
        query = "&".join(f"{name}={value}" for name, value in options.items())
        place = "" if socket else f"{host}:{self.port}"
        return f"{self.dialect}://{user}{secret}{at}{place}/{database}{'?' if query else ''}{query}"


def parse(text: str) -> Address:
    """The address that `text` names; raises AddressInvalid, which says what to write instead."""
    scheme, separator, _ = text.strip().partition("://")
    dialect = _DIALECTS.get(scheme.lower())
    if not separator:
        _invalid(text, f"it has no scheme; write one like {_EXAMPLES}")
    if dialect is None:
        plain = scheme.partition("+")[0].lower()
        if plain in _DIALECTS:
            _invalid(text, f"the hub chooses the driver itself; write {plain}:// in place of {scheme}://")
        _invalid(text, f"{scheme}:// is not a database the hub knows; write one like {_EXAMPLES}")
    try:
        split = urlsplit(text.strip())
        port = split.port
    except ValueError:
        # The reason is not quoted: it may hold a piece of the password.
        _invalid(
            text,
            "host or port cannot be read; is a '/', '?', '#' or '@' in the password? write it as %2F, %3F, %23, %40",
        )
    if split.fragment:
        _invalid(text, "it contains a '#'; in a password write it as %23")
    return _sqlite(text, split) if dialect == "sqlite" else _server(text, dialect, split, port)


def _sqlite(text: str, split: SplitResult) -> Address:
    if split.netloc:
        _invalid(text, "a file's address has three slashes (sqlite:///relative) or four (sqlite:////absolute)")
    path = unquote(split.path.removeprefix("/"))
    if path in ("", ":memory:"):
        _invalid(text, "the hub keeps its rows in a file; name one, like sqlite:///data/hub.db")
    return Address("sqlite", "", 0, None, None, path, _options(text, "sqlite", split))


def _server(text: str, dialect: str, split: SplitResult, port: int | None) -> Address:
    options = _options(text, dialect, split)
    parts = {name: options.pop(name) for name in _PARTS if name in options}
    database = unquote(split.path.removeprefix("/")) or parts.get("dbname", "")
    if not database or "/" in database:
        _invalid(text, "name one database behind the host, like …@host:5432/hub")
    if "port" in parts and not parts["port"].isdecimal():
        _invalid(text, "the port is a number")
    return Address(
        dialect,
        host=parts.get("host") or unquote(split.hostname or "localhost"),
        port=int(parts.get("port") or port or _PORTS[dialect]),
        user=unquote(split.username) if split.username else parts.get("user"),
        password=unquote(split.password) if split.password else parts.get("password"),
        database=database,
        options=options,
    )


def _options(text: str, dialect: str, split: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(split.query, keep_blank_values=True))
    known = _OPTIONS[dialect] | (frozenset() if dialect == "sqlite" else frozenset(_PARTS))
    for name in options:
        if name not in known:
            choice = f"; it knows {', '.join(sorted(_OPTIONS[dialect]))}" if _OPTIONS[dialect] else ""
            _invalid(text, f"the hub does not act on the option {name!r}: leave it out{choice}")
    if (mode := options.get("sslmode", "prefer")) not in _SSL_MODES:
        _invalid(text, f"sslmode={mode} is none of {', '.join(_SSL_MODES)}")
    return options


def _invalid(text: str, remedy: str) -> NoReturn:
    raise AddressInvalid(f"the database address {_mask(text)} cannot be used: {remedy}") from None


def _mask(text: str) -> str:
    """Hide whatever may be a password in a text that was not understood: too much rather than too little."""
    hidden = re.sub(r"(?<=://)([^:/@]*):.*@", r"\1:***@", text.strip(), flags=re.DOTALL)
    hidden = re.sub(r"(password=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)
    if "@" not in hidden and "://" in hidden:
        # A password with '#' or '/' and no '@' behind it: show no more than the scheme and what looks like a path.
        hidden = re.sub(r"(?<=://)([^:/]+):[^/\d][^/]*", r"\1:***", hidden)
    return hidden
