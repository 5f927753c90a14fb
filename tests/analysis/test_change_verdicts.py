"""Verdicts: better, worse, or that nobody can tell; corrected for all maxims."""

import pytest

from convexplain.analysis.averages import AverageComparison
from convexplain.analysis.change_verdicts import (
    ChangeVerdict,
    RunShift,
    change_verdict,
    overall,
    shift_of,
    signed,
)
from convexplain.analysis.comparison import Comparison

CLEAR, UNCLEAR = RunShift(-0.2, (-0.3, -0.1), 10), RunShift(-0.05, (-0.15, 0.05), 10)


def comparison(shift, interval, turns=100, conversations=10):
    return Comparison(
        turns, 0, conversations, 0.6, 0.6 + shift, shift, interval, 0, 0, None, None, (), by_id=True, same_texts=False
    )


def judged(shift, tested, compared=1, **settings):
    return change_verdict(shift, tested, compared, **{"same_texts": False, "trusted": True, **settings})


def test_an_interval_is_at_least_as_wide_as_noise_makes_it():
    # 0.1 / sqrt(100) = 0.01 on each side
    assert shift_of(comparison(-0.2, (-0.205, -0.195)), 0.1).interval == pytest.approx((-0.21, -0.19))
    assert shift_of(comparison(-0.2, (-0.3, -0.1)), 0.1).interval == (-0.3, -0.1)
    assert shift_of(comparison(-0.2, None), 0.1).interval is None
    # of two samples: 0.1 * sqrt((1 / 50 + 1 / 200) / 2) = 0.01118
    averages = AverageComparison((50, 200), (9, 20), 0.5, 0.6, 0.0, 0.0, 0.1, (0.1, 0.1))
    change = shift_of(averages, 0.1)
    assert change.interval == pytest.approx((0.08882, 0.11118), abs=1e-5)
    assert change.conversations == 9


@pytest.mark.parametrize(
    ("given", "outcome", "words", "fails"),
    [
        (judged(CLEAR, "worse"), "worse", "worse by 0.20 (95 % interval -0.30 to -0.10)", True),
        (
            judged(RunShift(0.2, (0.1, 0.3), 10), "better"),
            "better",
            "better by 0.20 (95 % interval +0.10 to +0.30)",
            False,
        ),
        (judged(CLEAR, "worse", trusted=False), "lower", "lower by 0.20 (95 % interval -0.30 to -0.10)", True),
        (judged(CLEAR, "worse", same_texts=True), "lower", "lower by 0.20 (95 % interval -0.30 to -0.10)", False),
        (judged(UNCLEAR, "cannot tell"), "cannot tell", "cannot tell: the change may be -0.15 to +0.05", False),
        (
            judged(CLEAR, "cannot tell", 4),
            "cannot tell",
            "cannot tell: the change may be -0.30 to -0.10, but one of 4 maxims often moves so far by chance",
            False,
        ),
        (
            judged(RunShift(-0.2, (-0.3, -0.1), 3), "cannot tell"),
            "cannot tell",
            "cannot tell: the mean moved by -0.20 in only 3 conversations; 5 are needed to tell that from chance",
            False,
        ),
        (judged(CLEAR, "worse", obstacle="another judge"), "cannot tell", "cannot tell: another judge", False),
        (judged(None, "cannot tell"), "cannot tell", "cannot tell: one of the runs has no score", False),
    ],
)
def test_a_verdict(given, outcome, words, fails):
    assert (given.outcome, given.words, given.fails) == (outcome, words, fails)
    assert given.to_dict()["words"] == words


WORSE, BETTER = judged(CLEAR, "worse"), judged(RunShift(0.2, (0.1, 0.3), 10), "better")
OPEN = judged(UNCLEAR, "cannot tell")
DOWN, UP = "by 0.20 (95 % interval -0.30 to -0.10)", "by 0.20 (95 % interval +0.10 to +0.30)"


@pytest.mark.parametrize(
    ("verdicts", "moved", "sentence"),
    [
        ({"a": WORSE}, {}, f"Worse on a {DOWN}."),
        ({"a": WORSE, "b": BETTER}, {}, f"Mixed: worse on a {DOWN}, better on b {UP}."),
        ({"a": BETTER, "b": OPEN}, {}, f"Better on a {UP}. No change can be told on b."),
        (
            {"a": BETTER, "b": OPEN},
            {"b": (22, 1)},
            f"Better on a {UP}. No change can be told on b (22 turns fell and 1 rose beyond the judges' noise).",
        ),
        (
            {"a": OPEN, "b": OPEN},
            {},
            "Cannot tell whether the chats got better or worse. The change may be -0.15 to +0.05.",
        ),
        (
            {"a": OPEN, "b": judged(CLEAR, "cannot tell", 4)},
            {},
            "Cannot tell whether the chats got better or worse. Chance may explain every difference.",
        ),
        (
            {"a": OPEN, "b": judged(CLEAR, "worse", obstacle="another judge")},
            {},
            "Cannot tell whether the chats got better or worse. A: the change may be -0.15 to +0.05; b: another judge.",
        ),
        (
            {"a": judged(CLEAR, "worse", trusted=False)},
            {},
            f"Cannot tell whether the chats got better or worse. The scores are lower on a {DOWN}, by a judge whose "
            "scores only sort turns there.",
        ),
        (
            {"a": judged(CLEAR, "worse", same_texts=True)},
            {},
            "Both runs judged the same texts, so neither is better: the scores of the second run are lower on a "
            f"{DOWN}.",
        ),
        (
            {"a": judged(UNCLEAR, "cannot tell", same_texts=True)},
            {},
            "Both runs judged the same texts, so neither is better: their scores do not differ beyond chance.",
        ),
    ],
)
def test_the_sentence_over_all(verdicts, moved, sentence):
    assert overall(verdicts, moved) == sentence


def test_there_is_no_negative_zero():
    assert [signed(number) for number in (-0.001, 0.2, -0.456)] == ["+0.00", "+0.20", "-0.46"]


def test_a_verdict_without_numbers_has_none():
    assert ChangeVerdict("cannot tell", why="x").to_dict()["shift"] is None
