import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.search.confirmation import Evaluate
from convexplain.search.driver import arun, drive, run
from convexplain.search.ledger import Outcome, SearchStep
from convexplain.search.placebo import Layout
from convexplain.search.protocol import Hole, Infill, Score

from .searching import asking, edited, solve

A, B, C = edited(0), edited(1), edited(2)
AB, BC = edited(0, 1), edited(1, 2)


def table(**scores):
    """g of candidates named by their units: `table(u0=1.0, u01=2.0)`."""
    return lambda edits: scores["u" + "".join(str(unit) for unit, _ in edits)]


def test_duplicates_cost_nothing():
    found = solve(asking(Score((A, A, B)), Score((B, A)), Score((A, C))), table(u0=0.1, u1=0.2, u2=0.3))
    assert found.trace == (SearchStep(1, 0.1), SearchStep(1, 0.2), SearchStep(1, 0.3))
    assert (found.calls, found.prompts) == (3, 3)


def test_a_candidate_that_failed_is_not_measured_again():
    found = solve(asking(Score((A,)), Score((A,))), table(u0=None))
    assert (found.calls, found.failed) == (1, 1)


def test_the_unchanged_text_costs_nothing_where_it_is_known():
    asks = []

    def search():
        asks.append((yield Score(((), A))))

    found = solve(search(), table(u0=0.5), start=Outcome(-0.25))
    assert asks == [[-0.25, 0.5]]
    assert found.calls == 1


def test_the_unchanged_text_is_never_the_contrast():
    found = solve(asking(Score(((), A))), table(u0=0.5), start=Outcome(7.0))
    assert (found.found, found.edits) == (False, A)


def test_what_is_beyond_the_budget_is_not_evaluated_and_the_search_is_ended():
    ended = []

    def search():
        try:
            yield Score((A, B, C))
        finally:
            ended.append(True)

    seen = []
    found = solve(search(), lambda edits: seen.append(edits) or 0.0, budget=2)
    assert seen == [A, B]
    assert (found.calls, found.stopped, ended) == (2, "budget", [True])


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({"u0": 0.5, "u1": 0.75, "u01": 0.25}, B),  # none crosses: the highest
        ({"u0": 0.5, "u1": 0.75, "u01": 1.0}, AB),  # only one crosses: g = delta is enough
        ({"u0": 1.0, "u1": 0.75, "u01": 3.0}, A),  # the fewest edits, though g is lower
        ({"u0": 1.0, "u1": 1.25, "u01": 3.0}, B),  # of these the highest
        ({"u0": None, "u1": math.nan, "u01": 0.25}, AB),
        ({"u0": math.inf, "u1": 0.25, "u01": None}, B),
        ({"u0": -math.inf, "u1": -2.0, "u01": -3.0}, B),  # the least bad one
    ],
)
def test_the_best_candidate(scores, best):
    found = solve(asking(Score((A, B, AB))), table(**scores))
    assert found.edits == best
    assert found.outcome.score == table(**scores)(best)
    assert found.found == (found.outcome.score >= 1.0)
    assert found.failed == sum(g is None or not math.isfinite(g) for g in scores.values())


def test_a_candidate_may_count_as_more_edits_than_it_has():
    found = solve(
        asking(Score((A, AB))), table(u0=1.0, u01=1.0), layout=Layout(lambda edits: 5 if edits == A else len(edits))
    )
    assert found.edits == AB
    assert found.trace == (SearchStep(5, 1.0), SearchStep(2, 1.0))


def test_nothing_could_be_scored():
    found = solve(asking(Score((A, B))), table(u0=None, u1=math.nan))
    assert (found.found, found.edits, found.outcome, found.failed) == (False, None, None, 2)
    assert found.stopped == "searched"


def test_a_score_that_is_no_number_says_so_and_keeps_the_response():
    told = []

    def search():
        told.extend((yield Score((A, B))))

    driving = drive(search, delta=1.0, budget=9)
    next(driving)
    with pytest.raises(StopIteration) as end:
        driving.send([Outcome(math.nan, "an answer"), Outcome(0.5)])
    assert told == [None, 0.5]
    assert end.value.value.trace == (SearchStep(1, None), SearchStep(1, 0.5))


def test_the_search_goes_on_after_a_crossing_unless_told_otherwise():
    g = table(u01=2.0, u0=1.5, u12=3.0)
    assert solve(asking(Score((AB, BC)), Score((A,))), g).edits == A
    asks = []
    found = solve(asking(Score((AB, BC)), Score((A,))), g, minimise=False, asks=asks)
    assert asks == [Score((AB, BC))]
    assert (found.found, found.edits, found.calls, found.stopped) == (True, BC, 2, "found")


def test_a_search_that_asks_for_nothing():
    found = solve(asking(), table())
    assert (found.found, found.edits, found.calls, found.prompts, found.infills) == (False, None, 0, 0, 0)
    assert (found.trace, found.stopped) == ((), "nothing to edit")


def test_fills_are_handed_on_in_order():
    told = []

    def search():
        told.append((yield Infill((Hole(3), Hole(1, A, ("y",))))))
        told.append((yield Infill(())))

    found = solve(search(), table(), fill=lambda hole: f"{hole.unit}{hole.edits}{hole.avoid}")
    assert told == [["3()()", "1((0, 'x'),)('y',)"], []]
    assert found.infills == 2


def test_infills_counts_holes_that_were_filled():
    found = solve(asking(Infill((Hole(0), Hole(1)))), table(), fill=lambda hole: "y" if hole.unit else None)
    assert found.infills == 1


def test_the_unchanged_text_without_a_score_is_told_as_none():
    told = []

    def search():
        told.extend((yield Score(((),))))

    solve(search(), table(), start=Outcome(math.nan))
    assert told == [None]


# --- arguments


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_below_one(budget):
    with pytest.raises(UsageError, match=f"budget={budget} is not valid; it must be at least 1"):
        solve(asking(), table(), budget=budget)


@pytest.mark.parametrize("delta", [math.nan, math.inf])
def test_a_delta_that_is_no_number(delta):
    with pytest.raises(UsageError, match=f"delta={delta} is not valid"):
        solve(asking(), table(), delta=delta)


# --- any search

CANDIDATES = st.dictionaries(st.integers(0, 3), st.sampled_from("ab"), max_size=3).map(
    lambda e: tuple(sorted(e.items()))
)
ASKS = st.lists(st.lists(CANDIDATES, max_size=6), max_size=6)
SCORES = st.lists(st.sampled_from([None, math.nan, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=20)


@pytest.mark.slow
@given(asks=ASKS, scores=SCORES, budget=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_the_budget_is_exact_and_the_best_candidate_is_kept(asks, scores, budget):
    def g(edits):
        return scores[sum((unit + 1) * (7 if fill == "a" else 11) for unit, fill in edits) % len(scores)]

    found = solve(asking(*(Score(tuple(ask)) for ask in asks)), g, budget=budget)
    distinct = list(dict.fromkeys(edits for ask in asks for edits in ask if edits))[:budget]
    usable = {e: g(e) for e in distinct if g(e) is not None and not math.isnan(g(e))}
    crossing = {e: score for e, score in usable.items() if score >= 1.0}
    assert found.calls == found.prompts == len(found.trace) == len(distinct)
    assert found.failed == len(distinct) - len(usable)
    assert found.found == bool(crossing)
    if crossing:
        assert (len(found.edits), -crossing[found.edits]) == min((len(e), -score) for e, score in crossing.items())
    elif usable:
        assert usable[found.edits] == max(usable.values())
    else:
        assert found.edits is None


@pytest.mark.slow
@given(
    asks=ASKS, scores=SCORES, budget=st.integers(1, 12), repeats=st.integers(1, 4), minimise=st.booleans(),
    fresh=st.lists(st.sampled_from([None, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=5),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_budget_is_never_exceeded(asks, scores, budget, repeats, minimise, fresh):
    first, again = [], []

    def g(edits):
        first.append(edits)
        return scores[sum(unit + 1 for unit, _ in edits) % len(scores)]

    def measure(edits):
        again.append(edits)
        return fresh[len(again) % len(fresh)]

    search = asking(*(Score(tuple(ask)) for ask in asks))
    found = solve(search, g, again=measure, budget=budget, repeats=repeats, minimise=minimise)
    assert len(first) + len(again) == found.calls <= budget
    assert len(first) == len(set(first))
    assert repeats > 1 or not again
    if found.proof and found.found:
        assert found.proof.mean >= 1.0
        assert found.proof.draws == again.count(found.edits)


@pytest.mark.slow
@given(asks=ASKS, scores=SCORES, budget=st.integers(6, 15))
@settings(max_examples=100, deadline=None)
def test_without_noise_repeats_change_only_the_number_of_calls(asks, scores, budget):
    """Three measurements of the unchanged text, and six of the contrast."""

    def g(edits):
        return (
            scores[sum((unit + 1) * (7 if fill == "a" else 11) for unit, fill in edits) % len(scores)] if edits else 0.0
        )

    asks = [Score(tuple(edits for edits in ask if edits)) for ask in asks]
    once = solve(asking(*asks), g, budget=budget)
    often = solve(asking(*asks), g, budget=budget + 9, repeats=3)
    if once.calls < budget:
        assert (often.found, often.edits, often.stopped) == (once.found, once.edits, once.stopped)
        assert often.calls == once.calls + (9 if once.found else 3)


def test_run_and_arun_give_the_same():
    def search():
        (fill,) = yield Infill((Hole(0),))
        yield Score((((0, fill),), B))
        yield Score((AB,))

    def outcomes(ask: Evaluate):
        measured = zip(ask.candidates, ask.draws, strict=True)
        return [Outcome(float(len(edits)) - 0.01 * draw, "y") for edits, draw in measured]

    async def ainfill(holes):
        await asyncio.sleep(0)
        return ["x"] * len(holes)

    async def aevaluate(ask):
        await asyncio.sleep(0)
        return outcomes(ask)

    def driving():
        return drive(search, delta=0.5, budget=19, start=Outcome(0.0), repeats=2)

    one = run(driving(), lambda holes: ["x"] * len(holes), outcomes)
    assert one == asyncio.run(arun(driving(), ainfill, aevaluate))
    assert one.found
