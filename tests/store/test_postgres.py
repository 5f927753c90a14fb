"""What only a database server can do to a store: go away, come back, and live in another time zone."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from convexplain.errors import StoreError
from convexplain.models.chat import Reply, Spend
from convexplain.store import RunStore
from convexplain.store.database import writing
from tests.cli.test_analyze import run as convexplain

pytestmark = pytest.mark.slow


@pytest.fixture
def store(postgres):
    opened = RunStore(postgres)
    yield opened
    opened.close()


def break_connections(server):
    found = server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    assert (True,) in found


def test_a_connection_that_was_lost_between_two_uses_is_made_anew(server, store):
    store.put("k", "m", Reply("x"))
    break_connections(server)
    assert store.get("k") == Reply("x")


def test_a_connection_that_is_lost_in_the_middle_names_the_database_and_no_user(server, store, helpfulness):
    run = store.begin_run("m", "f", {}, [helpfulness])
    statement = sa.text("UPDATE runs SET status = 'done'")

    def work():
        with writing(store.engine) as connection:
            connection.execute(statement)
            break_connections(server)
            connection.execute(statement)

    with pytest.raises(StoreError, match="terminat") as found:
        work()
    assert str(found.value).startswith(store.place)
    assert "postgres@" not in str(found.value)
    assert store.run(run.id).status == "running"  # nothing of the broken transaction stays


def test_a_server_that_is_down_is_an_error_and_after_its_restart_all_goes_on(server, store, helpfulness):
    run = store.begin_run("m", "f", {}, [helpfulness])
    server.stop()
    try:
        with pytest.raises(StoreError, match="connection") as found:
            store.keep_alive(run.id, Spend(calls=1))
        assert str(found.value).startswith(store.place)
    finally:
        server.start()
    store.keep_alive(run.id, Spend(calls=2))
    assert store.run(run.id).spend.calls == 2


def test_times_do_not_hang_on_the_servers_time_zone(postgres, helpfulness):
    before = datetime.now(UTC)
    store = RunStore(f"{postgres}%20-ctimezone%3DAsia/Tokyo")
    run = store.begin_run("m", "f", {}, [helpfulness])
    store.close()
    store = RunStore(postgres)
    kept = store.run(run.id)
    store.close()
    assert before <= kept.created_at == run.created_at <= datetime.now(UTC)


@pytest.mark.slow
def test_the_command_line_keeps_its_runs_there(postgres, stub, chats, tmp_path):
    analyze = ("analyze", chats, "--db", postgres, "--judge", stub.url)
    code, out, err = convexplain(*analyze, cwd=tmp_path)
    assert code == 0, err
    assert len(stub.prompts) == 36  # 12 turns, 3 maxims
    assert "Run 1: 6 conversations, 12 assistant turns" in out
    shown = [line for line in (out + err).splitlines() if "convexplain explain" not in line]  # a command needs the user
    assert "postgres@" not in "".join(shown)
    code, out, err = convexplain(*analyze, cwd=tmp_path)
    assert code == 0, err
    assert len(stub.prompts) == 36
    assert "Run 2:" in out
    assert "0 calls, 54 from the cache" in out  # a reason for each of the 18 low scores too
    code, out, err = convexplain("runs", "list", "--db", postgres, cwd=tmp_path)
    assert code == 0, err
    assert [line.split(":")[0] for line in out.splitlines() if "complete" in line] == ["Run 2", "Run 1"]
