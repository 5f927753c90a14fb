"""A person's edit of a judged turn, kept as a contrast that this person has accepted as a training pair."""

import math
from collections.abc import Sequence

from convexplain.errors import UsageError
from convexplain.fidelity.edits import edit_distance, edit_rate
from convexplain.store import Run, RunStore, ScoredTurn, keep_contrast, run_rubrics, scored_places, scored_turns
from convexplain.store.reviews import Review, keep_review
from convexplain.types import Contrast, Edit, Goal, Rubric, Unit, sha256_json

from .what_if import ScoreChange, WhatIf

BY_HAND = "person"
"""The search and the infiller of contrasts that a person wrote."""


def keep_edit(store: RunStore, run: Run, edit: WhatIf, rubric: str, reviewer: str, number: int | None = None) -> int:
    """Keep an edit as an accepted contrast, as `AsyncWorkspace.keep_edit` does; return the contrast's number."""
    if list(edit.edits) != [edit.turn]:
        raise UsageError(
            f"edits={sorted(edit.edits)} is not valid; a pair needs an edit of the judged turn {edit.turn} alone"
        )
    turn = _judged_turn(store, run, edit, _rubric_of(run_rubrics(store, run.id), rubric), number)
    change = _change_of(edit.changes, rubric)
    settings = sha256_json({"search": BY_HAND, "judge": change.after.model, "text": edit.text})
    contrast = keep_contrast(store, run.id, turn, settings, _contrast(edit, change))
    keep_review(store, Review(contrast, reviewer, "accept"))
    return contrast


def _rubric_of(rubrics: Sequence[Rubric], rubric: str) -> Rubric:
    maxim = next((maxim for maxim in rubrics if maxim.id == rubric), None)
    if maxim is None:
        names = ", ".join(maxim.id for maxim in rubrics)
        raise UsageError(f"rubric={rubric!r} is not valid; the run was judged by: {names}")
    if maxim.of_conversation:
        raise UsageError(f"rubric={rubric!r} is not valid; it judges conversations, and a pair needs a maxim of turns")
    return maxim


def _judged_turn(store: RunStore, run: Run, edit: WhatIf, rubric: Rubric, number: int | None) -> ScoredTurn:
    places = scored_places(store, run.id, rubric, place=(edit.conversation.id, edit.turn))
    for turn in scored_turns(store, rubric, places):
        if number in (None, turn.number) and turn.conversation.until(edit.turn) == edit.conversation.until(edit.turn):
            return turn
    raise UsageError(
        f"turn={edit.turn} is not valid; run {run.id} has not judged that turn of conversation "
        f"{edit.conversation.id!r} on {rubric.id}, or it has other words there"
    )


def _change_of(changes: Sequence[ScoreChange], rubric: str) -> ScoreChange:
    change = next((change for change in changes if change.rubric.id == rubric), None)
    if change is None:
        raise UsageError(f"rubric={rubric!r} is not valid; the edit was not judged on it")
    if not change.tells_better:
        missing = "a score is missing" if change.change is None else "the score does not tell which text is better"
        raise UsageError(f"The edit makes no pair on {rubric}: {missing}.")
    return change


def _contrast(edit: WhatIf, change: ScoreChange) -> Contrast:
    before, difference = edit.conversation.turns[edit.turn], change.change or 0.0
    goal: Goal = "improve" if difference > 0 else "worsen"
    unit = Unit(edit.turn, 0, len(before.content), "turn")
    return Contrast(
        conversation_id=edit.conversation.id,
        turn=edit.turn,
        rubric=change.rubric.id,
        question="revise",
        goal=goal,
        search=BY_HAND,
        found=True,
        delta=math.floor(abs(difference) * 100) / 100,
        score_before=change.before.score,
        score_after=change.after.score,
        score_again=None,
        edits=(Edit(unit, before.content, edit.text),),
        turns=edit.edited.until(edit.turn).turns,
        response_before=before.content,
        response_after=edit.text,
        calls=1,
        prompts=1,
        infills=0,
        failed=0,
        trace=((1, abs(difference)),),
        edit_distance=edit_distance(before.content, edit.text),
        edit_rate=edit_rate(before.content, edit.text),
        stopped="found",
        seconds=0.0,
        judge=change.after.model,
        responder=None,
        infiller=BY_HAND,
        editable=(edit.turn,),
    )
