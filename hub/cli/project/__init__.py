"""The project that `hub init` makes, and how it is written.

Invariant: nothing that is there is ever overwritten; what is written passes `hub check` and its own test.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hub.config import json_schema_text
from hub.errors import Rejected

_FILES = {
    "config/configuration.json": "configuration.json",
    "handlers.py": "handlers.py.txt",
    "test_handlers.py": "test_handlers.py.txt",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}
_SCHEMA = "config/configuration.schema.json"


def write(directory: Path) -> list[Path]:
    """Write the project; the files, in their order. Raises Rejected for a folder with something in it."""
    if directory.exists():
        if not directory.is_dir():
            raise Rejected(f"{directory} is a file: name a folder")
        if any(directory.iterdir()):
            raise Rejected(f"{directory} is not empty: name a new folder, so that nothing of yours is overwritten")
    templates = files(__package__).joinpath("files")
    texts = {path: templates.joinpath(name).read_text(encoding="utf-8") for path, name in _FILES.items()}
    texts[_SCHEMA] = json_schema_text()
    title = directory.resolve().name
    written = []
    for path, text in texts.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("{{title}}", title), encoding="utf-8")
        written.append(target)
    return written
