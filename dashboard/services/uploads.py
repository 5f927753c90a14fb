"""Logs that people upload: kept by their content, and looked at before they are judged."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs

from convexplain.connectors.logs import LogInspection
from convexplain.errors import ConvexplainError, UsageError
from convexplain.workspace import MEMORY, LogSettings, Workspace

_AT_ONCE = 1 << 20
_NAME = 100  # characters of a file name that are kept


@dataclass(frozen=True, slots=True)
class Preview:
    """What was recognised in one file; or the reader's message, where it cannot be read as asked."""

    path: Path
    found: LogInspection | None
    error: str | None


def upload_folder() -> Path:
    """Where uploaded logs are kept: in the user's data folder."""
    return Path(platformdirs.user_data_dir("convexplain")) / "uploads"


def keep_upload(name: str, content: BinaryIO, folder: Path | None = None) -> Path:
    """Keeps an uploaded file and returns its path; the same content under the same name is kept once.

    Args:
        name: what the browser calls it; only letters, digits, dots, hyphens and underscores of it are kept.
        content: what is in it.
        folder: where to; None for `upload_folder`.
    """
    folder = folder or upload_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".coming-", delete=False) as file:
        coming = Path(file.name)
        try:
            content.seek(0)
            while some := content.read(_AT_ONCE):
                digest.update(some)
                file.write(some)
        except BaseException:
            coming.unlink()
            raise
    kept = folder / digest.hexdigest()[:16] / safe_name(name)
    kept.parent.mkdir(exist_ok=True)
    if kept.exists():
        coming.unlink()  # its time stays as it was: a run of this file goes on
    else:
        os.replace(coming, kept)
    return kept


def check_logs(logs: Iterable[Path]) -> None:
    """Check that logs were uploaded: no other file is read for a browser.

    Raises:
        UsageError: one was not.
    """
    folder = upload_folder().resolve()
    if wrong := [log for log in logs if folder not in log.resolve().parents or not log.is_file()]:
        raise UsageError(f"log {str(wrong[0])!r:.100} is not valid; upload it first")


def safe_name(name: str) -> str:
    """A file name that is one anywhere: no folder, no leading dot or hyphen, its endings kept."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", name)[-1]).lstrip(".-_")
    return plain[-_NAME:].lstrip(".-_") or "log"


def preview(path: Path, reading: LogSettings) -> Preview:
    """Return what is recognised in the first conversations of a file."""
    try:
        ((_, inspected),) = Workspace(MEMORY).inspect_logs(path, reading)
    except (ConvexplainError, OSError) as error:  # an extra that is missing
        return Preview(path, None, str(error))
    if isinstance(inspected, ConvexplainError):
        return Preview(path, None, str(inspected))
    return Preview(path, inspected, None)
