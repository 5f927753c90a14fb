"""LangGraph's states of threads: each state holds all messages up to it, so that a thread's history repeats them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, parse_messages
from convexplain.connectors.logs.engine.fields import first_text, object_at
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import message_time
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_STATE_KEYS = ("next", "checkpoint", "checkpoint_id", "parent_checkpoint", "parent_config", "config")


def is_lang_graph(value: Any) -> bool:
    """Return whether a JSON value is a state of a thread."""
    if not isinstance(value, dict) or value.keys().isdisjoint(_STATE_KEYS):
        return False
    messages = object_at(value, "values").get("messages")
    return isinstance(messages, list) and any(map(is_message, messages[:5]))


@dataclass(slots=True)
class _State:
    """One state: its record, its turns, and what a person should know of them."""

    position: int
    record: Mapping[str, Any]
    turns: list[ParsedTurn]
    remarks: list[str]


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversation of each thread: its latest state, and states of other branches that it does not repeat."""
    threads: dict[str, list[_State]] = {}
    for position, record in records:
        remarks: list[str] = []
        turns = parse_messages(record["values"]["messages"], remarks)
        name = _thread(record) or f"#{position}"
        threads.setdefault(name, []).append(_State(position, record, turns, remarks))
    for number, (name, states) in enumerate(threads.items(), 1):
        conversations = _branches(states)
        if len(states) > len(conversations):
            conversations[0].remarks.append(f"{len(states) - len(conversations)} earlier states hold nothing more")
        yield ParsedRecord(states[0].position, number, None if name.startswith("#") else name, conversations)


def _thread(record: Mapping[str, Any]) -> str:
    places = [object_at(record, key) for key in ("checkpoint", "metadata")]
    places.append(object_at(record, "config", "configurable"))
    return next(filter(None, (first_text(place, "thread_id") for place in (*places, record))), "")


def _branches(states: Sequence[_State]) -> list[ParsedConversation]:
    """Return the conversations of a thread, the latest state first, without states that another one continues."""
    ranked = sorted(states, key=lambda state: (-message_time(state.record), -len(state.turns)))
    beginnings: set[int] = set()
    conversations: list[ParsedConversation] = []
    for state in ranked:
        hashes = _beginnings(state.turns)
        if hashes[-1] in beginnings:
            continue
        beginnings.update(hashes)
        suffix = f"-branch{len(conversations) + 1}" if conversations else ""
        metadata = extra_metadata(state.record, ("values", "tasks", "interrupts"))
        conversations.append(ParsedConversation(state.turns, metadata, state.remarks, suffix))
    return conversations


def _beginnings(turns: Sequence[ParsedTurn]) -> list[int]:
    """Return a hash for each beginning of a conversation, that of the whole last."""
    hashes = [0]
    for turn in turns:
        hashes.append(hash((hashes[-1], turn.speaker, turn.content)))
    return hashes


LANG_GRAPH = LogFormat(
    "lang-graph",
    "LangGraph's states of threads, and their histories: of each thread the latest state, and other branches.",
    '{"values": {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]}, "next": [], '
    '"checkpoint": {"thread_id": "t1", "checkpoint_id": "k"}}',
    is_lang_graph,
    read_records=read_records,
)
