"""The measures of agreement on small tables worked out by hand, and what must hold of them on any."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from convexplain.agreement import (
    Bin,
    Confusion,
    Draws,
    alpha,
    auc,
    bias,
    brier,
    ceiling,
    confusion,
    ece,
    equal_mass,
    kappa,
    kendall,
    levels,
    nearest_level,
    positive_rows,
    rating_arrays,
    reliability,
    spearman,
    weighted_kappa,
)
from convexplain.agreement.categories import share
from convexplain.types import Rating


def floats(*values):
    return np.array(values, dtype=np.float64)


def on_all(statistic, rows):
    return float(statistic(np.ones((1, rows)))[0])


def of(measure, one, other):
    return on_all(measure(np.asarray(one, dtype=float), np.asarray(other, dtype=float)), len(one))


# ---- ranks


# 1 2 3 4 and 1 3 2 4: rank differences 0 1 1 0, 1 - 6 · 2 / (4 · 15) = 0.8; five of six pairs agree, (5 - 1) / 6 = 2/3.
# 1 1 2 and 1 2 3: ranks 1.5 1.5 3 and 1 2 3, less their means -.5 -.5 1 and -1 0 1: 1.5 / √(1.5 · 2) = 0.866025;
# two pairs agree and one is tied on the left: 2 / √(2 · 3) = 0.816497.
@pytest.mark.parametrize(
    ("x", "y", "rho", "tau"),
    [
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8, 2 / 3),
        ([1, 2, 3], [3, 2, 1], -1, -1),
        ([1, 1, 2], [1, 2, 3], 0.866025, 0.816497),
        ([0.1, 0.2, 0.3], [5, 6, 70], 1, 1),
        ([1, 1, 1], [1, 2, 3], math.nan, math.nan),
        ([1, 2, 3], [0.3, 0.3, 0.3], math.nan, math.nan),
        ([1, 2], [1, 2], math.nan, math.nan),  # two rows are always in some order
    ],
)
def test_orders(x, y, rho, tau):
    assert of(spearman, x, y) == pytest.approx(rho, abs=1e-6, nan_ok=True)
    assert of(kendall, x, y) == pytest.approx(tau, abs=1e-6, nan_ok=True)


# Positive 0.9 and 0.4, negative 0.5, 0.4, 0.1. 0.9 beats three; 0.4 beats one and ties with one: (3 + 1.5) / 6 = 0.75.
def test_auc():
    scores, positive = floats(0.9, 0.4, 0.5, 0.4, 0.1), np.array([True, True, False, False, False])
    assert on_all(auc(scores, positive), 5) == 0.75
    assert math.isnan(on_all(auc(scores, np.ones(5, dtype=bool)), 5))
    assert math.isnan(on_all(auc(scores, np.zeros(5, dtype=bool)), 5))


@pytest.mark.parametrize(
    ("humans", "positive", "rule"),
    [
        ([0, 0.5, 1], [False, True, True], "at least 0.5 (the threshold)"),
        ([0.6, 0.7, 0.8], [False, True, True], "at least 0.7 (the median"),
        ([0.6, 0.6, 0.8], [False, False, True], "above 0.6 (the median"),  # nothing lies below the median
        ([0.6, 0.6], [False, False], "above 0.6"),
    ],
)
def test_who_is_positive(humans, positive, rule):
    found, said = positive_rows(floats(*humans), 0.5)
    assert found.tolist() == positive
    assert rule in said


values = st.lists(st.integers(0, 6), min_size=3, max_size=25)


@pytest.mark.slow
@given(values, st.data())
def test_ranks_are_as_other_libraries_have_them(x, data):
    y = data.draw(st.lists(st.integers(0, 6), min_size=len(x), max_size=len(x)))
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(x), max_size=len(x))), dtype=float)
    rows = np.repeat(np.arange(len(x)), counts.astype(int))
    drawn, other = np.array(x)[rows], np.array(y)[rows]
    assume(len(rows) >= 3 and len(set(drawn)) > 1 and len(set(other)) > 1)
    xs, ys = np.array(x, dtype=float), np.array(y, dtype=float)
    assert spearman(xs, ys)(counts[None])[0] == pytest.approx(spearmanr(drawn, other).statistic)
    assert kendall(xs, ys)(counts[None])[0] == pytest.approx(kendalltau(drawn, other).statistic)
    positive = np.array(y) >= 3
    if len(set(positive[rows])) > 1:
        assert auc(xs, positive)(counts[None])[0] == pytest.approx(roc_auc_score(positive[rows], drawn))


@given(values, st.data())
def test_orders_do_not_see_monotone_maps_and_are_symmetric(x, data):
    y = data.draw(st.permutations(x))
    for measure in (spearman, kendall):
        found = of(measure, x, y)
        assert found == pytest.approx(of(measure, np.exp(x), y), nan_ok=True)
        assert found == pytest.approx(of(measure, y, x), nan_ok=True)
        assert found == pytest.approx(-of(measure, -np.array(x), y), nan_ok=True)
        assert math.isnan(found) or -1 - 1e-9 <= found <= 1 + 1e-9


# ---- kappa

# Ten rows: both good 4, both bad 3, judge bad 1, people bad 2. Agreed 0.7; the judge says good 6 of 10, people 5 of 10:
# by chance 0.6 · 0.5 + 0.4 · 0.5 = 0.5. (0.7 - 0.5) / 0.5 = 0.4.
JUDGE = floats(*[0.9] * 4, *[0.1] * 3, 0.2, 0.8, 0.8)
PEOPLE = floats(*[1.0] * 4, *[0.0] * 3, 1.0, 0.0, 0.0)


def test_confusion_and_kappa():
    assert confusion(JUDGE, PEOPLE, 0.5) == Confusion(both_good=4, both_bad=3, judge_bad=1, people_bad=2)
    # Below 0.85 lie also the two scores of 0.8, which people call bad.
    assert confusion(JUDGE, PEOPLE, 0.5, 0.85) == Confusion(both_good=4, both_bad=5, judge_bad=1, people_bad=0)
    assert of(kappa, JUDGE < 0.5, PEOPLE < 0.5) == pytest.approx(0.4)
    assert of(weighted_kappa, JUDGE < 0.5, PEOPLE < 0.5) == pytest.approx(0.4)  # on two levels it is the same
    assert on_all(share(JUDGE < 0.5, PEOPLE < 0.5), 10) == 0.75  # of 4 flagged turns people flag 3
    assert on_all(share(PEOPLE < 0.5, JUDGE < 0.5), 10) == 0.6  # of 5 that people flag the judge flags 3


# Levels 0, ½, 1: (0, 0) (½, 1) (1, 1) (0, 1). Squared distances 0 ¼ 0 1, mean 0.3125. Means 3/8 and 3/4, mean squares
# 5/16 and 3/4: expected 5/16 + 12/16 - 2 · 9/32 = 0.5. 1 - 0.3125 / 0.5 = 0.375.
def test_weighted_kappa():
    assert of(weighted_kappa, [0, 0.5, 1, 0], [0, 1, 1, 1]) == pytest.approx(0.375)


@pytest.mark.parametrize("measure", [kappa, weighted_kappa])
def test_who_always_says_the_same_has_no_kappa(measure):
    assert math.isnan(of(measure, [0.3] * 4, [0.3] * 4))
    assert of(measure, [0, 0, 0], [1, 1, 0]) == pytest.approx(0)  # one side constant: as by chance


@pytest.mark.parametrize(
    ("given_", "steps"),
    [
        ([0, 1, 1, 0.5], (0, 0.5, 1)),
        ([0.25], (0, 0.25, 0.5, 0.75, 1)),
        ([], (0, 0.25, 0.5, 0.75, 1)),
        ([i / 20 for i in range(21)], (0, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_levels(given_, steps):
    assert levels(given_) == steps


def test_nearest_level():
    assert nearest_level(floats(0, 0.24, 0.25, 0.74, 0.75, 1), (0.0, 0.5, 1.0)).tolist() == [0, 0, 0.5, 0.5, 1, 1]


@pytest.mark.slow
@given(values, st.data())
def test_kappa_is_as_another_library_has_it(x, data):
    y = data.draw(st.lists(st.integers(0, 6), min_size=len(x), max_size=len(x)))
    assume(len(set(x)) > 1)
    labels = list(range(7))  # the library weighs by the places of the levels, so all of them are named
    assert of(kappa, x, y) == pytest.approx(cohen_kappa_score(x, y, labels=labels))
    assert of(weighted_kappa, x, y) == pytest.approx(cohen_kappa_score(x, y, labels=labels, weights="quadratic"))
    assert of(kappa, x, y) == pytest.approx(of(kappa, y, x))


# ---- reliability

# 0.2 0.4 0.9 0.9 against 0 1 1 0. Brier: (0.04 + 0.36 + 0.01 + 0.81) / 4 = 0.305. Two bins: 0.3 against 0.5 and 0.9
# against 0.5: (2 · 0.2 + 2 · 0.4) / 4 = 0.3. One bin: 0.6 against 0.5. Bias 0.1.
SCORES, HUMANS = floats(0.2, 0.4, 0.9, 0.9), floats(0, 1, 1, 0)


def test_brier_bias_and_ece():
    assert of(brier, SCORES, HUMANS) == pytest.approx(0.305)
    assert of(bias, SCORES, HUMANS) == pytest.approx(0.1)
    assert on_all(ece(SCORES, HUMANS, bins=2), 4) == pytest.approx(0.3)
    assert on_all(ece(SCORES, HUMANS), 4) == pytest.approx(0.1)
    low, high = reliability(SCORES, HUMANS, bins=2)
    assert (low.low, low.high, low.n) == (0.2, 0.4, 2)
    assert (low.score, low.human) == pytest.approx((0.3, 0.5))
    assert high == Bin(0.9, 0.9, 0.9, 0.5, 2)


def test_equal_scores_stay_in_one_bin():
    assert equal_mass(floats(0.5, 0.5, 0.5, 0.1), 4).tolist() == [1, 1, 1, 0]
    assert equal_mass(np.arange(100.0)).tolist() == [i // 10 for i in range(100)]
    assert equal_mass(np.arange(35.0)).max() == 2  # three bins of about ten
    assert equal_mass(floats()).tolist() == []


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_error_lies_between_bias_and_one(pairs):
    scores, humans = (np.array(column) for column in zip(*pairs, strict=True))
    found = on_all(ece(scores, humans), len(pairs))
    assert abs(on_all(bias(scores, humans), len(pairs))) - 1e-9 <= found <= 1
    assert on_all(brier(scores, humans), len(pairs)) <= 1
    assert sum(part.n for part in reliability(scores, humans)) == len(pairs)
    assert on_all(ece(humans, humans), len(pairs)) == 0


# ---- raters


def rated(*turns):
    """Ratings of turns, each a mapping of raters to scores or a list without names."""
    return rating_arrays(
        [
            [
                Rating("c", 1, "r", score, rater)
                for rater, score in (turn.items() if isinstance(turn, dict) else ((None, score) for score in turn))
            ]
            for turn in turns
        ]
    )


# (0, 0), (1, 1), (0, 1): within turns the ordered squared differences add up to 0, 0 and 2: observed 2 / 6 = 1/3. Of
# the six values three are 1: 2 · 3 · 3 = 18 ordered pairs differ by 1 out of 30: expected 0.6. 1 - (1/3) / 0.6 = 4/9.
def test_alpha():
    assert on_all(alpha(rated([0, 0], [1, 1], [0, 1])), 3) == pytest.approx(4 / 9)
    # A turn with one rating does not count.
    assert on_all(alpha(rated([0, 0], [1, 1], [0, 1], [1])), 4) == pytest.approx(4 / 9)


# Krippendorff's own example (Computing Krippendorff's Alpha-Reliability, 2011): four observers, twelve units, gaps;
# he gives 0.849 for the interval metric.
def test_alpha_on_a_published_example():
    units = [
        [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
    ]  # fmt: skip
    assert on_all(alpha(rated(*units)), 12) == pytest.approx(0.849, abs=5e-4)


def test_alpha_is_undefined_without_two_ratings_or_without_difference():
    assert math.isnan(on_all(alpha(rated([0], [1])), 2))
    assert math.isnan(on_all(alpha(rated([0.7, 0.7], [0.7, 0.7])), 2))
    assert on_all(alpha(rated([0, 0], [1, 1])), 2) == 1


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=4), min_size=1, max_size=8), st.data())
def test_alpha_of_drawn_turns_is_that_of_the_turns_written_out(units, data):
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(units), max_size=len(units)))
    written = [unit for unit, count in zip(units, counts, strict=True) for _ in range(count)]
    assume(written)
    drawn = float(alpha(rated(*units))(np.array([counts], dtype=float))[0])
    assert drawn == pytest.approx(on_all(alpha(rated(*written)), len(written)), nan_ok=True)
    assert math.isnan(drawn) or drawn <= 1 + 1e-9


# a 0 ½ 1 1, b 0 1 ½ 1, c 0 ½ 1 ½. a against the mean of b and c: 0 ¾ ¾ ¾: ranks 1 2 3.5 3.5 and 1 3 3 3, less their
# means -1.5 -.5 1 1 and -1.5 .5 .5 .5: 3 / √(4.5 · 3) = 0.816497. b against 0 ½ 1 ¾: ranks 1 3.5 2 3.5 and 1 2 4 3:
# -1.5 1 -.5 1 and -1.5 -.5 1.5 .5: 1.5 / √(4.5 · 5) = 0.316228. c against 0 ¾ ¾ 1: ranks 1 2.5 4 2.5 and 1 2.5 2.5 4:
# -1.5 0 1.5 0 and -1.5 0 0 1.5: 2.25 / 4.5 = 0.5. Mean 0.544242.
def test_the_human_ceiling():
    turns = [
        {"a": 0, "b": 0, "c": 0},
        {"a": 0.5, "b": 1, "c": 0.5},
        {"a": 1, "b": 0.5, "c": 1},
        {"a": 1, "b": 1, "c": 0.5},
    ]
    assert on_all(ceiling(rated(*turns)), 4) == pytest.approx(0.544242, abs=1e-6)
    # Who rated two turns only, or alone, or whose name is not known, is no rater here.
    more = [{**turns[0], "d": 1}, {**turns[1], "d": 0}, *turns[2:], {"a": 1}]
    assert on_all(ceiling(rated(*turns, {"a": 1})), 5) == pytest.approx(0.544242, abs=1e-6)
    assert on_all(ceiling(rated(*more)), 5) != pytest.approx(0.544242, abs=1e-6)  # d's ratings are among the others
    assert math.isnan(on_all(ceiling(rated([0, 1], [1, 0], [1, 1])), 3))


# ---- drawing dialogues


def mean_of(values):
    return lambda weights: (weights * values).sum(axis=1) / weights.sum(axis=1)


def test_dialogues_are_drawn_as_wholes():
    # Two dialogues of 1 and 3 turns: a draw has both (mean 1/4), only the first (mean 1) or only the second (mean 0).
    draws = Draws(["a", "b", "b", "b"], seed=1)
    drawn = np.concatenate(list(draws.weights()))
    assert drawn.shape == (1000, 4)
    assert {tuple(row) for row in drawn} == {(2, 0, 0, 0), (1, 1, 1, 1), (0, 2, 2, 2)}
    # Five dialogues, of which the last has four turns: the value is that of turns, 1/8.
    found = Draws(["a", "b", "c", "d", *"eeee"]).estimate(mean_of(floats(1, *[0] * 7)))
    assert (found.value, found.low, found.n) == (0.125, 0.0, 8)


def test_the_interval_is_as_wide_as_the_standard_error_of_dialogues():
    # 100 dialogues of ten equal turns each: the mean's standard error is that of 100 values, 2.8866, not of 1,000.
    groups, values_ = np.repeat(np.arange(100), 10), np.repeat(np.arange(100.0), 10)
    found = Draws(groups.tolist()).estimate(mean_of(values_))
    assert (found.low, found.high) == pytest.approx((49.5 - 5.658, 49.5 + 5.658), abs=0.5)


def test_the_same_seed_gives_the_same_interval():
    values_ = floats(*[i**0.5 for i in range(20)])
    groups = list(range(20))
    assert Draws(groups, 5).estimate(mean_of(values_)) == Draws(groups, 5).estimate(mean_of(values_))
    assert Draws(groups, 5).estimate(mean_of(values_)) != Draws(groups, 6).estimate(mean_of(values_))


def test_what_is_undefined_has_a_reason_and_no_number():
    nothing = Draws([]).estimate(lambda weights: np.full(len(weights), np.nan), "no turn")
    assert (nothing.value, nothing.low, nothing.high, nothing.n, nothing.reason) == (None, None, None, 0, "no turn")
    one = Draws(["a", "a"]).estimate(mean_of(floats(0, 1)))
    assert (one.value, one.low, one.reason) == (0.5, None, "no interval: all turns are of one dialogue")
    four = Draws([*"abcd"]).estimate(mean_of(floats(0, 1, 1, 1)))
    assert (four.value, four.low, four.reason) == (0.75, None, "no interval: 4 dialogues are too few")


@pytest.mark.slow
def test_the_draws_of_very_many_dialogues_need_little_memory():
    many = Draws(range(200_000), n=20)
    drawn = np.concatenate(list(many.weights()))
    assert drawn.shape == (20, 200_000)
    assert (drawn.sum(axis=1) == 200_000).all()
    assert many._counts.nbytes == 2 * 20 * 200_000


def test_draws_without_a_value_are_left_out_unless_most_are():
    five = Draws([*"abcde"])
    some = five.estimate(lambda weights: np.where(weights[:, 0] > 0, 1.0, np.nan))
    assert (some.value, some.low, some.high) == (1.0, 1.0, 1.0)  # "a" is in 1 - (4/5)⁵ = 67 % of the draws
    rare = five.estimate(lambda weights: np.where(weights.min(axis=1) > 0, 1.0, np.nan))
    assert (rare.value, rare.low) == (1.0, None)  # all five are in 5! / 5⁵ = 4 % of the draws
    assert rare.reason == "no interval: it is undefined on most draws"


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=2, max_size=30))
def test_an_interval_of_a_mean_lies_among_the_values(rows):
    groups, values_ = zip(*rows, strict=True)
    found = Draws(groups, n=100).estimate(mean_of(floats(*values_)))
    if found.low is not None:
        assert min(values_) - 1e-9 <= found.low <= found.high <= max(values_) + 1e-9
