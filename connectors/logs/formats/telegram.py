"""Telegram's result.json: one chat, or all chats of an account."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_TYPES = ("message", "service")
_USED_KEY_WORDS = (
    "type text text_entities from from_id photo file thumbnail media_type mime_type width height file_size file_name "
    "sticker_emoji duration_seconds photo_file_size thumbnail_file_size date date_unixtime"
)
_USED_KEYS = frozenset(_USED_KEY_WORDS.split())
_MEDIA = {
    "sticker": "sticker",
    "voice_message": "audio",
    "audio_file": "audio",
    "video_message": "video",
    "video_file": "video",
    "animation": "video",
}
_ATTACHMENT_KEYS = {
    "location_information": "location",
    "live_location_period_seconds": "live location",
    "contact_information": "contact",
    "poll": "poll",
    "game_title": "game",
    "invoice_information": "invoice",
    "dice_emoji": "dice",
}


def is_telegram(value: Any) -> bool:
    """Return whether a JSON value is a chat, or an export of all chats."""
    return isinstance(value, dict) and (_is_chat(value) or any(map(_is_chat, _chats(value))))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in an export, one a chat. Telegram's own messages are left out, with a remark.

    In a chat with a bot the bot is the assistant; elsewhere nothing distinguishes bots from people.
    """
    if _is_chat(record):
        return [_parse_chat(record)]
    conversations = []
    for number, chat in enumerate(_chats(record), 1):
        if _is_chat(chat):
            conversation = _parse_chat(chat)
            chat_id = chat.get("id")
            conversation.suffix = f"-{chat_id if isinstance(chat_id, int) else number}"
            conversations.append(conversation)
    return conversations


def _chats(record: Mapping[str, Any]) -> Iterator[Any]:
    for key in ("chats", "left_chats"):
        chats = record.get(key)
        listed = chats.get("list") if isinstance(chats, dict) else None
        yield from listed if isinstance(listed, list) else ()


def _is_chat(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return False
    messages = value["messages"]
    if not messages:
        return isinstance(value.get("type"), str) and isinstance(value.get("id"), int) and "name" in value
    return any(isinstance(message, dict) and _is_message(message) for message in messages[:20])


def _is_message(message: Mapping[str, Any]) -> bool:
    return (
        message.get("type") in _TYPES
        and not message.keys().isdisjoint(("date", "date_unixtime"))
        and not message.keys().isdisjoint(("from", "from_id", "actor", "text_entities"))
    )


def _parse_chat(chat: Mapping[str, Any]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(chat, {"messages"}))
    service: Counter[str] = Counter()
    for number, message in enumerate(chat["messages"], 1):
        if not isinstance(message, dict):
            conversation.remarks.append(f"message {number} is missing")
        elif message.get("type") == "service":
            service[clean_text(str(message.get("action", "?")))] += 1
            conversation.aside.append(message)
        else:
            conversation.turns.append(_parse_turn(message, chat))
    if service:
        kinds = ", ".join(f"{count} {kind}" for kind, count in service.most_common(10))
        conversation.remarks.append(f"{service.total()} messages of Telegram itself are left out ({kinds})")
    return conversation


def _parse_turn(message: Mapping[str, Any], chat: Mapping[str, Any]) -> ParsedTurn:
    name, sender_id = message.get("from"), message.get("from_id")
    speaker = name if isinstance(name, str) and name.strip() else str(sender_id) if sender_id else "Deleted Account"
    # The time in seconds has a zone; the one in words has none.
    at, _ = find_timestamp({"time": message.get("date_unixtime")})
    if at is None:
        at, _ = find_timestamp({"time": message.get("date")})
    metadata = extra_metadata(message, _USED_KEYS if at is not None else _USED_KEYS - {"date"})
    if chat.get("type") == "bot_chat":
        is_bot = sender_id == f"user{chat.get('id')}" or name == chat.get("name")
        return ParsedTurn("assistant" if is_bot else "user", _message_text(message), speaker, at, metadata)
    return ParsedTurn(speaker, _message_text(message), None, at, metadata)


def _message_text(message: Mapping[str, Any]) -> str:
    """Return a message's text with placeholders for everything that is no text."""
    text = _text(message.get("text"))
    if not text.strip() and message.get("text_entities"):
        text = _text(message["text_entities"])
    return "\n".join(filter(None, [text, *_placeholders(message)]))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "".join(map(_entity, value)) if isinstance(value, list) else ""


def _entity(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return ""
    address = value.get("href")
    return f"{value['text']} ({address})" if isinstance(address, str) and address else str(value["text"])


def _placeholders(message: Mapping[str, Any]) -> Iterator[str]:
    if message.get("photo"):
        yield "[image]"
    kind = message.get("media_type")
    if message.get("file") or kind:
        word = _MEDIA.get(str(kind), "file")
        label = message.get("sticker_emoji") if word == "sticker" else message.get("file_name")
        yield f"[{word}: {label}]" if isinstance(label, str) and label else f"[{word}]"
    for key, word in _ATTACHMENT_KEYS.items():
        if message.get(key):
            poll = message[key]
            question = poll.get("question") if isinstance(poll, dict) else None
            yield f"[{word}: {question}]" if isinstance(question, str) else f"[{word}]"


TELEGRAM = LogFormat(
    "telegram",
    "Telegram's result.json, of one chat or of all; in a chat with a bot the bot is the assistant.",
    '{"name": "Bot", "type": "bot_chat", "id": 7, "messages": [{"type": "message", "date": "2024-05-01T10:00:00", '
    '"from": "Anna", "from_id": "user1", "text": "Hi"}, {"type": "message", "date": "2024-05-01T10:00:01", '
    '"from": "Bot", "from_id": "user7", "text": "Hello"}]}',
    is_telegram,
    read_record,
)
