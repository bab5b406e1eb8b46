"""Pages of the package as addresses: files that anybody may load, and that may load nothing from elsewhere.

Invariant: a page holds no data. It is served before it has been given a token, and its policy lets it speak to this hub
alone, run no script but the files beside it, and make no markup of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from aiohttp import web

from hub.api.access import Caller, Role
from hub.api.endpoint import Endpoint, Text

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_endpoints(package: str, table: Mapping[str, tuple[str, str]], title: str, tag: str) -> Iterator[Endpoint]:
    """An address for each file in the folder `static` of a package; `table`: address → name and media type."""
    for path, (name, media) in table.items():
        # The page must be there before it can be given a token; there is nothing in it to hide.
        handle = _file(package, name, media, title)
        yield Endpoint("GET", path, Role.ANYONE, handle, tag=tag, answers={200: Text(media)})


def _file(package: str, name: str, media: str, title: str) -> Any:
    body = files(package).joinpath("static", name).read_bytes()

    async def answer(request: web.Request, caller: Caller) -> web.Response:
        return web.Response(body=body, content_type=media, charset="utf-8", headers=HEADERS)

    answer.__doc__ = f"A file of {title}: {name}."
    return answer
