"""The validation of runs: the labelled turns to judge, a run's judgements of them, and their agreement with labels."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from convexplain.store import RunStore, run_rubrics
from convexplain.types import Conversation, Judgement, Rubric, sha256_json

from .agreements import RubricJudgements, agreement
from .labels import LabelledTurn, MatchedLabels, group_of, last_answer
from .pairs import JudgedPair
from .results import RubricAgreement


@dataclass(frozen=True, slots=True)
class TurnsToJudge:
    """The turns that have labels, or are one side of a pair, by rubric.

    Attributes:
        conversations: the conversations of these turns, each once.
        places: indices of turns by (conversation, rubric's id).
    """

    conversations: tuple[Conversation, ...]
    places: Mapping[tuple[Conversation, str], tuple[int, ...]]

    def __call__(self, conversation: Conversation, rubric: Rubric) -> Sequence[int]:
        """Return the indices of the turns of a conversation to judge on a rubric."""
        return self.places.get((conversation, rubric.id), ())

    @property
    def judgements(self) -> int:
        """Return the number of judgements."""
        return sum(map(len, self.places.values()))

    @property
    def sha(self) -> str:
        """Return a SHA-256 that is the same for the same turns of the same conversations."""
        body = [
            [conversation.id, conversation.source, rubric, turns, [turn.content for turn in conversation.turns]]
            for (conversation, rubric), turns in self.places.items()
        ]
        return sha256_json(body)


def turns_to_judge(labels: MatchedLabels, rubrics: Iterable[Rubric]) -> TurnsToJudge:
    """Return the turns of labels and pairs on the rubrics."""
    places: dict[tuple[Conversation, str], set[int]] = defaultdict(set)
    for rubric in rubrics:
        for conversation, turn in labels.ratings(rubric.id):
            places[conversation, rubric.id].add(turn)
        for pair in labels.pairs(rubric.id):
            for side in (pair.chosen, pair.rejected):
                if (last := last_answer(side)) is not None:
                    places[side, rubric.id].add(last)
    conversations = tuple(dict.fromkeys(conversation for conversation, _ in places))
    return TurnsToJudge(conversations, {place: tuple(sorted(turns)) for place, turns in places.items()})


class RunJudgements:
    """The judgements of a run, by turn.

    Args:
        store: the store.
        run: the run's number.
        name: the name of its judge.
    """

    def __init__(self, store: RunStore, run: int, name: str) -> None:
        self.run = run
        self.name = name
        record = store.run(run)
        moved = "calibrated" in record.settings or record.alarms
        rubrics = run_rubrics(store, run)
        self._thresholds = {rubric.id: rubric.threshold for rubric in rubrics} if moved else {}
        self._of_conversations = {rubric.id for rubric in rubrics if rubric.of_conversation}
        self._judgements: dict[tuple[str, int, str], list[tuple[Conversation, Judgement]]] = defaultdict(list)
        for conversation, judgement in store.judgements(run):
            self._judgements[judgement.conversation_id, judgement.turn, judgement.rubric].append(
                (conversation, judgement)
            )

    def judgement(self, conversation: Conversation, turn: int, rubric: str) -> Judgement | None:
        """Return the newest judgement of a turn in a conversation with the same id and texts up to this turn.

        On a rubric of conversations all texts have to be the same.
        """
        last = len(conversation.turns) if rubric in self._of_conversations else turn
        for candidate, judgement in reversed(self._judgements.get((conversation.id, turn, rubric), [])):
            if _same_turns(conversation, candidate, last):
                return judgement
        return None

    def on_rubric(self, rubric: str) -> RubricJudgements:
        """Return the judgements on one rubric."""
        return RubricJudgements(
            self.name,
            self.run,
            lambda conversation, turn: self.judgement(conversation, turn, rubric),
            self._thresholds.get(rubric),
        )

    def pair(self, chosen: Conversation, rejected: Conversation, rubric: str) -> tuple[float, float] | None:
        """Return the scores of both sides of a pair; None if one is missing."""
        scores = []
        for side in (chosen, rejected):
            turn = last_answer(side)
            judgement = None if turn is None else self.judgement(side, turn, rubric)
            if judgement is None or judgement.score is None:
                return None
            scores.append(judgement.score)
        return scores[0], scores[1]


def agreements(
    labels: MatchedLabels,
    rubrics: Iterable[Rubric],
    runs: Sequence[RunJudgements],
    group: Callable[[Conversation], Hashable] = group_of,
    seed: int = 0,
) -> list[RubricAgreement]:
    """Return the agreement of runs with labels, for each rubric with labels or pairs."""
    result = []
    for rubric in rubrics:
        rated = labels.ratings(rubric.id)
        turns = [LabelledTurn(conversation, turn, ratings) for (conversation, turn), ratings in rated.items()]
        pairs = [
            JudgedPair(pair, tuple(run.pair(pair.chosen, pair.rejected, rubric.id) for run in runs))
            for pair in labels.pairs(rubric.id)
        ]
        if turns or pairs:
            judges = [run.on_rubric(rubric.id) for run in runs]
            result.append(agreement(rubric, turns, judges, pairs=pairs, group=group, seed=seed))
    return result


def _same_turns(first: Conversation, second: Conversation, turn: int) -> bool:
    """Return whether two conversations have the same roles and texts up to a turn."""
    a, b = first.turns[: turn + 1], second.turns[: turn + 1]
    return [(x.role, x.content) for x in a] == [(y.role, y.content) for y in b]
