import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.search import surrogate
from convexplain.search.attribution_methods._clause_search import clause_library
from convexplain.search.attribution_methods._clause_sums import Clause, ClauseSum, from_table, linear, mixture
from convexplain.types import Interaction

from .test_attribution import counted, over, shapley


def both(there):
    return float({0, 1} <= there)


def either(there):
    return float(bool({0, 1} & there))


def neither(there):
    return -either(there)


def three(there):
    return 6 * float({0, 1, 2} <= there)


# ---- sums of clauses

ALL_OF_THREE = ClauseSum(0.5, {Clause("all", (0, 1, 2)): 6.0, Clause("all", (0,)): 1.0})
ANY_OF_TWO = ClauseSum(0.0, {Clause("any", (1, 2)): 2.0})


@pytest.mark.parametrize(
    ("clauses", "scores", "pairs"),
    [
        # 6 is shared by three, and unit 0 has 1 of its own; each pair of the three: 6 / (3 - 1).
        (ALL_OF_THREE, [3, 2, 2], {(0, 1): 3, (0, 2): 3, (1, 2): 3}),
        (ANY_OF_TWO, [0, 1, 1], {(1, 2): -2}),
        # Half of the first and all of the second: (1, 2) has 3 / 2 - 2.
        (mixture([ALL_OF_THREE, ANY_OF_TWO], [0.5, 1.0]), [1.5, 2, 2], {(0, 1): 1.5, (0, 2): 1.5, (1, 2): -0.5}),
        (linear(1.0, [2.0, 0.0, -1.0]), [2, 0, -1], {}),
    ],
)
def test_scores_and_pairs_of_a_sum_by_hand(clauses, scores, pairs):
    assert clauses.shapley(3) == pytest.approx(scores)
    assert clauses.pairs() == pytest.approx(pairs)


def test_values_of_a_sum_by_hand():
    present = np.array([[True, True, True], [False, True, True], [True, False, False], [False, False, False]])
    assert ALL_OF_THREE.values(present) == pytest.approx([7.5, 0.5, 1.5, 0.5])
    assert ANY_OF_TWO.values(present) == pytest.approx([2, 2, 0, 0])


@given(n=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_sum_from_a_whole_table_has_its_values_and_shapley_values(n, seed):
    rng = np.random.default_rng(seed)
    values = {}

    def game(there):
        return values.setdefault(there, float(rng.normal()))

    everything = frozenset(range(n))
    sets = [frozenset(units) for size in range(n + 1) for units in itertools.combinations(range(n), size)]
    clauses = from_table(n, {removed: game(everything - removed) for removed in sets})
    assert clauses.shapley(n) == pytest.approx(shapley(n, game), abs=1e-9)
    present = np.array([[unit not in removed for unit in range(n)] for removed in sets])
    assert clauses.values(present) == pytest.approx([game(everything - removed) for removed in sets], abs=1e-9)


# ---- the method


@pytest.mark.parametrize("n", [2, 3, 12])
@pytest.mark.parametrize(
    ("game", "score", "interaction"),
    # Shapley: the two share the value of 1; together they do 1 more, or 1 less, than each for itself.
    [(both, 0.5, 1.0), (either, 0.5, -1.0), (neither, -0.5, 1.0)],
)
def test_two_units_that_count_together_by_hand(game, score, interaction, n):
    result = surrogate(n, value=over(n, game))
    assert result.scores == pytest.approx([score, score, *[0.0] * (n - 2)], abs=1e-6)
    assert [pair.units for pair in result.interactions] == [(0, 1)]
    assert result.interactions[0].value == pytest.approx(interaction, abs=1e-6)


def test_three_units_that_are_all_needed_by_hand():
    """6 is shared by three; two of them do 3 more together than each for itself."""
    result = surrogate(10, value=over(10, three))
    assert result.scores == pytest.approx([2, 2, 2, *[0.0] * 7], abs=1e-6)
    assert [pair.units for pair in result.interactions] == [(0, 1), (0, 2), (1, 2)]
    assert [pair.value for pair in result.interactions] == pytest.approx([3, 3, 3], abs=1e-6)


@given(weights=st.lists(st.floats(-5, 5), min_size=1, max_size=25), base=st.floats(-3, 3), more=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_on_an_additive_game_the_scores_are_the_weights_from_as_many_evaluations_as_units(weights, base, more):
    n = len(weights)
    result = surrogate(n, value=over(n, lambda there: base + sum(weights[i] for i in there)), budget=n + more)
    assert result.scores == pytest.approx(weights, abs=1e-8)
    assert (result.interactions, result.failed) == ((), 0)
    assert result.calls <= n + more


@pytest.mark.parametrize("n", [10, 20, 80])
def test_evaluations_grow_as_the_units_and_are_asked_for_at_once(n):
    requests = []
    value, seen = counted(n, lambda there: float(len(there & {1, 2})))
    result = surrogate(n, value=lambda sets: requests.append(len(sets)) or value(sets))
    assert requests == [6 * n + 1]
    assert result.calls == len(set(seen)) - 1 == 6 * n
    removed = [len(units) for units in seen[n + 1 :]]
    assert n / 2 - 1 < np.mean(removed) < n / 2 + 1  # half of the units on average


@pytest.mark.parametrize("budget", [1, 2, 5, 7])
def test_a_budget_too_small_for_random_ablations_goes_to_single_units(budget):
    value, seen = counted(12, lambda there: float(sum(there)))
    result = surrogate(12, value=value, budget=budget)
    assert result.calls == len(seen) - 1 == budget
    assert result.scores == pytest.approx([*range(budget), *[None] * (12 - budget)], abs=1e-8)


def test_few_of_500_units_stand_out_with_50_evaluations():
    """Far fewer evaluations than units: all of them are random ablations, and two units do everything."""
    value, seen = counted(500, lambda there: 3.0 * (7 in there) - 2.0 * (400 in there))
    result = surrogate(500, value=value, budget=50)
    assert result.calls == len(seen) - 1 == 50
    assert all(score is not None for score in result.scores)
    assert sorted(range(500), key=lambda unit: -abs(result.scores[unit]))[:2] == [7, 400]
    assert result.interactions == ()


@pytest.mark.parametrize(
    ("n", "value", "scores"),
    [
        (0, lambda sets: [1.0] * len(sets), ()),
        (1, lambda sets: [float(not removed) for removed in sets], (1.0,)),
        (9, lambda sets: [0.25] * len(sets), (0.0,) * 9),
        (500, lambda sets: [0.25] * len(sets), (0.0,) * 500),
        (3, lambda sets: [None] * len(sets), (None,) * 3),
        # Without unit 2 there is never a value: nothing is known of it, and the others are exact.
        (6, lambda sets: [None if 2 in removed else -float(sum(removed)) for removed in sets], (0, 1, None, 3, 4, 5)),
    ],
)
def test_bad_input(n, value, scores):
    result = surrogate(n, value=value, budget=50)
    assert result.scores == pytest.approx(scores, abs=1e-9)
    assert result.interactions == ()


def test_a_value_that_fails_every_third_call_still_shows_the_pair():
    """The whole text has a value: without it there are no effects."""
    calls = itertools.count()

    def value(sets):
        return [None if next(calls) % 3 == 2 else both(frozenset(range(12)) - removed) for removed in sets]

    result = surrogate(12, value=value)
    assert result.failed == 24  # of 72
    assert result.scores == pytest.approx([0.5, 0.5, *[0.0] * 10], abs=1e-6)
    assert [pair.units for pair in result.interactions] == [(0, 1)]


def key_of(seed, n, size):
    return {int(unit) for unit in np.random.default_rng(seed).choice(n, size, replace=False)}


@pytest.mark.parametrize("per_unit", [3, 6])
@pytest.mark.parametrize("seed", range(15))
def test_a_saturated_value_is_fitted(seed, per_unit):
    """Any of four units is enough: most random halves have one, and a part of the rows may have no other value."""
    key = key_of(seed, 10, 4)
    result = surrogate(10, value=over(10, lambda there: float(bool(key & there))), seed=seed, per_unit=per_unit)
    assert all(isinstance(score, float) and np.isfinite(score) for score in result.scores)


@pytest.mark.parametrize("seed", range(5))
def test_a_value_that_is_constant_but_for_two_texts_is_fitted(seed):
    asked = itertools.count()
    result = surrogate(12, value=lambda sets: [float(next(asked) in (20, 30)) for _ in sets], seed=seed)
    assert all(abs(score) < 0.5 for score in result.scores)


def test_scores_and_interactions_are_plain_floats():
    """`both` and noise: the fit is a mixture. Fitted values: 1 with both, else 0."""
    rng = np.random.default_rng(0)
    game = over(12, both)
    result = surrogate(12, value=lambda sets: [v + 0.02 * rng.standard_normal() for v in game(sets)])
    (pair,) = result.interactions
    assert {type(number) for number in (*result.scores, pair.value, *pair.fitted)} == {float}
    assert pair.fitted == pytest.approx((1, 0, 0, 0), abs=0.1)


@pytest.mark.parametrize(
    ("n", "rows", "screened"),
    # 3 rows a unit, and 30 sqrt(250 / rows) units: 23.7 at 400, 15.8 at 900.
    [(30, 20, 30), (40, 121, 30), (40, 241, 30), (500, 51, 17), (300, 400, 23), (300, 900, 15)],
)
def test_few_rows_and_many_rows_have_fewer_clauses(n, rows, screened):
    rng = np.random.default_rng(0)
    library = clause_library(rng.random((rows, n)) < 0.5, rng.random(rows), 2)
    assert len(library.clauses) == n + screened * (screened - 1)  # all and any of each pair


def noisy_game(seed, n, pair, noise=0.05):
    """Four single units of weight 1 and perhaps a pair, with noise on each value."""
    rng = np.random.default_rng(seed)
    units = [int(unit) for unit in rng.permutation(n)[:6]]
    noise_rng = np.random.default_rng(seed + 1)

    def value(sets):
        present = [set(range(n)) - removed for removed in sets]
        pairs = [bool(set(units[4:]) <= there) if seed % 2 else bool(set(units[4:]) & there) for there in present]
        singles = [len(set(units[:4]) & there) for there in present]
        return [
            single + pair * together + noise * noise_rng.standard_normal()
            for single, together in zip(singles, pairs, strict=True)
        ]

    return value, tuple(sorted(units[4:]))


@pytest.mark.slow
def test_planted_pairs_are_named_and_no_others():
    named = others = 0
    for seed in range(10):
        value, planted = noisy_game(seed, 8 + 2 * seed, pair=1.0)
        pairs = [interaction.units for interaction in surrogate(8 + 2 * seed, value=value).interactions]
        named += planted in pairs
        others += any(pair != planted for pair in pairs)
    assert named >= 9
    assert others <= 1


@pytest.mark.slow
def test_where_no_pair_counts_together_none_is_named():
    named = 0
    for seed in range(10):
        value, _ = noisy_game(seed, 8 + 2 * seed, pair=0.0)
        named += bool(surrogate(8 + 2 * seed, value=value).interactions)
    assert named <= 1


def test_there_are_at_most_five_interactions_the_largest_first():
    """Seven pairs of weights 1 to 7."""

    def game(there):
        return sum(float(1 + i) * ({2 * i, 2 * i + 1} <= there) for i in range(7))

    interactions = surrogate(14, value=over(14, game), per_unit=12).interactions
    assert [interaction.units for interaction in interactions] == [(12, 13), (10, 11), (8, 9), (6, 7), (4, 5)]
    assert [interaction.value for interaction in interactions] == pytest.approx([7, 6, 5, 4, 3], abs=1e-3)


def test_the_same_seed_gives_the_same_result():
    def result_of(seed):
        value, seen = counted(16, lambda there: both(there) + len(there & {3, 4}))
        return surrogate(16, value=value, seed=seed, budget=48), seen

    assert result_of(1) == result_of(1)
    assert result_of(1)[1] != result_of(2)[1]


def test_per_unit_is_checked():
    with pytest.raises(UsageError, match="per_unit=0 is not valid; it must be at least 1"):
        surrogate(2, value=over(2, len), per_unit=0)


def test_an_interaction_is_plain_data():
    assert Interaction((1, 4), -0.5) == Interaction(units=(1, 4), value=-0.5, fitted=None)
