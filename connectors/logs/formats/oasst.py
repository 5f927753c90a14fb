"""OpenAssistant: trees of messages, and lists of messages each of which names its parent.

A tree becomes one conversation, the best-ranked path through it: a conversation for each leaf would repeat its
beginning, and have it judged as often.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import identifier, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_tree import MessageTree
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_USED_KEYS = ("text", "role", "replies", "parent_id", "created_date", "message_tree_id", "user_id")

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
    tree = MessageTree.of_nested([record["prompt"]], "replies")
    conversation = _best_path(tree, tree.roots()[0], tree.children())
    conversation.metadata = extra_metadata(record, {"prompt"})
    return [conversation]


def read_branches(record: _Message) -> list[ParsedConversation]:
    """Return every branch of a tree as a conversation, the best-ranked first."""
    tree = MessageTree.of_nested([record["prompt"]], "replies")
    best = tree.best_path(tree.roots()[0], tree.children(), _order)[-1]
    conversations = tree.branches(best, _parse_path)
    for conversation in conversations:
        conversation.metadata = extra_metadata(record, {"prompt"})
    return conversations


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the best-ranked path of each tree whose messages are in a file."""
    positions: dict[str, int] = {}
    rows: dict[str, _Message] = {}
    for position, value in ((position, value) for position, record in records for value in _with_replies(record)):
        message_id = identifier(value, "message_id")
        if not message_id or message_id in rows:
            report(
                position,
                f"the message {message_id!r} was there before" if message_id else "a message without a 'message_id'",
            )
            continue
        positions[message_id], rows[message_id] = position, value
    parents = {key: name for key, value in rows.items() if (name := identifier(value, "parent_id"))}
    tree = MessageTree(rows, parents)
    children = tree.children()
    for number, root in enumerate(tree.roots(), 1):
        conversation = _best_path(tree, root, children)
        parent = parents.get(root, "")
        if parent:
            conversation.remarks.append(f"the message that it answers ({parent!r}) is not in the file")
        name = root if parent else identifier(rows[root], "message_tree_id") or root
        yield ParsedRecord(positions[root], number, name, [conversation])
    for key in tree.circular(children):
        report(positions[key], f"the message {key!r} is its own ancestor")


def _with_replies(record: _Message) -> Iterator[_Message]:
    """Yield a message and the replies that it holds, each with its parent."""
    pending = [record]
    while pending:
        message = pending.pop()
        yield message
        parent = identifier(message, "message_id")
        replies = objects(message.get("replies"))
        pending += [{"parent_id": parent, **reply} if parent else reply for reply in reversed(replies)]


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and isinstance(value.get("role"), str)


def _best_path(tree: MessageTree, root: str, children: Mapping[str, Sequence[str]]) -> ParsedConversation:
    path = tree.best_path(root, children, _order)
    conversation = _parse_path([tree.messages[key] for key in path])
    branches = sum(len(children[key]) - 1 for key in path[:-1])
    pending = [reply for key in path[:-1] for reply in children[key] if reply not in path]
    while pending:
        conversation.aside.append(tree.messages[pending[-1]])
        pending += children.get(pending.pop(), ())
    if branches:
        conversation.remarks.append(f"the best-ranked path of a tree; {branches} other branches from it are left out")
    return conversation


def _parse_path(path: Sequence[_Message]) -> ParsedConversation:
    return ParsedConversation([_parse_message(message) for message in path])


def _order(message: _Message) -> tuple[bool, bool, float]:
    """Return the sort key of a reply, the best one first: not deleted, then by rank; of replies without a rank the
    first one.
    """
    rank = message.get("rank")
    ranked = isinstance(rank, int | float) and not isinstance(rank, bool)
    return message.get("deleted") is True, not ranked, rank if isinstance(rank, int | float) and ranked else 0


def _parse_message(message: _Message) -> ParsedTurn:
    role, content = message.get("role"), message.get("text")
    speaker = role if isinstance(role, str) else ""
    text = content if isinstance(content, str) else ""
    return ParsedTurn(
        speaker, text, None, parse_timestamp(message.get("created_date")), extra_metadata(message, _USED_KEYS)
    )


OASST = LogFormat(
    "oasst",
    "OpenAssistant trees: the best-ranked path through each is a conversation.",
    '{"message_tree_id": "t1", "prompt": {"message_id": "t1", "text": "Hi", "role": "prompter", "replies": '
    '[{"message_id": "m2", "parent_id": "t1", "text": "Hello", "role": "assistant", "rank": 0, "replies": []}]}}',
    is_tree,
    read_record,
    id_key="message_tree_id",
)


OASST_BRANCHES = LogFormat(
    "oasst-branches",
    "The same as oasst, with every branch of a tree as a conversation of its own; only if it is named.",
    OASST.example,
    is_tree,
    read_branches,
    id_key="message_tree_id",
    only_named=True,
)


OASST_MESSAGES = LogFormat(
    "oasst-messages",
    "OpenAssistant messages, one a record, each with its parent; the best-ranked path of a tree is a conversation.",
    '{"message_id": "m1", "parent_id": null, "text": "Hi", "role": "prompter"}\n'
    '{"message_id": "m2", "parent_id": "m1", "text": "Hello", "role": "assistant"}',
    is_row,
    read_records=read_records,
)
