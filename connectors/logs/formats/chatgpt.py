"""ChatGPT's export: each conversation is a tree of messages, of which its user saw one path last."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts
from convexplain.connectors.logs.engine.content_blocks import attachment_part, content_parts, thought_text
from convexplain.connectors.logs.engine.log_format import LogFormat
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

_Nodes = Mapping[str, Mapping[str, Any]]


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
    return [_parse_conversation(record)]


def read_branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return every branch as a conversation, the one that its user saw last first.

    Raises:
        UnreadableError: it has no messages.
    """
    nodes = {key: node for key, node in record["mapping"].items() if isinstance(node, dict)}
    inner = set(_parents(nodes).values())
    current = record.get("current_node")
    current = current if isinstance(current, str) and current in nodes else None
    ends = [key for key, node in nodes.items() if key not in inner and isinstance(node.get("message"), dict)]
    if current is None:
        ends.sort(key=lambda key: -_time(nodes[key]))
    ends = list(dict.fromkeys([*([] if current is None else [current]), *ends]))
    conversations = []
    for number, end in enumerate(ends, 1):
        try:
            conversation = _parse_conversation({**record, "current_node": end}, alone=False)
        except UnreadableError:  # a branch that ends with what is hidden
            continue
        conversation.suffix = f"-branch{number}" if number > 1 else ""
        conversations.append(conversation)
    return conversations or [_parse_conversation(record)]


def _parse_conversation(record: Mapping[str, Any], *, alone: bool = True) -> ParsedConversation:
    """Return the conversation on the current path; with `alone`, a remark counts the other branches."""
    nodes = {key: node for key, node in record["mapping"].items() if isinstance(node, dict)}
    conversation = ParsedConversation([], extra_metadata(record, _USED_KEYS))
    if len(nodes) < len(record["mapping"]):
        conversation.remarks.append(f"{len(record['mapping']) - len(nodes)} messages cannot be read")
    parents = _parents(nodes)
    path = _path(record.get("current_node"), nodes, parents, conversation.remarks)
    hidden = empty = 0
    for key in path:
        message = nodes[key].get("message")
        if not isinstance(message, dict):
            continue
        if _is_hidden(message):
            hidden += bool(visible_content(_message_parts(message)).strip())
            continue
        turn = _parse_turn(message)
        if turn.content.strip() or turn.is_thought:
            conversation.turns.append(turn)
        elif turn.speaker != "system":
            empty += 1
    conversation.turns = merge_thoughts(conversation.turns)
    if alone:
        _remark_on_branches(nodes, parents, path, conversation.remarks)
    if hidden:
        conversation.remarks.append(f"{hidden} messages hidden from the user are left out")
    if empty:
        conversation.remarks.append(f"{empty} messages are empty and left out")
    if not conversation.turns:
        raise UnreadableError("the conversation has no messages")
    return conversation


def _parents(nodes: _Nodes) -> dict[str, str]:
    """Return each node's parent, by itself or by the parent's children; without any, each node follows the one before
    it.
    """
    parents = {key: node["parent"] for key, node in nodes.items() if isinstance(node.get("parent"), str)}
    for key, node in nodes.items():
        children = node.get("children")
        for child in children if isinstance(children, list) else ():
            if isinstance(child, str) and child in nodes:
                parents.setdefault(child, key)
    if not parents:
        names = list(nodes)
        parents = dict(zip(names[1:], names[:-1], strict=True))
    return parents


def _path(current: Any, nodes: _Nodes, parents: Mapping[str, str], remarks: list[str]) -> list[str]:
    """Return the nodes from the root to the current one, or to the latest leaf where the current one is missing."""
    at = current if isinstance(current, str) and current in nodes else None
    if at is None:
        if current is not None:
            remarks.append("its current message is not there: the latest one is taken")
        inner = set(parents.values())
        leaves = [key for key in nodes if key not in inner] or list(nodes)
        at = max(leaves, key=lambda key: _time(nodes[key]), default=None)
    path: list[str] = []
    seen: set[str] = set()
    while at is not None and at in nodes:
        if at in seen:
            remarks.append("its messages follow each other in a circle: read from where it closes")
            break
        seen.add(at)
        path.append(at)
        following = parents.get(at)
        if following is not None and following not in nodes:
            remarks.append("a message before its first one is missing")
        at = following
    return path[::-1]


def _time(node: Mapping[str, Any]) -> float:
    message = node.get("message")
    at, _ = find_timestamp(message) if isinstance(message, dict) else (None, None)
    return 0.0 if at is None or at.tzinfo is None else at.timestamp()


def _remark_on_branches(nodes: _Nodes, parents: Mapping[str, str], path: list[str], remarks: list[str]) -> None:
    on_path = set(path)
    inner = set(parents.values())
    speaking = [key for key, node in nodes.items() if key not in on_path and isinstance(node.get("message"), dict)]
    branch_count = sum(key not in inner for key in speaking)
    if speaking:
        remarks.append(f"{len(speaking)} messages of other branches ({branch_count} ends) are left out")


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
    # The same records as chatgpt, which reads them unless this format is named.
    precedence=-1,
)
