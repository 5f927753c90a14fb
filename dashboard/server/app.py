"""The dashboard as one ASGI application: Streamlit's own, behind the gate."""

from importlib.resources import files
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from convexplain.dashboard.services.access import configured_passwords, configured_providers
from convexplain.dashboard.services.sessions import SESSIONS

from .gate import Gate
from .headers import SecurityHeaders
from .quota import UploadQuota
from .sign_in import SignIn

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
        middleware = [Middleware(SecurityHeaders), Middleware(Gate, sessions=None, local_only=local_only)]
        return st.App(SCRIPT, middleware=middleware)
    sign_in = SignIn(SESSIONS, passwords, providers, lambda *_: None)
    gate = Middleware(Gate, sessions=SESSIONS, open_paths=sign_in.open_paths, quota=UploadQuota(quota))
    return st.App(SCRIPT, routes=sign_in.routes(), middleware=[Middleware(SecurityHeaders), gate])
