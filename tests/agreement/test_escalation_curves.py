import numpy as np
import pytest

from convexplain.agreement import escalation_curve

# Ten turns whose people's means rise. The strong judge says just that; the cheap one is right at the ends only: its
# six scores near the threshold are the wrong way round.
HUMANS = np.linspace(0, 0.9, 10)
STRONG = HUMANS.copy()
CHEAP = np.array([0.0, 0.1, 0.57, 0.56, 0.52, 0.48, 0.44, 0.43, 0.8, 0.9])


def curve(cheap=CHEAP, strong=STRONG):
    return escalation_curve(("cheap", "strong"), cheap, strong, HUMANS, 0.5, list(range(10)))


def test_agreement_rises_with_the_share_that_is_escalated():
    found = {round(point.share, 2): point for point in curve().points}
    # Six ranks in reverse: the sum of squared differences is 2 (25 + 9 + 1) = 70, and 1 - 6 · 70 / 990 = 0.576.
    assert found[0.0].spearman.value == pytest.approx(1 - 6 * 70 / 990)
    assert found[0.0].band == 0.0
    assert found[1.0].spearman.value == pytest.approx(1.0)
    assert found[0.5].spearman.value > found[0.0].spearman.value
    assert found[0.2].band == pytest.approx(0.02)  # 0.52 and 0.48 are the two nearest
    assert found[1.0].auc.value == 1.0


def test_turns_without_both_scores_are_left_out():
    strong = STRONG.copy()
    strong[:4] = np.nan
    assert {point.spearman.n for point in curve(strong=strong).points} == {6}
    assert curve(strong=np.full(10, np.nan)).points == ()
