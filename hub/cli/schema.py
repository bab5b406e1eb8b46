"""`hub schema`: what configuration.json may say, as JSON Schema."""

from __future__ import annotations

import sys

EXAMPLES = ("hub schema > config/configuration.schema.json",)


def schema() -> None:
    """Print the JSON Schema of configuration.json, for editors.

    A file that begins with "$schema": "./configuration.schema.json" is completed and checked while it is typed.
    """
    from hub.config import json_schema_text

    sys.stdout.write(json_schema_text())
