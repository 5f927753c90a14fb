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
HARMLESS = ("begins with", "words of courtesy", "names …")
"""How kinds of traits begin that say no more than that a reply agrees, is polite, or has a new name."""


def traits_of(turn: FlaggedTurn) -> tuple[str, ...]:
    """Return what a flagged reply does, as clauses with the words that show it in quotation marks.

    These are the turn's own clauses, and those that come of comparing the reply with the conversation before it.
    """
    before = turn.conversation.turns[: turn.turn]
    traits = [*turn.clauses, *_other_language(turn.reply, before)]
    if question := asked_before(turn.reply, before):
        traits.append(f'asks again for what it has asked before: "{question[1]}"')
    if subject := earlier_subject(turn.reply, before):
        quoted = ", ".join(f'"{word}"' for word in subject[:_MOST])
        traits.append(f"takes up words of an earlier message, and none of the last: {quoted}")
    return tuple(traits)


def kind_of(trait: str) -> str:
    """Return a trait without the words that show it, and without numbers: the same for all turns that do the same."""
    plain = re.sub(r"\bits turn \d+", "an earlier turn of its own", _QUOTED.sub("…", trait)).partition(":")[0]
    plain = re.sub(r"\d+", "…", re.sub(r"\bturn \d+", "an earlier turn", plain))
    return " ".join(plain.split())


def _other_language(reply: str, before: Sequence[Turn]) -> Iterator[str]:
    language, users = language_of(reply), language_of(" ".join(turn.content for turn in before if turn.role == "user"))
    if language and users and language != users:
        yield f"answers in {language} to messages in {users}"


def asked_before(reply: str, before: Sequence[Turn]) -> tuple[int, str] | None:
    """Return the last earlier turn that asks for what a reply asks for, as its index and the words; None without one.

    Args:
        reply: the reply's text.
        before: the turns before it.
    """
    words = set(content_words(reply))
    if not _REQUEST.search(reply):
        return None
    for i in reversed([i for i, turn in enumerate(before) if turn.role == "assistant"]):
        for sentence in _SENTENCE.split(before[i].content):
            question = list(dict.fromkeys(content_words(sentence))) if _REQUEST.search(sentence) else []
            shared = [word for word in question if word in words]
            if len(shared) > 1 and len(shared) >= _COVERED * len(question):
                return i, " ".join(shared)
    return None


def earlier_subject(reply: str, before: Sequence[Turn]) -> list[str]:
    """Return the words of earlier messages that a reply takes up, where it takes up no word of the last message.

    Args:
        reply: the reply's text.
        before: the turns before it.
    """
    messages = [turn.content for turn in before if turn.role == "user"]
    if len(messages) < 2:
        return []
    if not passes_over(reply, messages[-1]):
        return []
    earlier = {word for message in messages[:-1] for word in content_words(message)}
    return [word for word in dict.fromkeys(content_words(reply)) if word in earlier]


def passes_over(reply: str, message: str) -> bool:
    """Return whether a reply has no content word of a message that has two at least, in any form."""
    words = {word[:_STEM] for word in content_words(message)}
    return len(words) > 1 and words.isdisjoint(word[:_STEM] for word in content_words(reply))
