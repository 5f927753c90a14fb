"""Access to the dashboard: the password, the identity provider, and addresses that only this machine reaches."""

import hmac
import ipaddress
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path

PASSWORD = "CONVEXPLAIN_DASHBOARD_PASSWORD"  # noqa: S105 - the variable's name


def configured_password() -> str | None:
    """Return the password that the environment sets; None where it sets none."""
    return os.environ.get(PASSWORD) or None


def password_matches(typed: str, password: str) -> bool:
    """Return whether the typed password is the right one; the time that this takes reveals nothing about it."""
    return hmac.compare_digest(typed.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass"))


def has_identity_provider(folders: Iterable[Path] | None = None) -> bool:
    """Return whether Streamlit's `secrets.toml` names an identity provider, that is, has a section `auth`.

    Args:
        folders: folders that may hold `.streamlit`; None searches the working folder and the user's home.
    """
    for folder in folders or (Path.cwd(), Path.home()):
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(secrets.get("auth"), dict):
            return True
    return False


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on this host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
