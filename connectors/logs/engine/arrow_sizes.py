"""Declared sizes of compressed Arrow files, read from their messages: nothing is unpacked.

pyarrow unpacks a whole record batch before it says how large it is. The layout is that of Arrow's `Message.fbs`.
"""

import struct
from typing import IO, Any

_FILE_MAGIC = b"ARROW1"
_HEADER_TYPE, _HEADER = 1, 2  # fields of a message
_DICTIONARY, _RECORDS = 2, 3  # types of header
_BUFFERS, _COMPRESSION = 2, 3  # fields of a record batch
_DATA = 1  # field of a dictionary batch that holds a record batch


def declared_size(stream: IO[bytes], library: Any) -> int:
    """Return the bytes to which the compressed buffers of an Arrow file or stream unpack, as each declares it.

    Args:
        stream: the file; it is left at its beginning.
        library: `pyarrow.ipc`.

    Raises:
        struct.error: the file is damaged.
        OSError: it is no Arrow file.
    """
    stream.seek(8 if stream.read(len(_FILE_MAGIC)) == _FILE_MAGIC else 0)
    size = 0
    for message in library.MessageReader.open_stream(stream):
        if message.body is not None:
            size += _unpacked(memoryview(message.metadata), memoryview(message.body))
    stream.seek(0)
    return size


def _unpacked(metadata: memoryview, body: memoryview) -> int:
    """Return the bytes to which the body of a message unpacks; 0 where it is not compressed."""
    message = _Table(metadata, _offset(metadata, 0))
    header = message.table(_HEADER)
    kind_place = message.place(_HEADER_TYPE)
    kind = metadata[kind_place] if kind_place else 0
    batch = header.table(_DATA) if header is not None and kind == _DICTIONARY else header
    if batch is None or kind not in (_DICTIONARY, _RECORDS) or batch.place(_COMPRESSION) is None:
        return 0
    place = batch.place(_BUFFERS)
    if place is None:
        return 0
    vector = _offset(metadata, place)
    (count,) = struct.unpack_from("<I", metadata, vector)
    size = 0
    for number in range(count):
        start, length = struct.unpack_from("<qq", metadata, vector + 4 + 16 * number)
        if length >= 8:
            (declared,) = struct.unpack_from("<q", body, start)
            size += length - 8 if declared == -1 else max(0, declared)  # -1: this buffer is not compressed
    return size


class _Table:
    """A table of a flat buffer.

    Args:
        buffer: the whole buffer.
        start: where the table begins.
    """

    def __init__(self, buffer: memoryview, start: int) -> None:
        self._buffer = buffer
        self._start = start
        self._fields = start - struct.unpack_from("<i", buffer, start)[0]

    def place(self, field: int) -> int | None:
        """Return where a field is; None where it has its default."""
        (length,) = struct.unpack_from("<H", self._buffer, self._fields)
        if 4 + 2 * field >= length:
            return None
        (offset,) = struct.unpack_from("<H", self._buffer, self._fields + 4 + 2 * field)
        return self._start + offset if offset else None

    def table(self, field: int) -> "_Table | None":
        """Return the table that a field refers to; None where there is none."""
        place = self.place(field)
        return None if place is None else _Table(self._buffer, _offset(self._buffer, place))


def _offset(buffer: memoryview, place: int) -> int:
    """Return the place to which the reference at a place points."""
    return place + int(struct.unpack_from("<I", buffer, place)[0])
