"""Opening a store: its URL, its schema, and what cannot be opened."""

import os
import sqlite3
import stat
import sys
import threading
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from convexplain import Conversation, Turn
from convexplain.errors import MissingExtraError, StoreError
from convexplain.models.chat import Reply
from convexplain.store import RunStore, keep_ratings, ratings, schema
from convexplain.store.samples import run_sample
from convexplain.store.schema import metadata
from convexplain.types import Rating


def test_the_migrations_make_the_schema_that_the_code_uses(store):
    with store.engine.connect() as connection:
        options = {"version_table": "convexplain_schema", "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_an_up_to_date_schema_is_left_alone(url, monkeypatch):
    store = RunStore(url)
    store.put("k", "m", Reply("kept"))
    store.close()
    monkeypatch.setattr(command, "upgrade", None)  # called, it would raise
    store = RunStore(url)
    assert store.get("k") == Reply("kept")
    store.close()


def test_a_newer_schema_is_refused(url):
    store = RunStore(url)
    _set_revision(store, "9999")
    store.close()
    with pytest.raises(
        StoreError, match=f"its schema is 9999, this version of convexplain knows {schema.REVISION}: upgrade"
    ) as found:
        RunStore(url)
    assert str(found.value).startswith(store.place)


def test_runs_of_before_are_analyses(url):
    store = RunStore(url)
    run = store.begin_run("j", "f", {}, [], purpose="validation").id
    assert (store.runs(), store.run(run).purpose) == ([], "validation")
    _undo_themes(store)
    with store.engine.begin() as connection:
        for column in ("purpose", "alarms"):
            connection.execute(sa.text(f"ALTER TABLE runs DROP COLUMN {column}"))
    _set_revision(store, "1002")
    store.close()
    store = RunStore(url)
    assert [(stored.id, stored.purpose, stored.alarms) for stored in store.runs()] == [(run, "analysis", {})]
    assert store.run().id == run
    # a validation that was stopped before the migration is one when it goes on
    again = store.begin_run("j", "f", {}, [], purpose="validation")
    assert (again.id, again.purpose, store.runs(), store.run(run).purpose) == (run, "validation", [], "validation")
    store.close()


def test_labels_of_before_have_no_note(url):
    store = RunStore(url)
    conversation = Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Hello")), "s")
    rating = Rating("c", 1, "harm", 0.0, "anna", "no")
    keep_ratings(store, [(conversation, replace(rating, note="names no time"))])
    _undo_themes(store)
    _set_revision(store, "1003")
    store.close()
    store = RunStore(url)
    assert list(ratings(store)) == [(conversation, rating)]
    store.close()


def test_runs_of_before_have_judged_everything(url):
    store = RunStore(url)
    run = store.begin_run("j", "f", {}, []).id
    _undo_samples(store)
    _set_revision(store, "1004")
    store.close()
    store = RunStore(url)
    assert (store.run(run).sample, run_sample(store.run(run))) == (None, None)
    store.close()


def _undo_samples(store):
    """Undo the migrations since 1005."""
    with store.engine.begin() as connection:
        schema.audit_events.drop(connection)
        schema.leases.drop(connection)
        connection.execute(sa.text("ALTER TABLE runs DROP COLUMN sample"))
        connection.execute(sa.text("ALTER TABLE run_conversations DROP COLUMN stratum"))


def _undo_themes(store):
    """Undo the migrations since 1004."""
    _undo_samples(store)
    with store.engine.begin() as connection:
        for table in (schema.theme_members, schema.themes, schema.theme_sets):
            table.drop(connection)
        connection.execute(sa.text("ALTER TABLE ratings DROP COLUMN note"))


@pytest.mark.parametrize("revision", ["0001", "0006"])
def test_a_store_of_an_unreleased_version_is_refused_and_left_as_it_was(url, revision):
    store = RunStore(url)
    store.put("k", "m", Reply("kept"))
    _set_revision(store, revision)
    with pytest.raises(StoreError) as refused:
        RunStore(url)
    assert str(refused.value) == (
        f"{store.place}: a version of convexplain before the first release has made this store (its schema is "
        f"{revision}), and this version cannot read it. The runs in it can be made again: keep the file, and name "
        "another one with --db, for instance --db convexplain-new.db"
    )
    assert store.get("k") == Reply("kept")
    _set_revision(store, schema.REVISION)
    store.close()
    RunStore(url).close()


def _set_revision(store, revision):
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE convexplain_schema SET version_num = :revision"), {"revision": revision})


def test_a_database_of_somebody_else_is_left_as_it_was(url):
    store = RunStore(url)
    with store.engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE convexplain_schema"))
        connection.execute(sa.text("CREATE TABLE problems (x INTEGER)"))  # not the first that the migration makes
    with pytest.raises(StoreError, match=r"problems.*already exists|another program \(its tables: problems\)"):
        RunStore(url)
    with store.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["problems"]
    store.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_is_talked_to_through_psycopg_3(postgres, scheme):
    store = RunStore(postgres.replace("postgresql", scheme, 1))
    store.put("k", "m", Reply("kept"))
    assert store.get("k") == Reply("kept")
    assert store.engine.driver == "psycopg"
    store.close()


def test_a_place_is_a_file_or_a_url_without_user_and_password(tmp_path, server, postgres):
    file = str(tmp_path / "a.db")
    for url, place in (
        (file, file),
        (f"sqlite:///{file}", file),
        (
            postgres.replace("postgres@", "postgres:secret@"),
            f"postgresql:///postgres?host={quote_plus(str(server.folder))}",
        ),
    ):
        store = RunStore(url)
        assert store.place == place
        store.close()


@pytest.mark.parametrize("url", ["nonsense://x", "://", "mysql://x/y", "postgresql://x:port/y"])
def test_a_url_that_is_none_is_named(url):
    with pytest.raises(StoreError, match=url):
        RunStore(url)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://anna:secret@host/x",
        "nonsense://anna:sec/ret@host/x",
        "nonsense://anna:sec?ret@host/x",
        "nonsense://host/x?user=anna&password=secret",
        "postgresql://anna:x@secret@host/x",
        "postgresql://anna:x@sec:ret@host/x",
        "postgresql://anna:x@sec/ret@host/x",
        "postgresql://anna:x@sec?ret@host/x",
        "postgresql://anna:secret@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=anna&password=secret",
    ],
)
def test_a_refused_url_is_shown_without_user_and_password(url):
    with pytest.raises(StoreError) as found:
        RunStore(url)
    for hidden in ("anna", "sec", "ret"):
        assert hidden not in str(found.value)


def test_a_refused_user_is_not_named(postgres):
    with pytest.raises(StoreError, match=r'role "…" does not exist') as found:
        RunStore(postgres.replace("postgres@", "anna:secret@"))
    assert "anna" not in str(found.value)
    assert "secret" not in str(found.value)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "a.db").write_text("not a database, but long enough to be taken for a broken header of one " * 20)
    with pytest.raises(StoreError, match=r"a\.db.*not a database"):
        RunStore(str(tmp_path / "a.db"))


@pytest.mark.slow
def test_a_new_file_that_another_process_writes_is_waited_for(tmp_path):
    """Before it has become a WAL file, SQLite refuses that change at once, whatever the time-out."""
    writer = sqlite3.connect(tmp_path / "a.db", check_same_thread=False, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, writer.execute, ["COMMIT"])
    timer.start()
    store = RunStore(str(tmp_path / "a.db"))
    assert store.runs() == []
    store.close()
    timer.join()
    writer.close()


def test_a_missing_driver_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[postgres\]'"):
        RunStore("postgresql://localhost/x")


# ---- files


def test_a_new_file_and_its_folders_are_for_this_user_alone(tmp_path):
    place = tmp_path / "new" / "deep" / "a.db"
    RunStore(str(place)).put("k", "m", Reply("kept"))  # not closed: SQLite's further files are there
    made = (tmp_path / "new", *(tmp_path / "new").rglob("*"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes == {"new": 0o700, "deep": 0o700, "a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}


def test_a_file_of_another_program_is_named_as_such_and_left_as_it_is(tmp_path):
    place = tmp_path / "photos.db"
    with sqlite3.connect(place) as connection:
        for table in ("album", "faces", "photo", "place", "tag"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER)")
    connection.close()
    before = place.read_bytes()
    with pytest.raises(StoreError) as refused:
        RunStore(str(place))
    assert str(refused.value) == (
        f"{place} is an SQLite file of another program (its tables: album, faces, photo, place, …), and no convexplain "
        "store. It was not changed; name another file with --db"
    )
    with sqlite3.connect(place) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (5,)
    connection.close()
    assert len(before) == place.stat().st_size


def test_a_file_that_is_no_database_is_named_as_such(tmp_path):
    place = tmp_path / "chats.jsonl"
    place.write_text('{"messages": []}\n' * 100)
    with pytest.raises(StoreError, match=r"chats\.jsonl: file is not a database, so it is no convexplain store"):
        RunStore(str(place))
    assert place.read_text() == '{"messages": []}\n' * 100


def test_a_store_on_a_read_only_place_can_be_read(tmp_path, monkeypatch):
    place = tmp_path / "a b#c?.db"
    store = RunStore(str(place))
    store.put("k", "m", Reply("kept"))
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [place.name]
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    opened = RunStore(str(place))
    assert (opened.get("k"), opened.place) == (Reply("kept"), str(place))
    with pytest.raises(StoreError) as refused:
        opened.put("l", "m", Reply("x"))
    assert str(refused.value) == f"{place} cannot be written: it lies on a read-only place"
    opened.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [place.name]


def test_what_a_read_only_place_cannot_show_is_said(tmp_path, monkeypatch):
    place = tmp_path / "a.db"
    store = RunStore(str(place))
    _set_revision(store, "1004")
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StoreError, match=r"a\.db-wal beside it holds changes that are not in it yet: copy both files"):
        RunStore(str(place))
    monkeypatch.setattr(os, "access", writable)
    store.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StoreError, match="cannot be brought up to date on a read-only place: copy it"):
        RunStore(str(place))
