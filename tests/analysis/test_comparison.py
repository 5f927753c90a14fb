"""Two runs turn by turn."""

import numpy as np
import pytest

from convexplain.analysis.comparison import compare, difference_noise, moved_turns
from convexplain.store.paired_scores import PairedScores


def paired(before, after, numbers=None):
    before, after = np.array(before, dtype=float), np.array(after, dtype=float)
    places = np.arange(len(before)) if numbers is None else np.array(numbers)
    turns = np.ones(len(before), dtype=np.int64)
    return PairedScores(places, places, turns, turns, before, after, False)


def test_a_comparison():
    found = compare(paired([0.9, 0.2, 0.6, 0.4, np.nan], [0.8, 0.6, 0.3, 0.5, 0.1]), 0.5)
    assert (found.turns, found.unscored, found.conversations) == (4, 1, 4)
    assert (found.before, found.after) == (pytest.approx(0.525), pytest.approx(0.55))
    assert found.shift == pytest.approx(0.025)
    assert (found.fell, found.rose) == (1, 2)  # 0.6 -> 0.3; 0.2 -> 0.6, and 0.4 -> 0.5
    # ranks 4 1 3 2 and 4 3 1 2: squared differences 0 + 4 + 4 + 0, so 1 - 6 * 8 / (4 * 15)
    assert found.spearman == pytest.approx(0.2)
    # sides: good bad good bad and good good bad good: 1 of 4 agree, by chance 0.5 * 0.75 + 0.5 * 0.25 = 0.5
    assert found.kappa == pytest.approx(-0.5)
    assert sum(found.counts) == 4


def test_turns_of_one_conversation_are_one_observation():
    apart = compare(paired([0.2, 0.2, 0.8, 0.8], [0.4, 0.4, 0.8, 0.8]), 0.5)
    together = compare(paired([0.2, 0.2, 0.8, 0.8], [0.4, 0.4, 0.8, 0.8], [0, 0, 1, 1]), 0.5)
    # Mean 0.1, deviations ±0.1. Four of them: sqrt(4/3 * 0.04) / 4 = 0.0577; Student's t of 3 degrees is 3.182.
    # Two sums of ±0.2: sqrt(2 * 0.08) / 4 = 0.1; Student's t of 1 degree is 12.706.
    assert apart.interval == pytest.approx((0.1 - 3.182446 * 0.057735, 0.1 + 3.182446 * 0.057735), abs=1e-5)
    assert together.interval == pytest.approx((0.1 - 1.270620, 0.1 + 1.270620), abs=1e-5)
    assert compare(paired([0.2], [0.4]), 0.5).interval is None


def test_nothing_to_compare():
    assert compare(paired([], []), 0.5) is None
    assert compare(paired([np.nan], [0.5]), 0.5) is None


def test_the_noise_of_a_difference():
    assert difference_noise(0.1, 0.1) == pytest.approx(0.1)
    assert difference_noise(0.0, 0.2) == pytest.approx(0.141421, abs=1e-6)  # sqrt((0 + 0.04) / 2)


def test_the_turns_that_moved_by_more_than_noise():
    """Shifts: -0.5, +0.3, -0.2, +0.05, unscored."""
    pairs = paired([0.9, 0.5, 0.5, 0.4, 0.4], [0.4, 0.8, 0.3, 0.45, np.nan])
    assert moved_turns(pairs, "fell", 0.1).tolist() == [0, 2]
    assert moved_turns(pairs, "rose", 0.1).tolist() == [1]
    assert moved_turns(pairs, "rose").tolist() == [1, 3]
    assert moved_turns(pairs, "all", 0.1).tolist() == [0, 1, 2]
