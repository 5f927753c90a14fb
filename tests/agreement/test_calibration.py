import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.agreement import ece
from convexplain.agreement.calibration import (
    MIN_TURNS,
    Calibration,
    calibrate,
    calibration_from_body,
    label_prior,
)
from convexplain.errors import UsageError


def distorted(n, bend, seed=0):
    """Labels 0 and 1 drawn with a known probability, and scores that are a rising distortion of it; ten a dialogue."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    labels = (rng.random(n) < p).astype(float)
    return p, bend(p), labels, [i // 10 for i in range(n)]


BENDS = {
    "squared": lambda p: p**2,
    "overconfident": lambda p: 1 / (1 + ((1 - p) / np.clip(p, 1e-9, 1)) ** 3),
    "squeezed": lambda p: 0.4 + 0.1 * p,
    "mild": lambda p: np.sqrt(p),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BENDS)
def test_a_known_rising_distortion_is_undone(name):
    p, scores, labels, groups = distorted(5000, BENDS[name])
    found = calibrate(scores, labels, groups)
    mapped = np.array([found.apply(score) for score in scores])
    every = np.ones((1, len(p)))
    assert float(ece(mapped, p)(every)[0]) < 0.02  # against the true probabilities
    assert float(np.abs(mapped - p).mean()) < 0.03
    assert found.about["after"]["ece"]["value"] < 0.03  # on held-out turns, against labels that were drawn
    assert found.about["before"]["ece"]["value"] > found.about["after"]["ece"]["value"]
    assert (found.about["turns"], found.about["dialogues"]) == (5000, 500)


def test_few_labels_are_met_by_the_smoother_map():
    _, scores, labels, groups = distorted(60, BENDS["overconfident"], seed=1)
    assert calibrate(scores, labels, groups).kind == "platt"


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.sampled_from(sorted(BENDS)))
def test_a_calibration_rises_and_stays_in_range(seed, name):
    _, scores, labels, groups = distorted(120, BENDS[name], seed)
    found = calibrate(scores, labels, groups)
    mapped = [found.apply(score) for score in np.linspace(0, 1, 50)]
    assert all(0 <= one <= 1 for one in mapped)
    assert all(low <= high + 1e-12 for low, high in pairwise(mapped))
    assert calibration_from_body(found.body()) == found


@pytest.mark.parametrize(
    ("made", "score", "expected"),
    [
        (Calibration("platt", slope=2.0, intercept=0.0), 0.5, 0.5),
        (Calibration("platt", slope=1.0, intercept=math.log(3)), 0.5, 0.75),  # odds of 1 become odds of 3
        (Calibration("isotonic", ((0.2, 0.1), (0.6, 0.9))), 0.4, 0.5),
        (Calibration("isotonic", ((0.2, 0.1), (0.6, 0.9))), 0.0, 0.1),
        (Calibration("isotonic", ((0.2, 0.1), (0.6, 0.9))), 1.0, 0.9),
    ],
)
def test_maps_by_hand(made, score, expected):
    assert made.apply(score) == pytest.approx(expected)


def test_a_label_prior_is_divided_out():
    # With nothing to judge it says 0.8: odds of 4. So odds of 4 become 1, and odds of 1 become 1/4, which is 0.2.
    found = label_prior([0.7, 0.9])
    assert found.apply(0.8) == pytest.approx(0.5)
    assert found.apply(0.5) == pytest.approx(0.2)
    with pytest.raises(UsageError, match="no content-free input"):
        label_prior([])


@pytest.mark.parametrize(
    ("scores", "humans", "dialogues", "words"),
    [
        ([0.1, 0.9, 0.5], [0, 1, 1], 3, "3 labelled turns of 3 dialogues are too few"),
        (np.linspace(0, 1, 60), np.linspace(0, 1, 60), 4, "60 labelled turns of 4 dialogues are too few"),
        (np.linspace(0, 1, 60), np.full(60, 0.5), 60, "the same score, 0.5: there is nothing to calibrate to"),
        (np.full(60, 0.7), np.linspace(0, 1, 60), 60, "the judge gave all 60 turns the same score, 0.7"),
        (np.linspace(0, 1, 60), np.linspace(1, 0, 60), 60, "do not rise with people's"),
        (np.linspace(0, 1, 60), [0] * 9 + [1] * 51, 60, "people call 9 of the turns with a score bad .* and 51 good"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(scores, humans, dialogues, words):
    with pytest.raises(UsageError, match=words):
        calibrate(scores, humans, [i % dialogues for i in range(len(scores))])


def test_as_few_as_allowed():
    _, scores, labels, groups = distorted(MIN_TURNS, BENDS["mild"], seed=2)
    assert calibrate(scores, labels, groups).about["turns"] == MIN_TURNS


def test_a_judge_at_chance_gets_no_curve():
    # people call every second turn bad, whatever its score: of 30 x 30 pairs 465 are right, AUC 0.5167
    with pytest.raises(UsageError, match=r"no curve is kept: the judge's AUC 0\.52 .* is no better than chance"):
        calibrate(np.linspace(0, 1, 60), [i % 2 for i in range(60)], list(range(60)))


def test_a_judge_that_orders_turns_as_their_length_does_gets_no_curve():
    _, scores, labels, groups = distorted(200, BENDS["mild"], seed=3)
    with pytest.raises(UsageError, match=r"is not above that of length in words"):
        calibrate(scores, labels, groups, baselines={"length in words": scores * 100})
    with pytest.raises(UsageError, match=r"is below that of turn number, 1\.00 \(difference -0\."):
        calibrate(scores, labels, groups, baselines={"turn number": 1 - labels})
    fitted = calibrate(scores, labels, groups, baselines={"length in words": [i % 7 for i in range(200)]})
    assert fitted.about["auc"]["low"] > 0.5
    assert fitted.about["baseline"]["name"] == "length in words"
