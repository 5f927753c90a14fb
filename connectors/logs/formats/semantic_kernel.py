"""Chat histories of Microsoft's Semantic Kernel and of Microsoft.Extensions.AI; parts name their type."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, objects

_MEDIA = ("image", "audio", "video")


def message_content(message: Mapping[str, Any]) -> list[Any]:
    """Return the content of a message, in the shape of other platforms' parts."""
    lists = (message.get(key) for key in ("Items", "items", "Contents", "contents"))
    blocks = next(filter(None, map(objects, lists)), [])
    return [_block(block) for block in blocks] or [first_text(message, "Content", "content")]


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key[:1].lower() + key[1:]: value for key, value in block.items()}
    kind = first_text(block, "$type").lower().removesuffix("content")
    if kind == "functioncall":
        name = fields.get("functionName") or fields.get("name")
        return {
            "type": "tool_use",
            "id": fields.get("id") or fields.get("callId"),
            "name": name,
            "input": fields.get("arguments"),
        }
    if kind == "functionresult":
        return {"type": "tool_result", "tool_use_id": fields.get("callId"), "content": fields.get("result")}
    if "reasoning" in kind:
        return {"type": "thinking", "thinking": fields.get("text")}
    if kind in ("text", ""):
        return {"type": "text", "text": fields.get("text")}
    return {"type": next((medium for medium in _MEDIA if medium in kind), "file")}


SEMANTIC_KERNEL = DescribedFormat(
    "semantic-kernel",
    "Chat histories of Microsoft's Semantic Kernel and of Microsoft.Extensions.AI.",
    '[{"Role": {"Label": "user"}, "Items": [{"$type": "TextContent", "Text": "Hi"}]}, '
    '{"Role": {"Label": "assistant"}, "Items": [{"$type": "TextContent", "Text": "Hello"}]}]',
    keys=("Role|role", "Items[*].$type|items[*].$type|Contents[*].$type|contents[*].$type"),
    messages=True,
    turns="messages[*]|chatHistory[*]|ChatHistory[*]|[*]",
    role="Role.Label|role.Label|role.label|Role|role",
    content=message_content,
    speaker_name="AuthorName|authorName",
    unused=("Items", "items", "Contents", "contents", "Content", "content", "Role", "role", "Encoding"),
).log_format()
