"""Jobs in the store, on SQLite and PostgreSQL."""

import os
import socket
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from convexplain import Conversation, Turn, load_rubric
from convexplain.errors import StoreError
from convexplain.models.chat import Spend
from convexplain.store import schema
from convexplain.store.jobs import (
    add_job,
    find_job,
    gave_sign,
    is_explained,
    job_run,
    job_started,
    judged_count,
    newest_jobs,
)
from convexplain.types import Evidence, Judgement

HARM = load_rubric("harm")
HOST = socket.gethostname()


def begin(store, settings=None):
    return store.begin_run("m", "f", settings or {}, [HARM]).id


def test_a_job_comes_back_as_it_was_kept(store):
    number = add_job(store, "analyze", ["analyze", "a\x00b"], "/a folder", None, 12, HOST)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    job_started(store, number, "elsewhere", 77, at)
    job = find_job(store, number)
    assert (job.kind, job.arguments, job.folder, job.planned) == ("analyze", ("analyze", "a\x00b"), "/a folder", 12)
    assert (job.host, job.process, job.started_at, job.run) == ("elsewhere", 77, at, None)
    second = add_job(store, "explain", ["explain"], "/b", None, None, HOST)
    assert [found.id for found in newest_jobs(store)] == [second, number]
    assert [found.id for found in newest_jobs(store, 1)] == [second]
    with pytest.raises(StoreError, match="there is no job 99"):
        find_job(store, 99)


def test_a_jobs_run_is_the_one_that_its_process_owns(store):
    before = begin(store)  # this very process owned a run before the job was started
    store.end_run(before, "done", Spend())
    with store.engine.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(sa.update(schema.runs).values(alive_at=long_ago))
    number = add_job(store, "analyze", [], "/a", None, None, HOST)
    job_started(store, number, HOST, os.getpid(), datetime.now(UTC))
    assert job_run(store, find_job(store, number)) is None
    run = begin(store, {"another": 1})
    assert job_run(store, find_job(store, number)) == run
    assert find_job(store, number).run == run
    job_started(store, number, HOST, 1, datetime.now(UTC))  # started again: known until the new process has begun
    assert job_run(store, find_job(store, number)) == run
    with store.engine.begin() as connection:
        connection.execute(sa.delete(schema.runs))
    assert find_job(store, number).run is None


def test_signs_of_life(store):
    run, now = begin(store), datetime.now(UTC)
    assert gave_sign(store, run, now - timedelta(seconds=60))
    assert not gave_sign(store, run, now + timedelta(seconds=60))
    store.end_run(run, "stopped", Spend())
    assert not gave_sign(store, run, now - timedelta(seconds=60))


def test_judgements_are_counted_scored_or_not(store):
    run = begin(store)
    number = store.keep_conversation(Conversation("c", (Turn("assistant", "a"), Turn("assistant", "b"))), run)
    for turn, score in ((0, 0.5), (1, None)):
        judgement = Judgement("c", turn, "harm", score, None, None, Evidence(), "m", "s")
        store.keep_judgement(run, number, HARM, judgement)
    assert judged_count(store, run) == 2
    assert judged_count(store, run + 1) == 0


@pytest.mark.parametrize("attribute", [True, False])
def test_what_is_explained(store, attribute):
    run = begin(store)
    number = store.keep_conversation(Conversation("c:1", (Turn("assistant", "a"),)), run)
    place = ("c:1", 0, "harm")
    assert not is_explained(store, run, *place, attribute=attribute)
    row = {"run": run, "conversation": number, "turn": 0, "rubric": HARM.sha, "settings": "s", "question": "rescore"}
    table = schema.attributions if attribute else schema.contrasts
    rest = {"method": "clime"} if attribute else {"goal": "cross", "found": False}
    with store.engine.begin() as connection:
        connection.execute(sa.insert(table).values(**row, **rest, body={}))
    assert is_explained(store, run, *place, attribute=attribute)
    assert not is_explained(store, run, *place, attribute=not attribute)
    for other in (("c", 0, "harm"), ("c:1", 1, "harm"), ("c:1", 0, "helpfulness")):
        assert not is_explained(store, run, *other, attribute=attribute)
