"""Opens the database behind a store: URL, SQLite's settings, schema version and migration."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from convexplain.errors import MissingExtraError, StoreError

from .schema import REVISION

_BUSY_SECONDS = 60


def connect(url: str) -> sa.Engine:
    """An engine on an up-to-date schema. `url` is a SQLAlchemy URL or the path of an SQLite file.

    Raises:
        StoreError: it cannot be opened, or its schema is newer than this version of convexplain knows.
    """
    try:
        engine = sa.create_engine(_url(url))
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"The database driver {error.name}", "postgres") from error
    except OSError as error:
        raise StoreError(f"--db: {error}") from error
    except (SQLAlchemyError, ValueError) as error:
        where = re.sub(r"//[^@/]*@", "//…@", url)  # without user and password
        raise StoreError(f"--db {where!r} is neither a file nor a database URL: {type(error).__name__}") from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise StoreError(f"--db: {engine.dialect.name} is not supported; valid are SQLite and PostgreSQL")
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin)
    with translated(engine):
        _migrate(engine)
    return engine


def _url(text: str) -> sa.URL:
    """The URL, or that of an SQLite file, whose folder is made if need be."""
    if "://" in text:
        return sa.make_url(text)
    path = Path(text).expanduser().resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    return sa.URL.create("sqlite", database=str(path))


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Database errors inside come out as StoreError, with the database named and without its password."""
    try:
        yield
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StoreError(f"{where}: {error.orig}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # `_begin` begins transactions, for writing from the start: a reader that turns writer may be refused for good.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for SELECTs, which neither waits for a writer nor holds one up."""
    with translated(engine), engine.connect().execution_options(reading=True) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction, committed at the end. Keep it short: on SQLite it is alone."""
    with translated(engine), engine.begin() as connection:
        yield connection


def _migrate(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        found = _revision(connection)
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise StoreError(
            f"{engine.url.render_as_string(hide_password=True)}: its schema is {found}, this version of "
            f"convexplain knows {REVISION}: upgrade convexplain, or name another database with --db"
        )
    from alembic import command  # a tenth of a second to import, wanted once in a database's life
    from alembic.config import Config

    with as_file(files("convexplain.store") / "migrations") as scripts, engine.begin() as connection:
        if _revision(connection) == REVISION:  # another process was faster
            return
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("convexplain_schema"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM convexplain_schema")).scalar()
    return str(found) if found is not None else None
