import numpy as np
import pytest

from convexplain.agreement import Draws, format_share, share_estimate
from convexplain.agreement.shares import exact_interval
from convexplain.agreement.thresholds import threshold_for
from convexplain.errors import UsageError

# Scores 0.1 to 0.8, ten turns of each; people call 1, 2 and 4 bad (counted from the lowest score).
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] * 10
HUMANS = [0, 0, 1, 0, 1, 1, 1, 1] * 10
GROUPS = list(range(80))


@pytest.mark.parametrize(
    ("aim", "target", "value", "precision", "recall", "flagged"),
    [
        ("precision", 1.0, 0.25, 1.0, 2 / 3, 2 / 8),
        ("precision", 0.75, 0.45, 3 / 4, 1.0, 4 / 8),
        ("recall", 1.0, 0.45, 3 / 4, 1.0, 4 / 8),
        ("recall", 0.5, 0.25, 1.0, 2 / 3, 2 / 8),
        ("flagged", 0.5, 0.45, 3 / 4, 1.0, 4 / 8),
        ("flagged", 0.1, 0.15, 1.0, 1 / 3, 1 / 8),
    ],
)
def test_thresholds_keep_their_promise(aim, target, value, precision, recall, flagged):
    threshold = threshold_for(aim, target, SCORES, HUMANS, 0.5, GROUPS)
    assert threshold.value == pytest.approx(value)
    assert threshold.precision.value == pytest.approx(precision)
    assert threshold.recall.value == pytest.approx(recall)
    assert threshold.flagged.value == pytest.approx(flagged)
    for estimate, n in ((threshold.precision, 80 * flagged), (threshold.recall, 30), (threshold.flagged, 80)):
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.n == n


@pytest.mark.parametrize(
    ("aim", "target", "scores", "humans", "words"),
    [
        ("precision", 0.9, SCORES[:8], [1, 1, 1, 0, 1, 1, 1, 1], "no threshold gives a precision of 0.9"),
        ("recall", 0.9, SCORES[:8], [1] * 8, "people call no turn bad"),
        ("recall", 0.0, SCORES[:8], HUMANS[:8], "must be in"),
        ("precision", 1.0, SCORES[:8], HUMANS[:8], "a precision of 1 is reached with 2 flagged turns only"),
        ("precision", 0.9, SCORES[:8], [0, 1, 1, 1, 1, 1, 1, 1], "with 1 flagged turn only"),
    ],
)
def test_promises_that_cannot_be_kept(aim, target, scores, humans, words):
    with pytest.raises(UsageError, match=words):
        threshold_for(aim, target, scores, humans, 0.5, list(range(len(scores))))


def test_one_flagged_turn_of_one_promises_nearly_nothing():
    # Clopper and Pearson: with one success of one the lower bound is the 0.025 quantile of Beta(1, 1): 2.5 %
    threshold = threshold_for("flagged", 1 / 80, [0.1, *[0.9] * 79], [0, *[1] * 79], 0.5, GROUPS)
    assert (threshold.precision.low, threshold.precision.value, threshold.precision.high) == (
        pytest.approx(0.025),
        1,
        1,
    )
    assert (threshold.precision.n, format_share(threshold.precision)) == (1, "100% [2%, 100%]")


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (1, 1, 0.025, 1.0),
        (0, 1, 0.0, 0.975),
        (0, 10, 0.0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1.0),
        (5, 10, 0.1871, 0.8129),  # table of exact binomial intervals
        (3, 20, 0.0321, 0.3789),
    ],
)
def test_exact_intervals(successes, n, low, high):
    assert exact_interval(successes, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_an_interval_is_as_wide_as_the_wider_of_the_two():
    # Ten dialogues of ten turns, all flagged; in five all turns are bad, in five none. As if there were ten turns, not
    # a hundred: the exact interval of 50 of 100 is [0.40, 0.60], that of drawn dialogues about [0.2, 0.8].
    groups = [i // 10 for i in range(100)]
    every, bad = np.ones(100, dtype=bool), np.array([group % 2 == 0 for group in groups])
    wide = share_estimate(Draws(groups), every, bad)
    assert (wide.value, wide.n) == (0.5, 100)
    assert wide.low == pytest.approx(0.2, abs=0.05)
    assert wide.high == pytest.approx(0.8, abs=0.05)
    few = share_estimate(Draws([0, 1]), np.array([True, True]), np.array([True, False]))
    assert (few.value, few.low, few.reason) == (0.5, None, "no interval: 2 dialogues are too few")
    none = share_estimate(Draws(groups), ~every, bad, "no turn is flagged")
    assert (none.value, none.n, none.reason) == (None, 0, "no turn is flagged")
