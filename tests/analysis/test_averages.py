"""The averages of two runs over different conversations."""

import numpy as np
import pytest

from convexplain.analysis.averages import compare_averages
from convexplain.store.paired_scores import RunScores


def run(scores, numbers=None):
    return RunScores(np.arange(len(scores)) if numbers is None else np.array(numbers), np.array(scores, dtype=float))


def test_the_averages_of_two_samples():
    found = compare_averages(run([0.2, 0.4, np.nan, 0.9]), run([0.6, 0.2], [7, 7]), 0.5)
    assert (found.turns, found.conversations) == ((3, 2), (3, 1))
    # 1.5 / 3 and 0.8 / 2; two of three and one of two are below 0.5
    assert (found.before, found.after, found.shift) == pytest.approx((0.5, 0.4, -0.1))
    assert (found.below_before, found.below_after) == pytest.approx((2 / 3, 1 / 2))
    assert found.interval is None  # fewer than five conversations


def test_the_interval_is_over_the_conversations_of_both():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 0.1, 100), rng.normal(0.6, 0.1, 100)
    found = compare_averages(run(first), run(second), 0.5)
    # two means of 100: standard errors of about 0.01 each, of the difference sqrt(2) * 0.01; times 1.96 is 0.028
    low, high = found.interval
    assert (high - low) / 2 == pytest.approx(0.028, abs=0.004)
    assert (high + low) / 2 == pytest.approx(second.mean() - first.mean(), abs=0.003)
    assert compare_averages(run(first), run(second), 0.5) == found
    # ten turns in each of ten conversations are ten observations, and these are all alike
    groups = np.repeat(np.arange(10), 10)
    together = compare_averages(run(np.repeat(first[:10], 10), groups), run(np.repeat(second[:10], 10), groups), 0.5)
    assert together.interval[1] - together.interval[0] > 2 * (high - low)


def test_a_run_without_a_score_is_not_compared():
    assert compare_averages(run([np.nan]), run([0.5]), 0.5) is None
