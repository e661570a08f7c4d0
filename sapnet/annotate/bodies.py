"""Limits on the bodies of requests: their size, their number of values, and their time.

What a page sends is small. A body is read in full before it is parsed, so that nobody can make the
server parse gigabytes, or keep a connection open by sending a byte now and then.
"""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 64_000_000
"""Largest body: the masks of thousands of objects."""

MAX_VALUES = 400_000
"""Most values of a body, counted by their commas: those of 100,000 points and more."""

BODY_SECONDS = 30.0
"""Longest time that a body may take to arrive; a page is on the same network."""


class BoundedBodies:
    """Middleware that refuses bodies that are too large, and drops writers that stall.

    Args:
        app: the application.
        seconds: longest time that a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(408, "the request took too long to arrive.\n", scope, receive, send)
            return
        if body is None:
            await _refuse(413, "the request is too large for this page.\n", scope, receive, send)
            return
        is_given = False

        async def replay() -> Message:
            nonlocal is_given
            if is_given:
                return await receive()
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None if it is too large."""
    parts: list[bytes] = []
    size = values = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            return b"".join(parts)
        part: bytes = message.get("body", b"")
        parts.append(part)
        size, values = size + len(part), values + part.count(b",")
        if size > MAX_BYTES or values > MAX_VALUES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _refuse(status: int, text: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and close the connection: the rest of the body is not read."""
    await PlainTextResponse(text, status, {"connection": "close"})(scope, receive, send)
