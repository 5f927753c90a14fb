"""Codex's session files (rollouts): a record a line, of items of the Responses API and of the program's own events."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, parse_messages
from convexplain.connectors.logs.engine.content_blocks import content_text
from convexplain.connectors.logs.engine.fields import count_summary, first_text, object_at
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_KINDS = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_EVENT_SPEAKERS = {"user_message": "user", "agent_message": "assistant"}
_METADATA_KEYS = ("cwd", "originator", "cli_version", "source", "model_provider")
_CONTEXT_STARTS = ("<", "# AGENTS.md instructions")
"""Starts of user's messages that the program writes, for files that hold no events of users."""


def is_codex(value: Any) -> bool:
    """Return whether a JSON value is a record of a session."""
    return isinstance(value, dict) and value.get("type") in _KINDS and isinstance(value.get("payload"), dict)


@dataclass(slots=True)
class _Session:
    """One session of a file."""

    position: int
    meta: Mapping[str, Any] = field(default_factory=dict)
    items: list[tuple[Any, Mapping[str, Any]]] = field(default_factory=list)  # (time, item)
    events: list[tuple[Any, Mapping[str, Any]]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    aside: list[Any] = field(default_factory=list)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation of each session. Context that the program puts before prompts is left out and counted."""
    sessions: list[_Session] = []
    for position, record in records:
        payload, kind = record["payload"], record["type"]
        begins = kind == "session_meta" and (not sessions or bool(sessions[-1].items or sessions[-1].events))
        if begins or not sessions:  # the records of a session that was continued come after both headers
            sessions.append(_Session(position, payload if begins else {}))
        session, moment = sessions[-1], record.get("timestamp")
        if kind == "response_item":
            session.items.append((moment, payload))
        elif kind == "event_msg" and first_text(payload, "type") in _EVENT_SPEAKERS:
            session.events.append((moment, payload))
        elif kind == "compacted":
            session.left_out["summaries of earlier turns"] += 1
            session.aside.append(payload)
    for number, session in enumerate((session for session in sessions if session.items or session.events), 1):
        name = first_text(session.meta, "id", "session_id") or None
        yield ParsedRecord(session.position, number, name, [_parse_session(session)])


def _parse_session(session: _Session) -> ParsedConversation:
    conversation = ParsedConversation(
        [], extra_metadata({key: session.meta[key] for key in _METADATA_KEYS if key in session.meta}, ())
    )
    instructions = session.meta.get("instructions") or object_at(session.meta, "base_instructions").get("text")
    if isinstance(instructions, str) and instructions.strip():
        conversation.turns.append(ParsedTurn("system", instructions))
    events = [event for _, event in session.events if event["type"] == "user_message"]
    prompts = {text for event in events if (text := first_text(event, "message").strip())}
    items: list[tuple[Any, Mapping[str, Any]]] = []
    for at, item in session.items:
        if _is_context(item, prompts, session.left_out):
            session.aside.append(item)
        else:
            items.append((at, item))
    conversation.aside += session.aside
    if items:
        conversation.turns += _item_turns(items, conversation.remarks)
    else:
        conversation.turns += [
            ParsedTurn(_EVENT_SPEAKERS[event["type"]], first_text(event, "message"), None, parse_timestamp(at))
            for at, event in session.events
        ]
    if session.left_out:
        conversation.remarks.append(f"left out: {count_summary(session.left_out)}")
    return conversation


def _is_context(item: Mapping[str, Any], prompts: set[str], left_out: Counter[str]) -> bool:
    """Return whether an item is a message that the program wrote: a developer's, or a user's that nobody typed."""
    if item.get("type") != "message" or item.get("role") not in ("user", "developer", "system"):
        return False
    text = content_text(item.get("content")).strip()
    if item["role"] == "user":  # an editor's plugin puts its context before the prompt
        typed = any(text.endswith(prompt) for prompt in prompts) if prompts else not text.startswith(_CONTEXT_STARTS)
        if typed:
            return False
    left_out["messages of the program's own context"] += 1
    return True


def _item_turns(items: Sequence[tuple[Any, Mapping[str, Any]]], remarks: list[str]) -> list[ParsedTurn]:
    """Return the turns in items; a prompt has the time of its item."""
    turns: list[ParsedTurn] = []
    group: list[tuple[Any, Mapping[str, Any]]] = []
    for at, item in [*items, (None, {"role": "user"})]:
        if group and item.get("role") == "user":  # calls and answers between two prompts belong together
            values = [value for _, value in group if is_message(value)]
            if len(values) < len(group):
                remarks.append(f"{len(group) - len(values)} items cannot be read")
            following = parse_messages(values, remarks)
            moment = parse_timestamp(group[0][0])
            turns += [replace(turn, at=turn.at or moment) for turn in following[:1]] + following[1:]
            group = []
        group.append((at, item))
    return turns


CODEX = LogFormat(
    "codex",
    "Codex's session files (rollout-*.jsonl).",
    '{"timestamp": "2026-08-25T10:00:00Z", "type": "session_meta", "payload": {"id": "s1", "cwd": "/work"}}\n'
    '{"timestamp": "2026-08-25T10:00:01Z", "type": "response_item", "payload": {"type": "message", "role": "user", '
    '"content": [{"type": "input_text", "text": "Hi"}]}}\n'
    '{"timestamp": "2026-08-25T10:00:02Z", "type": "response_item", "payload": {"type": "message", "role": '
    '"assistant", "content": [{"type": "output_text", "text": "Hello"}]}}',
    is_codex,
    read_records=read_records,
)
