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


CASES = [
    ({}, "no contrast within 4 calls (threshold 0.5 by 0.1); the largest movement was 0.30 -> 0.45"),
    (
        {"score_after": 0.25, "trace": ((1, -0.25),)},  # the wrong way
        "no contrast within 4 calls (threshold 0.5 by 0.1); no edit moved the score of 0.30 toward the goal",
    ),
    (
        {"goal": "improve", "delta": 0.2, "trace": ((1, 0.15),)},
        "no contrast within 4 calls (improve by 0.2); the largest movement was 0.30 -> 0.45",
    ),
    (
        {"score_before": 0.52, "score_after": None, "calls": 0, "trace": (), "stopped": "too close"},
        "not searched: the score of 0.52 is too close to the threshold of 0.5 to call",
    ),
    (
        {"score_after": None, "calls": 0, "trace": (), "stopped": "searched"},
        "no contrast: the score is 0.30 and cannot go that far",
    ),
    (
        {"score_after": None, "trace": ((1, None),) * 4, "failed": 4},
        "no contrast: none of 4 edited contexts could be scored",
    ),
    (
        {"score_after": 0.6, "score_again": 0.4, "trace": ((1, 0.6 - 0.5),)},  # 0.09999999999999998
        "no contrast within 4 calls (threshold 0.5 by 0.1): 0.30 -> 0.60, measured again 0.40 was not confirmed by a "
        "second measurement",
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
