"""Connections that admins add on a page: public addresses only, and a key that is never shown again."""

import threading

from convexplain.errors import UsageError
from convexplain.workspace import ConnectionEntry, Workspace, default_database

from .audit import record, recorded
from .model_choices import any_model_allowed
from .people import check_right

_LOCK = threading.Lock()  # the registry is a file that is read, changed and written


def list_connections() -> tuple[ConnectionEntry, ...]:
    """Return all connections of this machine, without their keys.

    Raises:
        UsageError: the person's role does not allow it, or their file cannot be read.
    """
    check_right("manage connections")
    return Workspace().connections()


def add_connection(name: str, url: str, key: str) -> ConnectionEntry:
    """Register an endpoint with its key. Unless the dashboard runs with `--any-model`, its addresses must be public.

    Args:
        name: small letters, digits, - and _.
        url: `https://HOST/v1?model=NAME` with the usual options, or `PROVIDER:MODEL`.
        key: the key, or the password of the user in the URL; empty: none.

    Raises:
        ConvexplainError: an argument is not valid, or the person's role does not allow it.
        OSError: the configuration folder cannot be written.
    """
    with recorded(default_database(), "manage connections", "add connection", connection=name[:100]) as details, _LOCK:
        entry = Workspace().add_connection(name, url, key=key, public_only=not any_model_allowed())
        details["origin"] = entry.origin
    return entry


def try_connection(name: str) -> list[tuple[str, str]]:
    """Ask a connection a few questions, and return what it can do as names and values for people.

    The audit log has it also where that fails.

    Raises:
        ConvexplainError: there is none of that name, it does not answer, or the person's role does not allow it.
    """
    person = check_right("manage connections")
    record(default_database(), person.name, "test connection", connection=name[:100])
    return Workspace().test_connection(name).rows()


def can_remove(entry: ConnectionEntry) -> bool:
    """Return whether a connection can be removed here: those of the operator stay."""
    return entry.public_only or any_model_allowed()


def remove_connection(name: str) -> None:
    """Remove a connection that was added on a page, with its key.

    Raises:
        ConvexplainError: there is none of that name, the operator added it, or the person's role does not allow it.
        OSError: the configuration folder cannot be written.
    """
    with recorded(default_database(), "manage connections", "remove connection", connection=name[:100]), _LOCK:
        workspace = Workspace()
        if any(entry.name == name and not can_remove(entry) for entry in workspace.connections()):
            raise UsageError(
                f"connection {name[:60]!r} was added by the operator, who removes it (`convexplain connections remove`)"
            )
        workspace.remove_connection(name)
