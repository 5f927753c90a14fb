"""The workspace from Python: what it takes, what it returns, and its two forms."""

import asyncio
import inspect
import json
import os
import re
import signal
import threading
import time

import pytest

import convexplain
from convexplain import AsyncWorkspace, Conversation, JudgeSpec, Turn, Workspace
from convexplain.agreement.calibration import Calibration
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, StoreError, UnavailableError, UsageError
from convexplain.explain.settings import AttributionOptions, AttributionSettings, ContrastOptions, ContrastSettings
from convexplain.store import keep_calibration, keep_noise_floor
from convexplain.workspace import ShortTask
from convexplain.workspace.blocking import run_blocking
from convexplain.workspace.judge_arguments import located, run_judge
from convexplain.workspace.scales import with_thresholds
from tests.fake_infiller import WORD_SEARCH, FakeInfiller

SHORT = ShortTask(contrast=None)
BOTH = ShortTask(contrast=ContrastSettings(question="revise", budget=40, **WORD_SEARCH))


def bananas(request):
    """0.1 where the judged turn speaks of bananas, else 0.9."""
    p = 0.1 if "Bananas" in request.messages[0].content.rsplit("\nassistant: ", 1)[-1] else 0.9
    return {"yes": p, "no": 1 - p}


def model(**options):
    return ScriptedModel(bananas, **options)


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    yield workspace
    workspace.close()


def test_the_public_names_are_what_is_meant():
    assert convexplain.__all__ == sorted(convexplain.__all__)
    assert set(convexplain.__all__) == {
        *("AsyncWorkspace", "Attribution", "Contrast", "Conversation", "ConvexplainError", "Edit", "Evidence"),
        *("JudgeSpec", "Judgement", "Rubric", "Turn", "Unit", "Workspace"),
        *("attribute", "contrast", "judge", "load_rubric", "read_log"),
    }
    assert all(getattr(convexplain, name) is not None for name in convexplain.__all__)


def test_the_sync_form_has_every_use_case_with_its_docstring_and_signature():
    methods = [name for name, _ in inspect.getmembers(AsyncWorkspace, inspect.iscoroutinefunction)]
    assert {"analyze", "judge", "explain", "import_logs"} <= set(methods)
    for name in methods:
        if not name.startswith("_"):
            method, blocking = getattr(AsyncWorkspace, name), getattr(Workspace, name)
            assert blocking.__doc__ == method.__doc__
            assert inspect.signature(blocking) == inspect.signature(method)
            assert not inspect.iscoroutinefunction(blocking)


@pytest.mark.slow
def test_a_run_lists_its_worst_turns_and_becomes_a_table(ws, chats):
    run = ws.analyze(chats, rubrics=["helpfulness"], judge=ScriptedModel(lambda request: {"yes": 0.3, "no": 0.7}))
    assert (run.id, len(run.judgements), run.summary.turns) == (1, 12, 12)
    first, second = run.worst(2)
    assert (first.score, first.turn.content, first.index) == (pytest.approx(0.3), "Answer 0.", 1)
    assert second.conversation.id == "c0"
    assert first.to_dict()["threshold"] == 0.5
    table = run.to_pandas()
    assert list(table["content"][:2]) == ["Answer 0.", "A bad one 0."]
    assert set(table["judge"]) == {"scripted"}
    assert run.to_dict()["turns"] == 12
    assert [json.loads(line)["turn"] for line in _lines(run, chats.parent / "out.jsonl")][:2] == [1, 3]


def _lines(run, path):
    assert run.write_judgements(path) == 12
    return path.read_text().splitlines()


@pytest.mark.slow
def test_a_finding_is_explained_and_the_explanation_kept(ws, talk):
    judge = model()
    run = ws.analyze(talk, ["helpfulness"], judge, reasons="none")
    (finding,) = run.worst(1)
    (explanation,) = ws.explain(finding, judge=judge, infiller=FakeInfiller(), task=BOTH)
    assert explanation.contrast is not None
    assert explanation.attributions[0].level == "turn"
    assert explanation.headline == "The score of turn 3 depends most on “Bananas” (score 0.10; without it 0.90)."
    assert explanation.to_dict()["headline"] == explanation.headline
    first, *lines = str(explanation).splitlines()
    assert first == explanation.headline
    assert lines[0] == "  late-parcel, turn 3: helpfulness 0.10 (unvalidated)"
    assert lines[3] == '  Words that lower it: "Bananas" (0.90 without)'
    assert lines[5] == "    Turn 3, assistant: [-Bananas-]{+lorry+} are yellow."  # only bananas count
    assert not explanation.earlier_turns
    assert explanation.to_dict()["contrast"]["found"] == explanation.contrast.found
    calls = len(judge.requests)
    (again,) = ws.explain(finding, judge=judge, infiller=FakeInfiller(), task=BOTH)
    assert str(again) == str(explanation)
    assert len(judge.requests) == calls


def test_an_explanation_says_what_the_score_would_be_without_a_turn(ws, talk):
    """Without the question, which is turn 2, the judge here gives 0.7; the other turns do nothing."""

    def answer(request):
        p = 0.3 if "change the address" in request.messages[0].content else 0.7
        return {"yes": p, "no": 1 - p}

    judge = ScriptedModel(answer)
    run = ws.analyze(talk, ["helpfulness"], judge, turns="last", reasons="none")
    (explanation,) = ws.explain(run.worst(1), judge=judge, task=SHORT)
    first, head, message, reply, *lines = str(explanation).splitlines()
    assert first == (
        "The score of turn 3 depends most on turn 2 (user): “Thank you. Can I change the address?” "
        "(score 0.30; without it 0.70)."
    )
    assert head == "  late-parcel, turn 3: helpfulness 0.30 (unvalidated)"
    assert message == '  User: "Thank you. Can I change the address?"'
    assert reply.startswith('  Reply: "')
    assert lines == [
        "  The score also depends on the user's message (0.70 without)",
        "  No part of the reply changes the score by more than the judge's noise (0.10).",
    ]


def test_a_run_goes_on_and_is_found_again(ws, talk):
    first = ws.analyze(talk, ["helpfulness"], model())
    assert ws.run().id == ws.run(first.id).id == first.id
    assert [run.id for run in ws.runs()] == [first.id]
    with pytest.raises(StoreError, match="no run 7"):
        ws.run(7)


MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Bananas."}]


def langchain_messages():
    from langchain_core.messages import AIMessage, HumanMessage

    return [HumanMessage("Hi"), AIMessage("Bananas.")]


def frame():
    pandas = pytest.importorskip("pandas")
    rows = [("a", "user", "Hi"), ("a", "assistant", "Bananas."), ("b", "user", "Hi"), ("b", "assistant", "Hello.")]
    return pandas.DataFrame(rows, columns=["conversation_id", "role", "content"])


@pytest.mark.parametrize(
    ("given", "scores"),
    [
        (lambda: Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Bananas."))), {"c": 0.1}),
        (lambda: [Turn("user", "Hi"), Turn("assistant", "Bananas.")], {"conversation": 0.1}),
        (lambda: MESSAGES, {"conversation": 0.1}),
        (langchain_messages, {"conversation": 0.1}),
        (lambda: [("human", "Hi"), ("ai", "Bananas.")], {"conversation": 0.1}),
        (lambda: [["user", "Hi"], ["assistant", "Bananas."]], {"conversation": 0.1}),
        (
            lambda: [
                Conversation("a", (Turn("assistant", "Bananas."),)),
                Conversation("b", (Turn("assistant", "No"),)),
            ],
            {"a": 0.1, "b": 0.9},
        ),
        (lambda: [MESSAGES, langchain_messages()], {"conversation-1": 0.1, "conversation-2": 0.1}),
        (frame, {"a": 0.1, "b": 0.9}),
    ],
    ids=["conversation", "turns", "messages", "langchain", "pairs", "lists of two", "conversations", "lists", "frame"],
)
def test_whatever_people_have_is_judged(given, scores):
    judgements = convexplain.judge(given(), "helpfulness", judge=model())
    assert {one.conversation_id: pytest.approx(one.score) for one in judgements} == scores


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("chats.jsonl", "str is not valid; valid are a Conversation"),
        (3, "int is not valid"),
        ([{"role": "robot", "content": "Hi"}], "turn 0: it needs a 'role' out of"),
        ([{"role": "user", "content": None}], "turn 0: it needs a 'role' out of"),
        ([3], "turn 0: int is not valid"),
    ],
)
def test_what_is_no_conversation_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        convexplain.judge(given, "helpfulness", judge=model())


def test_several_judges_judge_one_after_the_other(talk):
    judgements = convexplain.judge(talk, "helpfulness", judge=[model(name="a"), model(name="b")], turns="last")
    assert [(one.model, one.turn) for one in judgements] == [("a", 3), ("b", 3)]
    assert judgements.to_dict()[1]["model"] == "b"
    assert list(judgements.to_pandas()["judge"]) == ["a", "b"]


def test_a_function_or_a_coroutine_is_a_judge(talk):
    def sure(prompt):
        return '{"label": "yes"}'

    async def unsure(prompt):
        return '{"label": "no"}'

    judgements = convexplain.judge(talk, "helpfulness", judge=[sure, unsure], turns="last")
    assert [one.score for one in judgements] == [1.0, 0.0]
    assert [one.evidence.kind for one in judgements] == ["samples", "samples"]


def test_options_beside_a_judge_count_instead_of_its_own(talk):
    judge = model(logprobs=False)
    (judgement,) = convexplain.judge(talk, "helpfulness", judge=judge, turns="last", samples=3)
    assert judgement.evidence.n == 3


def test_inside_a_running_loop_the_methods_wait(talk):
    async def notebook():
        return convexplain.judge(talk, "helpfulness", judge=model(), turns="last")

    assert asyncio.run(notebook())[0].score == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, UsageError, "name either log files or stored"),
        ({"logs": []}, UsageError, "logs: the list is empty"),
        ({"logs": MESSAGES, "stored": 0}, UsageError, "name either log files or stored"),
        ({"logs": MESSAGES, "turns": "some"}, UsageError, "turns='some' is not valid"),
        ({"logs": MESSAGES, "rubrics": ["harm", "harm"]}, UsageError, "rubric harm is named twice"),
        ({"logs": MESSAGES, "rubrics": "nope"}, RubricError, "nope"),
        ({"logs": MESSAGES, "judge": "nope:x"}, UsageError, "model 'nope:x' is not known"),
        ({"logs": MESSAGES, "calibrated": True}, UsageError, "no calibration of scripted"),
        ({"stored": 5}, StoreError, "no run 5"),
        ({"logs": "missing.jsonl"}, UsageError, "'missing.jsonl' does not exist"),
    ],
)
def test_what_analyze_cannot_mean_is_refused(ws, arguments, error, message):
    with pytest.raises(error, match=message):
        ws.analyze(**{"judge": model(), **arguments})


def test_a_workspace_in_memory_keeps_nothing(talk):
    with pytest.raises(UsageError, match="'memory' keeps nothing"):
        Workspace("memory").analyze(talk, judge=model())


def test_settings_and_their_fields_as_keywords_are_the_same(talk):
    fields = {"budget": 5, "search": "cell", "question": "revise", "any_text": True}
    both = [
        convexplain.contrast(talk, -1, "helpfulness", judge=model(), infiller=FakeInfiller(), **how)
        for how in (fields, {"settings": ContrastSettings(**fields)})
    ]
    assert both[0].trace == both[1].trace
    (attribution,) = convexplain.attribute(talk, -1, "helpfulness", judge=model(), levels=["turn"], method="loo")
    assert attribution.method == "loo"
    with pytest.raises(UsageError, match="budgte=5 is not known; valid are: goal, delta, budget"):
        convexplain.contrast(talk, -1, "helpfulness", judge=model(), budgte=5)


@pytest.mark.parametrize(
    ("options", "settings"), [(ContrastOptions, ContrastSettings), (AttributionOptions, AttributionSettings)]
)
def test_keywords_are_the_fields_of_the_settings(options, settings):
    assert set(options.__annotations__) == set(settings.__dataclass_fields__)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_run_remembers_its_judge_with_all_options(ws, talk, stub, monkeypatch):
    monkeypatch.setenv("MY_KEY", "k1")
    judge = JudgeSpec(stub.url, in_flight=3, timeout=7, key="MY_KEY")
    run = ws.analyze(talk, ["helpfulness"], judge, reasons="all")
    assert run.run.judge_spec == f"{stub.url}?model=stub&in_flight=3&timeout=7&key=MY_KEY&reasons=all"
    assert set(stub.keys) == {"Bearer k1"}
    plain = ws.analyze(talk, ["helpfulness"], model())
    assert plain.run.judge_spec is None  # an object cannot be opened again by its name


def test_of_two_conversations_with_one_id_the_one_that_was_found_is_explained(ws):
    bad, good = ([Turn("user", question), Turn("assistant", answer)] for question, answer in TWO)
    talks = [Conversation("1", tuple(bad), "a.jsonl"), Conversation("1", tuple(good), "b.jsonl")]
    judge = ScriptedModel(
        lambda request: {"yes": (p := 0.1 if "Bananas." in request.messages[0].content else 0.4), "no": 1 - p}
    )
    run = ws.analyze(talks, ["helpfulness"], judge)
    finding = run.worst(2)[1]
    (explanation,) = ws.explain(finding, judge=judge, task=SHORT)
    assert finding.turn.content == "Hello."
    assert explanation.attributions[0].score == pytest.approx(0.4)


TWO = (("Hi", "Bananas."), ("Hi there", "Hello."))


def test_what_an_explanation_lacks_is_said(ws):
    """The first turn has none before it."""
    run = ws.analyze([Turn("assistant", "Bananas.")], ["helpfulness"], judge := model(), reasons="none")
    (explanation,) = ws.explain(run.worst(1), judge=judge, task=SHORT)
    assert str(explanation).splitlines()[2:] == [
        '  Reply: "Bananas."',
        "  The reply is too short to be divided into parts.",
    ]
    assert explanation.to_dict()["validated"] is False


def test_a_calibrated_judge_is_held_to_its_own_threshold_and_noise(ws, talk, helpfulness):
    """0.1 becomes 0.61 and 0.9 becomes 0.7: nothing crosses the rubric's 0.5, taking bananas out crosses 0.65."""
    curve = Calibration("isotonic", ((0.1, 0.61), (0.9, 0.7)), threshold=0.65, about={})
    keep_calibration(ws.store, "scripted", helpfulness, curve)
    (scaled,) = with_thresholds([helpfulness], {"helpfulness": curve})
    keep_noise_floor(ws.store, f"scripted calibrated={curve.sha}", scaled, 0.02, 20, 20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("convexplain.workspace.judge_arguments.open_model", lambda name: model())
        contrast = ws.contrast(
            talk,
            -1,
            "helpfulness",
            judge="scripted?calibrated=yes",
            infiller=FakeInfiller(),
            question="revise",
            **WORD_SEARCH,
        )
    assert (contrast.score_before, contrast.delta) == (pytest.approx(0.61), 0.02)
    assert contrast.found
    assert contrast.score_after == pytest.approx(0.7)


def test_one_explanation_has_the_scores_of_one_judge(talk):
    """Every score lies within the band of 1: a second judge would be asked each time."""
    first, strong = model(name="first"), model(name="strong")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "convexplain.workspace.judge_arguments.open_model", {"first": first, "strong": strong}.__getitem__
        )
        (attribution,) = convexplain.attribute(
            talk, -1, "helpfulness", judge="first?escalate=strong&band=1", levels=["turn"]
        )
    assert attribution.judge == "first"
    assert (len(first.requests) > 1, strong.requests) == (True, [])


def test_a_failure_ends_what_is_under_way(talk):
    gone = ScriptedModel(lambda request: UnavailableError("gone"), in_flight=1)

    async def judged():
        with pytest.raises(UnavailableError, match="gone"):
            await AsyncWorkspace("memory").judge([talk] * 20, judge=gone)
        calls = len(gone.requests)
        await asyncio.sleep(0.05)
        return calls, len(gone.requests), len(asyncio.all_tasks())

    first, later, tasks = asyncio.run(judged())
    assert (later, tasks) == (first, 1)


@pytest.mark.slow
def test_stopping_a_cell_stops_the_work():
    """What waits in a running loop is interrupted: the thread that works is cancelled, and ended."""
    ended = threading.Event()

    async def endless():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def interrupt():
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    async def cell():
        threading.Thread(target=interrupt).start()
        run_blocking(endless())

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    notebook = asyncio.new_event_loop()  # `asyncio.run` has its own handler, which a notebook has not
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            notebook.run_until_complete(cell())
    finally:
        signal.signal(signal.SIGINT, before)
        notebook.close()
    assert ended.wait(1)
    assert time.monotonic() - began < 30  # not only when the work came to its end


def test_a_store_in_memory_serves_all_threads(talk):
    async def notebook():
        workspace = Workspace("sqlite://")
        return workspace.analyze(talk, ["helpfulness"], model()).id, workspace.runs()[0].id

    assert asyncio.run(notebook()) == (1, 1)


@pytest.mark.slow
def test_a_run_costs_what_both_judges_cost(ws, chats):
    """The band of 0.5 sends every turn to the second judge too."""
    (strong := model(name="strong")).fingerprint = "strong"
    with pytest.MonkeyPatch.context() as patched:
        models = {"first": model(name="first"), "strong": strong}
        patched.setattr("convexplain.workspace.judge_arguments.open_model", models.__getitem__)
        run = ws.analyze(chats, ["helpfulness"], "first", escalate="strong", band=0.5)
    assert run.run.spend.calls == 24


def test_a_judge_may_escalate_twice(ws, chats):
    """Bad turns have 0.4, which is unsure; of those the second judge is sure of the even ones."""

    def sure(request):
        return {"yes": 0.9, "no": 0.1} if re.search(r"A bad one [024]\.$", judged(request)) else {"yes": 0.5, "no": 0.5}

    def judged(request):
        return request.messages[0].content.rpartition("\n</conversation>")[0]

    answers = {
        "first": lambda request: {"yes": 0.4, "no": 0.6} if "bad one" in judged(request)[-20:] else {"yes": 1.0},
        "second": sure,
        "third": {"yes": 0.2, "no": 0.8},
    }
    models = {name: ScriptedModel(answer, name=name) for name, answer in answers.items()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("convexplain.workspace.judge_arguments.open_model", models.__getitem__)
        run = ws.analyze(chats, ["helpfulness"], "first", escalate=["second", "third"], reasons="none")
    assert run.escalated == (
        "6 of 12 judgements (50%) were escalated to second: 6 calls, 0 from the cache; "
        "3 of 6 judgements (50%) were escalated to third: 3 calls, 0 from the cache"
    )
    assert run.run.settings["escalate"] == ["second", "third", 0.15]
    assert run.run.judge_spec == "first?reasons=none&escalate=second%3Fescalate%3Dthird"
    assert sorted(run.to_pandas()["judge"]) == ["first"] * 6 + ["second"] * 3 + ["third"] * 3
    assert run.run.spend.calls == 21
    assert [run_judge(run.run, name).model for name in ("first", "second", "third")] == ["first", "second", "third"]


@pytest.mark.slow
def test_files_of_a_judge_are_found_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "ours.json").write_text("{}")
    (tmp_path / "m.gguf").write_text("")
    monkeypatch.chdir(tmp_path)
    assert located(JudgeSpec("embedded", heads=("ours.json",))) == JudgeSpec(heads=(str(tmp_path / "ours.json"),))
    assert located(JudgeSpec("gguf:m.gguf")).model == f"gguf:{tmp_path / 'm.gguf'}"
    assert located(JudgeSpec("small?file=m.gguf")).model == f"small?file={tmp_path / 'm.gguf'}"
    assert located(JudgeSpec("gguf:owner/repo")) == JudgeSpec("gguf:owner/repo")
