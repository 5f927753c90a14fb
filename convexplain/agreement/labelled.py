"""Labels of people, held against the conversations that they are about."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convexplain.errors import Problem
from convexplain.types import Conversation, Rating, Rubric

OnProblem = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """A label as a file gives it, before anybody has looked for its turn.

    Attributes:
        conversation_id: the conversation's id.
        turn: a 0-based index; negative ones count from the end; None = the last assistant turn.
        rubric: a rubric's id.
        score: in [0, 1], 1 = the requirement is satisfied.
        rater: who; None where it is not known.
        label: as it was written.
        path, line: where it stands.
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
class GivenPreference:
    """Which of two conversations a person preferred, as a file gives it.

    Attributes:
        chosen, rejected: the conversations' ids; their last assistant turns are compared.
        rubric: a rubric's id; None = it answers whatever is asked.
        path, line: where it stands.
    """

    chosen: str
    rejected: str
    rubric: str | None
    path: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Labels:
    """What a labels file holds."""

    given: tuple[GivenLabel, ...] = ()
    preferences: tuple[GivenPreference, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers, the first of which a person preferred; each is its conversation's last assistant turn.

    Attributes:
        chosen, rejected: the conversations.
        rubric: the rubric's id; None = it answers whatever is asked.
    """

    chosen: Conversation
    rejected: Conversation
    rubric: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Labels whose turns were found.

    Attributes:
        rated: ratings with their conversations, in the order of conversations and turns; a rater at most once a place.
        preferences: pairs.
    """

    rated: tuple[tuple[Conversation, Rating], ...] = ()
    preferences: tuple[Preference, ...] = ()

    def of(self, rubric: str) -> "dict[tuple[Conversation, int], tuple[Rating, ...]]":
        """The ratings of one rubric, by the turn that they are about."""
        found: dict[tuple[Conversation, int], list[Rating]] = defaultdict(list)
        for conversation, rating in self.rated:
            if rating.rubric == rubric:
                found[conversation, rating.turn].append(rating)
        return {place: tuple(ratings) for place, ratings in found.items()}

    @property
    def named(self) -> tuple[Preference, ...]:
        """The pairs that say what they answer."""
        return tuple(pair for pair in self.preferences if pair.rubric is not None)

    def pairs(self, rubric: str) -> list[Preference]:
        """The pairs that answer a rubric."""
        return [pair for pair in self.preferences if pair.rubric in (None, rubric)]


@dataclass(frozen=True, slots=True)
class Own:
    """How the labels in the logs themselves are read: `ratings` in a turn's metadata, and preference pairs.

    Attributes:
        rubrics: those that are asked for.
        called: the log's own names of what was rated, and the ids of the rubrics that these answer.
    """

    rubrics: Sequence[Rubric]
    called: Mapping[str, str] = field(default_factory=dict)


def matched(
    labels: Labels,
    conversations: Iterable[Conversation],
    on_problem: OnProblem,
    *,
    own: Own | None = None,
    stored: Iterable[tuple[Conversation, Rating]] = (),
) -> Matched:
    """Finds the turns that labels are about. Conversations stream through; those with labels are held.

    Of one rater's labels of one turn the last one counts: those of a file before those that are stored, and these
    before those in a log. Where several conversations have one id, a file's label is of the last one.

    Args:
        labels: what a file gives.
        conversations: among which to look.
        on_problem: is told of labels whose turn does not exist or is no assistant's, and of what was given twice.
        own: also take the labels in the conversations themselves.
        stored: ratings that were kept earlier; those of other conversations are left out.
    """
    wanted = {label.conversation_id for label in labels.given}
    wanted |= {one for pair in labels.preferences for one in (pair.chosen, pair.rejected)}
    kept: dict[Conversation, list[Rating]] = defaultdict(list)
    for conversation, rating in stored:
        kept[conversation].append(rating)
    found = _Found(on_problem)
    reading = _OwnLabels(own, on_problem) if own is not None else None
    for conversation in conversations:
        if conversation.id in wanted:
            found.hold(conversation)
        if reading is not None:
            found.add(conversation, reading.ratings(conversation))
            reading.pair(conversation)
        if conversation in kept:
            found.add(conversation, kept[conversation])
    found.match(labels.given)
    pairs = [pair for given in labels.preferences if (pair := found.pair(given)) is not None]
    if reading is not None:
        pairs += reading.preferences()
    return Matched(found.rated(), tuple(pairs))


def score_of(rubric: Rubric, label: str) -> float | None:
    """The value of a label by its name, case and blanks around it aside; None where the rubric has no such label."""
    word = label.strip().casefold()
    return next((item.value for item in rubric.labels if item.name.casefold() == word), None)


def last_answer(conversation: Conversation) -> int | None:
    """The index of the last assistant turn; None where there is none."""
    return next(
        (i for i in reversed(range(len(conversation.turns))) if conversation.turns[i].role == "assistant"), None
    )


class _Found:
    """Conversations and ratings that were found so far."""

    def __init__(self, on_problem: OnProblem) -> None:
        self._on_problem = on_problem
        self._held: dict[str, Conversation] = {}
        self._rated: dict[Conversation, dict[tuple[int, str, str | None], Rating]] = defaultdict(dict)

    def hold(self, conversation: Conversation) -> None:
        """Keeps a conversation that labels name."""
        before = self._held.get(conversation.id)
        if before is not None and before != conversation:
            reason = f"several conversations have the id {conversation.id!r}; labels are taken to be of the last one"
            self._on_problem(Problem(conversation.source, None, reason, kept=True))
        self._held[conversation.id] = conversation

    def add(self, conversation: Conversation, ratings: Iterable[Rating]) -> None:
        """Ratings whose conversation is known."""
        for rating in ratings:
            self._rated[conversation][rating.turn, rating.rubric, rating.rater] = rating

    def match(self, given: Iterable[GivenLabel]) -> None:
        """Finds the turns of a file's labels."""
        lines: dict[tuple[Conversation, int, str, str | None], int | None] = {}
        for label in given:
            conversation = self._held.get(label.conversation_id)
            if conversation is None:
                self._say(label, f"there is no conversation {label.conversation_id!r}")
                continue
            turn, reason = _turn(conversation, label.turn)
            if turn is None:
                self._say(label, reason)
                continue
            place = (conversation, turn, label.rubric, label.rater)
            if place in lines:
                self._say(label, _twice(label, turn, lines[place]), kept=True)
            lines[place] = label.line
            rating = Rating(conversation.id, turn, label.rubric, label.score, label.rater, label.label)
            self.add(conversation, [rating])

    def pair(self, given: GivenPreference) -> Preference | None:
        """The conversations of a file's pair."""
        sides = []
        for name in (given.chosen, given.rejected):
            conversation = self._held.get(name)
            if conversation is None or last_answer(conversation) is None:
                lacks = "there is no conversation {!r}" if conversation is None else "conversation {!r} has no answer"
                self._say(given, lacks.format(name))
                return None
            sides.append(conversation)
        return Preference(sides[0], sides[1], given.rubric)

    def rated(self) -> tuple[tuple[Conversation, Rating], ...]:
        """All ratings, those of one conversation together and in the order of its turns."""
        return tuple(
            (conversation, ratings[place])
            for conversation, ratings in self._rated.items()
            for place in sorted(ratings, key=lambda place: (place[0], place[1], place[2] or ""))
        )

    def _say(self, given: GivenLabel | GivenPreference, reason: str, *, kept: bool = False) -> None:
        self._on_problem(Problem(given.path, given.line, reason, kept=kept))


class _OwnLabels:
    """The labels that logs bring."""

    def __init__(self, own: Own, on_problem: OnProblem) -> None:
        self._rubrics = {rubric.id: rubric for rubric in own.rubrics}
        self._called = {name.casefold(): rubric for name, rubric in own.called.items()}
        self._on_problem = on_problem
        self._pairs: dict[tuple[str, str], dict[bool, Conversation]] = {}
        self._told: Counter[tuple[str, str]] = Counter()

    def ratings(self, conversation: Conversation) -> list[Rating]:
        """Those of its turns on the rubrics that are asked for."""
        found: dict[tuple[int, str, str | None], Rating] = {}
        for i, turn in enumerate(conversation.turns):
            given = turn.metadata.get("ratings")
            for item in given if isinstance(given, list) else []:
                if isinstance(item, dict) and (rating := self._rating(conversation, i, item)) is not None:
                    place = (i, rating.rubric, rating.rater)
                    if place in found:
                        reason = f"several labels of one turn on {rating.rubric} by one rater; the last one counts"
                        self._tell(conversation, reason)
                    found[place] = rating
        return list(found.values())

    def pair(self, conversation: Conversation) -> None:
        """Remembers a conversation that is one of a pair."""
        pair, preferred = conversation.metadata.get("pair"), conversation.metadata.get("preferred")
        if isinstance(pair, str) and isinstance(preferred, bool):
            self._pairs.setdefault((conversation.source, pair), {})[preferred] = conversation

    def preferences(self) -> list[Preference]:
        """The pairs both sides of which have come and have an answer."""
        return [
            Preference(sides[True], sides[False])
            for sides in self._pairs.values()
            if len(sides) == 2 and all(last_answer(side) is not None for side in sides.values())
        ]

    def _rating(self, conversation: Conversation, turn: int, item: Mapping[str, Any]) -> Rating | None:
        name, label, rater = str(item.get("name") or ""), item.get("label"), item.get("rater")
        rubric = self._rubrics.get(self._called.get(name.casefold()) or item.get("rubric") or "")
        if rubric is None:
            self._tell(conversation, f"labels called {name!r} answer no rubric that is asked for; left out")
            return None
        if conversation.turns[turn].role != "assistant":
            self._tell(conversation, f"labels called {name!r} of turns that are not the assistant's are left out")
            return None
        score = item.get("score")
        if score is None and label is not None:
            score = score_of(rubric, str(label))
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            self._tell(conversation, f"labels called {name!r} without a score in [0, 1] are left out")
            return None
        return Rating(
            conversation.id,
            turn,
            rubric.id,
            float(score),
            None if rater is None else str(rater),
            None if label is None else str(label),
        )

    def _tell(self, conversation: Conversation, reason: str) -> None:
        """Once a file: the same is so for all of its turns."""
        if not self._told[conversation.source, reason]:
            self._on_problem(Problem(conversation.source, None, reason, kept=True))
        self._told[conversation.source, reason] += 1


def _turn(conversation: Conversation, wanted: int | None) -> tuple[int | None, str]:
    """The index of an assistant turn, or why there is none."""
    turns = conversation.turns
    if wanted is None:
        return last_answer(conversation), f"conversation {conversation.id!r} has no assistant turn"
    turn = wanted + len(turns) if wanted < 0 else wanted
    if not 0 <= turn < len(turns):
        return None, f"conversation {conversation.id!r} has no turn {wanted}; it has {len(turns)} turns, counted from 0"
    if turns[turn].role != "assistant":
        answers = [i for i, other in enumerate(turns) if other.role == "assistant"]
        shown = ", ".join(map(str, answers[:10])) + (", …" if len(answers) > 10 else "")
        return None, (
            f"turn {wanted} of conversation {conversation.id!r} is the {turns[turn].role}'s, not the assistant's; "
            f"the assistant's are, counted from 0: {shown or 'none'}"
        )
    return turn, ""


def _twice(label: GivenLabel, turn: int, line: int | None) -> str:
    who = f"by {label.rater!r} " if label.rater else ""
    return (
        f"{label.conversation_id}:{turn} was labelled {who}on {label.rubric} in line {line} already; the last label "
        f"counts{'' if label.rater else ' (several people? give them a column `rater`)'}"
    )
