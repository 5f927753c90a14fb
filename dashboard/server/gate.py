"""The gate: before sign-in nothing behind it answers, neither pages nor uploads nor the WebSocket."""

from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convexplain.dashboard.services.access import is_loopback
from convexplain.dashboard.services.people import LOCAL, Person
from convexplain.dashboard.services.sessions import Sessions

from .quota import UploadQuota

COOKIE = "convexplain_session"
SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
HEALTH = "/_stcore/health"
_UPLOADS = "/_stcore/upload_file/"
_FORM = 4096  # bytes of a form that is sent before sign-in


def session_cookie(scheme: str) -> str:
    """Return the name of the session's cookie; by HTTPS one that no other host and no page without TLS can set."""
    return f"__Host-{COOKIE}" if scheme in ("https", "wss") else COOKIE


class Gate:
    """ASGI middleware that lets people in who have signed in.

    Args:
        app: the application behind it.
        sessions: who has signed in; None: nobody has to.
        open_paths: the paths that answer before sign-in.
        quota: how much a person may upload; None: any amount.
        local_only: refuse requests whose `Host` is not this machine: a web page elsewhere may have named it so.
    """

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions | None,
        open_paths: Collection[str] = (),
        quota: UploadQuota | None = None,
        local_only: bool = False,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._open_paths = frozenset(open_paths)
        self._quota = quota
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        token = connection.cookies.get(session_cookie(scope.get("scheme", "http")))
        person = LOCAL if self._sessions is None else self._sessions.find(token)
        refusal = self._refusal(scope, connection.headers, person)
        if refusal is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})  # before it is accepted: HTTP 403
            else:
                await refusal(scope, receive, send)
        elif scope["type"] == "websocket" and self._sessions is not None:
            await self._while_signed_in(self._sessions, token, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, person: Person | None) -> Response | None:
        """Return the answer to a request that is not handed on; None where it is."""
        if self._local_only and not _names_this_machine(headers.get("host", "")):
            return PlainTextResponse("This dashboard answers on this machine only.", HTTPStatus.MISDIRECTED_REQUEST)
        method = scope.get("method", "")
        if person is None and scope["path"] not in self._open_paths:
            if method == "GET" and "text/html" in headers.get("accept", ""):
                query = scope["query_string"].decode("latin-1")
                place = scope["path"] + (f"?{query}" if query else "")
                return RedirectResponse(f"{SIGN_IN}?to={quote(place, safe='')}", HTTPStatus.SEE_OTHER)
            return PlainTextResponse("Sign in first.", HTTPStatus.UNAUTHORIZED)
        if method not in ("POST", "PUT", "PATCH"):
            return None
        size = headers.get("content-length", "")
        if not size.isdecimal():
            return PlainTextResponse("A Content-Length is needed.", HTTPStatus.LENGTH_REQUIRED)
        if scope["path"] in self._open_paths and int(size) > _FORM:
            return PlainTextResponse("The form is too long.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if scope["path"].startswith(_UPLOADS) and person is not None and self._quota is not None:
            if not person.may("run models"):
                return PlainTextResponse(f"The role {person.role} may not upload.", HTTPStatus.FORBIDDEN)
            if not self._quota.take(person.account, int(size)):
                limit = f"{self._quota.limit // 10**6:,} MB"
                return PlainTextResponse(
                    f"Your quota of {limit} in 24 hours is used up.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                )
        return None

    async def _while_signed_in(
        self, sessions: Sessions, token: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Hand on the messages of a WebSocket until the session ends."""
        closed = False

        async def close() -> None:
            nonlocal closed
            if not closed:
                closed = True
                await send({"type": "websocket.close", "code": 1008, "reason": "The session has ended."})

        async def receive_message() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and sessions.find(token) is None:
                await close()
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        async def send_message(message: Message) -> None:
            if not closed and sessions.peek(token) is None and message["type"] == "websocket.send":
                await close()
            if not closed:
                await send(message)

        await self._app(scope, receive_message, send_message)


def _names_this_machine(host: str) -> bool:
    name, _, port = host.rpartition(":")
    return is_loopback(name.lower() if name and port.isdecimal() else host.lower())
