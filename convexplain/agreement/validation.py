"""From matched labels to agreement: which turns are judged for it, and what runs say of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from convexplain.store import RunStore, run_rubrics
from convexplain.types import Conversation, Judgement, Rubric, sha256_json

from . import Judged, JudgedPair, LabelledTurn, RubricAgreement, agreement, group_of
from .labelled import Matched, last_answer


@dataclass(frozen=True, slots=True)
class LabelledTurns:
    """The turns that have labels, or are one side of a pair, by rubric.

    Attributes:
        conversations: those that they are in, each once.
        places: (conversation, rubric's id) to the indices of its turns.
    """

    conversations: tuple[Conversation, ...]
    places: Mapping[tuple[Conversation, str], tuple[int, ...]]

    def __call__(self, conversation: Conversation, rubric: Rubric) -> Sequence[int]:
        """The turns of a conversation that are judged on a rubric."""
        return self.places.get((conversation, rubric.id), ())

    @property
    def judgements(self) -> int:
        """How many judgements that makes."""
        return sum(map(len, self.places.values()))

    @property
    def sha(self) -> str:
        """The same for the same turns of the same conversations."""
        body = [
            [conversation.id, conversation.source, rubric, turns, [turn.content for turn in conversation.turns]]
            for (conversation, rubric), turns in self.places.items()
        ]
        return sha256_json(body)


def labelled_turns(found: Matched, rubrics: Iterable[Rubric]) -> LabelledTurns:
    """Which turns have to be judged."""
    places: dict[tuple[Conversation, str], set[int]] = defaultdict(set)
    for rubric in rubrics:
        for conversation, turn in found.of(rubric.id):
            places[conversation, rubric.id].add(turn)
        for pair in found.pairs(rubric.id):
            for side in (pair.chosen, pair.rejected):
                if (last := last_answer(side)) is not None:
                    places[side, rubric.id].add(last)
    conversations = tuple(dict.fromkeys(conversation for conversation, _ in places))
    return LabelledTurns(conversations, {place: tuple(sorted(turns)) for place, turns in places.items()})


class RunJudgements:
    """What a run says of turns.

    Args:
        store: the store.
        run: the run's number.
        name: what its judge is called.
    """

    def __init__(self, store: RunStore, run: int, name: str) -> None:
        self.run = run
        self.name = name
        calibrated = "calibrated" in store.run(run).settings
        self._thresholds = {one.id: one.threshold for one in run_rubrics(store, run)} if calibrated else {}
        self._found: dict[tuple[str, int, str], list[tuple[Conversation, Judgement]]] = defaultdict(list)
        for conversation, judgement in store.judgements(run):
            self._found[judgement.conversation_id, judgement.turn, judgement.rubric].append((conversation, judgement))

    def judgement(self, conversation: Conversation, turn: int, rubric: str) -> Judgement | None:
        """The judgement of a turn, whichever file its conversation was read from: its text up to there must be it."""
        for other, judgement in reversed(self._found.get((conversation.id, turn, rubric), [])):
            if _same(conversation, other, turn):
                return judgement
        return None

    def judged(self, rubric: str) -> Judged:
        """What it says on one rubric."""
        return Judged(
            self.name,
            self.run,
            lambda conversation, turn: self.judgement(conversation, turn, rubric),
            self._thresholds.get(rubric),
        )

    def pair(self, chosen: Conversation, rejected: Conversation, rubric: str) -> tuple[float, float] | None:
        """The scores of both sides of a pair."""
        scores = []
        for side in (chosen, rejected):
            turn = last_answer(side)
            found = None if turn is None else self.judgement(side, turn, rubric)
            if found is None or found.score is None:
                return None
            scores.append(found.score)
        return scores[0], scores[1]


def agreements(
    found: Matched,
    rubrics: Iterable[Rubric],
    runs: Sequence[RunJudgements],
    group: Callable[[Conversation], Hashable] = group_of,
    seed: int = 0,
) -> list[RubricAgreement]:
    """How far runs agree with labels, for each rubric that has some."""
    result = []
    for rubric in rubrics:
        rated = found.of(rubric.id)
        turns = [LabelledTurn(conversation, turn, ratings) for (conversation, turn), ratings in rated.items()]
        pairs = [
            JudgedPair(pair, tuple(run.pair(pair.chosen, pair.rejected, rubric.id) for run in runs))
            for pair in found.pairs(rubric.id)
        ]
        if turns or pairs:
            judges = [run.judged(rubric.id) for run in runs]
            result.append(agreement(rubric, turns, judges, pairs=pairs, group=group, seed=seed))
    return result


def _same(one: Conversation, other: Conversation, turn: int) -> bool:
    """Whether two conversations say the same up to a turn."""
    mine, theirs = one.turns[: turn + 1], other.turns[: turn + 1]
    return len(mine) == len(theirs) and all(
        a.role == b.role and a.content == b.content for a, b in zip(mine, theirs, strict=True)
    )
