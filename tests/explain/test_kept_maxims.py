"""Contrasts that raise one maxim and must not lower another; and the trade-offs where edits do."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Rubric, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.contrasts import LOWERS_ON_AVERAGE, ContrastFinder
from convexplain.explain.kept_maxims import KeptMaxim
from convexplain.explain.pareto import dominates
from convexplain.explain.settings import ContrastSettings
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.types import Label
from tests.explain.test_contrasts import Editor, judged

YES_OR_NO = (Label("yes", 1.0, "y"), Label("no", 0.0, "n"))


def rubric(name):
    return Rubric(name, name.title(), "test", f"The response should be {name}.", YES_OR_NO, (), 0.5)


NICE, SAFE, CLEAR = rubric("nice"), rubric("safe"), rubric("clear")
REPLY = "Take some pills."
TALK = Conversation("c", (Turn("user", "I have a headache."), Turn("assistant", REPLY)))
BOLD, MILD, WEAK = "Take all of the pills.", "Take a few pills.", "Take the pills."


def maxim_of(request):
    return next(maxim.id for maxim in (NICE, SAFE, CLEAR) if maxim.requirement in request.messages[0].content)


def scripted(scores, **options):
    """A judge with a score for each reply and maxim: `scores[reply][maxim]`; an unknown reply is a bad one."""

    def answer(request):
        reply = judged(request).rpartition("assistant: ")[2].split("\n")[0].strip()
        p = scores.get(reply, {}).get(maxim_of(request), 0.1)
        return p if isinstance(p, str) else {"yes": p, "no": 1 - p}

    return ScriptedModel(answer, **options)


def scores_of(nice, safe, clear=0.5):
    return {"nice": nice, "safe": safe, "clear": clear}


def search(
    scores, texts=None, *, editor=None, maxims=((SAFE, 0.1),), noise=None, responder=None, turn=1, talk=TALK, **options
):
    """The contrast, and the judge with its requests."""
    model = scores if isinstance(scores, ScriptedModel) else scripted(scores)
    editor = editor or Editor({REPLY: texts or []})
    keep = [KeptMaxim(*maxim) for maxim in maxims]
    names = tuple(maxim.rubric.id for maxim in keep)

    async def go():
        async with Calls(model, patience=0) as calls, Calls(responder or ScriptedModel(""), patience=0) as answers:
            finder = ContrastFinder(Judge(calls), None, answers if responder else None, [editor])
            how = ContrastSettings(**{"any_text": True, "placebo": 0, "keep": names, **options})
            return await finder.find(talk, turn, NICE, how, noise, maxims=keep)

    return asyncio.run(go()), model


def texts_of(contrast):
    return [text for point in contrast.pareto for _, text in point.texts]


# --- what is a contrast


@pytest.mark.parametrize(
    ("before", "after", "noise", "found"),
    [
        (0.9, 0.95, 0.1, True),
        (0.9, 0.85, 0.1, True),  # lower, but within noise
        (0.9, 0.80, 0.1, True),  # as much as noise
        (0.9, 0.79, 0.1, False),
        (0.9, 0.85, 0.02, False),
        (0.4, 0.35, 0.1, True),  # no matter on which side of its threshold
        (0.55, 0.46, 0.1, True),  # nor whether it crosses that
    ],
)
def test_a_kept_maxim_may_fall_by_no_more_than_noise(before, after, noise, found):
    contrast, _ = search({REPLY: scores_of(0.2, before), BOLD: scores_of(0.9, after)}, [BOLD], maxims=[(SAFE, noise)])
    assert contrast.found is found
    assert contrast.kept_scores == {"safe": (pytest.approx(before), pytest.approx(after))}
    assert contrast.conflicts == ({} if found else {"safe": 1})


@pytest.mark.parametrize(
    ("goal", "bold", "found"),
    [("cross", 0.2, False), ("worsen", 0.2, False), ("cross", 0.9, True), ("cross", 1.0, True)],
)
def test_where_the_score_is_to_fall_keep_means_not_lower_too(goal, bold, found):
    scores = {REPLY: scores_of(0.9, 0.9), BOLD: scores_of(0.1, bold)}
    contrast, _ = search(scores, [BOLD], goal=goal, delta=0.1)
    assert contrast.found is found


def test_every_kept_maxim_counts():
    scores = {REPLY: scores_of(0.2, 0.9, 0.9), BOLD: scores_of(0.9, 0.9, 0.5), MILD: scores_of(0.7, 0.85, 0.9)}
    contrast, _ = search(scores, [BOLD, MILD], maxims=[(SAFE, 0.1), (CLEAR, 0.1)])
    assert (contrast.found, contrast.turns[1].content) == (True, MILD)
    assert contrast.kept_scores == {"safe": (0.9, pytest.approx(0.85)), "clear": (0.9, 0.9)}
    assert contrast.conflicts == {"clear": 1}
    assert contrast.pareto == ()  # there is a contrast


def test_kept_maxims_are_judged_for_candidates_that_reach_the_goal_only_and_count():
    scores = {REPLY: scores_of(0.2, 0.9), WEAK: scores_of(0.3, 0.9), MILD: scores_of(0.7, 0.9)}
    contrast, model = search(scores, [WEAK, MILD])
    assert contrast.found
    safe = [judged(request) for request in model.requests if maxim_of(request) == "safe"]
    assert len(safe) == 2  # the unchanged reply, and the one that is nice enough
    assert sum(REPLY in text for text in safe) == sum(MILD in text for text in safe) == 1
    assert (contrast.calls, contrast.prompts, len(contrast.trace)) == (3, 2, 2)  # two edits, and one of them twice


def test_the_search_sees_by_how_much_a_kept_maxim_fell_too_far():
    """The aim is 0.6; safe falls by 0.5, of which 0.1 is noise: as if nice were 0.6 - 0.4 = 0.2, g = 0.2 - 0.5."""
    contrast, _ = search({REPLY: scores_of(0.2, 0.9), BOLD: scores_of(0.9, 0.4)}, [BOLD])
    assert [g for _, g in contrast.trace] == [pytest.approx(-0.3)]


def test_editors_know_what_is_to_be_kept():
    editor = Editor({REPLY: [MILD]})
    scores = {REPLY: scores_of(0.2, 0.9), MILD: scores_of(0.7, 0.9)}
    assert search(scores, editor=editor)[0].found
    assert {passage.keep for passage in editor.passages} == {(SAFE,)}


# --- the list of trade-offs


def test_the_list_holds_both_ends_and_no_dominated_edit():
    """BOLD is nice and unsafe; MILD helps both a little; WEAK is as nice and less safe, but changes fewer words."""
    scores = {
        REPLY: scores_of(0.2, 0.8), BOLD: scores_of(0.9, 0.3), MILD: scores_of(0.4, 0.9), WEAK: scores_of(0.4, 0.85),
        "Take many a pills.": scores_of(0.35, 0.7),
    }  # fmt: skip
    contrast, _ = search(scores, [BOLD, MILD, WEAK, "Take many a pills."])
    assert not contrast.found
    assert contrast.conflicts == {"safe": 1}
    assert texts_of(contrast) == [BOLD, MILD, WEAK]  # WEAK changes one word, MILD two
    first = contrast.pareto[0]
    assert (dict(first.scores), first.words, first.response) == (
        {"nice": pytest.approx(0.9), "safe": pytest.approx(0.3)}, 3, BOLD,
    )  # fmt: skip
    counts = [(point.scores["nice"], point.scores["safe"], -point.words) for point in contrast.pareto]
    assert not any(dominates(a, b) for a in counts for b in counts)
    assert contrast.kept_scores["safe"][0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("nice", "noise", "listed"),
    [
        (0.1, None, False),
        (0.2, None, False),
        (0.29, None, False),  # within the noise of 0.1 that is assumed
        (0.3, None, True),
        (0.22, 0.05, False),
        (0.25, 0.05, True),
        (0.2, 0.0, False),
    ],
)
def test_edits_that_do_not_help_the_goal_by_more_than_noise_are_not_on_the_list(nice, noise, listed):
    scores = {REPLY: scores_of(0.2, 0.8), BOLD: scores_of(0.9, 0.3), MILD: scores_of(nice, 1.0)}
    contrast, _ = search(scores, [BOLD, MILD], noise=noise, delta=0.1)
    assert texts_of(contrast) == ([BOLD, MILD] if listed else [BOLD])


def test_the_list_is_made_on_request_where_nothing_conflicts():
    scores = {REPLY: scores_of(0.2, 0.8), MILD: scores_of(0.7, 0.8), BOLD: scores_of(0.9, 0.75)}
    contrast, _ = search(scores, [MILD, BOLD])
    assert (contrast.found, contrast.pareto) == (True, ())
    contrast, _ = search(scores, [MILD, BOLD], pareto=True)
    assert (contrast.found, texts_of(contrast)) == (True, [BOLD, MILD])


def test_without_an_edit_that_goes_far_enough_nothing_conflicts_and_nothing_is_listed():
    contrast, model = search({REPLY: scores_of(0.2, 0.9), WEAK: scores_of(0.3, 0.5)}, [WEAK])
    assert (contrast.found, contrast.conflicts, contrast.pareto) == (False, {}, ())
    assert sum(maxim_of(request) == "safe" for request in model.requests) == 1  # the unchanged reply


def test_at_most_eight_edits_are_listed():
    scores = {REPLY: scores_of(0.2, 0.9)}
    scores |= {f"Take {i} pills.": scores_of(0.25 + i / 20, 0.9 - i / 20) for i in range(1, 13)}
    contrast, _ = search(scores, [text for text in scores if text != REPLY], maxims=[(SAFE, 0.01)], budget=40)
    assert len(contrast.pareto) <= 8
    assert not contrast.found


UNIT = st.integers(0, 20).map(lambda number: number / 20)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=1, max_size=5), UNIT, UNIT)
def test_a_contrast_is_there_where_an_edit_lowers_nothing_and_the_list_where_every_edit_does(edited, safe, clear):
    """The texts differ in one word, so that none is a part of another; the aim is 0.6, and 0.1 of a fall is noise."""
    texts = [f"Take {i} pills." for i in range(len(edited))]
    scores = {REPLY: scores_of(0.2, safe, clear)} | dict(zip(texts, (scores_of(*x) for x in edited), strict=True))
    contrast, _ = search(scores, texts, maxims=[(SAFE, 0.1), (CLEAR, 0.1)], budget=40)
    reaching = [x for x in edited if x[0] >= 0.6 - 1e-9]
    keeping = [x for x in reaching if x[1] >= safe - 0.1 - 1e-9 and x[2] >= clear - 0.1 - 1e-9]
    assert contrast.found == bool(keeping)
    if contrast.found:
        assert edited[texts.index(contrast.turns[1].content)] in keeping
    points = [tuple(edited[texts.index(text)]) for text in texts_of(contrast)]
    assert bool(points) == (bool(reaching) and not keeping)
    helping = [x for x in edited if x[0] >= 0.3 - 1e-9] if points else []
    assert set(points) == {x for x in helping if not any(dominates(rival, x) for rival in helping)}


# --- bad input


def test_a_candidate_whose_kept_maxim_cannot_be_scored_does_not_count_and_this_is_said():
    scores = {REPLY: scores_of(0.2, 0.9), BOLD: scores_of(0.9, "gibberish"), MILD: scores_of(0.4, 0.9)}
    contrast, _ = search(scores, [BOLD, MILD])
    assert (contrast.found, contrast.failed) == (False, 1)
    assert [note for note in contrast.notes if note.startswith("an edit does not count, as safe could not be scored: ")]


def test_without_a_score_of_the_unchanged_turn_on_a_kept_maxim_nothing_is_searched():
    contrast, _ = search({REPLY: scores_of(0.2, "gibberish"), BOLD: scores_of(0.9, 0.9)}, [BOLD])
    assert (contrast.found, contrast.stopped, contrast.calls) == (False, "not scored", 0)
    assert contrast.notes[-1].startswith("safe could not be scored: ")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("spare", range(13))
def test_the_budget_holds_with_the_judgements_on_kept_maxims(spare, count):
    """No edit is safe: six go far enough, and each costs a call more for each kept maxim; none moves by 0.9."""
    scores = {REPLY: scores_of(0.2, 0.9, 0.9)}
    scores |= {f"Take {i} pills.": scores_of(0.8, 0.1, 0.2) for i in range(6)}
    maxims = [(SAFE, 0.1), (CLEAR, 0.1)][:count]
    texts = [text for text in scores if text != REPLY]
    budget = 1 + count + spare
    contrast, model = search(scores, texts, maxims=maxims, budget=budget, delta=0.1, noise=0.9)
    assert len(model.requests) - 1 - count == contrast.calls <= budget
    assert (contrast.found, contrast.pareto) == (False, ())
    assert contrast.calls > 0


@pytest.mark.parametrize(
    ("keep", "budget", "least"),
    [(["safe"], 1, 2), ("safe,clear", 2, 3), (["safe", CLEAR], 1, 3), (("a", "b", "c"), 3, 4)],
)
def test_a_budget_that_is_too_small_to_judge_one_edit_is_refused(keep, budget, least):
    with pytest.raises(UsageError) as refused:
        ContrastSettings(keep=keep, budget=budget)
    assert str(refused.value) == (
        f"budget={budget} is too small to try an edit: with keep, an edit takes a call for the maxim that is to change,"
        f" and one for each of the {least - 1} kept; the budget must be at least {least}"
    )
    assert ContrastSettings(keep=keep, budget=least).budget == least


def test_the_smallest_budget_judges_one_edit():
    contrast, _ = search({REPLY: scores_of(0.2, 0.9), BOLD: scores_of(0.9, 0.9)}, [BOLD], budget=2)
    assert (contrast.found, contrast.calls) == (True, 2)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"budget": 7, "placebo": 2}, 7 + 2),
        (
            {"budget": 7, "placebo": 2, "keep": ["a", "b"]},
            7 + 2 * 3 + 8 * 2 + 4 * 2,
        ),  # the unchanged turn: 1 and 3 more
        ({"budget": 2, "placebo": 0, "keep": ["a"]}, 2 + 8 + 2),  # of a budget of 2 the unchanged turn has 1 more
    ],
)
def test_the_most_calls_of_a_search(options, most):
    assert ContrastSettings(**options).most_calls == most


# --- answers that vary


LONG_TALK = Conversation("c", (*TALK.turns, Turn("user", "How many?"), Turn("assistant", "Some.")))


def regenerated(first, second, **options):
    """A search of an edit whose answers are in turn of two kinds, with scores on nice and safe; 0.2 and 0.9 before."""

    def answer(request):
        edited = any(BOLD in message.content for message in request.messages)
        return "{} {}".format(*((second if request.draw % 2 else first) if edited else (0.2, 0.9)))

    def judge(request):
        scores = judged(request).rpartition("assistant: ")[2].split("\n")[0].split()
        p = float(scores[maxim_of(request) == "safe"])
        return {"yes": p, "no": 1 - p}

    options = {"turn": 3, "talk": LONG_TALK, "delta": 0.1, "budget": 100, **options}
    return search(ScriptedModel(judge), [BOLD], responder=ScriptedModel(answer), **options)[0]


@pytest.mark.parametrize(
    ("first", "second", "noise", "found"),
    [
        ((0.9, 0.9), (0.9, 0.9), 0.1, True),
        ((1.0, 0.9), (0.8, 0.84), 0.1, True),
        ((0.9, 0.9), (0.9, 0.1), 0.1, False),  # on average it falls by 0.4
        # g is 0.5 and, as 0.12 - 0.02 of a fall count, 0.0: 0.25 on average, more than delta; but it falls by 0.06
        ((1.0, 0.9), (1.0, 0.78), 0.02, False),
        ((1.0, 0.9), (0.55, 0.3), 0.1, False),  # the answers that are less nice are the unsafe ones
    ],
)
def test_fresh_answers_hold_the_kept_maxim_on_average(first, second, noise, found):
    contrast = regenerated(first, second, maxims=[(SAFE, noise)])
    assert contrast.found is found
    if found:
        before, after = contrast.kept_scores["safe"]
        assert (before, after) == (pytest.approx(0.9), pytest.approx((first[1] + second[1]) / 2, abs=0.02))


def test_an_edit_that_lowers_a_kept_maxim_on_average_is_said_to():
    contrast = regenerated((1.0, 0.9), (1.0, 0.78), maxims=[(SAFE, 0.02)])
    assert LOWERS_ON_AVERAGE in contrast.notes
    assert contrast.stopped == "searched"
