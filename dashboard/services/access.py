"""Access to the dashboard: the passwords, the identity providers, and addresses that only this machine reaches."""

import hmac
import ipaddress
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain.errors import UsageError

from .people import Role

PASSWORDS: dict[Role, str] = {
    "admin": "CONVEXPLAIN_DASHBOARD_PASSWORD",
    "review": "CONVEXPLAIN_DASHBOARD_REVIEW_PASSWORD",
}
"""The variables of the environment that hold the password of each role."""
SHORTEST_PASSWORD = 12
_PROVIDER_KEYS = ("client_id", "client_secret", "server_metadata_url")


def configured_passwords() -> dict[Role, str]:
    """Return the passwords that the environment sets, by the role that they give.

    Raises:
        UsageError: one is short, or both are the same.
    """
    passwords = {role: os.environ[name] for role, name in PASSWORDS.items() if os.environ.get(name)}
    for role, password in passwords.items():
        if len(password) < SHORTEST_PASSWORD:
            raise UsageError(
                f"{PASSWORDS[role]} has {len(password)} characters; a password that people share needs at least "
                f"{SHORTEST_PASSWORD}"
            )
    if len(set(passwords.values())) < len(passwords):
        raise UsageError(f"{' and '.join(PASSWORDS.values())} are the same; a role has a password of its own")
    return passwords


def password_role(typed: str, passwords: Mapping[Role, str]) -> Role | None:
    """Return the role that a password gives; None for a wrong one. The time that this takes reveals nothing of it."""
    fits = {
        role: hmac.compare_digest(typed.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass"))
        for role, password in passwords.items()
    }
    return next((role for role, fit in fits.items() if fit), None)


@dataclass(frozen=True, slots=True)
class Providers:
    """The identity providers, and who of their people may sign in.

    Attributes:
        redirect_uri: the address that a provider sends people back to.
        clients: the settings of each provider by its name.
        lists: by role the e-mail addresses, and domains as `@example.com`, in small letters.
        unverified: whether an address counts although the provider does not say that it was verified.
    """

    redirect_uri: str
    clients: Mapping[str, Mapping[str, Any]]
    lists: Mapping[Role, tuple[str, ...]]
    unverified: bool = False

    def role(self, email: str) -> Role | None:
        """Return the role of an e-mail address, the larger one where it has both; None where it may not sign in."""
        address = email.strip().lower()
        name, at, domain = address.rpartition("@")
        if not (name and domain) or "@" in name:
            return None
        names = {address, at + domain}
        return next((role for role in PASSWORDS if names.intersection(self.lists[role])), None)


def configured_providers(folders: Iterable[Path] | None = None) -> Providers | None:
    """Return the identity providers of Streamlit's `secrets.toml`; None where it has no section `auth`.

    The section `auth` is as Streamlit describes it; the section `convexplain` lists who may sign in.

    Args:
        folders: folders that may hold `.streamlit`; None searches the working folder and the user's home.

    Raises:
        UsageError: a setting is missing, or nobody may sign in.
    """
    for folder in folders or (Path.cwd(), Path.home()):
        path = folder / ".streamlit" / "secrets.toml"
        try:
            secrets = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read ({type(error).__name__})") from error
        if isinstance(secrets.get("auth"), dict):
            return _providers(path, secrets["auth"], secrets.get("convexplain", {}))
    return None


def _providers(path: Path, auth: dict[str, Any], people: Any) -> Providers:
    named = {name: section for name, section in auth.items() if isinstance(section, dict) and "client_id" in section}
    clients = named or {"default": auth}
    missing = [f"auth.{name}" for name in ("redirect_uri", "cookie_secret") if not auth.get(name)]
    for name, client in clients.items():
        missing += [f"{name}: {key}" for key in _PROVIDER_KEYS if not client.get(key)]
    if missing:
        raise UsageError(f"{path}: the section auth has no {', '.join(missing)}")
    people = people if isinstance(people, dict) else {}
    lists: dict[Role, tuple[str, ...]] = {
        "admin": _addresses(people, "admins"),
        "review": _addresses(people, "reviewers"),
    }
    if not any(lists.values()):
        raise UsageError(
            f"{path}: nobody may sign in. Name people in the section convexplain: admins = ['anna@example.com'], "
            "reviewers = ['@example.com']"
        )
    return Providers(str(auth["redirect_uri"]), clients, lists, people.get("trust_unverified_email") is True)


def _addresses(section: Mapping[str, Any], key: str) -> tuple[str, ...]:
    entries = section.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, str) and "@" in entry for entry in entries):
        raise UsageError(f"{key} is not valid; it must be a list of e-mail addresses and of domains as '@example.com'")
    return tuple(entry.strip().lower() for entry in entries)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on this host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
