"""Logs that lie elsewhere, named by URLs: copied to this machine, to be read like any file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convexplain.errors import MissingExtraError, UsageError


@dataclass(frozen=True, slots=True)
class RemoteLog:
    """A log that lies elsewhere.

    Attributes:
        url: where it lies.
        state: changes when the file does.
    """

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class LocalLogs:
    """Logs on this machine.

    Attributes:
        logs: the logs as they were named, with the copies in place of URLs.
        remote: by the copy's path the log that it is a copy of.
    """

    logs: Any
    remote: Mapping[Path, RemoteLog] = field(default_factory=dict)


def is_url(log: object) -> bool:
    """Return True for a log that is named by a URL."""
    return isinstance(log, str) and "://" in log.partition("\n")[0]


@contextmanager
def local_logs(logs: Any) -> Iterator[LocalLogs]:
    """Copy the logs that are named by URLs to this machine, for the time of a block.

    Args:
        logs: logs as `Workspace.analyze` takes them. A URL names a file, a folder, or files by a pattern
            (`s3://bucket/logs/*.jsonl`).

    Raises:
        MissingExtraError: fsspec is not installed.
        UsageError: there is no such file, or it cannot be read.
    """
    named: Sequence[Any] = logs if isinstance(logs, (list, tuple)) else [logs]
    if not any(map(is_url, named)):
        yield LocalLogs(logs)
        return
    with TemporaryDirectory(prefix="convexplain-logs-") as folder:
        remote: dict[Path, RemoteLog] = {}
        paths: list[Any] = []
        for log in named:
            copies = _copied(log, Path(folder) / str(len(paths))) if is_url(log) else {}
            remote |= copies
            paths += list(copies) or [log]
        yield LocalLogs(paths, remote)


def _copied(url: str, folder: Path) -> dict[Path, RemoteLog]:
    """Copy the files of a URL into a folder."""
    try:
        import fsspec.core
    except ImportError as error:
        raise MissingExtraError("Reading logs by URLs", "ray") from error
    try:
        files, root = fsspec.core.url_to_fs(url)
        names = [root] if files.isfile(root) else _files_in(files, root)
        copies = {}
        for i, name in enumerate(names):
            path = (folder / str(i) / name.rpartition("/")[2]).resolve()
            path.parent.mkdir(parents=True)
            files.get_file(name, str(path))
            copies[path] = RemoteLog(files.unstrip_protocol(name), str(files.ukey(name)))
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"log {url!r} cannot be read: {error or type(error).__name__}") from error
    if not copies:
        raise UsageError(f"log {url!r}: there is no such file")
    return copies


def _files_in(files: Any, root: str) -> list[str]:
    """Return the files of a folder or a pattern, without those whose name begins with a dot, and documentation."""
    names = files.glob(root) if any(mark in root for mark in "*?[") else files.find(root)
    return sorted(
        name
        for name in names
        if files.isfile(name)
        and not any(part.startswith(".") for part in name.removeprefix(root).split("/"))
        and not name.lower().endswith(".md")
    )
