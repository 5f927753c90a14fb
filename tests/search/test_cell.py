import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.search.contrast_searches._pruning import prune
from convexplain.search.contrast_searches.cell import cell
from convexplain.search.placebo import Layout
from convexplain.search.protocol import Hole, Infill, Score

from .searching import additive, edited, solve

FILL = "fill0"


def e(*units):
    return edited(*units, fill=FILL)


def test_rounds_by_hand():
    """Weights 1, 4, 2, 3 and delta 8: unit 1 stays first (4), then unit 3 (4 + 3), then unit 2 (7 + 2 = 9)."""
    asks = []
    found = solve(cell(4, delta=8.0), additive(1, 4, 2, 3), delta=8.0, asks=asks)
    assert asks == [
        Infill((Hole(0), Hole(1), Hole(2), Hole(3))),
        Score((e(0), e(1), e(2), e(3))),
        Infill((Hole(0, e(1)), Hole(2, e(1)), Hole(3, e(1)))),
        Score((e(0, 1), e(1, 2), e(1, 3))),
        Infill((Hole(0, e(1, 3)), Hole(2, e(1, 3)))),
        Score((e(0, 1, 3), e(1, 2, 3))),
        Score((e(2, 3), e(1, 3), e(1, 2))),  # taking back: 5, 7 and 6 do not cross
    ]
    assert (found.found, found.edits, found.outcome.score) == (True, e(1, 2, 3), 9)
    assert found.calls == 4 + 3 + 2 + 1  # of the last three two are known
    assert found.infills == 4 + 3 + 2


def test_what_turned_out_unneeded_is_taken_back():
    """Alone unit 0 is best (2) and stays; but 1 and 2 without it reach the 6 that is wanted."""

    def g(edits):
        units = {unit for unit, _ in edits}
        return 2.0 * (0 in units) + 1.0 * (1 in units) + 1.0 * (2 in units) + 4.0 * ({1, 2} <= units)

    found = solve(cell(3, delta=6.0), g, delta=6.0)
    assert (found.edits, found.outcome.score) == (e(1, 2), 6.0)
    assert solve(cell(3, delta=6.0), g, delta=6.0, minimise=False).edits == e(0, 1, 2)


def test_the_best_of_a_round_wins_and_of_equals_the_first():
    assert solve(cell(3, delta=1.0), additive(1, 3, 2)).edits == e(1)
    asks = []
    solve(cell(3, delta=9.0), additive(1, 1, 1), delta=9.0, asks=asks)
    assert asks[2] == Infill((Hole(1, e(0)), Hole(2, e(0))))


def test_every_unit_is_edited_where_nothing_crosses():
    found = solve(cell(4, delta=99.0), additive(1, 4, 2, 3), delta=99.0)
    assert (found.found, found.edits, found.stopped) == (False, e(0, 1, 2, 3), "searched")
    assert found.calls == 4 + 3 + 2 + 1


def test_the_best_edit_stays_even_if_it_makes_things_worse():
    def g(edits):
        return {1: -1.0, 2: 1.0}[len(edits)]

    found = solve(cell(2, delta=1.0), g)
    assert (found.found, found.edits) == (True, e(0, 1))


def test_units_without_a_fill_are_left_alone():
    found = solve(cell(3, delta=9.0), additive(1, 5, 2), delta=9.0, fill=lambda hole: None if hole.unit == 1 else FILL)
    assert (found.edits, found.calls) == (e(0, 2), 2 + 1)


def test_unscored_edits_never_stay():
    found = solve(cell(3, delta=3.0), lambda edits: None if 1 in dict(edits) else float(len(edits)), delta=3.0)
    assert found.edits == e(0, 2)  # with unit 1 nothing has a score: after the second round nothing is left to try
    assert (found.calls, found.failed, found.stopped) == (3 + 2 + 1, 3, "searched")


@pytest.mark.parametrize(("n", "calls"), [(0, 0), (1, 1)])
def test_few_units(n, calls):
    assert solve(cell(n, delta=1.0), lambda edits: 0.5).calls == calls


# --- taking back


def taken_back(weights, delta, distance=len):
    asks = []
    units = tuple(range(len(weights)))
    given_ = edited(*units)

    def search():
        yield Score((given_,))
        yield from prune(given_, delta, distance)

    layout = Layout(distance=distance)
    found = solve(search(), additive(*weights), delta=delta, asks=asks, budget=500, layout=layout)
    return found.edits, [tuple(tuple(unit for unit, _ in c) for c in ask.candidates) for ask in asks[1:]]


def test_none_can_be_taken_back():
    assert taken_back([3, 3], 6) == (edited(0, 1), [((1,), (0,))])


def test_the_one_that_costs_least_is_taken_back_first():
    """Of 10 go 1 and then 2; the 7 that remain do without neither 4 nor 3."""
    edits, asks = taken_back([1, 4, 2, 3], 5)
    assert edits == edited(1, 3)
    assert asks == [
        ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)),  # 9, 6, 8, 7: all cross, and all at once would leave nothing
        ((2, 3), (1, 3), (1, 2)),  # 5, 7, 6
        ((3,), (1,)),  # 3, 4
    ]


def test_the_edit_goes_first_that_takes_the_text_farthest_away():
    """Any one of 1, 4 and 2 is enough. By what they cost the first would go; by distance the second, then the last."""
    far = {0: 1.0, 1: 3.0, 2: 2.0}
    edits, asks = taken_back([1, 4, 2], 1, lambda edits: sum(far[unit] for unit, _ in edits))
    assert edits == edited(0)
    assert asks == [((1, 2), (0, 2), (0, 1)), ((2,), (0,))]
    assert taken_back([1, 4, 2], 1)[1] == [((1, 2), (0, 2), (0, 1)), ((2,), (1,))]


def test_all_that_are_not_needed_singly_go_at_once():
    edits, asks = taken_back([5, 1, 1, 0.5], 5)
    assert edits == edited(0)
    assert asks == [((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)), ((0,),)]


def test_one_by_one_where_all_at_once_is_too_much():
    """5 + 1 + 1 + 1 and delta 6: one of the three ones has to stay."""
    edits, asks = taken_back([5, 1, 1, 1], 6)
    assert edits == edited(0, 2)  # as good as 0 and 3
    assert asks[0] == ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))  # 3, 7, 7, 7
    assert asks[1] == ((0,),)  # 5
    assert asks[2] == ((0, 3), (0, 2))  # without 1: 6 and 6


def test_the_last_edit_stays():
    assert taken_back([1, 1], 0)[0] in (edited(0), edited(1))


@given(weights=st.lists(st.integers(0, 5), min_size=1, max_size=8), share=st.floats(0.01, 1))
@settings(max_examples=150, deadline=None)
def test_what_is_left_is_irreducible(weights, share):
    delta = max(0.5, share * sum(weights))
    if sum(weights) < delta:
        return
    edits, _ = taken_back(weights, delta)
    left = [weights[unit] for unit, _ in edits]
    assert sum(left) >= delta
    assert len(left) == 1 or all(sum(left) - weight < delta for weight in left)
