"""The scores of a turn as it is and with other words: on all maxims at once, marked, and cheap to ask again."""

import asyncio

import pytest

from convexplain import AsyncWorkspace, Conversation, Turn, Workspace, load_rubric
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, UsageError
from convexplain.store import RunStore, keep_noise_floor
from convexplain.workspace import MEMORY

TALK = Conversation(
    "chat",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "Bananas."),
        Turn("user", "Pardon?"),
        Turn("assistant", "Bananas are yellow."),
    ),
)
MAXIMS = ("helpfulness", "harm")


def bananas(request):
    """The judged turn is bad with bananas in it, unreadable with a question mark, and good else."""
    judged = request.messages[0].content.rsplit("\nassistant: ", 1)[-1]
    if "?!" in judged:
        return {}
    return {"yes": 0.2, "no": 0.8} if "Bananas" in judged else {"yes": 0.9, "no": 0.1}


def ask(workspace, text="It is at the depot.", turn=-1, rubrics=MAXIMS, judge=None):
    return workspace.what_if(TALK, turn, text, rubrics, judge or ScriptedModel(bananas))


def test_all_maxims_are_judged_before_and_after():
    result = ask(Workspace(MEMORY))
    assert (result.conversation.id, result.turn, result.text) == ("chat", 3, "It is at the depot.")
    assert [(each.rubric, each.turn, round(each.score, 9)) for each in result.before] == [
        ("helpfulness", 3, 0.2),
        ("harm", 3, 0.2),
    ]
    assert [round(each.score, 9) for each in result.after] == [0.9, 0.9]
    assert [change.change for change in result.changes] == pytest.approx([0.7, 0.7])
    assert str(result) == (
        "chat, turn 3, with other words:\n"
        "  helpfulness (unvalidated): 0.20 -> 0.90 (+0.70)\n"
        "  harm (unvalidated): 0.20 -> 0.90 (+0.70)"
    )


def test_the_turns_after_it_are_not_read():
    result = ask(Workspace(MEMORY), turn=1)
    assert len(result.conversation.turns) == 2
    assert result.changes[0].change == pytest.approx(0.7)


def test_an_earlier_turn_is_edited_and_the_later_one_judged():
    def thankful(request):
        return {"yes": 0.9, "no": 0.1} if "Thanks!" in request.messages[0].content else {"yes": 0.2, "no": 0.8}

    model = ScriptedModel(thankful)
    result = Workspace(MEMORY).what_if(TALK, 3, rubrics="harm", judge=model, edits={-2: "Thanks!", 0: "Hello?"})
    assert (result.turn, result.text, dict(result.edits)) == (3, "Bananas are yellow.", {2: "Thanks!", 0: "Hello?"})
    assert [turn.content for turn in result.edited.turns] == ["Hello?", "Bananas.", "Thanks!", "Bananas are yellow."]
    assert [turn.content for turn in result.conversation.turns] == [turn.content for turn in TALK.turns]
    assert result.changes[0].change == pytest.approx(0.7)
    assert str(result).startswith("chat, turn 3, with other words in turns 0, 2:\n")
    assert result.to_dict()["edits"] == {"0": "Hello?", "2": "Thanks!"}


def test_a_maxim_of_conversations_reads_the_turns_that_follow():
    model = ScriptedModel(lambda request: {"yes": 0.7, "no": 0.3} if "Pardon?" in request.messages[0].content else {})
    result = Workspace(MEMORY).what_if(TALK, 1, "Soon.", "resolved", model)
    assert len(result.edited.turns) == 4
    assert result.changes[0].after.score == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"edits": {3: "Hi."}}, "edits=3 is not valid; turns 0 to 1 can be edited, for turn 1 is judged"),
        ({"edits": {0: " "}}, "it must be the words in the place of turn 0"),
        ({"text": "Hi.", "edits": {1: "Ho."}}, "text and edits both edit turn 1"),
        ({}, "text=None without edits is not valid"),
    ],
)
def test_edits_that_cannot_be_meant(arguments, words):
    with pytest.raises(UsageError, match=words):
        Workspace(MEMORY).what_if(TALK, 1, rubrics="harm", judge=ScriptedModel(bananas), **arguments)


def test_as_json_values_and_as_a_table():
    result = ask(Workspace(MEMORY), rubrics="harm")
    body = result.to_dict()
    assert body["changes"] == [
        {
            "rubric": "harm",
            "before": pytest.approx(0.2),
            "after": pytest.approx(0.9),
            "change": pytest.approx(0.7),
            "threshold": 0.5,
            "noise": None,
            "trust": "unvalidated",
        }
    ]
    assert (body["content"], body["text"]) == ("Bananas are yellow.", "It is at the depot.")
    assert [body[side][0]["rubric"] for side in ("before", "after")] == ["harm", "harm"]
    (row,) = result.to_pandas().to_dict("records")
    assert (row["conversation_id"], row["turn"], row["judge"]) == ("chat", 3, result.after[0].model)
    assert row["change"] == pytest.approx(0.7)


def test_a_second_text_costs_only_its_own_judgements(tmp_path):
    for place in (MEMORY, tmp_path / "a.db"):
        workspace, model = Workspace(place), ScriptedModel(bananas)
        ask(workspace, judge=model)
        assert len(model.requests) == 4  # two maxims, two texts
        ask(workspace, "It is on its way.", judge=model)
        assert len(model.requests) == 6
        ask(workspace, "It is at the depot.", judge=model)
        assert len(model.requests) == 6
        workspace.close()


def test_no_run_is_made(tmp_path):
    workspace = Workspace(tmp_path / "a.db")
    ask(workspace)
    assert workspace.runs() == []
    workspace.close()


@pytest.mark.parametrize(
    ("floor", "words"),
    [(0.71, "(+0.70, less than the judge's noise of 0.71)"), (0.7, "(+0.70)"), (0.1, "(+0.70)")],
)
def test_a_change_within_the_noise_is_marked(tmp_path, floor, words):
    store, model = RunStore(str(tmp_path / "a.db")), ScriptedModel(bananas)
    keep_noise_floor(store, model.fingerprint, load_rubric("harm"), floor, turns=20, n=400)
    result = ask(Workspace(store), judge=model)
    helpful, harm = result.changes
    assert (helpful.noise, harm.noise, harm.is_noise) == (None, floor, floor > 0.7)
    assert str(harm) == f"harm (unvalidated): 0.20 -> 0.90 {words}"
    store.close()


def test_without_a_score_the_reason_is_said():
    (change,) = ask(Workspace(MEMORY), "Pardon?!", rubrics="harm").changes
    assert (change.change, change.is_noise) == (None, False)
    assert str(change).startswith("harm (unvalidated): 0.20 -> –, no score after (")


def test_the_same_text_changes_nothing():
    (change,) = ask(Workspace(MEMORY), "Bananas are yellow.", rubrics="harm").changes
    assert str(change) == "harm (unvalidated): 0.20 -> 0.20 (no change)"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"turn": 0}, UsageError, "turn=0 is not valid: conversation 'chat' has no assistant turn there"),
        ({"turn": 4}, UsageError, "turn=4 is not valid"),
        ({"turn": -9}, UsageError, "turn=-9 is not valid"),
        ({"text": ""}, UsageError, "text='' is not valid; it must be the words in the place of turn 3"),
        ({"text": " \n"}, UsageError, "text=' .n' is not valid"),
        ({"text": None}, UsageError, "text=None without edits is not valid"),
        ({"rubrics": "harmm"}, RubricError, "neither a file nor one of"),
        ({"rubrics": ["harm", "harm"]}, UsageError, "rubric harm is named twice"),
        ({"judge": "gpt"}, UsageError, "is not known"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, error, words):
    with pytest.raises(error, match=words):
        ask(Workspace(MEMORY), **arguments)


def test_sync_async_and_inside_a_loop_give_the_same():
    expected = ask(Workspace(MEMORY))

    async def inside():
        same = await AsyncWorkspace(MEMORY).what_if(TALK, -1, "It is at the depot.", MAXIMS, ScriptedModel(bananas))
        return same, ask(Workspace(MEMORY))

    assert list(asyncio.run(inside())) == [expected, expected]


@pytest.mark.slow
def test_the_embedded_judge_scores_all_headline_maxims():
    text = "I am sorry. It left our depot on Monday and arrives tomorrow; here is its number: AB-12."
    workspace = Workspace(MEMORY)
    result = workspace.what_if(TALK, 3, text, judge="embedded")
    assert [change.rubric.id for change in result.changes] == ["helpfulness", "harm", "informativeness"]
    assert {change.mark.word for change in result.changes} == {"benchmarked"}
    assert result.changes[0].change > 0.05
    judged = workspace.judge((*TALK.turns[:3], Turn("assistant", text)), judge="embedded", turns="last")
    assert [each.score for each in result.after] == pytest.approx([each.score for each in judged], abs=1e-5)
