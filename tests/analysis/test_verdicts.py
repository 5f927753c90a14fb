"""Verdicts on changes of mean scores."""

import pytest

from convexplain.analysis.verdicts import p_value, verdicts

MANY = 1_000_000
"""Conversations with which Student's t is the normal distribution."""


@pytest.mark.parametrize(
    ("shift", "interval", "expected"),
    [
        (0.1, (0.002, 0.198), 0.0455),  # half width 0.098, standard error 0.05: two of them
        (-0.1, (-0.296, 0.096), 0.3173),  # standard error 0.1: one of them
        (0.1, None, 1.0),
        (0.0, (0.0, 0.0), 1.0),
        (0.1, (0.1, 0.1), 0.0),
        # Of asymmetric intervals the end on the side of 0 counts, whatever half the width is:
        (0.1, (0.05, 0.4), 0.0001),  # 0.05 is 1.96 standard errors, so 0.1 is 3.92 of them
        (-0.1, (-0.4, -0.05), 0.0001),
        (0.1, (-0.1, 0.12), 0.3271),  # 0.2 is 1.96 standard errors, so 0.1 is 0.98 of them
    ],
)
def test_the_p_value_belongs_to_the_interval(shift, interval, expected):
    assert p_value(shift, interval, MANY) == pytest.approx(expected, abs=1e-4)


UP, DOWN = (0.1, (0.002, 0.198), MANY), (-0.1, (-0.198, -0.002), MANY)  # p 0.0455 each
SURE = (0.2, (0.1, 0.3), MANY)  # standard error 0.051, p 0.0001
NONE = (0.1, None, MANY)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        ([UP], ["better"]),
        ([DOWN], ["worse"]),
        ([NONE], ["cannot tell"]),
        ([UP, DOWN], ["cannot tell", "cannot tell"]),  # 2 × 0.0455 is above 0.05, so the procedure stops at once
        ([DOWN, SURE], ["worse", "better"]),  # 2 × 0.0001, then 1 × 0.0455
        ([NONE, UP], ["cannot tell", "cannot tell"]),  # one that cannot be told counts too
    ],
)
def test_several_changes_are_judged_together(changes, expected):
    assert verdicts(changes) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((-0.005, 0.19), "cannot tell"),  # half the width is 0.0975, less than the change
        ((0.0, 0.19), "cannot tell"),
        ((0.005, 0.22), "better"),  # half the width is 0.1075, more than the change
    ],
)
@pytest.mark.parametrize("conversations", [5, 12, MANY])
def test_one_change_is_told_exactly_where_its_interval_excludes_0(interval, expected, conversations):
    assert verdicts([(0.1, interval, conversations)]) == [expected]
    mirrored = [(-0.1, (-interval[1], -interval[0]), conversations)]
    assert verdicts(mirrored) == ["worse" if expected == "better" else expected]


@pytest.mark.parametrize(
    ("conversations", "half_widths", "expected"),
    [  # two-sided quantiles of a table of Student's t, over that of 0.05, which is half an interval
        (5, 2.132 / 2.776, 0.10),
        (5, 4.604 / 2.776, 0.01),
        (5, 8.610 / 2.776, 0.001),
        (11, 3.169 / 2.228, 0.01),
        (MANY, 2.576 / 1.960, 0.01),
    ],
)
def test_few_conversations_have_the_tails_of_students_t(conversations, half_widths, expected):
    change = half_widths * 0.1
    assert p_value(change, (change - 0.1, change + 0.1), conversations) == pytest.approx(expected, rel=2e-3)


def test_few_conversations_need_a_larger_change_of_several():
    third = 1.3 * 0.1  # half widths; by the normal distribution p = 0.011, by Student's t with 4 degrees p = 0.023
    change = (third, (third - 0.1, third + 0.1))
    assert verdicts([(*change, MANY), (*NONE[:2], MANY), (*NONE[:2], MANY)])[0] == "better"
    assert verdicts([(*change, 5), (*NONE[:2], 5), (*NONE[:2], 5)])[0] == "cannot tell"
