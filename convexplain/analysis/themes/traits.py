"""Traits of a flagged reply in its conversation: what it does, apart from the topic that it is about."""

import re
from collections.abc import Iterator, Sequence

from convexplain.explain.text_language import language_of
from convexplain.types import Turn

from .theme import FlaggedTurn
from .words import content_words

_QUOTED = re.compile(r"[“\"][^“”\"]*[”\"]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_REQUEST = re.compile(r"\?|\b(?:please|need|tell|give|send|enter|provide|share)\b", re.IGNORECASE)
_COVERED = 0.6  # share of an earlier question's content words that a reply has, from which on it asks the same
_STEM = 4  # letters that forms of one word share
_MOST = 3  # words that are quoted
POLITE = ("begins with", "words of courtesy")
"""How kinds of traits begin that say no more than that a reply agrees or is polite."""


def traits_of(turn: FlaggedTurn) -> tuple[str, ...]:
    """Return what a flagged reply does, as clauses with the words that show it in quotation marks.

    These are the turn's own clauses, and those that come of comparing the reply with the conversation before it.
    """
    before = turn.conversation.turns[: turn.turn]
    return (
        *turn.clauses,
        *_other_language(turn.reply, before),
        *_same_question(turn.reply, before),
        *_earlier_subject(turn.reply, before),
    )


def kind_of(trait: str) -> str:
    """Return a trait without the words that show it, and without numbers: the same for all turns that do the same."""
    plain = re.sub(r"\bits turn \d+", "an earlier turn of its own", _QUOTED.sub("…", trait)).partition(":")[0]
    plain = re.sub(r"\d+", "…", re.sub(r"\bturn \d+", "an earlier turn", plain))
    return " ".join(plain.split())


def _other_language(reply: str, before: Sequence[Turn]) -> Iterator[str]:
    language, users = language_of(reply), language_of(" ".join(turn.content for turn in before if turn.role == "user"))
    if language and users and language != users:
        yield f"answers in {language} to messages in {users}"


def _same_question(reply: str, before: Sequence[Turn]) -> Iterator[str]:
    words = set(content_words(reply))
    if not _REQUEST.search(reply):
        return
    for earlier in reversed([turn.content for turn in before if turn.role == "assistant"]):
        for sentence in _SENTENCE.split(earlier):
            question = list(dict.fromkeys(content_words(sentence))) if _REQUEST.search(sentence) else []
            shared = [word for word in question if word in words]
            if len(shared) > 1 and len(shared) >= _COVERED * len(question):
                yield f'asks again for what it has asked before: "{" ".join(shared)}"'
                return


def _earlier_subject(reply: str, before: Sequence[Turn]) -> Iterator[str]:
    messages = [turn.content for turn in before if turn.role == "user"]
    if len(messages) < 2:
        return
    words = content_words(reply)
    last = {word[:_STEM] for word in content_words(messages[-1])}
    earlier = {word for message in messages[:-1] for word in content_words(message)}
    shared = [word for word in dict.fromkeys(words) if word in earlier and word[:_STEM] not in last]
    if len(last) > 1 and shared and not last & {word[:_STEM] for word in words}:
        quoted = ", ".join(f'"{word}"' for word in shared[:_MOST])
        yield f"takes up words of an earlier message, and none of the last: {quoted}"
