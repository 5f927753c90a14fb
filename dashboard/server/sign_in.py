"""The ways in and out: the page to sign in, a password or an identity provider, and the end of a session."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from convexplain.dashboard.services.access import Providers, password_role
from convexplain.dashboard.services.people import Person, Role
from convexplain.dashboard.services.sessions import LONGEST, Sessions
from convexplain.explain.wording import counted
from convexplain.text.visible import one_line

from .gate import HEALTH, SIGN_IN, SIGN_OUT, session_cookie
from .page import sign_in_page
from .throttle import Throttle

_log = logging.getLogger("convexplain.dashboard")
_NAME = 60  # characters of a name that are kept

Record = Callable[[str, str, Mapping[str, Any]], None]
"""Keeps an event of the audit log: who, what, and its details."""


@dataclass
class SignIn:
    """The routes by which people come in and go.

    Attributes:
        sessions: who has signed in.
        passwords: the password of each role; empty: none signs in by a password.
        providers: the identity providers; None: there are none.
        record: keeps an event of the audit log.
        throttle: slows down guesses.
    """

    sessions: Sessions
    passwords: Mapping[Role, str]
    providers: Providers | None
    record: Record
    throttle: Throttle = field(default_factory=Throttle)

    def __post_init__(self) -> None:
        self._clients = None if self.providers is None else _oauth_clients(self.providers)

    @property
    def open_paths(self) -> frozenset[str]:
        """Return the paths that answer before sign-in."""
        names = () if self.providers is None else self.providers.clients
        back = () if self.providers is None else (self._callback,)
        return frozenset({HEALTH, SIGN_IN, *back, *(f"{SIGN_IN}/with/{quote(name)}" for name in names)})

    def routes(self) -> list[Route]:
        """Return the routes."""
        routes = [
            Route(SIGN_IN, self.show, methods=["GET"]),
            Route(SIGN_IN, self.by_password, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["GET"]),
        ]
        if self.providers is not None:
            routes.append(Route(f"{SIGN_IN}/with/{{name}}", self.to_provider, methods=["GET"]))
            routes.append(Route(self._callback, self.from_provider, methods=["GET"]))
        return routes

    async def show(self, request: Request) -> Response:
        """Return the page to sign in."""
        return self._page(request)

    async def by_password(self, request: Request) -> Response:
        """Begin a session where the password is right."""
        if not _from_this_page(request):
            return self._page(request, "The form came from another site.", HTTPStatus.FORBIDDEN)
        form = await request.form()
        place = str(form.get("to", "/"))
        name, typed = one_line(str(form.get("name", "")))[:_NAME].strip(), str(form.get("password", ""))
        if not self.passwords or not name:
            return self._page(request, "Type your name and the password.", HTTPStatus.BAD_REQUEST, place)
        if wait := self.throttle.admit():
            seconds = math.ceil(wait)
            text = f"Somebody tried to sign in a moment ago. Try again in {counted(seconds, 'second')}."
            answer = self._page(request, text, HTTPStatus.TOO_MANY_REQUESTS, place)
            answer.headers["Retry-After"] = str(seconds)
            return answer
        role = password_role(typed, self.passwords)
        if role is None:
            self.throttle.failed()
            self._refused(request, name, "wrong password")
            return self._page(request, "The password is wrong.", HTTPStatus.FORBIDDEN, place)
        return self._begin(request, Person(name, role, "password"), place)

    async def to_provider(self, request: Request) -> Response:
        """Send the browser to an identity provider."""
        client = self._client(request.path_params["name"])
        if client is None or self.providers is None:
            return self._page(request, "There is no such provider.", HTTPStatus.NOT_FOUND)
        request.session["provider"] = request.path_params["name"]
        request.session["to"] = request.query_params.get("to", "/")
        try:
            answer: Response = await client.authorize_redirect(request, self.providers.redirect_uri)
        except Exception as error:  # noqa: BLE001 - of the network, or of the provider's metadata
            _log.warning("the identity provider cannot be reached: %s", type(error).__name__)
            return self._page(request, "The identity provider cannot be reached.", HTTPStatus.BAD_GATEWAY)
        return answer

    async def from_provider(self, request: Request) -> Response:
        """Begin a session where the provider vouches for a person who may sign in."""
        name = str(request.session.pop("provider", ""))
        place = str(request.session.pop("to", "/"))
        client = self._client(name)
        if client is None or self.providers is None:
            return self._page(request, "Sign in again.", HTTPStatus.BAD_REQUEST)
        try:
            token = await client.authorize_access_token(request)
        except Exception as error:  # noqa: BLE001 - a refused code, a bad signature, a provider that is away
            self._refused(request, "", f"{name}: {type(error).__name__}")
            return self._page(request, "The identity provider did not confirm who you are.", HTTPStatus.FORBIDDEN)
        claims = token.get("userinfo") or {}
        email = one_line(str(claims.get("email", "")))[:200]
        verified = claims.get("email_verified") is True or (
            self.providers.unverified and claims.get("email_verified") is None
        )
        role = self.providers.role(email) if verified else None
        if role is None:
            self._refused(request, email, f"{name}: {'not on the list' if verified else 'e-mail not verified'}")
            text = "You may not use this dashboard. Ask its operator to add your e-mail address."
            return self._page(request, text, HTTPStatus.FORBIDDEN)
        return self._begin(request, Person(email.lower(), role, name), place)

    async def sign_out(self, request: Request) -> Response:
        """End the session, unless another site sent the browser here."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        cookie = session_cookie(request.url.scheme)
        person = self.sessions.end(request.cookies.get(cookie))
        if person is not None:
            self.record(person.name, "sign out", {})
        request.session.clear()
        answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        answer.delete_cookie(cookie, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
        return answer

    @property
    def _callback(self) -> str:
        return urlsplit(self.providers.redirect_uri).path or "/" if self.providers is not None else ""

    def _client(self, name: str) -> Any:
        configured = self.providers is not None and name in self.providers.clients
        return self._clients.create_client(name) if configured and self._clients is not None else None

    def _page(
        self, request: Request, problem: str = "", status: HTTPStatus = HTTPStatus.OK, place: str | None = None
    ) -> HTMLResponse:
        names = () if self.providers is None else tuple(self.providers.clients)
        place = _local_place(request.query_params.get("to", "/") if place is None else place)
        return HTMLResponse(sign_in_page(bool(self.passwords), names, place, problem), status)

    def _refused(self, request: Request, name: str, reason: str) -> None:
        address = request.client.host if request.client else ""
        _log.warning("sign-in refused: %s (%s), from %s", one_line(name) or "somebody", reason, address)
        self.record(name, "sign-in refused", {"reason": reason, "address": address})

    def _begin(self, request: Request, person: Person, place: str) -> Response:
        cookie = session_cookie(request.url.scheme)
        self.sessions.end(request.cookies.get(cookie))
        token = self.sessions.open(person)
        address = request.client.host if request.client else ""
        _log.info("sign-in: %s (%s), from %s", person.name, person.role, address)
        self.record(person.name, "sign in", {"role": person.role, "by": person.source, "address": address})
        answer = RedirectResponse(_local_place(place), HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        answer.set_cookie(cookie, token, max_age=int(LONGEST), httponly=True, samesite="lax", secure=secure)
        return answer


def _from_this_page(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _local_place(place: str) -> str:
    """Return a path of this server; `/` for anything else, as an address of another one."""
    plain = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable()
    return place if plain and not place.startswith((SIGN_IN, SIGN_OUT)) else "/"


def _oauth_clients(providers: Providers) -> Any:
    from authlib.integrations.starlette_client import OAuth

    clients = OAuth()
    for name, settings in providers.clients.items():
        kwargs = {"scope": "openid email", "code_challenge_method": "S256", **settings.get("client_kwargs", {})}
        clients.register(
            name,
            client_id=settings["client_id"],
            client_secret=settings["client_secret"],
            server_metadata_url=settings["server_metadata_url"],
            client_kwargs=kwargs,
        )
    return clients
