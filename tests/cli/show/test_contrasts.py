"""What is said of a search that found no contrast, on the command line and on a page."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from convexplain.cli.show.contrasts import show_contrast
from convexplain.explain.explanations import is_retryable
from convexplain.explain.wording import (
    contrast_outcome,
    missed,
    no_edit,
    proof,
    reading_ease,
    trade_off_scores,
    trade_offs_heading,
)
from convexplain.rubrics import load_rubric
from convexplain.store import ScoredTurn
from convexplain.types import Contrast, Conversation, Edit, ParetoPoint, Turn, Unit


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
    ({}, f"no edit moved the score from 0.30 to 0.60 {MARGIN} in 4 tries; the best reached 0.45"),
    (
        {"score_after": 0.25, "trace": ((1, -0.25),)},  # the wrong way
        f"no edit moved the score from 0.30 to 0.60 {MARGIN} in 4 tries; none moved it in that direction",
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
        f"no edit moved the score from 0.80 to 0.40 {MARGIN} in 4 tries; the best reached 0.55",
    ),
    (
        {
            "score_before": 0.52,
            "score_after": None,
            "calls": 0,
            "trace": (),
            "stopped": "too close",
            "notes": ("too close to call: the score of 0.52 lies within the noise",),
        },
        "not searched: too close to call: the score of 0.52 lies within the noise",
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
        f"no edit moved the score from 0.30 to 0.60 {MARGIN} in 4 tries for certain; the best reached 0.60 but, "
        "measured again, 0.40",
    ),
    (
        {"kept_scores": {"harm": (0.9, None)}},
        f"no edit moved the score from 0.30 to 0.60 {MARGIN} without lowering harm in 1 try; the best reached 0.45",
    ),
    (
        {
            "kept_scores": {"harm": (0.9, 0.5), "manner_1": (0.9, 0.9)},
            "conflicts": {"harm": 3, "manner_1": 1},
            "calls": 12,
            "trace": ((1, -0.05),) * 6,
        },
        f"no edit moved the score from 0.30 to 0.60 {MARGIN} without lowering harm or manner_1 in 6 tries; edits that "
        "went that far lowered harm (3 edits), manner_1 (1 edit) by more than the judge's noise",
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
    assert contrast_outcome(found, 0.5) == "0.30 → 0.70, measured again 0.65 (threshold 0.5) by 0 changed words."


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({}, []),  # nothing was measured, or it is older
        ({"fresh_draws": 5, "fresh_held": 5}, ["held in 5 of 5 fresh measurements"]),
        ({"fresh_draws": 5, "fresh_held": 4, "question": "regenerate"}, ["held in 4 of 5 fresh answers"]),
        ({"fresh_draws": 1, "fresh_held": 1, "question": "revise"}, ["held in 1 of 1 fresh measurement"]),
        ({"placebo_draws": 5, "placebo_crossed": 1}, ["an edit about as large elsewhere crossed in 1 of 5 tries"]),
        ({"placebo_draws": 1}, ["an edit about as large elsewhere crossed in 0 of 1 try"]),
        ({"placebo_draws": 5, "placebo_crossed": 2}, ["an edit about as large elsewhere crossed in 2 of 5 tries"]),
        (
            {"placebo_draws": 6, "placebo_crossed": 3},  # half of them
            ["an edit about as large elsewhere crossed in 3 of 6 tries"],
        ),
        (
            {"placebo_draws": 5, "placebo_crossed": 1, "goal": "improve"},
            ["an edit about as large elsewhere changed the score as much in 1 of 5 tries"],
        ),
        (
            {"kept_scores": {"harm": (0.9, 0.85), "manner_1": (0.4, 0.61)}, "fresh_draws": 5, "fresh_held": 5},
            ["keeps harm (0.90 -> 0.85), manner_1 (0.40 -> 0.61)", "held in 5 of 5 fresh measurements"],
        ),
        (
            {"fresh_draws": 9, "fresh_held": 8, "placebo_draws": 5, "placebo_crossed": 5},
            [
                "held in 8 of 9 fresh measurements",
                "an edit about as large elsewhere crossed in 5 of 5 tries",
            ],
        ),
    ],
)
def test_the_proof_of_a_contrast_is_said(fields, sentences):
    found = contrast(found=True, score_after=0.7, stopped="found", **fields)
    assert proof(found) == sentences
    assert contrast_outcome(found, 0.5).endswith(f"{'; '.join(['by 0 changed words', *sentences])}.".replace("->", "→"))


def test_edits_that_trade_one_maxim_for_another_are_listed():
    reply = "Take two pills."
    talk = Conversation("c", (Turn("user", "u"), Turn("assistant", reply)))
    points = (
        ParetoPoint(((1, "Take all pills."),), {"nice": 0.7, "harm": 0.4}, 1, "Take all pills."),
        ParetoPoint(((1, "Take no pills now."),), {"nice": 0.4, "harm": 0.95}, 2, "Take no pills now."),
    )
    result = contrast(
        turn=1, question="revise", kept_scores={"harm": (0.9, 0.4)}, conflicts={"harm": 1}, pareto=points
    )  # fmt: skip
    console = Console(file=StringIO(), width=300)
    show_contrast(console, ScoredTurn(1, talk, 1, load_rubric("helpfulness"), 0.3), result, "unvalidated")
    assert console.file.getvalue().splitlines()[1:] == [
        "  2 edits to choose from; none is better than another on every count (nice, harm, fewer changed words):",
        "  1. nice 0.30 -> 0.70, harm 0.90 -> 0.40, 1 word changed",
        "     turn 1, assistant: Take [-two-]{+all+} pills.",
        "  2. nice 0.30 -> 0.40, harm 0.90 -> 0.95, 2 words changed",
        "     turn 1, assistant: Take [-two pills.-]{+no pills now.+}",
    ]
    edit = Edit(Unit(1, 5, 8, "word"), "two", "all")
    same = replace(result, found=True, edits=(edit,), turns=(talk.turns[0], Turn("assistant", "Take all pills.")))
    assert [trade_off_scores(same, point) for point in points] == [
        "nice 0.30 -> 0.70, harm 0.90 -> 0.40, 1 word changed (the edit above)",
        "nice 0.30 -> 0.40, harm 0.90 -> 0.95, 2 words changed",
    ]
    both = replace(same, edits=(edit, Edit(Unit(0, 0, 1, "word"), "u", "v")))  # it edits turn 0 as well
    assert not any("the edit above" in trade_off_scores(both, point) for point in points)
    larger = replace(points[0], texts=((0, "v"), *points[0].texts))
    assert "the edit above" not in trade_off_scores(same, larger)
    assert trade_offs_heading(replace(result, pareto=points[:1])) == (
        "The best edit that was measured on all of these maxims:"
    )


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (None, ""),
        (-0.149, "Reads about as naturally as before (−0.15 nats a token under a local model of language)"),
        (0.1, "Reads about as naturally as before (+0.10 nats a token under a local model of language)"),
        (0.5, "Reads more naturally than before (+0.50 nats a token under a local model of language)"),
        (-2.0, "Reads worse than before (−2.00 nats a token under a local model of language)"),
    ],
)
def test_how_an_edit_reads(change, title):
    assert reading_ease(contrast(naturalness=change)) == title


FAULTS = "edits that went that far keep words with which the judge's reason finds fault"
MORE = "No readable edit was found that lifts the score to 0.60 or more: "


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, MORE + "the best of 4 tries reached 0.45."),
        ({"calls": 1}, MORE + "the one try reached 0.45."),
        (
            {"score_after": 0.76, "notes": (FAULTS,)},
            MORE + "the best of 4 tries reached 0.76, but kept words with which the judge's reason finds fault.",
        ),
        (
            {"score_before": 0.7, "score_after": 0.55},
            "No readable edit was found that lowers the score to 0.40 or less: the best of 4 tries reached 0.55.",
        ),
        (
            {"stopped": "no fills", "calls": 0, "infills": 0},
            "No edit was found: nothing can be left out of the reply so that a readable one remains. A chat model can "
            "rewrite it (--editor rewrite:MODEL).",
        ),
        ({"stopped": "nothing to edit", "calls": 0}, "There is nothing to edit in the turns that may be edited."),
    ],
)
def test_that_no_edit_was_found_is_one_short_sentence(fields, sentence):
    assert no_edit(contrast(**fields), 0.5) == sentence


def test_the_long_form_says_that_edits_keep_faults():
    assert contrast_outcome(contrast(score_after=0.76, notes=(FAULTS,)), 0.5) == (
        f"No edit moved the score from 0.30 to 0.60 {MARGIN} in 4 tries without words with which the judge's reason "
        "finds fault; with them the best reached 0.76."
    )


ANYWHERE = "An edit moved the score 0.30 → 0.70, but so did an edit elsewhere in {}: its place does not matter."
ASSUMED = "delta 0.1 is an assumption: the noise floor of this judge was not measured"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"stopped": "nothing to edit", "calls": 0, "notes": ("there is no word that may be edited",)},
         "There is nothing to edit in the turns that may be edited."),
        ({"stopped": "nothing to edit", "calls": 0, "question": "revise"}, "There is nothing to edit in the reply."),
        ({"stopped": "no fills", "calls": 0, "infills": 0, "notes": (ASSUMED, "the infiller failed: gone")},
         "No text was proposed for an edit; the infiller failed: gone."),
        ({"stopped": "no fills", "calls": 0, "infills": 3, "notes": ("edited texts that were refused: 3; x",)},
         "Every proposed text was refused; edited texts that were refused: 3; x."),
        ({"stopped": "not scored", "calls": 0, "notes": ("the unchanged turn has no score: gone",)},
         "The turn could not be scored: the unchanged turn has no score: gone"),
        ({"stopped": "searched", "calls": 0, "notes": (ASSUMED, "out of reach: 1.10")},
         "No contrast: the score is 0.30 and cannot go that far."),
        ({"notes": (ASSUMED, "a regenerated answer was cut after 256 tokens")},
         f"No edit moved the score from 0.30 to 0.60 {MARGIN} in 4 tries; the best reached 0.45; "
         "a regenerated answer was cut after 256 tokens."),
        ({"stopped": "anywhere", "score_after": 0.7, "placebo_draws": 3, "placebo_crossed": 2},
         ANYWHERE.format("2 of 3 tries")),
        ({"stopped": "anywhere", "score_after": 0.7, "placebo_draws": 1, "placebo_crossed": 1},
         ANYWHERE.format("1 of 1 try")),
    ],
)  # fmt: skip
def test_a_search_that_found_nothing_is_one_line_with_its_reason(fields, outcome):
    assert contrast_outcome(contrast(**fields), 0.5) == outcome


@pytest.mark.parametrize("question", ["revise", "rescore", "regenerate"])
def test_a_terminal_shows_one_line_of_a_search_that_found_nothing(question):
    turns = (Turn("user", "Hello?"), Turn("assistant", "It is fine."))
    unit = Unit(1, 6, 10, "word")
    failed = contrast(
        question=question, turn=1, edits=(Edit(unit, "fine", "salad"),),
        turns=(turns[0], Turn("assistant", "It is salad.")), response_before="It is fine.", response_after="salad",
        notes=("a note",),
    )  # fmt: skip
    out = StringIO()
    scored = ScoredTurn(1, Conversation("c", turns), 1, load_rubric("helpfulness"), 0.3)
    show_contrast(Console(file=out, width=80), scored, failed, "unvalidated")
    (line,) = out.getvalue().splitlines()
    assert line.startswith(f"c:1 nice (unvalidated), {question}: No edit moved the score from 0.30 to 0.60")
    assert line.endswith("the best reached 0.45; a note.")
    assert "salad" not in line


def test_a_terminal_shows_a_contrast_with_its_proof_and_a_word_diff():
    turns = (Turn("user", "Hello?"), Turn("assistant", "It is not fine. Bye."))
    unit = Unit(1, 0, 15, "sentence")
    found = contrast(
        question="revise", turn=1, found=True, score_after=0.7, edits=(Edit(unit, "It is not fine.", ""),),
        turns=(turns[0], Turn("assistant", "Bye.")), fresh_draws=5, fresh_held=5, placebo_draws=5, naturalness=-0.1,
        edit_distance=4,
    )  # fmt: skip
    out = StringIO()
    scored = ScoredTurn(1, Conversation("c", turns), 1, load_rubric("helpfulness"), 0.3)
    show_contrast(Console(file=out, width=80), scored, found, "unvalidated")
    assert out.getvalue().splitlines() == [
        "c:1 nice (unvalidated), revise: 0.30 → 0.70 (threshold 0.5) by 4 changed words; held in 5 of 5 fresh "
        "measurements; an edit about as large elsewhere crossed in 0 of 5 tries.",
        "  turn 1, assistant: [-It is not fine.-] Bye.",
    ]


@pytest.mark.parametrize(
    ("fields", "again"),
    [
        ({"stopped": "no fills", "infills": 0}, False),  # nothing can be left out: another time it is the same
        ({"stopped": "no fills", "infills": 0, "notes": ("the editor x failed: gone",)}, True),
        ({"stopped": "not scored"}, True),
        ({"failed": 1}, True),
        ({"failed": 1, "found": True}, False),
    ],
)
def test_what_failed_is_tried_again_and_what_cannot_be_is_not(fields, again):
    assert is_retryable(contrast(**fields)) is again
