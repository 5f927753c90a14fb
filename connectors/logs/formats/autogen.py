"""AutoGen's messages (AgentChat): each says its source, an agent or the user, and its type."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import Content, DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, objects

_USERS = ("user", "human", "user_proxy", "admin")
_TYPES = frozenset(
    (
        "TextMessage",
        "MultiModalMessage",
        "StopMessage",
        "HandoffMessage",
        "StructuredMessage",
        "ToolCallSummaryMessage",
        "ToolCallRequestEvent",
        "ToolCallExecutionEvent",
        "ThoughtEvent",
        "CodeGenerationEvent",
        "CodeExecutionEvent",
        "MemoryQueryEvent",
        "UserInputRequestedEvent",
        "ModelClientStreamingChunkEvent",
        "SelectSpeakerEvent",
        "SelectorEvent",
    )
)


def speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a message: all agents are the assistant, told apart by their names."""
    return "user" if first_text(message, "source").lower() in _USERS else "assistant"


def message_content(message: Mapping[str, Any]) -> Content:
    """Return the content of a message; calls of tools and their results in the shape of other platforms' parts."""
    kind, content = first_text(message, "type"), message.get("content")
    if kind == "ThoughtEvent":
        return [{"type": "thinking", "thinking": content}]
    if kind == "ToolCallRequestEvent":
        return [{"type": "tool_use", **call} for call in objects(content)]
    if kind == "ToolCallExecutionEvent":
        return [{"type": "tool_result", **result} for result in objects(content)]
    if kind == "MultiModalMessage" and isinstance(content, list):
        return [piece if isinstance(piece, str) else {"type": "image"} for piece in content]
    return content if isinstance(content, str) else [content]


def chat_speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a chat result's message: its roles are those that one agent sees, so names count."""
    return "user" if first_text(message, "name").lower() in _USERS else "assistant"


AUTOGEN_CHATS = DescribedFormat(
    "autogen-chats",
    "Results of AutoGen's chats, version 0.2 (`chat_history`); all agents but the user's proxy are the assistant.",
    '{"chat_id": 1, "chat_history": [{"role": "assistant", "name": "user_proxy", "content": "Hi"}, {"role": "user", '
    '"name": "helper", "content": "Hello"}], "cost": {}}',
    keys=("chat_history[*].name", "chat_history[*].content"),
    test=lambda record: not record.keys().isdisjoint(("chat_id", "cost", "human_input")),
    turns="chat_history[*]",
    role=chat_speaker,
    speaker_name="name",
    unused=("chat_history", "role", "content"),
).log_format()

AUTOGEN = DescribedFormat(
    "autogen",
    "AutoGen's messages (AgentChat), by themselves or as a result's `messages`; all agents are the assistant.",
    '{"messages": [{"source": "user", "content": "Hi", "type": "TextMessage"}, {"source": "helper", "content": '
    '"Hello", "type": "TextMessage"}]}',
    keys=("source", "content", "type"),
    test=lambda message: message["type"] in _TYPES if isinstance(message["type"], str) else False,
    messages=True,
    turns="messages[*]|[*]",
    role=speaker,
    speaker_name="source",
    content=message_content,
    left_out={
        "type=MemoryQueryEvent": "queries of a memory",
        "type=UserInputRequestedEvent": "requests for input",
        "type=ModelClientStreamingChunkEvent": "chunks of answers that follow whole",
        "type=SelectSpeakerEvent": "choices of the next speaker",
        "type=SelectorEvent": "choices of the next speaker",
    },
    unused=("models_usage", "type", "content"),
).log_format()
