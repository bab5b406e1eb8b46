"""Secrets: how they are held, how they are shown, and where one stands in the clear.

Invariant: the text of a secret leaves its holder only through `get_secret_value()` (or, for free settings, by reading
the entry); `repr`, logs and `model_dump` show the mask or the reference it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, Secret

from hub.config.faults import Fault, Path, path_text
from hub.config.references import Resolved, is_reference

MASK = "***"

_SECRET_KEY = re.compile(
    r"(.*[_-])?(pass|passwd|password|passphrase|secrets?|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie)",
    re.IGNORECASE,
)
# Up to the last "@": a password that was not percent-encoded must not show its end.
_USERINFO = re.compile(r"(?<=://)([^:/@]*):(.*)(?=@)", re.DOTALL)
_QUERY_SECRET = re.compile(r"([?&][^=&#]*(?:password|secret|token|key)[^=&#]*=)([^&#]*)", re.IGNORECASE)
# Messages and their schemas are the author's data: a property named "token" there is no secret of the hub.
_DATA_KEYS = frozenset({"schema", "payload", "metadata"})


class SecretUrl(Secret[str]):
    """An address that may hold a password; shown with the password masked."""

    def _display(self) -> str:
        return masked_url(self.get_secret_value())


class Settings(dict[str, Any]):
    """Free settings of a handler or of a third-party adapter: plain values to read, references when shown."""

    def __init__(self, written: dict[str, Any]) -> None:
        super().__init__(_each_text(written, str.__str__))
        self.written: dict[str, Any] = _each_text(written, _as_written)

    def __repr__(self) -> str:
        return repr(self.written)

    def __reduce__(self) -> tuple[Any, ...]:
        # A dict's own way would call __init__ without its argument; worker processes get the configuration pickled.
        return _restore, (dict(self), self.written)


def _restore(plain: dict[str, Any], written: dict[str, Any]) -> Settings:
    settings = Settings(written)
    settings.update(plain)
    return settings


FreeSettings = Annotated[
    dict[str, Any], AfterValidator(Settings), PlainSerializer(lambda value: value.written, return_type=dict[str, Any])
]


def no_settings() -> Settings:
    """The default of a field of free settings."""
    return Settings({})


def masked_url(url: str) -> str:
    """`url` with the password of its user part and the secrets of its query replaced by the mask."""
    return _QUERY_SECRET.sub(rf"\1{MASK}", _USERINFO.sub(rf"\1:{MASK}", url))


def is_secret_key(key: str | int) -> bool:
    """Whether the value under this key is a secret by the look of its name."""
    return isinstance(key, str) and _SECRET_KEY.fullmatch(key) is not None


def secrets_in_the_clear(document: object) -> Iterator[Fault]:
    """A fault for each secret that the file itself holds instead of referring to it. `document` is as written."""
    for path, text in _texts(document, ()):
        if is_secret_key(next(part for part in reversed(path) if isinstance(part, str))):
            if text and not is_reference(text):
                yield _in_the_clear(path, "a secret in the clear", "${env:NAME}")
        elif any(match[2] and not is_reference(match[2]) for match in _url_secrets(text)):
            yield _in_the_clear(path, "a password in the clear, inside the address", "scheme://user:${env:NAME}@host")


def _in_the_clear(path: Path, message: str, form: str) -> Fault:
    return Fault(path_text(path), message, f'write "{form}" or the same with ${{file:PATH}}, and keep the value there')


def _url_secrets(text: str) -> list[re.Match[str]]:
    return [*_USERINFO.finditer(text), *_QUERY_SECRET.finditer(text)] if "://" in text else []


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str) and path:
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _DATA_KEYS:
                yield from _texts(item, (*path, key))


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _each_text(item, change) for key, item in value.items()}
    return value


def _as_written(text: str) -> str:
    return text.template if isinstance(text, Resolved) else text
