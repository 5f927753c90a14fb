"""Keys of connections: in the system's keyring where there is one, else in a file that only the user can read.

A key is kept under the name of its connection and the origin that it is for. Whoever changes the address of a
connection in the registry finds no key for it.
"""

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from convexplain.errors import UnavailableError, UsageError

from .config_folder import config_folder, write_private

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

Place = Literal["keyring", "file"]

_SERVICE = "convexplain"
_USABLE = 1  # the least priority of a backend that `keyring` itself recommends
_log = logging.getLogger(__name__)


def secrets_file() -> Path:
    """Return the path of the file."""
    return config_folder() / "secrets.json"


def place_words(place: Place) -> str:
    """Return in words where a key is."""
    return "the system's keyring" if place == "keyring" else f"{secrets_file()} (mode 0600)"


def keep_secret(name: str, origin: str, secret: str) -> Place:
    """Keep the key of a connection, and return where it is now.

    Raises:
        UsageError: there is no keyring, and the file can be read by other users.
        OSError: the file cannot be written.
    """
    if (backend := system_keyring()) is not None:
        try:
            backend.set_password(_SERVICE, _entry(name, origin), secret)
        except Exception as error:  # noqa: BLE001 - each system's keyring has errors of its own
            _log.warning("The system's keyring does not take the key (%s); it goes into a file.", type(error).__name__)
        else:
            return "keyring"
    write_private(secrets_file(), {**_read_file(), _entry(name, origin): secret})
    return "file"


def read_secret(place: Place, name: str, origin: str) -> str:
    """Return the key of a connection.

    Raises:
        UnavailableError: it is not there any more, or cannot be read.
    """
    try:
        secret = _from_keyring(name, origin) if place == "keyring" else _read_file().get(_entry(name, origin))
    except UsageError as error:
        raise UnavailableError(f"connection {name}: {error}") from error
    if not secret:
        raise UnavailableError(
            f"connection {name}: its key for {origin} is not in {place_words(place)}; remove the connection and add it "
            "again with its key"
        )
    return secret


def drop_secret(place: Place, name: str, origin: str) -> None:
    """Delete the key of a connection, where it is still there.

    Raises:
        UsageError: the keyring or the file cannot be read.
        OSError: the file cannot be written.
    """
    entry = _entry(name, origin)
    if place == "keyring":
        if _from_keyring(name, origin) and (backend := system_keyring()) is not None:
            backend.delete_password(_SERVICE, entry)
        return
    before = _read_file()
    if entry in before:
        write_private(secrets_file(), {key: secret for key, secret in before.items() if key != entry})


def system_keyring() -> "KeyringBackend | None":
    """Return the keyring of the system; None where `keyring` is not installed, or knows no safe place here."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        backend = keyring.get_keyring()
        return backend if backend.priority >= _USABLE else None
    except Exception:  # noqa: BLE001 - a backend that cannot start fails in its own way
        return None


def _entry(name: str, origin: str) -> str:
    return f"{name} {origin}"


def _from_keyring(name: str, origin: str) -> str | None:
    backend = system_keyring()
    if backend is None:
        raise UsageError(
            "its key is in the system's keyring, which cannot be reached from here (is the extra installed: pip "
            "install 'convexplain[keyring]'?)"
        )
    try:
        return backend.get_password(_SERVICE, _entry(name, origin))
    except Exception as error:
        raise UsageError(
            f"the system's keyring does not give its key ({type(error).__name__}); is it locked?"
        ) from error


def _read_file() -> dict[str, str]:
    """Return the keys in the file. Raises UsageError where other users can read it, or nobody can."""
    file = secrets_file()
    try:
        with file.open("r", encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if os.name == "posix" and mode & 0o077:
                raise UsageError(
                    f"{file} can be read by other users of this machine (mode {mode & 0o777:04o}), so its keys are "
                    f"not used; change it to mode 0600 (chmod 600 {file}), and get new keys if others may have read it"
                )
            content = json.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({type(error).__name__}); mend it, or delete it") from error
    if not isinstance(content, dict) or not all(isinstance(secret, str) for secret in content.values()):
        raise UsageError(f"{file} does not hold what convexplain writes; mend it, or delete it")
    return content
