"""Zip and tar archives: their members, each read as a file. Suspicious members are reported and left out."""

import io
import re
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from convexplain.errors import ConvexplainError, LogError

from . import containers
from .containers import TAR, ZIP, Bounded, Budget, LogFile, is_tar
from .metadata import clean_text
from .parse_results import ProblemReporter, quoted_names

_MEDIA_SUFFIXES = (
    ".png .jpg .jpeg .gif .webp .heic .bmp .svg .ico .tif .tiff .mp3 .m4a .wav .ogg .oga .opus .aac .flac .mp4 .m4v "
    ".mov .3gp .webm .avi .mkv .pdf .doc .docx .ppt .pptx .html .htm .css .js .ttf .woff .woff2 .vcf .tgs .dat .exe "
    ".dll .so .pyc"
)
_SIDE_FILES = (
    "users.json user.json channels.json groups.json dms.json mpims.json integration_logs.json canvases.json "
    "file_conversations.json org_users.json message_feedback.json model_comparisons.json shared_conversations.json "
    "projects.json memories.json user_settings.json export_manifest.json dataset_info.json dataset_dict.json "
    "state.json planted.json"
)
"""Files of exports, saved data sets and the example log besides conversations. Such a file is read all the same: it may
be a log that only happens to have this name."""
_DRIVE = re.compile(r"[A-Za-z]:")


def is_side_file(path: Path) -> bool:
    """Return whether a file that is no log may be one that exports hold besides logs, or documentation."""
    return path.name in _SIDE_FILES.split() or path.suffix.lower() == ".md"


def members(log_file: LogFile, report: ProblemReporter) -> Iterator[LogFile] | None:
    """Return the members of an archive that may be logs, in the archive's order; None where the part is no archive.

    Each must be read before the next one is asked for.

    Raises:
        LogError: the archive is damaged, has too many members or unpacks to too much.
    """
    if log_file.member:
        return None
    if is_tar(log_file.head()):
        return _tar_members(log_file, report)
    if log_file.head().startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = open_zip(log_file)
        if is_sheet(archive):
            log_file.stream.seek(0)
            return None
        return _zip_members(log_file, archive, report)
    return None


def open_zip(log_file: LogFile) -> zipfile.ZipFile:
    """Return the zip archive in a file.

    Raises:
        LogError: it is damaged, or has too many members.
    """
    try:
        archive = zipfile.ZipFile(log_file.stream)
        _check_count(log_file.path, len(archive.infolist()))
    except ConvexplainError:
        raise
    except Exception as error:
        raise LogError(log_file.path, None, f"is a damaged zip archive: {error}") from error
    return archive


def is_sheet(archive: zipfile.ZipFile) -> bool:
    """Return whether a zip archive is an Excel workbook."""
    return {"[Content_Types].xml", "xl/workbook.xml"} <= set(archive.namelist())


def safe_members(path: Path, archive: zipfile.ZipFile, report: ProblemReporter) -> list[zipfile.ZipInfo]:
    """Return the members of a zip archive that may be read; links, encrypted members and outside paths are reported."""
    accepted = []
    for item in archive.infolist():
        if item.is_dir() or _is_junk(item.filename):
            continue
        reason = _unsafe_reason(item.filename)
        if stat.S_ISLNK(item.external_attr >> 16):
            reason = "it is a link"
        elif item.flag_bits & 0x1:
            reason = "it is encrypted"
        if reason:
            report(None, f"the member {quoted_names([clean_text(item.filename)], width=80)} is left out: {reason}")
        else:
            accepted.append(item)
    return accepted


def open_member(
    log_file: LogFile, archive: zipfile.ZipFile, item: zipfile.ZipInfo, budget: Budget
) -> "io.BufferedReader[Any]":
    """Return a member of a zip archive as a stream of bytes.

    Raises:
        LogError: it cannot be unpacked.
    """
    path = member_path(log_file.path, item.filename)
    try:
        stream = archive.open(item)
    except Exception as error:
        raise LogError(path, None, f"is damaged and cannot be unpacked: {error}") from error
    return io.BufferedReader(Bounded(path, stream, lambda: item.compress_size, budget))


def member_path(archive: Path, name: str) -> Path:
    """Return the path by which messages name a member: `archive.zip/member.json`."""
    return archive / clean_text(name).replace("\x00", "").lstrip("/")


def _zip_members(log_file: LogFile, archive: zipfile.ZipFile, report: ProblemReporter) -> Iterator[LogFile]:
    budget = Budget(log_file.path)
    with archive:
        items = safe_members(log_file.path, archive, report)
        logs = _log_members(dict(zip((item.filename for item in items), items, strict=True)), report)
        for item in logs:
            if budget.spent:
                report(None, "the members after that are not read")
                return
            try:
                stream = open_member(log_file, archive, item, budget)
            except LogError as error:
                report(
                    None,
                    f"the member {quoted_names([clean_text(item.filename)], width=80)} is left out: {error.reason}",
                )
                continue
            with stream:
                path = member_path(log_file.path, item.filename)
                yield LogFile(path, path, stream, ZIP, member=True)


def _tar_members(log_file: LogFile, report: ProblemReporter) -> Iterator[LogFile]:
    budget = Budget(log_file.path)
    container = f"{TAR} in {log_file.container}" if log_file.container else TAR
    media: Counter[str] = Counter()
    try:
        with tarfile.open(fileobj=cast(BinaryIO, log_file.stream), mode="r|") as archive:
            for number, item in enumerate(archive, 1):
                _check_count(log_file.path, number)
                if budget.spent:
                    report(None, "the members after that are not read")
                    return
                if item.isdir() or _is_junk(item.name):
                    continue
                name = clean_text(item.name)
                reason = _unsafe_reason(name) or ("" if item.isreg() else "it is a link or no regular file")
                if reason:
                    report(None, f"the member {quoted_names([name], width=80)} is left out: {reason}")
                elif (kind := _non_log_kind(name)) is not None:
                    media[kind] += 1
                elif (source := archive.extractfile(item)) is not None:
                    path = member_path(log_file.path, name)
                    # What is packed is bounded by the stream around it; here a sparse file may still grow.
                    size = item.size
                    with io.BufferedReader(Bounded(path, source, lambda size=size: size, budget)) as stream:  # type: ignore[misc]
                        yield LogFile(path, path, stream, container, member=True)
    except tarfile.TarError as error:
        raise LogError(log_file.path, None, f"is a damaged tar archive, the rest is not read: {error}") from error
    _report_non_logs(media, report)


def _log_members(items: dict[str, zipfile.ZipInfo], report: ProblemReporter) -> Iterator[zipfile.ZipInfo]:
    media: Counter[str] = Counter()
    # Inspect's logs: all other members describe the samples.
    samples = [name for name in items if name.startswith("samples/")] if "header.json" in items else []
    for name, item in items.items():
        if (kind := PurePosixPath(name).name if samples and name not in samples else _non_log_kind(name)) is not None:
            media[kind] += 1
        else:
            yield item
    _report_non_logs(media, report)


def _non_log_kind(name: str) -> str | None:
    """Return the kind of a member whose name alone shows that it is no log; None for any other."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in _MEDIA_SUFFIXES.split() else None


def _report_non_logs(media: Counter[str], report: ProblemReporter) -> None:
    if media:
        kinds = ", ".join(f"{count} {kind}" if kind.startswith(".") else kind for kind, count in media.most_common(12))
        report(None, f"{media.total()} members that are no logs are left out ({clean_text(kinds)})", kept=True)


def _unsafe_reason(name: str) -> str:
    """Return the reason why a name is unsafe; "" where it is safe."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or _DRIVE.match(name) or ".." in path.parts:
        return "its name leads outside the archive"
    return ""


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(log_file == "__MACOSX" or (log_file.startswith(".") and log_file != "..") for log_file in parts)


def _check_count(path: Path, count: int) -> None:
    if count > containers.MAX_MEMBERS:
        raise LogError(path, None, f"has more than {containers.MAX_MEMBERS:,} members: it is not read")
