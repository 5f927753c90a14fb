"""Whom the dashboard lets in."""

import hmac
import ipaddress
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path

PASSWORD = "CONVEXPLAIN_DASHBOARD_PASSWORD"  # noqa: S105 - the variable's name


def password() -> str | None:
    """The password that the environment sets; None where it sets none."""
    return os.environ.get(PASSWORD) or None


def right(given: str, wanted: str) -> bool:
    """Whether a password is right, in a time that says nothing of it."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def provider(folders: Iterable[Path] | None = None) -> bool:
    """Whether Streamlit's `secrets.toml` names an identity provider: it has a section `auth`.

    Args:
        folders: where `.streamlit` may lie; the working folder and the user's own, unless told.
    """
    for folder in folders or (Path.cwd(), Path.home()):
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(secrets.get("auth"), dict):
            return True
    return False


def loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
