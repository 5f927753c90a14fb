"""LlamaIndex's chat stores: lists of messages by their keys, each with its blocks."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects


def message_content(message: Mapping[str, Any]) -> list[Any]:
    """Return the content of a message: its blocks, or its text, and its calls of tools."""
    blocks: list[Any] = [_block(block) for block in objects(message.get("blocks"))] or [message.get("content")]
    calls = object_at(message, "additional_kwargs").get("tool_calls")
    has_calls = any(isinstance(block, dict) and block.get("type") == "tool_use" for block in blocks)
    return blocks if has_calls else [*blocks, *_calls(calls)]


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block in the shape that other platforms' parts have."""
    kind = first_text(block, "block_type")
    if kind == "thinking":
        return {"type": "thinking", "thinking": first_text(block, "content")}
    if kind == "tool_call":
        arguments, name = block.get("tool_kwargs"), first_text(block, "tool_name")
        return {"type": "tool_use", "id": block.get("tool_call_id"), "name": name, "input": arguments}
    if kind in ("image", "audio", "video"):
        return {"type": kind, "name": first_text(block, "path", "url").rpartition("/")[2]}
    return {"type": "file" if kind == "document" else kind, **block}


def _calls(calls: Any) -> Iterator[dict[str, Any]]:
    for call in objects(calls):
        function = object_at(call, "function") or call
        yield {
            "type": "tool_use",
            "id": call.get("id"),
            "name": first_text(function, "name"),
            "input": function.get("arguments"),
        }


LLAMA_INDEX = DescribedFormat(
    "llama-index",
    "LlamaIndex's chat stores (SimpleChatStore): a conversation a key.",
    '{"store": {"user1": [{"role": "user", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": "Hi"}]}, '
    '{"role": "assistant", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": "Hello"}]}]}, '
    '"class_name": "SimpleChatStore"}',
    keys=("store", "class_name=SimpleChatStore"),
    conversations="store[*]",
    turns="[*]",
    content=message_content,
    unused=("blocks", "content", "additional_kwargs"),
).log_format()
