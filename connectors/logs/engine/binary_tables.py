"""Tables that are no text: Parquet, Arrow (`datasets` saved to disk) and Excel, which need the extra `logs`; SQLite."""

import datetime
import decimal
import importlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from convexplain.errors import ConvexplainError, LogError, MissingExtraError, UsageError

from . import archives, sqlite_tables, tables
from .arrow_sizes import declared_size
from .containers import FREE, MAX_BYTES, MAX_RATIO, LogFile
from .parse_results import ParsedRecord, quoted_names
from .reading import Reading
from .turn_table import TableRow

_BATCH = 64
"""Rows of a Parquet file that are held at a time."""
MAX_WORKBOOK = 1 << 30
"""Bytes that an Excel workbook may unpack to: its texts are held in memory."""
MAX_SHEET = 1 << 27
"""Bytes that a sheet of it may unpack to: five million cells, which take a minute to read."""
_MAX_ROWS = 1 << 20
"""Rows of a sheet: Excel's own limit. A row may declare any number, and those before it would be empty."""
MAX_CELLS = 20_000_000
"""Cells of a sheet with the empty ones before its filled ones: a row may declare only its last."""
_MAX_BATCH = 1 << 31
"""Bytes of a Parquet file's rows that are unpacked at a time, where each holds the largest value of its row group."""
_STREAM_MAGIC = b"\xff\xff\xff\xff"
_PICTURE_KEYS = {"bytes", "path"}
"""The fields of an image or a recording in a Hugging Face data set."""


def table_kind(head: bytes) -> str:
    """Return the kind of table that begins with these bytes: "parquet", "arrow", "sqlite" or "xlsx" (any zip); "" for
    none.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1\x00\x00", _STREAM_MAGIC)):
        return "arrow"
    if head.startswith(sqlite_tables.MAGIC):
        return "sqlite"
    return "xlsx" if head.startswith(b"PK\x03\x04") else ""


def data_set_files(folder: Path) -> list[Path]:
    """Return the Arrow files of a data set that `save_to_disk` wrote, of one or of several splits; none for any other
    path. Links to devices and pipes are left out.
    """
    if not folder.is_dir():
        return []
    splits = sorted(folder.iterdir()) if (folder / "dataset_dict.json").is_file() else [folder]
    return [
        file
        for split in splits
        if (split / "state.json").is_file()
        for file in sorted(split.glob("*.arrow"))
        if file.is_file()
    ]


def read_binary_table(
    log_file: LogFile,
    kind: str,
    reading: Reading,
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a table.

    Args:
        log_file: the file.
        kind: its kind, as `table_kind` returns it.
        reading: the options.

    Raises:
        MissingExtraError: the extra `logs` is not installed.
        LogError: the file is damaged.
        UsageError: the map does not fit, or a person should decide on it.
    """
    if kind == "sqlite":
        yield from sqlite_tables.read_database(log_file, reading)
        return
    with _seekable_stream(log_file) as stream:
        if kind == "xlsx":
            yield from _sheet_records(log_file.path, stream, reading)
            return
        opener = _parquet if kind == "parquet" else _arrow
        names, rows = opener(log_file.path, stream)
        yield from tables.read_value_table(log_file.path, names, rows, reading)


@contextmanager
def _seekable_stream(log_file: LogFile) -> Iterator[IO[bytes]]:
    """Yield the file as a stream that can be read twice; a compressed file goes through a temporary file."""
    if not log_file.container:
        yield log_file.stream
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(log_file.stream, copy)
        copy.seek(0)
        yield copy


@contextmanager
def _reading_errors(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except ConvexplainError:
        raise
    except MemoryError as error:  # most often a damaged length
        raise LogError(path, None, f"is no {kind} that can be read: it asks for more memory than there is") from error
    except Exception as error:
        raise LogError(path, None, f"is no {kind} that can be read: {error or type(error).__name__}") from error


def _parquet(path: Path, stream: IO[bytes]) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    library = _library("pyarrow.parquet", "Parquet files")
    with _reading_errors(path, "Parquet file"):
        file = library.ParquetFile(stream)
        names = list(file.schema_arrow.names)
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        largest = max((_largest_column(group) for group in groups), default=0)
    packed = _packed_size(stream)
    _check_declared(path, size, packed)
    rows = max(1, min(_BATCH, _MAX_BATCH // max(1, largest)))

    def batches() -> Iterator[Any]:
        return iter(file.iter_batches(batch_size=rows, use_threads=False))

    return names, _rows(path, batches, "Parquet file", packed)


def _check_declared(path: Path, size: int, packed: int) -> None:
    """Raise LogError where a file says that it unpacks to more than it may."""
    if size > MAX_BYTES or (size > FREE and size > MAX_RATIO * packed):
        limit = f"{MAX_BYTES:,} bytes" if size > MAX_BYTES else f"{MAX_RATIO} times its size"
        raise LogError(path, None, f"unpacks to {size:,} bytes, more than {limit}: it is not read")


def _largest_column(group: Any) -> int:
    """Return the bytes of the largest column of a row group; no value in it is larger."""
    return max((group.column(i).total_uncompressed_size for i in range(group.num_columns)), default=0)


def _packed_size(stream: IO[bytes]) -> int:
    """Return the size of a file, at least one byte."""
    place = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(place)
    return max(1, size)


def _arrow(path: Path, stream: IO[bytes]) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    library = _library("pyarrow.ipc", "Arrow files")
    packed = _packed_size(stream)
    with _reading_errors(path, "Arrow file"):
        size = declared_size(stream, library)
    _check_declared(path, size, packed)
    with _reading_errors(path, "Arrow file"):
        streamed = stream.read(4) == _STREAM_MAGIC
        stream.seek(0)
        reader = library.open_stream(stream) if streamed else library.open_file(stream)
        names = list(reader.schema.names)

    def batches() -> Iterator[Any]:
        if streamed:
            return iter(reader)
        return (reader.get_batch(number) for number in range(reader.num_record_batches))

    return names, _rows(path, batches, "Arrow file", packed)


def _rows(
    path: Path, batches: Callable[[], Iterator[Any]], kind: str, packed: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows with their numbers, as JSON values.

    Raises:
        LogError: the file is damaged, or its values repeat until they are many times the file's size, `packed` bytes.
    """
    number = unpacked = characters = 0
    with _reading_errors(path, kind):
        remaining = batches()
    while True:
        with _reading_errors(path, kind):
            batch = next(remaining, None)
            if batch is not None:
                batch.validate(full=True)  # offsets that point beyond the file would end the process
        if batch is None:
            return
        unpacked += batch.nbytes
        # A value that many rows refer to (dictionaries, views) stands once in the batch, and in each row here.
        size = max(1, min(_BATCH, _MAX_BATCH // max(1, batch.get_total_buffer_size())))
        for start in range(0, batch.num_rows, size):
            if max(unpacked, characters) > max(FREE, MAX_RATIO * packed):
                raise LogError(path, None, f"unpacks to more than {MAX_RATIO} times its size: the rest is not read")
            with _reading_errors(path, kind):
                rows = batch.slice(start, size).to_pylist()
            for row in rows:
                number += 1
                characters += _characters(row)
                yield number, {str(name): _json(value) for name, value in row.items()}


def _characters(value: Any) -> int:
    """Return the characters and bytes within a value."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list) else 0


def _json(value: Any) -> Any:
    """Return a cell as JSON has it: bytes become a placeholder, timestamps ISO 8601."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        if value.keys() == _PICTURE_KEYS:
            return {"type": "image", "path": value["path"]} if isinstance(value["path"], str) else {"type": "image"}
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _sheet_records(
    path: Path,
    stream: IO[bytes],
    reading: Reading,
) -> Iterator[ParsedRecord]:
    """Yield the conversations of an Excel workbook, from each sheet that is a table of them."""
    _check_sheets(path, stream)
    library = _library("openpyxl", "Excel files")
    with _reading_errors(path, "Excel workbook"):
        book = library.load_workbook(stream, read_only=True, data_only=True)
    named_sheet = reading.field_map.table if reading.field_map is not None else None
    with closing(book):
        if named_sheet is not None and named_sheet not in book.sheetnames:
            raise UsageError(
                f"map: no table {named_sheet!r}; the workbook's sheets are {quoted_names(book.sheetnames)}"
            )
        left_out: list[str] = []
        for sheet in book.worksheets:
            if named_sheet not in (None, sheet.title):
                continue
            rows = _sheet_rows(path, sheet)
            first = list(islice(rows, 6))
            if len(book.worksheets) == 1 or reading.field_map is not None:
                yield from tables.read_text_table(path, _chain(first, rows), reading.without_table())
            elif not first:
                reading.report(None, f"the sheet {quoted_names([sheet.title])} is empty: left out", kept=True)
            elif not tables.text_likeness(first):
                left_out.append(sheet.title)
            else:
                try:
                    yield from tables.read_text_table(path, _chain(first, rows), replace(reading, table=sheet.title))
                except UsageError as error:  # a person should decide on the map; the other sheets are read
                    reading.report(None, f"the sheet {quoted_names([sheet.title])}: {error}")
        for title in left_out:  # after what is more likely the cause, if no conversation can be read
            reading.report(
                None,
                f"the sheet {quoted_names([title])} is no table of conversations: left out. To read it all the same, "
                f"name its columns: --map 'table={title}, id=…, role=…, content=…'",
            )


def _chain(first: list[TableRow], rows: Iterator[TableRow]) -> Iterator[TableRow]:
    yield from first
    yield from rows


def _sheet_rows(path: Path, sheet: Any) -> Iterator[TableRow]:
    with _reading_errors(path, "Excel workbook"):
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        rows = iter(sheet.iter_rows(values_only=True))
    number = count = 0
    while True:
        with _reading_errors(path, "Excel workbook"):
            cells = next(rows, None)
        if cells is None:
            return
        number += 1
        count += len(cells)
        if number > _MAX_ROWS or count > MAX_CELLS:
            limit = f"{MAX_CELLS:,} cells" if count > MAX_CELLS else f"{_MAX_ROWS:,} rows"
            raise LogError(path, None, f"has a sheet of more than {limit}, with its empty ones: the rest is not read")
        texts = [tables.cell_text(_json(cell)) for cell in cells]
        while texts and not texts[-1].strip():
            texts.pop()
        if texts:
            yield TableRow(number, texts)


def _check_sheets(path: Path, stream: IO[bytes]) -> None:
    """Raise LogError for a workbook that unpacks to too much, and for a zip archive that is no workbook."""
    with _reading_errors(path, "Excel workbook"), zipfile.ZipFile(stream) as archive:
        if not archives.is_sheet(archive):
            raise LogError(path, None, "is an archive inside an archive: unpack it first")
        size = sum(item.file_size for item in archive.infolist())
        large = ("xl/worksheets/", "xl/sharedStrings")
        sheets = [item for item in archive.infolist() if item.filename.startswith(large)]
        largest = max((item.file_size for item in sheets), default=0)
        packed = sum(item.compress_size for item in archive.infolist())
    if largest > MAX_SHEET:
        reason = f"has a sheet of {largest:,} bytes, more than {MAX_SHEET:,} (about five million cells)"
        raise LogError(path, None, f"{reason}: it is not read; save it as CSV or Parquet")
    if size > MAX_WORKBOOK or (size > FREE and size > MAX_RATIO * max(1, packed)):
        limit = f"{MAX_WORKBOOK:,} bytes" if size > MAX_WORKBOOK else f"{MAX_RATIO} times its size, as a zip bomb does"
        raise LogError(path, None, f"unpacks to {size:,} bytes, more than {limit}: it is not read")
    stream.seek(0, io.SEEK_SET)


def _library(name: str, kind: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"Reading {kind}", "logs") from error
