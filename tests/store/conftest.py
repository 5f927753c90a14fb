"""A fresh place for each test: once an SQLite file, once on a real PostgreSQL server."""

import tempfile
from pathlib import Path

import pytest

from convexplain.store import RunStore


@pytest.fixture(scope="session")
def server():
    with tempfile.TemporaryDirectory(prefix="convexplain-", dir="/tmp") as folder:  # a socket's path must be short
        try:
            from .postgres import PostgresServer

            started = PostgresServer(Path(folder))
        except ImportError as error:
            pytest.fail(f"the tests of the store need PostgreSQL, pip install -e '.[dev]': {error}", pytrace=False)
        yield started
        started.stop()


@pytest.fixture
def postgres(server):
    """The URL of an empty place on a PostgreSQL server."""
    with server.empty() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path):
    """Where a store may lie, empty."""
    return str(tmp_path / "a.db") if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def store(url):
    opened = RunStore(url)
    yield opened
    opened.close()
