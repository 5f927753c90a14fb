"""Verdicts on changes of mean scores."""

import pytest

from convexplain.analysis.verdicts import p_value, verdicts


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
    assert p_value(shift, interval) == pytest.approx(expected, abs=1e-4)


UP, DOWN = (0.1, (0.002, 0.198)), (-0.1, (-0.198, -0.002))  # p 0.0455 each
SURE = (0.2, (0.1, 0.3))  # standard error 0.051, p 0.0001
NONE = (0.1, None)


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
def test_one_change_is_told_exactly_where_its_interval_excludes_0(interval, expected):
    assert verdicts([(0.1, interval)]) == [expected]
    mirrored = [(-0.1, (-interval[1], -interval[0]))]
    assert verdicts(mirrored) == ["worse" if expected == "better" else expected]
