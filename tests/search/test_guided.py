import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.search.contrast_searches._candidates import sampled
from convexplain.search.contrast_searches._minimisation import UnitGroup, minimise
from convexplain.search.contrast_searches._scoreboard import Scoreboard
from convexplain.search.contrast_searches.guided import guided, replace_sentences
from convexplain.search.ledger import Outcome
from convexplain.search.placebo import Layout
from convexplain.search.protocol import Infill, Score

from .searching import additive, edited, plain_fill, solve, told

SCRIPT = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "families.py"
sys.path.insert(0, str(SCRIPT.parent))
spec = importlib.util.spec_from_file_location("benchmarks_families", SCRIPT)
assert spec
assert spec.loader
families = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = families
spec.loader.exec_module(families)


def search(n, *, delta=1.0, seed=0, **options):
    return guided(n, delta=delta, rng=np.random.default_rng(seed), **options)


def solved(family, prior=None):
    """20 tasks of a family; `prior` makes one of a task."""

    def make(task):
        weights = prior(task) if prior else None
        return lambda n, delta, budget, seed: search(n, delta=delta, seed=seed, prior=weights)

    tasks = [families.task(family, seed) for seed in range(20)]
    return [families.solve(task, make(task), 50, 1) for task in tasks]


def true_causes(task):
    causes = {word for words, _ in task.causes for word in words}
    return [1.0 if word in causes else 0.05 for word in range(task.n)]


LEAST = {"own_words": (16, 14), "fresh_noise": (17, 4), "text_noise": (15, 3)}
"""Of 20 tasks: true contrasts, and smallest ones, in the families that are the hardest."""


@pytest.mark.parametrize("family", families.FAMILIES)
def test_contrasts_are_found_within_the_budget_and_small(family):
    rows = solved(family)
    true, smallest = LEAST.get(family, (18, 15))
    assert sum(row.true for row in rows) >= true
    assert sum(row.smallest for row in rows) >= smallest
    assert max(row.calls for row in rows) <= 50
    assert sum(row.found and not row.true for row in rows) <= 2


@pytest.mark.parametrize("family", families.SIX)
def test_knowing_where_to_look_saves_calls(family):
    without, knowing = solved(family), solved(family, true_causes)
    assert sum(row.calls for row in knowing) < sum(row.calls for row in without)
    assert sum(row.found for row in knowing) >= 18


@pytest.mark.slow
@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    share=st.floats(0.01, 1),
    cuts=st.sets(st.integers(1, 11)),
    prior=st.none() | st.lists(st.integers(1, 9), min_size=12, max_size=12),
    seed=st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_what_is_found_is_irreducible(weights, share, cuts, prior, seed):
    """Where g is a sum of weights >= 0, editing all of it crosses if anything does, and no edit is left over."""
    n = len(weights)
    delta = max(0.5, share * sum(weights))
    groups = [[sum(cut <= unit for cut in cuts) for unit in range(n)]]
    found = solve(
        search(n, delta=delta, seed=seed, groups=groups, prior=prior and prior[:n]),
        additive(*weights),
        delta=delta,
        budget=5000 if any(weights) else 60,  # where nothing does anything, thousands of sets would be asked for
    )
    assert found.found == (sum(weights) >= delta)
    if found.found:
        left = [weights[unit] for unit, _ in found.edits]
        assert sum(left) >= delta
        assert all(sum(left) - weight < delta for weight in left)


@pytest.mark.slow
@given(
    scores=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=30),
    n=st.integers(0, 8),
    seed=st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_it_ends_whatever_g_is_and_says_what_was_found(scores, n, seed):
    def g(edits):
        return scores[sum((unit + 1) ** 2 + len(fill) for unit, fill in edits) % len(scores)]

    found = solve(search(n, seed=seed), g)
    assert found.calls <= 50
    assert found.found == any(step.score >= 1.0 for step in found.trace)


def test_a_judge_that_fails_on_every_third_call():
    """Unit 3 of 12 alone crosses; with every third measurement missing the search still ends, and within the budget."""
    for seed in range(5):
        calls = []

        def g(edits, calls=calls):
            calls.append(edits)
            return None if len(calls) % 3 == 0 else float(any(unit == 3 for unit, _ in edits))

        found = solve(search(12, seed=seed), g)
        assert found.calls == len(calls) <= 50
        assert found.failed == len(calls) // 3
        assert found.found
        assert any(unit == 3 for unit, _ in found.edits)


def test_a_judge_that_always_fails():
    found = solve(search(12), lambda edits: None)
    assert (found.found, found.edits, found.calls, found.failed) == (False, None, 50, 50)


@pytest.mark.parametrize("n", [1, 2])
def test_a_judge_that_always_fails_on_few_units(n):
    assert not solve(search(n), lambda edits: None).found


def test_a_judge_that_fails_sometimes_on_few_units():
    """Two units of one fill each: three candidates, of which the one with both cannot be scored."""

    def fill(hole):
        return None if hole.avoid else plain_fill(hole)

    assert not solve(search(2), lambda edits: None if len(edits) == 2 else 0.0, fill=fill).found


@pytest.mark.parametrize("n", [1, 2])
def test_few_units(n):
    found = solve(search(n), additive(*[1.0] * n))
    assert (found.found, len(found.edits)) == (True, 1)
    three = lambda hole: plain_fill(hole) if len(hole.avoid) < 3 else None  # noqa: E731
    found = solve(search(n), additive(*[0.0] * n), fill=three)
    assert (found.found, found.stopped) == (False, "searched")
    assert found.calls <= 4**n - 1  # three fills of each unit, or the word as it was


def test_units_without_a_fill_stay_as_they_are():
    found = solve(search(9), additive(*[0.5] * 9), fill=lambda hole: plain_fill(hole) if hole.unit % 2 else None)
    assert (found.found, len(found.edits)) == (True, 2)
    assert all(unit % 2 for unit, _ in found.edits)


def test_other_fills_are_tried_where_the_first_do_not_cross():
    """Only the second fill of unit 4 crosses."""
    found = solve(search(8), lambda edits: float((4, "fill1") in edits), budget=100)
    assert found.found
    assert found.edits == ((4, "fill1"),)


def test_the_same_seed_gives_the_same():
    def g(edits):
        return sum((-1.0) ** unit for unit, _ in edits) / 8

    assert told(search(20, seed=1), g, most=12) == told(search(20, seed=1), g, most=12)
    assert told(search(20, seed=1), g, most=12) != told(search(20, seed=2), g, most=12)


def test_a_prior_of_nothing_is_no_prior():
    assert not solve(search(6, prior=[0.0] * 6), lambda edits: -0.1 * len(edits)).found


def test_an_unchanged_text_without_a_score_hinders_nothing():
    """Every candidate crosses, so one edit is enough."""
    found = solve(search(7), lambda edits: 3.0, start=Outcome(float("nan")))
    assert len(found.edits) == 1


def test_what_could_not_be_measured_is_tried_again_once_something_else_is_taken_back():
    """Units 0 and 5 together cross; taking 3 back alone fails the first time. It is not in what is found."""
    failed = []

    def g(edits):
        units = {unit for unit, _ in edits}
        if 3 not in units and not failed and len(units) < 6:
            failed.append(units)
            return None
        return 0.5 * (0 in units) + 0.5 * (5 in units)

    found = solve(search(6), g)
    assert failed
    assert [unit for unit, _ in found.edits] == [0, 5]


def test_a_wrong_guess_tells_what_the_guessed_part_does_and_what_fell_short_proves_the_rest():
    """Only units 1 and 2 together cross. All of them, and 2 and 3: so 2 and 3 seem to do nothing. 0 and 1 fall short.

    Then 1, 2, 3 cross, and 0, 1, 3 fall short; at last 1 and 2 cross, of which each is known to be needed: without 1
    there is less than in 2 and 3, without 2 less than in 0 and 1.
    """
    found = solve(search(4), lambda edits: float({1, 2} <= {unit for unit, _ in edits}))
    assert [unit for unit, _ in found.edits] == [1, 2]
    assert found.calls == 6


def shrunk_to(kept, scores, g):
    """What a crossing candidate is shrunk to, with a delta of 1, and what was asked."""
    looking = minimise(kept, [UnitGroup((unit,)) for unit, _ in kept], 1.0, Scoreboard(scores), ())
    asked = []
    answer = None
    while True:
        try:
            ask = looking.send(answer)
        except StopIteration as end:
            return end.value, asked
        asked += ask.candidates
        answer = [g(edits) for edits in ask.candidates]


def test_that_more_edits_fell_short_with_a_hurtful_one_proves_nothing():
    """Unit 0 alone crosses, but not where 3 is edited too, as it was when everything was."""
    kept = edited(0, 1, 2)
    scores = {(): 0.0, edited(0, 1, 2, 3): 0.0, kept: 1.0}
    left, asked = shrunk_to(kept, scores, lambda edits: float((0, "x") in edits))
    assert left == edited(0)
    assert asked == [edited(1, 2), edited(0, 2), edited(0, 1), edited(0)]


@pytest.mark.parametrize(("without_two", "left"), [(1.5, edited(0)), (1.1, edited(0, 1))])
def test_that_more_edits_fell_short_proves_nothing_where_fewer_did_more(without_two, left):
    """0 and 2 fall short, 0 alone crosses. That is asked, if taking 2 back from all three raised g by more than 0.2."""
    g = {edited(1, 2): 0.2, edited(0, 2): 0.5, edited(0, 1): without_two, edited(0): 1.0, edited(1): 0.0}
    kept = edited(0, 1, 2)
    assert shrunk_to(kept, {(): 0.0, kept: 1.0}, g.__getitem__)[0] == left


def test_that_more_edits_fell_short_proves_nothing_where_a_part_of_them_crossed():
    """1, 2 and 3 fall short though 2 and 3 cross: so that 0, 2 and 3 fell short does not say that 2 alone does."""
    g = {edited(1, 2, 3): 0.95, edited(0, 1, 3): 0.6, edited(0, 1, 2): 0.6}
    g |= {edited(0, 2, 3): 1.2, edited(2, 3): 1.25, edited(2): 1.0, edited(3): 0.0}
    kept = edited(0, 1, 2, 3)
    assert shrunk_to(kept, {(): 0.0, kept: 1.1}, g.__getitem__)[0] == edited(2)


def test_a_set_that_fell_short_by_less_than_a_float_tells_is_not_asked_for_again():
    """0 and 1 together cross; all else has 0.7 - 0.4, which is less than 0.3 though 5 less each of them is the same."""

    def g(edits):
        units = {unit for unit, _ in edits}
        return 5.0 if {0, 1} <= units else 0.7 - 0.4 if units else 0.0

    assert 5.0 - (0.7 - 0.4) == 5.0 - 0.3
    found = solve(search(3, delta=0.3), g, delta=0.3)
    assert [unit for unit, _ in found.edits] == [0, 1]


@pytest.mark.parametrize("n", [1, 2, 7, 9, 30])
def test_something_is_edited_even_where_the_unchanged_text_would_cross(n):
    asks: list = []
    found = solve(search(n, delta=0.0), lambda edits: 0.0, delta=0.0, asks=asks)
    assert len(found.edits) == 1
    assert len(asks) <= 8


@pytest.mark.slow
def test_a_whole_sentence_may_cross_whose_edits_are_not_all_among_those_that_are_learnt_about():
    """500 words in five sentences; learnt is about 400. One of the others has to be edited, and word 450 not."""
    words = plain_edits(500)
    learnt = dict(sampled(words, np.random.default_rng(0)))
    cause = next(word for word in range(100) if word not in learnt)

    def g(edits):
        units = {unit for unit, _ in edits}
        return float(cause in units and 450 not in units)

    found = solve(search(500, groups=[[word // 100 for word in range(500)]]), g, budget=150)
    assert [unit for unit, _ in found.edits] == [cause]


def plain_edits(n):
    return tuple((unit, "fill0") for unit in range(n))


def second_ask(sizes, causes):
    """What is asked where editing everything does not cross, of 12 words in sentences; and what is found."""
    groups = [[number for number, size in enumerate(sizes) for _ in range(size)]]
    asks: list = []
    found = solve(search(12, groups=groups), lambda edits: float({unit for unit, _ in edits} == causes), asks=asks)
    return [ask for ask in asks if isinstance(ask, Score)][1].candidates, found


@pytest.mark.parametrize(
    ("sizes", "causes", "whole"),
    [
        ((4, 4, 4), {4, 5, 6, 7}, [range(4), range(4, 8), range(8, 12)]),
        ((2, 10), {0, 1}, [range(2), range(2, 12)]),
    ],
)
def test_each_sentence_is_edited_whole_where_editing_everything_does_not_cross(sizes, causes, whole):
    """One sentence crosses, edited whole and nothing else."""
    asked, found = second_ask(sizes, causes)
    assert list(asked) == [tuple((unit, "fill0") for unit in units) for units in whole]
    assert {unit for unit, _ in found.edits} == causes


def test_one_sentence_is_no_round_of_its_own():
    """Of two halves the second was asked for when the first was taken back."""
    asked, _ = second_ask((6, 6), set(range(6)))
    assert tuple((unit, "fill0") for unit in range(6)) not in asked


SENTENCES = [list(range(4)), list(range(4, 8)), list(range(8, 12))]


def with_sentences(g, **options):
    """What is found, and the asks, of 12 words in three sentences that are numbered 12, 13 and 14."""
    asks: list = []
    size = lambda edits: sum(4 if unit > 11 else 1 for unit, _ in edits)  # noqa: E731
    groups = [[unit // 4 for unit in range(12)]]
    span = lambda unit: (0, unit, unit + 1) if unit < 12 else (0, 4 * (unit - 12), 4 * (unit - 11))  # noqa: E731
    layout = Layout(size, span)
    found = solve(search(12, groups=groups, sentences=SENTENCES), g, asks=asks, layout=layout, **options)
    return found, [ask.candidates for ask in asks if isinstance(ask, Score)]


def anew(*numbers):
    return tuple((number, "fill0") for number in numbers)


def test_sentences_are_said_anew_where_editing_every_word_does_not_cross():
    """The second crosses, its words do not."""
    found, asked = with_sentences(lambda edits: float((13, "fill0") in edits))
    assert asked[1] == (anew(12, 13, 14), anew(12), anew(13), anew(14))
    assert asked[2] == (plain_edits(12)[4:8],)
    assert found.edits == anew(13)
    assert {5, 6, 7} <= {unit for edits in asked[-1] for unit, _ in edits}  # a smaller set of its words was looked for


def test_where_the_words_of_a_sentence_cross_too_the_few_are_found_that_do():
    """Word 0 spoils it, so that all words together do not cross."""

    def g(edits):
        units = {unit for unit, _ in edits}
        return float(0 not in units and (13 in units or {5, 6} <= units))

    found, _ = with_sentences(g)
    assert [unit for unit, _ in found.edits] == [5, 6]


def test_of_all_sentences_said_anew_the_few_are_found_that_cross():
    """No single one does."""
    found, _ = with_sentences(lambda edits: float({12, 14} <= {unit for unit, _ in edits}))
    assert found.edits == anew(12, 14)
    assert [step.edits for step in found.trace[:6]] == [12, 8, 12, 4, 4, 4]  # every word, two sentences, those anew


def one_helps_two_hurt(edits):
    """Neither everything crosses nor all from the second sentence on, which is asked at first."""
    units = {unit for unit, _ in edits}
    return float(5 in units) - float(0 in units) - float(11 in units)


def test_where_no_sentence_crosses_said_anew_words_are_looked_for():
    found, _ = with_sentences(one_helps_two_hurt)
    assert [unit for unit, _ in found.edits] == [5]


@pytest.mark.parametrize("fill", [plain_fill, lambda hole: None if hole.unit > 11 else plain_fill(hole)])
def test_sentences_that_cannot_be_said_anew_hinder_nothing(fill):
    """Nothing with one has a score; or there is no fill."""
    g = lambda edits: one_helps_two_hurt(edits) if all(unit < 12 for unit, _ in edits) else None  # noqa: E731
    found, _ = with_sentences(g, fill=fill)
    assert [unit for unit, _ in found.edits] == [5]


@pytest.mark.parametrize(
    ("moved", "looked_at"),
    [
        ({9: 0.5, 10: 0.0, 11: -1.0}, [0.5] * 3 + [0.05] * 5 + [1.0]),
        ({9: 0.001, 10: 0.0, 11: 0.0}, [0.05] * 8 + [1.0]),  # noise says nothing of where to look
        ({9: 0.5, 10: None, 11: 0.0}, [0.5] * 3 + [1.0] * 3 + [0.05] * 2 + [1.0]),
        ({9: 0.5, 11: 0.0}, [0.5] * 3 + [1.0] * 3 + [0.05] * 2 + [1.0]),
        ({9: 0.0, 10: 2.0, 11: 1.0}, [0.05] * 3 + [1.0] * 3 + [0.5] * 2 + [1.0]),
    ],
)
def test_where_to_look_is_told_by_what_sentences_do_that_could_be_tried(moved, looked_at):
    """Sentences of 3, 3 and 2 words; the ninth word is in none. delta is 1; no score is None, no fill is not there."""
    words = tuple((unit, "x") for unit in range(9))
    looking = replace_sentences(words, [range(3), range(3, 6), range(6, 8)], np.ones(9), 1.0, Scoreboard({(): 0.0}), ())
    answer = None
    while True:
        try:
            ask = looking.send(answer)
        except StopIteration as stop:
            end = stop.value
            break
        if isinstance(ask, Infill):
            answer = ["y" if hole.unit in moved else None for hole in ask.holes]
        else:
            answer = [moved[edits[0][0]] if len(edits) == 1 and edits[0][0] > 8 else 0.0 for edits in ask.candidates]
    assert end[1].tolist() == looked_at


def test_sentences_are_edited_whole_word_by_word_where_they_cannot_be_said_anew():
    """There are no fills for them."""
    fill = lambda hole: None if hole.unit > 11 else plain_fill(hole)  # noqa: E731
    _, asked = with_sentences(one_helps_two_hurt, fill=fill)
    assert asked[1] == (plain_edits(12)[:4], plain_edits(12)[4:8], plain_edits(12)[8:])
