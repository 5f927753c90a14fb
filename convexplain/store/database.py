"""The database behind a store: URL, SQLite's settings, schema version and migration."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
import tenacity
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from convexplain.errors import MissingExtraError, StoreError
from convexplain.system.files import make_folder

from .fork_safety import close_before_fork, hold_off_forks
from .schema import REVISION

_BUSY_SECONDS = 60
_TABLES_SHOWN = 4
_FIRST_REVISION = "1001"
_MIGRATION_LOCK = 0x63766578  # "cvex": key of the PostgreSQL advisory lock that a migration holds

# Beginning of a URL to the driver that is used, whatever driver the URL names.
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
# A database in memory belongs to one connection, which serves all threads.
_IN_MEMORY: dict[str, Any] = {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}}


def connect(url: str) -> sa.Engine:
    """Return an engine on an up-to-date schema.

    `url` is the path of an SQLite file, or the URL of an SQLite or PostgreSQL database; PostgreSQL is used through
    psycopg 3, whatever driver the URL names.

    Raises:
        StoreError: it cannot be opened, or its schema is newer than this version of convexplain.
        MissingExtraError: psycopg is not installed.
    """
    try:
        # pre_ping: a pooled connection that was lost in the meantime is replaced before it is used
        address = _url(url)
        if read_only := _is_read_only(address):
            address = _read_only_url(address)
        engine = sa.create_engine(address, pool_pre_ping=True, **(_IN_MEMORY if is_in_memory(address) else {}))
    except ImportError as error:
        raise MissingExtraError("The database driver psycopg", "postgres") from error
    except OSError as error:
        raise StoreError(f"--db {url!r}: its folder cannot be made ({error.strerror or error})") from error
    except (SQLAlchemyError, ValueError, KeyError) as error:
        address_shown = re.sub(r"//.*@", "//…@", url, flags=re.DOTALL).partition("?")[0]  # without user and password
        raise StoreError(
            f"--db {address_shown!r} is neither a file nor the URL of an SQLite or PostgreSQL database"
        ) from error
    close_before_fork(engine)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_read_only if read_only else _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin)
    try:
        _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _url(text: str) -> sa.URL:
    """Return the URL, or that of an SQLite file; create file and folder, for this user alone, if they are missing."""
    if "://" not in text:
        path = Path(text).expanduser().resolve()
        if path.is_dir():
            raise StoreError(f"--db {text!r} is a folder; name a file in it")
        if not path.exists():
            make_folder(path.parent)
            with suppress(OSError):  # SQLite says what is wrong
                path.touch(0o600)  # its log of changes gets the mode of the file
        return sa.URL.create("sqlite", database=str(path))
    url = sa.make_url(text)
    driver = _DRIVERS[url.get_backend_name()]
    if driver != _DRIVERS["sqlite"] and text.count("@") > 1:  # part of a password would be taken, and shown, as a host
        raise StoreError("--db: an @ in user, password or options must be written as %40")
    return url.set(drivername=driver)


def _is_read_only(url: sa.URL) -> bool:
    """Return whether a database is a file that nobody can write here: on a read-only mount, or of another user."""
    if url.get_backend_name() != "sqlite" or is_in_memory(url) or url.query:
        return False
    path = Path(str(url.database))
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_url(url: sa.URL) -> sa.URL:
    """Return the URL that opens a file for reading alone, without its log of changes, which needs further files.

    Raises:
        StoreError: there are changes in that log which the file does not have yet.
    """
    path = Path(str(url.database))
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        raise StoreError(
            f"{path} cannot be written here, and {log.name} beside it holds changes that are not in it yet: copy both "
            "files to a folder that can be written, and name the copy with --db"
        )
    return sa.URL.create(
        "sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "immutable": "1", "uri": "true"}
    )


def is_in_memory(url: sa.URL) -> bool:
    """Return whether a database lies in this process's memory."""
    if url.get_backend_name() != "sqlite":
        return False
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def place(url: sa.URL) -> str:
    """Return the place of a database, for people: the file, or the URL without user, password and options."""
    if url.get_backend_name() == "sqlite" and url.database:
        return unquote(url.database.removeprefix("file:")) if "immutable" in url.query else url.database
    socket = {"host": url.query["host"]} if "host" in url.query else {}
    public = sa.URL.create(url.get_backend_name(), host=url.host, port=url.port, database=url.database, query=socket)
    return public.render_as_string()


@contextmanager
def store_errors(engine: sa.Engine) -> Iterator[None]:
    """Raise the database errors of a block as StoreError, which names the database without user and password."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip()
        if "file is not a database" in reason:
            reason = "file is not a database, so it is no convexplain store; name another file with --db"
        if engine.url.username:  # servers name the user that they refuse
            reason = reason.replace(f'"{engine.url.username}"', '"…"')
        raise StoreError(f"{place(engine.url)}: {reason}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # `_begin` begins transactions, as writers from the start: SQLite may refuse a reader that becomes a writer.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _set_up_read_only(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None


def _busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


# busy_timeout does not hold for the change to WAL: it fails at once while another process writes to the new file.
@tenacity.retry(
    retry=tenacity.retry_if_exception(_busy),
    wait=tenacity.wait_random(0.01, 0.1),
    stop=tenacity.stop_after_delay(_BUSY_SECONDS),
    reraise=True,
)
def _use_wal(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: sa.Connection) -> None:
    if "immutable" in connection.engine.url.query and not connection.get_execution_options().get("reading"):
        raise StoreError(f"{place(connection.engine.url)} cannot be written: it lies on a read-only place")
    if not connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection for SELECTs, which neither waits for a writer nor delays one."""
    with store_errors(engine), hold_off_forks(), engine.connect().execution_options(reading=True) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection in a transaction, committed at the end. Keep it short: SQLite runs one at a time."""
    with store_errors(engine), hold_off_forks(), engine.begin() as connection:
        yield connection


def insert_for(engine: sa.Engine) -> Callable[[sa.Table], Any]:
    """Return the database's own INSERT, which supports ON CONFLICT."""
    return postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert


def _migrate(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        if _up_to_date(connection):
            return
        _check_own(connection)
    if "immutable" in engine.url.query:
        raise StoreError(
            f"{place(engine.url)}: an earlier version of convexplain has made this store, and it cannot be brought up "
            "to date on a read-only place: copy it to a folder that can be written, and name the copy with --db"
        )
    from alembic import command  # a tenth of a second to import, needed once for each database
    from alembic.config import Config

    with as_file(files("convexplain.store") / "migrations") as scripts, writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # SQLite's transactions run one at a time anyway
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        if _up_to_date(connection):  # another process was faster
            return
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _up_to_date(connection: sa.Connection) -> bool:
    revision = _revision(connection)
    if revision is not None and revision > REVISION:
        raise StoreError(
            f"{place(connection.engine.url)}: its schema is {revision}, this version of convexplain knows {REVISION}: "
            "upgrade convexplain, or name another database with --db"
        )
    if revision is not None and revision < _FIRST_REVISION:
        raise StoreError(
            f"{place(connection.engine.url)}: a version of convexplain before the first release has made this store "
            f"(its schema is {revision}), and this version cannot read it. The runs in it can be made again: keep the "
            "file, and name another one with --db, for instance --db convexplain-new.db"
        )
    return revision == REVISION


def _check_own(connection: sa.Connection) -> None:
    """Check that a database without a convexplain schema is empty. Other tables may share a server's database.

    Raises:
        StoreError: it is an SQLite file of another program.
    """
    if connection.dialect.name != "sqlite" or _revision(connection) is not None:
        return
    if tables := sa.inspect(connection).get_table_names():
        names = ", ".join(tables[:_TABLES_SHOWN]) + (", …" if len(tables) > _TABLES_SHOWN else "")
        raise StoreError(
            f"{place(connection.engine.url)} is an SQLite file of another program (its tables: {names}), and no "
            "convexplain store. It was not changed; name another file with --db"
        )


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("convexplain_schema"):
        return None
    revision = connection.execute(sa.text("SELECT version_num FROM convexplain_schema")).scalar()
    return str(revision) if revision is not None else None
