"""Uploaded logs: stored by their content, and previewed before they are judged."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs

from convexplain.connectors.logs import FieldMap, LogInspection
from convexplain.errors import ConvexplainError, StoreError, UsageError
from convexplain.system.files import make_folder
from convexplain.workspace import MEMORY, LogSettings, Workspace, default_database
from convexplain.workspace.saved_maps import save_map, saved_maps

from .audit import record, recorded
from .people import check_right

_CHUNK = 1 << 20
_NAME = 100  # characters of a file name that are kept


@dataclass(frozen=True, slots=True)
class Preview:
    """The recognised content of one file, or the reader's error where it cannot be read."""

    path: Path
    inspected: LogInspection | None
    error: str | None


def upload_folder() -> Path:
    """Return the folder of uploaded logs, in the user's data folder."""
    return Path(platformdirs.user_data_dir("convexplain")) / "uploads"


def store_upload(name: str, content: BinaryIO, folder: Path | None = None) -> Path:
    """Store an uploaded file and return its path; the same content under the same name is stored once.

    Args:
        name: file name from the browser; only its letters, digits, dots, hyphens and underscores remain.
        content: the file's content.
        folder: folder to store it in; None for `upload_folder`.

    Raises:
        UsageError: the person's role does not allow it.
    """
    person = check_right("run models")
    folder = folder or upload_folder()
    make_folder(folder)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-", delete=False) as file:
        temporary = Path(file.name)
        try:
            content.seek(0)
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        except BaseException:
            temporary.unlink()
            raise
    path = folder / digest.hexdigest()[:16] / safe_name(name)
    make_folder(path.parent)
    if path.exists():
        temporary.unlink()  # the file keeps its time, by which a run of it is resumed
    else:
        os.replace(temporary, path)
    record(default_database(), person.name, "upload", file=path.name, bytes=path.stat().st_size)
    return path


def check_logs(logs: Iterable[Path]) -> None:
    """Check that logs were uploaded, so that a browser reads no other file.

    Raises:
        UsageError: one was not uploaded.
    """
    folder = upload_folder().resolve()
    if wrong := [log for log in logs if folder not in log.resolve().parents or not log.is_file()]:
        raise UsageError(f"log {str(wrong[0])!r:.100} is not valid; upload it first")


def safe_name(name: str) -> str:
    """Return a file name that is valid on every system: no folder, no leading dot or hyphen, with its suffixes."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", name)[-1]).lstrip(".-_")
    return safe[-_NAME:].lstrip(".-_") or "log"


def preview(path: Path, reading: LogSettings) -> Preview:
    """Return the recognised content of a file's first conversations."""
    try:
        ((_, inspected),) = Workspace(MEMORY).inspect_logs(path, reading)
    except (ConvexplainError, OSError) as error:  # an extra that is missing
        return Preview(path, None, str(error))
    if isinstance(inspected, ConvexplainError):
        return Preview(path, None, str(inspected))
    return Preview(path, inspected, None)


def named_maps() -> dict[str, FieldMap]:
    """Return the saved maps of logs' fields by name; those that cannot be read are left out."""
    maps: dict[str, FieldMap] = {}
    with suppress(StoreError):
        for name, text in saved_maps().items():
            with suppress(UsageError):
                maps[name] = FieldMap.parse(text)
    return maps


def save_named_map(name: str, text: str) -> None:
    """Save a map of a log's fields under a name, by which the command line finds it too.

    Raises:
        UsageError: the name or the map is not valid.
        StoreError: the file of maps cannot be written.
    """
    with recorded(default_database(), "change maxims", "save map of a log", map=name):
        save_map(name, text)
