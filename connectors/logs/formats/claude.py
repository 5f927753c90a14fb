"""Claude's export: conversations with their `chat_messages`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts
from convexplain.connectors.logs.engine.content_blocks import attachment_part, content_parts
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.parts import Media, Part, visible_content

_FILES = ("attachments", "files", "files_v2")
_PARENT = "parent_message_uuid"
_LEAF = "current_leaf_message_uuid"


def is_claude(value: Any) -> bool:
    """Return whether a JSON value is a conversation of the export."""
    return isinstance(value, dict) and isinstance(value.get("chat_messages"), list)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation; of a tree, the branch that its user saw last.

    Raises:
        UnreadableError: it has no messages, or one does not say who speaks.
    """
    return [_parse_conversation(record)]


def read_branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return every branch as a conversation, the one that its user saw last first; without a tree, the only one.

    Raises:
        UnreadableError: it has no messages, or one does not say who speaks.
    """
    messages = [message for message in record["chat_messages"] if isinstance(message, dict)]
    inner = {message.get(_PARENT) for message in messages if isinstance(message.get(_PARENT), str)}
    leaf = record.get(_LEAF)
    ends = [
        message_id
        for message in messages
        if isinstance(message_id := message.get("uuid"), str) and message_id not in inner
    ]
    if not isinstance(leaf, str) or all(message.get("uuid") != leaf for message in messages):
        return [_parse_conversation(record)]
    conversations = []
    for number, end in enumerate(dict.fromkeys([leaf, *ends]), 1):
        conversation = _parse_conversation({**record, _LEAF: end}, alone=False)
        conversation.suffix = f"-branch{number}" if number > 1 else ""
        conversations.append(conversation)
    return conversations


def _parse_conversation(record: Mapping[str, Any], *, alone: bool = True) -> ParsedConversation:
    """Return the conversation on the current branch; with `alone`, a remark counts the other branches."""
    conversation = ParsedConversation([], extra_metadata(record, {"chat_messages", "account", _LEAF}))
    messages = [message for message in record["chat_messages"] if isinstance(message, dict)]
    if len(messages) < len(record["chat_messages"]):
        conversation.remarks.append(f"{len(record['chat_messages']) - len(messages)} messages cannot be read")
    branch = _branch(messages, record.get(_LEAF))
    if alone and len(branch) < len(messages):
        conversation.remarks.append(f"{len(messages) - len(branch)} messages of other branches are left out")
    for number, message in enumerate(branch, 1):
        turns = list(_parse_message(message, number))
        conversation.turns += turns
    if not conversation.turns:
        raise UnreadableError("the conversation has no messages")
    conversation.turns = merge_thoughts(conversation.turns)
    return conversation


def _branch(messages: Sequence[Mapping[str, Any]], leaf: Any) -> Sequence[Mapping[str, Any]]:
    """Return the messages from the root to the leaf; all of them where the record names no leaf."""
    by_id = {message_id: message for message in messages if isinstance(message_id := message.get("uuid"), str)}
    if not isinstance(leaf, str) or leaf not in by_id:
        return messages
    path: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    at: Any = leaf
    while isinstance(at, str) and at in by_id and at not in seen:
        seen.add(at)
        path.append(by_id[at])
        at = by_id[at].get(_PARENT)
    return path[::-1]


def _parse_message(message: Mapping[str, Any], number: int) -> Iterator[ParsedTurn]:
    speaker = message.get("sender", message.get("role"))
    if not isinstance(speaker, str) or not speaker.strip():
        raise UnreadableError(f"message {number} does not say who speaks")
    at, _ = find_timestamp(message)
    metadata = extra_metadata({key: message[key] for key in ("uuid",) if key in message}, ())
    turns = ParsedTurn.of_parts(speaker, [*_parts(message)], None, at, metadata).without_results()
    files = list(_files(message))
    if files and (turns[-1].speaker != speaker or not role_of(speaker)):
        turns.append(ParsedTurn.of_parts(speaker if role_of(speaker) else "user", files, None, at))
    elif files:
        turns.append(turns.pop().joined(ParsedTurn.of_parts(speaker, files)))
    yield from turns


def _parts(message: Mapping[str, Any]) -> Sequence[Part]:
    content, text = message.get("content"), message.get("text")
    parts = content_parts(content) if isinstance(content, list | str) else ()
    if visible_content(parts).strip() or not isinstance(text, str):
        return parts
    return (*parts, *content_parts(text))


def _files(message: Mapping[str, Any]) -> Iterator[Media]:
    names = set()
    for key in _FILES:
        items = message.get(key)
        for item in items if isinstance(items, list) else ():
            media = attachment_part(item)
            if media == Media("file") or media not in names:  # a file may be listed twice
                names.add(media)
                yield media


CLAUDE = LogFormat(
    "claude",
    "Claude's export (conversations.json, or the zip).",
    '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]}',
    is_claude,
    read_record,
)


CLAUDE_BRANCHES = LogFormat(
    "claude-branches",
    "The same as claude, with every branch as a conversation of its own; only if it is named.",
    '{"uuid": "c1", "chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]}',
    is_claude,
    read_branches,
    # The same records as claude, which reads them unless this format is named.
    precedence=-1,
)
