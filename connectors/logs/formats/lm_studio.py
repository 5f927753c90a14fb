"""LM Studio's conversations: of each message several versions, one of which is selected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.api_messages import merge_thoughts, parse_message
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.paths import has_key

_EXAMPLE = (
    '{"name": "A greeting", "createdAt": 1700000000000, "messages": [{"versions": [{"type": "singleStep", "role": '
    '"user", "content": [{"type": "text", "text": "Hi"}]}], "currentlySelected": 0}, {"versions": [{"type": '
    '"multiStep", "role": "assistant", "steps": [{"type": "contentBlock", "content": [{"type": "text", "text": '
    '"Hello"}]}]}], "currentlySelected": 0}]}'
)


def is_lm_studio(value: Any) -> bool:
    """Return whether a JSON value is a conversation."""
    return (
        isinstance(value, dict)
        and has_key(value, "messages[*].versions")
        and has_key(value, "messages[*].currentlySelected")
    )


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation with the selected versions; a remark counts the other versions."""
    tree, end = _versions(record)
    return [tree.shown_branch(end or None, lambda path: _parse_path(record, path))]


def read_branches(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return a conversation for each version of a message, the selected ones first."""
    tree, end = _versions(record)
    return tree.branches(end or None, lambda path: _parse_path(record, path))


def _versions(record: Mapping[str, Any]) -> tuple[MessageTree, str]:
    messages = objects(record.get("messages"))
    versions = [objects(message.get("versions")) for message in messages]
    places = [message.get("currentlySelected") for message in messages]
    return MessageTree.of_alternatives(versions, [place if isinstance(place, int) else 0 for place in places])


def _parse_path(record: Mapping[str, Any], path: Sequence[Mapping[str, Any]]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(record, ("messages", "systemPrompt")))
    if (system := first_text(record, "systemPrompt")).strip():
        conversation.turns.append(ParsedTurn("system", system))
    for version in path:
        blocks = [block for part in _parts(version) for block in _blocks(part)]
        turns = parse_message({"role": first_text(version, "role"), "content": blocks})
        name = first_text(object_at(version, "senderInfo"), "senderName") or None
        conversation.turns += [replace(turn, name=name) for turn in turns if turn.content.strip()]
    conversation.turns = merge_thoughts(conversation.turns)
    return conversation


def _parts(version: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a version: of its content, or of the content of its steps."""
    holders: Sequence[Mapping[str, Any]] = objects(version.get("steps")) or (version,)
    for holder in holders:
        is_thought = first_text(object_at(holder, "style"), "type") == "thinking"
        for part in objects(holder.get("content")):
            text = first_text(part, "text")
            yield {"type": "thinking", "thinking": text} if is_thought and text else part


def _blocks(part: Mapping[str, Any]) -> Iterator[Any]:
    kind = first_text(part, "type")
    if kind == "toolCallRequest":
        arguments = next((part[key] for key in ("parameters", "arguments") if part.get(key) is not None), None)
        yield {"type": "tool_use", "id": part.get("callId"), "name": first_text(part, "name"), "input": arguments}
    elif kind == "toolCallResult":
        yield {"type": "tool_result", "tool_use_id": part.get("toolCallRequestId"), "content": part.get("content")}
    else:
        yield part


LM_STUDIO = LogFormat(
    "lm-studio",
    "LM Studio's conversations (*.conversation.json): of each message the selected version.",
    _EXAMPLE,
    is_lm_studio,
    read_record,
)
LM_STUDIO_BRANCHES = LogFormat(
    "lm-studio-branches",
    "The same as lm-studio, with every version of a message as a conversation; only if it is named.",
    _EXAMPLE,
    is_lm_studio,
    read_branches,
    only_named=True,
)
