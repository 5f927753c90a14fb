"""Claude's export: conversations with their `chat_messages`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts
from convexplain.connectors.logs.engine.content_blocks import attachment_placeholder, speaker_and_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError
from convexplain.connectors.logs.engine.roles import role_of

_FILES = ("attachments", "files", "files_v2")
_PARENT = "parent_message_uuid"
_LEAF = "current_leaf_message_uuid"


def is_claude(value: Any) -> bool:
    """Whether a JSON value is a conversation of the export."""
    return isinstance(value, dict) and isinstance(value.get("chat_messages"), list)


def drafts(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """The conversation, of a tree the branch that its user saw last.

    Raises:
        UnreadableError: it has no messages, or one does not say who speaks.
    """
    return [_draft(record)]


def branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Every branch as a conversation of its own, the one that its user saw last first; without a tree just that.

    Raises:
        UnreadableError: it has no messages, or one does not say who speaks.
    """
    messages = [message for message in record["chat_messages"] if isinstance(message, dict)]
    inner = {message.get(_PARENT) for message in messages if isinstance(message.get(_PARENT), str)}
    leaf = record.get(_LEAF)
    ends = [own for message in messages if isinstance(own := message.get("uuid"), str) and own not in inner]
    if not isinstance(leaf, str) or all(message.get("uuid") != leaf for message in messages):
        return [_draft(record)]
    found = []
    for number, end in enumerate(dict.fromkeys([leaf, *ends]), 1):
        draft = _draft({**record, _LEAF: end}, alone=False)
        draft.suffix = f"-branch{number}" if number > 1 else ""
        found.append(draft)
    return found


def _draft(record: Mapping[str, Any], *, alone: bool = True) -> ParsedConversation:
    """`alone`: the other branches are remarked on."""
    found = ParsedConversation([], extra_metadata(record, {"chat_messages", "account", _LEAF}))
    messages = [message for message in record["chat_messages"] if isinstance(message, dict)]
    if len(messages) < len(record["chat_messages"]):
        found.remarks.append(f"{len(record['chat_messages']) - len(messages)} messages cannot be read")
    shown = _branch(messages, record.get(_LEAF))
    if alone and len(shown) < len(messages):
        found.remarks.append(f"{len(messages) - len(shown)} messages of other branches are left out")
    for number, message in enumerate(shown, 1):
        said = list(_said(message, number))
        found.turns += said
        if not any(turn.content.strip() for turn in said):
            found.remarks.append(f"message {number} ({said[0].speaker!r}) is empty")
    if not found.turns:
        raise UnreadableError("the conversation has no messages")
    found.turns = merge_thoughts(found.turns)
    return found


def _branch(messages: Sequence[Mapping[str, Any]], leaf: Any) -> Sequence[Mapping[str, Any]]:
    """The messages from the root to the leaf; all of them where the record tells no leaf."""
    known = {own: message for message in messages if isinstance(own := message.get("uuid"), str)}
    if not isinstance(leaf, str) or leaf not in known:
        return messages
    path: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    at: Any = leaf
    while isinstance(at, str) and at in known and at not in seen:
        seen.add(at)
        path.append(known[at])
        at = known[at].get(_PARENT)
    return path[::-1]


def _said(message: Mapping[str, Any], number: int) -> Iterator[ParsedTurn]:
    speaker = message.get("sender", message.get("role"))
    if not isinstance(speaker, str) or not speaker.strip():
        raise UnreadableError(f"message {number} does not say who speaks")
    at, _ = find_timestamp(message)
    kept = extra_metadata({key: message[key] for key in ("uuid",) if key in message}, ())
    parts: list[tuple[str, list[str]]] = []
    for who, text in _texts(message, speaker):
        if text and parts and parts[-1][0] == who:
            parts[-1][1].append(text)
        elif text:
            parts.append((who, [text]))
    for who, texts in parts or [(speaker, [])]:
        yield ParsedTurn(who, "\n".join(texts), None, at, kept if who == speaker else {})


def _texts(message: Mapping[str, Any], speaker: str) -> Iterator[tuple[str, str]]:
    content, text = message.get("content"), message.get("text")
    blocks = content if isinstance(content, list) else []
    shown = [speaker_and_text(block, speaker) for block in blocks]
    if any(told.strip() for _, told in shown):
        yield from shown
    elif isinstance(content, str) and content:
        yield speaker, content
    elif isinstance(text, str):
        yield speaker, text
    names = set()
    for key in _FILES:
        items = message.get(key)
        for item in items if isinstance(items, list) else ():
            told = attachment_placeholder(item)
            if told == "[file]" or told not in names:  # a file may be listed twice
                names.add(told)
                yield (speaker if role_of(speaker) else "user"), told


CLAUDE = LogFormat(
    "claude",
    "Claude's export (conversations.json, or the zip).",
    '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]}',
    is_claude,
    drafts,
)


CLAUDE_BRANCHES = LogFormat(
    "claude-branches",
    "The same as claude, with every branch as a conversation of its own; only if it is named.",
    '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]}',
    is_claude,
    branches,
    # The same records as claude, which reads them unless this format is named.
    precedence=-1,
)
