"""Jobs in the store, on SQLite and PostgreSQL."""

import pytest
import sqlalchemy as sa

from convexplain import load_rubric
from convexplain.errors import StoreError
from convexplain.store import schema
from convexplain.store.jobs import (
    add_job,
    analyzing_jobs,
    begin_job,
    end_job,
    find_job,
    keep_process,
    keep_progress,
    newest_jobs,
)

HARM = load_rubric("harm")


def begin(store):
    return store.begin_run("m", "f", {}, [HARM]).id


def test_a_job_comes_back_as_it_was_kept(store):
    settings = {"logs": ["a\x00b", "\ud800"], "limit": None, "judge": "embedded"}
    number = add_job(store, "analyze", settings, "/a folder", None, "here")
    keep_process(store, number, 77)
    job = find_job(store, number)
    assert (job.kind, job.settings, job.folder, job.host, job.process) == ("analyze", settings, "/a folder", "here", 77)
    assert (job.status, job.progress, job.result, job.error, job.run) == ("running", {}, None, None, None)
    assert job.created_at == job.started_at == job.alive_at
    second = add_job(store, "explain", {}, "/b", None, "here")
    assert [job.id for job in newest_jobs(store)] == [second, number]
    assert [job.id for job in newest_jobs(store, 1)] == [second]
    with pytest.raises(StoreError, match="there is no job 99"):
        find_job(store, 99)


def test_progress_and_the_run_are_kept_with_a_sign_of_life(store):
    number = add_job(store, "analyze", {}, "/a", None, "here")
    before = find_job(store, number)
    run = begin(store)
    keep_progress(store, number, {"done": 1}, run)
    keep_progress(store, number, {"done": 2})
    job = find_job(store, number)
    assert (job.progress, job.run) == ({"done": 2}, run)
    assert job.alive_at > before.alive_at
    assert [job.id for job in analyzing_jobs(store, run)] == [number]
    with store.engine.begin() as connection:
        connection.execute(sa.delete(schema.runs))
    assert find_job(store, number).run is None


def test_a_job_ends_once_and_begins_anew(store):
    number = add_job(store, "export", {}, "/a", None, "here")
    keep_process(store, number, 7)
    keep_progress(store, number, {"done": 1})
    end_job(store, number, "failed", error="no \ud800 such form")
    end_job(store, number, "stopped")
    job = find_job(store, number)
    assert (job.status, job.error, job.result) == ("failed", "no \\ud800 such form", None)
    begin_job(store, job, "elsewhere")
    job = find_job(store, number)
    assert (job.status, job.progress, job.error, job.host, job.process) == ("running", {}, None, "elsewhere", None)
    assert job.started_at > job.created_at
    end_job(store, number, "done", result={"pairs": 3})
    assert (find_job(store, number).status, find_job(store, number).result) == ("done", {"pairs": 3})


def test_of_two_who_begin_a_job_at_once_one_does(store):
    number = add_job(store, "export", {}, "/a", None, "here")
    seen = find_job(store, number)
    begin_job(store, seen, "here")
    keep_process(store, number, 7)
    keep_progress(store, number, {"done": 1})
    before = find_job(store, number)
    with pytest.raises(StoreError, match="job 1 has been started by somebody else"):
        begin_job(store, seen, "elsewhere")
    assert find_job(store, number) == before


def test_trials_are_not_listed_and_only_analyses_judge_a_run(store):
    run = begin(store)
    for kind in ("judge", "explain", "export"):
        add_job(store, kind, {}, "/a", run, "here")
    assert [job.kind for job in newest_jobs(store)] == ["export", "explain"]
    assert analyzing_jobs(store, run) == []
