"""The common cause of a theme: what holds for the earlier turns that matter to its members, and not elsewhere."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from convexplain.types import Conversation, Turn

from .theme import CommonCause, FlaggedTurn
from .traits import asked_before, earlier_subject, passes_over
from .words import content_words, phrases_of

_MOST_P = 0.05  # after correction, of a statement that is made
_LEAST = 3  # members for which a statement holds
_LEAST_SHARE = 0.5  # of the explained members
_ASKS, _ANSWERS = "asks what the reply asks again", "answers what the reply asks again"
_SUBJECT = "names what the reply is about, while the last message does not"
_PASSED_OVER = "the reply takes up no word of"
_OF_REPLY = (_ASKS, _ANSWERS, _SUBJECT, _PASSED_OVER)
_NUMBER = re.compile(r"\d")
_ROLES = {
    "user": "a message of the user",
    "assistant": "a reply of the assistant",
    "tool": "a result of a tool",
    "system": "a message of the system",
}
_NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

EarlierTurn = tuple[Conversation, int, int]
"""A conversation, the index of a turn in it, and that of a later reply."""
Distance = tuple[int, bool]
"""How many turns an earlier turn is before the other, and whether it is the opening of its conversation."""


def common_cause(members: Sequence[FlaggedTurn], good: Sequence[FlaggedTurn]) -> CommonCause | None:
    """Return what earlier turns that matter to a theme's members have in common.

    Tried is what may hold for an earlier turn: it says a phrase of one to four words, asks a question, repeats a
    question that was asked before, has a number; it asks or answers what the reply asks again, names what the reply is
    about while the last message does not, or is the last message and the reply takes up no word of it. A statement
    holds for a member if it holds for one of its earlier turns that matter beyond the noise.

    Each is compared with the turns before good turns, those at one distance with those at the same, openings of a
    conversation with openings (Fisher's exact test within each distance, one-sided, on the sum of all; Bonferroni's
    correction for all statements that hold for enough turns to be made, and differ in where they hold). Several turns
    of one member count as several draws, though they share a reply. Of the statements that hold for at least half of
    the explained members, one that joins the turn and the reply is returned before what the turn alone says; then the
    least probable by chance, and of equals the longest phrase.

    Args:
        members: the theme's turns; those without an earlier turn that matters beyond noise count as explained.
        good: turns that scored well.

    Returns:
        None where no statement holds with p up to 0.05.
    """
    explained = [turn for turn in members if turn.earlier is not None]
    mattering = [(turn, effect.turn) for turn in explained for effect in turn.earlier or ()]
    causes = [(turn.conversation, index, turn.turn) for turn, index in mattering]
    distances = [(turn.turn - index, index == 0) for turn, index in mattering]
    if len({turn.place for turn, _ in mattering}) < _LEAST:
        return None
    compared, distances_compared = _at_same_places(distances, good)
    of_causes, of_compared = Counter(distances), Counter(distances_compared)
    least = max(_LEAST, ceil(_LEAST_SHARE * len(explained)))
    statements = _statements([*causes, *compared], least)
    statement_count = len({frozenset(holding) for holding in statements.values()})
    best: CommonCause | None = None
    best_rank = (True, 1.0)
    for statement in sorted(statements, key=lambda text: (-len(text), text)):
        holding = statements[statement]
        held = sorted(i for i in holding if i < len(causes))
        count = len({mattering[i][0].place for i in held})
        if count < least:
            continue
        hits = Counter(distances[i] for i in held)
        hits_compared = Counter(distances_compared[i - len(causes)] for i in holding if i >= len(causes))
        p = min(1.0, statement_count * _chance(len(held), of_causes, of_compared, hits + hits_compared))
        rank = (statement not in _OF_REPLY, p)
        if p <= _MOST_P and rank < best_rank:
            best_rank = rank
            words = _sentence(statement, [causes[i] for i in held], [distances[i][0] for i in held])
            best = CommonCause(
                words, count, len(explained), *_of_good({d: of_causes[d] for d in hits}, hits_compared, of_compared), p
            )
    return best


def _at_same_places(
    distances: Sequence[Distance], good: Sequence[FlaggedTurn]
) -> tuple[list[EarlierTurn], list[Distance]]:
    """Return the turns that are as far before good turns as those that matter are before their members, and how far."""
    places = [
        ((turn.conversation, turn.turn - distance, turn.turn), (distance, opening))
        for turn in good
        for distance, opening in sorted(set(distances))
        if turn.turn >= distance and (turn.turn == distance) == opening
    ]
    return [place for place, _ in places], [distance for _, distance in places]


def _chance(
    count: int, causes: Mapping[Distance, int], compared: Mapping[Distance, int], holding: Mapping[Distance, int]
) -> float:
    """Return how probable it is by chance that so many causes are among the turns for which a statement holds.

    The causes at each distance are drawn at random from all turns at that distance.

    Args:
        count: the causes for which it holds.
        causes, compared: the numbers of causes, and of turns before good turns, at each distance.
        holding: the number of both for which it holds, at each distance.
    """
    import numpy as np
    from scipy.stats import hypergeom  # type: ignore[import-untyped]  # slow to import

    total = np.ones(1)
    for distance, drawn in causes.items():
        turns = drawn + compared.get(distance, 0)
        total = np.convolve(total, hypergeom.pmf(np.arange(drawn + 1), turns, holding.get(distance, 0), drawn))
    return float(total[count:].sum())


def _of_good(
    causes: Mapping[Distance, int], holding: Mapping[Distance, int], compared: Mapping[Distance, int]
) -> tuple[int, int]:
    """Return for how many turns before good turns a statement holds, and their number, at the causes' distances.

    Where there are several distances, the share at each counts as often as the causes have it.
    """
    number = sum(compared[distance] for distance in causes)
    weights = {distance: count for distance, count in causes.items() if compared[distance]}
    shares = sum(weight * holding[distance] / compared[distance] for distance, weight in weights.items())
    return round(number * shares / sum(weights.values())) if weights else 0, number


def _statements(turns: Sequence[EarlierTurn], least: int) -> dict[str, set[int]]:
    """Return what holds for at least so many of the turns, and for which."""
    holding: dict[str, set[int]] = {}
    for i, (conversation, index, reply) in enumerate(turns):
        for statement in _statements_of(conversation.turns, index, reply):
            holding.setdefault(statement, set()).add(i)
    return {statement: indices for statement, indices in holding.items() if len(indices) >= least}


def _statements_of(turns: Sequence[Turn], index: int, reply: int) -> set[str]:
    text = turns[index].content
    statements = {
        f"says “{phrase}”" for phrase in phrases_of(text) if any(not word.isdigit() for word in content_words(phrase))
    }
    if "?" in text:
        statements.add("asks a question")
    if _NUMBER.search(text):
        statements.add("has a number")
    if _repeats_question(turns, index):
        statements.add("repeats a question that was asked before")
    before = turns[:reply]
    question = asked_before(turns[reply].content, before)
    if question is not None and index == question[0]:
        statements.add(_ASKS)
    if question is not None and index == question[0] + 1 and turns[index].role == "user":
        statements.add(_ANSWERS)
    if set(earlier_subject(turns[reply].content, before)).intersection(content_words(text)):
        statements.add(_SUBJECT)
    last = max((i for i, turn in enumerate(before) if turn.role == "user"), default=None)
    if index == last and passes_over(turns[reply].content, text):
        statements.add(_PASSED_OVER)
    return statements


def _repeats_question(turns: Sequence[Turn], index: int) -> bool:
    words = set(content_words(turns[index].content))
    questions = [set(content_words(turn.content)) for turn in turns[:index] if "?" in turn.content]
    return "?" in turns[index].content and any(2 * len(words & q) > len(words | q) for q in questions if q)


def _sentence(statement: str, places: Sequence[EarlierTurn], distances: Sequence[int]) -> str:
    """Return the statement with whose turn it is and how far back, where that is the same for all turns."""
    roles = Counter(conversation.turns[index].role for conversation, index, _ in places)
    owner = f"is {_ROLES[next(iter(roles))]} that {statement}" if len(roles) == 1 else statement
    if len(set(distances)) > 1:
        return owner
    back = distances[0]
    number = _NUMBER_WORDS[back] if back < len(_NUMBER_WORDS) else str(back)
    return f"{owner}, {number} turn{'s' if back > 1 else ''} back"
