"""The configuration of a hub: what configuration.json and the environment may say, checked whole.

`load` is the way in; everything else serves it. Nothing here connects anywhere or imports a handler.
"""

from hub.config.faults import ConfigurationError, Fault
from hub.config.load import DEFAULT_FILE, build, load, without_file
from hub.config.schema import Configuration, json_schema, json_schema_text, masked

__all__ = [
    "DEFAULT_FILE",
    "Configuration",
    "ConfigurationError",
    "Fault",
    "build",
    "json_schema",
    "json_schema_text",
    "load",
    "masked",
    "without_file",
]
