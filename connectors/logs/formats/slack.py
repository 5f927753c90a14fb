"""Slack: messages of a channel's day, as exports hold them. Channels and threads become conversations."""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_SPOKEN_SUBTYPE_WORDS = (
    "bot_message me_message file_share file_comment file_mention thread_broadcast reply_broadcast slackbot_response "
    "assistant_app_thread"
)
_SPOKEN_SUBTYPES = frozenset((None, *_SPOKEN_SUBTYPE_WORDS.split()))
"""Subtypes of messages in which somebody says something; the others tell what the program did."""
_MARKUP = re.compile(
    r"<(?:([@#])(\w{1,40})|(!)([^<>|\n]{1,400})|([a-z][a-z0-9+.-]{0,20}:[^<>|\s]{1,8000}))(?:\|([^<>\n]{0,4000}))?>"
)
_TS = re.compile(r"\d{9,11}\.\d{1,6}")

Users = Mapping[str, tuple[str, bool]]
"""For each user's id the name, and whether it is a bot."""


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message of an export, and its number among those of its channel."""

    number: int
    value: Mapping[str, Any]


def is_message(value: Any) -> bool:
    """Return whether a JSON value is a message of Slack."""
    if not isinstance(value, dict) or value.get("type") != "message" or not isinstance(value.get("ts"), str):
        return False
    return _TS.fullmatch(value["ts"]) is not None and not value.keys().isdisjoint(("user", "bot_id", "subtype", "text"))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a day of a channel, read by itself: people are named by their ids."""
    yield from read_channel([SlackMessage(number, value) for number, value in records], "", {}, report)


def users_in(value: Any) -> dict[str, tuple[str, bool]]:
    """Return the users in an export's users.json, by their ids."""
    users = {}
    for user in value if isinstance(value, list) else ():
        if isinstance(user, dict) and isinstance(user.get("id"), str):
            profile = user.get("profile")
            names = [*(profile.get(key) for key in ("display_name", "real_name") if isinstance(profile, dict))]
            names += [user.get("real_name"), user.get("name")]
            name = next((name for name in names if isinstance(name, str) and name.strip()), user["id"])
            users[user["id"]] = clean_text(name.strip()), user.get("is_bot") is True
    return users


def read_channel(
    messages: Sequence[SlackMessage], channel: str, users: Users, report: ProblemReporter
) -> Iterator[ParsedRecord]:
    """Yield the conversations of a channel: the channel itself, then its threads, oldest first.

    A message is in one of them only: one that is answered in a thread begins the thread. Bots are the assistant.

    Args:
        messages: those of the channel, in any order.
        channel: its name; empty where it is not known.
        users: who is who.
        report: is called with what is left out.
    """
    left_out: Counter[str] = Counter()
    aside: list[Any] = []
    threads: dict[str, list[SlackMessage]] = {"": []}
    answered = {_thread(message.value) for message in messages if _is_answer(message.value)}
    for message in sorted(messages, key=lambda message: _order(message.value)):
        subtype = message.value.get("subtype")
        if not (subtype is None or isinstance(subtype, str)) or subtype not in _SPOKEN_SUBTYPES:
            left_out[str(subtype)] += 1
            aside.append(message.value)
            continue
        thread = _thread(message.value)
        threads.setdefault(thread if thread in answered else "", []).append(message)
    if left_out:
        kinds = ", ".join(f"{count} {clean_text(kind)}" for kind, count in left_out.most_common(10))
        report(None, f"{left_out.total()} messages of Slack itself are left out ({kinds})", kept=True)
    for number, (thread, thread_messages) in enumerate(
        ((thread, thread_messages) for thread, thread_messages in threads.items() if thread_messages), 1
    ):
        conversation_id = "-".join(filter(None, (channel, thread))) or None
        conversation = ParsedConversation(
            [_parse_turn(message.value, users) for message in thread_messages], {"channel": channel} if channel else {}
        )
        if thread:
            conversation.metadata["thread_ts"] = thread
        conversation.aside, aside = aside, []
        yield ParsedRecord(thread_messages[0].number, number, conversation_id, [conversation])


def _is_answer(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("thread_ts"), str) and message["thread_ts"] != message.get("ts")


def _thread(message: Mapping[str, Any]) -> str:
    """Return the thread of a message: the time of its first message. A message without one may begin a thread."""
    thread = message.get("thread_ts", message.get("ts"))
    return clean_text(thread) if isinstance(thread, str) else ""


def _order(message: Mapping[str, Any]) -> tuple[float, str]:
    ts = message.get("ts")
    return (float(ts), ts) if isinstance(ts, str) and _TS.fullmatch(ts) else (0.0, "")


def _parse_turn(message: Mapping[str, Any], users: Users) -> ParsedTurn:
    user = message.get("user")
    comment = message.get("comment")
    if not isinstance(user, str) and isinstance(comment, dict):
        user = comment.get("user")
    user = user if isinstance(user, str) else ""
    name, is_bot = users.get(user) or (_author_name(message) or user, False)
    bot = message.get("bot_id") or message.get("subtype") in ("bot_message", "slackbot_response") or user == "USLACKBOT"
    metadata = {"reactions": _reactions(message)} if _reactions(message) else {}
    if bot or is_bot:
        return ParsedTurn("assistant", _message_text(message, users), _bot_name(message, name), _at(message), metadata)
    return ParsedTurn("user", _message_text(message, users), name or None, _at(message), metadata)


def _author_name(message: Mapping[str, Any]) -> str:
    """Return the name that a message itself has for its author; "" for none."""
    profile = message.get("user_profile")
    names = [profile.get(key) for key in ("display_name", "real_name", "name")] if isinstance(profile, dict) else []
    return next((clean_text(name.strip()) for name in names if isinstance(name, str) and name.strip()), "")


def _bot_name(message: Mapping[str, Any], name: str) -> str | None:
    profile = message.get("bot_profile")
    profile_name = profile.get("name") if isinstance(profile, dict) else None
    names = [profile_name, message.get("username"), name, message.get("bot_id")]
    return next((clean_text(name) for name in names if isinstance(name, str) and name.strip()), None)


def _at(message: Mapping[str, Any]) -> datetime | None:
    return parse_timestamp(message.get("ts"))


def _reactions(message: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each emoji was put to a message."""
    reactions = message.get("reactions")
    reaction_list = [item for item in reactions if isinstance(item, dict)] if isinstance(reactions, list) else []
    return {
        clean_text(item["name"]): item["count"]
        for item in reaction_list[:50]
        if isinstance(item.get("name"), str) and isinstance(item.get("count"), int)
    }


def _message_text(message: Mapping[str, Any], users: Users) -> str:
    """Return the text of a message, or that of its blocks; attachments and files become placeholders."""
    text = message.get("text")
    lines = [display_text(text, users)] if isinstance(text, str) and text.strip() else []
    if not lines:
        lines = _block_texts(message.get("blocks"), users)
    is_content = not lines  # then the attachments are what is said
    for attachment in _dicts(message.get("attachments")):
        lines.append(_attachment(attachment, users, is_content=is_content))
    files = [*_dicts(message.get("files")), *_dicts([message.get("file")])]
    # The older way to share a file names it in the text too.
    lines += [_file(file) for file in files]
    return "\n".join(filter(None, lines))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attachment(attachment: Mapping[str, Any], users: Users, *, is_content: bool) -> str:
    parts = [attachment.get(key) for key in ("pretext", "title", "text")]
    texts = [display_text(part, users) for part in parts if isinstance(part, str) and part.strip()]
    for field in _dicts(attachment.get("fields")):
        pair = [str(field[key]) for key in ("title", "value") if isinstance(field.get(key), str)]
        texts += [display_text(": ".join(filter(None, pair)), users)]
    fallback = attachment.get("fallback")
    if not texts and isinstance(fallback, str):
        texts = [display_text(fallback, users)]
    if is_content:
        return "\n".join(texts) or "[attachment]"
    titles = [attachment.get(key) for key in ("title", "fallback", "service_name")]
    title = next((display_text(title, users) for title in titles if isinstance(title, str) and title.strip()), "")
    return f"[attachment: {' '.join(title.split())}]" if title else "[attachment]"


def _file(file: Mapping[str, Any]) -> str:
    names = [file.get(key) for key in ("title", "name")]
    name = next((" ".join(name.split()) for name in names if isinstance(name, str) and name.strip()), "")
    kind = str(file.get("mimetype", "")).partition("/")[0]
    word = kind if kind in ("image", "audio", "video") else "file"
    return f"[{word}: {name}]" if name else f"[{word}]"


def _block_texts(blocks: Any, users: Users, depth: int = 0) -> list[str]:
    """Return the texts in a message's blocks, a line each."""
    texts = []
    for block in _dicts(blocks):
        text = block.get("text")
        if isinstance(text, str):
            texts.append(display_text(text, users) if block.get("type") in ("mrkdwn", None) else text)
        elif isinstance(text, dict):
            texts += _block_texts([text], users, depth + 1)
        if depth < 8:
            for key in ("elements", "fields"):
                inner = _block_texts(block.get(key), users, depth + 1)
                texts += ["".join(inner)] if block.get("type") == "rich_text_section" else inner
    return texts


def display_text(text: str, users: Users) -> str:
    """Return a text with mentions and links as people see them."""
    return html.unescape(_MARKUP.sub(_mention(users), text))


def _mention(users: Users) -> Callable[[re.Match[str]], str]:
    def mention(match: re.Match[str]) -> str:
        sign, label = match[1] or match[3] or "", match[6]
        target = match[2] or match[4] or match[5]
        if sign == "@":
            return "@" + (users[target][0] if target in users else label or target)
        if sign == "#":
            return "#" + (label or target)
        if sign == "!":
            return label or "@" + target.partition("^")[0]
        address = target.removeprefix("mailto:")
        return address if not label or label in (target, address) else f"{label} ({address})"

    return mention


SLACK = LogFormat(
    "slack",
    "A Slack export (the zip as a whole, or one day of a channel): a conversation a channel and one a thread; "
    "bots are the assistant.",
    '[{"type": "message", "user": "U1", "text": "Hi", "ts": "1714557600.000100"}, '
    '{"type": "message", "bot_id": "B1", "text": "Hello", "ts": "1714557601.000200"}]',
    is_message,
    read_records=read_records,
)
