"""Zendesk Chat (Zopim): chats with their history, and messages that visitors left while nobody was there."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text

_VISITORS = ("visitor", "end-user", "end_user")


def speaker(event: Mapping[str, Any]) -> str:
    """Return the speaker of an event: agents, bots and triggers are the assistant; an event without a speaker is a
    message that a visitor left.
    """
    kind = (first_text(event, "sender_type") or first_text(event, "nick").partition(":")[0]).strip().lower()
    return "user" if not kind or kind in _VISITORS else "assistant"


ZENDESK_CHAT = DescribedFormat(
    "zendesk-chat",
    "Zendesk Chat's chats (`chats` with their `history`), also messages that visitors left; the visitor is the user.",
    '{"chats": [{"id": "c1", "type": "chat", "visitor": {"name": "Anna"}, "history": [{"type": "chat.msg", '
    '"sender_type": "Visitor", "name": "Anna", "msg": "Hi"}, {"type": "chat.msg", "sender_type": "Agent", '
    '"name": "Mia", "msg": "Hello"}]}]}',
    keys=("visitor", "history[*].type|message"),
    turns="history[*]|",
    role=speaker,
    content="msg|message",
    attachments="attachment",
    speaker_name="name|visitor.name",
    left_out={
        "type=chat.memberjoin": "events of members",
        "type=chat.memberleave": "events of members",
        "type=chat.rating": "ratings of the chat",
        "type=chat.request.rating": "requests for a rating",
        "type=chat.comment": "comments on the chat",
        "type=chat.event": "events",
        "type=chat.queue_position": "events",
    },
    unused=("type", "sender_type", "nick", "display_name", "name", "attachment"),
).log_format()
