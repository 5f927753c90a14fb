"""Proportions and means with their intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.fidelity import Estimate, mean, proportion

# Wilson: (p + z²/2n ± z · √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964, z² = 3.841459.
# 7 of 10: (0.7 + 0.192073 ± 1.959964 · √(0.021 + 0.009604)) / 1.384146 = (0.892073 ± 0.342873) / 1.384146
# 0 of 10: (0.192073 ± 1.959964 · 0.097998) / 1.384146: 0 and 0.384146 / 1.384146
# 1 of 1:  (1 + 1.920729 ± 1.920729) / 4.841459: 1 / 4.841459 and 1


@pytest.mark.parametrize(
    ("successes", "n", "value", "low", "high"),
    [
        (7, 10, 0.7, 0.396779, 0.892208),
        (3, 10, 0.3, 0.107792, 0.603221),  # the mirror image
        (0, 10, 0.0, 0.0, 0.277533),
        (10, 10, 1.0, 0.722467, 1.0),
        (1, 1, 1.0, 0.206549, 1.0),
        (0, 1, 0.0, 0.0, 0.793451),
    ],
)
def test_a_proportion_has_wilsons_interval(successes, n, value, low, high):
    found = proportion(successes, n)
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=2e-6)
    assert found.n == n


def test_a_proportion_of_nothing_has_no_value():
    assert proportion(0, 0) == Estimate(None, None, None, 0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_successes_are_among_the_cases(successes, n):
    with pytest.raises(UsageError, match=f"successes={successes}: valid are 0 to n={n}"):
        proportion(successes, n)


# Resampling 0, 0, 0, 1: a mean of 1 has probability 1/256 and one of 0.75 or more 13/256, so that the upper 2.5 % begin
# at 0.75; a mean of 0 has 81/256. Resampling 0, 0, 1: a mean of 1 has 1/27 = 3.7 %, one of 0 has 8/27. Resampling 2, 4:
# 2, 3 and 4 have 1/4, 1/2 and 1/4.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0, 0, 1], Estimate(0.25, 0.0, 0.75, 4)),
        ([1, 0, 0], Estimate(1 / 3, 0.0, 1.0, 3)),
        ([2, 4], Estimate(3.0, 2.0, 4.0, 2)),
        ([0.1] * 3, Estimate(0.1, 0.1, 0.1, 3)),  # no spread
        ([5], Estimate(5.0, None, None, 1)),  # says nothing of the spread
        ([], Estimate(None, None, None, 0)),
    ],
)
def test_a_mean_has_a_bootstrap_interval(values, expected):
    assert mean(values, seed=3) == expected


def test_the_interval_narrows_as_the_standard_error_does():
    # 0 to 99: standard deviation √((100² − 1)/12) = 28.866, standard error 2.8866, 1.96 of them 5.658
    found = mean(range(100), seed=1)
    assert found.value == 49.5
    assert (found.low, found.high) == pytest.approx((49.5 - 5.658, 49.5 + 5.658), abs=0.25)


def test_the_same_seed_gives_the_same_interval_in_any_order():
    values = [i**0.5 for i in range(1, 21)]
    assert mean(values, seed=5) == mean(values[::-1], seed=5)
    assert mean(values, seed=5) != mean(values, seed=6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_missing_has_no_place_in_a_mean(value):
    with pytest.raises(UsageError, match="valid are finite numbers"):
        mean([1.0, value, 2.0])


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilsons_interval_holds_the_proportion(successes, n):
    found = proportion(min(successes, n), n)
    assert 0 <= found.low <= found.value <= found.high <= 1
