"""Edits that change scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .conversations import Turn
from .units import Edit

Question = Literal["rescore", "regenerate", "revise"]
Goal = Literal["cross", "improve", "worsen"]


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """An edit that trades one maxim for another: no other measured edit is better on one count and as good on all.

    Attributes:
        texts: index and edited text of each turn that it edits.
        scores: a rubric's id to the score with the edit, in [0, 1], 1 = satisfied: first that of the rubric that was to
            change, then those that were kept.
        words: words to insert, delete or replace.
        response: the response that was judged.
    """

    texts: tuple[tuple[int, str], ...]
    scores: Mapping[str, float] = field(hash=False)
    words: int
    response: str


@dataclass(frozen=True, slots=True)
class Contrast:
    """The smallest edit that was found to carry a turn's score over its threshold, or the largest movement.

    Attributes:
        conversation_id, turn, rubric: the judged turn.
        question: what was asked: `rescore` (the logged answer in an edited context), `regenerate` (the responder's
            answer to it) or `revise` (the judged turn's own words are edited).
        goal: `cross` the threshold, or `improve` or `worsen` the score by delta.
        search: the search's name.
        found: g reached delta, and where the judge draws samples fresh draws confirmed it.
        delta: by how much the score had to go beyond the threshold (`cross`) or to change.
        score_before, score_after: the judge's scores in [0, 1], 1 = satisfied; None where there is none.
        score_again: the mean of fresh measurements of score_after; None where none was made.
        edits: the replaced units or whole sentences, in the order of the text.
        turns: the whole conversation up to the judged turn as edited, with the response that was judged.
        response_before, response_after: the responses that were judged.
        calls: edited contexts sent to the responder or the judge; the unchanged one is not counted. Each judgement on a
            kept maxim counts as one more.
        prompts: different edited contexts among them.
        infills: units that an infiller filled.
        failed: calls without a score.
        trace: for each edited context that was measured the number of units that were edited, and g; of one that lowers
            a kept maxim, g less by as much as that fell too far.
        edit_distance: words to insert, delete or replace to get from the text to the edited one.
        edit_rate: that, divided by the words that might be edited; None where there were none.
        stopped: why the search ended: `found`, `budget`, `searched`, `no fills`, `nothing to edit`, `not scored`,
            `too close` (to the threshold, for the judge's measured noise), `anywhere` (edits elsewhere cross as
            often as not, so the edit's place does not matter; only where the goal is `cross`, and not of a reply that
            is made better).
        seconds: the duration of the search.
        judge, responder, infiller: the models' names.
        notes: further remarks for readers.
        editable: indices of the turns that might be edited.
        fresh_draws: measurements that were made after the edit was chosen, where measurements vary: the responder and
            the judge were asked again.
        fresh_held: how many of them go as far beyond the threshold as they should.
        placebo_draws: edits about as large elsewhere, if possible in the same turns, that were measured.
        placebo_crossed: how many of these reach delta too; the fewer, the more the contrast's own place matters.
        naturalness: change of the log-probability, in nats for each changed token, at the edit's worst place, under a
            local model of language; about 0 = reads as well as before, far below 0 = reads worse; None where it was not
            measured.
        kept_scores: the id of each kept maxim to its scores before and after, in [0, 1], 1 = satisfied, means where
            they were measured several times; None where there is none.
        conflicts: the id of a kept maxim to the number of edits that reached delta and lowered it by more than noise.
        pareto: edits that trade the maxim for a kept one, where edits conflict or the list was asked for; that which
            moves the score furthest first.
    """

    conversation_id: str
    turn: int
    rubric: str
    question: Question
    goal: Goal
    search: str
    found: bool
    delta: float
    score_before: float | None
    score_after: float | None
    score_again: float | None
    edits: tuple[Edit, ...]
    turns: tuple[Turn, ...]
    response_before: str
    response_after: str
    calls: int
    prompts: int
    infills: int
    failed: int
    trace: tuple[tuple[int, float | None], ...]
    edit_distance: int
    edit_rate: float | None
    stopped: str
    seconds: float
    judge: str
    responder: str | None
    infiller: str
    notes: tuple[str, ...] = ()
    editable: tuple[int, ...] = ()
    fresh_draws: int = 0
    fresh_held: int = 0
    placebo_draws: int = 0
    placebo_crossed: int = 0
    naturalness: float | None = None
    kept_scores: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict, hash=False)
    conflicts: Mapping[str, int] = field(default_factory=dict, hash=False)
    pareto: tuple[ParetoPoint, ...] = ()

    @property
    def texts(self) -> tuple[str, str]:
        """The turns that might be edited, joined by line ends, as they were and as edited."""
        after = [self.turns[turn].content for turn in self.editable]
        before = [_taken_back(self.turns[turn].content, turn, self.edits) for turn in self.editable]
        return "\n".join(before), "\n".join(after)


def _taken_back(content: str, turn: int, edits: Iterable[Edit]) -> str:
    """The content of a turn before the edits, whose units are places in the text before them."""
    for edit in sorted((edit for edit in edits if edit.unit.turn == turn), key=lambda edit: edit.unit.start):
        # What comes before this edit is as it was by now, so its place is right.
        content = content[: edit.unit.start] + edit.before + content[edit.unit.start + len(edit.after) :]
    return content
