"""The matching of labels with the conversations and turns that they are about."""

from collections import defaultdict
from collections.abc import Iterable

from convexplain.errors import Problem
from convexplain.types import Conversation, Rating

from .labels import (
    FileLabel,
    FilePreference,
    LabelsFile,
    LogLabelSettings,
    MatchedLabels,
    OnProblem,
    PreferenceLabel,
    last_answer,
)
from .log_labels import LogLabels


def match_labels(
    labels: LabelsFile,
    conversations: Iterable[Conversation],
    on_problem: OnProblem,
    *,
    in_logs: LogLabelSettings | None = None,
    stored: Iterable[tuple[Conversation, Rating]] = (),
) -> MatchedLabels:
    """Return the labels with the turns that they are about. Conversations stream through; those with labels are held.

    A rater has one label of a turn on a rubric: a file's label replaces a stored one, a stored one replaces a log's,
    and a later one replaces an earlier one. Where several conversations have one id, a file's label is of the last one.

    Args:
        labels: the contents of a labels file.
        conversations: the conversations to search.
        on_problem: called for labels whose turn does not exist or is no assistant's, and for repeated labels.
        in_logs: also read the labels in the conversations themselves.
        stored: ratings in the store; those of other conversations are left out.
    """
    ids = {label.conversation_id for label in labels.labels}
    ids |= {name for pair in labels.preferences for name in (pair.chosen, pair.rejected)}
    in_store: dict[Conversation, list[Rating]] = defaultdict(list)
    for conversation, rating in stored:
        in_store[conversation].append(rating)
    matcher = _Matcher(on_problem)
    log_labels = LogLabels(in_logs, on_problem) if in_logs is not None else None
    for conversation in conversations:
        if conversation.id in ids:
            matcher.hold(conversation)
        if log_labels is not None:
            matcher.add(conversation, log_labels.ratings(conversation))
            log_labels.add_side(conversation)
        if conversation in in_store:
            matcher.add(conversation, in_store[conversation])
    matcher.match(labels.labels)
    pairs = [match for pair in labels.preferences if (match := matcher.pair(pair)) is not None]
    if log_labels is not None:
        pairs += log_labels.preferences()
    return MatchedLabels(matcher.rated(), tuple(pairs))


class _Matcher:
    """The conversations with labels, and their ratings, as far as they have been read."""

    def __init__(self, on_problem: OnProblem) -> None:
        self._on_problem = on_problem
        self._held: dict[str, Conversation] = {}
        self._rated: dict[Conversation, dict[tuple[int, str, str | None], Rating]] = defaultdict(dict)

    def hold(self, conversation: Conversation) -> None:
        """Hold a conversation that a file's labels name."""
        before = self._held.get(conversation.id)
        if before is not None and before != conversation:
            reason = f"several conversations have the id {conversation.id!r}; labels are taken to be of the last one"
            self._on_problem(Problem(conversation.source, None, reason, kept=True))
        self._held[conversation.id] = conversation

    def add(self, conversation: Conversation, ratings: Iterable[Rating]) -> None:
        """Add ratings of a conversation; a later one replaces an earlier one of the same rater, turn and rubric."""
        for rating in ratings:
            self._rated[conversation][rating.turn, rating.rubric, rating.rater] = rating

    def match(self, labels: Iterable[FileLabel]) -> None:
        """Add a file's labels whose turn exists, and report the others."""
        lines: dict[tuple[Conversation, int, str, str | None], int | None] = {}
        for label in labels:
            conversation = self._held.get(label.conversation_id)
            if conversation is None:
                self._report(label, f"there is no conversation {label.conversation_id!r}")
                continue
            turn, reason = _assistant_turn(conversation, label.turn)
            if turn is None:
                self._report(label, reason)
                continue
            place = (conversation, turn, label.rubric, label.rater)
            if place in lines:
                self._report(label, _repeated_label(label, turn, lines[place]), used=True)
            lines[place] = label.line
            rating = Rating(conversation.id, turn, label.rubric, label.score, label.rater, label.label)
            self.add(conversation, [rating])

    def pair(self, pair: FilePreference) -> PreferenceLabel | None:
        """Return a file's pair with its conversations; None, after a report, if one is missing or has no answer."""
        sides = []
        for name in (pair.chosen, pair.rejected):
            conversation = self._held.get(name)
            if conversation is None or last_answer(conversation) is None:
                reason = "there is no conversation {!r}" if conversation is None else "conversation {!r} has no answer"
                self._report(pair, reason.format(name))
                return None
            sides.append(conversation)
        return PreferenceLabel(sides[0], sides[1], pair.rubric)

    def rated(self) -> tuple[tuple[Conversation, Rating], ...]:
        """Return all ratings, those of one conversation together and in the order of its turns."""
        return tuple(
            (conversation, ratings[place])
            for conversation, ratings in self._rated.items()
            for place in sorted(ratings, key=lambda place: (place[0], place[1], place[2] or ""))
        )

    def _report(self, label: FileLabel | FilePreference, reason: str, *, used: bool = False) -> None:
        self._on_problem(Problem(label.path, label.line, reason, kept=used))


def _assistant_turn(conversation: Conversation, index: int | None) -> tuple[int | None, str]:
    """Return the index of an assistant turn, counted from 0, or None and the reason why it is none."""
    turns = conversation.turns
    if index is None:
        return last_answer(conversation), f"conversation {conversation.id!r} has no assistant turn"
    place = index + len(turns) if index < 0 else index
    if not 0 <= place < len(turns):
        return None, f"conversation {conversation.id!r} has no turn {index}; it has {len(turns)} turns, counted from 0"
    if turns[place].role != "assistant":
        answers = [i for i, turn in enumerate(turns) if turn.role == "assistant"]
        indices = ", ".join(map(str, answers[:10])) + (", …" if len(answers) > 10 else "")
        return None, (
            f"turn {index} of conversation {conversation.id!r} is the {turns[place].role}'s, not the assistant's; "
            f"the assistant's are, counted from 0: {indices or 'none'}"
        )
    return place, ""


def _repeated_label(label: FileLabel, turn: int, line: int | None) -> str:
    rater = f"by {label.rater!r} " if label.rater else ""
    return (
        f"{label.conversation_id}:{turn} was labelled {rater}on {label.rubric} in line {line} already; the last label "
        f"counts{'' if label.rater else ' (several people? give them a column `rater`)'}"
    )
