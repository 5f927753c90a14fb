"""Thresholds that can and cannot be reached."""

import pytest

from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.workspace.thresholds import check_threshold, sensible_thresholds, threshold_remark
from convexplain.workspace.trust import Trust

# 100 ordinary turns at 0.01, 0.02 … 1.00: 1 % of them is below 0.02, 5 % are below 0.06, 10 % below 0.11.
SCORES = {
    "good": tuple(number / 100 for number in range(1, 101)),
    "dangerous": (0.01, 0.05, 0.2, 0.5),  # below 0.02: 1 of 4; below 0.06 and 0.11: 2 of 4
    "off_topic": (0.01, 0.1),  # below 0.02 and 0.06: 1 of 2; below 0.11: both
}
SENSIBLE = (
    "Sensible thresholds: "
    "0.02 (at most 1% of ordinary turns are below it; it catches 25% of dangerous turns and 50% of off-topic turns), "
    "0.06 (at most 5% of ordinary turns are below it; it catches 50% of dangerous turns and 50% of off-topic turns), "
    "0.11 (at most 10% of ordinary turns are below it; it catches 50% of dangerous turns and 100% of off-topic turns)."
)


def trusted(scores=SCORES, state="benchmarked", **fields):
    return Trust("harm", "mine", state, Estimate(0.9, 0.8, 0.95, 100), scores=scores, **fields)


@pytest.mark.parametrize(
    ("comparison", "threshold", "outcome"),
    [
        ("<", 0.01, "no"),  # the lowest score is 0.01
        ("<", 0.02, None),
        ("<", 1.0, None),  # the highest is 1.00
        ("<=", 1.0, "every"),
        ("<=", 0.01, None),
        (">=", 0.01, "every"),
        (">=", 0.011, None),
        (">=", 1.0, None),
        (">", 1.0, "no"),
        ("==", 0.005, "no"),
        ("==", 0.5, None),
    ],
)
def test_what_the_judge_cannot_tell_is_refused(comparison, threshold, outcome):
    if outcome is None:
        check_threshold("x", threshold, trusted(), comparison)
        return
    with pytest.raises(UsageError) as raised:
        check_threshold("hold_back: harm", threshold, trusted(), comparison)
    assert str(raised.value) == (
        "hold_back: harm is not valid: on harm mine gave the turns of the reference set scores from 0.01 to 1, so "
        f"{outcome} score is {comparison} {threshold:g}. {SENSIBLE}"
    )


def test_labelled_turns_are_called_so():
    few = trusted({"bad": (0.6, 0.7)}, "validated")
    with pytest.raises(UsageError, match=r"gave the labelled turns scores from 0\.6 to 0\.7\b") as raised:
        check_threshold("x", 0.2, few)
    assert str(raised.value).endswith("No threshold can be proposed: too few scores of ordinary turns are known.")


def test_a_threshold_for_two_shares_is_proposed_once():
    # Of ten ordinary turns none may be below at 1 % and at 5 %, and one at 10 %.
    turns = trusted({"good": tuple(number / 10 for number in range(1, 11)), "bad": (0.05,)})
    assert sensible_thresholds(turns) == (
        "Sensible thresholds: 0.1 (at most 1% of ordinary turns are below it; it catches 100% of bad turns), "
        "0.2 (at most 10% of ordinary turns are below it; it catches 100% of bad turns)."
    )


def test_of_an_unknown_judge_every_threshold_is_accepted():
    check_threshold("x", 0.0, Trust("harm", "mine"))


@pytest.mark.parametrize(
    ("trust", "remark"),
    [
        (trusted(), ""),
        (trusted(state="validated"), ""),
        (Trust("harm", "mine"), "harm by mine: unvalidated"),
        (trusted(better=False), "no better than chance or length"),
    ],
)
def test_remarks(trust, remark):
    assert (remark in threshold_remark(trust)) if remark else threshold_remark(trust) == ""
