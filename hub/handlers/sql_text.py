"""What must be known of an SQL text without parsing it: where its literals and comments are.

Invariant: pure. It errs on the side of the database, which refuses a second statement by itself; a message from here is
only the clearer one.
"""

from __future__ import annotations

import re

_OPAQUE = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?<!\w) [eE] ' (?: \\. | '' | [^'\\] )* '
    | ' (?: '' | [^'] )* '
    | " (?: "" | [^"] )* "
    | (?<![\w$]) \$ (?P<tag> (?: [A-Za-z_]\w* )? ) \$ .*? \$ (?P=tag) \$
    """,
    re.DOTALL | re.VERBOSE,
)
_COLON = re.compile(r"(?<!\\):")
_PARAMETER_BEFORE_CAST = re.compile(r"(?<![:\w\\])(:\w+)(?=::)")


def is_several(statement: str) -> bool:
    """Whether something follows a semicolon that ends a statement."""
    bare = _OPAQUE.sub(lambda found: " " if found["comment"] else "''", statement)
    return bool(bare.partition(";")[2].replace(";", "").strip())


def for_sqlalchemy(statement: str) -> str:
    """The statement as `sqlalchemy.text` reads it right: a parameter in `:at::date`, none in `' :30'` and comments."""
    parts: list[str] = []
    end = 0
    for opaque in _OPAQUE.finditer(statement):
        parts += (_casts_apart(statement[end : opaque.start()]), _COLON.sub(r"\\:", opaque[0]))
        end = opaque.end()
    return "".join((*parts, _casts_apart(statement[end:])))


def _casts_apart(code: str) -> str:
    return _PARAMETER_BEFORE_CAST.sub(r"\1 ", code)
