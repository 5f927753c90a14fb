"""Open WebUI: chats whose messages name their parents and their answers, from its export, from rows of its database, or
by themselves.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat, LabelField, TreeLinks
from convexplain.connectors.logs.engine.fields import first_text

_DETAILS = re.compile(r'<details type="(\w+)"[^>]*>(.*?)</details>\n?', re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_SUMMARY = re.compile(r"\s*<summary>.*?</summary>\s*", re.DOTALL)
_EXAMPLE = (
    '{"id": "c1", "title": "A greeting", "chat": {"history": {"currentId": "b", "messages": {"a": {"id": "a", '
    '"parentId": null, "childrenIds": ["b"], "role": "user", "content": "Hi"}, "b": {"id": "b", "parentId": "a", '
    '"childrenIds": [], "role": "assistant", "content": "Hello"}}}}}'
)


def message_content(message: Mapping[str, Any]) -> str | list[Any]:
    """Return the content of a message: its text, and what its `<details>` say of reasoning and of calls of tools."""
    text = first_text(message, "content")
    if "<details type=" not in text:
        return text
    blocks: list[Any] = []
    at = 0
    for match in _DETAILS.finditer(text):
        blocks += [text[at : match.start()].strip("\n"), *_detail_blocks(match)]
        at = match.end()
    return [block for block in [*blocks, text[at:].strip("\n")] if block != ""]


def _detail_blocks(match: re.Match[str]) -> list[Any]:
    kind, body = match[1], _SUMMARY.sub("", match[2])
    if kind == "reasoning":
        lines = [line.removeprefix("> ") for line in unescape(body).split("\n")]
        return [{"type": "thinking", "thinking": "\n".join(lines).strip()}]
    if kind != "tool_calls":
        return [match[0].strip("\n")]
    opening = match[0][: match[0].index(">")]
    attributes = {key: unescape(value) for key, value in _ATTRIBUTE.findall(opening)}
    blocks: list[Any] = [
        {
            "type": "tool_use",
            "id": attributes.get("id"),
            "name": attributes.get("name"),
            "input": attributes.get("arguments", ""),
        }
    ]
    if attributes.get("result") or body.strip():
        blocks.append({"type": "tool_result", "content": attributes.get("result") or unescape(body).strip()})
    return blocks


_DESCRIBED = DescribedFormat(
    "openwebui",
    "Open WebUI's export of chats (JSON), and its database webui.db: of each chat the branch that was seen last.",
    _EXAMPLE,
    keys=("chat.history.messages|history.messages", "chat.history.currentId|history.currentId"),
    turns="chat.history.messages[*]|history.messages[*]|chat.messages[*]",
    content=message_content,
    attachments="files[*]",
    tree=TreeLinks("id", "parentId", "childrenIds", current="chat.history.currentId|history.currentId"),
    system="chat.params.system|params.system|chat.system|system",
    labels=(LabelField("annotation.rating", "rating", {"1": 1.0, "-1": 0.0}),),
    unused=("content", "output", "statusHistory", "sources", "files", "chat", "messages"),
)
OPENWEBUI = _DESCRIBED.log_format()
OPENWEBUI_BRANCHES = _DESCRIBED.branches_format()
