"""A gate with people behind it and in front of it."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from convexplain.dashboard.server.gate import Gate
from convexplain.dashboard.server.headers import SecurityHeaders
from convexplain.dashboard.server.quota import UploadQuota
from convexplain.dashboard.server.sign_in import SignIn
from convexplain.dashboard.server.throttle import Throttle
from convexplain.dashboard.services.sessions import Sessions

from .test_throttle import Clock

PASSWORDS = {"admin": "correct horse", "review": "battery staple"}


async def _echo(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def _answer(request: Request):
    return PlainTextResponse(f"pages {len(await request.body())}")


class Door:
    """A gate before a page, an upload endpoint and a WebSocket, and what was recorded of it."""

    def __init__(self, passwords=PASSWORDS, providers=None, quota=1000):
        self.clock, self.events = Clock(), []
        self.sessions = Sessions(self.clock)
        sign_in = SignIn(
            self.sessions, passwords, providers, lambda *event: self.events.append(event), Throttle(self.clock)
        )
        gate = Middleware(
            Gate, sessions=self.sessions, open_paths=sign_in.open_paths, quota=UploadQuota(quota, self.clock)
        )
        methods = ["GET", "POST", "PUT", "DELETE"]
        self.app = Starlette(
            routes=[
                *sign_in.routes(),
                WebSocketRoute("/_stcore/stream", _echo),
                Route("/{path:path}", _answer, methods=methods),
            ],
            middleware=[Middleware(SecurityHeaders), gate, Middleware(SessionMiddleware, secret_key="x" * 32)],
        )

    def browser(self, **options):
        """An own browser, with its own cookies, that follows no redirect."""
        return TestClient(self.app, follow_redirects=False, **options)


@pytest.fixture
def door():
    return Door()


def sign_in(browser, password="correct horse", name="Anna", **fields):
    """Sends the form."""
    return browser.post("/sign-in", data={"name": name, "password": password, **fields})
