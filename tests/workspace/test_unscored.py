"""Another try at what has no score in a run: what is asked, what stays, and what is refused."""

import pytest

from convexplain import Conversation, Turn, Workspace
from convexplain.connectors.fault_server import FaultServer
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, StoreError, UnavailableError, UsageError

MAXIMS = ["helpfulness", "harm"]
TALKS = [
    Conversation(name, (Turn("user", "Well?"), Turn("assistant", f"{name}."), Turn("user", "And?"), *last), "log.jsonl")
    for name, last in [("One", ()), ("Two", ()), ("Three", (Turn("assistant", "Four."),))]
]


def judge(failures, name="scripted"):
    """A judge that fails on turns as named by their texts, and scores all others 0.75."""

    def answer(request):
        judged = request.messages[0].content.rsplit("\nassistant: ", 1)[-1].partition("\n")[0]
        return failures.get(judged, {"yes": 0.75, "no": 0.25})

    return ScriptedModel(answer, name=name)


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    yield workspace
    workspace.close()


def scores(ws, run=1):
    return {(j.conversation_id, j.turn, j.rubric): j.score for _, j in ws.store.judgements(run)}


def test_only_what_has_no_score_is_asked_and_the_run_keeps_the_rest(ws):
    ws.analyze(TALKS, MAXIMS, judge({"Two.": ModelError("no"), "Four.": ModelError("oh")}), reasons="none")
    before = scores(ws)
    assert [key for key, score in before.items() if score is None] == [
        ("Two", 1, "helpfulness"),
        ("Two", 1, "harm"),
        ("Three", 3, "helpfulness"),
        ("Three", 3, "harm"),
    ]
    mended = judge({"Four.": ModelError("still no")})
    run = ws.retry(1, mended)
    assert len(mended.requests) == 4
    after = scores(ws)
    assert len(after) == len(before) == 8
    assert {key for key, score in after.items() if score is None} == {("Three", 3, name) for name in MAXIMS}
    assert all(after[key] == score for key, score in before.items() if score is not None)
    assert dict(run.summary.unscored) == {"still no": 2}
    assert (run.id, run.run.status, run.run.spend.calls, run.run.spend.failures) == (1, "done", 6, 6)
    assert len(ws.runs()) == 1


def test_where_everything_is_scored_nothing_is_opened(ws):
    model = judge({})
    ws.analyze(TALKS, MAXIMS, model, reasons="none")
    asked = len(model.requests)
    assert ws.retry().id == 1
    assert len(model.requests) == asked


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (None, "cannot be opened by that name: name the judge"),
        (judge({}, "another"), "another model answers. Scores of two judges are not mixed"),
    ],
)
def test_the_judge_has_to_be_that_of_the_run(ws, again, words):
    ws.analyze(TALKS, MAXIMS, judge({"Two.": ModelError("no")}), reasons="none")
    before = scores(ws)
    with pytest.raises(UsageError, match=words):
        ws.retry(1, again)
    assert scores(ws) == before
    assert ws.run(1).run.status == "done"


def test_a_model_that_is_gone_leaves_the_run_as_it_was(ws):
    ws.analyze(TALKS, MAXIMS, judge({"Two.": ModelError("no")}), reasons="none")
    with pytest.raises(UnavailableError, match="no credit"):
        ws.retry(1, judge({"Two.": UnavailableError("no credit")}))
    assert ws.run(1).run.status == "done"
    assert sum(score is None for score in scores(ws).values()) == 2


def test_a_run_that_is_being_worked_on_is_left_alone(ws):
    model = judge({"Two.": ModelError("no")})
    ws.analyze(TALKS, MAXIMS, model, reasons="none")
    ws.store.reopen_run(1)  # as a retry in this process does at its beginning
    with pytest.raises(StoreError, match="run 1 is being worked on by"):
        ws.retry(1, model)
    with pytest.raises(StoreError, match="there is no run 7"):
        ws.store.reopen_run(7)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_endpoint_is_opened_again_with_the_options_of_the_run(ws):
    with FaultServer() as server:
        server.next_faults = ["content filter"] * 3  # all draws of the first maxim
        ws.analyze(TALKS[:1], MAXIMS, f"{server.url}?model=stub&in_flight=1", reasons="none", samples=3)
        asked = len(server.prompts)
        assert list(scores(ws).values()) == [None, 1.0]
        ws.retry(1)
    assert (asked, len(server.prompts)) == (6, 9)
    assert [(judgement.score, judgement.evidence.n) for _, judgement in ws.store.judgements(1)] == [(1.0, 3)] * 2


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("fault", ["null content", "half JSON", "error in 200"])
def test_an_endpoint_that_only_fails_ends_the_run_with_its_reason(ws, fault):
    talks = [Conversation(f"c{i}", (Turn("user", "?"), Turn("assistant", f"{i}.")), "log.jsonl") for i in range(96)]
    with (
        FaultServer(0.999, [fault]) as server,
        pytest.raises(UnavailableError, match=r"only fails: 2\d requests in a row failed for good"),
    ):
        ws.analyze(talks, MAXIMS, f"{server.url}?model=stub&in_flight=2", reasons="none")
    # 32 judgements are under way, of six tries each, when 21 have failed; all would take 192 * 6
    assert len(server.prompts) < 32 * 6 + 21 * 6
    assert ws.run(1).run.status == "stopped"
