"""Scores of turns by judges and by people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EvidenceKind = Literal["label_probability", "samples", "head"]
QuoteCheck = Literal["verified", "earlier_reply", "missing", "none"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of a score: the measurement behind it.

    Attributes:
        kind: `label_probability`, `samples` or `head`; None when no measurement came about.
        probabilities: label to its share of what fell on labels (sums to 1).
        off_label: share of the probability (or of the draws) that fell on no label, in [0, 1].
        unseen: labels outside the endpoint's top k: their probability is only bounded from above.
        n: draws that were read (samples only).
        spread: standard deviation of the draws' values (samples only; None below two draws).
        left_out: how many of the oldest turns were left out because the window was too small.
        notes: further remarks for readers of the score.
        raw: the model's reply, kept when it could not be read.
        raw_score: what the judge gave, where the score is a calibrated one.
        reason_quotes: whether the words that the reason quotes are in the conversation: `verified`, `earlier_reply`
            (all are of an earlier reply of the assistant only), `missing` (one of them is not there) or `none` (it
            quotes nothing); None = not checked, or there is no reason in words.
    """

    kind: EvidenceKind | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict, hash=False)
    off_label: float = 0.0
    unseen: tuple[str, ...] = ()
    n: int | None = None
    spread: float | None = None
    left_out: int = 0
    notes: tuple[str, ...] = ()
    raw: str | None = None
    raw_score: float | None = None
    reason_quotes: QuoteCheck | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's score of one turn on one rubric, with its evidence.

    Attributes:
        conversation_id: the conversation's id.
        turn: 0-based index into its turns.
        rubric: the rubric's id.
        score: in [0, 1], 1 = the requirement is satisfied; None = unscored, and `reason` says why.
        label: the most probable label; None when unscored.
        reason: the judge's explanation in words, if it was asked for; of an unscored turn, why it has no score.
        evidence: how the score was measured.
        model: the judge's model.
        prompt_sha: SHA-256 of the prompt that was judged.
    """

    conversation_id: str
    turn: int
    rubric: str
    score: float | None
    label: str | None
    reason: str | None
    evidence: Evidence
    model: str
    prompt_sha: str


@dataclass(frozen=True, slots=True)
class Rating:
    """A person's score of one turn on one rubric.

    Attributes:
        conversation_id, turn: which turn; `turn` is a 0-based index.
        rubric: id of the rubric that it answers.
        score: in [0, 1], 1 = the requirement is satisfied, whatever the rubric is called.
        rater: who; None where it is not known, or where it is the mean of several.
        label: the person's own word or number for it, as it was written; None where there was a score only.
        note: what the person wrote about it; None where there is no note.
    """

    conversation_id: str
    turn: int
    rubric: str
    score: float
    rater: str | None = None
    label: str | None = None
    note: str | None = None
