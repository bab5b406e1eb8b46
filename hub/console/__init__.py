"""The console: the page at `/console` on which operators look at their hub and act on it.

Invariant: it is static files and nothing else. All that it shows and does goes through the documented API with the
reader's own token, so that it can do nothing that the API would not do for anybody else.
"""

from __future__ import annotations

from typing import Final

PACKAGE: Final = __name__

_MODULES: Final = (
    "actions",
    "adapters",
    "chart",
    "client",
    "configuration",
    "console",
    "dead",
    "graph",
    "job",
    "jobs",
    "live",
    "map",
    "overview",
    "rates",
    "schedules",
    "shown",
    "workflows",
)

FILES: Final = {
    "/console": ("console.html", "text/html"),
    "/console/console.css": ("console.css", "text/css"),
    **{f"/console/{name}.js": (f"{name}.js", "text/javascript") for name in _MODULES},
}
"""Address → file in `static` and its media type."""
