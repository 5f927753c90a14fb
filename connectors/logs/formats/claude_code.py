"""Claude Code's session files: a record a line, of messages and of what the program notes besides."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_NOTES_WORDS = (
    "summary system progress file-history-snapshot queue-operation attachment last-prompt custom-title ai-title "
    "agent-name agent-color agent-setting tag pr-link permission-mode mode worktree-state"
)
_NOTES = frozenset(_NOTES_WORDS.split())
_NOTED = ("leafUuid", "sessionId", "messageId", "parentUuid", "snapshot")
_KEPT = ("cwd", "gitBranch", "version", "agentId", "slug")


def is_claude_code(value: Any) -> bool:
    """Whether a JSON value is a record of a session."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and kind in _SPEAKERS:
        told = not value.keys().isdisjoint(("sessionId", "parentUuid", "isSidechain"))
        return told and isinstance(value.get("message"), dict)
    return isinstance(kind, str) and kind in _NOTES and not value.keys().isdisjoint(_NOTED)


@dataclass(slots=True)
class _Session:
    """One conversation of a file: its turns, and by which prompt, which message and where each came."""

    position: int
    draft: ParsedConversation = field(default_factory=lambda: ParsedConversation([]))
    marks: list[tuple[str, str]] = field(default_factory=list)  # (parent of a prompt, id of an answer)
    rewound: int = 0


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations: one a session, and one for each of its sidechains (agents that it started).

    A prompt that takes the place of an earlier one does so here. What the program itself put in is left out, and told.
    """
    sessions: dict[tuple[str, str], _Session] = {}
    chains: dict[str, str] = {}  # a message's id to the first one of its sidechain
    seen: set[str] = set()
    notes: Counter[str] = Counter()
    titles: dict[str, str] = {}
    for position, record in records:
        own = first_id(record, "uuid")
        if record.get("type") not in _SPEAKERS:
            notes[clean_text(str(record.get("type")))] += 1
            if isinstance(record.get("summary"), str):
                titles[first_id(record, "leafUuid")] = record["summary"]
            continue
        if own and own in seen:  # a session that was resumed begins with what was said before
            notes["repeated"] += 1
            continue
        seen.add(own)
        if record.get("isMeta") is True or record.get("isCompactSummary") is True:
            notes["meta" if record.get("isMeta") is True else "compact summary"] += 1
            continue
        side = _side(record, own, chains)
        session = sessions.setdefault((first_id(record, "sessionId"), side), _Session(position))
        try:
            _add(session, record, own)
        except RecursionError:
            report(position, "JSON nested too deeply")
        if own in titles:
            session.draft.metadata["summary"] = titles[own]
    if notes:
        told = ", ".join(f"{count} {kind}" for kind, count in notes.most_common(12))
        report(None, f"{notes.total()} records of the program itself are left out ({told})", kept=True)
    yield from _entries(sessions)


def _entries(sessions: Mapping[tuple[str, str], _Session]) -> Iterator[ParsedRecord]:
    for number, ((own, side), session) in enumerate(sessions.items(), 1):
        draft = session.draft
        draft.turns = merge_thoughts(draft.turns)
        if session.rewound:
            draft.remarks.append(f"{session.rewound} turns were taken back by another prompt and are left out")
        name = f"{own}-{side}" if own and side else own or side
        yield ParsedRecord(session.position, number, name or None, [draft])


def _side(record: Mapping[str, Any], own: str, chains: dict[str, str]) -> str:
    """Which sidechain a record is of; "" for the session itself."""
    if record.get("isSidechain") is not True:
        return ""
    parent = first_id(record, "parentUuid")
    first = chains.get(parent, own)
    if own:
        chains[own] = first
    return f"side-{first_id(record, 'agentId') or first[:8]}"


def _add(session: _Session, record: Mapping[str, Any], own: str) -> None:
    message = record["message"]
    if not is_message(message):
        session.draft.remarks.append(f"the message {own!r} cannot be read")
        return
    at, _ = find_timestamp(record)
    said = [_kept(turn, record) for turn in parse_message(message)]
    said = [replace(turn, at=turn.at or at) for turn in said]
    parent, answer = first_id(record, "parentUuid"), first_id(message, "id")
    is_prompt = any(role_of(turn.speaker) == "user" for turn in said)
    if is_prompt and parent:
        _rewind(session, parent)
    if not session.draft.metadata:
        session.draft.metadata = extra_metadata({key: record[key] for key in _KEPT if record.get(key)}, ())
    said_before = session.draft.turns
    if answer and len(said) == 1 and session.marks and session.marks[-1][1] == answer:  # a record a part
        last = said_before.pop()
        content = "\n".join(filter(None, (last.content, said[0].content)))
        said_before.append(replace(last, content=content))
        return
    for turn in said:
        if not turn.content.strip():
            session.draft.remarks.append(f"the message {own!r} ({turn.speaker!r}) is empty")
        said_before.append(turn)
        session.marks.append((parent if role_of(turn.speaker) == "user" else "", answer))


def _rewind(session: _Session, parent: str) -> None:
    """Takes back an earlier prompt after the same message, and all that came after it."""
    place = next((at for at, (mark, _) in enumerate(session.marks) if mark == parent), None)
    if place is not None:
        session.rewound += len(session.draft.turns) - place
        del session.draft.turns[place:], session.marks[place:]


def _kept(turn: ParsedTurn, record: Mapping[str, Any]) -> ParsedTurn:
    """A turn with little of its metadata: usage, signatures and the like say nothing of what was said."""
    model = turn.metadata.get("model")
    kept = {"uuid": record.get("uuid"), "model": model}
    return replace(turn, metadata=extra_metadata(kept, ()))


CLAUDE_CODE = LogFormat(
    "claude-code",
    "Claude Code's session files; sidechains are conversations of their own.",
    '{"type": "user", "sessionId": "s1", "uuid": "a", "message": {"role": "user", "content": "Hi"}}\n'
    '{"type": "assistant", "sessionId": "s1", "uuid": "b", "parentUuid": "a", "message": {"role": "assistant", '
    '"content": [{"type": "text", "text": "Hello"}]}}',
    is_claude_code,
    read_records=joined,
)
