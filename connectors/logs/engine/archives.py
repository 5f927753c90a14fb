"""The members of zip and tar archives, each to be read as a file; what is suspicious is reported and left out."""

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
from .containers import TAR, ZIP, Bounded, Budget, Part, is_tar
from .metadata import clean_text
from .parse_results import ProblemReporter, quoted

_MEDIA = (
    ".png .jpg .jpeg .gif .webp .heic .bmp .svg .ico .tif .tiff .mp3 .m4a .wav .ogg .oga .opus .aac .flac .mp4 .m4v "
    ".mov .3gp .webm .avi .mkv .pdf .doc .docx .ppt .pptx .html .htm .css .js .ttf .woff .woff2 .vcf .tgs .dat .exe "
    ".dll .so .pyc"
)
_SIDE = (
    "users.json user.json channels.json groups.json dms.json mpims.json integration_logs.json canvases.json "
    "file_conversations.json org_users.json message_feedback.json model_comparisons.json shared_conversations.json "
    "projects.json memories.json user_settings.json export_manifest.json dataset_info.json dataset_dict.json state.json"
)
"""What exports and saved data sets hold besides conversations. Such a file is read all the same: it may be a log that
only happens to be called so."""
_DRIVE = re.compile(r"[A-Za-z]:")


def is_side_file(path: Path) -> bool:
    """Whether a file that is no log may be one that exports hold besides, or documentation."""
    return path.name in _SIDE.split() or path.suffix.lower() == ".md"


def members(part: Part, report: ProblemReporter) -> Iterator[Part] | None:
    """The members of an archive that may be logs, in the archive's order; None when the part is no archive.

    Each must be read before the next one is asked for.

    Raises:
        LogError: the archive is damaged, has too many members or unpacks to too much.
    """
    if part.member:
        return None
    if is_tar(part.head()):
        return _of_tar(part, report)
    if part.head().startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = open_zip(part)
        if is_sheet(archive):
            part.stream.seek(0)
            return None
        return _of_zip(part, archive, report)
    return None


def open_zip(part: Part) -> zipfile.ZipFile:
    """The zip archive in a file.

    Raises:
        LogError: it is damaged, or has too many members.
    """
    try:
        found = zipfile.ZipFile(part.stream)
        _check_count(part.path, len(found.infolist()))
    except ConvexplainError:
        raise
    except Exception as error:
        raise LogError(part.path, None, f"is a damaged zip archive: {error}") from error
    return found


def is_sheet(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is an Excel workbook."""
    return {"[Content_Types].xml", "xl/workbook.xml"} <= set(archive.namelist())


def safe_names(path: Path, archive: zipfile.ZipFile, report: ProblemReporter) -> list[zipfile.ZipInfo]:
    """The members of a zip archive that may be looked at; links, encrypted ones and those outside are reported."""
    found = []
    for item in archive.infolist():
        if item.is_dir() or _is_junk(item.filename):
            continue
        reason = _unsafe(item.filename)
        if stat.S_ISLNK(item.external_attr >> 16):
            reason = "it is a link"
        elif item.flag_bits & 0x1:
            reason = "it is encrypted"
        if reason:
            report(None, f"the member {quoted([clean_text(item.filename)], width=80)} is left out: {reason}")
        else:
            found.append(item)
    return found


def open_member(
    part: Part, archive: zipfile.ZipFile, item: zipfile.ZipInfo, budget: Budget
) -> "io.BufferedReader[Any]":
    """The bytes of a member of a zip archive.

    Raises:
        LogError: it cannot be unpacked.
    """
    path = member_path(part.path, item.filename)
    try:
        stream = archive.open(item)
    except Exception as error:
        raise LogError(path, None, f"is damaged and cannot be unpacked: {error}") from error
    return io.BufferedReader(Bounded(path, stream, lambda: item.compress_size, budget))


def member_path(archive: Path, name: str) -> Path:
    """What a member is called: `archive.zip/member.json`."""
    return archive / clean_text(name).replace("\x00", "").lstrip("/")


def _of_zip(part: Part, archive: zipfile.ZipFile, report: ProblemReporter) -> Iterator[Part]:
    budget = Budget(part.path)
    with archive:
        items = safe_names(part.path, archive, report)
        logs = _logs(dict(zip((item.filename for item in items), items, strict=True)), report)
        for item in logs:
            if budget.spent:
                report(None, "the members after that are not read")
                return
            try:
                stream = open_member(part, archive, item, budget)
            except LogError as error:
                report(None, f"the member {quoted([clean_text(item.filename)], width=80)} is left out: {error.reason}")
                continue
            with stream:
                path = member_path(part.path, item.filename)
                yield Part(path, path, stream, ZIP, member=True)


def _of_tar(part: Part, report: ProblemReporter) -> Iterator[Part]:
    budget = Budget(part.path)
    container = f"{TAR} in {part.container}" if part.container else TAR
    media: Counter[str] = Counter()
    try:
        with tarfile.open(fileobj=cast(BinaryIO, part.stream), mode="r|") as archive:
            for number, item in enumerate(archive, 1):
                _check_count(part.path, number)
                if budget.spent:
                    report(None, "the members after that are not read")
                    return
                if item.isdir() or _is_junk(item.name):
                    continue
                name = clean_text(item.name)
                reason = _unsafe(name) or ("" if item.isreg() else "it is a link or no regular file")
                if reason:
                    report(None, f"the member {quoted([name], width=80)} is left out: {reason}")
                elif (kind := _kind(name)) is not None:
                    media[kind] += 1
                elif (source := archive.extractfile(item)) is not None:
                    path = member_path(part.path, name)
                    # What is packed is bounded by the stream around it; here a sparse file may still grow.
                    size = item.size
                    with io.BufferedReader(Bounded(path, source, lambda size=size: size, budget)) as stream:  # type: ignore[misc]
                        yield Part(path, path, stream, container, member=True)
    except tarfile.TarError as error:
        raise LogError(part.path, None, f"is a damaged tar archive, the rest is not read: {error}") from error
    _tell(media, report)


def _logs(items: dict[str, zipfile.ZipInfo], report: ProblemReporter) -> Iterator[zipfile.ZipInfo]:
    media: Counter[str] = Counter()
    # Inspect's logs: all else in them tells about the samples.
    samples = [name for name in items if name.startswith("samples/")] if "header.json" in items else []
    for name, item in items.items():
        if (kind := PurePosixPath(name).name if samples and name not in samples else _kind(name)) is not None:
            media[kind] += 1
        else:
            yield item
    _tell(media, report)


def _kind(name: str) -> str | None:
    """What a member is that is no log by its name alone."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in _MEDIA.split() else None


def _tell(media: Counter[str], report: ProblemReporter) -> None:
    if media:
        kinds = ", ".join(f"{count} {kind}" if kind.startswith(".") else kind for kind, count in media.most_common(12))
        report(None, f"{media.total()} members that are no logs are left out ({clean_text(kinds)})", kept=True)


def _unsafe(name: str) -> str:
    """Why a name leads outside, "" when it does not."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or _DRIVE.match(name) or ".." in path.parts:
        return "its name leads outside the archive"
    return ""


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def _check_count(path: Path, count: int) -> None:
    if count > containers.MAX_MEMBERS:
        raise LogError(path, None, f"has more than {containers.MAX_MEMBERS:,} members: it is not read")
