import asyncio
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from convexplain import Conversation, Rubric, Turn
from convexplain.connectors.editors import DeletionEditor
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import ASSUMED_NOISE, responder_request
from convexplain.explain.settings import ContrastSettings
from convexplain.fidelity import contrast_measures
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.types import Edit, Label, Unit

RUBRIC = Rubric(
    "nice", "Nice", "test", "The response should be nice.", (Label("yes", 1.0, "y"), Label("no", 0.0, "n")), (), 0.5
)
TALK = Conversation(
    "c",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "Who knows, you grumpy lazy person."),
        Turn("user", "Please look again."),
        Turn("assistant", "Bananas are yellow."),
        Turn("user", "LATER"),
        Turn("assistant", "MUCH LATER"),
    ),
)


class Blanks:
    """Fills every hole with the same words."""

    name = "blanks"
    fingerprint = "blanks"

    def __init__(self, *fills):
        self.fills = list(fills or ("blank",))
        self.asked = []

    async def prepare(self):
        pass

    async def infill(self, masked, k):
        self.asked.extend(masked)
        return [[fill for fill in self.fills if fill not in (one.old, *one.avoid)][:k] for one in masked]

    async def aclose(self):
        pass


def judged(request):
    """The conversation in a judge's prompt."""
    return request.messages[0].content.rpartition("<conversation>")[2]


def scripted(score, **options):
    """A judge whose score is a function of the conversation."""

    def answer(request):
        p = score(judged(request))
        return p if isinstance(p, (str, ModelError)) else {"yes": p, "no": 1 - p}

    return ScriptedModel(answer, **options)


def grumpy(with_it, without):
    return scripted(lambda text: with_it if "grumpy" in text else without)


def find(model, *, talk=TALK, turn=3, infiller=None, responder=None, noise=None, **settings):
    question = None if responder else "rescore"
    settings = {"search": "guided", "question": question, "any_text": True, "placebo": 0, **settings}

    async def go():
        async with Calls(model, patience=0) as calls, Calls(responder or ScriptedModel(""), patience=0) as answers:
            finder = ContrastFinder(Judge(calls), infiller or Blanks(), answers if responder else None)
            return await finder.find(talk, turn, RUBRIC, ContrastSettings(**settings), noise)

    return asyncio.run(go())


# --- the three questions


def test_rescore():
    found = find(grumpy(0.2, 0.9))
    assert (found.question, found.goal, found.search, found.found, found.stopped) == (
        "rescore", "cross", "guided", True, "found",
    )  # fmt: skip
    assert (found.score_before, found.score_after) == (pytest.approx(0.2), pytest.approx(0.9))
    assert found.edits == (Edit(Unit(1, 15, 21, "word"), "grumpy", "blank"),)
    assert [turn.content for turn in found.turns] == [
        "Where is my parcel?",
        "Who knows, you blank lazy person.",
        "Please look again.",
        "Bananas are yellow.",
    ]
    assert (found.response_before, found.response_after) == ("Bananas are yellow.", "Bananas are yellow.")
    assert (found.edit_distance, found.edit_rate) == (1, 1 / 6)  # turn 1 has six words
    assert (found.judge, found.responder, found.infiller) == ("scripted", None, "blanks")
    assert (found.conversation_id, found.turn, found.rubric) == ("c", 3, "nice")
    assert found.calls == found.prompts == len(found.trace)
    assert (found.failed, found.score_again) == (0, None)
    assert found.seconds > 0


def test_regenerate():
    """The responder is polite where nobody was called grumpy; the judge goes by the answer alone."""
    responder = ScriptedModel(
        lambda request: "Rude." if any("grumpy" in m.content for m in request.messages) else "Kind."
    )
    model = scripted(lambda text: 0.9 if "Kind." in text else 0.2)
    found = find(model, responder=responder)
    assert (found.question, found.found, found.responder) == ("regenerate", True, "scripted")
    assert (found.response_before, found.response_after) == ("Rude.", "Kind.")
    assert found.turns[3].content == "Kind."
    assert [edit.before for edit in found.edits] == ["grumpy"]
    assert len(responder.requests) == found.calls + 1  # and the unchanged context once before
    assert not any("Bananas" in judged(request) for request in model.requests)


def test_revise():
    found = find(scripted(lambda text: 0.2 if "Bananas" in text else 0.9), question="revise")
    assert (found.question, found.found, found.responder) == ("revise", True, None)
    assert found.edits == (Edit(Unit(3, 0, 7, "word"), "Bananas", "blank"),)
    assert (found.response_before, found.response_after) == ("Bananas are yellow.", "blank are yellow.")
    assert found.turns[3].content == "blank are yellow."
    assert (found.edit_distance, found.edit_rate) == (1, 1 / 3)


# --- what counts


@pytest.mark.parametrize(
    ("before", "after", "settings", "found"),
    [
        (0.4, 0.56, {"noise": 0.1}, False),  # above the threshold of 0.5, but by less than the noise floor
        (0.4, 0.56, {"noise": 0.05}, True),
        (0.4, 0.62, {"noise": 0.1}, True),
        (0.6, 0.44, {"noise": 0.1}, False),  # the other side
        (0.6, 0.44, {"noise": 0.05}, True),
        (0.6, 0.38, {"noise": 0.1}, True),
        (0.6, 0.98, {"noise": 0.05}, False),  # away from the threshold
        (0.4, 0.62, {}, True),  # the assumed floor of 0.1
        (0.4, 0.58, {}, False),
        (0.4, 0.58, {"delta": 0.05, "noise": 0.3}, True),  # a delta that is given goes before
        (0.2, 0.35, {"goal": "improve", "delta": 0.1}, True),
        (0.2, 0.25, {"goal": "improve", "delta": 0.1}, False),
        (0.2, 0.05, {"goal": "improve", "delta": 0.1}, False),
        (0.9, 0.75, {"goal": "worsen", "delta": 0.1}, True),
        (0.9, 0.85, {"goal": "worsen", "delta": 0.1}, False),
        (0.8, 0.95, {"goal": "worsen", "delta": 0.1}, False),
    ],
)
def test_what_is_a_contrast(before, after, settings, found):
    contrast = find(grumpy(before, after), **settings)
    assert contrast.found == found
    assert contrast.score_before == pytest.approx(before)
    if found:
        assert contrast.score_after == pytest.approx(after)
        assert [edit.before for edit in contrast.edits] == ["grumpy"]


def test_without_a_contrast_the_largest_movement_is_shown():
    found = find(scripted(lambda text: 0.1 + 0.2 * ("grumpy" not in text) + 0.1 * ("lazy" not in text)))
    assert (found.found, found.score_after) == (False, pytest.approx(0.4))
    assert {"grumpy", "lazy"} <= {edit.before for edit in found.edits}


def test_the_trace_is_g():
    found = find(scripted(lambda text: 0.2), search="cell", budget=3, noise=0.1)
    assert [edits for edits, _ in found.trace] == [1, 1, 1]
    assert [g for _, g in found.trace] == pytest.approx([-0.3] * 3)  # 0.2 - 0.5
    assert found.stopped == "budget"


@pytest.mark.parametrize(
    ("noise", "settings", "delta", "notes"),
    [
        (None, {}, ASSUMED_NOISE, 1),
        (0.07, {}, 0.07, 0),
        (None, {"delta": 0.2}, 0.2, 0),
        (None, {"goal": "improve", "delta": 0.2}, 0.2, 0),
    ],
)
def test_an_assumed_noise_floor_is_noted(noise, settings, delta, notes):
    found = find(grumpy(0.2, 0.9), noise=noise, **settings)
    assert found.delta == delta
    assert len([note for note in found.notes if "assumption" in note]) == notes == len(found.notes)


# --- what may be edited


@pytest.mark.parametrize(
    ("editable", "units"),
    [
        ("assistant", {1}),
        ("user", {0, 2}),
        ("all", {0, 1, 2}),
        ([0], {0}),
        ([2, 1, 2], {1, 2}),
    ],
)
def test_which_turns_are_edited(editable, units):
    infiller = Blanks()
    find(scripted(lambda text: 0.2), infiller=infiller, editable=editable, budget=5)
    contents = {one.before + one.old + one.after for one in infiller.asked}
    assert contents == {TALK.turns[i].content for i in units}


def test_system_and_tool_turns_are_edited_only_by_their_number():
    talk = Conversation(
        "c", (Turn("system", "be kind"), Turn("tool", "no parcel"), Turn("user", "u"), Turn("assistant", "a"))
    )
    infiller = Blanks()
    find(scripted(lambda text: 0.2), talk=talk, infiller=infiller, editable="all", budget=5)
    assert {one.old for one in infiller.asked} == {"u"}
    find(scripted(lambda text: 0.2), talk=talk, infiller=infiller, editable=[0, 1], budget=5)
    assert {one.old for one in infiller.asked} == {"u", "be", "kind", "be kind", "no", "parcel", "no parcel"}


def test_later_turns_are_never_seen():
    infiller = Blanks()
    responder = ScriptedModel("Well.")
    model = scripted(lambda text: 0.2)
    find(model, infiller=infiller, responder=responder, budget=10)
    prompts = [m.content for request in [*model.requests, *responder.requests] for m in request.messages]
    assert prompts
    assert not any("LATER" in text for text in prompts)
    assert not any("LATER" in one.context + one.before + one.after for one in infiller.asked)


@pytest.mark.parametrize("settings", [{}, {"editable": []}, {"editable": "assistant"}])
def test_nothing_to_edit_costs_nothing_and_says_so(settings):
    model, responder, infiller = scripted(lambda text: 0.2), ScriptedModel("x"), Blanks()
    found = find(model, turn=1, responder=responder, infiller=infiller, **settings)
    assert (found.found, found.stopped, found.calls, found.score_before) == (False, "nothing to edit", 0, None)
    assert (model.requests, responder.requests, infiller.asked) == ([], [], [])
    assert "there is no word that may be edited" in found.notes
    assert found.response_before == TALK.turns[1].content
    assert (found.edits, found.edit_distance, found.edit_rate) == ((), 0, None)


def test_a_judged_turn_without_words_cannot_be_revised():
    talk = Conversation("c", (Turn("user", "u"), Turn("assistant", "…")))
    found = find(scripted(lambda text: 0.2), talk=talk, turn=1, question="revise")
    assert found.stopped == "nothing to edit"
    assert "there is no word that may be edited" in found.notes


def test_the_edit_rate_counts_the_words_that_might_be_edited():
    """Turns 1 and 3 have 2 and 3 words; one of them goes, and a fill of two words takes its place: 2 of 5."""
    talk = Conversation(
        "c",
        (
            Turn("user", "many words of a user"),
            Turn("assistant", "one grumpy"),
            Turn("user", "u"),
            Turn("assistant", "three four five"),
            Turn("user", "u"),
            Turn("assistant", "six"),
        ),
    )
    found = find(grumpy(0.2, 0.9), talk=talk, turn=5, infiller=Blanks("two words"))
    assert found.turns[1].content == "one two words"
    assert (found.edit_distance, found.edit_rate) == (2, 2 / 5)


@pytest.mark.parametrize("search", ["guided", "cell_budget", "cell"])
def test_every_search(search):
    found = find(grumpy(0.2, 0.9), search=search, editable="all")
    assert (found.found, found.search) == (True, search)
    assert [edit.before for edit in found.edits] == ["grumpy"]


def test_fills_that_were_had_are_not_asked_for_again():
    infiller = Blanks("blank", "void")
    find(scripted(lambda text: 0.2), infiller=infiller, budget=20)
    assert len(infiller.asked) == len(set(infiller.asked))


def test_fills_that_say_the_same_are_not_used():
    talk = Conversation("c", (Turn("assistant", "grumpy"), Turn("user", "u"), Turn("assistant", "a")))

    class Same(Blanks):
        async def infill(self, masked, k):
            return [["Grumpy", " ", "blank"][:k] for _ in masked]

    assert find(grumpy(0.2, 0.9), talk=talk, turn=2, infiller=Same()).turns[0].content == "blank"


# --- a judge that draws samples


def sampled(first, later):
    """A judge without log-probabilities: the label is yes with `first` of its first five draws, `later` of the rest."""

    def answer(request):
        if "grumpy" in judged(request):
            return '{"label": "no"}'
        yes = first if request.draw < 5 else later
        return '{"label": "yes"}' if request.draw % 5 < yes else '{"label": "no"}'

    return ScriptedModel(answer, logprobs=False)


def test_a_sampled_contrast_is_confirmed_with_fresh_draws():
    model = sampled(5, 4)
    found = find(model)
    assert (found.found, found.score_after, found.score_again) == (True, 1.0, pytest.approx(0.8))
    again = [request for request in model.requests if request.draw >= 5]
    unchanged = [request.draw for request in again if "grumpy" in judged(request)]
    assert sorted(unchanged) == list(range(5, 20))  # three more measurements of five draws each: they do not vary
    changed = sorted(request.draw for request in again if "grumpy" not in judged(request))
    assert changed == list(range(5, 5 + len(changed)))  # each measurement draws anew
    assert found.calls == len(found.trace) == found.prompts + len(again) // 5


def test_what_is_not_confirmed_is_no_contrast():
    found = find(sampled(5, 2))
    assert not found.found
    assert found.score_before == 0.0
    assert found.calls <= 50


def test_a_judge_with_probabilities_is_not_asked_twice():
    model = grumpy(0.2, 0.9)
    assert find(model).score_again is None
    assert all(request.draw == 0 for request in model.requests)


# --- what fails


def test_an_unscored_turn_is_not_searched():
    model = ScriptedModel("I would rather not say.")
    found = find(model)
    assert (found.found, found.stopped, found.calls, found.score_before) == (False, "not scored", 0, None)
    assert len(model.requests) == 1
    assert any("the unchanged turn has no score: the judge refused to answer" in note for note in found.notes)


def test_a_responder_without_an_answer_to_the_unchanged_context():
    model = scripted(lambda text: 0.2)
    found = find(model, responder=ScriptedModel("  \n"))
    assert (found.stopped, model.requests) == ("not scored", [])
    assert any("the responder gave an empty answer" in note for note in found.notes)


@pytest.mark.parametrize("nothing", ["", ModelError("HTTP 418")])
def test_a_responder_without_an_answer_to_edited_contexts(nothing):
    responder = ScriptedModel(
        lambda request: nothing if any("blank" in m.content for m in request.messages) else "Rude."
    )
    found = find(scripted(lambda text: 0.2), responder=responder, budget=16, search="cell")
    assert (found.found, found.edits) == (False, ())
    assert (found.calls, found.failed) == (3 + 6, 6)  # the unchanged context three times more; each of the six words
    assert (found.response_before, found.response_after, found.score_after) == ("Rude.", "Rude.", None)


def test_a_judge_that_fails_on_every_third_call():
    calls = []

    def score(text):
        calls.append(text)
        return ModelError("HTTP 418") if len(calls) % 3 == 0 else 0.9 if "grumpy" not in text else 0.2

    found = find(scripted(score), editable="all", budget=30)
    assert found.calls == len(calls) - 1 <= 30
    assert found.failed == len(calls) // 3
    assert found.failed == sum(g is None for _, g in found.trace)
    assert found.found
    assert "grumpy" in {edit.before for edit in found.edits}
    assert found.score_after == pytest.approx(0.9)


@pytest.mark.parametrize("who", ["judge", "responder"])
def test_a_model_that_is_gone_is_an_error(who):
    gone = ScriptedModel(UnavailableError("gone"))
    model = gone if who == "judge" else scripted(lambda text: 0.2)
    with pytest.raises(UnavailableError, match="gone"):
        find(model, responder=gone if who == "responder" else None)


# --- arguments


@pytest.mark.parametrize("turn", [-1, 0, 6])
def test_a_turn_that_cannot_be_judged(turn):
    with pytest.raises(UsageError, match=f"turn={turn} is not valid"):
        find(scripted(lambda text: 0.2), turn=turn)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"goal": "flip"}, "goal='flip' is not valid; valid are: cross, improve, worsen"),
        ({"goal": "improve"}, "goal='improve' needs a delta"),
        ({"delta": 1.5}, "delta=1.5 is not valid"),
        ({"delta": float("nan")}, "delta=nan is not valid"),
        ({"budget": 0}, "budget=0 is not valid"),
        ({"similarity": "rogue"}, "similarity='rogue' is not valid; valid are: edits, bleu, rouge"),
        ({"radius": 3}, "radius means nothing with search='guided'; only cell_budget takes it"),
        ({"alpha": 0.2}, "alpha means nothing with search='guided'; only cell_budget takes it"),
        ({"radius": 0, "search": "cell_budget"}, "radius=0 is not valid; it must be at least 1"),
        ({"editable": "tool"}, "editable='tool' is not valid; valid are: assistant, user, all, or indices"),
        ({"editable": [3]}, r"editable=\[3\] is not valid; the turns before turn 3 are 0 to 2"),
        ({"split_k": 0}, "split_k=0 is not valid"),
    ],
)
def test_settings_that_cannot_be_meant(settings, message):
    model = scripted(lambda text: 0.2)
    with pytest.raises(UsageError, match=message):
        find(model, **settings)
    assert model.requests == []


@pytest.mark.parametrize("settings", [{"search": "best"}, {"alpha": 2.0}, {"prior": [1.0]}])
def test_settings_that_cannot_be_meant_cost_no_call(settings):
    model = scripted(lambda text: 0.2)
    with pytest.raises(UsageError):
        find(model, **settings)
    assert model.requests == []


@pytest.mark.parametrize("goal", ["improve", "worsen"])
def test_a_change_by_nothing_is_no_goal(goal):
    with pytest.raises(UsageError, match=r"\(0, 1\]"):
        ContrastSettings(goal=goal, delta=0.0)


@pytest.mark.parametrize(("similarity", "changed"), [("edits", "grumpy"), ("rouge", "lazy"), ("bleu", "lazy")])
def test_the_contrast_whose_text_is_most_similar_wins(similarity, changed):
    """Both words cross, with one edit each; "grumpy" scores higher, but five words come in its place."""

    class Fills(Blanks):
        async def infill(self, masked, k):
            return [[{"lazy": "kind", "grumpy": "one of a kind person"}.get(hole.old, hole.old)] for hole in masked]

    judge = scripted(lambda text: 0.9 if "grumpy" not in text else 0.8 if "lazy" not in text else 0.2)
    found = find(judge, infiller=Fills(), search="cell", similarity=similarity)
    assert found.found
    assert [edit.before for edit in found.edits] == [changed]


def test_the_radius_reaches_the_search():
    """Of turn 1 four words lie within two places of the first edited one, at most; without a radius all five."""

    def second_edits(radius):
        edited = []
        for seed in range(12):
            asked = Blanks()
            find(scripted(lambda text: 0.2), infiller=asked, search="cell_budget", seed=seed, radius=radius, budget=3)
            edited += [hole for hole in asked.asked if "blank" in hole.before + hole.after]
        return edited

    def far(hole):
        words = (hole.before + "HOLE" + hole.after).split()
        place = next(i for i, word in enumerate(words) if "HOLE" in word)
        return min(abs(place - i) for i, word in enumerate(words) if "blank" in word)

    assert {far(hole) for hole in second_edits(1)} == {1}
    assert max(far(hole) for hole in second_edits(None)) > 1


def test_a_prior_may_be_an_array():
    given = find(grumpy(0.2, 0.9), prior=np.array([1.0, 1.0, 1.0, 5.0, 1.0, 1.0]))
    assert given.found
    assert given == replace(find(grumpy(0.2, 0.9), prior=[1.0, 1.0, 1.0, 5.0, 1.0, 1.0]), seconds=given.seconds)


def test_a_score_that_does_not_move_is_no_contrast():
    """A turn scored exactly at the threshold is satisfied; edits that leave it there do not carry it over."""
    assert not find(scripted(lambda text: 0.5), noise=0.0).found


@pytest.mark.parametrize(
    ("before", "after", "settings"),
    [
        (1.0, 1.0, {"goal": "improve", "delta": 0.1}),  # nothing moved
        (0.0, 0.0, {"goal": "worsen", "delta": 0.1}),
        (0.3, 0.3, {"goal": "improve", "delta": 1e-10}),
        (0.3, 0.3, {"goal": "worsen", "delta": 1e-10}),
        (0.95, 1.0, {"goal": "improve", "delta": 0.1}),  # by 0.05 only
        (0.2, 1.0, {"noise": 0.6}),  # 0.5 beyond the threshold, not 0.6
    ],
)
def test_what_cannot_be_reached_is_not_reached(before, after, settings):
    assert not find(grumpy(before, after), **settings).found


# --- what the responder is asked

BEGINS, GO_ON = ("user", "(The conversation begins.)"), ("user", "(Please go on.)")


@pytest.mark.parametrize(
    ("turns", "messages"),
    [
        ("", [BEGINS]),
        ("user a", [("user", "a")]),
        ("user a, assistant b, user c", [("user", "a"), ("assistant", "b"), ("user", "c")]),
        ("assistant a, user b", [BEGINS, ("assistant", "a"), ("user", "b")]),
        ("assistant a", [BEGINS, ("assistant", "a"), GO_ON]),
        ("user a, assistant b", [("user", "a"), ("assistant", "b"), GO_ON]),
        ("system s", [("system", "s"), BEGINS]),
        ("system s, user a", [("system", "s"), ("user", "a")]),
        ("system s, assistant a, user b", [("system", "s"), BEGINS, ("assistant", "a"), ("user", "b")]),
        ("system s, system t, user a", [("system", "s"), ("user", "t\na")]),
        ("user a, system s, user b", [("user", "a\ns\nb")]),
        ("user a, assistant b, tool t", [("user", "a"), ("assistant", "b"), ("user", "t")]),
        ("tool t, user a", [("user", "t\na")]),
        ("user a, assistant b, assistant c, user d", [("user", "a"), ("assistant", "b\nc"), ("user", "d")]),
    ],
)
def test_roles_as_every_chat_template_takes_them(turns, messages):
    request = responder_request([Turn(*turn.split()) for turn in turns.split(", ") if turn])
    assert [(message.role, message.content) for message in request.messages] == messages
    assert (request.labels, request.temperature) == ((), 0.0)


@pytest.mark.parametrize(
    ("before", "after", "goal", "delta"),
    [(0.1, 0.3, "improve", 0.2), (0.4, 0.6, "improve", 0.2), (0.3, 0.2, "worsen", 0.1), (0.7, 0.5, "worsen", 0.2)],
)
def test_what_reaches_delta_exactly_counts(before, after, goal, delta):
    assert find(grumpy(before, after), goal=goal, delta=delta).found


def test_reaching_the_threshold_is_enough_from_below_and_not_from_above():
    assert find(grumpy(0.2, RUBRIC.threshold), delta=0.0).found
    assert not find(grumpy(0.8, RUBRIC.threshold), delta=0.0).found


def test_the_texts_of_a_contrast_are_the_editable_turns_before_and_after():
    found = find(grumpy(0.2, 0.9))
    assert found.texts == ("Who knows, you grumpy lazy person.", "Who knows, you blank lazy person.")
    row = contrast_measures(found)
    assert (row.found, row.before, row.after, row.calls) == (True, *found.texts, found.calls)
    unscored = find(ScriptedModel("nonsense"))
    assert (unscored.stopped, contrast_measures(unscored).found) == (
        "not scored",
        None,
    )  # not known, rather than no flip


def test_edits_of_other_lengths_are_taken_back_where_they_stand():
    edits = (Edit(Unit(0, 0, 2, "word"), "ab", "longer"), Edit(Unit(0, 3, 5, "word"), "cd", "x"))
    found = replace(find(grumpy(0.2, 0.9)), turns=(Turn("assistant", "longer x ef"),), edits=edits, editable=(0,))
    assert found.texts == ("ab cd ef", "longer x ef")


# --- editors


class Editor:
    """Proposes texts of the turn that a passage is in: for each passage what stands in a table, k at a time."""

    fingerprint, error = "editor", ""

    def __init__(self, texts, name="editor"):
        self.texts, self.name, self.passages = texts, name, []

    async def prepare(self):
        pass

    async def propose(self, passages, k):
        self.passages.extend(passages)
        return [[t for t in self.texts.get(p.text, []) if t not in p.refused][:k] for p in passages]

    async def aclose(self):
        pass


RUDE = "Who knows. You are a grumpy person. It left on Monday."
PARCEL = Conversation(
    "p",
    (Turn("user", "Where is my parcel?"), Turn("assistant", RUDE), Turn("user", "Thanks."), Turn("assistant", "Bye.")),
)


def edit(model, editor, *, turn=1, talk=PARCEL, responder=None, noise=None, reason="", faults=(), **settings):
    async def go():
        async with Calls(model, patience=0) as calls, Calls(responder or ScriptedModel(""), patience=0) as answers:
            finder = ContrastFinder(Judge(calls), None, answers if responder else None, [editor])
            return await finder.find(talk, turn, RUBRIC, ContrastSettings(**settings), noise, reason, faults=faults)

    return asyncio.run(go())


def test_an_edit_that_keeps_words_with_which_the_reason_finds_fault_is_no_better_reply():
    """For the judge one sentence less is enough. The other one holds the fault, and goes too."""
    reply = "Who knows. You are a grumpy person. It left our warehouse on Monday."
    talk = Conversation("p", (Turn("user", "Where is my parcel?"), Turn("assistant", reply)))
    one_less, two_less = "Who knows. It left our warehouse on Monday.", "It left our warehouse on Monday."
    editor = Editor({"You are a grumpy person.": [one_less], reply: [two_less]})
    assert edit(grumpy(0.2, 0.9), editor, talk=talk).turns[1].content == one_less
    found = edit(grumpy(0.2, 0.9), editor, talk=talk, faults=["who knows"])
    assert (found.found, found.turns[1].content) == (True, two_less)
    missed = edit(grumpy(0.2, 0.9), Editor({"You are a grumpy person.": [one_less]}), talk=talk, faults=["who knows"])
    assert not missed.found
    assert "edits that went that far keep words with which the judge's reason finds fault" in missed.notes


def test_faults_of_the_reply_do_not_bind_an_edit_of_an_earlier_turn():
    judge = scripted(lambda text: 0.9 if "lorry" in text else 0.2)
    editor = Editor({"Where is my parcel?": ["Where is my lorry?"]})
    assert edit(judge, editor, question="rescore", editable="user", faults=["who knows"]).found


def test_the_default_search_edits_the_reply_itself_by_what_editors_propose():
    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."]})
    found = edit(grumpy(0.2, 0.9), editor, reason="It insults the user.")
    assert (found.question, found.search, found.found, found.infiller) == ("revise", "natural", True, "editor")
    assert (found.turns[1].content, found.response_after) == ("Who knows. It left on Monday.",) * 2
    assert [(edit.before, edit.after) for edit in found.edits] == [("You are a grumpy person. ", "")]
    assert (found.edit_distance, found.edit_rate) == (5, 5 / 11)
    assert {passage.reason for passage in editor.passages} == {"It insults the user."}
    assert {passage.upward for passage in editor.passages} == {True}


def test_of_a_rewritten_turn_only_the_hunks_that_are_needed_remain():
    editor = Editor({RUDE: ["We will look. You are a patient person. It left on Friday."]})
    found = edit(grumpy(0.2, 0.9), editor, any_text=True)
    assert found.turns[1].content == "Who knows. You are a patient person. It left on Monday."
    assert found.edit_distance == 1


def test_a_text_that_reads_badly_is_no_contrast_unless_any_text_will_do():
    editor = Editor({RUDE: ["Who knows person. person person Monday Monday Monday. <b>left</b> Monday"]})
    found = edit(grumpy(0.2, 0.9), editor)
    assert (found.found, found.calls) == (False, 0)
    assert edit(grumpy(0.2, 0.9), editor, any_text=True).found


def test_an_edit_that_is_to_raise_a_score_keeps_the_facts_and_one_that_lowers_it_need_not():
    wrong = "Who knows. You are a nice person. It left on Friday the 13th."
    editor = Editor({RUDE: [wrong]})
    judge = scripted(lambda text: 0.9 if "13th" in text else 0.2)
    assert not edit(judge, editor).found
    judge = scripted(lambda text: 0.2 if "13th" in text else 0.9)
    assert edit(judge, editor).turns[1].content.endswith("It left on Friday the 13th.")


def test_word_searches_are_screened_too():
    """Every fill is "blank": the text with blanks is a contrast only where any text will do."""
    judge = scripted(lambda text: 0.9 if "blank" in text else 0.2)

    def search(**settings):
        return find(judge, infiller=Blanks("<blank>"), question="revise", **settings).found

    assert search(any_text=True)
    assert not search(any_text=False)


@pytest.mark.parametrize(
    ("settings", "responder", "message"),
    [
        ({"question": "regenerate"}, False, "question='regenerate' needs a responder"),
        ({"question": "revise"}, True, "question='revise' asks no responder"),
        ({"search": "guided"}, False, "search='guided' needs an infiller, which fills holes; there is none"),
    ],
)
def test_a_search_without_what_it_needs_says_so(settings, responder, message):
    model = grumpy(0.2, 0.9)
    with pytest.raises(UsageError, match=message):
        edit(model, Editor({}), responder=ScriptedModel("Hi.") if responder else None, **settings)
    assert model.requests == []


def test_a_search_over_proposals_needs_editors():
    with pytest.raises(UsageError, match="search='natural' needs editors, which propose texts; there are none"):
        find(grumpy(0.2, 0.9), search="natural")


def test_an_equally_large_edit_elsewhere_is_the_placebo():
    """Three sentences; editors are asked about the third one for the placebo alone, and each has one hunk."""
    editor = Editor(
        {
            "Who knows.": ["Nobody knows. You are a grumpy person. It left on Monday."],
            "You are a grumpy person.": ["Who knows. You are a patient person. It left on Monday."],
            "It left on Monday.": ["Who knows. You are a grumpy person. It left on Friday."],
        }
    )
    found = edit(grumpy(0.2, 0.9), editor, any_text=True)
    assert (found.found, found.placebo_draws, found.placebo_crossed) == (True, 2, 0)
    assert edit(grumpy(0.2, 0.9), editor, any_text=True, placebo=0).placebo_draws == 0


@pytest.mark.parametrize(
    ("needed", "settings", "found", "stopped"),
    [
        pytest.param(4, {}, False, "anywhere", id="all three edits elsewhere lower the score too"),
        pytest.param(3, {}, False, "anywhere", id="two of three do"),
        pytest.param(2, {}, True, "found", id="one of three does"),
        pytest.param(1, {}, True, "found", id="none does"),
        pytest.param(4, {"any_text": True}, True, "found", id="any text is asked for"),
        pytest.param(4, {"goal": "worsen", "delta": 0.5}, True, "found", id="a worse text is asked for"),
        pytest.param(4, {"placebo": 0}, True, "found", id="no edit elsewhere is measured"),
    ],
)
def test_an_edit_that_works_anywhere_is_no_contrast(needed, settings, found, stopped):
    """A good reply of four sentences falls without any of the first so many."""
    parts = [
        "The parcel left our house.",
        "The lorry got the parcel.",
        "The parcel comes on Monday.",
        "We will call soon then.",
    ]
    talk = replace(PARCEL, turns=(PARCEL.turns[0], Turn("assistant", " ".join(parts))))
    judge = scripted(lambda text: 0.9 if all(part in text for part in parts[:needed]) else 0.1)
    editor = Editor({part: [" ".join(kept for kept in parts if kept != part)] for part in parts})
    contrast = edit(judge, editor, talk=talk, **settings)
    assert (contrast.score_before, contrast.score_after) == (pytest.approx(0.9), pytest.approx(0.1))
    assert (contrast.found, contrast.stopped) == (found, stopped)
    if "placebo" not in settings:
        assert (contrast.placebo_draws, contrast.placebo_crossed) == (3, needed - 1)


def test_a_better_reply_stays_one_where_edits_elsewhere_help_too():
    parts = ["Who knows.", "The parcel left our house.", "Nobody cares."]
    deletions = [" ".join(part for part in parts if part != gone) for gone in parts]
    talk = replace(PARCEL, turns=(PARCEL.turns[0], Turn("assistant", " ".join(parts))))
    judge = scripted(lambda text: 0.1 if all(part in text for part in parts) else 0.9)
    editor = Editor({part: [deletion] for part, deletion in zip(parts, deletions, strict=True)})
    contrast = edit(judge, editor, talk=talk)
    assert (contrast.found, contrast.placebo_crossed > 0) == (True, True)


# --- answers that vary


def varying(mean, spread=0.1):
    """A responder and a judge: the answer says its quality, which goes up and down by `spread` from draw to draw."""

    def answer(request):
        there = " ".join(message.content for message in request.messages)
        return f"quality {mean(there) + (spread if request.draw % 2 else -spread):.3f}"

    return ScriptedModel(answer), scripted(lambda text: float(text.rpartition("quality ")[2][:5]))


def test_the_responder_is_asked_again_and_the_result_says_how_many_answers_held():
    responder, judge = varying(lambda there: 0.8 if "grumpy" not in there else 0.2)
    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."]})
    found = edit(judge, editor, turn=3, responder=responder, budget=30)
    assert (found.question, found.found) == ("regenerate", True)
    assert found.score_before == pytest.approx(0.2)  # the mean of four answers to the unchanged conversation
    assert found.score_again == pytest.approx(0.8, abs=0.07)
    assert found.fresh_draws == found.fresh_held >= 3
    assert {request.draw for request in responder.requests} >= {0, 1, 2, 3}
    assert {request.temperature for request in responder.requests} == {0.7}


def test_answers_that_vary_with_nothing_to_do_with_the_edit_are_no_contrast():
    responder, judge = varying(lambda there: 0.45, spread=0.3)
    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."], "Who knows.": ["Well."]})
    found = edit(judge, editor, turn=3, responder=responder, budget=30, any_text=True)
    assert not found.found


def test_delta_is_the_joint_noise_of_responder_and_judge():
    """Draws 0 to 3 of the unchanged turn are 0.1, 0.3, 0.1, 0.3: 0.1155 around their mean, over 25 draws a fifth."""
    responder, judge = varying(lambda there: 0.2)
    found = edit(judge, Editor({"Who knows.": ["Well."]}), turn=3, responder=responder, any_text=True)
    assert found.delta == pytest.approx(0.0231, abs=1e-4)
    assert found.notes == ()
    found = edit(judge, Editor({}), turn=3, responder=responder, noise=0.15)
    assert found.delta == 0.15  # the judge's own floor, where it is more


def test_a_responder_that_always_says_the_same_costs_three_probes():
    responder = ScriptedModel(lambda request: "Rude." if "grumpy" in request.messages[1].content else "Kind.")
    judge = scripted(lambda text: 0.9 if "Kind." in text else 0.2)
    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."]})
    found = edit(judge, editor, turn=3, responder=responder)
    assert found.found
    assert found.calls == 3 + 1 + 6  # probes, the candidate, and the candidate six times more


# --- hard input


@pytest.mark.slow
def test_a_judge_that_flips_a_coin_has_no_contrasts():
    """Twenty conversations; each reply is satisfying by a coin that every text and every draw flips anew."""

    def coin(request):
        text = judged(request)
        heads = hashlib.sha256(f"{text}{request.draw}".encode()).digest()[0] % 2
        return f'{{"label": "{"yes" if heads else "no"}"}}'

    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."], "Who knows.": ["Well. It left."]})
    results = []
    for i in range(20):
        talk = replace(PARCEL, turns=(Turn("user", f"Where is parcel {i}?"), *PARCEL.turns[1:]))
        results.append(edit(ScriptedModel(coin, logprobs=False), editor, talk=talk, any_text=True).found)
    assert sum(results) <= 2


HARD = {
    "one word": "No.",
    "code": "Run this:\n\n```python\nprint(1)\nprint(2)\n```\n\nYou grumpy person.",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |\n\nYou grumpy person.",
    "Chinese": "你好。你是 grumpy 的人。包裹星期一寄出。",
    "no space": "grumpy" * 200,
    "a huge line": "word " * 3000 + "grumpy.",
    "controls": "Hi\x00 there.\x1b[31m You grumpy person.",
}


@pytest.mark.parametrize("reply", HARD.values(), ids=HARD)
@pytest.mark.parametrize("budget", [1, 12])
def test_hard_replies_are_edited_or_left_and_the_budget_holds(reply, budget):
    talk = Conversation("h", (Turn("user", "Well?"), Turn("assistant", reply)))
    found = edit(grumpy(0.2, 0.9), DeletionEditor(), talk=talk, budget=budget)
    assert found.calls <= budget
    assert found.turns[0] == talk.turns[0]
    if found.found:
        assert "grumpy" not in found.turns[1].content
        assert found.turns[1].content.strip()


def test_what_the_deletions_of_hard_replies_leave():
    def left(name):
        talk = Conversation("h", (Turn("user", "Well?"), Turn("assistant", HARD[name])))
        return edit(grumpy(0.2, 0.9), DeletionEditor(), talk=talk).turns[1].content

    assert left("code") == "Run this:\n\n```python\nprint(1)\nprint(2)\n```"
    assert left("a table") == "| a | b |\n|---|---|\n| 1 | 2 |"
    assert left("Chinese") == "你好。包裹星期一寄出。"


def test_a_responder_that_refuses_everything_is_judged_by_its_refusal():
    responder = ScriptedModel("I'm sorry, but I can't assist with that.")
    editor = Editor({"You are a grumpy person.": ["Who knows. It left on Monday."]})
    found = edit(scripted(lambda text: 0.1), editor, turn=3, responder=responder)
    assert (found.found, found.score_before) == (False, pytest.approx(0.1))
    assert found.response_before == "I'm sorry, but I can't assist with that."
