"""OpenAssistant: trees of messages, and lists of messages each of which names its parent.

A tree becomes one conversation, the best-ranked path through it: a conversation for each leaf would repeat its
beginning, and have it judged as often.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import identifier, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_USED_KEYS = ("text", "role", "replies", "parent_id", "created_date", "message_tree_id", "user_id")
_MAX_LENGTH = 10_000
"""Messages of a path after which it is cut."""

_Message = Mapping[str, Any]


def is_tree(value: Any) -> bool:
    """Return whether a JSON value is a tree."""
    return isinstance(value, dict) and _is_message(value.get("prompt")) and "message_id" in value["prompt"]


def is_row(value: Any) -> bool:
    """Return whether a JSON value is a message that names its parent or its tree."""
    return (
        _is_message(value) and "message_id" in value and not value.keys().isdisjoint(("parent_id", "message_tree_id"))
    )


def read_record(record: _Message) -> list[ParsedConversation]:
    """Return the best-ranked path of a tree; a remark counts the other branches."""
    conversation = _best_path(record["prompt"], lambda message: objects(message.get("replies")))
    conversation.metadata = extra_metadata(record, {"prompt"})
    return [conversation]


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the best-ranked path of each tree whose messages are in a file."""
    rows: dict[str, tuple[int, _Message]] = {}
    for position, value in records:
        message_id = identifier(value, "message_id")
        if not message_id or message_id in rows:
            report(
                position,
                f"the message {message_id!r} was there before" if message_id else "a message without a 'message_id'",
            )
            continue
        rows[message_id] = position, value
    replies: dict[str, list[_Message]] = {}
    roots = []
    for message_id, (position, value) in rows.items():
        parent = identifier(value, "parent_id")
        if parent in rows:
            replies.setdefault(parent, []).append(value)
        else:
            roots.append((position, message_id, value, parent))
    for number, (position, message_id, value, parent) in enumerate(roots, 1):
        conversation = _best_path(value, lambda message: replies.get(identifier(message, "message_id"), []))
        if parent:
            conversation.remarks.append(f"the message that it answers ({parent!r}) is not in the file")
        yield ParsedRecord(
            position,
            number,
            message_id if parent else identifier(value, "message_tree_id") or message_id,
            [conversation],
        )
    reached = _reachable_ids([value for _, _, value, _ in roots], replies)
    for message_id, (position, _) in rows.items():
        if message_id not in reached:
            report(position, f"the message {message_id!r} is its own ancestor")


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and isinstance(value.get("role"), str)


def _best_path(root: _Message, replies_of: Callable[[_Message], Sequence[_Message]]) -> ParsedConversation:
    """Return the path on which each message is the best reply to the one before it."""
    conversation = ParsedConversation([])
    message: _Message | None = root
    branches = 0
    while message is not None and len(conversation.turns) < _MAX_LENGTH:
        _add_message(conversation, message)
        replies = replies_of(message)
        branches += max(0, len(replies) - 1)
        message = min(replies, key=_order, default=None)
    if branches:
        conversation.remarks.append(f"the best-ranked path of a tree; {branches} other branches from it are left out")
    return conversation


def _order(message: _Message) -> tuple[bool, bool, float]:
    """Return the sort key of a reply, the best one first: not deleted, then by rank; of replies without a rank the
    first one.
    """
    rank = message.get("rank")
    ranked = isinstance(rank, int | float) and not isinstance(rank, bool)
    return message.get("deleted") is True, not ranked, rank if isinstance(rank, int | float) and ranked else 0


def _add_message(conversation: ParsedConversation, message: _Message) -> None:
    role, content = message.get("role"), message.get("text")
    speaker = role if isinstance(role, str) else ""
    at = parse_timestamp(message.get("created_date"))
    conversation.turns.append(
        ParsedTurn(speaker, content if isinstance(content, str) else "", None, at, extra_metadata(message, _USED_KEYS)),
    )


def _reachable_ids(roots: Sequence[_Message], replies: Mapping[str, Sequence[_Message]]) -> set[str]:
    reached: set[str] = set()
    pending = list(roots)
    while pending:
        message_id = identifier(pending.pop(), "message_id")
        reached.add(message_id)
        pending += replies.get(message_id, ())
    return reached


OASST = LogFormat(
    "oasst",
    "OpenAssistant trees: the best-ranked path through each is a conversation.",
    '{"message_tree_id": "t1", "prompt": {"message_id": "t1", "text": "Hi", "role": "prompter", "replies": '
    '[{"message_id": "m2", "parent_id": "t1", "text": "Hello", "role": "assistant", "rank": 0, "replies": []}]}}',
    is_tree,
    read_record,
    id_key="message_tree_id",
)


OASST_MESSAGES = LogFormat(
    "oasst-messages",
    "OpenAssistant messages, one a record, each with its parent; the best-ranked path of a tree is a conversation.",
    '{"message_id": "m1", "parent_id": null, "text": "Hi", "role": "prompter"}\n'
    '{"message_id": "m2", "parent_id": "m1", "text": "Hello", "role": "assistant"}',
    is_row,
    read_records=read_records,
)
