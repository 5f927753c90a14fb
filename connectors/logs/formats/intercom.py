"""Intercom: conversations with their parts. Bots and people of the company are both the assistant, told apart by name
and by `author_type`; notes among colleagues are left out.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Said
from convexplain.connectors.logs.engine.hypertext import plain
from convexplain.connectors.logs.engine.picking import counted, dicts, part, placeholder, text, word
from convexplain.connectors.logs.engine.values import extras, moment

_ROLES = {
    "user": "user",
    "lead": "user",
    "contact": "user",
    "visitor": "user",
    "admin": "assistant",
    "bot": "assistant",
    "team": "assistant",
}
_USED = {"source", "conversation_parts", "type", "created_at", "title", "custom_attributes"}
_PART_KEPT = ("id", "part_type", "from_ai_agent", "is_ai_answer")


def is_intercom(value: Any) -> bool:
    """Whether a JSON value is a conversation."""
    if not isinstance(value, dict) or not isinstance(value.get("source"), dict):
        return False
    source = value["source"]
    if source.keys().isdisjoint(("body", "author", "delivered_as")):
        return False
    return "conversation_parts" in value or value.get("type") == "conversation"


def drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The conversation in a record."""
    draft = Draft([], extras(record, _USED))
    source = record["source"]
    for key, value in (("title", record.get("title")), ("subject", plain(text(source, "subject")))):
        if isinstance(value, str) and value.strip():
            draft.metadata[key] = plain(value)
    others: Counter[str] = Counter()
    # A conversation that somebody's visit began may have a source that says nothing.
    if _shown(source).strip():
        _add(draft, source, record.get("created_at"))
    parts = record.get("conversation_parts")
    inner = parts.get("conversation_parts") if isinstance(parts, dict) else parts
    notes = 0
    for item in dicts(inner):
        kind = text(item, "part_type")
        if kind.startswith("note"):
            notes += 1
        elif _shown(item).strip():
            _add(draft, item, None)
        else:
            others[kind or "without a type"] += 1
    if notes:
        draft.remarks.append(f"{notes} internal notes are left out")
    if others:
        draft.remarks.append(f"{others.total()} parts without a text are left out ({counted(others)})")
    if parts is None:
        draft.remarks.append("the conversation has no 'conversation_parts', only what it begins with")
    total, held = part(record, "conversation_parts").get("total_count"), len(dicts(inner))
    if isinstance(total, int) and total > held:
        draft.remarks.append(f"the conversation has {total} parts, but {held} are in the log")
    return [draft]


def _add(draft: Draft, item: Mapping[str, Any], began: Any) -> None:
    author = part(item, "author")
    kind = text(author, "type").strip().lower()
    name = text(author, "name") or None
    about = extras({key: item.get(key) for key in _PART_KEPT}, ())
    about |= {key: author[key] for key in ("from_ai_agent", "is_ai_answer") if isinstance(author.get(key), bool)}
    if kind:
        about["author_type"] = kind
    if own := word(author, "id"):
        about["author_id"] = own
    at = moment(item.get("created_at")) or moment(began)
    draft.said.append(Said(_ROLES.get(kind, kind), _shown(item), name, at, about))


def _shown(item: Mapping[str, Any]) -> str:
    """The text of a part, then its attachments."""
    body = item.get("body")
    shown = [plain(body)] if isinstance(body, str) else []
    if not any(shown) and item.get("redacted") is True:
        shown = ["[redacted]"]
    shown += [placeholder(file.get("content_type"), file.get("name")) for file in dicts(item.get("attachments"))]
    return "\n".join(filter(None, shown))
