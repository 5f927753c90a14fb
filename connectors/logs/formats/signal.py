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

_EXPORTED = {"date", "sender", "body", "attachments"}


def is_signal(value: Any) -> bool:
    """Whether a JSON value is an envelope of signal-cli, or a message of signal-export."""
    if not isinstance(value, dict):
        return False
    envelope = _envelope(value)
    if envelope is not None:
        return not envelope.keys().isdisjoint(("source", "sourceNumber", "sourceUuid")) and "timestamp" in envelope
    return value.keys() >= _EXPORTED and not value.keys().isdisjoint(("quote", "sticker", "reactions"))


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in a file: one a group, or one with each person; signal-export's files hold one each.

    Receipts, typing and the like are left out, and told.
    """
    talks: dict[str, tuple[int, ParsedConversation]] = {}
    others = 0
    for position, value in records:
        envelope = _envelope(value)
        own, said = ("", _exported(value)) if envelope is None else _sent(value, envelope)
        if said is None:
            others += 1
            continue
        _, draft = talks.setdefault(own, (position, ParsedConversation([])))
        if not said.content.strip():
            draft.remarks.append(f"the message at {position} is empty")
        draft.turns.append(said)
    if others:
        report(None, f"{others} records without a message (receipts, typing, calls) are left out", kept=True)
    for number, (own, (position, draft)) in enumerate(talks.items(), 1):
        # Messages of several devices may come late.
        if all(said.at is not None for said in draft.turns):
            draft.turns.sort(key=lambda said: said.at.timestamp() if said.at else 0.0)
        yield ParsedRecord(position, number, own or None, [draft])


def _envelope(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = value.get("params") if isinstance(value.get("params"), dict) else value
    found = inner.get("envelope") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else None


def _sent(value: Mapping[str, Any], envelope: Mapping[str, Any]) -> tuple[str, ParsedTurn | None]:
    """The conversation that an envelope is of, and what is said in it: None where it is no message."""
    message, sync = envelope.get("dataMessage"), envelope.get("syncMessage")
    source = _first(envelope, "sourceNumber", "source", "sourceUuid")
    other = source
    if isinstance(sync, dict) and isinstance(sync.get("sentMessage"), dict):
        message = sync["sentMessage"]
        other = _first(message, "destinationNumber", "destination", "destinationUuid")
    if not isinstance(message, dict) or message.keys().isdisjoint(("message", "attachments", "sticker")):
        return "", None
    group = message.get("groupInfo")
    own = _first(group, "groupId", "groupName") if isinstance(group, dict) else other
    if message.get("reaction") and not message.get("message"):
        return "", None
    name = _first(envelope, "sourceName") or source
    at = parse_timestamp(message.get("timestamp")) or parse_timestamp(envelope.get("timestamp"))
    metadata = {"number": source} if source and source != name else {}
    return clean_text(own), ParsedTurn(clean_text(name) or "unknown", _shown(message, "message"), None, at, metadata)


def _exported(value: Mapping[str, Any]) -> ParsedTurn:
    sender = value.get("sender")
    at, _ = find_timestamp({"time": value.get("date")})
    metadata = {} if at is not None or value.get("date") is None else {"at": str(value["date"])}
    return ParsedTurn(sender if isinstance(sender, str) else "", _shown(value, "body"), None, at, metadata)


def _first(value: Mapping[str, Any], *names: str) -> str:
    return next((value[name].strip() for name in names if isinstance(value.get(name), str) and value[name].strip()), "")


def _shown(message: Mapping[str, Any], key: str) -> str:
    text = message.get(key)
    shown = [text] if isinstance(text, str) and text else []
    attachments = message.get("attachments")
    for item in attachments if isinstance(attachments, list) else []:
        kind = _first(item, "contentType").partition("/")[0] if isinstance(item, dict) else ""
        name = _first(item, "filename", "name", "fileName") if isinstance(item, dict) else ""
        word = kind if kind in ("image", "audio", "video") else "file"
        shown.append(f"[{word}: {name}]" if name else f"[{word}]")
    sticker = message.get("sticker")
    if sticker:
        shown.append(f"[sticker: {sticker}]" if isinstance(sticker, str) else "[sticker]")
    return "\n".join(shown)


SIGNAL = LogFormat(
    "signal",
    "Signal by signal-cli (JSON of what was received and sent) or signal-export (data.json); name the assistant, "
    "unless it is called so.",
    '{"date": "2024-05-01 10:00:00", "sender": "User", "body": "Hi", "quote": "", "attachments": []}\n'
    '{"date": "2024-05-01 10:00:01", "sender": "Bot", "body": "Hello", "quote": "", "attachments": []}',
    is_signal,
    read_records=joined,
)
