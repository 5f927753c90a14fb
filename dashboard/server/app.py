"""The dashboard as one ASGI application: Streamlit's own, behind the gate."""

import logging
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from convexplain.dashboard.services.access import configured_passwords, configured_providers
from convexplain.dashboard.services.audit import record
from convexplain.dashboard.services.sessions import SESSIONS
from convexplain.errors import StoreError
from convexplain.workspace import default_database

from .browser_cookie import BrowserCookie
from .gate import Gate
from .headers import SecurityHeaders
from .quota import UploadQuota
from .sign_in import SignIn

_log = logging.getLogger("convexplain.dashboard")
SCRIPT = Path(str(files("convexplain.dashboard.ui") / "app.py"))


def dashboard_app(*, quota: int, local_only: bool) -> st.App:
    """Return the application. People have to sign in where the environment or `secrets.toml` says how.

    Args:
        quota: bytes that a person may upload in 24 hours.
        local_only: it listens on this machine only.

    Raises:
        UsageError: the settings of the sign-in are not valid.
    """
    passwords, providers = configured_passwords(), configured_providers()
    if not passwords and providers is None:
        gate = Middleware(Gate, sessions=None, local_only=local_only)
        return st.App(
            SCRIPT, routes=[_OVERVIEW], middleware=[Middleware(SecurityHeaders), gate, Middleware(BrowserCookie)]
        )
    sign_in = SignIn(SESSIONS, passwords, providers, _record)
    gate = Middleware(Gate, sessions=SESSIONS, open_paths=sign_in.open_paths, quota=UploadQuota(quota))
    return st.App(SCRIPT, routes=[_OVERVIEW, *sign_in.routes()], middleware=[Middleware(SecurityHeaders), gate])


def _to_overview(request: Request) -> RedirectResponse:
    """Lead people who type the overview's name to its address, which for Streamlit is that of the dashboard itself."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


_OVERVIEW = Route("/overview", _to_overview)


def _record(person: str, action: str, details: Mapping[str, Any]) -> None:
    try:
        record(default_database(), person or "unknown", action, **details)
    except StoreError as error:  # people can still sign in, and the server's log has it
        _log.warning("the audit log cannot be written: %s", error)
