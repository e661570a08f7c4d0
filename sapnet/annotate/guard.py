"""Protection of the local server: only its own page may send requests.

A browser lets any site send requests to servers on this machine. Headers that scripts cannot forge
tell such requests apart: `Host` names the other site's domain, even if that domain resolves to this
machine (DNS rebinding), and `Origin` or `Sec-Fetch-Site` name the page that sent the request.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OWN_SITES = ("same-origin", "none")  # "none": the user typed or opened the address

_HEADERS = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' blob: data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}
"""Headers of every response: the page may load from its own server only, and not be framed."""


TOKEN = "token"
"""Name of the token in the page's address and in the cookie."""


def new_token() -> str:
    """Return a secret for the address of a page that other machines can reach."""
    return secrets.token_urlsafe(24)


class OwnPageOnly:
    """Middleware that refuses requests of other sites' pages and hardens the responses.

    Args:
        app: the application.
        hosts: further names of the server, besides addresses, `localhost` and this machine's name.
        token: secret that requests must know, in the address once and in a cookie then; None lets
            every program that reaches the server in.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self._app = app
        self._token = token
        self._hosts = frozenset({"localhost", socket.gethostname().lower(), *hosts})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal:
            await PlainTextResponse(refusal, 403)(scope, receive, send)
            return
        if self._token is not None and not self._knows_token(headers):
            await _ask_token(self._token, scope)(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        await self._app(scope, receive, send_hardened)

    def _refusal(self, headers: Headers) -> str:
        """Return the reason why a request is refused, empty if it is allowed."""
        host = headers.get("host", "")
        if not self._is_own(host):
            return f"host {host!r} is not this server. Open the address that sapnet printed.\n"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"requests from pages of {origin} are refused.\n"
        site = headers.get("sec-fetch-site", "none")
        if site not in _OWN_SITES and headers.get("sec-fetch-mode") != "navigate":
            return "requests from pages of other sites are refused.\n"
        return ""

    def _knows_token(self, headers: Headers) -> bool:
        cookies = SimpleCookie()
        with suppress(CookieError):
            cookies.load(headers.get("cookie", ""))
        sent = cookies[TOKEN].value if TOKEN in cookies else ""
        return self._token is not None and is_same_token(sent, self._token)

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # an address; only names can be made to point elsewhere


def is_same_token(sent: str, token: str) -> bool:
    """Compare in constant time, so that the time of an answer tells nothing about the token."""
    return secrets.compare_digest(sent.encode("utf-8", "replace"), token.encode())


def _ask_token(token: str, scope: Scope) -> Response:
    """Return the response to a request without the cookie; the right address sets it."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if scope["method"] == "GET" and is_same_token(query.get(TOKEN, [""])[0], token):
        # The token leaves the address, so that it is in no history and no bookmark.
        response = RedirectResponse(quote(scope["path"]), 303)
        response.set_cookie(TOKEN, token, httponly=True, samesite="strict")
        return response
    return PlainTextResponse("open the address that sapnet printed, with its token.\n", 401)
