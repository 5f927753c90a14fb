"""SQLite databases: each table that holds conversations is read, as a table of a file is."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from convexplain.errors import LogError, UsageError

from . import tables, turn_table
from .containers import LogFile
from .log_text import MAX_RECORD
from .parse_results import ParsedRecord, quoted_names
from .reading import Reading

MAGIC = b"SQLite format 3\x00"
_FIRST_ROWS = 50
"""Rows by which the kind of a table is recognised."""

_Rows = Iterator[tuple[int, dict[str, Any]]]


def read_database(log_file: LogFile, reading: Reading) -> Iterator[ParsedRecord]:
    """Yield the conversations in a database; tables that hold none are named in a remark.

    Args:
        log_file: the file.
        reading: the options. A map chooses the tables that have its columns.

    Raises:
        LogError: the file is damaged, or no table holds conversations.
        UsageError: no table has the columns of the map.
    """
    left_out: list[str] = []
    read = 0
    changes = Path(f"{log_file.path}-wal")
    if changes.is_file() and changes.stat().st_size:
        reason = f"newer rows in {changes.name!r} are not read: close the program that writes the database"
        reading.report(None, reason, kept=True)
    with _database(log_file) as connection:
        for table in _chosen(log_file.path, connection, reading, left_out):
            names, rows = _rows(log_file.path, connection, table)
            read += 1
            yield from tables.read_value_table(log_file.path, names, rows, reading.without_table())
    if read:
        if left_out:
            reading.report(None, f"the tables {quoted_names(left_out)} hold no conversations: left out", kept=True)
    elif reading.field_map is not None:
        raise UsageError(f"map: no table of the database has its columns; the tables are {quoted_names(left_out)}")
    else:
        raise LogError(
            log_file.path,
            None,
            f"is an SQLite database of which no table is known to hold conversations; its tables are "
            f"{quoted_names(left_out) or 'empty'}. A map of the columns chooses one (command line: --map)",
        )


def _chosen(path: Path, connection: sqlite3.Connection, reading: Reading, left_out: list[str]) -> list[str]:
    """Return the tables to read: the one that the map names, else those that surely hold conversations, else the one
    that may hold them.

    Raises:
        UsageError: there is no such table, or several may hold conversations and none surely does.
    """
    names = _tables(path, connection)
    if reading.field_map is not None and reading.field_map.table is not None:
        named = reading.field_map.table
        if named not in (*names, *_tables(path, connection, "view")):
            raise UsageError(f"map: no table {named!r}; the database has {quoted_names(names, most=30)}")
        return [named]
    likeness = {name: _likeness(*_rows(path, connection, name), reading) for name in names}
    best = max((value for value in likeness.values() if value is not None), default=0)
    chosen = [name for name in names if best and likeness[name] == best]
    if best == 1 and len(chosen) > 1:
        raise UsageError(
            f"map: the tables {quoted_names(chosen)} may hold conversations; say which one to read, and its columns: "
            f"--map 'table={chosen[0]}, id=…, role=…, content=…' (from Python: map=…)"
        )
    left_out += [name for name in names if name not in chosen and likeness[name] is not None]
    return chosen


def _likeness(names: Sequence[str], rows: _Rows, reading: Reading) -> int | None:
    """Return how much a table looks like conversations, as `tables.likeness`; None for an empty one."""
    first = [row for _, row in islice(rows, _FIRST_ROWS)]
    if first and reading.field_map is not None:
        return 0 if turn_table.missing_columns(names, reading.field_map) else 2
    return tables.likeness(names, first) if first else None


@contextmanager
def _database(log_file: LogFile) -> Iterator[sqlite3.Connection]:
    """Yield a connection that can only read; what is no file of its own goes through a temporary file."""
    if not log_file.container and log_file.path.is_file():
        with _connection(log_file.path, log_file.path) as connection:
            yield connection
        return
    with tempfile.NamedTemporaryFile(suffix=".db") as copy:
        shutil.copyfileobj(log_file.stream, copy)
        copy.flush()
        with _connection(log_file.path, Path(copy.name)) as connection:
            yield connection


@contextmanager
def _connection(path: Path, place: Path) -> Iterator[sqlite3.Connection]:
    with _reading_errors(path):
        # Without "immutable", a database in a folder that cannot be written to is refused.
        connection = sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD)
        connection.execute("PRAGMA trusted_schema = OFF")
    with closing(connection):
        yield connection


@contextmanager
def _reading_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OverflowError) as error:
        raise LogError(path, None, f"is no SQLite database that can be read: {error}") from error


def _tables(path: Path, connection: sqlite3.Connection, kind: str = "table") -> list[str]:
    """Return the names of the tables that hold rows themselves, no virtual ones; or of the views."""
    with _reading_errors(path):
        rows = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "
            "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
            (kind,),
        )
        return [str(name) for (name,) in rows]


def _rows(path: Path, connection: sqlite3.Connection, table: str) -> tuple[list[str], _Rows]:
    """Return the columns of a table, and its rows with their numbers."""
    quoted = table.replace('"', '""')
    with _reading_errors(path):
        cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a quoted name
        names = [str(column[0]) for column in cursor.description]

    def rows() -> _Rows:
        number = 0
        while True:
            with _reading_errors(path):
                row = cursor.fetchone()
            if row is None:
                return
            number += 1
            yield number, {name: _cell(value) for name, value in zip(names, row, strict=True)}

    return names, rows()


def _cell(value: Any) -> Any:
    return f"[{len(value)} bytes]" if isinstance(value, bytes) else value
