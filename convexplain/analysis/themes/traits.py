"""Traits of a flagged reply in its conversation: what it does, apart from the topic that it is about."""

import re
from collections.abc import Sequence

from convexplain.types import Turn

from .theme import FlaggedTurn
from .words import content_words, words_of

_QUOTED = re.compile(r"[“\"][^“”\"]*[”\"]")
_COVERED = 0.6  # share of an earlier question's content words that a reply has, from which on it asks again
_REQUEST = re.compile(
    r"\?|\b(?:please|need|tell me|give me|send me|enter|provide|share|bitte|brauche)\b", re.IGNORECASE
)
_LANGUAGE_WORDS = 4  # function words of one language that show that a text is written in it
_FUNCTION_WORDS = {
    "English": "the and is you your we for to of it that this have will can with please are what my not on in be",
    "German": "der die das und ist nicht sie ihre ihr ihnen wir mit für auf ein eine den dem im zu haben uns bei kein dazu "
    "kann ich aber nach dafür bitte",
    "French": "le la les et est vous votre nous pour de des un une dans avec pas que qui sur je ne au ce",
    "Spanish": "el la los las y es usted su nosotros para de un una en con no que por se lo al le",
}
_LANGUAGES = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}


def traits_of(turn: FlaggedTurn) -> tuple[str, ...]:
    """Return what a flagged reply does, as clauses with the words that show it in quotation marks.

    These are the turn's own clauses, and traits that compare the reply with the conversation before it.
    """
    before = turn.conversation.turns[: turn.turn]
    last = next((earlier for earlier in reversed(before) if earlier.role != "assistant"), None)
    more = (
        _another_language(turn.reply, last),
        _asks_again(turn.reply, before),
        _earlier_subject(turn.reply, before, last),
    )
    return (*turn.clauses, *(trait for trait in more if trait))


def kind_of(trait: str) -> str:
    """Return a trait without quoted words and numbers: the same for all turns that do the same."""
    plain = re.sub(r"\d+", "", _QUOTED.sub("", trait)).partition(":")[0]
    return " ".join(re.sub(r"[\s,;:]+$", "", plain).split()).strip(" ,;")


def _another_language(reply: str, last: Turn | None) -> str:
    languages = [_language(reply), _language(last.content) if last else ""]
    return f"answers in {languages[0]}" if all(languages) and languages[0] != languages[1] else ""


def _language(text: str) -> str:
    words = words_of(text)
    counts = {language: sum(word in known for word in words) for language, known in _LANGUAGES.items()}
    best, second = sorted(counts, key=lambda language: -counts[language])[:2]
    enough = counts[best] >= min(_LANGUAGE_WORDS, max(2, len(words) // 4))
    return best if enough and counts[best] > counts[second] else ""


def _asks_again(reply: str, before: Sequence[Turn]) -> str:
    words = set(content_words(reply))
    if not _REQUEST.search(reply):
        return ""
    for earlier in reversed(before):
        if earlier.role != "assistant":
            continue
        for sentence in re.split(r"(?<=[.!?])\s+", earlier.content):
            asked = [word for word in content_words(sentence) if len(word) > 2]
            shared = [word for word in asked if word in words]
            if _REQUEST.search(sentence) and len(shared) >= 2 and len(shared) >= _COVERED * len(set(asked)):
                return f'asks again what it has asked before: "{" ".join(shared)}"'
    return ""


def _earlier_subject(reply: str, before: Sequence[Turn], last: Turn | None) -> str:
    if last is None or len(before) < 3:
        return ""
    words, asked = content_words(reply), set(content_words(last.content))
    users = [turn for turn in before if turn.role == "user" and turn is not last]
    if not users or not asked or len(asked) < 2:
        return ""
    earlier = {word for turn in users for word in content_words(turn.content)} - asked
    taken = [word for word in dict.fromkeys(words) if word in earlier and len(word) > 3]
    return f'takes up words of an earlier message instead of the last one: "{" ".join(taken[:3])}"' if len(
        taken
    ) >= 1 and not {word[:4] for word in words} & {word[:4] for word in asked} else ""
