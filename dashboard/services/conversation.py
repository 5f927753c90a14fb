"""One conversation as its page shows it: judgements, contributions of earlier text, and the judge's prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, ScoredTurn, run_rubrics
from convexplain.store.conversations import explanation_kinds, find_conversations, judged_conversation
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import turn_rows
from convexplain.types import Attribution, Conversation, Judgement, Rubric, Unit
from convexplain.workspace import judge_request

from .trust import run_marks

_AROUND = (8, 4)  # turns shown before and after the selected one


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation of a run with its judgements.

    Attributes:
        run, number: the run's number, and the conversation's number in the store.
        conversation: the conversation.
        rubrics: the rubrics of the run.
        marks: the trust in the run's judge, by the rubrics' ids.
        judgements: judgements by the turn's index and the rubric's id.
        explained: kinds of the stored explanations by the same keys: `attribution`, `contrast` (successful), `attempt`.
        same_id: number of the run's conversations with this id.
    """

    run: int
    number: int
    conversation: Conversation
    rubrics: tuple[Rubric, ...]
    marks: Mapping[str, TrustMark]
    judgements: Mapping[tuple[int, str], Judgement]
    explained: Mapping[tuple[int, str], set[str]]
    same_id: int = 1

    @property
    def judged(self) -> tuple[int, ...]:
        """Return the indices of the judged turns, in order."""
        return tuple(sorted({turn for turn, _ in self.judgements}))

    def scored_turn(self, turn: int, rubric: Rubric) -> ScoredTurn:
        """Return a judged turn in the form by which the store finds its explanations."""
        judgement = self.judgements.get((turn, rubric.id))
        return ScoredTurn(self.number, self.conversation, turn, rubric, judgement.score if judgement else None)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rebuilt prompt of a judge; `exact` means that it equals the original letter by letter."""

    text: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one unit to the score.

    Attributes:
        unit: the unit.
        text: its words.
        score: the contribution on the scale of the attribution; a positive one raises the score.
        share: the contribution as a share of the largest one, in [-1, 1].
        without: the score without the unit, or None.
        noisy: whether it is less than the judge's noise.
        chosen: whether joint attribution chose the unit.
        needs_others: whether leaving it out alone changes nothing beyond the noise.
    """

    unit: Unit
    text: str
    score: float
    share: float
    without: float | None
    noisy: bool
    chosen: bool
    needs_others: bool


def open_conversation(
    store: RunStore, run: int, conversation: str, number: int | None = None
) -> ConversationView | None:
    """Return a run's conversation by its id, or None where there is none.

    Args:
        store: the run store.
        run: the run's number.
        conversation: the conversation's id.
        number: the conversation's number in the store, which tells conversations of the same id apart.
    """
    numbers = find_conversations(store, run, conversation)
    if not numbers:
        return None
    number = number if number in numbers else numbers[0]
    judged = judged_conversation(store, run, number)
    if judged is None:
        return None
    judgements = {(judgement.turn, judgement.rubric): judgement for judgement in judged[1]}
    rubrics, explained = tuple(run_rubrics(store, run)), explanation_kinds(store, run, number)
    marks = run_marks(store, store.run(run))
    return ConversationView(run, number, judged[0], rubrics, marks, judgements, explained, len(numbers))


def worst_turn(store: RunStore, run: int, sha: str, threshold: float) -> tuple[str, int, int] | None:
    """Return the turn with the lowest score, else an unscored one: its conversation's id and number, and its index."""
    which = JudgementFilters(run, sha, threshold)
    worst = turn_rows(store, which, 1) or turn_rows(store, which, 1, unscored=True)
    return (worst[0].conversation, worst[0].number, worst[0].turn) if worst else None


def judged_turn(view: ConversationView, turn: int | None, rubric: str) -> int | None:
    """Return the turn itself if it was judged on the rubric, else the lowest scored turn, else the first judged one."""
    scores = {index: judgement.score for (index, name), judgement in view.judgements.items() if name == rubric}
    if turn in scores or not scores:
        return turn if turn in scores else None
    return min(scores, key=lambda index: (scores[index] is None, scores[index] or 0.0, index))


def shown_span(turns: int, selected: int, wide: bool, most: int = 200) -> tuple[int, int]:
    """Return the first index and the end index (not included) of the turns to show around the selected one.

    Args:
        turns: number of turns in the conversation.
        selected: index of the selected turn.
        wide: whether to show `most` turns instead of the few around the selected one.
        most: number of turns of a wide span.
    """
    before, after = (most // 2, most // 2) if wide else _AROUND
    return max(0, selected - before), min(turns, selected + after + 1)


def rebuild_prompt(view: ConversationView, judgement: Judgement, rubric: Rubric) -> Prompt | None:
    """Rebuild the prompt of a judgement (of its first sample, where samples were drawn).

    Returns:
        The prompt; None where a head gave the score, because a head is not asked for a label.
    """
    if judgement.evidence.kind == "head":
        return None
    draw = 0 if judgement.evidence.kind == "samples" else None
    turns = rubric.judged(view.conversation, judgement.turn).turns[judgement.evidence.left_out :]
    requests = [
        judge_request(rubric, turns, left_out=judgement.evidence.left_out, draw=draw, reasoning=reasoning)
        for reasoning in (False, True)
    ]
    request = next((request for request in requests if request.prompt_sha == judgement.prompt_sha), requests[0])
    text = "\n\n".join(message.content for message in request.messages)
    return Prompt(text, request.prompt_sha == judgement.prompt_sha)


def contributions(conversation: Conversation, attribution: Attribution, scale: float, limit: int) -> list[Contribution]:
    """Return the largest contributions of one level, the largest first, without units that have no value.

    Args:
        conversation: the explained conversation.
        attribution: the attribution of one level.
        scale: the contribution whose share is 1.
        limit: largest number of contributions.
    """
    values = [(score, i) for i, score in enumerate(attribution.scores) if score is not None]
    without, noisy = attribution.scores_without, attribution.noisy
    return [
        Contribution(
            unit := attribution.units[i],
            unit.of(conversation.turns[unit.turn].content),
            score,
            score / scale if scale else 0.0,
            without[i],
            noisy[i],
            i in attribution.chosen,
            attribution.needs_others[i],
        )
        for score, i in sorted(values, key=lambda value: -abs(value[0]))[:limit]
    ]


def largest_contribution(attributions: Sequence[Attribution]) -> float:
    """Return the largest absolute contribution on any level; 0 where there is none."""
    scores = (score for attribution in attributions for score in attribution.scores)
    return max((abs(score) for score in scores if score is not None), default=0.0)
