"""Gemini's command line: sessions as one object, or as lines of a header, messages, changes and rewinds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter

_TYPES = ("user", "gemini", "info", "error", "warning")
_HEADER = frozenset(("sessionId", "projectHash"))


def is_gemini_cli(value: Any) -> bool:
    """Return whether a JSON value is a session, its header, a message or a change of it."""
    if not isinstance(value, dict):
        return False
    return (
        value.keys() >= _HEADER
        or "$rewindTo" in value
        or (isinstance(value.get("$set"), dict) and len(value) == 1)
        or _is_message(value)
    )


@dataclass(slots=True)
class _Session:
    """One session of a file: its header, and its messages by their ids."""

    position: int
    header: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rewound: int = 0
    aside: list[Any] = field(default_factory=list)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation of each session, without the turns that were taken back."""
    sessions: list[_Session] = []
    for position, record in records:
        if record.keys() >= _HEADER or not sessions:
            sessions.append(_Session(position))
        _apply(sessions[-1], record)
    for number, session in enumerate(sessions, 1):
        conversation = _SESSION.read_conversation(session.header, list(session.messages.values()))
        conversation.aside += session.aside
        if session.rewound:
            conversation.remarks.append(f"{session.rewound} messages were taken back and are left out")
        yield ParsedRecord(session.position, number, first_text(session.header, "sessionId") or None, [conversation])


def _is_message(value: Mapping[str, Any]) -> bool:
    return value.keys() >= {"id", "timestamp", "content"} and value.get("type") in _TYPES


def _apply(session: _Session, record: Mapping[str, Any]) -> None:
    """Apply a record to a session: a message that comes again replaces the one before."""
    if _is_message(record):
        session.messages[first_text(record, "id")] = record
    elif "$rewindTo" in record:
        place = record["$rewindTo"]
        names = list(session.messages)
        for name in names[names.index(place) :] if place in names else ():
            session.aside.append(session.messages.pop(name))
            session.rewound += 1
    else:
        changes = record["$set"] if isinstance(record.get("$set"), dict) else record
        session.header |= {key: value for key, value in changes.items() if key != "messages"}
        if isinstance(changes.get("messages"), list):
            session.messages = {
                first_text(message, "id") or f"#{number}": message
                for number, message in enumerate(objects(changes["messages"]))
            }


def _content(message: Mapping[str, Any]) -> list[Any]:
    """Return the content of a message: what was typed or answered, the calls of tools and their results."""
    displayed = message.get("displayContent")
    content = displayed if displayed is not None else message.get("content")
    blocks: list[Any] = [
        {"type": "thinking", "thinking": ": ".join(filter(None, (first_text(thought, "subject"), words)))}
        for thought in objects(message.get("thoughts"))
        if (words := first_text(thought, "description"))
    ]
    blocks += content if isinstance(content, list) else [content]
    for call in objects(message.get("toolCalls")):
        name, result = first_text(call, "name"), call.get("result")
        blocks.append({"type": "tool_use", "id": call.get("id"), "name": name, "input": call.get("args")})
        texts = [_result_text(item) for item in result] if isinstance(result, list) else [result]
        text = "\n".join(item for item in texts if isinstance(item, str) and item) or call.get("resultDisplay")
        if isinstance(text, str) and text:
            blocks.append({"type": "tool_result", "tool_use_id": call.get("id"), "name": name, "content": text})
    return blocks


def _result_text(item: Any) -> Any:
    """Return the text of a tool's result in Gemini's shape."""
    response = object_at(item, "functionResponse", "response") or item
    return first_text(response, "output", "error", "text") if isinstance(response, dict) else response


_SESSION = DescribedFormat(
    "gemini-cli",
    "Sessions of Gemini's command line (session-*.json, session-*.jsonl).",
    '{"sessionId": "s1", "projectHash": "p", "startTime": "2026-03-02T09:15:00Z", "messages": [{"id": "a", '
    '"timestamp": "2026-03-02T09:15:00Z", "type": "user", "content": "Hi"}, {"id": "b", "timestamp": '
    '"2026-03-02T09:15:02Z", "type": "gemini", "content": "Hello", "toolCalls": [], "thoughts": []}]}',
    turns="messages[*]",
    role="type",
    content=_content,
    left_out={"type=info": "notes of the program", "type=error": "errors", "type=warning": "warnings"},
    id="sessionId",
    unused=("displayContent", "content", "toolCalls", "thoughts", "tokens"),
)
GEMINI_CLI = LogFormat(_SESSION.name, _SESSION.description, _SESSION.example, is_gemini_cli, read_records=read_records)
