"""Every record of both registries keeps the same promises, whatever it asks and however the value behaves."""

import numpy as np
import pytest

from convexplain.search import ATTRIBUTION_METHODS, CONTRAST_SEARCHES, aattribute
from convexplain.search.driver import at_once

from .searching import additive, plain_fill, solve

SEARCHES = [record for record in CONTRAST_SEARCHES.records if not record.proposes]  # the other: test_natural.py
METHODS = ATTRIBUTION_METHODS.records


def start(record, n, budget, seed=0, delta=1.0, **facts):
    groups = [[unit // 4 for unit in range(n)]] if n > 4 else []
    given = {"delta": delta, "budget": budget, "rng": np.random.default_rng(seed), "groups": groups, "prior": None}
    return record.start(n, {**given, "sentences": (), **facts})


def pairs_only(edits):
    units = {unit for unit, _ in edits}
    return 1.5 if {0, 1} <= units else 0.2 * len(units & {0, 1})


def erratic(edits):
    """Now and then no score, else a number that hangs on nothing a search could learn."""
    number = sum((unit + 1) ** 2 + len(fill) for unit, fill in edits) % 7
    return None if number == 3 else number / 5


PROBLEMS = {
    "one unit": lambda edits: float(any(unit == 0 for unit, _ in edits)),
    "a sum": lambda edits: additive(*[0.4] * 30)(edits),
    "two units together": pairs_only,
    "erratic": erratic,
    "nothing": lambda edits: 0.0,
    "no score": lambda edits: None,
    "everything": lambda edits: 2.0,
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("record", SEARCHES, ids=lambda record: record.name)
def test_a_search_ends_within_its_budget_and_is_right_about_its_contrast(record, problem):
    g = PROBLEMS[problem]
    for n in (0, 1, 2, 7, 30):
        for budget in (1, 2, 5, 50):
            asked = []
            counted = lambda edits, asked=asked: asked.append(edits) or g(edits)  # noqa: E731
            outcome = solve(start(record, n, budget), counted, budget=budget)
            assert outcome.calls == len(asked) <= budget
            assert len(set(asked)) == len(asked)
            assert all(0 <= unit < n for edits in asked for unit, _ in edits)
            crossing = [edits for edits in asked if (g(edits) or 0.0) >= 1.0]
            assert outcome.found == bool(crossing)
            assert not outcome.found or outcome.edits in crossing
            assert outcome.found or problem != "everything" or n == 0


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("record", SEARCHES, ids=lambda record: record.name)
def test_the_same_seed_gives_the_same_search(record, problem):
    g = PROBLEMS[problem]
    first, again = (solve(start(record, 12, 40, seed=3), g, budget=40) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("record", SEARCHES, ids=lambda record: record.name)
def test_a_search_without_units_or_fills_ends_without_a_call(record):
    assert solve(start(record, 0, 50), lambda edits: 2.0).stopped == "nothing to edit"
    outcome = solve(start(record, 9, 50), lambda edits: 2.0, fill=lambda hole: None)
    assert (outcome.calls, outcome.found, outcome.stopped) == (0, False, "no fills")
    outcome = solve(start(record, 9, 50), lambda edits: 2.0, fill=lambda hole: plain_fill(hole) if hole.unit else None)
    assert outcome.found
    assert all(unit for unit, _ in outcome.edits)


@pytest.mark.parametrize("record", SEARCHES, ids=lambda record: record.name)
def test_a_prior_never_breaks_a_search(record):
    for prior in ([0.0] * 6, [1.0, 0, 0, 0, 0, 0], [1e9, 1, 1, 1, 1, 1e-9]):
        assert solve(start(record, 6, 30, prior=prior), lambda edits: 2.0, budget=30).found


# --- attribution methods


def value_of(game, n, seen=None):
    async def value(sets):
        if seen is not None:
            seen.extend(sets)
        return [game(frozenset(range(n)) - removed) for removed in sets]

    return value


GAMES = {
    "a sum": lambda there: 0.5 + sum(1.0 + unit for unit in there),
    "two together": lambda there: float({0, 1} <= there),
    "either": lambda there: float(bool({0, 1} & there)),
    "constant": lambda there: 0.25,
    "erratic": lambda there: None if sum(there) % 5 == 2 else float(len(there) ** 2 % 7),
}


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_a_method_gives_each_unit_a_score_within_its_budget(record, game):
    for n in (0, 1, 2, 5, 12):
        for budget in (None, 1, 2, 5, 40):
            seen = []
            result = at_once(aattribute(record.name, n, value=value_of(GAMES[game], n, seen), budget=budget))
            assert len(result.scores) == n
            assert len(seen) == len(set(seen))
            assert result.calls == sum(bool(removed) for removed in seen)
            assert budget is None or result.calls <= budget
            assert set(result.chosen) <= set(range(n))
            assert not n or (result.full is None) == (GAMES[game](frozenset(range(n))) is None)


@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_the_same_seed_gives_the_same_scores(record):
    options = {"seed": 5} if "seed" in record.options else {}
    first, again = (
        at_once(aattribute(record.name, 12, value=value_of(GAMES["erratic"], 12), budget=30, **options))
        for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_a_method_gives_a_unit_that_alone_matters_the_highest_score(record):
    result = at_once(aattribute(record.name, 8, value=value_of(lambda there: float(5 in there), 8)))
    assert max(range(8), key=lambda unit: result.scores[unit]) == 5


@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_without_the_value_of_the_whole_text_no_unit_has_a_score(record):
    full = frozenset(range(4))
    result = at_once(aattribute(record.name, 4, value=value_of(lambda there: None if there == full else 1.0, 4)))
    assert (result.scores, result.full, result.chosen, result.drop) == ((None,) * 4, None, (), None)


# --- records


@pytest.mark.parametrize("record", [*SEARCHES, *METHODS], ids=lambda record: record.name)
def test_a_record_has_a_plain_name_and_one_sentence(record):
    assert record.name.isidentifier()
    assert record.description.endswith(".")
    assert "\n" not in record.description
    assert len(record.description) < 140
