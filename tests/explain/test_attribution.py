import asyncio
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Rubric, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.attribution import NOTHING_TO_ATTRIBUTE, Attributor, attribute_values
from convexplain.explain.measurement import ASSUMED_NOISE, TurnMeasure
from convexplain.explain.scalarizers import Scalar, TurnValues
from convexplain.explain.settings import AttributionSettings
from convexplain.explain.unit_levels import most_calls, unit_levels
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.types import Attribution, Label
from tests.fake_infiller import FakeInfiller

RUBRIC = Rubric(
    "nice", "Nice", "test", "The response should be nice.", (Label("yes", 1.0, "y"), Label("no", 0.0, "n")), (), 0.5
)
TALK = Conversation(
    "c",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "Who knows, you grumpy lazy person. It may come."),
        Turn("user", "Please look again."),
        Turn("assistant", "Bananas are yellow."),
        Turn("user", "LATER"),
    ),
)


def empty():
    """An attribution of nothing."""
    return Attribution(
        *("c", 3, "nice", "rescore", "loo", "turn", "log_odds"), (), (), 1, 0.0, None, 0.5, 0.1, (), None,
        *("remove", 0, 0, 0.0, "judge", None),
    )  # fmt: skip


def both(text):
    """Low only while the first two turns are both there."""
    return 0.2 if "parcel" in text and "grumpy" in text else 0.9


def either(text):
    """Low while one of the first two turns is there."""
    return 0.2 if "parcel" in text or "grumpy" in text else 0.9


def judged(request):
    return request.messages[0].content.rpartition("<conversation>")[2]


def scripted(score, **options):
    def answer(request):
        p = score(judged(request))
        return p if isinstance(p, (str, ModelError)) else {"yes": p, "no": 1 - p}

    return ScriptedModel(answer, **options)


def grumpy(text):
    return 0.2 if "grumpy" in text else 0.9


def attributed(model, *, talk=TALK, turn=3, responder=None, infiller=None, noise=None, **options):
    async def go():
        async with Calls(model, patience=0) as calls, Calls(responder or ScriptedModel(""), patience=0) as answers:
            measure = TurnMeasure(Judge(calls), answers if responder else None)
            chosen = AttributionSettings(**options)
            return await Attributor(measure, infiller).attribute(talk, turn, RUBRIC, chosen, noise)

    return asyncio.run(go())


class Words:
    """The value is a sum over words that are there; counts how often it was asked."""

    question = "rescore"
    name = "words"

    def __init__(self, **worth):
        self.worth = worth
        self.asked = []

    async def value(self, conversation, turn):
        text = " ".join(turn.content for turn in conversation.turns)
        self.asked.append(text)
        return Scalar(sum(worth for word, worth in self.worth.items() if word in text))


def by_words(talk, scalarizer, side=1, reply=False, **options):
    values = TurnValues(talk, scalarizer)
    return asyncio.run(attribute_values(values, AttributionSettings(**options), side, reply=reply))


def parts(one, talk=TALK):
    return [unit.of(talk.turns[unit.turn].content) for unit in one.units]


# ---- what is found


@pytest.mark.parametrize("method", ["loo", "clime", "lshap"])
def test_down_to_the_word(method):
    """The log-odds go from ln(1/4) to ln 9 without "grumpy": by ln 36."""
    turns, sentences, phrases, words = attributed(
        scripted(grumpy), method=method, levels=("turn", "sentence", "phrase", "word"), top=1
    )
    assert turns.scores == pytest.approx((0, -math.log(36), 0), abs=1e-9)
    assert turns.values_alone == pytest.approx((math.log(1 / 4), math.log(9), math.log(1 / 4)))  # measured
    assert parts(sentences) == ["Who knows, you grumpy lazy person. ", "It may come."]
    assert parts(phrases) == ["Who knows, ", "you grumpy lazy person. "]
    assert parts(words) == ["you ", "grumpy ", "lazy ", "person. ", "Bananas ", "are ", "yellow."]
    assert words.scores == pytest.approx((0, -math.log(36), 0, 0, 0, 0, 0), abs=1e-9)
    assert words.scores_without == pytest.approx((0.2, 0.9, 0.2, 0.2, 0.2, 0.2, 0.2))
    assert words.noisy == (True, False, True, True, True, True, True)
    assert {one.side for one in (turns, sentences, phrases, words)} == {-1}
    assert (turns.full, turns.score, turns.noise) == (pytest.approx(math.log(1 / 4)), pytest.approx(0.2), ASSUMED_NOISE)


@pytest.mark.parametrize(("noise", "divided"), [(0.6, True), (0.75, False)])
@pytest.mark.parametrize("mixed", [False, True])
def test_only_units_beyond_the_noise_are_divided(noise, divided, mixed):
    """Without "grumpy" the score is 0.9 instead of 0.2: a difference of 0.7. The reply is divided in any case."""
    options = {"levels": ("turn", "sentence", "phrase"), "top": 1, "mixed": mixed}
    levels = attributed(scripted(grumpy), method="loo", noise=noise, **options)
    texts = {text for level in levels for text in parts(level)}
    assert ("It may come." in texts) == divided
    assert "Bananas are yellow." not in texts  # of the reply, one sentence, the words
    assert "Bananas " in texts


def test_a_good_turn_is_explained_by_what_raises_it():
    (turns, sentences) = attributed(
        scripted(lambda text: 0.8 if "grumpy" in text else 0.6), levels=("turn", "sentence"), top=1, method="loo"
    )
    assert turns.side == 1
    assert turns.scores == pytest.approx((0, math.log(4) - math.log(1.5), 0))
    assert [(unit.turn, unit.level) for unit in sentences.units] == [(1, "sentence")] * 2 + [(3, "word")] * 3


def test_sampled_scores_are_attributed_as_they_are():
    (turns,) = attributed(
        scripted(lambda text: float("grumpy" in text), logprobs=False), levels=("turn",), method="loo"
    )
    assert (turns.scalarizer, turns.full) == ("score", 1.0)
    assert turns.scores == (0.0, 1.0, 0.0)
    assert turns.scores_without == (1.0, 0.0, 1.0)


def test_regenerate_judges_the_new_answer():
    responder = ScriptedModel(lambda r: "Rude." if any("grumpy" in m.content for m in r.messages) else "Kind.")
    model = scripted(lambda text: 0.1 if "Rude." in text else 0.8)
    (turns,) = attributed(model, responder=responder, levels=("turn",), method="loo")
    assert (turns.question, turns.responder) == ("regenerate", "scripted")
    assert turns.scores_without == pytest.approx((0.1, 0.8, 0.1))


def test_the_parts_of_the_judged_turn():
    """Its one sentence is not taken out: nothing would be left. Its words are, though no turn before it counts."""
    found = attributed(
        scripted(lambda text: 0.1 if "Bananas" in text else 0.7),
        levels=("turn", "sentence", "word"), top=1, method="loo",
    )  # fmt: skip
    assert [(one.level, {unit.turn for unit in one.units}) for one in found] == [("turn", {0, 1, 2}), ("word", {3})]
    assert found[1].scores_without == pytest.approx((0.7, 0.1, 0.1))
    assert sum(one.failed for one in found) == 0


def test_the_parts_of_a_turn_with_nothing_before_it():
    talk = Conversation("one", (Turn("assistant", "Hello. You grumpy thing."),))
    (sentences,) = attributed(scripted(grumpy), talk=talk, turn=0, levels=("turn", "sentence"), method="clime")
    assert sentences.scores_without == pytest.approx((0.2, 0.9))
    assert (sentences.calls, sentences.failed) == (2, 0)  # that without both is none


@pytest.mark.parametrize(
    ("reply", "levels", "units"),
    [
        # What the finest level does not divide is divided by the next finer one.
        ("It is late. Sorry.", ("turn", "sentence"), [("sentence", "It is late. "), ("sentence", "Sorry.")]),
        ("It is late, my friend.", ("turn", "sentence"), [("phrase", "It is late, "), ("phrase", "my friend.")]),
        ("It is late.", ("turn", "sentence"), [("word", "It "), ("word", "is "), ("word", "late.")]),
        ("It is late.", ("turn", "sentence", "phrase"), [("word", "It "), ("word", "is "), ("word", "late.")]),
        ("It is late.", ("word",), [("word", "It "), ("word", "is "), ("word", "late.")]),
        ("It is late, my friend.", ("turn", "phrase", "word"), [("phrase", "It is late, "), ("phrase", "my friend.")]),
        ("Yes.", ("turn", "sentence", "phrase", "word"), []),  # it cannot be left out: nothing would be judged
        ("It is late. Sorry.", ("turn",), []),  # turns alone: the reply is none of them
    ],
)
def test_a_reply_is_divided_by_the_first_level_that_divides_it(reply, levels, units):
    talk = Conversation("one", (Turn("assistant", reply),))
    divided = next((level for level in unit_levels(talk, levels, reply=True).units if level), ())
    assert [(unit.level, unit.of(reply)) for unit in divided] == units
    assert bool(AttributionSettings(levels=levels).turns(talk, 0)) == bool(units)
    assert AttributionSettings(levels=levels).turns(talk, 0, reply=False) == []


def test_a_regenerated_reply_has_no_parts():
    """Another answer comes each time: only the turns before it are units."""
    levels = attributed(scripted(lambda text: 0.3), responder=ScriptedModel("x"), levels=("sentence", "word"))
    assert {unit.turn for level in levels for unit in level.units} == {0, 1, 2}


def test_the_baseline_keeps_the_reply():
    """Of sentences, those before the reply are left out together: then 0.9; the reply's own never are."""
    (sentences,) = attributed(scripted(grumpy), levels=("sentence",), method="loo")
    assert [unit.turn for unit in sentences.units] == [0, 1, 1, 2, 3, 3, 3]
    assert sentences.value_of(sentences.baseline) == pytest.approx(0.9)


def test_joint_attribution_names_what_does_something_only_together():
    """The score is bad as long as either the first or the third turn is there."""
    model = scripted(lambda text: 0.2 if "parcel" in text or "look" in text else 0.9)
    (turns,) = attributed(model, levels=("turn",), method="joint", k=2)
    assert turns.chosen == (0, 2)
    assert turns.drop == pytest.approx(math.log(36))


@pytest.mark.slow
def test_a_cause_among_40_turns_is_found_within_three_calls_a_unit():
    """Nine of ten are asked for; on values that are sums all of them can be had."""
    for seed in range(10):
        place = (7 * seed + 3) % 39
        turns = [Turn("user" if i % 2 == 0 else "assistant", f"This is turn {i}. It says little.") for i in range(40)]
        turns[place] = Turn(turns[place].role, "I see. The red car was stolen, they say. What now?")
        talk, value = Conversation("t", tuple(turns)), Words(red=2.0, stolen=1.0)
        found = by_words(talk, value, levels=("turn", "sentence", "phrase", "word"), seed=seed)
        best = max(range(len(found[-1].units)), key=lambda i: found[-1].scores[i])
        assert parts(found[-1], talk)[best] == "red "
        assert found[-1].scores[best] == pytest.approx(2)
        assert sum(one.calls for one in found) <= 3 * sum(len(one.units) for one in found) + 1
        assert len(value.asked) == len(set(value.asked)) == sum(one.calls for one in found) + 1


# ---- mixed levels and targets


@pytest.mark.parametrize("method", ["loo", "clime", "lshap"])
def test_mixed_levels_end_in_one_ranking(method):
    """The turns are attributed; then the words of the phrase that matters, beside all that is undivided."""
    turns, mixed = attributed(
        scripted(grumpy), method=method, levels=("turn", "sentence", "phrase", "word"), top=1, mixed=True
    )
    assert (turns.level, mixed.level) == ("turn", "mixed")
    assert [(unit.level, text) for unit, text in zip(mixed.units, parts(mixed), strict=True)] == [
        ("turn", "Where is my parcel?"),
        ("phrase", "Who knows, "),
        *[("word", word) for word in ("you ", "grumpy ", "lazy ", "person. ")],
        ("sentence", "It may come."),
        ("turn", "Please look again."),
        *[("word", word) for word in ("Bananas ", "are ", "yellow.")],
    ]
    assert mixed.scores == pytest.approx((0, 0, 0, -math.log(36), *(0,) * 7), abs=1e-9)
    assert mixed.value_of(mixed.baseline) == pytest.approx(0.9)


@pytest.mark.parametrize("method", ["loo", "clime", "lshap"])
def test_mixed_levels_are_exact_on_a_sum(method):
    worth = {"parcel": 0.5, "grumpy": 3.0, "lazy": -1.0, "may": 2.0, "again": 0.25}
    *_, mixed = by_words(TALK.until(3), Words(**worth), method=method, mixed=True)
    assert mixed.scores == pytest.approx([sum(worth[word] for word in worth if word in text) for text in parts(mixed)])


def test_mixed_levels_need_two_levels():
    with pytest.raises(UsageError, match=r"mixed=True is not valid with levels=\('turn',\)"):
        AttributionSettings(levels=("turn",), mixed=True)


REPLY = "Bananas are yellow. Your parcel left our depot, you grumpy person. Bye."
LONGER = Conversation("d", (*TALK.turns[:3], Turn("assistant", REPLY)))


@pytest.mark.parametrize("target", ["Your parcel left our depot,  you grumpy person.", (20, 67), (19, 67)])
def test_a_target_is_judged_in_the_place_of_the_reply(target):
    """The judge sees the sentence alone. Its units are places in the reply; the other sentences are none."""
    seen = []

    def score(text):
        seen.append(text)
        return 0.2 if "grumpy" in text.rpartition("assistant:")[2] else 0.9

    turns, phrases = attributed(scripted(score), talk=LONGER, levels=("turn", "phrase"), method="loo", target=target)
    assert turns.target == phrases.target == "Your parcel left our depot, you grumpy person."
    assert turns.score == pytest.approx(0.2)
    assert {unit.turn for unit in turns.units} == {0, 1, 2}
    in_reply = [i for i, unit in enumerate(phrases.units) if unit.turn == 3]
    assert [parts(phrases, LONGER)[i] for i in in_reply] == ["Your parcel left our depot, ", "you grumpy person."]
    assert [phrases.scores_without[i] for i in in_reply] == pytest.approx([0.2, 0.9])
    assert not any("Bananas" in text or "Bye" in text for text in seen)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("Your parcel is lost.", "the reply does not contain it"),
        ("a", "the reply contains it 5 times"),
        ((0, 99), "it has 71 characters"),
        ((19, 20), "it is blank there"),
        ((5, 5), "valid are a text that occurs once in the reply, or"),
        (" ", "valid are a text that occurs once in the reply, or"),
    ],
)
def test_a_target_that_is_not_there_is_refused(target, words):
    with pytest.raises(UsageError, match=words):
        attributed(scripted(grumpy), talk=LONGER, target=target)


def test_a_new_reply_has_no_target():
    with pytest.raises(UsageError, match="each new reply is another text"):
        attributed(scripted(grumpy), talk=LONGER, responder=ScriptedModel("x"), target="Bye.")


def test_a_scalarizer_without_spans_refuses_a_target():
    async def go():
        async with Calls(ScriptedModel("x")) as calls:
            attributor = Attributor(TurnMeasure(Judge(calls)), scalarizer=Words)
            await attributor.attribute(LONGER, 3, RUBRIC, AttributionSettings(target="Bye."))

    with pytest.raises(UsageError, match="not valid with words: it has no value of a span"):
        asyncio.run(go())


# ---- what becomes of a unit


@pytest.mark.parametrize(
    ("perturb", "left"),
    [
        ("placeholder", "user: …\n"),
        ("infill", "user: lorry\n"),
    ],
)
def test_something_else_is_put_into_its_place(perturb, left):
    seen = []

    def score(text):
        seen.append(text)
        return 0.4

    attributed(scripted(score), perturb=perturb, infiller=FakeInfiller(), levels=("turn",), method="loo")
    assert sum(left.strip() in text for text in seen) >= 1
    assert all("assistant: Bananas are yellow." in text for text in seen)


def test_several_fills_are_averaged():
    class Three(FakeInfiller):
        async def infill(self, masked, k):
            return [["good", "bad", "good"][:k] for _ in masked]

    class Good(Words):
        async def value(self, conversation, turn):
            return Scalar(float(conversation.turns[0].content == "good"))

    values = TurnValues(TALK.until(3), Good(), "infill", Three())
    (turns,) = asyncio.run(attribute_values(values, AttributionSettings("loo", ("turn",), perturb="infill")))
    assert turns.scores[0] == pytest.approx(-0.5)  # "good" and "bad" are two conversations


def test_where_the_infiller_has_nothing_units_are_removed_and_that_is_said():
    class Nothing(FakeInfiller):
        async def infill(self, masked, k):
            raise ModelError("no idea")

    (turns,) = attributed(scripted(grumpy), perturb="infill", infiller=Nothing(), levels=("turn",), method="loo")
    assert turns.scores_without == pytest.approx((0.2, 0.9, 0.2))
    assert any("no idea" in note for note in turns.notes)


# ---- budget and bad input


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("budget", [1, 2, 3, 4, 6, 9, 30])
@pytest.mark.parametrize("method", ["loo", "clime", "lshap", "joint"])
def test_the_budget_is_kept_to_the_call(budget, method, mixed):
    value = Words(grumpy=1.0)
    levels = ("turn", "sentence", "word")
    found = by_words(TALK.until(3), value, budget=budget, method=method, levels=levels, mixed=mixed)
    assert len(value.asked) - 1 == sum(one.calls for one in found) <= budget


def test_most_calls_are_not_exceeded():
    cases = [{}, {"top": 1}, {"levels": ("turn", "word")}, {"share": 1.0}, {"budget": 5}, {"budget": 60}]
    cases += [{"method": "joint", "k": 2}]  # with seven units, all it may evaluate is pairs
    greedy = [
        {"budget": budget, "method": method} for budget in (40, 500) for method in ("joint", "lshap", "surrogate")
    ]
    for options in (*cases, *greedy):
        for reply, mixed in itertools.product((False, True), repeat=2):
            value = Words(grumpy=1.0, may=-0.5)
            found = by_words(TALK.until(3), value, side=1, reply=reply, mixed=mixed, **options)
            most = most_calls(TALK.until(3), AttributionSettings(**options, mixed=mixed), reply=reply)
            assert sum(one.calls for one in found) == len(value.asked) - 1 <= most


@pytest.mark.parametrize("mixed", [False, True])
def test_the_reply_is_attributed_to_after_many_turns_and_within_a_small_budget(mixed):
    """500 turns and 50 evaluations: 46 of single turns, all of them together, and the three words of the reply."""
    turns = tuple(Turn("user" if i % 2 == 0 else "assistant", f"Turn {i}.") for i in range(500))
    talk, value = Conversation("long", (*turns, Turn("assistant", "You are red."))), Words(red=1.0)
    *_, last = by_words(talk, value, reply=True, budget=50, mixed=mixed)
    assert [(unit.turn, unit.level) for unit in last.units] == [(500, "word")] * 3
    assert last.scores == pytest.approx((0, 0, 1))
    assert len(value.asked) - 1 <= 50


@pytest.mark.parametrize(("method", "remarks"), [("surrogate", 1), ("clime", 0)])
def test_a_surrogate_of_fewer_evaluations_than_units_is_called_rough(method, remarks):
    turns = tuple(Turn("user" if i % 2 == 0 else "assistant", f"Turn {i}.") for i in range(60))
    talk = Conversation("long", (*turns, Turn("assistant", "You are red.")))
    (level,) = by_words(talk, Words(turn=1.0), budget=20, levels=("turn",), method=method)
    remark = "20 evaluations for 60 units: effects of single units are rough"
    assert level.notes.count(remark) == remarks


def test_a_surrogate_of_more_evaluations_than_units_is_not_called_rough():
    (level,) = by_words(TALK.until(3), Words(grumpy=1.0), budget=7, levels=("turn",), method="surrogate")
    assert not [note for note in level.notes if "rough" in note]


def test_nothing_before_the_turn():
    found = attributed(scripted(grumpy), talk=Conversation("one", (Turn("assistant", "Hello."),)), turn=0)
    assert [(one.units, one.scores) for one in found] == [((), ())]
    assert (found[0].score, found[0].failed) == (pytest.approx(0.9), 0)
    assert NOTHING_TO_ATTRIBUTE in found[0].notes


def test_where_only_the_unchanged_turn_can_be_scored_nothing_is_said_to_be_0():
    (turns,) = attributed(
        scripted(lambda text: 0.4 if text.count("user: ") == 2 and "grumpy" in text else ModelError("no")),
        levels=("turn",), method="loo",
    )  # fmt: skip
    assert turns.scores == (None, None, None)
    assert not any("every attribution is 0" in note for note in turns.notes)


def test_empty_turns_are_passed_over_and_all_turns_may_be_equal():
    talk = Conversation(
        "e", (Turn("user", ""), Turn("assistant", " "), Turn("user", "Hi"), Turn("user", "Hi"), Turn("assistant", "Hi"))
    )
    (turns,) = attributed(scripted(lambda text: 0.3), talk=talk, turn=4, levels=("turn",))
    assert [unit.turn for unit in turns.units] == [2, 3]
    assert turns.scores == pytest.approx((0, 0), abs=1e-12)
    assert any("no unit moves the value" in note for note in turns.notes)


@pytest.mark.slow
def test_500_turns():
    turns = tuple(Turn("user" if i % 2 == 0 else "assistant", f"Turn {i}.") for i in range(500))
    talk = Conversation("long", (*turns[:321], Turn("assistant", "You are red."), *turns[322:]))
    found = by_words(talk, Words(red=1.0), levels=("turn", "word"), budget=1200)
    assert [unit.turn for unit in found[1].units if unit.turn == 321] == [321] * 3
    assert sum(one.calls for one in found) <= 1200


def test_missing_values_are_left_out_and_counted():
    """Without the third turn the judge fails: it has no score, and the other turns have."""
    (turns,) = attributed(
        scripted(lambda text: grumpy(text) if "look" in text else ModelError("overloaded")),
        levels=("turn",), method="clime",
    )  # fmt: skip
    assert turns.scores == (pytest.approx(0, abs=1e-9), pytest.approx(-math.log(36)), None)
    assert turns.failed == 4  # {2}, {0, 2}, {1, 2}, and all three
    assert any("overloaded" in note for note in turns.notes)


def test_a_turn_without_a_score_is_not_attributed():
    (turns,) = attributed(scripted(lambda text: ModelError("broken")), levels=("turn",))
    assert (turns.full, turns.score, turns.scores) == (None, None, (None, None, None))
    assert any("broken" in note for note in turns.notes)
    assert turns.calls == 0  # nothing more is asked


def test_a_model_that_is_gone_ends_it():
    with pytest.raises(UnavailableError):
        attributed(ScriptedModel(UnavailableError("gone")))


@pytest.mark.parametrize("turn", [-1, 0, 4, 9])
def test_only_an_assistant_turn_is_attributed(turn):
    with pytest.raises(UsageError, match="no assistant turn there"):
        attributed(scripted(grumpy), turn=turn)


@pytest.mark.slow
def test_all_that_one_level_needs_is_asked_for_at_once():
    """100 evaluations with 16 in flight take seven round trips."""
    turns = tuple(Turn("user", f"Turn {i}.") for i in range(50))
    model = scripted(lambda text: 0.4, in_flight=16, seconds=0.2)
    attributed(
        model, talk=Conversation("p", (*turns, Turn("assistant", "Yes."))), turn=50, levels=("turn",), budget=100
    )
    assert model.most_open == 16


@given(
    contents=st.lists(st.text(max_size=40), min_size=1, max_size=6),
    method=st.sampled_from(["loo", "clime", "lshap", "joint"]),
    reply=st.booleans(),
    mixed=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_text_can_be_attributed(contents, method, reply, mixed):
    turns = tuple(Turn("user", content) for content in contents)
    talk = Conversation("any", (*turns, Turn("assistant", "Well, yes.")))
    options = {"method": method, "reply": reply, "mixed": mixed, "levels": ("turn", "sentence", "word")}
    found = by_words(talk, Words(a=1.0, b=-2.0), **options)
    for one in found:
        assert len(one.scores) == len(one.units)
        assert all(score is None or math.isfinite(score) for score in one.scores)


@pytest.mark.parametrize(("score", "sign"), [(both, -1), (either, 1)])
def test_a_surrogate_finds_two_turns_that_count_together(score, sign):
    """What is lost without both is the change of the log-odds from 0.2 to 0.9, which the two share."""
    (level,) = attributed(scripted(score), levels=("turn",), method="surrogate")
    change = math.log(0.2 / 0.8) - math.log(0.9 / 0.1)
    assert level.scores == pytest.approx((change / 2, change / 2, 0.0), abs=1e-6)
    assert [pair.units for pair in level.interactions] == [(0, 1)]
    assert level.interactions[0].value == pytest.approx(sign * abs(change), abs=1e-6)
    assert level.calls == 7  # all sets of three turns
