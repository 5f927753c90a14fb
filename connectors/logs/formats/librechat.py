"""LibreChat's export of a conversation: a list of messages that name their parents, or a tree of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat, TreeLinks
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects

_DESCRIPTION = "LibreChat's export (JSON), sequential or recursive: of each tree the branch that was answered last."
_EXAMPLE = (
    '{"conversationId": "c1", "title": "A greeting", "messages": [{"messageId": "a", "parentMessageId": '
    '"00000000-0000-0000-0000-000000000000", "isCreatedByUser": true, "sender": "User", "text": "Hi"}, {"messageId": '
    '"b", "parentMessageId": "a", "isCreatedByUser": false, "sender": "GPT-4", "text": "Hello"}]}'
)


def message_content(message: Mapping[str, Any]) -> str | list[Any]:
    """Return the text of a message, or the parts of its content."""
    parts = objects(message.get("content"))
    return [block for part in parts for block in _blocks(part)] if parts else first_text(message, "text")


def _blocks(part: Mapping[str, Any]) -> Iterator[Any]:
    kind = first_text(part, "type")
    if kind == "think":
        yield {"type": "thinking", "thinking": first_text(part, "think")}
    elif kind == "tool_call":
        call = object_at(part, "tool_call")
        function = object_at(call, "function")
        arguments = next((call[key] for key in ("args", "arguments", "input") if call.get(key) is not None), None)
        name = first_text(call, "name") or first_text(function, "name") or first_text(call, "type")
        yield {"type": "tool_use", "id": call.get("id"), "name": name, "input": arguments or function.get("arguments")}
        output = call.get("output") if call.get("output") is not None else function.get("output")
        if output is not None:
            yield {"type": "tool_result", "tool_use_id": call.get("id"), "content": output}
    else:
        yield part


_DESCRIBED = DescribedFormat(
    "librechat",
    _DESCRIPTION,
    _EXAMPLE,
    keys=(
        "messages[*].isCreatedByUser|messagesTree[*].isCreatedByUser",
        "messages[*].messageId|messagesTree[*].messageId",
    ),
    turns="messages[*]|messagesTree[*]",
    role="isCreatedByUser",
    roles={"true": "user", "false": "assistant"},
    content=message_content,
    attachments="files[*]",
    speaker_name="sender",
    left_out={"error": "messages about errors"},
    tree=TreeLinks("messageId", "parentMessageId", replies="children"),
    id="conversationId",
    unused=("text", "content", "children", "files"),
)
LIBRECHAT = _DESCRIBED.log_format()
LIBRECHAT_BRANCHES = _DESCRIBED.branches_format()
