"""One conversation as the page shows it: what was judged in it, the turn that is looked at, and how it was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convexplain.store import RunStore, ScoredTurn, run_rubrics
from convexplain.store.conversations import explanation_kinds, find_conversations, judged_conversation
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import turn_rows
from convexplain.types import Attribution, Conversation, Judgement, Rubric, Unit
from convexplain.workspace import judge_request

_AROUND = (8, 4)  # turns shown before and after the one that is looked at


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of a run.

    Attributes:
        run, number: the run's number, and the conversation's in the store.
        conversation: the conversation.
        rubrics: those that the run has judged by.
        judgements: by the turn's index and the rubric's id.
        explained: which explanations are there, likewise: `attribution`, `contrast` (found), `attempt`.
        same_id: how many conversations of the run have this id.
    """

    run: int
    number: int
    conversation: Conversation
    rubrics: tuple[Rubric, ...]
    judgements: Mapping[tuple[int, str], Judgement]
    explained: Mapping[tuple[int, str], set[str]]
    same_id: int = 1

    @property
    def judged(self) -> tuple[int, ...]:
        """The indices of the judged turns."""
        return tuple(sorted({turn for turn, _ in self.judgements}))

    def scored_turn(self, turn: int, rubric: Rubric) -> ScoredTurn:
        """A judged turn as explanations are kept for it."""
        found = self.judgements.get((turn, rubric.id))
        return ScoredTurn(self.number, self.conversation, turn, rubric, found.score if found else None)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a judge was asked; `exact` says whether it is that to the letter."""

    text: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one unit does to the score.

    Attributes:
        unit: the unit.
        text: its words.
        score: on the scale of the attribution; positive raises the score.
        share: the same as a share of the largest contribution, in [-1, 1].
        without: the score without it, or None.
        noisy: less than the judge's noise.
        chosen: joint attribution chose it.
    """

    unit: Unit
    text: str
    score: float
    share: float
    without: float | None
    noisy: bool
    chosen: bool


def open_talk(store: RunStore, run: int, conversation: str, number: int | None = None) -> Talk | None:
    """A run's conversation by its id; `number` says which, where several have that id. None where there is none."""
    numbers = find_conversations(store, run, conversation)
    if not numbers:
        return None
    chosen = number if number in numbers else numbers[0]
    found = judged_conversation(store, run, chosen)
    if found is None:
        return None
    talk, judged = found
    by_place = {(one.turn, one.rubric): one for one in judged}
    rubrics = tuple(run_rubrics(store, run))
    return Talk(run, chosen, talk, rubrics, by_place, explanation_kinds(store, run, chosen), len(numbers))


def worst_place(store: RunStore, run: int, sha: str, threshold: float) -> tuple[str, int, int] | None:
    """Where to begin: the lowest scored turn (conversation's id, its number, index), else an unscored one."""
    which = JudgementFilters(run, sha, threshold)
    found = turn_rows(store, which, 1) or turn_rows(store, which, 1, unscored=True)
    return (found[0].conversation, found[0].number, found[0].turn) if found else None


def nearest(talk: Talk, turn: int | None, rubric: str) -> int | None:
    """The turn itself if it was judged on the rubric, else the lowest scored one, else the first judged one."""
    on = [place for place, name in talk.judgements if name == rubric]
    if turn in on or not on:
        return turn if turn in on else None
    scores = {place: talk.judgements[place, rubric].score for place in on}
    return min(on, key=lambda place: (scores[place] is None, scores[place] or 0.0, place))


def window(turns: int, chosen: int, whole: bool, most: int = 200) -> tuple[int, int]:
    """First and last index (not included) of the turns that are shown."""
    before, after = (most // 2, most // 2) if whole else _AROUND
    return max(0, chosen - before), min(turns, chosen + after + 1)


def rebuilt_prompt(talk: Talk, judged: Judgement, rubric: Rubric) -> Prompt | None:
    """The prompt of a judgement, made anew; None where a head scored, which asks for no label.

    Where samples were drawn it is that of the first draw.
    """
    if judged.evidence.kind == "head":
        return None
    draw = 0 if judged.evidence.kind == "samples" else None
    turns = talk.conversation.turns[judged.evidence.left_out : judged.turn + 1]
    request = judge_request(rubric, turns, left_out=judged.evidence.left_out, draw=draw)
    text = "\n\n".join(message.content for message in request.messages)
    return Prompt(text, request.prompt_sha == judged.prompt_sha)


def contributions(conversation: Conversation, found: Attribution, scale: float, most: int) -> list[Contribution]:
    """The units of one level that do most, the strongest first; those without a value are left out."""
    values = [(score, i) for i, score in enumerate(found.scores) if score is not None]
    without, noisy = found.scores_without, found.noisy
    return [
        Contribution(
            unit := found.units[i],
            unit.of(conversation.turns[unit.turn].content),
            score,
            score / scale if scale else 0.0,
            without[i],
            noisy[i],
            i in found.chosen,
        )
        for score, i in sorted(values, key=lambda value: -abs(value[0]))[:most]
    ]


def scale_of(found: Sequence[Attribution]) -> float:
    """The largest contribution on any level."""
    return max((abs(score) for one in found for score in one.scores if score is not None), default=0.0)
