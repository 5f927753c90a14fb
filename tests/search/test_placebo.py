"""Placebos: edits about as large elsewhere, in the same turn if possible."""

import numpy as np
import pytest

from convexplain.search.driver import Evaluate, drive
from convexplain.search.ledger import Outcome
from convexplain.search.placebo import Layout, Placebo, placebo_edits
from convexplain.search.protocol import Propose, ReadsWell, Score

# Units 0 to 2 in turn 1, unit 3 in turn 3; unit 2 is ten words long, the others are one.
PLACES = {0: (1, 0, 4), 1: (1, 5, 9), 2: (1, 10, 60), 3: (3, 0, 4)}
LAYOUT = Layout(lambda edits: sum(10 if unit == 2 else 1 for unit, _ in edits), PLACES.__getitem__)
FILLS = dict.fromkeys(PLACES, "x")


@pytest.mark.parametrize(
    ("edited", "fills", "placebos"),
    [
        ([0], [0, 1, 2, 3], {(1,)}),  # of the same turn and the same size
        ([0], [0, 2, 3], set()),  # the only one of the same turn is ten times as large
        ([0], [0, 3], {(3,)}),  # no other one in the turn
        ([0], [0], set()),
        ([0, 1], [0, 1, 3], {(3,)}),  # half as large
        ([2], [0, 1, 2, 3], set()),  # a tenth as large
    ],
)
def test_placebos_stand_elsewhere(edited, fills, placebos):
    sets = placebo_edits(
        tuple((unit, "y") for unit in edited), dict.fromkeys(fills, "x"), LAYOUT, 5, np.random.default_rng(0)
    )
    assert {tuple(unit for unit, _ in edits) for edits in sets} == placebos


def _one_passage():
    """A search that asks for proposals of passage 0 alone, and measures them."""
    (candidates,) = yield Propose((0,))
    yield Score(tuple(candidates))


@pytest.mark.parametrize(("passages", "placebo", "requests"), [(0, None, []), (3, Placebo(2, 1), [(1, 2)])])
def test_editors_are_asked_about_other_passages_where_there_are_too_few_placebos(passages, placebo, requests):
    # Passage p has one proposal, of unit p; units 0 and 1 cross.
    steps = drive(
        _one_passage, delta=0.5, budget=5, placebo=5, passages=passages, rng=np.random.default_rng(0),
        start=Outcome(0.0), layout=Layout(len, lambda unit: (0, 10 * unit, 10 * unit + 5)),
    )  # fmt: skip
    answer, later = None, []
    while True:
        try:
            request = steps.send(answer)
        except StopIteration as end:
            outcome = end.value
            break
        if isinstance(request, Propose):
            later += [request.passages] if request.passages != (0,) else []
            answer = [[((passage, "x"),)] for passage in request.passages]
        elif isinstance(request, ReadsWell):
            answer = [True for _ in request.candidates]
        else:
            assert isinstance(request, Evaluate)
            answer = [Outcome(1.0 if edits[0][0] < 2 else 0.0) for edits in request.candidates]
    assert outcome.found
    assert outcome.edits == ((0, "x"),)
    assert (outcome.placebo, later) == (placebo, requests)
