"""The files that travel with the package: migrations, and the configuration a new project starts from.

Invariant: a caller gets the same file whether the hub runs from a checkout, where these folders lie beside the package,
or from an installed wheel, which carries them inside it.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["migrations_dir", "shipped"]


def migrations_dir(dialect: str) -> Traversable:
    """The folder of `NNNN_name.sql` files of one dialect ("postgresql", "sqlite", "mysql").

    Raises FileNotFoundError when the hub has no migrations for it.
    """
    folder = _folder(packaged="migrations", checkout="migrations").joinpath(dialect)
    if not folder.is_dir():
        raise FileNotFoundError(f"no migrations for {dialect!r}")
    return folder


def shipped(name: str) -> Traversable:
    """A shipped configuration file by its name, such as "configuration.json" or "configuration.schema.json".

    Raises FileNotFoundError when there is none of that name.
    """
    file = _folder(packaged="_config", checkout="config").joinpath(name)
    if not file.is_file():
        raise FileNotFoundError(f"the hub ships no file {name!r}")
    return file


def _folder(*, packaged: str, checkout: str) -> Traversable:
    inside = files("hub").joinpath(packaged)
    if inside.is_dir():
        return inside
    root = Path(__file__).resolve().parent.parent
    # Without this mark the folder beside the package could be anybody's: another distribution's in site-packages.
    if not (root / "pyproject.toml").is_file():
        raise FileNotFoundError(f"the installed hub lacks its folder {packaged!r}: install it again")
    return root / checkout
