"""Claude Code's session files: a record a line, of messages and of the program's own notes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, merge_thoughts, parse_message
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.connectors.logs.engine.trace_calls import first_id

_SPEAKERS = ("user", "assistant")
_NOTE_KIND_WORDS = (
    "summary system progress file-history-snapshot queue-operation attachment last-prompt custom-title ai-title "
    "agent-name agent-color agent-setting tag pr-link permission-mode mode worktree-state"
)
_NOTE_KINDS = frozenset(_NOTE_KIND_WORDS.split())
_NOTE_KEYS = ("leafUuid", "sessionId", "messageId", "parentUuid", "snapshot")
_METADATA_KEYS = ("cwd", "gitBranch", "version", "agentId", "slug")


def is_claude_code(value: Any) -> bool:
    """Return whether a JSON value is a record of a session."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and kind in _SPEAKERS:
        has_session_key = not value.keys().isdisjoint(("sessionId", "parentUuid", "isSidechain"))
        return has_session_key and isinstance(value.get("message"), dict)
    return isinstance(kind, str) and kind in _NOTE_KINDS and not value.keys().isdisjoint(_NOTE_KEYS)


@dataclass(slots=True)
class _Session:
    """One conversation of a file: its turns, and the parent and the message by which each came."""

    position: int
    conversation: ParsedConversation = field(default_factory=lambda: ParsedConversation([]))
    marks: list[tuple[str, str]] = field(default_factory=list)  # (parent of a prompt, id of an answer)
    rewound: int = 0


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations: one a session, and one for each of its sidechains (agents that it started).

    A prompt that replaced an earlier one does so here. Records of the program itself are left out and reported.
    """
    sessions: dict[tuple[str, str], _Session] = {}
    chains: dict[str, str] = {}  # a message's id to the first one of its sidechain
    seen: set[str] = set()
    notes: Counter[str] = Counter()
    titles: dict[str, str] = {}
    aside: list[Any] = []
    for position, record in records:
        message_id = first_id(record, "uuid")
        if record.get("type") not in _SPEAKERS:
            notes[clean_text(str(record.get("type")))] += 1
            aside.append(record)
            if isinstance(record.get("summary"), str):
                titles[first_id(record, "leafUuid")] = record["summary"]
            continue
        if message_id and message_id in seen:  # a session that was resumed begins with what was said before
            notes["repeated"] += 1
            continue
        seen.add(message_id)
        if record.get("isMeta") is True or record.get("isCompactSummary") is True:
            notes["meta" if record.get("isMeta") is True else "compact summary"] += 1
            aside.append(record)
            continue
        side = _sidechain(record, message_id, chains)
        session = sessions.setdefault((first_id(record, "sessionId"), side), _Session(position))
        try:
            _add_record(session, record, message_id)
        except RecursionError:
            report(position, "JSON nested too deeply")
        if message_id in titles:
            session.conversation.metadata["summary"] = titles[message_id]
    if notes:
        kinds = ", ".join(f"{count} {kind}" for kind, count in notes.most_common(12))
        report(None, f"{notes.total()} records of the program itself are left out ({kinds})", kept=True)
    for session in islice(sessions.values(), 1):
        session.conversation.aside += aside
    yield from _session_records(sessions)


def _session_records(sessions: Mapping[tuple[str, str], _Session]) -> Iterator[ParsedRecord]:
    for number, ((session_id, side), session) in enumerate(sessions.items(), 1):
        conversation = session.conversation
        conversation.turns = merge_thoughts(conversation.turns)
        if session.rewound:
            conversation.remarks.append(f"{session.rewound} turns were taken back by another prompt and are left out")
        name = f"{session_id}-{side}" if session_id and side else session_id or side
        yield ParsedRecord(session.position, number, name or None, [conversation])


def _sidechain(record: Mapping[str, Any], message_id: str, chains: dict[str, str]) -> str:
    """Return the sidechain of a record; "" for the session itself."""
    if record.get("isSidechain") is not True:
        return ""
    parent = first_id(record, "parentUuid")
    first = chains.get(parent, message_id)
    if message_id:
        chains[message_id] = first
    return f"side-{first_id(record, 'agentId') or first[:8]}"


def _add_record(session: _Session, record: Mapping[str, Any], message_id: str) -> None:
    message = record["message"]
    if not is_message(message):
        session.conversation.remarks.append(f"the message {message_id!r} cannot be read")
        return
    at, _ = find_timestamp(record)
    turns = [_slim_turn(turn, record) for turn in parse_message(message)]
    turns = [replace(turn, at=turn.at or at) for turn in turns]
    parent, answer = first_id(record, "parentUuid"), first_id(message, "id")
    is_prompt = any(role_of(turn.speaker) == "user" for turn in turns)
    if is_prompt and parent:
        _rewind(session, parent)
    if not session.conversation.metadata:
        session.conversation.metadata = extra_metadata(
            {key: record[key] for key in _METADATA_KEYS if record.get(key)}, ()
        )
    session_turns = session.conversation.turns
    if answer and len(turns) == 1 and session.marks and session.marks[-1][1] == answer:  # a record a part
        session_turns.append(session_turns.pop().joined(turns[0]))
        return
    for turn in turns:
        session_turns.append(turn)
        session.marks.append((parent if role_of(turn.speaker) == "user" else "", answer))


def _rewind(session: _Session, parent: str) -> None:
    """Remove an earlier prompt after the same message, and all turns after it."""
    place = next((at for at, (mark, _) in enumerate(session.marks) if mark == parent), None)
    if place is not None:
        session.rewound += len(session.conversation.turns) - place
        session.conversation.aside += [turn.content for turn in session.conversation.turns[place:]]
        del session.conversation.turns[place:], session.marks[place:]


def _slim_turn(turn: ParsedTurn, record: Mapping[str, Any]) -> ParsedTurn:
    """Return a turn with little of its metadata: usage, signatures and the like describe no text."""
    model = turn.metadata.get("model")
    metadata = {"uuid": record.get("uuid"), "model": model}
    return replace(turn, metadata=extra_metadata(metadata, ()))


CLAUDE_CODE = LogFormat(
    "claude-code",
    "Claude Code's session files; sidechains are conversations of their own.",
    '{"type": "user", "sessionId": "s1", "uuid": "a", "message": {"role": "user", "content": "Hi"}}\n'
    '{"type": "assistant", "sessionId": "s1", "uuid": "b", "parentUuid": "a", "message": {"role": "assistant", '
    '"content": [{"type": "text", "text": "Hello"}]}}',
    is_claude_code,
    read_records=read_records,
)
