"""Chatwoot: messages of conversations. Private notes and what Chatwoot itself writes are left out."""

from convexplain.connectors.logs.engine.described import DescribedFormat

CHATWOOT = DescribedFormat(
    "chatwoot",
    "Chatwoot's messages of conversations; private notes are left out.",
    '{"payload": [{"id": 1, "content": "Hi", "message_type": 0, "conversation_id": 4, "private": false}, {"id": 2, '
    '"content": "Hello", "message_type": 1, "conversation_id": 4, "private": false}]}',
    keys=(
        "payload[*].message_type|messages[*].message_type|message_type",
        "payload[*].content|messages[*].content|content",
        "payload[*].conversation_id|messages[*].conversation_id|conversation_id|conversation.id",
    ),
    turns="payload[*]|messages[*]|",
    group="conversation_id|conversation.id",
    role="message_type",
    roles={
        "0": "user",
        "incoming": "user",
        "1": "assistant",
        "outgoing": "assistant",
        "3": "assistant",
        "template": "assistant",
    },
    content="content",
    attachments="attachments[*]",
    speaker_name="sender.name|sender.available_name",
    order="id",
    left_out={
        "private": "private notes",
        "message_type=2": "messages of Chatwoot itself",
        "message_type=activity": "messages of Chatwoot itself",
    },
    unused=("content", "conversation_id", "conversation", "private", "sender", "attachments", "account", "inbox"),
    precedence=1,
).log_format()
