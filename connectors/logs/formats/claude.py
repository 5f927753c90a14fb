"""Claude's export: conversations with their `chat_messages`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts
from convexplain.connectors.logs.engine.content_blocks import attachment_part, content_parts
from convexplain.connectors.logs.engine.fields import identifier, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree
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
    return _with_unreadable(record, [_tree(record).shown_branch(_current(record), partial(_parse_path, record))])


def read_branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return every branch as a conversation, the one that its user saw last first; without a tree, the only one.

    Raises:
        UnreadableError: it has no messages, or one does not say who speaks.
    """
    return _with_unreadable(record, _tree(record).branches(_current(record), partial(_parse_path, record)))


def _tree(record: Mapping[str, Any]) -> MessageTree:
    messages: dict[str, Any] = {}
    for number, message in enumerate(objects(record["chat_messages"]), 1):
        name = identifier(message, "uuid")
        messages[name if name and name not in messages else f"{name}#{number}"] = message
    return MessageTree.of_links(messages, _PARENT)


def _current(record: Mapping[str, Any]) -> str | None:
    leaf = record.get(_LEAF)
    return leaf if isinstance(leaf, str) else None


def _with_unreadable(record: Mapping[str, Any], conversations: list[ParsedConversation]) -> list[ParsedConversation]:
    """Return the conversations; a remark of the first counts the messages that cannot be read."""
    unreadable = sum(not isinstance(message, dict) for message in record["chat_messages"])
    if unreadable:
        conversations[0].remarks.insert(0, f"{unreadable} messages cannot be read")
    return conversations


def _parse_path(record: Mapping[str, Any], path: Sequence[Mapping[str, Any]]) -> ParsedConversation:
    """Return the conversation of the messages of a path."""
    conversation = ParsedConversation([], extra_metadata(record, {"chat_messages", "account", _LEAF}))
    for number, message in enumerate(path, 1):
        conversation.turns += _parse_message(message, number)
    if not conversation.turns:
        raise UnreadableError("the conversation has no messages")
    conversation.turns = merge_thoughts(conversation.turns)
    return conversation


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
    only_named=True,
)
