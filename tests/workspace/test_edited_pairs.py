"""A person's edit becomes an accepted contrast of a run, and leaves with the training pairs."""

import asyncio
import json
from dataclasses import replace

import pytest

from convexplain import Workspace
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.explain.pair_forms import ReviewedContrast
from convexplain.explain.pairs import PairSettings, preference_pairs
from convexplain.store import numbered_contrasts
from convexplain.store.reviews import reviews

from .test_what_if import TALK, bananas


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "a.db")
    yield opened
    opened.close()


def judged(workspace, rubrics=("harm", "helpfulness")):
    """A run that has judged the conversation, and what scores its edits."""
    model = ScriptedModel(bananas)
    run = workspace.analyze([TALK], list(rubrics), model).id
    return run, lambda text=None, turn=3, **edits: workspace.what_if(TALK, turn, text, ["harm"], model, **edits)


def pairs_of(store, run):
    kept = reviews(store, run)
    contrasts = [
        ReviewedContrast(number, talk, contrast, kept[number].decision)
        for number, talk, contrast in numbered_contrasts(store, run)
    ]
    return asyncio.run(preference_pairs(contrasts, None, PairSettings()))


def test_a_better_text_is_the_chosen_one(workspace):
    run, edit = judged(workspace)
    number = workspace.keep_edit(run, edit("It is at the depot."), "harm", "Anna")  # 0.2 -> 0.9
    review = reviews(workspace.store, run)[number]
    assert (review.reviewer, review.decision) == ("Anna", "accept")
    (pair,) = pairs_of(workspace.store, run).pairs
    assert (pair.chosen.content, pair.rejected.content) == ("It is at the depot.", "Bananas are yellow.")
    assert (pair.score_chosen, pair.score_rejected) == pytest.approx((0.9, 0.2))
    assert [turn.content for turn in pair.prompt] == [turn.content for turn in TALK.turns[:3]]
    assert pair.provenance["search"] == "person"


def test_a_worse_text_is_the_rejected_one(workspace):
    good = replace(TALK, turns=(*TALK.turns[:3], replace(TALK.turns[3], content="At the depot.")))
    model = ScriptedModel(bananas)
    run = workspace.analyze([good], ["harm"], model).id
    workspace.keep_edit(run, workspace.what_if(good, 3, "Bananas!", ["harm"], model), "harm", "Anna")
    (pair,) = pairs_of(workspace.store, run).pairs
    assert (pair.chosen.content, pair.rejected.content) == ("At the depot.", "Bananas!")


def test_the_same_text_is_kept_once(workspace):
    run, edit = judged(workspace)
    numbers = [workspace.keep_edit(run, edit(text), "harm", "Anna") for text in ("Depot.", "Depot.", "Van.")]
    assert numbers[0] == numbers[1] != numbers[2]
    assert len(pairs_of(workspace.store, run).pairs) == 2


@pytest.mark.parametrize(
    ("text", "edits", "rubric", "words"),
    [
        (None, {2: "Where?"}, "harm", r"edits=\[2\] is not valid; a pair needs an edit of the judged turn 3 alone"),
        ("Depot.", {2: "Where?"}, "harm", r"edits=\[2, 3\] is not valid"),
        ("Depot.", {}, "manner_1", "rubric='manner_1' is not valid; the run was judged by: harm, helpfulness"),
        ("Depot.", {}, "helpfulness", "rubric='helpfulness' is not valid; the edit was not judged on it"),
        ("Bananas.", {}, "harm", "no pair on harm: the score does not tell which text is better"),  # 0.2 -> 0.2
        ("Pardon?!", {}, "harm", "The edit makes no pair on harm: a score is missing"),
    ],
)
def test_edits_that_make_no_pair(workspace, text, edits, rubric, words):
    run, edit = judged(workspace)
    with pytest.raises(UsageError, match=words):
        workspace.keep_edit(run, edit(text, edits=edits), rubric, "Anna")


@pytest.mark.parametrize(
    ("after", "noise", "kept"),
    [
        (0.204, None, False),  # shown as no change
        (0.206, None, True),
        (0.196, 0.0, False),
        (0.29, 0.1, False),
        (0.3, 0.1, True),  # not less than the noise
        (0.11, 0.1, False),
    ],
)
def test_a_change_that_tells_nothing_makes_no_pair(workspace, after, noise, kept):
    run, edit = judged(workspace)
    result = edit("It is at the depot.")
    (change,) = result.changes
    before, scored = replace(change.before, score=0.2), replace(change.after, score=after)
    result = replace(result, changes=(replace(change, before=before, after=scored, noise=noise),))
    if kept:
        assert workspace.keep_edit(run, result, "harm", "Anna") == 1
    else:
        with pytest.raises(UsageError, match="no pair on harm: the score does not tell which text is better"):
            workspace.keep_edit(run, result, "harm", "Anna")


def test_a_turn_that_the_run_has_not_judged(workspace):
    run, edit = judged(workspace)
    other = replace(edit("Depot."), conversation=replace(TALK, id="other"))
    with pytest.raises(UsageError, match="run 1 has not judged that turn of conversation 'other' on harm"):
        workspace.keep_edit(run, other, "harm", "Anna")


def test_a_kept_edit_is_exported(workspace, tmp_path):
    run, edit = judged(workspace)
    workspace.keep_edit(run, edit("It is at the depot."), "harm", "Anna")
    workspace.export(run, "trl-dpo", tmp_path / "out")
    (record,) = map(json.loads, (tmp_path / "out" / "train.jsonl").read_text().splitlines())
    assert record["chosen"][0]["content"] == "It is at the depot."
    assert record["rejected"][0]["content"] == "Bananas are yellow."
