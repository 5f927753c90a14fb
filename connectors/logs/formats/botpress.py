"""Botpress: messages of the chat API, each of which says its conversation and its direction."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    decoded_json,
    file_placeholder,
    first_text,
    identifier,
    object_at,
    objects,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_SPEAKERS = {"incoming": "user", "outgoing": "assistant"}
_USED_KEYS = ("createdAt", "payload", "direction", "conversationId", "type", "tags", "userId")
_FILES = {"image": "imageUrl", "audio": "audioUrl", "video": "videoUrl", "file": "fileUrl"}
_MAX_DEPTH = 8


def is_botpress(value: Any) -> bool:
    """Return whether a JSON value is a message, or an object that holds a list of them."""
    return _is_message(value) or (isinstance(value, dict) and any(map(_is_message, objects(value.get("messages")))))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a file's messages, which may come newest first: they are sorted by their times."""
    conversations: dict[str, tuple[int, list[ParsedTurn]]] = {}
    for position, value in records:
        for message in [value] if _is_message(value) else objects(value.get("messages")):
            turn = _parse_turn(message) if _is_message(message) else None
            if turn is None:
                report(position, "a message without a direction, or with one that is neither incoming nor outgoing")
                continue
            conversations.setdefault(identifier(message, "conversationId"), (position, []))[1].append(turn)
    for number, (conversation_id, (position, turns)) in enumerate(conversations.items(), 1):
        conversation = ParsedConversation([])
        moments = [turn.at.replace(tzinfo=turn.at.tzinfo or UTC) for turn in turns if turn.at is not None]
        if len(moments) == len(turns):
            places = sorted(range(len(turns)), key=lambda place: moments[place])
        else:
            places = list(range(len(turns)))
            conversation.remarks.append("not all messages have a time: they are in the order of the file")
        for place in places:
            conversation.turns.append(turns[place])
        yield ParsedRecord(position, number, conversation_id or None, [conversation])


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("direction"), str) or "payload" not in value:
        return False
    return not value.keys().isdisjoint(("conversationId", "userId"))


def _parse_turn(message: Mapping[str, Any]) -> ParsedTurn | None:
    speaker = _SPEAKERS.get(message["direction"])
    if speaker is None:
        return None
    payload = decoded_json(message["payload"]) if first_text(message, "payload").startswith("{") else message["payload"]
    about = extra_metadata(message, _USED_KEYS)
    if user := identifier(message, "userId"):
        about["user_id"] = user
    return ParsedTurn(
        speaker,
        _payload_text(payload, first_text(message, "type")),
        None,
        parse_timestamp(message.get("createdAt")),
        about,
    )


def _payload_text(payload: Any, kind: str, depth: int = 0) -> str:
    """Return the text of a message, then a placeholder for everything that is no text."""
    if isinstance(payload, str):
        return payload
    if not isinstance(payload, dict) or depth > _MAX_DEPTH:
        return f"[{kind or 'message'}]"
    kind = first_text(payload, "type") or kind
    if kind in _FILES:
        address = first_text(payload, _FILES[kind]).rpartition("/")[2]
        lines = [file_placeholder(kind if kind != "file" else None, first_text(payload, "title", "name") or address)]
        return "\n".join(filter(None, [first_text(payload, "text", "caption"), *lines]))
    lines = [first_text(payload, "text", "markdown")]
    if options := [label for item in objects(payload.get("options")) if (label := first_text(item, "label", "value"))]:
        lines.append(f"[buttons: {' | '.join(options)}]")
    if kind == "location":
        lines.append(f"[location: {title}]" if (title := first_text(payload, "title", "address")) else "[location]")
    if title := first_text(payload, "title") if kind != "location" else "":
        lines.append(_card(payload, title))
    for item in objects(payload.get("items")):
        lines.append(_payload_text(object_at(item, "payload") or item, first_text(item, "type") or "card", depth + 1))
    if any(filter(None, lines)):
        return "\n".join(filter(None, lines))
    return "" if kind in ("text", "markdown") else f"[{kind or 'message'}]"


def _card(payload: Mapping[str, Any], title: str) -> str:
    actions = [label for item in objects(payload.get("actions")) if (label := first_text(item, "label", "title"))]
    pieces = [title, first_text(payload, "subtitle"), *actions]
    return f"[card: {' | '.join(' '.join(piece.split()) for piece in pieces if piece)}]"


BOTPRESS = LogFormat(
    "botpress",
    "Botpress messages, incoming and outgoing, in the order of their times.",
    '{"messages": [{"id": "m2", "conversationId": "c1", "direction": "outgoing", "createdAt": '
    '"2024-05-01T10:00:01Z", "payload": {"type": "text", "text": "Hello"}}, {"id": "m1", "conversationId": "c1", '
    '"direction": "incoming", "createdAt": "2024-05-01T10:00:00Z", "payload": {"type": "text", "text": "Hi"}}]}',
    is_botpress,
    read_records=read_records,
)
