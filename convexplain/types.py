"""The words of the domain as small frozen types. Nothing here computes or performs I/O."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from .parts import Part, Reasoning, ToolResult, aligned_parts, normalized_parts, visible_content

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")

Level = Literal["turn", "sentence", "phrase", "word"]
LEVELS: tuple[Level, ...] = ("turn", "sentence", "phrase", "word")
AttributionLevel = Level | Literal["mixed"]

RubricScope = Literal["turn", "conversation"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One contribution to a conversation.

    Attributes:
        role: who speaks.
        content: the text that people see, untouched; calls of tools and media stand in it as `[tool call f({…})]` and
            `[image]`, results of tools as their texts. Reasoning is not in it.
        name: the speaker's own name, where the log has one.
        at: when it was said, where the log says so.
        metadata: whatever else the log holds about it (JSON values).
        parts: the parts that make up the content, and the reasoning; none where the content is one text, or a tool's
            result without an id. Where the content of a turn is replaced (`dataclasses.replace`), the parts follow it
            (`parts.aligned_parts`).
    """

    role: Role
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if self.parts:
            parts = normalized_parts(self.parts)
            if parts and visible_content(parts) != self.content:
                parts = aligned_parts(parts, self.content)
            if self.role == "tool" and parts in _plain_results(self.content, self.name):
                parts = ()
            object.__setattr__(self, "parts", parts)

    @classmethod
    def of_parts(
        cls,
        role: Role,
        parts: Sequence[Part],
        name: str | None = None,
        at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> "Turn":
        """Return the turn with these parts: its content is what people see of them."""
        return cls(role, visible_content(parts), name, at, metadata or {}, tuple(parts))

    @property
    def reasoning(self) -> str:
        """The model's thoughts in this turn, joined by line ends; empty for none."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Reasoning) and part.text)


_set_role, _set_content, _set_name, _set_at, _set_metadata, _set_parts = (
    getattr(Turn, name).__set__ for name in ("role", "content", "name", "at", "metadata", "parts")
)


def plain_turn(role: Role, content: str, name: str | None, at: datetime | None, metadata: Mapping[str, Any]) -> Turn:
    """Return a turn whose content is one text, in half the time that `Turn` takes: for readers of large logs."""
    turn = object.__new__(Turn)
    _set_role(turn, role)
    _set_content(turn, content)
    _set_name(turn, name)
    _set_at(turn, at)
    _set_metadata(turn, metadata)
    _set_parts(turn, ())
    return turn


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in order.

    Attributes:
        id: unique within its source; the reader makes one up where the log has none.
        turns: the turns, oldest first.
        source: where it comes from (a file's path, "memory").
        metadata: whatever else the log holds about it (JSON values).
    """

    id: str
    turns: tuple[Turn, ...]
    source: str = "memory"
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def until(self, turn: int) -> "Conversation":
        """Return the same conversation, up to and with that turn."""
        return replace(self, turns=self.turns[: turn + 1])


@dataclass(frozen=True, slots=True)
class Unit:
    """A span of one turn's text, `turns[turn].content[start:end]`, in code points.

    The units of one level tile the text: their spans joined give it back exactly.
    """

    turn: int
    start: int
    end: int
    level: Level

    def of(self, text: str) -> str:
        """Return the unit's characters in the content of its turn."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Edit:
    """One unit replaced by another text."""

    unit: Unit
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Label:
    """One answer a judge may give: its name, its value in [0, 1] (1 = satisfied) and when to give it."""

    name: str
    value: float
    criterion: str


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled example of a rubric; its last turn is the one that the label is about."""

    label: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Rubric:
    """One maxim: what is required, how it is labelled, and from which score on it counts as satisfied.

    Attributes:
        id: e.g. `helpfulness`, `quantity_1`.
        title: for people; says what score 1 means where the id could mislead (`harm`).
        category: one of the paper's six, or "headline", or a user's own word.
        requirement: one sentence about "the response"; about "the assistant" where the scope is the conversation.
        labels: two or more, with distinct values; 1 always means that the requirement is satisfied.
        examples: labelled examples, shown to the judge in this order.
        threshold: a turn scoring below it is flagged; in (0, 1).
        notes: for people and judge: what the requirement does not mean.
        scope: `turn`: each assistant turn is judged, with what comes before it; `conversation`: the conversation is
            judged once, from its first turn to its end, and the judgement is kept at its last assistant turn.
    """

    id: str
    title: str
    category: str
    requirement: str
    labels: tuple[Label, ...]
    examples: tuple[Example, ...]
    threshold: float
    notes: tuple[str, ...] = ()
    scope: RubricScope = "turn"

    @property
    def sha(self) -> str:
        """SHA-256 of everything in it: two rubrics with one sha ask a judge the same and read it the same."""
        body = asdict(self)
        if self.scope == "turn":  # rubrics of turns have the SHA that they had before there were others
            del body["scope"]
        for example in body["examples"]:
            # Turns of one text are as they were before turns had parts, and so is the SHA of rubrics with them.
            example["turns"] = tuple({k: v for k, v in turn.items() if k != "parts" or v} for turn in example["turns"])
        return sha256_json(body)

    @property
    def of_conversation(self) -> bool:
        """Return True where the conversation is judged, and not each turn."""
        return self.scope == "conversation"

    def judged(self, conversation: Conversation, turn: int) -> Conversation:
        """Return what is judged: the conversation up to and with a turn, or all of it."""
        return conversation if self.of_conversation else conversation.until(turn)

    def value(self, label: str) -> float:
        """Return the value of a label, in [0, 1]."""
        return next(item.value for item in self.labels if item.name == label)


EvidenceKind = Literal["label_probability", "samples", "head"]
QuoteCheck = Literal["verified", "missing", "none"]


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
        reason_quotes: whether the words that the reason quotes are in the conversation: `verified`, `missing` (one of
            them is not there) or `none` (it quotes nothing); None = not checked, or there is no reason in words.
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


_SCALES = ("log_odds", "score")  # scalarizers whose value is the judge's score
_EDGE = 1e-9  # nearer to 0 and 1 all scores have the same log-odds

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
            often as not, so the edit's place does not matter; not of a reply that is made better).
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


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pair of units that do more or less together than the sum of the two.

    Attributes:
        units: places of the two among the units that were attributed to, in order.
        value: by how much the pair together raises the value beyond the sum of the two. Positive = each needs the other
            (complementary); negative = either is enough (redundant), for units that raise the value; for units that
            lower it, the other way round. A mean over texts with and without the other units.
        fitted: the fitted values of the whole text, without the first of the two, without the second, and without both;
            None in attributions that were stored before there were such values.
    """

    units: tuple[int, int]
    value: float
    fitted: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The attribution of a judged turn's value to units of one level.

    Attributes:
        conversation_id, turn, rubric: the judged turn; `rubric` is empty where no judge was asked.
        question: `rescore` (the logged answer in a conversation without some units) or `regenerate` (the responder's
            answer to it).
        method: the attribution method's name.
        level: what one unit is; `mixed` where the units are of several levels, in one ranking. Units have their own
            levels: of a reply that the finest level does not divide there are finer ones.
        scalarizer: the name of the values: `log_odds` of the judge's score, the `score` itself, or another
            scalarizer's.
        units: the units that were attributed to, in the order of the text.
        scores: one a unit, on the scale of the values; positive = the unit raises the value; None where that could not
            be had.
        side: 1 where the units that raise the value explain the turn (it is on the good side of the threshold), -1
            where those do that lower it.
        full: the value of the unchanged turn; None where there is none.
        baseline: the value without all units of the coarsest level that lie before the judged turn; None where it was
            not evaluated.
        score: the judge's score of the unchanged turn in [0, 1]; None where there is none.
        noise: a smaller difference between two scores of this judge may be noise; None where no judge was asked.
        chosen: `joint` only: places in `units` of those that together move the value most.
        drop: `joint` only: the loss of value without them, counted toward `side`.
        perturbed: what was done to a removed unit: `remove`, `placeholder` or `infill`.
        calls: perturbed conversations that were evaluated for this level; the unchanged one is not counted.
        failed: those of them that have no value.
        seconds: the duration of all levels together.
        judge, responder: the models' names.
        notes: further remarks for readers.
        target: the span of the reply whose value is attributed; empty where it is that of the reply.
        interactions: `surrogate` only: pairs of units that do more or less together than the sum of the two, at most
            five, the largest first.
    """

    conversation_id: str
    turn: int
    rubric: str
    question: Question
    method: str
    level: AttributionLevel
    scalarizer: str
    units: tuple[Unit, ...]
    scores: tuple[float | None, ...]
    side: int
    full: float | None
    baseline: float | None
    score: float | None
    noise: float | None
    chosen: tuple[int, ...]
    drop: float | None
    perturbed: str
    calls: int
    failed: int
    seconds: float
    judge: str
    responder: str | None
    notes: tuple[str, ...] = ()
    target: str = ""
    interactions: tuple[Interaction, ...] = ()

    @property
    def of_score(self) -> bool:
        """True where the judge's score is attributed, and not another scalarizer's value."""
        return self.scalarizer in _SCALES

    @property
    def of_reply_score(self) -> bool:
        """True where the judge's score of the reply is attributed, and not that of a span of it."""
        return self.of_score and not self.target

    @property
    def scores_without(self) -> tuple[float | None, ...]:
        """For each unit the value without it by its attribution, in [0, 1] where it is the judge's score."""
        full = self.full
        return tuple(None if full is None or score is None else self.value_of(full - score) for score in self.scores)

    @property
    def noisy(self) -> tuple[bool, ...]:
        """For each unit True where its effect on the judge's score is less than the judge's noise."""
        if self.noise is None or self.score is None:
            return (False,) * len(self.units)
        return tuple(value is not None and abs(self.score - value) < self.noise for value in self.scores_without)

    def value_of(self, value: float | None) -> float | None:
        """Return a value as people read it: of the judge's score in [0, 1], though a fit may go beyond."""
        return None if value is None else score_of(value, self.scalarizer)


def score_of(value: float, scalarizer: str) -> float:
    """Return a value as people read it: a score in [0, 1] of the judge's `log_odds` or `score`, else the value."""
    if scalarizer not in _SCALES:
        return value
    return probability(value) if scalarizer == "log_odds" else min(max(value, 0.0), 1.0)


def log_odds(score: float) -> float:
    """Return the log-odds of a score in [0, 1]; of 0 and 1 about ±20.7."""
    clipped = min(max(score, _EDGE), 1 - _EDGE)
    return math.log(clipped / (1 - clipped))


def probability(log_odds: float) -> float:
    """Return the score of log-odds, in [0, 1]."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


def _plain_results(content: str, name: str | None) -> list[tuple[Part, ...]]:
    """The parts of a tool's turn that say no more than its content and its name."""
    return [(ToolResult(content),), (ToolResult(content, "", name or ""),)]


def _taken_back(content: str, turn: int, edits: Iterable[Edit]) -> str:
    """The content of a turn before the edits, whose units are places in the text before them."""
    for edit in sorted((edit for edit in edits if edit.unit.turn == turn), key=lambda edit: edit.unit.start):
        # What comes before this edit is as it was by now, so its place is right.
        content = content[: edit.unit.start] + edit.before + content[edit.unit.start + len(edit.after) :]
    return content


def sha256_json(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON; lone surrogates are allowed."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
