"""The worker: what it does for each kind of job, and what it keeps of it."""

import json
import socket
import time

import pytest

from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UnavailableError
from convexplain.models.chat import Spend
from convexplain.rubrics import rubric_text
from convexplain.store import RunStore, keep_contrast, newest_attributions, run_rubrics, scored_places, scored_turns
from convexplain.store.jobs import add_job, find_job
from convexplain.workspace import JudgeSpec, worker
from convexplain.workspace.job_specs import (
    AnalyzeJob,
    ExplainJob,
    ExportJob,
    JudgeJob,
    RedactJob,
    RetryJob,
    job_settings,
)
from tests.explain.test_pairs import contrast
from tests.reviewed_contrasts import accept_all


@pytest.fixture
def store(tmp_path):
    opened = RunStore(str(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def scripted(monkeypatch):
    """Every model that is named is a scripted one, with these answers."""
    answers = {}
    answers["reply"] = lambda request: {"yes": 0.1, "no": 0.9} if "bad" in request.messages[0].content else {"yes": 0.9}
    monkeypatch.setattr(
        "convexplain.workspace.judge_arguments.open_model",
        lambda name: ScriptedModel(lambda request: answers["reply"](request), name=name),
    )
    return answers


def do(store, spec, run=None):
    number = add_job(store, spec.kind, job_settings(spec), "/nowhere", run, socket.gethostname())
    worker.do_job(store, number)
    return find_job(store, number)


def analysis(log, rubrics=("harm",)):
    return AnalyzeJob((log,), rubrics, JudgeSpec("scripted"), explain=0)


@pytest.mark.slow
def test_an_analysis_keeps_its_run_and_what_it_found(store, scripted, chats):
    chats.write_text(chats.read_text() + "\nno JSON")
    job = do(store, analysis(chats))
    assert (job.status, job.run, job.error) == ("done", 1, None)
    assert job.result == {"run": 1, "conversations": 6, "turns": 12, "problems": 1, "unscored": 0}
    assert (job.progress["done"], job.progress["total"]) == (12, 12)
    problem, last = job.progress["notes"]
    assert "chats.jsonl:7" in problem
    assert last == "Run 1: 6 conversations, 12 assistant turns"


@pytest.mark.slow
def test_the_worst_turns_of_an_analysis_are_explained(store, scripted, chats):
    job = do(store, AnalyzeJob((chats,), ("harm",), JudgeSpec("scripted"), explain=2))
    assert (job.status, job.progress["task"], job.progress["done"]) == ("done", "explaining", 2)


def test_an_analysis_goes_on_with_its_run(store, scripted, chats):
    reply, requests = scripted["reply"], []

    def away(request):
        requests.append(request)
        if len(requests) > 5:
            raise UnavailableError("the server is gone")
        return reply(request)

    scripted["reply"] = away
    job = do(store, analysis(chats))
    assert (job.status, job.run, job.error) == ("stopped", 1, "the server is gone")
    scripted["reply"] = reply
    job = do(store, analysis(chats))
    assert (job.status, job.run, job.progress["done"]) == ("done", 1, 12)
    assert "Going on with run 1, which was not finished." in job.progress["notes"]


def test_a_judge_that_is_not_there_has_no_run(store, chats, monkeypatch):
    class Away(ScriptedModel):
        async def prepare(self):
            raise UnavailableError("no server")

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: Away({"yes": 1.0}))
    job = do(store, analysis(chats))
    assert (job.status, job.run, job.error) == ("failed", None, "no server")


def test_what_is_not_valid_fails_with_its_message(store, scripted, chats):
    job = do(store, analysis(chats, ("nonsense",)))
    assert job.status == "failed"
    assert job.error.startswith("rubric 'nonsense' is neither a file nor one of")


def test_a_fault_of_our_own_is_told_too(store, scripted, chats, monkeypatch, capsys):
    monkeypatch.setattr(worker, "_analyze", lambda *_: 1 / 0)
    job = do(store, analysis(chats))
    assert (job.status, job.error) == ("failed", "ZeroDivisionError: division by zero")
    assert "Traceback" in capsys.readouterr().err


def test_cancelled_is_stopped(store, scripted, chats, monkeypatch):
    def cancel(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "_analyze", cancel)
    job = do(store, analysis(chats))
    assert (job.status, job.error) == ("stopped", None)


@pytest.mark.slow
def test_one_turn_is_attributed_by_the_judge_of_its_run(store, scripted, chats):
    do(store, analysis(chats))
    job = do(store, ExplainJob(1, "c2", 3, "harm"), 1)
    assert (job.status, job.run, job.result) == ("done", 1, {"turns": 1, "failed": 0})
    assert job.progress["calls"] > 0
    assert newest_attributions(store, 1, judged_turn(store))


@pytest.mark.slow
def test_of_two_conversations_with_one_id_the_numbered_one_is_explained(store, scripted, tmp_path):
    logs = (tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    for log in logs:
        talk = [("user", f"From {log.name}"), ("assistant", "Sure."), ("user", "And?"), ("assistant", "a bad one")]
        messages = [{"role": role, "content": text} for role, text in talk]
        log.write_text(json.dumps({"id": "twin", "messages": messages}))
    do(store, AnalyzeJob(logs, ("harm",), JudgeSpec("scripted"), explain=0))
    (rubric,) = run_rubrics(store, 1)
    first, second = scored_turns(store, rubric, scored_places(store, 1, rubric, place=("twin", 3)))
    job = do(store, ExplainJob(1, "twin", 3, "harm", number=second.number), 1)
    assert (job.status, job.result) == ("done", {"turns": 1, "failed": 0})
    assert newest_attributions(store, 1, second)
    assert newest_attributions(store, 1, first) == []


@pytest.mark.slow
def test_an_explanation_whose_model_goes_away_is_stopped(store, scripted, chats):
    do(store, analysis(chats))

    def away(_):
        raise UnavailableError("the server is gone")

    scripted["reply"] = away
    job = do(store, ExplainJob(1, "c2", 3, "harm"), 1)
    assert (job.status, job.run, job.error) == ("stopped", 1, "the server is gone")


def judged_turn(store):
    (rubric,) = run_rubrics(store, 1)
    (turn,) = scored_turns(store, rubric, scored_places(store, 1, rubric, place=("c2", 3)))
    return turn


def test_a_turn_that_cannot_be_explained_says_why(store, scripted, tmp_path):
    log = tmp_path / "a.jsonl"
    log.write_text(json.dumps({"id": "c", "messages": [{"role": "assistant", "content": "Hello"}]}))
    do(store, analysis(log))
    job = do(store, ExplainJob(1, "c", 0, "harm"), 1)
    assert (job.status, job.result) == ("failed", None)
    assert "c:0 is left out" in job.error
    job = do(store, ExplainJob(1, "c", 5, "harm"), 1)
    assert "run 1 has judged no such turn on harm" in job.error


@pytest.mark.slow
def test_pairs_are_exported(store, scripted, chats, tmp_path):
    do(store, analysis(chats))
    empty = do(store, ExportJob(1, "trl-dpo", tmp_path / "none"), 1)
    assert "run 1 has no contrast to export" in empty.error
    turn = judged_turn(store)
    turns = (*turn.conversation.turns[:3], type(turn.conversation.turns[3])("assistant", "A fine one."))
    for i, moved in enumerate((True, False)):
        made = contrast(found=moved, conversation_id="c2", turn=3, rubric="harm", turns=turns)
        keep_contrast(store, 1, turn, f"{i:064}", made)
    unread = do(store, ExportJob(1, "trl-dpo", tmp_path / "none"), 1)
    assert unread.error.endswith("nothing was written. 0 of 2 contrasts are reviewed.")
    accept_all(store)
    job = do(store, ExportJob(1, "trl-dpo", tmp_path / "out"), 1)
    assert job.status == "done"
    assert (job.result["folder"], job.result["pairs"], job.result["contrasts"]) == (str(tmp_path / "out"), 1, 2)
    assert job.progress["notes"] == [
        "left out 1 x: no contrast was found",
        "1 pair of 2 contrasts, 1 record: train.jsonl",
    ]
    (row,) = map(json.loads, (tmp_path / "out" / "train.jsonl").read_text().splitlines())
    assert row["chosen"][0]["content"] == "A fine one."
    none = do(store, ExportJob(1, "trl-dpo", tmp_path / "strict", min_margin=0.9), 1)
    assert (none.status, none.error) == ("failed", "None of 2 contrasts makes a pair; nothing was written.")
    assert not (tmp_path / "strict").exists()


def test_a_rubric_is_tried_on_one_turn(store, scripted):
    messages = (("user", "Hi"), ("assistant", "a bad one"))
    job = do(store, JudgeJob(rubric_text("harm"), messages, JudgeSpec("scripted")))
    assert job.status == "done"
    assert (job.result["rubric"], job.result["turn"], job.result["score"]) == ("harm", 1, pytest.approx(0.1))
    assert job.result["evidence"]["probabilities"]["no"] == pytest.approx(0.9)
    assert store.runs() == []


def test_progress_is_kept_while_it_works(store, monkeypatch):
    monkeypatch.setattr(worker, "_TICK", 0.02)
    number = add_job(store, "analyze", {}, "/nowhere", None, "here")
    progress = worker.JobProgress()
    with worker._recorded(store, number, progress):
        progress.begin("judging", 5)
        progress.skipped(2)
        progress.spent(Spend(calls=2), Spend(calls=5))
        for i in range(60):
            progress.note(str(i))
        until = time.monotonic() + 10
        while find_job(store, number).progress.get("calls") != 7 and time.monotonic() < until:
            time.sleep(0.02)
        seen = find_job(store, number)
        progress.advance()
    assert (seen.progress["done"], seen.progress["total"], seen.progress["notes"][0]) == (2, 5, "20")
    assert find_job(store, number).progress["done"] == 3
    assert find_job(store, number).alive_at > seen.alive_at


def test_a_retry_asks_only_for_what_has_no_score(store, scripted, chats):
    reply = scripted["reply"]
    scripted["reply"] = lambda request: "Hm." if "bad" in request.messages[0].content else reply(request)
    unscored = do(store, analysis(chats)).result["unscored"]
    assert 0 < unscored < 12
    requests = []
    scripted["reply"] = lambda request: requests.append(request) or reply(request)
    job = do(store, RetryJob(1), run=1)
    assert (job.status, job.error) == ("done", None)
    assert job.result == {"run": 1, "scored": unscored, "unscored": 0}
    assert job.progress["notes"][-1] == f"Run 1: {unscored} judgements had no score, {unscored} of them have one now."
    assert all("bad" in request.messages[0].content for request in requests)


def test_a_redaction_replaces_personal_data_for_good(store, scripted, tmp_path):
    log = tmp_path / "log.jsonl"
    messages = [{"role": "user", "content": "I am jo@example.org"}, {"role": "assistant", "content": "Hello."}]
    log.write_text(json.dumps({"id": "a", "messages": messages}))
    do(store, analysis(log))
    job = do(store, RedactJob(1), run=1)
    assert (job.status, job.error) == ("done", None)
    assert job.result["replaced"] == {"e-mail": 1}
    assert job.progress["notes"][-1].startswith("Changed: 1 of 1 conversation. Replaced: e-mail 1.")
    (conversation,) = store.conversations(1)
    assert "jo@example.org" not in conversation.turns[0].content
