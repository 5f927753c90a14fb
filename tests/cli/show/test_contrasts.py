"""What is said of a search that found no contrast, on the command line and on a page."""

import pytest

from convexplain.explain.wording import contrast_outcome, missed
from convexplain.types import Contrast


def contrast(**fields):
    """A search upward from 0.30 to the threshold of 0.5 and 0.1 beyond it, of 4 calls, that found nothing."""
    values = {
        "conversation_id": "c", "turn": 3, "rubric": "nice", "question": "rescore", "goal": "cross", "search": "guided",
        "found": False, "delta": 0.1, "score_before": 0.3, "score_after": 0.45, "score_again": None, "edits": (),
        "turns": (), "response_before": "", "response_after": "", "calls": 4, "prompts": 4, "infills": 4, "failed": 0,
        "trace": ((1, -0.05),), "edit_distance": 0, "edit_rate": 0.0, "stopped": "budget", "seconds": 0.0,
        "judge": "j", "responder": None, "infiller": "i", "notes": (), "editable": (1,),
    }  # fmt: skip
    return Contrast(**{**values, **fields})


MARGIN = "(threshold 0.5 and a margin of 0.1 for noise)"
CASES = [
    ({}, f"no edit carried the score of 0.30 to 0.60 {MARGIN} in 4 tries; the best reached 0.45"),
    (
        {"score_after": 0.25, "trace": ((1, -0.25),)},  # the wrong way
        f"no edit carried the score of 0.30 to 0.60 {MARGIN} in 4 tries; none moved it in that direction",
    ),
    (
        {"goal": "improve", "delta": 0.2, "trace": ((1, 0.15),)},
        "no edit improved the score of 0.30 by 0.2 in 4 tries; the best reached 0.45",
    ),
    (
        {"goal": "worsen", "delta": 0.2, "score_after": 0.25, "calls": 1, "trace": ((1, 0.05),)},
        "no edit worsened the score of 0.30 by 0.2 in 1 try; the best reached 0.25",
    ),
    (
        {"score_before": 0.8, "score_after": 0.55, "trace": ((1, -0.05),)},  # downward
        f"no edit carried the score of 0.80 to 0.40 {MARGIN} in 4 tries; the best reached 0.55",
    ),
    (
        {"score_before": 0.52, "score_after": None, "calls": 0, "trace": (), "stopped": "too close"},
        "not searched: the score of 0.52 is within the judge's noise of the threshold of 0.5",
    ),
    (
        {"score_after": None, "calls": 0, "trace": (), "stopped": "searched"},
        "no contrast: the score is 0.30 and cannot go that far",
    ),
    (
        {"score_after": None, "trace": ((1, None),) * 4, "failed": 4},
        "no contrast: none of 4 tries could be scored",
    ),
    (
        {"score_after": 0.6, "score_again": 0.4, "trace": ((1, 0.6 - 0.5),)},  # 0.09999999999999998
        f"no edit carried the score of 0.30 to 0.60 {MARGIN} in 4 tries for certain; the best reached 0.60 but, "
        "measured again, 0.40",
    ),
]


@pytest.mark.parametrize(("fields", "told"), CASES)
def test_why_there_is_no_contrast(fields, told):
    assert missed(contrast(**fields), 0.5) == told


@pytest.mark.parametrize(("fields", "told"), CASES)
def test_a_page_says_the_same(fields, told):
    assert contrast_outcome(contrast(**fields), 0.5) == f"{told[0].upper()}{told[1:]}.".replace("->", "→")


def test_a_page_says_what_was_found():
    found = contrast(found=True, score_after=0.7, score_again=0.65, stopped="found")
    assert contrast_outcome(found, 0.5) == "0.30 → 0.70, measured again 0.65 (threshold 0.5) by 0 edits; 4 calls."
