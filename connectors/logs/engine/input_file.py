"""A log file or a pipe, opened once, that reports how many bytes of it have been read."""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OnBytes = Callable[[int], None]

_STDIN = Path("/dev/stdin")
_BLOCK = 1 << 20
_RANDOM_ACCESS = (b"PK\x03\x04", b"PK\x05\x06", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""Beginnings of files that are not read from their start to their end: zip, Excel, Parquet, Arrow."""


@contextmanager
def open_input(path: Path, on_bytes: OnBytes | None = None) -> Iterator["io.BufferedReader[Any]"]:
    """Open a file or a pipe (`/dev/stdin` is the standard input).

    Of a pipe that holds a zip, Excel, Parquet or Arrow file a temporary copy is made.

    Args:
        path: the file.
        on_bytes: receives the number of bytes each time that some were read.

    Raises:
        OSError, ValueError: it cannot be opened.
    """
    with io.BufferedReader(_Input(path, on_bytes)) as stream:
        if stream.seekable() or not stream.peek(8).startswith(_RANDOM_ACCESS):
            yield stream
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
            with io.BufferedReader(io.FileIO(os.dup(copy.fileno()))) as seekable:
                yield seekable


class _Input(io.FileIO):
    """A file whose reads are counted. A read fills its buffer: a pipe may give less than was asked for."""

    def __init__(self, path: Path, on_bytes: OnBytes | None) -> None:
        self._on_bytes = on_bytes
        self._position = 0
        super().__init__(os.dup(0) if path == _STDIN else path, "rb")

    def readinto(self, buffer: Any, /) -> int:
        """Read until the buffer is full or the end is reached."""
        view, count = memoryview(buffer).cast("B"), 0
        while count < len(view) and (more := super().readinto(view[count:])):
            count += more
        self._position += count
        if self._on_bytes is not None:
            self._on_bytes(count)
        return count

    def readall(self) -> bytes:
        """Read until the end."""
        data, buffer = bytearray(), bytearray(_BLOCK)
        while count := self.readinto(buffer):
            data += buffer[:count]
        return bytes(data)

    def tell(self) -> int:
        """Return the position; of a pipe, how many bytes were read."""
        return super().tell() if self.seekable() else self._position
