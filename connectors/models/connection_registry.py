"""The registry of connections: endpoints that the user named, in one file of the configuration folder, without keys."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from convexplain.errors import UsageError

from .config_folder import config_folder, write_private

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Connection:
    """An endpoint that the user named.

    Attributes:
        name: what it is called; `connection:NAME` is a judge's name.
        url: the endpoint's URL with its options, or `PROVIDER:MODEL`; neither holds a key or a password.
        origin: scheme, host and port that its key is for.
        key_place: where its key is: in an environment variable, in the system's keyring, or in a file of mode 0600;
            empty: none was given.
        variable: the environment variable that holds the key; empty where it is elsewhere.
        public_only: whether somebody else than the operator added it: it then reaches public addresses only, and gets
            nothing of the environment.
    """

    name: str
    url: str
    origin: str
    key_place: Literal["", "variable", "keyring", "file"] = ""
    variable: str = ""
    public_only: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionRegistry:
    """All connections.

    Attributes:
        connections: the connections by their names, in alphabetical order.
        default: the name of the one that judges where no judge is named; empty: none.
    """

    connections: dict[str, Connection]
    default: str = ""

    def get(self, name: str) -> Connection:
        """Return the connection of that name.

        Raises:
            UsageError: there is none.
        """
        if name in self.connections:
            return self.connections[name]
        valid = f"valid are: {', '.join(self.connections)}" if self.connections else "none is registered yet"
        raise UsageError(
            f"connection {name[:60]!r} is not known; {valid}. `convexplain connections add NAME URL` registers one"
        )


def registry_file() -> Path:
    """Return the path of the file."""
    return config_folder() / "connections.json"


def check_name(name: str) -> None:
    """Raise UsageError unless a name can be that of a connection."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"name={name[:60]!r} is not valid; a connection's name has small letters, digits, - and _, and begins with "
            "a letter or digit"
        )


def read_registry() -> ConnectionRegistry:
    """Return the connections that are registered.

    Raises:
        UsageError: the file cannot be read, or does not hold what convexplain writes.
    """
    file = registry_file()
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return ConnectionRegistry({})
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({type(error).__name__}); mend it, or delete it") from error
    try:
        records: dict[str, Any] = content["connections"]
        connections = {name: Connection(name=name, **records[name]) for name in sorted(records)}
        default = content["default"]
    except (TypeError, KeyError, AttributeError):
        raise UsageError(f"{file} does not hold what convexplain writes; mend it, or delete it") from None
    return ConnectionRegistry(connections, default if default in connections else "")


def write_registry(registry: ConnectionRegistry) -> None:
    """Write the connections.

    Raises:
        OSError: the file cannot be written.
    """
    records = {
        name: {field: value for field, value in asdict(connection).items() if field != "name"}
        for name, connection in registry.connections.items()
    }
    write_private(registry_file(), {"connections": records, "default": registry.default})
