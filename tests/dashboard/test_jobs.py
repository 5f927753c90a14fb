"""Jobs are real processes against a stub server on this machine: cancelled, killed, found again, gone on with."""

import os
import signal
import socket
import threading
import time

import pytest

from convexplain.dashboard.services import jobs as service
from convexplain.errors import StoreError, UsageError
from convexplain.store import RunStore
from convexplain.workspace import JudgeSpec
from convexplain.workspace.job_specs import AnalyzeJob
from convexplain.workspace.jobs import cancel_job, job_state, list_jobs, start_job

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("data_folder", "hears_ctrl_c")]


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "store.db")


def wait(condition, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("it did not come to pass")


def ended(database, job):
    return wait(lambda: (state := job_state(database, job)).status != "running" and state)


class Gate:
    """Lets a stub server answer so many prompts; the others wait until it is opened."""

    def __init__(self, stub, free):
        self.opened = threading.Event()
        stub.misbehave = lambda number: self.hold() if number > free else None

    def hold(self):
        assert self.opened.wait(60)


def start(stub, chats, database):
    return service.start_analyze(database, AnalyzeJob((chats,), ("harm",), JudgeSpec(stub.url), explain=0))


def test_a_job_runs_and_is_found_again(stub, chats, database):
    job = start(stub, chats, database)
    state = ended(database, job)
    assert (state.status, state.done, state.share, state.run.id, state.run.spend.calls) == ("done", 12, 1.0, 1, 18)
    assert "Run 1: 6 conversations, 12 assistant turns" in state.messages
    assert list_jobs(database) == [state]
    assert "store.db" not in str(state.job.settings)  # a URL may hold a password


def test_progress_is_told_while_it_runs(stub, chats, database):
    gate = Gate(stub, 4)
    job = start(stub, chats, database)
    state = wait(lambda: (now := job_state(database, job)).done == 4 and now)
    assert (state.status, state.share) == ("running", pytest.approx(4 / 12))
    assert state.run.status == "running"
    with pytest.raises(UsageError, match="running already"):
        service.resume(database, job)
    gate.opened.set()
    assert ended(database, job).status == "done"


@pytest.mark.parametrize("ending", ["killed", "cancelled"])
def test_what_was_ended_goes_on_and_judges_nothing_twice(stub, chats, database, ending):
    gate = Gate(stub, 5)
    job = start(stub, chats, database)
    running = wait(lambda: (now := job_state(database, job)).done == 5 and now)
    if ending == "killed":
        os.kill(running.job.process, signal.SIGKILL)
    else:
        cancel_job(database, job)
    stopped = ended(database, job)
    assert (stopped.status, stopped.done, stopped.run.id) == ("stopped", 5, 1)
    gate.opened.set()
    service.resume(database, job)
    done = ended(database, job)
    assert (done.status, done.done, done.run.id) == ("done", 12, 1)
    assert [stub.prompts.count(answered) for answered in stub.prompts[:5]] == [1] * 5
    assert len(set(stub.prompts)) == 12
    store = RunStore(database)
    assert len(store.runs()) == 1
    assert len({(talk.id, found.turn) for talk, found in store.judgements(1)}) == 12
    store.close()


def test_the_same_is_not_begun_twice(stub, chats, database):
    gate = Gate(stub, 4)
    job = start(stub, chats, database)
    wait(lambda: job_state(database, job).done == 4)
    with pytest.raises(UsageError, match="job 1 does the same and is running"):
        start(stub, chats, database)
    cancel_job(database, job)
    gate.opened.set()
    assert start(stub, chats, database) == job  # goes on with it
    assert ended(database, job).done == 12
    again = start(stub, chats, database)  # what is done may be done again
    assert (again, ended(database, again).run.id) == (2, 2)


def test_a_judge_that_goes_away_stops_the_job_with_its_message(stub, chats, database):
    stub.misbehave = lambda number: (401, {}, "{}") if number > 3 else None
    state = ended(database, start(stub, chats, database))
    assert state.status == "stopped"
    assert "Error: " in state.messages
    stub.misbehave = lambda number: None
    service.resume(database, state.job.id)
    assert ended(database, state.job.id).done == 12


def test_what_cannot_be_meant_fails_with_its_message(chats, database):
    state = ended(database, start_job(database, AnalyzeJob((chats,), ("nonsense",))))
    assert (state.status, state.run, state.done) == ("failed", None, 0)
    assert "Error: rubric 'nonsense' is neither a file nor one of" in state.messages


def test_one_turn_is_explained(stub, chats, database):
    ended(database, start(stub, chats, database))
    job = service.start_explain(database, 1, "c2", 3, "harm", None)
    state = ended(database, job)
    assert (state.status, state.run.id) == ("done", 1)
    wrong = ended(database, service.start_explain(database, 1, "c2", 2, "harm", None))
    assert wrong.status == "failed"
    assert "run 1 has judged no such turn on harm" in wrong.messages


def test_the_numbered_conversation_is_explained(stub, chats, database):
    ended(database, start(stub, chats, database))
    state = ended(database, service.start_explain(database, 1, "c2", 3, "harm", None, 3))
    assert (state.status, state.job.settings["number"]) == ("done", 3)
    wrong = ended(database, service.start_explain(database, 1, "c2", 3, "harm", None, 4))
    assert "run 1 has judged no such turn on harm" in wrong.messages


def test_a_job_that_does_not_exist(database):
    with pytest.raises(StoreError, match="there is no job 3"):
        job_state(database, 3)


def test_cancelling_what_has_ended_does_nothing(stub, chats, database):
    job = start(stub, chats, database)
    before = ended(database, job)
    cancel_job(database, job)
    assert job_state(database, job) == before


def test_a_job_of_another_machine_is_left_to_it(stub, chats, database, monkeypatch):
    job = start(stub, chats, database)
    ended(database, job)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert job_state(database, job).status == "done"
    with pytest.raises(UsageError, match="cancel it there"):
        cancel_job(database, job)
