"""Opening a store: its URL, its schema, and what cannot be opened."""

import sqlite3
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from convexplain.errors import MissingExtraError, Problem, StoreError
from convexplain.models.chat import Reply, Spend
from convexplain.store import RunStore, contrasts, keep_noise_floor, noise_floor, schema, scored_places, scored_turns
from convexplain.store.jobs import add_job, find_job
from convexplain.store.schema import metadata
from convexplain.store.store import conversation_body
from convexplain.types import Evidence, Judgement, sha256_json

_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


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
    with store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE convexplain_schema SET version_num = '9999'"))
    store.close()
    with pytest.raises(
        StoreError, match="its schema is 9999, this version of convexplain knows 0006: upgrade"
    ) as found:
        RunStore(url)
    assert str(found.value).startswith(store.place)


def test_an_older_store_is_brought_up_to_date_and_keeps_what_it_holds(url, monkeypatch, talk, helpfulness):
    upgrade = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, to: upgrade(config, "0001"))
        store = RunStore(url)
    _begin_as_of_old(store, {"turns": "all"})
    store._keep_rubric(helpfulness)
    number = _keep_as_of_old(store, talk, 1)
    judged = Judgement("late-parcel", 3, "helpfulness", 0.25, "no", None, Evidence(notes=("n",)), "m", "s")
    store.keep_judgement(1, number, helpfulness, judged)
    store.keep_problem(1, Problem("a.jsonl", 7, "not JSON"))
    store.put("k", "m", Reply("kept"))
    assert not sa.inspect(store.engine).has_table("contrasts")
    store.close()
    store = RunStore(url)
    run = store.run()
    assert (run.id, run.judge, run.status, run.settings, run.judge_spec) == (1, "m", "running", {"turns": "all"}, None)
    assert list(store.judgements(run.id)) == [(talk, judged)]
    assert [str(problem) for problem in store.problems(run.id)] == ["a.jsonl:7: not JSON"]
    assert store.get("k") == Reply("kept")
    keep_noise_floor(store, "m", helpfulness, 0.1, turns=20, n=400)
    assert noise_floor(store, "m", helpfulness) == 0.1
    assert [
        (turn.number, turn.score)
        for turn in scored_turns(store, helpfulness, scored_places(store, run.id, helpfulness))
    ] == [(number, 0.25)]
    assert list(contrasts(store, run.id)) == []
    with store.engine.connect() as connection:
        assert connection.execute(sa.select(schema.facets)).all() == [(number, "memory", None, None, 4)]
    store.close()


def test_jobs_of_the_version_before_stay_in_the_list(url, monkeypatch):
    upgrade = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, to: upgrade(config, "0005"))
        store = RunStore(url)
    texts = map(sa.column, ("kind", "arguments", "folder", "planned", "run", "host", "process"))
    jobs = sa.table("jobs", *texts, *(sa.column(name, schema.UtcTime) for name in ("created_at", "started_at")))
    for run, (kind, status) in enumerate((("analyze", "done"), ("analyze", "stopped"), ("explain", "done")), 1):
        _begin_as_of_old(store, {"number": run}, status)
        values = {"kind": kind, "arguments": f'["{kind}", "--judge=x"]', "folder": f"/{run}", "run": run, "planned": 12}
        with store.engine.begin() as connection:
            times = {"created_at": _AT, "started_at": _AT}
            connection.execute(sa.insert(jobs).values(**values, **times, host="h", process=7))
    store.close()
    store = RunStore(url)
    first, second, third = (find_job(store, number) for number in (1, 2, 3))
    assert (first.status, second.status, third.status) == ("done", "stopped", "stopped")
    assert (third.kind, third.settings, third.run) == ("explain", {"arguments": ["explain", "--judge=x"]}, 3)
    assert (first.folder, first.host, first.process, first.started_at, first.alive_at) == ("/1", "h", 7, _AT, _AT)
    assert add_job(store, "analyze", {}, "/4", None, "h") == 4
    store.close()


def _begin_as_of_old(store, settings, status="running"):
    """Begins a run as the first versions did, whose runs had no judge's spec."""
    runs = sa.table("runs", *(column._copy() for column in schema.runs.c if column.name not in ("id", "judge_spec")))
    values = {"status": status, "owner": "h:1", "signature": sha256_json(settings), "judge": "m", "settings": settings}
    with store.engine.begin() as connection:
        connection.execute(sa.insert(runs).values(**values, spend=asdict(Spend()), created_at=_AT, alive_at=_AT))


def _keep_as_of_old(store, talk, run):
    """Keeps a conversation as the first version did, which had no facets."""
    body = conversation_body(talk)
    values = {"conversation_id": talk.id, "source": talk.source, "turns": len(talk.turns), "body": body}
    with store.engine.begin() as connection:
        made = connection.execute(sa.insert(schema.conversations).values(digest=sha256_json(body), **values))
        (number,) = made.inserted_primary_key
        connection.execute(sa.insert(schema.run_conversations).values(run=run, conversation=number))
    return number


def test_a_database_of_somebody_else_is_left_as_it_was(url):
    store = RunStore(url)
    with store.engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE convexplain_schema"))
        connection.execute(sa.text("CREATE TABLE problems (x INTEGER)"))  # one of the last that a migration makes
    with pytest.raises(StoreError, match=r"problems.*already exists"):
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
