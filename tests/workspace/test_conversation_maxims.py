"""Maxims of conversations: judged once, explained by all turns, and shown as what they are."""

import asyncio
from dataclasses import replace
from io import StringIO

import pytest
import sqlalchemy as sa
from rich.console import Console

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.agreement.labels import MatchedLabels
from convexplain.agreement.validation import RunJudgements
from convexplain.cli.show.runs import show_summary, show_worst
from convexplain.connectors.langchain import Scorer
from convexplain.connectors.langchain.arguments import load_turn_rubrics
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.judges import Judge
from convexplain.judges.heads import check_maxims, check_turn_rubrics, head_of
from convexplain.models.calls import Calls
from convexplain.store import run_rubrics, schema
from convexplain.testing import assert_turns
from convexplain.types import Rating
from convexplain.workspace import AttributionTask, ContrastTask, ShortTask

RESOLVED, HELPFUL = load_rubric("resolved"), load_rubric("helpfulness")
TALK = Conversation(
    "c",
    (
        Turn("user", "My lamp is broken."),
        Turn("assistant", "Thanks for your report. Please wait a while."),
        Turn("user", "For how long?"),
        Turn("assistant", "Lamps give light."),
        Turn("user", "Never mind."),
    ),
)


def judged(request):
    """The conversation that a prompt asks about."""
    return request.messages[0].content.rpartition("<conversation>")[2]


def unresolved(request):
    """0.1 while the assistant tells the user to wait, 0.9 without it; reasons quote it."""
    if not request.labels:
        return '{"label": "no", "quote": "wait a while", "explanation": "It names no time."}'
    p = 0.1 if "wait a while" in judged(request) else 0.9
    return {"yes": p, "no": 1 - p}


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


def test_a_conversation_is_judged_once_at_its_last_assistant_turn_and_all_of_it_is_shown(workspace):
    model = ScriptedModel(unresolved)
    run = workspace.analyze([TALK], ["resolved", "helpfulness"], model, reasons="none")
    places = sorted((found.rubric, found.turn) for found in run.judgements)
    assert places == [("helpfulness", 1), ("helpfulness", 3), ("resolved", 3)]
    asked = [request.messages[0].content for request in model.requests]
    assert ["Never mind." in judged(request) for request in model.requests] == [True, False, False]
    assert asked[0].startswith("You will evaluate an assistant's part in a conversation according to this requirement:")
    assert "Judge the assistant in the conversation from its first turn to its last" in asked[0]
    assert "Judge only the last assistant turn" not in asked[0]
    assert asked[1].startswith("You will evaluate an assistant's response according to this requirement:")
    assert run.run.spend.calls == 3


@pytest.mark.parametrize("turns", ["all", "last"])
def test_plans_and_single_judgements_count_a_conversation_once(workspace, turns):
    model = ScriptedModel(unresolved)
    plan = workspace.plan([TALK, replace(TALK, id="d")], ["resolved"], model, turns=turns)
    assert (plan.conversations, plan.turns, plan.judgements) == (2, 2, 2)
    assert plan.calls == 2
    found = workspace.judge(TALK, ["resolved"], model, turns=turns, reasons="all")
    assert [(one.turn, one.score, one.reason, one.evidence.reason_quotes) for one in found] == [
        (3, pytest.approx(0.1), "“wait a while”: It names no time.", "verified")
    ]


def test_a_conversation_without_an_assistant_turn_has_nothing_to_judge(workspace):
    run = workspace.analyze([TALK, Conversation("u", TALK.turns[:1])], ["resolved"], ScriptedModel(unresolved))
    assert [found.conversation_id for found in run.judgements] == ["c"]
    assert "conversation 'u' has no assistant turn" in str(run.store.problems(run.id)[0])


def test_sampled_replies_and_a_small_window(workspace):
    sampled = ScriptedModel(lambda request: '{"label": "no"}', logprobs=False)
    (found,) = workspace.judge(TALK, ["resolved"], sampled, samples=3, reasons="none")
    assert (found.score, found.evidence.kind, found.evidence.n) == (0.0, "samples", 3)

    class Narrow(ScriptedModel):
        def count_tokens(self, text):
            return len(text)

    prompt = max(len(request.messages[0].content) for request in sampled.requests)
    narrow = Narrow(unresolved, window=prompt + 24 + 64 - 1)
    (found,) = workspace.judge(TALK, ["resolved"], narrow, reasons="none")
    assert found.evidence.left_out == 1  # the oldest turn, though the last assistant turn is the fourth of five
    assert "(1 earlier turns are not shown)" in judged(narrow.requests[0])
    assert "Never mind." in judged(narrow.requests[0])


def test_the_rubric_comes_out_of_the_store_as_it_went_in(workspace):
    run = workspace.analyze([TALK], ["resolved", "harm"], ScriptedModel(unresolved))
    scopes = {rubric.id: rubric.scope for rubric in run_rubrics(workspace.store, run.id)}
    assert scopes == {"resolved": "conversation", "harm": "turn"}


# ---- explained


def test_every_turn_is_a_unit_and_the_one_that_sank_it_is_found(workspace):
    levels = workspace.attribute(
        TALK, 3, "resolved", ScriptedModel(unresolved), method="loo", levels=["turn", "sentence"]
    )
    turns = levels[0]
    assert [unit.turn for unit in turns.units] == [0, 1, 2, 3, 4]
    effects = {unit.turn: score for unit, score in zip(turns.units, turns.scores, strict=True)}
    assert effects[1] == pytest.approx(-2 * 2.1972, abs=1e-3)  # log-odds of 0.1 less those of 0.9, ln 9 = 2.1972
    assert [effects[turn] for turn in (0, 2, 3, 4)] == [pytest.approx(0.0)] * 4
    assert (turns.turn, turns.score, turns.baseline) == (3, pytest.approx(0.1), None)


def test_a_conversation_of_one_assistant_turn_can_lose_any_other_turn_but_not_that_one(workspace):
    talk = replace(TALK, turns=TALK.turns[:2])
    (turns,) = workspace.attribute(talk, 1, "resolved", ScriptedModel(unresolved), method="loo", levels=["turn"])
    assert [unit.turn for unit in turns.units] == [0, 1]
    assert turns.scores == (pytest.approx(0.0), None)  # without its only assistant turn there is nothing to judge
    assert turns.failed == 0


def test_an_earlier_assistant_turn_is_edited_and_the_later_turns_stay(workspace):
    found = workspace.contrast(
        TALK, 3, "resolved", ScriptedModel(unresolved), editors=["delete"], any_text=True, placebo=0, budget=20
    )
    assert (found.found, found.question, found.editable) == (True, "rescore", (1, 3))
    assert {edit.unit.turn for edit in found.edits} == {1}
    assert [turn.content for turn in found.turns[2:]] == ["For how long?", "Lamps give light.", "Never mind."]
    assert (found.turn, found.score_before, found.score_after) == (3, pytest.approx(0.1), pytest.approx(0.9))


@pytest.mark.parametrize("editable", ["user", (0, 4)])
def test_other_turns_may_be_edited_on_request(editable):
    settings = ContrastSettings(question="rescore", editable=editable)
    expected = {"user": [0, 2, 4], (0, 4): [0, 4]}[editable]
    assert settings.turns(TALK, 3, RESOLVED) == expected


def test_turns_of_a_run_are_explained_like_others(workspace):
    model = ScriptedModel(unresolved)
    run = workspace.analyze([TALK], ["resolved"], model)
    turns = workspace.explain_turns(
        run.id, AttributionTask(AttributionSettings("loo", ("turn",))), TurnChoice(worst=1), judge=model
    )
    assert [unit.turn for unit in turns.explained[0].result[0].units] == [0, 1, 2, 3, 4]
    assert AttributionTask(AttributionSettings("loo", ("turn",))).most(turns.chosen) == 15  # 3 calls a unit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"responder": ScriptedModel("Hi")}, "a responder is not valid with resolved, which judges conversations"),
        ({"target": "light"}, "a target is not valid with resolved, which judges conversations and not one reply"),
    ],
)
def test_what_one_reply_needs_is_refused_for_a_conversation(workspace, arguments, message):
    with pytest.raises(UsageError, match=message):
        workspace.attribute(TALK, 3, "resolved", ScriptedModel(unresolved), **arguments)


def test_a_responder_is_refused_before_a_run_is_explained(workspace):
    model = ScriptedModel(unresolved)
    run = workspace.analyze([TALK], ["resolved", "helpfulness"], model)
    calls = len(model.requests)
    for task in (ContrastTask(), AttributionTask()):
        with pytest.raises(UsageError, match="not valid with resolved, which judges conversations"):
            workspace.explain_turns(run.id, task, judge=model, responder=ScriptedModel("Hi"))
    assert len(model.requests) == calls


def test_a_maxim_of_turns_and_one_of_conversations_are_not_kept_for_each_other(workspace):
    with pytest.raises(UsageError, match="keep='harm' is not valid with resolved: one judges turns, the other"):
        workspace.contrast(TALK, 3, "resolved", ScriptedModel(unresolved), keep=["harm"])


def test_an_explanation_says_first_which_turn_sank_the_conversation(workspace):
    model = ScriptedModel(unresolved)
    run = workspace.analyze([TALK], ["resolved"], model, reasons="none")
    task = ShortTask(AttributionSettings("loo", ("turn", "sentence")), None)
    (found,) = workspace.explain(run.worst(1), judge=model, task=task)
    lines = str(found).splitlines()
    assert lines[:3] == [
        "Turn 1 (assistant) lowers resolved most: “Thanks for your report. Please wait a while.” "
        "(score 0.10; without it 0.90).",
        "  c, whole conversation: resolved 0.10 (unvalidated)",
        '  Turn that lowers it: turn 1, assistant, "Thanks for your report. Please wait a while." (0.90 without)',
    ]
    assert lines[3] == '  Words that lower it: turn 1, "Please wait a while." (0.90 without)'
    assert (found.to_dict()["scope"], found.to_dict()["turn"]) == ("conversation", 3)


# ---- shown


def test_terminal_and_report_say_that_a_score_is_of_the_whole_conversation(workspace, tmp_path):
    model = ScriptedModel(unresolved)
    run = workspace.analyze([TALK], ["resolved", "helpfulness"], model)
    console = Console(file=StringIO(), width=200)
    show_summary(console, run)
    show_worst(console, run, 3, None)
    text = console.file.getvalue()
    assert "Resolved: the user got what they came for, whole conversation" in text
    assert "Helpfulness, whole conversation" not in text
    assert "resolved 0.10 (unvalidated, whole conversation)" in text
    assert "helpfulness 0.10 (unvalidated)" in text
    report = workspace.report(run.id, out=tmp_path)["Report"].read_text()
    assert "Resolved: the user got what they came for, whole conversation" in report
    assert "c, whole conversation: Lamps give light." in report
    assert "c, turn 3: Lamps give light." in report
    assert "The number of conversations by score." in report
    assert report.count("4 · user</span>Never mind.") == 1  # what follows the last assistant turn


def test_two_bots_are_compared_conversation_by_conversation(workspace):
    model = ScriptedModel(unresolved)
    longer = (
        *TALK.turns[:1],
        Turn("assistant", "A new one is on its way."),
        *TALK.turns[2:],
        Turn("assistant", "Bye."),
    )
    first = workspace.analyze([TALK], ["resolved", "helpfulness"], model)
    second = workspace.analyze([replace(TALK, turns=longer)], ["resolved", "helpfulness"], model)
    maxims = {maxim.rubric: maxim for maxim in workspace.compare(first.id, second.id).maxims}
    change = maxims["resolved"].change
    assert (change.turns, change.before, change.after) == (1, pytest.approx(0.1), pytest.approx(0.9))
    (rise,) = maxims["resolved"].rises
    assert (rise.text_before, rise.text_after) == ("Lamps give light.", "Bye.")
    assert maxims["helpfulness"].paired == 2  # turns 1 and 3; turn 5 has no partner


def test_an_edit_of_any_turn_is_judged_in_the_whole_conversation(workspace):
    model = ScriptedModel(unresolved)
    found = workspace.what_if(TALK, 1, "A new one is on its way.", ["resolved", "helpfulness"], model)
    assert [(change.before.score, change.after.score) for change in found.changes] == [
        (pytest.approx(0.1), pytest.approx(0.9))
    ] * 2
    assert [change.before.turn for change in found.changes] == [3, 1]
    of_conversation = [text for text in map(judged, model.requests) if "Never mind." in text]
    assert len(of_conversation) == 2  # before and after the edit


# ---- held against people, trained, hooked


def test_labels_of_a_conversation_count_where_its_judgement_is():
    labels = MatchedLabels(
        (
            (TALK, Rating("c", 1, "resolved", 0.0, "ann")),
            (TALK, Rating("c", 3, "resolved", 1.0, "ann")),
            (TALK, Rating("c", 1, "resolved", 0.0, "bob")),
            (TALK, Rating("c", 1, "helpfulness", 0.5, "ann")),
        )
    )
    moved = labels.at_conversations([RESOLVED, HELPFUL])
    assert [(one.turn, one.rubric, one.score, one.rater) for _, one in moved.rated] == [
        (3, "resolved", 1.0, "ann"),  # the later of the two
        (3, "resolved", 0.0, "bob"),
        (1, "helpfulness", 0.5, "ann"),
    ]


def test_a_judge_of_conversations_is_validated_by_labels(workspace, tmp_path):
    talks = [
        replace(TALK, id=f"c{i}", turns=(*TALK.turns[:3], Turn("assistant", f"Lamp {i}."), *TALK.turns[4:]))
        for i in range(12)
    ]
    labels = tmp_path / "labels.csv"
    rows = [f"c{i},{1 if i % 2 else 3},resolved,{i % 3 / 2}" for i in range(12)]
    labels.write_text("\n".join(["conversation_id,turn,rubric,score", *rows]))

    def by_number(request):
        p = 0.2 + 0.05 * int(judged(request).partition("Lamp ")[2].partition(".")[0])
        return {"yes": p, "no": 1 - p}

    result = workspace.validate(talks, labels, rubrics="resolved", judge=ScriptedModel(by_number))
    (agreement,) = result.agreements
    assert (agreement.rubric.id, agreement.judges[0].n, result.problems) == ("resolved", 12, ())


def test_a_judgement_of_a_conversation_that_went_on_is_another_one(workspace):
    run = workspace.analyze([TALK], ["resolved", "helpfulness"], ScriptedModel(unresolved))
    longer = replace(TALK, turns=(*TALK.turns, Turn("user", "Hello?")))
    judgements = RunJudgements(workspace.store, run.id, "scripted")
    assert judgements.judgement(TALK, 3, "resolved").score == pytest.approx(0.1)
    assert judgements.judgement(longer, 3, "resolved") is None
    assert judgements.judgement(longer, 3, "helpfulness") is not None


def test_the_noise_of_a_judge_is_measured_with_each_conversation_once(workspace):
    talks = [
        replace(TALK, id=f"c{i}", turns=(Turn("user", f"Lamp {i} is broken."), *TALK.turns[1:])) for i in range(20)
    ]
    (floor,) = workspace.measure_noise(talks, ["resolved"], ScriptedModel(unresolved), n=40)
    assert floor.turns == 20


def test_no_head_scores_a_conversation():
    class Brought:
        name, heads, only_heads = "brought", (), True

    assert head_of(Brought(), RESOLVED) is None
    with pytest.raises(UsageError, match="does not score resolved"):
        check_maxims(Brought(), [RESOLVED])
    check_turn_rubrics([HELPFUL])
    with pytest.raises(UsageError, match="rubrics=resolved is not valid: it judges conversations"):
        check_turn_rubrics([HELPFUL, RESOLVED])


def test_hooks_that_judge_turns_as_they_come_refuse_a_maxim_of_conversations(tmp_path):
    with pytest.raises(UsageError, match="rubrics: resolved is not valid here: it judges a conversation that has end"):
        Scorer(ScriptedModel(unresolved), ["harm", "resolved"], tmp_path / "hooks.db")
    assert [rubric.id for rubric in load_turn_rubrics("harm")] == ["harm"]


@pytest.mark.filterwarnings("ignore::convexplain.testing.UntrustedJudgeWarning")
def test_assertions_judge_a_conversation_once_and_say_so():
    (found,) = assert_turns(TALK, judge=ScriptedModel(unresolved), resolved="<0.5")
    assert found.turn == 3
    with pytest.raises(AssertionError, match=r"the conversation: resolved is 0\.100, wanted >= 0\.5"):
        assert_turns(TALK, judge=ScriptedModel(unresolved), resolved=">=0.5")


def test_calls_of_a_judgement_are_known_before_it_is_made():
    async def go():
        async with Calls(ScriptedModel(unresolved)) as calls:
            judge = Judge(calls)
            (request,) = judge.requests(TALK, 3, RESOLVED)
            (reason,) = judge.reason_requests(TALK, 3, RESOLVED)
            await judge.judge_turn(TALK, 3, RESOLVED)
            return request, reason, calls.is_cached(request)

    request, reason, cached = asyncio.run(go())
    assert cached
    assert "Never mind." in judged(reason)
    assert "What in this conversation earns that label?" in reason.messages[0].content
    assert "Never mind." in judged(request)


def test_a_rubric_that_was_stored_before_there_were_scopes_is_of_turns(workspace):
    workspace.store.keep_rubric(HELPFUL)
    with workspace.store.engine.begin() as connection:
        body = connection.execute(sa.select(schema.rubrics.c.body)).scalar_one()
        assert body.pop("scope") == "turn"
        connection.execute(schema.rubrics.update().values(body=body))
    run = workspace.analyze([TALK], "helpfulness", ScriptedModel(unresolved))
    assert run_rubrics(workspace.store, run.id) == [HELPFUL]
