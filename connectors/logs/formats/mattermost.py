"""Mattermost's bulk exports: posts of channels with their replies, and direct messages, a line each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.content_blocks import attachment_part, content_parts
from convexplain.connectors.logs.engine.fields import count_summary, first_text, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_POSTS = ("post", "direct_post")
_OTHER = ("version", "scheme", "role", "team", "channel", "user", "bot", "emoji", "direct_channel")
"""Lines that are no posts."""
_USED = (
    "user",
    "message",
    "create_at",
    "replies",
    "attachments",
    "team",
    "channel",
    "channel_members",
    "type",
    "props",
)
_EMPTY: tuple[Any, ...] = ([], {}, "", None)


def is_line(value: Any) -> bool:
    """Return whether a JSON value is a line of an export."""
    if not isinstance(value, dict) or value.get("type") not in (*_POSTS, *_OTHER):
        return False
    body = value.get(value["type"])
    if value["type"] in _POSTS:
        return isinstance(body, dict) and body.keys() >= {"user", "create_at"}
    return bool(body)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations: each thread, the other posts of each channel, and each group of direct messages.

    Bots are the assistant, and where one speaks people are users.
    """
    bots = {name for _, record in records for name in _bot_names(record)}
    groups: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    left_out: Counter[str] = Counter()
    for position, record in records:
        post = object_at(record, record["type"])
        if record["type"] not in _POSTS:
            continue
        messages = [post, *objects(post.get("replies"))]
        left_out["messages of the program"] += sum(_is_program(message) for message in messages)
        messages = [message for message in messages if not _is_program(message)]
        place = _place(post)
        name = f"{place}/{post['create_at']}" if len(messages) > 1 else place
        if messages:
            groups.setdefault(name, (position, []))[1].extend(messages)
    if +left_out:
        report(None, f"left out: {count_summary(+left_out)}", kept=True)
    for number, (name, (position, messages)) in enumerate(groups.items(), 1):
        ordered = sorted(messages, key=lambda message: _number(message.get("create_at")))
        names_bot = any(_is_bot(message, bots) for message in ordered)
        turns = [_turn(message, bots, names_bot=names_bot) for message in ordered]
        yield ParsedRecord(position, number, name, [ParsedConversation(turns)])


def _turn(message: Mapping[str, Any], bots: set[str], *, names_bot: bool) -> ParsedTurn:
    name = first_text(message, "user")
    speaker = "assistant" if _is_bot(message, bots) else "user" if names_bot else name
    files = [attachment_part({"name": first_text(item, "path")}) for item in objects(message.get("attachments"))]
    metadata = {key: value for key, value in extra_metadata(message, _USED).items() if value not in _EMPTY}
    parts = (*content_parts(first_text(message, "message")), *files)
    return ParsedTurn.of_parts(speaker, parts, name, parse_timestamp(message.get("create_at")), metadata)


def _bot_names(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of the bot that a line defines."""
    body = object_at(record, record["type"])
    if record["type"] == "bot" or (record["type"] == "user" and body.get("is_bot")):
        yield first_text(body, "username")


def _is_bot(message: Mapping[str, Any], bots: set[str]) -> bool:
    props = object_at(message, "props")
    return message.get("user") in bots or any(props.get(key) in (True, "true") for key in ("from_bot", "from_webhook"))


def _is_program(message: Mapping[str, Any]) -> bool:
    return first_text(message, "type").startswith("system_")


def _place(post: Mapping[str, Any]) -> str:
    """Return the name of a channel, or of the people who write to each other."""
    members = post.get("channel_members")
    if isinstance(members, list):
        return ", ".join(sorted(member for member in members if isinstance(member, str)))
    return "/".join(filter(None, (first_text(post, "team"), first_text(post, "channel"))))


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


MATTERMOST = LogFormat(
    "mattermost",
    "Mattermost's bulk exports (JSON Lines): threads, channels and direct messages; bots are the assistant.",
    '{"type": "bot", "bot": {"username": "helper"}}\n'
    '{"type": "direct_post", "direct_post": {"channel_members": ["mia", "helper"], "user": "mia", "message": "Hi", '
    '"create_at": 1714557600000}}\n'
    '{"type": "direct_post", "direct_post": {"channel_members": ["mia", "helper"], "user": "helper", "message": '
    '"Hello", "create_at": 1714557601000}}',
    is_line,
    read_records=read_records,
)
