"""VS Code's chats (Copilot): the export of one chat, and stored sessions, also as journals of changes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.content_blocks import call_part, thought_text
from convexplain.connectors.logs.engine.fields import count_summary, first_text, object_at, objects, rating
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)
from convexplain.connectors.logs.engine.paths import has_key
from convexplain.parts import Media, Part, Reasoning, Text

_SNAPSHOT, _SET, _APPEND = 0, 1, 2
_SHOWN = ("", "markdownContent", "markdownVuln", "inlineReference")
_EDITS = ("textEditGroup", "notebookEditGroup")
_TOOLS = ("toolInvocationSerialized", "toolInvocation")
_VOTES = {0: 0.0, 1: 1.0}


def is_vscode_chat(value: Any) -> bool:
    """Return whether a JSON value is a chat, or a record of a session's journal."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("requests"), list):
        return has_key(value, "requests[*].message") or "responderUsername" in value
    kind = value.get("kind")
    if kind == _SNAPSHOT and isinstance(kind, int):
        return isinstance(object_at(value, "v").get("requests"), list)
    return kind in (_SET, _APPEND) and isinstance(value.get("k"), list) and value.keys() <= {"kind", "k", "v", "i"}


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield each chat; the changes of a journal are applied to the snapshot before them."""
    chats: list[tuple[int, dict[str, Any]]] = []
    for position, record in records:
        if isinstance(record.get("requests"), list):
            chats.append((position, record))
        elif record["kind"] == _SNAPSHOT:
            chats.append((position, record["v"]))
        elif not chats or not _apply(chats[-1][1], record["k"], record["kind"], record.get("v")):
            report(position, "a change of something that is not there")
    for number, (position, chat) in enumerate(chats, 1):
        yield ParsedRecord(position, number, first_text(chat, "sessionId") or None, [_parse_chat(chat)])


def _apply(chat: Any, path: Sequence[Any], kind: int, value: Any) -> bool:
    """Apply a change of a journal; return whether its place is there."""
    place = chat
    for step in path[:-1]:
        if isinstance(place, dict) and isinstance(step, str):
            place = place.setdefault(step, {})
        elif _is_item(place, step):
            place = place[step]
        else:
            return False
    last = path[-1] if path else None
    if not (isinstance(place, dict) and isinstance(last, str)) and not _is_item(place, last):
        return False
    if kind != _APPEND:
        place[last] = value
        return True
    items = place.setdefault(last, []) if isinstance(place, dict) else place[last]
    if not isinstance(items, list) or not isinstance(value, list):
        return False
    items += value
    return True


def _is_item(place: Any, step: Any) -> bool:
    return isinstance(place, list) and isinstance(step, int) and 0 <= step < len(place)


def _parse_chat(chat: Mapping[str, Any]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(chat, ("requests", "sessionId", "inputState")))
    counts: Counter[str] = Counter()
    names = [first_text(chat, key) or None for key in ("requesterUsername", "responderUsername")]
    for request in objects(chat.get("requests")):
        at = parse_timestamp(request.get("timestamp"))
        metadata = extra_metadata({key: request.get(key) for key in ("requestId", "modelId", "isCanceled")}, ())
        conversation.turns.append(ParsedTurn("user", _prompt(request.get("message")), names[0], at, metadata))
        about = dict(metadata)
        vote = request.get("vote")
        if isinstance(vote, int) and vote in _VOTES:
            about["ratings"] = [rating("vote", _VOTES[vote], "up" if vote else "down")]
        turn = ParsedTurn.of_parts("assistant", _answer_parts(request, counts), names[1], at, about)
        if turn.content.strip() or turn.is_thought:
            conversation.turns.append(turn)
        elif object_at(request, "result", "errorDetails") or request.get("isCanceled") is True:
            counts["answers that failed or were cancelled"] += 1
    if counts:
        conversation.remarks.append(f"left out: {count_summary(counts)}")
    return conversation


def _prompt(message: Any) -> str:
    if isinstance(message, str):
        return message
    return first_text(message, "text") or "".join(
        first_text(part, "text") for part in objects(object_at(message).get("parts"))
    )


def _answer_parts(request: Mapping[str, Any], counts: Counter[str]) -> list[Part]:
    """Return the parts of an answer. Texts follow each other without a line end, as they were streamed."""
    pieces = request.get("response")
    parts: list[Part] = []
    for piece in objects(pieces if isinstance(pieces, list) else [pieces]):
        kind = first_text(piece, "kind")
        if kind in _SHOWN:
            text = _shown_text(piece)
            if parts and isinstance(last := parts[-1], Text):
                parts[-1] = Text(last.text + text)
            elif text:
                parts.append(Text(text))
        elif kind == "thinking":
            parts.append(Reasoning(thought_text(piece)))
        elif kind in _TOOLS:
            data = object_at(piece, "toolSpecificData")
            arguments = (
                data.get("rawInput") or first_text(data, "command") or object_at(data, "commandLine").get("original")
            )
            name = first_text(piece, "toolId") or first_text(piece, "toolName")
            parts.append(call_part({"name": name, "arguments": arguments, "id": piece.get("toolCallId")}))
        elif kind in _EDITS:
            parts.append(Media("edit", _file_name(piece.get("uri"))))
        else:
            counts[f"{kind} pieces"] += 1
    return parts


def _shown_text(piece: Mapping[str, Any]) -> str:
    if first_text(piece, "kind") == "inlineReference":
        reference = object_at(piece, "inlineReference")
        name = first_text(piece, "name") or first_text(reference, "name") or _file_name(reference)
        return f"`{name}`" if name else ""
    value = piece.get("value")
    content = piece.get("content") if value is None else value
    return content if isinstance(content, str) else first_text(content, "value")


def _file_name(uri: Any) -> str:
    path = (
        uri if isinstance(uri, str) else first_text(uri, "path", "fsPath") or first_text(object_at(uri, "uri"), "path")
    )
    return path.replace("\\", "/").rpartition("/")[2]


VSCODE_CHAT = LogFormat(
    "vscode-chat",
    "VS Code's chats (Copilot): 'Chat: Export Chat', and stored sessions (chatSessions/*.json, *.jsonl).",
    '{"requesterUsername": "ann", "responderUsername": "GitHub Copilot", "requests": [{"requestId": "r1", "message": '
    '{"text": "Hi", "parts": []}, "response": [{"value": "Hello"}], "timestamp": 1700000000000}]}',
    is_vscode_chat,
    read_records=read_records,
)
