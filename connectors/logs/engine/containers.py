"""Compressed files and archives, opened by their content and within bounds: a possible bomb is given up.

A compressed file is read as its content. Each member of a zip or tar archive is a file of its own, named
`archive.zip/member.json`; an archive inside an archive is reported and left out.
"""

import bz2
import gzip
import importlib
import io
import lzma
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from convexplain.errors import ConvexplainError, LogError, MissingExtraError

MAX_BYTES = 1 << 36
"""Bytes that one compressed file or archive may unpack to."""
MAX_RATIO = 200
"""Factor of its own size to which a file may unpack, once that is over FREE bytes. Logs compress up to about
fifty times; bombs a thousand times."""
FREE = 1 << 26
MAX_MEMBERS = 100_000
"""Members of an archive."""

TAR = "tar"
ZIP = "zip"
_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip", ".gz"),
    (b"BZh", "bzip2", ".bz2"),
    (b"\xfd7zXZ\x00", "xz", ".xz"),
    (b"\x28\xb5\x2f\xfd", "zstd", ".zst"),
)
_SHORT_ENDINGS = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file to read: the log itself, the content of a compressed file, or a member of an archive.

    Attributes:
        path: the path by which messages name it.
        name: the same without the ending of a compression.
        stream: its bytes, from the first one on.
        container: its container ("gzip", "zip", "tar in xz"); empty for a file as it is.
        member: whether it is one of several.
    """

    path: Path
    name: Path
    stream: "io.BufferedReader[Any]"
    container: str = ""
    member: bool = False

    def head(self) -> bytes:
        """Return the first bytes (up to 8,192), which stay to be read."""
        return self.stream.peek(_BLOCK)


class Budget:
    """The number of bytes that may still be unpacked from one file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = 0

    @property
    def spent(self) -> bool:
        """Return whether nothing more may be unpacked."""
        return self._taken > MAX_BYTES

    def take(self, count: int) -> None:
        """Count unpacked bytes. Raise LogError when they are too many."""
        self._taken += count
        if self._taken > MAX_BYTES:
            raise LogError(self._path, None, f"unpacks to more than {MAX_BYTES:,} bytes: the rest is not read")


class Bounded(io.RawIOBase):
    """An unpacking stream within its bounds; any failure in it is a LogError.

    Args:
        path: the file that is unpacked.
        stream: yields the unpacked bytes.
        packed: returns the number of packed bytes that were read so far, or of all.
        budget: the bytes that may still be unpacked.
    """

    def __init__(self, path: Path, stream: Any, packed: Callable[[], int], budget: Budget) -> None:
        self._path = path
        self._stream = stream
        self._packed = packed
        self._budget = budget
        self._delivered = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read until the buffer is full or the end is reached.

        Raises:
            LogError: the data are damaged, or unpack to too much.
        """
        filled = 0
        while filled < len(buffer):
            try:
                data = self._stream.read(len(buffer) - filled)
            except (MemoryError, ConvexplainError):
                raise
            except Exception as error:
                raise LogError(self._path, None, f"is damaged, the rest is not read: {_error_text(error)}") from error
            if not data:
                break
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        self._budget.take(filled)
        self._delivered += filled
        if self._delivered > FREE and self._delivered > MAX_RATIO * max(1, self._packed()):
            raise LogError(
                self._path, None, f"unpacks to more than {MAX_RATIO} times its size, as a zip bomb does: given up"
            )
        return filled


def compression_of(head: bytes) -> str:
    """Return the compression of a file that begins so: "gzip", "bzip2", "xz" or "zstd"; "" for none."""
    return next((kind for magic, kind, _ in _COMPRESSIONS if head.startswith(magic)), "")


def is_tar(head: bytes) -> bool:
    """Return whether a file that begins so is a tar archive, by the checksum of its first header."""
    if len(head) < _BLOCK:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins so is a compressed file or a tar archive."""
    return bool(compression_of(head)) or is_tar(head)


def unpack(log_file: LogFile) -> LogFile:
    """Return the content of a compressed file; any other file unchanged.

    Raises:
        MissingExtraError: zstandard is not installed.
        LogError: its content is compressed once more.
    """
    kind = compression_of(log_file.head())
    if not kind:
        return log_file
    source = log_file.stream
    stream = _OPENERS[kind](source)
    bounded = Bounded(log_file.path, stream, source.tell, Budget(log_file.path))
    inner = LogFile(log_file.path, _without_ending(log_file.path, kind), io.BufferedReader(bounded), kind)
    if compression_of(inner.head()) or inner.head().startswith(b"PK\x03\x04"):
        raise LogError(log_file.path, None, "is an archive inside a compressed file: unpack it first")
    return inner


def _without_ending(path: Path, kind: str) -> Path:
    suffix = path.suffix.lower()
    if suffix in _SHORT_ENDINGS:
        return path.with_suffix(_SHORT_ENDINGS[suffix])
    ending = next(ending for _, name, ending in _COMPRESSIONS if name == kind)
    return path.with_suffix("") if suffix == ending or suffix == ".zstd" else path


def _zstd(source: BinaryIO) -> BinaryIO:
    try:
        return cast(BinaryIO, importlib.import_module("compression.zstd").ZstdFile(source))
    except ImportError:  # before Python 3.14
        pass
    try:
        library = importlib.import_module("zstandard")
    except ImportError as error:
        raise MissingExtraError("Reading zstd files", "logs") from error
    return cast(BinaryIO, io.BufferedReader(_Zstd(source, library.ZstdDecompressor())))


class _Zstd(io.RawIOBase):
    """The content of a zstd file. The library's own reader does not report an end that is missing."""

    _STEP = 1024  # a block of a few bytes may unpack to 128 KiB

    def __init__(self, source: BinaryIO, library: Any) -> None:
        self._source = source
        self._library = library
        self._frame: Any = None
        self._packed = self._unpacked = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read some bytes. Raises EOFError when the end is missing."""
        while not self._unpacked:
            self._packed = self._packed or self._source.read(self._STEP)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends before its data do")
                return 0
            if self._frame is None:
                self._frame = self._library.decompressobj()
            self._unpacked, self._packed = self._frame.decompress(self._packed), b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        chunk = self._unpacked[: len(buffer)]
        self._unpacked = self._unpacked[len(chunk) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda source: gzip.GzipFile(fileobj=source, mode="rb"),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": _zstd,
}


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__
