"""Who may look: whoever has the Prefect server's password, if there is one; and no page of somebody else's may act.

A form carries a token that belongs to the browser's cookie, as the server's own protection wants it.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE, FIELD = "lance-browser", "token"
# No script at all; pictures and styles are in the page itself.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Access:
    """`password` as Prefect has it, NAME:PASSWORD; "" lets in whoever reaches the address."""

    def __init__(self, app: ASGIApp, password: str):
        self.app, self._wanted = app, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        answer = (
            self.app
            if self._knows(Request(scope))
            else PlainTextResponse(
                "This needs the Prefect server's name and password.",
                401,
                {"WWW-Authenticate": 'Basic realm="LANCE", charset="UTF-8"'},
            )
        )
        await answer(scope, receive, with_headers)

    def _knows(self, request: Request) -> bool:
        if not self._wanted:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            said = base64.b64decode(given, validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(said, self._wanted.encode())


class Forms:
    """Tokens for the forms of one server's life."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def browser(self, request: Request) -> str:
        """What the browser is known by; a new one where it has no cookie yet."""
        return request.cookies.get(COOKIE) or secrets.token_urlsafe(24)

    def token(self, browser: str) -> str:
        return hmac.new(self._secret, browser.encode(), sha256).hexdigest()

    def field(self, browser: str) -> Markup:
        """What a form has to have in it."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, self.token(browser))

    async def read(self, request: Request) -> dict[str, str]:
        """The fields of a form of this site's own. Raises PermissionError for another one."""
        fields = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        wanted = self.token(request.cookies.get(COOKIE, ""))
        if COOKIE not in request.cookies or not hmac.compare_digest(fields.pop(FIELD, ""), wanted):
            raise PermissionError("this form is not of this page, or the server was restarted: load the page again")
        return fields
