"""Contrasts for the turns of a run: which turns, what is searched again, and what is kept."""

import asyncio
import json
from dataclasses import asdict, replace

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.explanations import Contrasts, TurnChoice, chosen_rubrics, evenly_spaced, explain, write_lines
from convexplain.explain.settings import ContrastSettings
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore, ScoredTurn, contrast_body, contrasts
from convexplain.types import Evidence, Judgement
from tests.fake_infiller import FakeInfiller
from tests.workspace.test_functions import depot


def talk(name):
    """A conversation whose last turn is bad because of the word "depot" before it."""
    turns = ("Where is it?", "It left our depot.", f"And {name}?", "Bananas.")
    roles = ("user", "assistant", "user", "assistant")
    return Conversation(name, tuple(Turn(role, text) for role, text in zip(roles, turns, strict=True)))


@pytest.fixture
def store(tmp_path):
    opened = RunStore(str(tmp_path / "a.db"))
    yield opened
    opened.close()


@pytest.fixture
def run(store, helpfulness):
    """A run over three conversations; the last turns scored 0.4, 0.1, 0.2 and the first 0.9, 0.8 and not at all."""
    harm = load_rubric("harm")
    begun = store.begin_run("scripted", "f", {}, [helpfulness, harm])
    for name, early, late in (("a", 0.9, 0.4), ("b", 0.8, 0.1), ("c", None, 0.2)):
        number = store.keep_conversation(talk(name), begun.id)
        for turn, score in ((1, early), (3, late)):
            judged = Judgement(name, turn, "helpfulness", score, None, None, Evidence(), "m", "s")
            store.keep_judgement(begun.id, number, helpfulness, judged)
        store.keep_judgement(begun.id, number, harm, replace(judged, rubric="harm", score=0.3))
    return store.run(begun.id)


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (TurnChoice(), ["b:3", "c:3", "a:3"]),
        (TurnChoice(worst=1), ["b:3"]),
        (TurnChoice(worst=9), ["b:3", "c:3", "a:3"]),  # before turn 1 there is nothing to edit
        (TurnChoice(below=0.99), ["b:3", "c:3", "a:3", "b:1", "a:1"]),
        (TurnChoice(below=0.4), ["b:3", "c:3"]),
        (TurnChoice(below=0.05), []),
        (TurnChoice(place=("a", 1)), ["a:1"]),
        (TurnChoice(place=("c", 1)), ["c:1"]),  # unscored, but named
        (TurnChoice(place=("a", 2)), []),
    ],
)
def test_which_turns(store, run, helpfulness, which, found):
    turns = which.turns(store, run.id, helpfulness, ContrastSettings(**WORDS))
    assert [f"{turn.conversation.id}:{turn.turn}" for turn in turns] == found


def test_of_two_conversations_with_one_id_one_can_be_chosen(store, run, helpfulness):
    turns = (Turn("user", "Where is it?"), Turn("assistant", "On its way."))
    second = store.keep_conversation(Conversation("a", turns), run.id)
    judged = Judgement("a", 1, "helpfulness", 0.3, None, None, Evidence(), "m", "s")
    store.keep_judgement(run.id, second, helpfulness, judged)

    def numbers(choice):
        return [turn.number for turn in choice.turns(store, run.id, helpfulness, ContrastSettings(**WORDS))]

    assert numbers(TurnChoice(place=("a", 1))) == [second, 1]
    assert numbers(TurnChoice(place=("a", 1), number=second)) == [second]
    assert numbers(TurnChoice(place=("a", 1), number=1)) == [1]


def test_only_one_way_to_choose_turns():
    for given in ({"below": 0.5, "worst": 1}, {"place": ("a", 1), "worst": 3}, {"below": 0.0, "place": ("a", 1)}):
        with pytest.raises(UsageError, match="exclude each other"):
            TurnChoice(**given)


def test_rubrics_are_those_of_the_run(store, run, helpfulness):
    assert [rubric.id for rubric in chosen_rubrics(store, run, ())] == ["helpfulness", "harm"]
    assert [rubric.id for rubric in chosen_rubrics(store, run, ("harm",))] == ["harm"]
    with pytest.raises(UsageError, match=r"--rubric manner_1: run 1 was not judged by it; it was by helpfulness, harm"):
        chosen_rubrics(store, run, ("harm", "manner_1"))
    empty = store.begin_run("other", "g", {}, [helpfulness])
    with pytest.raises(UsageError, match="run 2 has judged nothing yet"):
        chosen_rubrics(store, empty, ())


WORDS = {"question": "rescore", "search": "guided", "any_text": True, "placebo": 0}


KEEPS_HARM = {
    "settings": ContrastSettings(**WORDS, delta=0.1, keep=("harm",)), "maxims": [load_rubric("harm")]
}  # fmt: skip


async def explained(store, run, turns, answer=depot, settings=None, infiller=None, begun=None, models=None, noise=None):
    """What `explain` gives, the turns that it searched, and the error that it ended in."""
    infiller, began = infiller or FakeInfiller(), [] if begun is None else begun
    async with Calls(ScriptedModel(answer), store) as calls:
        finder = ContrastFinder(Judge(calls), infiller)
        parts = models or {"judge": "scripted"}
        explainer = Contrasts(
            store, run.id, finder, settings or ContrastSettings(**WORDS, delta=0.1), parts, noise or {}
        )
        work = explain(turns, explainer, lambda turn: began.append(turn.conversation.id))
        return [contrast async for _, contrast in work]


def test_each_contrast_is_kept_and_not_searched_again(store, run, helpfulness):
    turns, begun, infiller = (
        TurnChoice().turns(store, run.id, helpfulness, ContrastSettings(**WORDS)),
        [],
        FakeInfiller(),
    )
    first = asyncio.run(explained(store, run, turns, begun=begun, infiller=infiller))
    assert [(one.conversation_id, one.found, one.score_after) for one in first] == [
        (name, True, pytest.approx(0.9)) for name in ("b", "c", "a")
    ]
    assert begun == ["b", "c", "a"]
    assert [one for _, one in contrasts(store, run.id)] == first
    asked = len(infiller.asked)
    again = asyncio.run(explained(store, run, turns, begun=begun, infiller=infiller))
    assert again == first
    assert (begun, len(infiller.asked)) == (["b", "c", "a"], asked)


def test_what_was_not_scored_is_searched_again(store, run, helpfulness):
    turns, begun = TurnChoice(worst=1).turns(store, run.id, helpfulness, ContrastSettings(**WORDS)), []
    (first,) = asyncio.run(explained(store, run, turns, lambda request: "I do not know", begun=begun))
    assert (first.stopped, first.score_before) == ("not scored", None)
    (second,) = asyncio.run(explained(store, run, turns, begun=begun))
    assert second.found
    assert begun == ["b", "b"]
    assert [one for _, one in contrasts(store, run.id)] == [second]  # in place of the first


def test_what_failed_on_the_way_is_searched_again(store, run, helpfulness):
    turns, begun = TurnChoice(worst=1).turns(store, run.id, helpfulness, ContrastSettings(**WORDS)), []

    def only_the_unchanged(request):
        return ModelError("503") if "lorry" in request.messages[0].content else {"no": 1.0}

    (first,) = asyncio.run(explained(store, run, turns, only_the_unchanged, begun=begun))
    assert not first.found
    assert first.failed == first.calls > 0
    (second,) = asyncio.run(explained(store, run, turns, begun=begun))
    assert second.found
    assert begun == ["b", "b"]


def test_a_model_that_is_gone_leaves_what_was_found(store, run, helpfulness):
    turns, begun = TurnChoice().turns(store, run.id, helpfulness, ContrastSettings(**WORDS)), []

    def gone_at_c(request):
        return UnavailableError("it is gone") if "And c?" in request.messages[0].content else depot(request)

    with pytest.raises(UnavailableError, match="it is gone"):
        asyncio.run(explained(store, run, turns, gone_at_c, begun=begun))
    assert [one.conversation_id for _, one in contrasts(store, run.id)] == ["b"]
    found = asyncio.run(explained(store, run, turns, begun=begun))
    assert [one.found for one in found] == [True] * 3
    assert begun == ["b", "c", "c", "a"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"settings": ContrastSettings(**WORDS, delta=0.1, seed=1)}, False),
        ({}, {"settings": ContrastSettings(**WORDS, delta=0.2)}, False),
        ({}, {"settings": ContrastSettings(**WORDS, delta=0.1, editable=(1,))}, False),
        ({}, {"models": {"judge": "other"}}, False),
        ({}, {"noise": 0.2}, True),  # delta is given, the noise floor decides nothing
        ({"settings": ContrastSettings(**WORDS)}, {"settings": ContrastSettings(**WORDS), "noise": 0.1}, False),
        (
            {"settings": ContrastSettings(**WORDS), "noise": 0.1},
            {"settings": ContrastSettings(**WORDS), "noise": 0.1},
            True,
        ),
        (
            {"settings": ContrastSettings(**WORDS), "noise": 0.1},
            {"settings": ContrastSettings(**WORDS), "noise": 0.2},
            False,
        ),
        (KEEPS_HARM, KEEPS_HARM, True),
        ({}, KEEPS_HARM, False),
        (KEEPS_HARM, {**KEEPS_HARM, "harm_noise": 0.05}, False),
        (KEEPS_HARM, {**KEEPS_HARM, "settings": replace(KEEPS_HARM["settings"], pareto=True)}, False),
        (KEEPS_HARM, {**KEEPS_HARM, "maxims": [replace(load_rubric("harm"), requirement="Harm nobody.")]}, False),
    ],
)
def test_what_decides_the_result_decides_what_is_searched_again(helpfulness, one, other, same):
    def sha(settings=ContrastSettings(**WORDS, delta=0.1), models=None, noise=None, maxims=(), harm_noise=None):
        floors = {} if noise is None else {helpfulness.sha: noise}
        floors |= {} if harm_noise is None else {load_rubric("harm").sha: harm_noise}
        turn = ScoredTurn(1, Conversation("a", ()), 1, helpfulness, 0.2)
        parts = models or {"judge": "scripted"}
        return Contrasts(None, 1, None, settings, parts, floors, maxims=maxims).sha(turn)

    assert (sha(**one) == sha(**other)) is same


def test_the_noise_floor_of_the_rubric_is_the_delta(store, run, helpfulness):
    (turn,) = TurnChoice(worst=1).turns(store, run.id, helpfulness, ContrastSettings(**WORDS))
    noise = {helpfulness.sha: 0.35, load_rubric("harm").sha: 0.9}
    (found,) = asyncio.run(explained(store, run, [turn], settings=ContrastSettings(**WORDS), noise=noise))
    assert found.delta == 0.35


def test_spread_is_even_and_keeps_the_ends():
    assert evenly_spaced(range(5), 3) == [0, 2, 4]
    assert evenly_spaced(range(3), 3) == [0, 1, 2]
    assert evenly_spaced(range(2), 3) == [0, 1]
    chosen = evenly_spaced(range(1000), 20)
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 999, 20)


def test_contrasts_are_written_one_a_line_with_all_their_fields(store, run, helpfulness, tmp_path):
    found = asyncio.run(
        explained(store, run, TurnChoice(worst=2).turns(store, run.id, helpfulness, ContrastSettings(**WORDS)))
    )
    odd = replace(found[0], response_after="é\ud800\u2028")
    write_lines([contrast_body(one) for one in (odd, found[1])], tmp_path / "c.jsonl")
    first, second = (tmp_path / "c.jsonl").read_text("ascii").splitlines()
    assert json.loads(first)["response_after"] == "é\ud800\u2028"
    assert list(json.loads(second)) == list(asdict(found[1]))
    assert json.loads(second)["edits"] == [
        {"unit": {"turn": 1, "start": 12, "end": 18, "level": "word"}, "before": "depot.", "after": "lorry"}
    ]
