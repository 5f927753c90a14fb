"""DeepSeek's export: trees of messages whose contents are fragments."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat, TreeLinks
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects

_REQUEST = "REQUEST"


def speaker(node: Mapping[str, Any]) -> str:
    """Return the speaker of a node's message: of a request the user."""
    message = object_at(node, "message")
    fragments = objects(message.get("fragments"))
    is_request = any(fragment.get("type") == _REQUEST for fragment in fragments)
    return first_text(message, "role") or ("user" if is_request else "assistant")


def message_content(node: Mapping[str, Any]) -> str | list[Any]:
    """Return the content of a node's message; searches and other tools are placeholders."""
    message = object_at(node, "message")
    thought = first_text(message, "reasoning_content")
    blocks = [block for fragment in objects(message.get("fragments")) for block in _blocks(fragment)]
    blocks = blocks or [first_text(message, "content")]
    return [*([{"type": "thinking", "thinking": thought}] if thought else []), *blocks]


def _blocks(fragment: Mapping[str, Any]) -> Iterator[Any]:
    kind, text = first_text(fragment, "type"), first_text(fragment, "content")
    if kind in ("THINK", "THINKING"):
        yield {"type": "thinking", "thinking": text}
    elif kind in (_REQUEST, "RESPONSE", ""):
        yield text
    else:
        queries = fragment.get("queries") or fragment.get("query") or ""
        yield {"type": "tool_use", "name": kind.lower(), "input": queries}
        if text:
            yield {"type": "tool_result", "content": text}


_DESCRIBED = DescribedFormat(
    "deepseek",
    "DeepSeek's export (conversations.json, or the zip): of each tree the branch that was answered last.",
    '{"id": "c1", "title": "A greeting", "mapping": {"root": {"id": "root", "parent": null, "children": ["1"], '
    '"message": null}, "1": {"id": "1", "parent": "root", "children": ["2"], "message": {"model": "deepseek-chat", '
    '"fragments": [{"type": "REQUEST", "content": "Hi"}]}}, "2": {"id": "2", "parent": "1", "children": [], "message": '
    '{"model": "deepseek-chat", "fragments": [{"type": "RESPONSE", "content": "Hello"}]}}}}',
    keys=("mapping[*].message.fragments",),
    turns="mapping[*]",
    role=speaker,
    content=message_content,
    attachments="message.files[*]",
    at="message.inserted_at",
    tree=TreeLinks("id", "parent", "children"),
    unused=("message", "inserted_at"),
    # Its trees have the keys of chatgpt's.
    precedence=1,
)
DEEPSEEK = _DESCRIBED.log_format()
DEEPSEEK_BRANCHES = _DESCRIBED.branches_format()
