"""Discord: exports of DiscordChatExporter, a channel or a thread a file. Bots are the assistant; where there is one,
people are users.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import file_placeholder, first_text, object_at, objects
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_PROGRAM = (
    "Call",
    "RecipientAdd",
    "RecipientRemove",
    "ChannelNameChange",
    "ChannelIconChange",
    "ChannelPinnedMessage",
    "GuildMemberJoin",
    "ThreadCreated",
)


def message_content(message: Mapping[str, Any]) -> str:
    """Return the text of a message, the texts of what is embedded, and placeholders for files and stickers."""
    lines = [first_text(message, "content")]
    lines += [line for embed in objects(message.get("embeds")) for line in _embedded(embed)]
    lines += [file_placeholder(None, first_text(file, "fileName")) for file in objects(message.get("attachments"))]
    lines += [f"[sticker: {first_text(sticker, 'name')}]" for sticker in objects(message.get("stickers"))]
    return "\n".join(filter(None, lines))


def _embedded(embed: Mapping[str, Any]) -> Iterator[str]:
    yield from (first_text(embed, "title"), first_text(embed, "description"))
    for field in objects(embed.get("fields")):
        yield ": ".join(filter(None, (first_text(field, "name"), first_text(field, "value"))))
    yield first_text(object_at(embed, "footer"), "text")


def speaker(message: Mapping[str, Any]) -> str:
    """Return the speaker of a message: the assistant for a bot, the person's name for anybody else."""
    author = object_at(message, "author")
    if author.get("isBot") is True:
        return "assistant"
    return first_text(message, "speaker") or first_text(author, "nickname", "name")


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in an export."""
    messages = record["messages"]
    if isinstance(messages, list) and any(object_at(message, "author").get("isBot") is True for message in messages):
        people = [{**message, "speaker": "user"} if isinstance(message, dict) else message for message in messages]
        record = {**record, "messages": people}
    return _DESCRIBED.read_record(record)


_DESCRIBED = DescribedFormat(
    "discord",
    "DiscordChatExporter's JSON; bots are the assistant, and where there is one, people are users.",
    '{"guild": {"id": "0", "name": "Direct Messages"}, "channel": {"id": "5", "name": "Anna"}, "messages": [{"id": '
    '"1", "type": "Default", "timestamp": "2024-05-01T10:00:00+00:00", "content": "Hi", "author": {"id": "7", "name": '
    '"Anna", "isBot": false}}, {"id": "2", "type": "Reply", "timestamp": "2024-05-01T10:00:01+00:00", "content": '
    '"Hello", "author": {"id": "8", "name": "Shop", "isBot": true}}]}',
    keys=("guild", "channel", "messages[*].author.isBot"),
    turns="messages[*]",
    role=speaker,
    content=message_content,
    speaker_name="author.nickname|author.name",
    at="timestamp",
    left_out={f"type={kind}": "messages of Discord itself" for kind in _PROGRAM},
    id="channel.id",
    unused=("author", "content", "embeds", "attachments", "stickers", "speaker", "type", "timestamp"),
    precedence=1,
)
DISCORD = replace(_DESCRIBED.log_format(), read_record=read_record)
