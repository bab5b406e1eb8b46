"""Reading a request's body: bounded in bytes and in time.

Invariant: never more than `limit` bytes (and one network read) are held, whatever the headers promise; nothing is
decompressed, so that nothing can swell.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from hub.adapters.http.answers import HttpFault


async def read_body(request: web.Request, limit: int, timeout: float) -> bytes:
    """The whole body; `timeout` in seconds for its arrival. Raises HttpFault (400, 408, 413, 415)."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise HttpFault(
            415,
            "content-encoding-refused",
            "bodies are taken uncompressed",
            headers={"Accept-Encoding": "identity"},
            close=True,
        )
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    content = request.content
    try:
        if content.is_eof():  # it came together with the head, as most do
            body = content.read_nowait(-1)
            if len(body) > limit:
                raise _too_large(limit)
            return body
        async with asyncio.timeout(timeout):
            return await _collect(request, limit)
    except TimeoutError:
        raise HttpFault(408, "too-slow", f"the body did not arrive within {timeout:g} s", close=True) from None
    except web.RequestPayloadError as error:
        raise HttpFault(400, "body-malformed", f"the body cannot be read: {error}", close=True) from error
    except ConnectionError as error:  # nobody is left to hear it
        raise HttpFault(400, "body-incomplete", "the connection ended within the body", close=True) from error


async def _collect(request: web.Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = await request.content.readany()
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)


def _too_large(limit: int) -> HttpFault:
    return HttpFault(413, "body-too-large", f"the body is larger than {limit} bytes", close=True)
