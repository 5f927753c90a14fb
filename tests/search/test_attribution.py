import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.search import aattribute, clime, joint, loo, lshap, surrogate
from convexplain.search.attribution_driver import run_attribution
from convexplain.search.driver import at_once
from convexplain.search.protocol import MethodOutcome, Value
from convexplain.search.refinement import ALWAYS, most_mixed_units, refine, refine_mixed

LINEAR = {"loo": loo, "clime": clime, "lshap": lshap}


def over(n, game):
    """The value function of a game on the units that are there."""
    return lambda sets: [game(frozenset(range(n)) - removed) for removed in sets]


def counted(n, game):
    seen = []

    def value(sets):
        seen.extend(sets)
        return over(n, game)(sets)

    return value, seen


def shapley(n, game):
    """Shapley values by their definition: the mean over all orders of what a unit adds when it comes."""
    total = [0.0] * n
    for order in itertools.permutations(range(n)):
        for i, unit in enumerate(order):
            total[unit] += game(frozenset(order[: i + 1])) - game(frozenset(order[:i]))
    return [value / math.factorial(n) for value in total]


def both(there):
    return float({0, 1} <= there)


def either(there):
    return float(bool({0, 1} & there))


@pytest.mark.parametrize(
    ("method", "game", "scores"),
    [
        # v = 1, removing unit 0 or 1 gives 0, unit 2 changes nothing.
        (loo, both, (1, 1, 0)),
        (loo, either, (0, 0, 0)),
        # The weighted normal equations for the empty set, three single ones and three pairs, each size with weight 1.
        (clime, both, (2 / 3, 2 / 3, 1 / 6)),
        (clime, either, (1 / 3, 1 / 3, -1 / 6)),
        # Shapley: the last of the two to come adds 1.
        (lshap, both, (1 / 2, 1 / 2, 0)),
        (lshap, either, (1 / 2, 1 / 2, 0)),
    ],
)
def test_two_units_that_count_together_by_hand(method, game, scores):
    found = method(3, value=over(3, game))
    assert found.scores == pytest.approx(scores, abs=1e-9)
    assert found.full == 1.0


@pytest.mark.parametrize("method", LINEAR.values())
@given(weights=st.lists(st.floats(-5, 5), min_size=1, max_size=25), base=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_on_an_additive_game_the_scores_are_the_weights(method, weights, base):
    found = method(len(weights), value=over(len(weights), lambda there: base + sum(weights[i] for i in there)))
    assert found.scores == pytest.approx(weights, abs=1e-8)
    assert found.failed == 0


@given(n=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_lshap_with_the_full_radius_and_no_cap_gives_shapley_values(n, seed):
    values = {}
    rng = np.random.default_rng(seed)

    def game(there):
        return values.setdefault(there, float(rng.normal()))

    found = lshap(n, value=over(n, game), radius=None, max_removed=None)
    assert found.scores == pytest.approx(shapley(n, game), abs=1e-9)
    assert found.calls == 2**n - 1


@pytest.mark.parametrize(
    # The empty set, which costs nothing, is left out: L-SHAP 9 n - 22, C-LIME all singles and pairs up to 10 n.
    ("method", "calls"),
    [(loo, (10, 20, 80)), (clime, (55, 200, 800)), (lshap, (68, 158, 698))],
)
def test_evaluations_grow_as_the_units(method, calls):
    for n, wanted in zip((10, 20, 80), calls, strict=True):
        value, seen = counted(n, len)
        found = method(n, value=value)
        assert found.calls == wanted
        assert len(seen) == len(set(seen)) == wanted + 1


@pytest.mark.parametrize("method", [*LINEAR.values(), joint])
def test_all_that_one_round_needs_is_asked_for_at_once(method):
    rounds = []

    def value(sets):
        rounds.append(len(sets))
        return over(6, len)(sets)

    method(6, value=value)
    assert len(rounds) == 1


@pytest.mark.parametrize("method", LINEAR.values())
@pytest.mark.parametrize("budget", [1, 2, 5, 9, 20, 40])
def test_the_budget_is_kept_to_the_call_and_what_it_did_not_reach_is_missing(method, budget):
    value, seen = counted(12, lambda there: float(sum(there)))
    found = method(12, value=value, budget=budget)
    assert found.calls == len(seen) - 1 <= budget
    for unit, score in enumerate(found.scores):
        alone = any(removed == {unit} for removed in seen)
        assert score == (pytest.approx(unit, abs=1e-8) if alone else None)
    assert sum(score is not None for score in found.scores) == min(12, budget)


@pytest.mark.parametrize("method", LINEAR.values())
def test_missing_values_are_left_out_and_counted(method):
    """Without unit 2 there is never a value: nothing is known of it, and the others are exact."""

    def value(sets):
        return [
            None if 2 in removed else float("nan") if removed == {3, 4} else -float(sum(removed)) for removed in sets
        ]

    found = method(6, value=value)
    assert found.scores[2] is None
    assert [score for unit, score in enumerate(found.scores) if unit != 2] == pytest.approx([0, 1, 3, 4, 5], abs=1e-9)
    assert found.failed > 0


@pytest.mark.parametrize("method", [*LINEAR.values(), joint])
def test_no_units_and_a_constant_value(method):
    assert method(0, value=over(0, len)).scores == ()
    assert method(["a", "b"], value=lambda sets: [0.25] * len(sets)).scores == pytest.approx((0, 0), abs=1e-12)


def test_a_sparse_fit_keeps_the_units_that_do_most():
    weights = [0.1, 3, 0, -2, 0.05, 0, 1]
    found = clime(7, value=over(7, lambda there: sum(weights[i] for i in there)), num_nonzeros=2)
    assert [unit for unit, score in enumerate(found.scores) if score] == [1, 3]
    assert found.scores[1] == pytest.approx(3, abs=0.2)
    assert found.scores[3] == pytest.approx(-2, abs=0.2)


def test_a_sparse_fit_keeps_units_of_equal_effect():
    found = clime(5, value=over(5, both), num_nonzeros=3)
    assert found.scores[0] == pytest.approx(found.scores[1], abs=1e-6)
    assert found.scores[0] > 0.7
    assert sum(abs(score) > 1e-9 for score in found.scores) <= 3


def test_the_same_seed_gives_the_same_scores_and_another_one_other_sets():
    def sets_of(seed):
        value, seen = counted(30, lambda there: float(len(there & {1, 2})))
        scores = clime(30, value=value, seed=seed, budget=90).scores
        return seen, scores

    assert sets_of(1) == sets_of(1)
    assert sets_of(1)[0] != sets_of(2)[0]


# ---- joint attribution


@given(n=st.integers(1, 7), k=st.integers(1, 3), seed=st.integers(0, 500), side=st.sampled_from([1, -1]))
@settings(max_examples=60, deadline=None)
def test_few_sets_are_all_evaluated_and_the_best_is_chosen(n, k, seed, side):
    values = {}
    rng = np.random.default_rng(seed)

    def game(there):
        return values.setdefault(there, float(rng.normal()))

    found = joint(n, value=over(n, game), k=k, side=side)
    everything = frozenset(range(n))
    sets = [frozenset(some) for some in itertools.combinations(range(n), min(k, n))]
    best = max(side * (game(everything) - game(everything - some)) for some in sets)
    assert found.drop == pytest.approx(best)
    assert side * (game(everything) - game(everything - set(found.chosen))) == pytest.approx(best)
    # Single units are evaluated too, as far as there is budget.
    assert len(sets) <= found.calls <= max(len(sets), min(10 * n, len(sets) + n))


def test_redundant_units_are_found_together_though_none_counts_alone():
    """The value falls only without both 3 and 17 of 20 units: 190 pairs, 100 evaluations."""
    hits = 0
    for seed in range(20):
        found = joint(20, value=over(20, lambda there: float(bool(there & {3, 17}))), k=2, seed=seed, budget=150)
        assert found.calls <= 150
        hits += found.chosen == (3, 17)
    assert hits >= 12


def test_swaps_find_what_the_sum_of_single_units_misleads_about():
    """Units 0, 1, 2 each take 1; 5 and 6 take 0.4 each and 9 together, so {0, 5, 6} is best."""

    def game(there):
        gone = frozenset(range(15)) - there
        return -(len(gone & {0, 1, 2}) + 0.4 * len(gone & {5, 6}) + (9 if {5, 6} <= gone else 0))

    found = [joint(15, value=over(15, game), k=3, seed=seed, budget=150) for seed in range(10)]
    assert sum(set(one.chosen) > {5, 6} for one in found) >= 8
    assert all(one.drop >= 3 for one in found)


def test_a_wrong_guess_does_no_harm_where_each_unit_can_be_measured():
    value = over(20, lambda there: float(len(there & {4, 9})))
    joined = joint(20, value=value, k=2, start=[float(unit in (0, 1)) for unit in range(20)], budget=30)
    assert (joined.chosen, joined.drop) == ((4, 9), 2.0)


@pytest.mark.parametrize(("start", "drop"), [(True, 1.0), (False, 0.0)])
def test_a_right_guess_finds_what_no_unit_shows_alone(start, drop):
    """Units 2 and 17 say the same: the value falls only without both. 25 of 20 + 190 sets can be evaluated."""
    value = over(20, lambda there: float(bool(there & {2, 17})))
    guess = [float(unit in (2, 17)) for unit in range(20)] if start else None
    assert joint(20, value=value, k=2, start=guess, budget=25).drop == drop


def test_a_guess_is_the_guide_where_the_budget_cannot_measure_each_unit():
    value, seen = counted(40, lambda there: float(len(there & {4, 9})))
    found = joint(40, value=value, k=2, start=[float(unit in (4, 9)) for unit in range(40)], budget=30)
    assert (found.chosen, found.drop) == ((4, 9), 2.0)
    assert found.calls <= 30
    assert all(len(removed) in (0, 2) for removed in seen)


@pytest.mark.parametrize(
    "call",
    [
        lambda: loo(-1, value=len),
        lambda: loo(2, value=lambda sets: 3),
        lambda: loo(2, value=lambda sets: [1.0]),
        lambda: loo(2, value=over(2, len), budget=0),
        lambda: clime(2, value=over(2, len), seed=-1),
        lambda: clime(2, value=over(2, len), max_removed=0),
        lambda: clime(2, value=over(2, len), per_unit=0),
        lambda: lshap(2, value=over(2, len), radius=-1),
        lambda: joint(2, value=over(2, len), k=0),
        lambda: joint(2, value=over(2, len), side=0),
        lambda: joint(2, value=over(2, len), start=[1.0]),
    ],
)
def test_what_cannot_be_meant_is_refused(call):
    with pytest.raises(UsageError, match=r"must|returned"):
        call()


@pytest.mark.parametrize(
    ("method", "plain", "options"),
    [
        ("loo", loo, {"budget": 5}),
        ("clime", clime, {"seed": 3, "max_removed": 3, "per_unit": 2, "num_nonzeros": 4, "budget": 20}),
        ("lshap", lshap, {"radius": 1, "max_removed": None, "budget": 30}),
        ("joint", joint, {"k": 2, "seed": 3, "side": -1, "start": [0.0] * 8, "budget": 20}),
        ("surrogate", surrogate, {"seed": 3, "per_unit": 5, "budget": 30}),
    ],
)
def test_coroutines_give_the_same(method, plain, options):
    async def value(sets):
        return over(8, both)(sets)

    assert at_once(aattribute(method, 8, value=value)) == plain(8, value=over(8, both))
    assert at_once(aattribute(method, 8, value=value, **options)) == plain(8, value=over(8, both), **options)


def test_a_method_and_a_parameter_that_there_are_not():
    async def value(sets):
        return over(8, both)(sets)

    with pytest.raises(
        UsageError, match="attribution method 'shap' is not known; valid are: clime, joint, loo, lshap, surrogate"
    ):
        at_once(aattribute("shap", 8, value=value))
    with pytest.raises(UsageError, match="radius is not known to loo; valid are: budget"):
        at_once(aattribute("loo", 8, value=value, radius=2))


@pytest.mark.parametrize("budget", range(1, 14))
def test_joint_attribution_makes_something_of_any_budget(budget):
    value, seen = counted(10, lambda there: float(sum(there)))
    found = joint(10, value=value, k=3, budget=budget)
    assert found.calls == len(seen) - 1 <= budget
    assert any(score is not None for score in found.scores) or found.chosen
    assert (found.drop is not None) == any(len(some) == 3 for some in seen)


def test_units_that_all_fit_into_one_set_still_have_scores_of_their_own():
    found = joint(3, value=over(3, lambda there: sum((5.0, 0.0, 1.0)[i] for i in there)), k=3)
    assert found.scores == pytest.approx((5, 0, 1), abs=1e-9)
    assert (found.chosen, found.drop) == ((0, 1, 2), 6)


# ---- levels


def levels(parents, method, value, search=refine, **options):
    asks = []

    async def answer(ask: Value):
        asks.append(ask)
        return [value(ask.level, removed) for removed in ask.removed]

    key = lambda level, removed: removed if search is refine_mixed else (level, removed)  # noqa: E731
    run = run_attribution(search(parents, method, **options), answer, budget=options.get("budget"), key=key)
    valued = at_once(run)
    return valued, asks


def singles(level, units, budget):
    """Leave one out, as `refine` takes methods."""
    full, *rest = yield Value((frozenset(), *(frozenset([i]) for i in range(len(units)))))
    return MethodOutcome(tuple(None if one is None else full - one for one in rest))


TREE = [[0, 0, 0], [0, 0, 1, 1, 1, 2], [0, 1, 2, 3, 4, 4, 5, 5]]
# What is lost without each unit of a level.
WORTH = [[1, 5, -3], [1, 0, 2, 0, 3, -3], [1, 0, 2, 0, 1, 2, -3, 0]]


def lost(level, removed):
    return -float(sum(WORTH[level][i] for i in removed))


@pytest.mark.parametrize(
    ("side", "options", "units", "scores"),
    [
        # Unit 1 is top, then its parts 2, 3, 4 (worth 2, 0, 3), then those of 4.
        (1, {"top": 1}, [(0, 1, 2), (2, 3, 4), (4, 5)], [(1, 5, -3), (2, 0, 3), (1, 2)]),
        (-1, {"top": 1}, [(0, 1, 2), (5,), (6, 7)], [(1, 5, -3), (-3,), (-3, 0)]),
        # 5 of 6 is less than 0.9, so two units; then 3, 2 and 1 of 6 are needed for 0.9.
        (1, {"share": 0.9}, [(0, 1, 2), (0, 1, 2, 3, 4), (0, 2, 4, 5)], [(1, 5, -3), (1, 0, 2, 0, 3), (1, 2, 1, 2)]),
        # 3 + 3 evaluations are there, and 2 more are wanted.
        (1, {"top": 1, "budget": 7}, [(0, 1, 2), (2, 3, 4)], [(1, 5, -3), (2, 0, 3)]),
        (1, {"top": 1, "budget": 2}, [(0, 1, 2)], [(1, 5, None)]),
    ],
)
def test_the_top_units_are_refined(side, options, units, scores):
    valued, _ = levels(TREE, singles, lost, side=side, **options)
    assert [one.units for one in valued.outcome] == units
    assert [one.scores for one in valued.outcome] == scores
    assert sum(valued.calls.values()) == min(sum(map(len, units)), options.get("budget", 99))


@pytest.mark.parametrize(
    ("side", "options", "least", "units"),
    [
        # Worth 1, 5 and -3: from 5 on one unit of the top two is divided, of its parts (2, 0, 3) none.
        (1, {"top": 2}, 5, [(0, 1, 2), (2, 3, 4)]),
        (1, {"top": 2}, 3, [(0, 1, 2), (2, 3, 4), (4, 5)]),
        (1, {"top": 2}, 5.1, [(0, 1, 2)]),
        # 5 of 6 is less than 0.9 of what speaks for the side, and the unit of worth 1 is noise.
        (1, {"share": 0.9}, 2.5, [(0, 1, 2), (2, 3, 4), (4, 5)]),
        (-1, {"top": 2}, 3, [(0, 1, 2), (5,), (6, 7)]),  # the fall of the value counts as much as its rise
        (-1, {"top": 2}, 3.1, [(0, 1, 2)]),
    ],
)
def test_units_within_noise_are_not_refined(side, options, least, units):
    valued, _ = levels(TREE, singles, lost, side=side, matters=lambda effect: abs(effect) >= least, **options)
    assert [one.units for one in valued.outcome] == units


@pytest.mark.parametrize(("drop", "units"), [(1.0, [(0, 1, 2), (0, 1, 5)]), (0.9, [(0, 1, 2)])])
def test_what_was_removed_together_is_refined_where_that_is_more_than_noise(drop, units):
    def pair(level, units, budget):
        yield Value((frozenset(),))
        return MethodOutcome((0.0,) * len(units), (0, 2) if level == 0 else (), drop)

    value = lambda level, removed: 0.0  # noqa: E731
    valued, _ = levels(TREE[:2], pair, value, side=1, matters=lambda effect: abs(effect) >= 1)
    assert [one.units for one in valued.outcome] == units


def test_a_part_without_a_parent_is_always_looked_into():
    valued, _ = levels([[0], [0, ALWAYS]], singles, lambda level, removed: 0.5 - len(removed), side=1, top=1)
    assert [one.units for one in valued.outcome] == [(0,), (0, 1)]


def test_units_that_speak_for_the_other_side_are_not_refined():
    valued, _ = levels(TREE, singles, lambda level, removed: -float(len(removed)), side=-1)
    assert [one.units for one in valued.outcome] == [(0, 1, 2)]


def test_a_level_without_units_is_passed_over():
    valued, _ = levels([[], [ALWAYS, ALWAYS]], singles, lambda level, removed: -float(len(removed)), side=1)
    assert [(one.level, one.units) for one in valued.outcome] == [(1, (0, 1))]


def test_what_was_removed_together_is_refined():
    def pair(level, units, budget):
        yield Value((frozenset(),))
        return MethodOutcome((0.0,) * len(units), (0, 2) if level == 0 else (), 1.0)

    valued, _ = levels(TREE[:2], pair, lambda level, removed: 0.0, side=1, top=1)
    assert [one.units for one in valued.outcome] == [(0, 1, 2), (0, 1, 5)]


def test_where_nothing_moves_the_value_nothing_is_refined():
    valued, asks = levels(TREE, singles, lambda level, removed: 0.5, side=1)
    assert [one.scores for one in valued.outcome] == [(0, 0, 0)]
    assert {ask.level for ask in asks} == {0}


@pytest.mark.parametrize("search", [refine, refine_mixed])
@pytest.mark.parametrize(
    ("budget", "allowed"),
    [
        (None, [30]),  # 3 for each of 10 units
        (25, [25]),
        (60, [60]),
        (200, [100]),  # 10 for each at most
    ],
)
def test_a_level_may_use_its_budget(search, budget, allowed):
    assert allowances([[0] * 10], search, budget) == allowed


def allowances(parents, search, budget):
    """What each level is allowed, with a method that evaluates each unit alone."""
    allowed = []

    def noting(level, units, most):
        allowed.append(most)
        return singles(level, units, most)

    levels(parents, noting, lambda level, removed: -float(len(removed)), search, side=1, top=1, budget=budget)
    return allowed


@pytest.mark.parametrize(
    ("budget", "allowed"),
    [
        # The 3 parts of the top unit keep 9 for themselves; the 3 coarse units are measured once in any case.
        (10, [3, 7]),
        (15, [6, 12]),
        (24, [15, 21]),
        (90, [30, 30]),  # 10 for each unit
    ],
)
def test_a_level_leaves_three_for_each_finer_unit(budget, allowed):
    assert allowances([[0, 0, 0], [0, 0, 0, 1, 1, 1]], refine, budget) == allowed


# ---- mixed levels: the units of TREE numbered together are 0-2, 3-8 and 9-16

FLAT = [worth for level in WORTH for worth in level]


@pytest.mark.parametrize(
    ("side", "options", "units"),
    [
        # 1 (worth 5) gives way to its parts 5, 6, 7 (2, 0, 3), then 7 to 13, 14; the others stay in the ranking.
        (1, {"top": 1}, [(0, 1, 2), (0, 5, 6, 7, 2), (0, 5, 6, 13, 14, 2)]),
        # The one part of 2 is 8, which is no division: its parts 15, 16 come at once. These have none, so that is all.
        (-1, {"top": 1}, [(0, 1, 2), (0, 1, 15, 16)]),
        # 5 of 6 is less than 0.9: 0 and 1 are divided; then 7, 5 and 3, of which only 7 has several parts.
        (1, {"share": 0.9}, [(0, 1, 2), (3, 4, 5, 6, 7, 2), (3, 4, 5, 6, 13, 14, 2)]),
        # 3 and then 3 new units; 2 more would be needed for the third stage.
        (1, {"top": 1, "budget": 8}, [(0, 1, 2), (0, 5, 6, 7, 2), (0, 5, 6, 13, 14, 2)]),
        (1, {"top": 1, "budget": 7}, [(0, 1, 2), (0, 5, 6, 7, 2)]),
        (1, {"top": 1, "budget": 5}, [(0, 1, 2)]),
    ],
)
def test_parts_of_top_units_are_ranked_with_the_undivided_ones(side, options, units):
    value = lambda level, removed: -float(sum(FLAT[i] for i in removed))  # noqa: E731
    valued, _ = levels(TREE, singles, value, refine_mixed, side=side, **options)
    assert [stage.units for stage in valued.outcome] == units
    assert [stage.scores for stage in valued.outcome] == [tuple(FLAT[i] for i in stage) for stage in units]
    new = sum(len(set(stage) - set(before)) for before, stage in zip([(), *units], units, strict=False))
    assert sum(valued.calls.values()) == new  # what a stage before has evaluated costs nothing


def test_mixed_levels_have_at_most_as_many_units_as_is_said():
    # One of 0-2 is divided, into at most 3; then one of all units, into at most 3 again.
    assert most_mixed_units(TREE, 1, None) == [(3, 3), (5, 3), (7, 3)]
    assert most_mixed_units([[0], [0, ALWAYS]], 2, None) == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("parents", "units"),
    [
        ([[0], [0, ALWAYS]], [(0,), (0, 2)]),  # one part is no division; what has no parent comes in
        ([[], [ALWAYS, ALWAYS]], [(0, 1)]),
        ([[0]], [(0,)]),
        ([[], []], []),
    ],
)
def test_mixed_levels_of_few_units(parents, units):
    valued, _ = levels(parents, singles, lambda level, removed: -float(len(removed)), refine_mixed, side=1, top=1)
    assert [stage.units for stage in valued.outcome] == units


@pytest.mark.parametrize("search", [refine, refine_mixed])
@pytest.mark.parametrize(
    ("budget", "units"),
    [
        # The two parts without a parent and one more that a caller may ask for need 3; they get a half at most.
        (6, [((0, 1, 2, 3, 4, 5), 3), ((0, 1), 2)]),
        (5, [((0, 1, 2, 3, 4, 5), 3), ((0, 1), 2)]),
        (4, [((0, 1, 2, 3, 4, 5), 2), ((0, 1), 2)]),
        (2, [((0, 1, 2, 3, 4, 5), 1), ((0, 1), 1)]),
        (1, [((0, 1, 2, 3, 4, 5), 1)]),
    ],
)
def test_a_small_budget_is_enough_for_units_without_a_parent(search, budget, units):
    def first_ones(level, units, budget):
        full, *values = yield Value((frozenset(), *(frozenset([i]) for i in range(min(budget, len(units))))))
        return MethodOutcome((*(full - value for value in values), *(None,) * (len(units) - len(values))))

    parents = [[0] * 6, [ALWAYS, ALWAYS]]
    valued, _ = levels(parents, first_ones, lambda level, removed: 0.0, search, side=1, budget=budget)
    numbers = [
        tuple(unit - 6 if stage.level and search is refine_mixed else unit for unit in stage.units)
        for stage in valued.outcome
    ]
    measured = [sum(score is not None for score in stage.scores) for stage in valued.outcome]
    assert list(zip(numbers, measured, strict=True)) == units
