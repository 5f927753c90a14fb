"""The fields of records that are a question and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from .field_shapes import Field, is_text, name_words, words_of

_QUESTIONS = words_of(
    "question query prompt instruction input request ask q frage pregunta domanda pytanie вопрос 问题 質問 질문"
)
ANSWERS = words_of(
    "answer response reply output completion a antwort respuesta réponse reponse risposta ответ 回答 答案 답변"
)
_USERS = words_of("user human customer client visitor kunde")
_ASSISTANTS = words_of("assistant bot chatbot ai agent gpt model llm generated")
_TEXTS = words_of("message msg text content utterance said")
_SYSTEMS = ("system", "system prompt", "system message", "instructions", "system instruction")
OTHERS = words_of(
    "id ids uuid type time at date timestamp status code lang language name length tokens count score rating "
    "category intent label email url version latency ms cost hash tag tags feedback"
)
"""Words in the name of a field that is about a question or an answer, and is not it."""


@dataclass(frozen=True, slots=True)
class PairFields:
    """The fields of a question and its answer, with the reasons for which a person should decide."""

    user: Field
    assistant: Field
    system: Field | None
    doubts: tuple[str, ...]


def find_pair(fields: Sequence[Field]) -> PairFields | None:
    """Return the fields of a question and its answer, by their names; None where there is no such pair."""
    texts = [field for field in fields if _holds_texts(field) and not OTHERS & set(name_words(field.keys[-1]))]
    users = _ranked(texts, _USERS, _QUESTIONS)
    answers = _ranked(texts, _ASSISTANTS, ANSWERS)
    if not answers:
        return None
    users = [(merit, field) for merit, field in users if field is not answers[0][1]]
    if not users:
        users = [(1.0, field) for field in texts if _TEXTS & set(name_words(field.keys[-1]))]
        users = [(merit, field) for merit, field in users if field is not answers[0][1]]
    if not users:
        return None
    doubts = []
    for part, ranked in (("question", users), ("answer", answers)):
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            doubts.append(f"the {part} may be {ranked[0][1].path!r} or {ranked[1][1].path!r}")
    system = system_field(fields)
    return PairFields(users[0][1], answers[0][1], system, tuple(doubts))


def placed_pair(fields: Sequence[Field]) -> PairFields | None:
    """Return the fields of two texts in a short list, as `[["Hi", "Hello"], …]`; None for any other fields."""
    if [field.keys for field in fields] != [("[0]",), ("[1]",)] or not all(map(_holds_texts, fields)):
        return None
    return PairFields(fields[0], fields[1], None, ("it is taken that the first text of each two is the user's",))


def system_field(fields: Sequence[Field]) -> Field | None:
    """Return the field of a system text, by its name."""
    named = (field for field in fields if " ".join(name_words(field.keys[-1])) in _SYSTEMS)
    return next((field for field in named if any(map(is_text, field.filled))), None)


def side_of(name: str) -> str | None:
    """Return the side, "user" or "assistant", whose text a field holds by its name; None for any other name."""
    words = set(name_words(name))
    if OTHERS & words:
        return None
    sides = [side for side, named in (("user", _USERS), ("assistant", _ASSISTANTS)) if named & words]
    sides = sides or [side for side, named in (("user", _QUESTIONS), ("assistant", ANSWERS)) if named & words]
    return sides[0] if len(sides) == 1 else None


def _ranked(fields: Sequence[Field], people: frozenset[str], kinds: frozenset[str]) -> list[tuple[float, Field]]:
    """Return the fields of one side with their merits, the best first."""
    ranked = []
    for field in fields:
        words = set(name_words(field.keys[-1])) | {word for key in field.keys[:-1] for word in name_words(key)}
        person, kind = bool(people & words), bool(kinds & words)
        merit = 4.0 if person and (kind or _TEXTS & words) else 3.0 if kind else 2.0 if person else 0.0
        if merit:
            ranked.append((merit, field))
    return sorted(ranked, key=lambda pair: -pair[0])


def _holds_texts(field: Field) -> bool:
    """Return whether a field holds texts, or lists of texts."""
    values = field.filled
    if len(values) * 2 < len(field.values) or not values:
        return False
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    if not texts or not all(isinstance(text, str) for text in texts):
        return False
    return any(map(is_text, texts)) or len(set(texts)) * 10 >= len(texts)
