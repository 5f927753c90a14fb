import asyncio

import pytest

from convexplain.agreement.calibration import Calibration
from convexplain.errors import UsageError
from convexplain.judges.calibrated import CalibratedJudge
from convexplain.judges.cascade import Cascade
from convexplain.types import Evidence, Judgement


class Fixed:
    """Gives every turn one score."""

    def __init__(self, name, score):
        self.name, self.score, self.asked = name, score, 0

    async def judge_turn(self, conversation, turn, rubric, again=0):
        self.asked += 1
        return Judgement(conversation.id, turn, rubric.id, self.score, "yes", None, Evidence(), self.name, "s")

    def requests(self, conversation, turn, rubric):
        return [self.name]


@pytest.mark.parametrize(
    ("first", "second", "model", "score"),
    [
        (0.9, 0.1, "cheap", 0.9),
        (0.1, 0.9, "cheap", 0.1),
        (0.65, 0.2, "cheap", 0.65),  # as far away as the band is wide: believed
        (0.64, 0.2, "strong", 0.2),
        (0.4, 0.9, "strong", 0.9),
        (None, 0.9, "strong", 0.9),
        (0.5, None, "cheap", 0.5),  # what the strong one cannot say does not take away what the cheap one said
        (None, None, "strong", None),
    ],
)
def test_what_is_near_the_threshold_goes_to_the_strong_judge(talk, helpfulness, first, second, model, score):
    cascade = Cascade(Fixed("cheap", first), Fixed("strong", second), 0.15)
    found = asyncio.run(cascade.judge_turn(talk, 3, helpfulness))
    assert (found.model, found.score) == (model, score)
    assert cascade.judged == 1


def test_it_counts_what_it_escalates(talk, helpfulness):
    cheap, strong = Fixed("cheap", 0.5), Fixed("strong", 0.9)
    cascade = Cascade(cheap, strong, 0.1)
    for score in (0.5, 0.9, 0.45, 0.0):
        cheap.score = score
        asyncio.run(cascade.judge_turn(talk, 3, helpfulness))
    assert (cascade.judged, cascade.escalated, strong.asked) == (4, 2, 2)
    assert cascade.requests(talk, 3, helpfulness) == ["cheap"]


@pytest.mark.parametrize("band", [-0.1, 1.1])
def test_a_band_that_cannot_be_meant(band):
    with pytest.raises(UsageError, match="band="):
        Cascade(Fixed("a", 0), Fixed("b", 0), band)


def test_a_calibrated_judge_keeps_the_raw_score(talk, helpfulness):
    judge = CalibratedJudge(Fixed("j", 0.4), {"helpfulness": Calibration("isotonic", ((0.0, 0.2), (0.8, 0.6)))})
    found = asyncio.run(judge.judge_turn(talk, 3, helpfulness))
    assert found.score == pytest.approx(0.4)
    assert found.evidence.raw_score == 0.4
    judge = CalibratedJudge(Fixed("j", 0.8), {"harm": Calibration("platt")})
    found = asyncio.run(judge.judge_turn(talk, 3, helpfulness))
    assert (found.score, found.evidence.raw_score) == (0.8, None)


def test_what_has_no_score_stays_so(talk, helpfulness):
    judge = CalibratedJudge(Fixed("j", None), {"helpfulness": Calibration("platt")})
    assert asyncio.run(judge.judge_turn(talk, 3, helpfulness)).score is None
