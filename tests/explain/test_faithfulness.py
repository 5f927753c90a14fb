import asyncio
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError
from convexplain.explain.faithfulness import baselines, faithfulness
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import JudgeValue, TurnValues
from convexplain.explain.unit_levels import unit_levels
from convexplain.judges import Judge
from convexplain.judges.self_explanation import self_explained_order, self_explained_turns
from convexplain.models.calls import Calls
from tests.cli.test_contrast import World, keep, talk

from .test_attribution import RUBRIC, Words, scripted

TALK = Conversation(
    "f",
    (
        Turn("user", "alpha one two three"),
        Turn("assistant", "beta"),
        Turn("user", "gamma one two"),
        Turn("assistant", "Judged."),
    ),
)
UNITS = unit_levels(TALK, ("turn",), reply=False).units[0]


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    return World(monkeypatch, capsys, tmp_path)


def measured(orders, value=None, side=1, **options):
    values = TurnValues(TALK, value or Words(alpha=1.0, beta=2.0, gamma=4.0))
    return asyncio.run(faithfulness(values, UNITS, orders, side, **options)), values


def test_areas_by_hand():
    """Words 4, 1, 3 of 8; the value is 7. Removing gamma (3/8) falls by 4, beta too (4/8) by 6."""
    found, _ = measured({"best": [2, 1, 0], "worst": [0, 1, 2]}, complete=True, k=1)
    # (3/8 · 2 + 1/8 · 5) / (1/2); alone alpha goes, a half of the words: (1/2 · 1/2) / (1/2).
    assert found["best"].aupc == pytest.approx(2 * (0.375 * 2 + 0.125 * 5))
    assert found["worst"].aupc == pytest.approx(0.5)
    assert found["best"].deletion == pytest.approx(0.375 * 2 + 0.125 * 5 + 0.5 * 6.5)
    # Only gamma there falls by 3, beta too by 1: missing 0, 4/8, 5/8, 1 with falls of 0, 1, 3, 7.
    assert found["best"].insertion == pytest.approx(0.5 * 0.5 + 0.125 * 2 + 0.375 * 5)
    assert (found["best"].pr, found["best"].bleu) == (None, None)


def test_without_whole_fewer_conversations_are_evaluated():
    value = Words(alpha=1.0)
    found, _ = measured({"a": [2, 1, 0], "b": [2, 0, 1]}, value, k=1)
    # All of it; {2}, {2, 1}; {2, 0}.
    assert len(value.asked) == 4
    assert found["a"].deletion is None


def test_label_probabilities_and_new_responses():
    async def go():
        responder = ScriptedModel(lambda r: "It is here now." if "beta" in str(r.messages) else "Who knows.")
        model = scripted(lambda text: 0.8 if "here" in text else 0.2)
        async with Calls(model) as calls, Calls(responder) as answers:
            values = TurnValues(TALK, JudgeValue(TurnMeasure(Judge(calls), answers), RUBRIC))
            return await faithfulness(values, UNITS, {"one": [1, 0, 2]}, 1, k=1)

    found = asyncio.run(go())["one"]
    assert found.pr == pytest.approx(0.25)
    assert found.kl == pytest.approx(0.8 * 1.3862944 - 0.2 * 1.3862944)  # ln 4
    assert found.rouge_l == 0
    assert 0 <= found.bleu < 0.2  # the point at the end is the same


def test_a_turn_without_a_value():
    class Nothing(Words):
        async def value(self, conversation, turn):
            return (await super().value(conversation, turn)).__class__(None, "no")

    found, _ = measured({"a": [0, 1, 2]}, Nothing())
    assert {getattr(found["a"], name) for name in found["a"].__slots__} == {None}


def test_orders_that_know_nothing():
    found = baselines(TALK, UNITS, seed=1)
    assert found["length"] == [0, 2, 1]
    assert found["position"] == [2, 1, 0]
    assert sorted(found["random"]) == [0, 1, 2]
    assert baselines(TALK, UNITS, seed=1) == found


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ('{"turns": [2, 0]}', [2, 0]),
        ('{"turns": [2, 2, 9, -1]}', [2]),
        ('{"turns": [1, 2', [1, 2]),
        ('{"turns": []}', None),
        ("Turn 2, I think.", None),
        ('{"turns": "all"}', None),
        (ModelError("overloaded"), None),
    ],
)
def test_the_judge_itself_is_asked(reply, named):
    async def go():
        async with Calls(ScriptedModel(reply), patience=0) as calls:
            return await self_explained_turns(calls, TALK, 3, RUBRIC)

    assert asyncio.run(go()) == named


@pytest.mark.parametrize(
    ("named", "rest", "order"),
    [
        ([2], [1, 0, 2], [2, 1, 0]),
        ([2, 0], [1, 0, 2], [2, 0, 1]),
        ([], [1, 0, 2], [1, 0, 2]),
        ([7], [0, 1, 2], [0, 1, 2]),
    ],
)
def test_turns_that_it_does_not_name_stay_in_the_order_that_is_given(named, rest, order):
    assert self_explained_order(named, UNITS, rest) == order


def test_a_judge_that_is_gone():
    async def go():
        async with Calls(ScriptedModel(UnavailableError("gone")), patience=0) as calls:
            await self_explained_turns(calls, TALK, 3, RUBRIC)

    with pytest.raises(UnavailableError):
        asyncio.run(go())


# ---- the command


@pytest.mark.slow
def test_the_table_has_each_method_and_what_knows_nothing(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b"), 3): 0.3})
    world.run("attribute", "--levels", "turn", "--method", "loo")
    code, out, err = world.run("attribute", "--levels", "turn", "--check")
    assert code == 0
    text = " ".join(out.split())
    for name in ("clime", "loo", "random", "length", "position", "AUPC"):
        assert name in text
    assert "2/2 measured" in err
    # Turn 1 has 6 of 13 words: to half of them the log-odds rise by ln 36 at most.
    rows = [line for line in out.splitlines() if "clime" in line]
    assert rows
    asked = world.asked
    assert world.run("attribute", "--levels", "turn", "--check")[1] == out
    assert world.asked == asked


def test_what_another_scalarizer_made_is_not_measured_by_the_judge(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    world.answer["bot"] = lambda request: -float(len(str(request.messages)))
    world.run("attribute", "--levels", "turn", "--scalarizer", "logprob", "--responder", "bot")
    code, out, _ = world.run("attribute", "--levels", "turn", "--method", "loo", "--check")
    assert code == 0
    assert "AUPC" in out
    assert out.count("clime") == 1  # it is compared in its ranks only
    assert "Rank correlation, loo and clime (logprob): " in out


@pytest.mark.slow
def test_methods_are_compared_with_each_other_and_with_themselves(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    for options in (("--method", "loo"), ("--seed", "1"), ("--seed", "2")):
        _, out, _ = world.run("attribute", "--levels", "turn", "--check", *options)
    lines = [line for line in out.splitlines() if line.startswith("Rank correlation")]
    assert [line.partition(":")[0] for line in lines] == [
        "Rank correlation, loo and clime",
        "Rank correlation, clime under other settings",
    ]


def test_some_of_the_reply_is_left_however_high_it_ranks():
    """The second of the two sentences that are ranked first comes last: else nothing would be left to value."""
    conversation = Conversation("c", (Turn("user", "One two three."), Turn("assistant", "A b. C d.")))
    units = [unit for level in unit_levels(conversation, ("sentence",), reply=True).units for unit in level]
    values = TurnValues(conversation, Words(One=1, two=1, three=1, A=1, b=1, C=1, d=1))
    rows = asyncio.run(faithfulness(values, units, {"reply first": [1, 2, 0]}, 1))
    # 7 words; without "A b. " 2 of 7 are gone and 2 of 7 of the value, without "One two three." as well 5 of both.
    assert rows["reply first"].aupc == pytest.approx(7 * 0.25)  # a straight line to 3.5 at half of the words
    assert rows["reply first"].pr is None


def test_some_assistant_turn_is_left_of_a_judged_conversation():
    turns = (Turn("user", "One two three."), Turn("assistant", "A b."), Turn("user", "C d."))
    conversation = Conversation("c", turns)
    (units,) = unit_levels(conversation, ("turn",), reply=False, scope="conversation").units
    values = TurnValues(conversation, Words(One=1, two=1, three=1, A=1, b=1, C=1, d=1), scope="conversation")
    rows = asyncio.run(faithfulness(values, units, {"assistant first": [1, 2, 0]}, 1))
    assert rows["assistant first"].aupc == pytest.approx(7 * 0.25)  # as above: what goes first is the last turn


def test_of_a_judged_conversation_the_judge_may_name_any_turn():
    async def go():
        model = ScriptedModel('{"turns": [4, 3, 9]}')
        longer = replace(TALK, turns=(*TALK.turns, Turn("user", "Bye.")))
        async with Calls(model) as calls:
            named = await self_explained_turns(calls, longer, 3, replace(RUBRIC, scope="conversation"))
        return named, model.requests[0].messages[0].content

    named, prompt = asyncio.run(go())
    assert named == [4, 3]
    assert "user: Bye." in prompt
    assert "The conversation was judged by this requirement: The response should be nice." in prompt
    assert "Which of these turns mattered most for how the conversation is to be judged?" in prompt


def test_mixed_levels_are_checked(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    code, out, _ = world.run("attribute", "--levels", "turn,sentence", "--mixed", "--check")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines() if "n=1" in line][:2] == ["clime", "random"]


def test_only_the_chosen_turns_are_checked(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b"), 3): 0.3, (talk("c"), 1): 0.1})
    world.run("attribute", "--levels", "turn", "--turn", "b:3")
    code, out, err = world.run("attribute", "--levels", "turn", "--turn", "a:3", "--check")
    assert (code, "n=1" in out, "1/1 measured" in err) == (0, True, True)
    code, _, err = world.run("attribute", "--levels", "turn", "--turn", "c:1", "--check")  # one turn before it
    assert code == 2
    assert "none of the chosen turns of run 1 has two units of level turn" in " ".join(err.split())


def test_of_few_turns_no_interval_is_shown(world):
    keep(world.folder, {(talk(name), 3): 0.2 for name in "abcd"})
    _, out, _ = world.run("attribute", "--levels", "turn", "--worst", "4", "--check")
    row = next(line for line in out.splitlines() if "clime" in line and "n=4" in line)
    assert "[" not in row
