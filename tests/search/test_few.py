import numpy as np
import pytest

from convexplain.search.contrast_searches.few import few

from .searching import additive, solve, told
from .test_guided import families


def search(n, *, delta=1.0, seed=0, **options):
    return few(n, delta=delta, rng=np.random.default_rng(seed), **options)


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
def test_contrasts_are_found_within_the_budget(family):
    make = lambda n, delta, budget, seed: search(n, delta=delta, seed=seed)  # noqa: E731
    rows = [families.solve(families.task(family, seed), make, 50, 1) for seed in range(12)]
    least = {"own_words": 8, "text_noise": 7, "coherence_floor": 5, "synonyms": 8, "fresh_noise": 9}.get(family, 11)
    assert sum(row.true for row in rows) >= least
    assert max(row.calls for row in rows) <= 50


def test_a_single_edit_that_does_it_ends_the_search():
    found = solve(search(12), lambda edits: float(any(unit == 5 for unit, _ in edits)))
    assert [unit for unit, _ in found.edits] == [5]
    assert found.calls < 30


def test_it_begins_with_few_edits_though_an_edit_of_everything_crosses():
    asked = []

    def g(edits):
        asked.append(len(edits))
        return 2.0 if len(edits) > 8 else 0.6 * len({1, 7} & {unit for unit, _ in edits})

    found = solve(search(10), g)
    assert [unit for unit, _ in found.edits] == [1, 7]
    assert max(asked[:8]) <= 4


def test_where_there_are_several_sentences_each_is_asked_for_whole_first():
    first = told(search(6, groups=[[0, 0, 0, 1, 1, 1]]), additive(1, 0, 0, 0, 0, 0), 4)
    (candidates,) = [ask.candidates for ask in first if hasattr(ask, "candidates")][:1]
    assert [[unit for unit, _ in edits] for edits in candidates] == [[], [0, 1, 2], [3, 4, 5]]


def test_a_prior_says_what_is_asked_for_first():
    first = told(search(8, prior=[1, 1, 9, 1, 1, 8, 1, 1]), additive(*[0] * 8), 4)
    (candidates,) = [ask.candidates for ask in first if hasattr(ask, "candidates")][:1]
    assert [[unit for unit, _ in edits] for edits in candidates][:3] == [[], [2], [2, 5]]


def test_all_fills_of_a_unit_may_be_tried():
    """Only the second fill of unit 2 does anything."""
    found = solve(search(4), lambda edits: float((2, "fill1") in edits))
    assert found.edits == ((2, "fill1"),)


@pytest.mark.parametrize("seed", range(12))
def test_everything_at_once_is_asked_for_where_nothing_less_promises_anything(seed):
    """Only all six edits together do anything."""
    one_fill = lambda hole: None if hole.avoid else "x"  # noqa: E731
    found = solve(search(6, seed=seed), lambda edits: float(len(edits) == 6), budget=100, fill=one_fill)
    assert len(found.edits) == 6
