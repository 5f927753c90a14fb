"""What the fields of items look like: which holds the speaker, the text, the time, an id."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from convexplain.parts import Text

from .content_blocks import content_parts
from .dates import is_moment, is_number
from .field_map import path_text
from .html_text import html_to_text, is_html
from .roles import normalized_word, role_of, speaker_role
from .structure import ITEM, steps_path
from .typed_values import decoded

_MAX_DEPTH = 3
_MAX_FIELDS = 200
_MAX_SPEAKERS = 12
_MAX_WORD = 60
_WORDS_OF_TEXT = 3
"""Words from which on a value reads like somebody's text."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERS = re.compile(r"(?=.*\d.*[-.,:/ ])[\d.,:/ +TZ-]+")
"""Dates, times and numbers with a point."""
_FIGURE = re.compile(r"\d")
_HEX = re.compile(r"[0-9a-fA-F-]{8,}|https?://\S+")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


ROLE_NAMES = words_of(
    "role speaker by sender author from participant who type direction party user actor source side channel origin "
    "absender sprecher von wer rolle autor emisor remitente auteur expéditeur mittente 发送者 角色 発言者 送信者 роль "
    "автор отправитель"
)
TEXT_NAMES = words_of(
    "content text message msg utterance utterances body value said says transcript txt words nachricht gesagt inhalt "
    "mensaje texto contenido messaggio testo contenu texte 内容 消息 本文 メッセージ 내용 текст сообщение"
)
TIME_NAMES = words_of(
    "at ts t time timestamp date datetime created sent when datum zeit uhrzeit zeitpunkt zeitstempel gesendet "
    "erstellt fecha hora"
)
ORDER_NAMES = words_of("turn index position order sequence seq step number no nr idx offset")
ID_NAMES = words_of("id # uuid guid key hash no nr number nummer ref reference 编号")
CONVERSATION_NAMES = words_of(
    "conversation conv convo dialogue dialog session thread chat ticket call case interaction room chatid "
    "sessionid threadid ticketid callid conversationid ticketnummer vorgang gespräch fall 会话"
)
PERSON_NAMES = words_of(
    "user customer client agent author sender speaker account visitor contact owner employee person message msg "
    "turn event utterance"
)
REMARK_NAMES = words_of(
    "title subject topic summary tags tag source url link notes note comment reason feedback category label "
    "intent name email language locale"
)
_MEASURES = words_of(
    "time secs sec seconds ms millis milliseconds minutes duration count total length size cost tokens"
)
"""Words in the name of a number that is measured, and no id."""
_GRADES = words_of("score scores rating ratings quality rank grade label level")
_SPEAKER_NAMES = words_of("role speaker sender author from user")
_BLOCK_KEYS = frozenset(("type", "text", "content"))
"""Keys of a part of a content, of which it has one."""
_MAX_PIECES = 20
"""Items of a list whose texts are the pieces of one text."""
_CUSTOMERS = words_of("customer client visitor requester consumer contact lead guest caller buyer")
"""Words for the customer, beside which the word `user` is one of the company's people."""
_EXCHANGES = {
    **dict.fromkeys(words_of("prompt question query request input"), "user"),
    **dict.fromkeys(words_of("response answer reply output completion"), "assistant"),
}
"""Kinds of messages that say who speaks."""
_KIND_NAMES = words_of("type kind visibility channel state category event")
_NOTES = frozenset(
    ("note", "notes", "internal", "internal note", "private note", "whisper", "agent note", "staff note")
)
_PUBLIC_NAMES, _PRIVATE_NAMES = words_of("public visibility"), words_of("private internal")
TRUTH_WORDS = words_of("true false yes no y n 1 0 public private external internal")
"""Words of truth values, and of what is public or private."""
_FLAG_FILLERS = words_of("is by from was sent")
_DESK_ROLES = frozenset(("end user", "agent", "admin"))
"""The roles of a support desk's users."""
_DIRECTIONS = {
    **dict.fromkeys(("inbound", "incoming", "in", "received"), "user"),
    **dict.fromkeys(("outbound", "outgoing", "out", "sent"), "assistant"),
}


def name_words(name: str) -> list[str]:
    """Return the words in a field's name: `lastUserMessage_id` has last, user, message, id."""
    return normalized_word(_CAMEL.sub(" ", name.replace(".", " "))).split()


def is_text(value: Any) -> bool:
    """Return whether a value reads like somebody's words."""
    return isinstance(value, str) and len(value.split()) >= _WORDS_OF_TEXT and not _HEX.fullmatch(value.strip())


@dataclass(frozen=True, slots=True)
class Field:
    """A field of items.

    Attributes:
        keys: the keys that lead to it.
        values: its values, item by item; None where an item does not have it.
    """

    keys: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def path(self) -> str:
        """Return its place in a map."""
        return steps_path(self.keys) if ITEM in self.keys else path_text(*self.keys)

    @property
    def words(self) -> list[str]:
        """Return the words of its name; of a nested one those of its parents too."""
        return [word for key in self.keys for word in name_words(key)]

    @property
    def filled(self) -> list[Any]:
        """Return the values that are not empty."""
        return [value for value in self.values if value not in (None, "", [], {})]


def fields_of(items: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Return the fields of items, nested ones up to three levels deep; lists count as one value."""
    places: dict[tuple[str, ...], None] = {}
    flat = [_flat(item) for item in items]
    for values in flat:
        for keys in values:
            if len(places) < _MAX_FIELDS:
                places.setdefault(keys)
    return [Field(keys, tuple(values.get(keys) for values in flat)) for keys in places]


def _flat(item: Mapping[str, Any], keys: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in item.items():
        inner = decoded(value)
        if isinstance(inner, dict) and inner and len(keys) + 1 < _MAX_DEPTH:
            flat.update(_flat(inner, (*keys, str(key))))
        else:
            flat[*keys, str(key)] = value
            flat.update(_pieces(inner, (*keys, str(key), ITEM)))
    return flat


def _pieces(items: Any, keys: tuple[str, ...]) -> dict[tuple[str, ...], list[str]]:
    """Return the texts in the objects of a list, by their keys; none where it may be a list of turns."""
    if not isinstance(items, list) or not 0 < len(items) <= _MAX_PIECES:
        return {}
    if not all(isinstance(item, dict) and _SPEAKER_NAMES.isdisjoint(item) for item in items):
        return {}
    texts = [_flat(item) for item in items]
    named = [inner for inner in texts[0] if {*name_words(inner[-1])} & {*TEXT_NAMES, "data"}]
    pieces = {inner: [text for item in texts if isinstance(text := item.get(inner), str)] for inner in named}
    return {(*keys, *inner): values for inner, values in pieces.items() if len(values) == len(items)}


def speaker_words(field: Field, groups: Sequence[int]) -> list[str] | None:
    """Return the words of a field that may name speakers, item by item ("" for none); None for any other field.

    Args:
        field: the field.
        groups: for each item the number of its conversation: in each, few speakers speak.
    """
    words = [str(value).lower() if isinstance(value, bool) else value for value in field.values]
    words = [str(word) if isinstance(word, int) else word for word in words]
    texts = [word.strip() if isinstance(word, str) else "" for word in words]
    distinct = {text for text in texts if text}
    if not distinct or any(len(text) > _MAX_WORD or _NUMBERS.fullmatch(text) for text in distinct):
        return None
    speakers = len({pair for pair in zip(groups, texts, strict=True) if pair[1]})
    conversations = len(set(groups))
    few = speakers <= min(_MAX_SPEAKERS * conversations, max(2 * conversations, len(texts) * 3 // 4))
    return texts if few else None


def sides_of(field: Field, words: Sequence[str]) -> dict[str, str]:
    """Return the speakers of a field whose side, "user" or "assistant", is not in the table of words but is plain from
    the field: a truth value under `isUser`, a direction or a kind of messages, `user` beside `customer`, `system` that
    answers the user.

    Args:
        field: the field.
        words: its words, item by item.
    """
    distinct = {word for word in words if word}
    tokens = [word for word in name_words(field.keys[-1]) if word not in _FLAG_FILLERS]
    if distinct <= {"true", "false", "1", "0"} and len(tokens) == 1:
        side = role_of(tokens[0])
        if side in ("user", "assistant"):
            opposite = "assistant" if side == "user" else "user"
            return {word: side if word in ("true", "1") else opposite for word in distinct}
    compared = {normalized_word(word) for word in distinct}
    roles = {word: speaker_role(word) for word in distinct}
    if "user" in compared and compared & _CUSTOMERS and "assistant" not in roles.values():
        return {word: "assistant" if normalized_word(word) == "user" else "user" for word in distinct}
    if {*roles.values()} == {"user", "system"} and roles[next(filter(None, words))] == "user":
        return {word: "assistant" if role == "system" else "user" for word, role in roles.items()}
    exchanges = {word: _EXCHANGES.get(normalized_word(word), "") for word in distinct}
    if {*exchanges.values()} == {"user", "assistant"}:
        return exchanges
    if "end user" in compared and "admin" in compared <= _DESK_ROLES:
        return {word: "user" if normalized_word(word) == "end user" else "assistant" for word in distinct}
    directions = {word: _DIRECTIONS[word.lower()] for word in distinct if word.lower() in _DIRECTIONS}
    return directions if len(directions) == len(distinct) else {}


def roles_clear(words: Iterable[str], sides: Mapping[str, str]) -> bool:
    """Return whether the role of every speaker is known: by the words, or as the only unknown one beside one side."""
    distinct = {word for word in words if word}
    roles = {word: sides.get(word) or speaker_role(word) for word in distinct}
    heard = {role for role in roles.values() if role in ("user", "assistant")}
    unknown = [word for word, role in roles.items() if role is None]
    return bool(heard) and (not unknown or (len(unknown) == 1 and len(heard) == 1)) and (len(distinct) > 1)


def role_merit(field: Field, groups: Sequence[int]) -> float:
    """Return how much a field looks like the speaker of items; 0 for not at all.

    Args:
        field: the field.
        groups: for each item the number of its conversation; speakers change within one.
    """
    words = speaker_words(field, groups)
    if words is None or sum(bool(word) for word in words) * 10 < len(words) * 8:
        return 0.0
    named = bool(ROLE_NAMES & set(name_words(field.keys[-1])))
    sides = sides_of(field, words)
    distinct = {word for word in words if word}
    neighbours = [
        (word, next_word)
        for (word, group), (next_word, next_group) in pairwise(zip(words, groups, strict=True))
        if group == next_group
    ]
    changes, pairs = sum(word != next_word for word, next_word in neighbours), len(neighbours)
    alternates = len(distinct) > 1 and changes * 3 >= pairs
    if roles_clear(words, sides):
        return 10.0 + 2 * named + alternates + ("role" in field.words)
    if named:
        has_role = any(speaker_role(word) is not None for word in distinct)
        return 4.0 + 2 * has_role + alternates + ("role" in field.words) + (len(distinct) > 1)
    is_measure = bool((_MEASURES | _GRADES) & set(field.words)) or not all(isinstance(v, str) for v in field.filled)
    numbers = is_measure and all(word.isdecimal() for word in distinct)
    spoken = numbers or sum(map(is_text, distinct)) * 2 > len(distinct)
    return 3.0 if alternates and speakers_return(words, groups) and not spoken else 0.0


def speakers_return(words: Sequence[str], groups: Sequence[int]) -> bool:
    """Return whether somebody speaks again after somebody else, or in several conversations, or just two speak."""
    runs = [
        (group, word)
        for i, (group, word) in enumerate(zip(groups, words, strict=True))
        if not i or (groups[i - 1], words[i - 1]) != (group, word)
    ]
    shared = len({word for _, word in runs}) < len(set(runs))
    return len(set(words)) == 2 or shared or len(set(runs)) < len(runs)


def text_merit(field: Field) -> float:
    """Return how much a field looks like the text of items: its mean length, with a bonus for a usual name."""
    named = bool(TEXT_NAMES & set(field.words if ITEM in field.keys else name_words(field.keys[-1])))
    texts = [text for value in field.filled if (text := _text(value, named=named))]
    if len(texts) * 2 < len(field.values) or not texts:
        return 0.0
    if not named and (len(set(texts)) * 2 < len(texts) or sum(map(is_text, texts)) * 3 < len(texts)):
        return 0.0
    if sum(bool(_HEX.fullmatch(text)) or is_moment(text) for text in texts) * 2 > len(texts):
        return 0.0
    markup = any(map(is_html, texts[:_MAX_PIECES]))  # the same text without it is better
    mean = sum(len(html_to_text(text) if markup else text) for text in texts) / len(texts)
    return (mean + 1) * (8 if named else 1) * (len(set(texts)) / len(texts)) * (0.9 if markup else 1)


def _text(value: Any, *, named: bool) -> str:
    if isinstance(value, str):
        return value.strip()
    if not named or not isinstance(value, list) or _is_number_list(value):
        return ""
    if any(isinstance(block, dict) and _BLOCK_KEYS.isdisjoint(block) for block in value):
        return ""
    return "\n".join(part.text for part in content_parts(value) if isinstance(part, Text))


def _is_number_list(value: list[Any]) -> bool:
    return all(isinstance(item, int | float) for item in value)


def is_time(field: Field) -> bool:
    """Return whether a field holds the time of each item."""
    values = field.filled
    named = bool(TIME_NAMES & set(field.words))
    return named and bool(values) and all(map(is_moment, values[:20]))


def may_be_time(field: Field) -> bool:
    """Return whether a field holds the time of each item by its name, in a form that is not known."""
    named = bool(TIME_NAMES & set(name_words(field.keys[-1]))) and not (_MEASURES - {"time"}) & set(field.words)
    texts = [value for value in field.filled if isinstance(value, str) and len(value) <= _MAX_WORD]
    return (
        named
        and len(texts) == len(field.filled) > 0
        and all(_FIGURE.search(text) and not is_number(text) for text in texts)
    )


def says_public(field: Field) -> bool | None:
    """Return whether a field says that an item is public (True) or private (False), by its name and its truth values;
    None for any other field.
    """
    words = {str(value).lower() for value in field.filled}
    if not words or not words <= TRUTH_WORDS:
        return None
    names = set(name_words(field.keys[-1]))
    return True if names & _PUBLIC_NAMES else False if names & _PRIVATE_NAMES else None


def note_condition(field: Field) -> str | None:
    """Return the expression that holds for the private notes among items, by their kind; None for any other field."""
    kinds = {value for value in field.filled if isinstance(value, str)}
    notes = sorted(kind for kind in kinds if normalized_word(kind) in _NOTES)
    if not notes or len(notes) == len(kinds) or not _KIND_NAMES & set(name_words(field.keys[-1])):
        return None
    return " || ".join(f"{field.path}=='{kind}'" for kind in notes)


def is_flag(field: Field) -> bool:
    """Return whether a field holds truth values in words."""
    return bool(field.filled) and {str(value).lower() for value in field.filled} <= TRUTH_WORDS - {"0", "1"}


def is_order(field: Field) -> bool:
    """Return whether a field orders items: whole numbers under a usual name."""
    values = [value for value in field.values if not isinstance(value, bool)]
    numbers = [value for value in values if isinstance(value, int) or (isinstance(value, str) and value.isdecimal())]
    return bool(ORDER_NAMES & set(field.words)) and len(numbers) == len(field.values) > 0 and len(set(numbers)) > 1


def id_merit(field: Field) -> float:
    """Return how much a field looks like the id of a conversation; 0 for not at all."""
    values = [value for value in field.values if isinstance(value, str | int) and not isinstance(value, bool)]
    if len(values) < len(field.values) or not all(str(value).strip() and len(str(value)) <= 200 for value in values):
        return 0.0
    words, last = field.words, name_words(field.keys[-1])
    joined = "".join(last)
    is_id = bool(ID_NAMES & set(last)) or joined.endswith(("id", "nummer"))
    if (REMARK_NAMES | _MEASURES) & set(last) or any(is_text(value) for value in values):
        return 0.0
    conversation = bool(CONVERSATION_NAMES & {*last, joined}) or (is_id and bool(CONVERSATION_NAMES & set(words)))
    person = bool(PERSON_NAMES & set(last)) and not conversation
    if conversation:
        return 6.0 + 2 * is_id
    return 0.0 if not is_id else 1.0 if person else 4.0 if words == ["id"] else 3.0


def contiguous(values: Sequence[Any]) -> bool:
    """Return whether equal values stand together, in more than one group, some with several items."""
    changes: int = sum(before != after for before, after in pairwise(values))
    distinct = len(Counter(map(str, values)))
    return 1 < changes + 1 == distinct < len(values)
