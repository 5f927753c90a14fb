"""Signal: the JSON of signal-cli, and the messages that signal-export writes; transcripts of both are plain ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, find_timestamp, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_EXPORT_KEYS = {"date", "sender", "body", "attachments"}


def is_signal(value: Any) -> bool:
    """Return whether a JSON value is an envelope of signal-cli, or a message of signal-export."""
    if not isinstance(value, dict):
        return False
    envelope = _envelope(value)
    if envelope is not None:
        return not envelope.keys().isdisjoint(("source", "sourceNumber", "sourceUuid")) and "timestamp" in envelope
    return value.keys() >= _EXPORT_KEYS and not value.keys().isdisjoint(("quote", "sticker", "reactions"))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a file: one a group, or one with each person; signal-export's files hold one each.

    Receipts, typing and the like are left out and reported.
    """
    conversations: dict[str, tuple[int, ParsedConversation]] = {}
    left_out = 0
    for position, value in records:
        envelope = _envelope(value)
        conversation_id, turn = ("", _parse_exported(value)) if envelope is None else _parse_envelope(value, envelope)
        if turn is None:
            left_out += 1
            continue
        _, conversation = conversations.setdefault(conversation_id, (position, ParsedConversation([])))
        conversation.turns.append(turn)
    if left_out:
        report(None, f"{left_out} records without a message (receipts, typing, calls) are left out", kept=True)
    for number, (conversation_id, (position, conversation)) in enumerate(conversations.items(), 1):
        # Messages of several devices may come late.
        if all(turn.at is not None for turn in conversation.turns):
            conversation.turns.sort(key=lambda turn: turn.at.timestamp() if turn.at else 0.0)
        yield ParsedRecord(position, number, conversation_id or None, [conversation])


def _envelope(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = value.get("params") if isinstance(value.get("params"), dict) else value
    envelope = inner.get("envelope") if isinstance(inner, dict) else None
    return envelope if isinstance(envelope, dict) else None


def _parse_envelope(value: Mapping[str, Any], envelope: Mapping[str, Any]) -> tuple[str, ParsedTurn | None]:
    """Return the id of an envelope's conversation, and its turn; None in place of the turn where it is no message."""
    message, sync = envelope.get("dataMessage"), envelope.get("syncMessage")
    source = _first_text(envelope, "sourceNumber", "source", "sourceUuid")
    peer = source
    if isinstance(sync, dict) and isinstance(sync.get("sentMessage"), dict):
        message = sync["sentMessage"]
        peer = _first_text(message, "destinationNumber", "destination", "destinationUuid")
    if not isinstance(message, dict) or message.keys().isdisjoint(("message", "attachments", "sticker")):
        return "", None
    group = message.get("groupInfo")
    conversation_id = _first_text(group, "groupId", "groupName") if isinstance(group, dict) else peer
    if message.get("reaction") and not message.get("message"):
        return "", None
    name = _first_text(envelope, "sourceName") or source
    at = parse_timestamp(message.get("timestamp")) or parse_timestamp(envelope.get("timestamp"))
    metadata = {"number": source} if source and source != name else {}
    return clean_text(conversation_id), ParsedTurn(
        clean_text(name) or "unknown", _message_text(message, "message"), None, at, metadata
    )


def _parse_exported(value: Mapping[str, Any]) -> ParsedTurn:
    sender = value.get("sender")
    at, _ = find_timestamp({"time": value.get("date")})
    metadata = {} if at is not None or value.get("date") is None else {"at": str(value["date"])}
    return ParsedTurn(sender if isinstance(sender, str) else "", _message_text(value, "body"), None, at, metadata)


def _first_text(value: Mapping[str, Any], *names: str) -> str:
    return next((value[name].strip() for name in names if isinstance(value.get(name), str) and value[name].strip()), "")


def _message_text(message: Mapping[str, Any], key: str) -> str:
    text = message.get(key)
    lines = [text] if isinstance(text, str) and text else []
    attachments = message.get("attachments")
    for item in attachments if isinstance(attachments, list) else []:
        kind = _first_text(item, "contentType").partition("/")[0] if isinstance(item, dict) else ""
        name = _first_text(item, "filename", "name", "fileName") if isinstance(item, dict) else ""
        word = kind if kind in ("image", "audio", "video") else "file"
        lines.append(f"[{word}: {name}]" if name else f"[{word}]")
    sticker = message.get("sticker")
    if sticker:
        lines.append(f"[sticker: {sticker}]" if isinstance(sticker, str) else "[sticker]")
    return "\n".join(lines)


SIGNAL = LogFormat(
    "signal",
    "Signal by signal-cli (JSON of what was received and sent) or signal-export (data.json); name the assistant, "
    "unless it is called so.",
    '{"date": "2024-05-01 10:00:00", "sender": "User", "body": "Hi", "quote": "", "attachments": []}\n'
    '{"date": "2024-05-01 10:00:01", "sender": "Bot", "body": "Hello", "quote": "", "attachments": []}',
    is_signal,
    read_records=read_records,
)
