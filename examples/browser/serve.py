"""Serves the page, with the SignalR client of npm beside it: `python -m examples.browser.serve CLIENT [PORT]`.

CLIENT is the file signalr.min.js of `npm install @microsoft/signalr` (node_modules/@microsoft/signalr/dist/browser/).
Any web server will do as well; the page's origin must be in the hub's http.allowed_origins.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent
FILES = ("page.css", "page.js")


def application(client: Path) -> web.Application:
    """The page at `/`, and what it loads."""
    pages = web.Application()

    def add(path: str, file: Path) -> None:
        async def answer(request: web.Request) -> web.FileResponse:
            return web.FileResponse(file)

        pages.router.add_get(path, answer)

    add("/", HERE / "index.html")
    for name in FILES:
        add(f"/{name}", HERE / name)
    add("/signalr.min.js", client)
    return pages


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    web.run_app(application(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
