"""The cookie of a browser in front of a dashboard in which nobody signs in: a random token that says nothing else."""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convexplain.dashboard.services.reviewer_names import BROWSER


class BrowserCookie:
    """ASGI middleware that gives each browser its token, so that it need not ask a name again after a reload.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; pages set the cookie where there is none."""
        if scope["type"] != "http" or not _asks_for_page(HTTPConnection(scope)):
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{BROWSER}={secrets.token_urlsafe(32)}; HttpOnly; Path=/; SameSite=lax"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _asks_for_page(connection: HTTPConnection) -> bool:
    return BROWSER not in connection.cookies and "text/html" in connection.headers.get("accept", "")
