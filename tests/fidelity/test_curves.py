import pytest

from convexplain.errors import UsageError
from convexplain.fidelity import (
    area,
    bleu,
    cumulative,
    curve,
    divergence,
    probability_ratio,
    rank_correlation,
    ranked,
    rouge_l,
    stability,
)


@pytest.mark.parametrize(
    ("scores", "side", "order"),
    [
        ((1, 3, 2), 1, [1, 2, 0]),
        ((1, -3, 2), -1, [1, 0, 2]),
        ((None, 0, None, 1), 1, [3, 1, 0, 2]),
        ((), 1, []),
    ],
)
def test_what_speaks_most_for_the_side_comes_first(scores, side, order):
    assert ranked(scores, side) == order


@pytest.mark.parametrize(
    ("until", "sets"),
    [
        (0.5, [{2}, {2, 0}]),  # 4 and then 6 of 10 words: beyond half
        (0.4, [{2}]),
        (1.0, [{2}, {2, 0}, {2, 0, 1}]),
    ],
)
def test_units_go_until_so_many_words_are_removed(until, sets):
    assert cumulative([2, 0, 1], [2, 4, 4], until) == [frozenset(some) for some in sets]


def test_the_area_by_hand():
    """Shares 0, 0.4, 0.6; drops 0, 2, 3. At a half the line is at 2.5: (0.4 · 1 + 0.1 · 2.25) / 0.5 = 1.25."""
    found = curve([frozenset([2]), frozenset([2, 0])], [2, 4, 4], 5.0, [3.0, 2.0])
    assert found.shares == pytest.approx((0, 0.4, 0.6))
    assert found.drops == (0, 2, 3)
    assert area(found, 0.5) == pytest.approx(1.25)
    assert area(found, 0.6) == pytest.approx((0.4 * 1 + 0.2 * 2.5) / 0.6)
    assert area(found) is None  # it does not reach that far


def test_a_bad_turns_value_falls_upward():
    assert curve([frozenset([0])], [1], -2.0, [1.0], side=-1).drops == (0, 3)


def test_points_without_a_value_are_passed_over():
    found = curve([frozenset([0]), frozenset([0, 1])], [1, 1], 4.0, [None, 0.0])
    assert (found.shares, found.drops) == ((0, 1), (0, 4))
    assert area(found) == pytest.approx(2)
    assert area(curve([frozenset([0])], [1], 4.0, [None])) is None


@pytest.mark.parametrize("until", [0, -1, 1.1])
def test_a_share_is_a_share(until):
    with pytest.raises(UsageError, match="must be in"):
        area(curve([], [], 0.0, []), until)


# ---- distributions, responses, rankings


@pytest.mark.parametrize(
    ("masked", "full", "ratio", "kl"),
    [
        ({"yes": 0.5, "no": 0.5}, {"yes": 0.8, "no": 0.2}, 0.625, 0.5 * 0.4700036 * -1 + 0.5 * 0.9162907),
        ({"yes": 0.8, "no": 0.2}, {"yes": 0.8, "no": 0.2}, 1.0, 0.0),
        ({"no": 1.0}, {"yes": 1.0}, 0.0, pytest.approx(27.63, abs=0.01)),  # of no probability at all: ln 1e12
        ({}, {"yes": 1.0}, None, None),
        ({"yes": 1.0}, {}, None, None),
    ],
)
def test_how_far_label_probabilities_move(masked, full, ratio, kl):
    assert probability_ratio(masked, full) == (None if ratio is None else pytest.approx(ratio))
    assert divergence(masked, full) == (None if kl is None else kl if not isinstance(kl, float) else pytest.approx(kl))


@pytest.mark.parametrize(
    ("one", "other", "f1"),
    [
        ("the cat sat on the mat", "the cat on a mat", 2 * 4 / 11),  # the cat on mat
        ("Same words", "same WORDS", 1.0),
        ("a b", "c d", 0.0),
        ("", "", 1.0),
        ("", "a", 0.0),
    ],
)
def test_rouge_l(one, other, f1):
    assert rouge_l(one, other) == pytest.approx(f1)


def test_bleu():
    assert bleu("the cat sat on the mat", "the cat sat on the mat") == pytest.approx(1)
    assert bleu("the cat sat on the mat", "dogs bark") == 0


@pytest.mark.parametrize(
    ("one", "other", "rho"),
    [
        ((1, 2, 3), (10, 20, 30), 1.0),
        ((1, 2, 3), (3, 2, 1), -1.0),
        ((1, None, 2, 3), (1, 9, 3, 2), 0.5),
        ((1, 1, 1), (1, 2, 3), None),
        ((1,), (1,), None),
    ],
)
def test_rank_correlation(one, other, rho):
    assert rank_correlation(one, other) == (None if rho is None else pytest.approx(rho))


def test_stability_is_the_mean_over_pairs():
    assert stability([(1, 2, 3), (1, 2, 3), (3, 2, 1)]) == pytest.approx((1 - 1 - 1) / 3)
    assert stability([(1, 2)]) is None
