"""ChatGPT's export: each conversation is a tree of messages, of which its user saw one path last."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts
from convexplain.connectors.logs.engine.content_blocks import attachment_part, content_parts, thought_text
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree, message_time
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError
from convexplain.parts import Media, Part, Reasoning, ToolCall, ToolResult, visible_content

_ASSETS = {
    "image_asset_pointer": "image",
    "audio_asset_pointer": "audio",
    "video_container_asset_pointer": "video",
    "real_time_user_audio_video_asset_pointer": "audio",
}
_THOUGHTS = ("thoughts", "reasoning_recap")
_CONTEXTS = ("user_editable_context", "model_editable_context")
_TEXTS = ("text", "result", "content", "user_instructions", "transcript")
_USED_KEY_WORDS = "mapping current_node moderation_results safe_urls plugin_ids"
_USED_KEYS = frozenset(_USED_KEY_WORDS.split())
_TO_ALL = (None, "", "all")


def is_chatgpt(value: Any) -> bool:
    """Return whether a JSON value is a conversation of the export."""
    if not isinstance(value, dict) or not isinstance(nodes := value.get("mapping"), dict):
        return False
    if not nodes:
        return "current_node" in value
    return any(isinstance(node, dict) and "message" in node for node in list(nodes.values())[:20])


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation that its user saw last. Other branches and hidden messages are counted in remarks.

    Raises:
        UnreadableError: it has no messages.
    """
    return _with_unreadable(record, [_tree(record).shown_branch(_current(record), partial(_parse_path, record))])


def read_branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return every branch as a conversation, the one that its user saw last first.

    Raises:
        UnreadableError: it has no messages.
    """
    return _with_unreadable(record, _tree(record).branches(_current(record), partial(_parse_path, record)))


def _tree(record: Mapping[str, Any]) -> MessageTree:
    nodes = {key: node for key, node in record["mapping"].items() if isinstance(node, dict)}
    return MessageTree.of_links(nodes, "parent", "children", speaks=_has_message, time=_time)


def _current(record: Mapping[str, Any]) -> str | None:
    current = record.get("current_node")
    return current if isinstance(current, str) else None


def _has_message(node: Any) -> bool:
    return isinstance(node.get("message"), dict)


def _time(node: Any) -> float:
    return message_time(node.get("message"))


def _with_unreadable(record: Mapping[str, Any], conversations: list[ParsedConversation]) -> list[ParsedConversation]:
    """Return the conversations; a remark of the first counts the nodes that cannot be read."""
    unreadable = sum(not isinstance(node, dict) for node in record["mapping"].values())
    if unreadable:
        conversations[0].remarks.insert(0, f"{unreadable} messages cannot be read")
    return conversations


def _parse_path(record: Mapping[str, Any], path: Sequence[Mapping[str, Any]]) -> ParsedConversation:
    """Return the conversation of the nodes of a path."""
    conversation = ParsedConversation([], extra_metadata(record, _USED_KEYS))
    hidden = empty = 0
    for message in (node["message"] for node in path if _has_message(node)):
        if _is_hidden(message):
            hidden += bool(visible_content(_message_parts(message)).strip())
            conversation.aside.append(message)
            continue
        turn = _parse_turn(message)
        if turn.content.strip() or turn.is_thought:
            conversation.turns.append(turn)
        elif turn.speaker != "system":
            empty += 1
    conversation.turns = merge_thoughts(conversation.turns)
    if hidden:
        conversation.remarks.append(f"{hidden} messages hidden from the user are left out")
    if empty:
        conversation.remarks.append(f"{empty} messages are empty and left out")
    if not conversation.turns:
        raise UnreadableError("the conversation has no messages")
    return conversation


def _is_hidden(message: Mapping[str, Any]) -> bool:
    metadata, content = message.get("metadata"), message.get("content")
    hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation") is True
    return hidden or (isinstance(content, dict) and content.get("content_type") in _CONTEXTS)


def _parse_turn(message: Mapping[str, Any]) -> ParsedTurn:
    author, metadata = message.get("author"), message.get("metadata")
    author = author if isinstance(author, dict) else {}
    role, name = author.get("role"), author.get("name")
    speaker = role if isinstance(role, str) else ""
    at, _ = find_timestamp(message)
    turn_metadata = extra_metadata({key: message[key] for key in ("id",) if key in message}, ())
    if isinstance(metadata, dict):
        turn_metadata |= extra_metadata({key: metadata[key] for key in ("model_slug",) if key in metadata}, ())
    parts = _message_parts(message)
    recipient = message.get("recipient")
    text = visible_content(parts)
    name = clean_text(name) if isinstance(name, str) and name.strip() else None
    if role == "assistant" and recipient not in _TO_ALL and text.strip():
        parts = [ToolCall(recipient if isinstance(recipient, str) else "?", text)]
    elif role == "tool" and text:
        parts = [ToolResult(text, name=name or "")]
    return ParsedTurn.of_parts(speaker, parts, name, at, turn_metadata)


def _message_parts(message: Mapping[str, Any]) -> list[Part]:
    content, metadata = message.get("content"), message.get("metadata")
    parts = list(_parts(content)) if isinstance(content, dict) else [*content_parts(content)]
    files = metadata.get("attachments") if isinstance(metadata, dict) else None
    pictures = parts.count(Media("image"))
    for item in files if isinstance(files, list) else ():
        media = attachment_part(item)
        if media.kind == "image" and pictures:  # it is among the parts
            pictures -= 1
        else:
            parts.append(media)
    return parts


def _parts(content: Mapping[str, Any]) -> Iterator[Part]:
    kind = content.get("content_type")
    if kind in _THOUGHTS:
        yield Reasoning(thought_text(content))
    elif isinstance(parts := content.get("parts"), list):
        for part in parts:
            if isinstance(part, str):
                yield from content_parts(part)
            elif isinstance(part, dict):
                yield from _parts(part)
    elif isinstance(kind, str) and kind in _ASSETS:
        yield Media(_ASSETS[kind])
    elif text := next((content[key] for key in _TEXTS if isinstance(content.get(key), str)), None):
        yield from content_parts(text)
    elif isinstance(kind, str) and kind not in ("text", "code", "execution_output"):
        yield Media(clean_text(kind))


CHATGPT = LogFormat(
    "chatgpt",
    "ChatGPT's export (conversations.json, or the zip): of each tree the branch that was seen last.",
    '{"title": "A greeting", "current_node": "b", "mapping": {"a": {"message": {"author": {"role": "user"}, '
    '"content": {"content_type": "text", "parts": ["Hi"]}}, "parent": null}, "b": {"message": {"author": {"role": '
    '"assistant"}, "content": {"content_type": "text", "parts": ["Hello"]}}, "parent": "a"}}}',
    is_chatgpt,
    read_record,
)


CHATGPT_BRANCHES = LogFormat(
    "chatgpt-branches",
    "The same as chatgpt, with every branch as a conversation of its own; only if it is named.",
    '{"title": "A greeting", "current_node": "b", "mapping": {"a": {"message": {"author": {"role": "user"}, '
    '"content": {"content_type": "text", "parts": ["Hi"]}}, "parent": null}, "b": {"message": {"author": {"role": '
    '"assistant"}, "content": {"content_type": "text", "parts": ["Hello"]}}, "parent": "a"}}}',
    is_chatgpt,
    read_branches,
    only_named=True,
)
