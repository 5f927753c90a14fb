"""Intercom: conversations with their parts. Bots and people of the company are both the assistant, distinguished by
name and by `author_type`; notes among colleagues are left out.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    count_summary,
    file_placeholder,
    first_text,
    identifier,
    object_at,
    objects,
)
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_ROLES = {
    "user": "user",
    "lead": "user",
    "contact": "user",
    "visitor": "user",
    "admin": "assistant",
    "bot": "assistant",
    "team": "assistant",
}
_USED_KEYS = {"source", "conversation_parts", "type", "created_at", "title", "custom_attributes"}
_PART_METADATA_KEYS = ("id", "part_type", "from_ai_agent", "is_ai_answer")


def is_intercom(value: Any) -> bool:
    """Return whether a JSON value is a conversation."""
    if not isinstance(value, dict) or not isinstance(value.get("source"), dict):
        return False
    source = value["source"]
    if source.keys().isdisjoint(("body", "author", "delivered_as")):
        return False
    return "conversation_parts" in value or value.get("type") == "conversation"


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a record."""
    conversation = ParsedConversation([], extra_metadata(record, _USED_KEYS))
    source = record["source"]
    for key, value in (("title", record.get("title")), ("subject", html_to_text(first_text(source, "subject")))):
        if isinstance(value, str) and value.strip():
            conversation.metadata[key] = html_to_text(value)
    left_out: Counter[str] = Counter()
    # A conversation that somebody's visit began may have a source that says nothing.
    if _part_text(source).strip():
        _add_part(conversation, source, record.get("created_at"))
    parts = record.get("conversation_parts")
    inner = parts.get("conversation_parts") if isinstance(parts, dict) else parts
    notes = 0
    for item in objects(inner):
        kind = first_text(item, "part_type")
        if kind.startswith("note"):
            notes += 1
            conversation.aside.append(item)
        elif _part_text(item).strip():
            _add_part(conversation, item, None)
        else:
            left_out[kind or "without a type"] += 1
    if notes:
        conversation.remarks.append(f"{notes} internal notes are left out")
    if left_out:
        conversation.remarks.append(f"{left_out.total()} parts without a text are left out ({count_summary(left_out)})")
    if parts is None:
        conversation.remarks.append("the conversation has no 'conversation_parts', only what it begins with")
    total, held = object_at(record, "conversation_parts").get("total_count"), len(objects(inner))
    if isinstance(total, int) and total > held:
        conversation.remarks.append(f"the conversation has {total} parts, but {held} are in the log")
    return [conversation]


def _add_part(conversation: ParsedConversation, item: Mapping[str, Any], began: Any) -> None:
    author = object_at(item, "author")
    kind = first_text(author, "type").strip().lower()
    name = first_text(author, "name") or None
    about = extra_metadata({key: item.get(key) for key in _PART_METADATA_KEYS}, ())
    about |= {key: author[key] for key in ("from_ai_agent", "is_ai_answer") if isinstance(author.get(key), bool)}
    if kind:
        about["author_type"] = kind
    if author_id := identifier(author, "id"):
        about["author_id"] = author_id
    at = parse_timestamp(item.get("created_at")) or parse_timestamp(began)
    conversation.turns.append(ParsedTurn(_ROLES.get(kind, kind), _part_text(item), name, at, about))


def _part_text(item: Mapping[str, Any]) -> str:
    """Return the text of a part, then its attachments."""
    body = item.get("body")
    lines = [html_to_text(body)] if isinstance(body, str) else []
    if not any(lines) and item.get("redacted") is True:
        lines = ["[redacted]"]
    lines += [file_placeholder(file.get("content_type"), file.get("name")) for file in objects(item.get("attachments"))]
    return "\n".join(filter(None, lines))


INTERCOM = LogFormat(
    "intercom",
    "Intercom conversations with their parts; bots and people of the company are the assistant, notes left out.",
    '{"type": "conversation", "id": "1", "source": {"body": "<p>Hi</p>", "author": {"type": "user", "name": '
    '"Anna"}}, "conversation_parts": {"conversation_parts": [{"part_type": "comment", "body": "<p>Hello</p>", '
    '"author": {"type": "admin", "name": "Ben"}}]}}',
    is_intercom,
    read_record,
)
