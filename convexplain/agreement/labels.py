"""Labels of people: of turns, and of which of two answers is better."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from convexplain.errors import Problem
from convexplain.types import Conversation, Rating, Rubric

OnProblem = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class FileLabel:
    """A label in a labels file, before its turn is matched.

    Attributes:
        conversation_id: the conversation's id.
        turn: a 0-based index; negative ones count from the end; None = the last assistant turn.
        rubric: a rubric's id.
        score: in [0, 1], 1 = the requirement is satisfied.
        rater: the rater's name; None without one.
        label: the label's text in the file.
        path, line: its place.
    """

    conversation_id: str
    turn: int | None
    rubric: str
    score: float
    rater: str | None
    label: str | None
    path: str
    line: int | None


@dataclass(frozen=True, slots=True)
class FilePreference:
    """A person's preference between two conversations in a labels file, before these are matched.

    Attributes:
        chosen, rejected: the conversations' ids; their last assistant turns are compared.
        rubric: a rubric's id; None = it counts for every rubric.
        path, line: its place.
    """

    chosen: str
    rejected: str
    rubric: str | None
    path: str
    line: int | None


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """The contents of a labels file."""

    labels: tuple[FileLabel, ...] = ()
    preferences: tuple[FilePreference, ...] = ()


@dataclass(frozen=True, slots=True)
class PreferenceLabel:
    """Two answers, the first of which a person preferred; each is its conversation's last assistant turn.

    Attributes:
        chosen, rejected: the conversations.
        rubric: the rubric's id; None = it counts for every rubric.
    """

    chosen: Conversation
    rejected: Conversation
    rubric: str | None = None


@dataclass(frozen=True, slots=True)
class MatchedLabels:
    """Labels with their conversations and turns.

    Attributes:
        rated: ratings with their conversations, in the order of conversations and turns; at most one by each
            rater of a turn on a rubric.
        preferences: pairs.
    """

    rated: tuple[tuple[Conversation, Rating], ...] = ()
    preferences: tuple[PreferenceLabel, ...] = ()

    def ratings(self, rubric: str) -> dict[tuple[Conversation, int], tuple[Rating, ...]]:
        """Return the ratings on one rubric, by conversation and turn."""
        by_turn: dict[tuple[Conversation, int], list[Rating]] = defaultdict(list)
        for conversation, rating in self.rated:
            if rating.rubric == rubric:
                by_turn[conversation, rating.turn].append(rating)
        return {place: tuple(ratings) for place, ratings in by_turn.items()}

    def at_conversations(self, rubrics: Iterable[Rubric]) -> "MatchedLabels":
        """Return the same labels, those on rubrics of conversations at the last assistant turn, where judgements are.

        Of several labels of one conversation by one rater the one of the latest turn counts.
        """
        ids = {rubric.id for rubric in rubrics if rubric.of_conversation}
        placed: dict[tuple[Conversation, int, str, str | None], Rating] = {}
        for conversation, rating in self.rated:
            turn = last_answer(conversation) if rating.rubric in ids else None
            moved = rating if turn is None else replace(rating, turn=turn)
            placed[conversation, moved.turn, moved.rubric, moved.rater] = moved
        return replace(self, rated=tuple((place[0], rating) for place, rating in placed.items()))

    @property
    def preferences_with_rubric(self) -> tuple[PreferenceLabel, ...]:
        """Return the pairs that name their rubric."""
        return tuple(pair for pair in self.preferences if pair.rubric is not None)

    def pairs(self, rubric: str) -> list[PreferenceLabel]:
        """Return the pairs that count for a rubric."""
        return [pair for pair in self.preferences if pair.rubric in (None, rubric)]


@dataclass(frozen=True, slots=True)
class LogLabelSettings:
    """Settings for labels in logs: `ratings` in the metadata of turns, and preference pairs.

    Attributes:
        rubrics: labels on these rubrics are read.
        rubric_names: the log's names of what was rated, each with the id of the rubric that it means.
    """

    rubrics: Sequence[Rubric]
    rubric_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelledTurn:
    """An assistant turn that people have labelled on one rubric.

    Attributes:
        conversation, turn: the turn.
        ratings: people's ratings; at least one.
    """

    conversation: Conversation
    turn: int
    ratings: tuple[Rating, ...]

    @property
    def human(self) -> float:
        """Return the mean of people's ratings, in [0, 1]; rounded so that equal means are equal numbers."""
        return round(fmean(rating.score for rating in self.ratings), 12)

    @property
    def words(self) -> int:
        """Return the turn's number of words."""
        return len(self.conversation.turns[self.turn].content.split())


def group_of(conversation: Conversation, key: str | None = None) -> Hashable:
    """Return the dialogue that a conversation belongs to; intervals draw the turns of a dialogue together.

    Args:
        conversation: a conversation; where a log has a record for each turn, several records are one dialogue.
        key: the key in the conversation's metadata (or in an object `meta` in it) that names the dialogue; None =
            `dialogue`, else `pair` within its source. A conversation without the key is a dialogue of its own.
    """
    name = "dialogue" if key is None else key
    if (value := dialogue_of(conversation, name)) is not None:
        return name, value
    if key is None and (pair := dialogue_of(conversation, "pair")) is not None:
        return "pair", conversation.source, pair
    return "id", conversation.source, conversation.id


def dialogue_of(conversation: Conversation, key: str) -> str | float | None:
    """Return the text or number under a key of the metadata, or of an object `meta` in it; None if there is none."""
    inner = conversation.metadata.get("meta")
    metadata = {**inner, **conversation.metadata} if isinstance(inner, Mapping) else conversation.metadata
    dialogue = metadata.get(key)
    return dialogue if isinstance(dialogue, str | int | float) else None


def score_of(rubric: Rubric, label: str) -> float | None:
    """Return the value of the rubric's label of that name, in either case; None if the rubric has no such label."""
    word = label.strip().casefold()
    return next((choice.value for choice in rubric.labels if choice.name.casefold() == word), None)


def last_answer(conversation: Conversation) -> int | None:
    """Return the index of the last assistant turn; None if there is none."""
    return next(
        (i for i in reversed(range(len(conversation.turns))) if conversation.turns[i].role == "assistant"), None
    )
