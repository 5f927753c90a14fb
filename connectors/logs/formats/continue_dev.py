"""Continue's sessions (and those of editors built on it): a history of messages with their context."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import object_at, objects


def message_content(item: Mapping[str, Any]) -> list[Any]:
    """Return the content of a message, then its calls of tools."""
    message = object_at(item, "message")
    content = message.get("content")
    if message.get("role") == "thinking":
        return [{"type": "thinking", "thinking": content}]
    if message.get("role") == "tool":
        return [{"type": "tool_result", "tool_use_id": message.get("toolCallId"), "content": content}]
    blocks = content if isinstance(content, list) else [content]
    blocks = [
        {"type": "image"} if isinstance(block, dict) and block.get("type") == "imageUrl" else block for block in blocks
    ]
    return [*blocks, *({**call, "type": "tool_call"} for call in objects(message.get("toolCalls")))]


CONTINUE = DescribedFormat(
    "continue",
    "Continue's sessions (sessions/*.json).",
    '{"sessionId": "s1", "title": "A greeting", "workspaceDirectory": "/work", "history": [{"message": {"role": '
    '"user", "content": "Hi"}, "contextItems": []}, {"message": {"role": "assistant", "content": "Hello"}, '
    '"contextItems": []}]}',
    keys=("sessionId", "history[*].message.role"),
    turns="history[*]",
    role="message.role",
    roles={"thinking": "assistant"},
    content=message_content,
    reasoning="reasoning.text",
    id="sessionId",
    unused=("message", "editorState", "promptLogs", "toolCallStates", "reasoning"),
).log_format()
