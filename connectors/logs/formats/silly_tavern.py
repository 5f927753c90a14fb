"""SillyTavern's chats: a header and then a message a line; an answer that was asked for again has several swipes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from convexplain.connectors.logs.engine.fields import count_summary, first_text, identifier, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)
from convexplain.parts import Part, Reasoning, Text

_USED_KEYS = ("name", "is_user", "is_system", "mes", "swipes", "swipe_id", "swipe_info", "send_date", "extra")
_EXAMPLE = (
    '{"user_name": "You", "character_name": "Guide", "create_date": "2024-2-12", "chat_metadata": {}}\n'
    '{"name": "You", "is_user": true, "is_system": false, "mes": "Hi"}\n'
    '{"name": "Guide", "is_user": false, "is_system": false, "mes": "Hello"}'
)


def is_silly_tavern(value: Any) -> bool:
    """Return whether a JSON value is a message, or the header of a chat."""
    if not isinstance(value, dict):
        return False
    return {"is_user", "mes"} <= value.keys() or {"character_name", "user_name"} <= value.keys()


@dataclass(slots=True)
class _Chat:
    """One chat of a file: its header, and the versions of each message."""

    position: int
    header: Mapping[str, Any] = field(default_factory=dict)
    versions: list[list[Mapping[str, Any]]] = field(default_factory=list)
    selected: list[int] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield each chat of a file with the answers that were shown; a remark counts the other swipes."""
    for number, chat in enumerate(_chats(records), 1):
        tree, end = MessageTree.of_alternatives(chat.versions, chat.selected)
        conversation = tree.shown_branch(end or None, partial(_parse_path, chat))
        yield ParsedRecord(chat.position, number, None, [conversation])


def read_branches(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield each chat of a file, and for each further swipe the conversation that ends with it."""
    for number, chat in enumerate(_chats(records), 1):
        tree, end = MessageTree.of_alternatives(chat.versions, chat.selected)
        conversations = tree.branches(end or None, partial(_parse_path, chat))
        yield ParsedRecord(chat.position, number, None, conversations)


def _chats(records: Sequence[tuple[int, Any]]) -> list[_Chat]:
    chats: list[_Chat] = []
    for position, record in records:
        if "mes" not in record:
            chats.append(_Chat(position, record))
            continue
        if not chats:
            chats.append(_Chat(position))
        _add_message(chats[-1], record)
    return [chat for chat in chats if chat.versions] or chats[:1]


def _add_message(chat: _Chat, record: Mapping[str, Any]) -> None:
    if record.get("is_system") is True:
        chat.left_out["messages hidden from the model"] += 1
        return
    current = first_text(record, "mes")
    swipes = record.get("swipes")
    texts = [text for text in swipes if isinstance(text, str)] if isinstance(swipes, list) else []
    place = record.get("swipe_id")
    place = place if isinstance(place, int) and 0 <= place < len(texts) else 0
    if not texts or current not in ("", texts[place]):
        texts[place : place + 1] = [current]  # an answer that was edited after it was made
    infos = objects(record.get("swipe_info")) if len(texts) > 1 else []
    extras = [object_at(info, "extra") for info in infos] if len(infos) == len(texts) else [{}] * len(texts)
    extras[place] = object_at(record, "extra") or extras[place]
    chat.versions.append([{**record, "mes": text, "extra": extra} for text, extra in zip(texts, extras, strict=True)])
    chat.selected.append(place)


def _parse_path(chat: _Chat, path: Sequence[Mapping[str, Any]]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(chat.header, ("chat_metadata",)))
    for message in path:
        speaker = "user" if message.get("is_user") is True else "assistant"
        at = parse_timestamp(message.get("send_date"))
        name = identifier(message, "name") or None
        thought = first_text(message["extra"], "reasoning")
        parts: list[Part] = [*([Reasoning(thought)] if thought.strip() else []), Text(message["mes"])]
        conversation.turns.append(ParsedTurn.of_parts(speaker, parts, name, at, extra_metadata(message, _USED_KEYS)))
    if chat.left_out:
        conversation.remarks.append(f"left out: {count_summary(chat.left_out)}")
    return conversation


SILLY_TAVERN = LogFormat(
    "silly-tavern",
    "SillyTavern's chats (JSON Lines): the answers that were shown.",
    _EXAMPLE,
    is_silly_tavern,
    read_records=read_records,
)
SILLY_TAVERN_BRANCHES = LogFormat(
    "silly-tavern-branches",
    "The same as silly-tavern, with every swipe as the end of a conversation; only if it is named.",
    _EXAMPLE,
    is_silly_tavern,
    read_records=read_branches,
    only_named=True,
)
