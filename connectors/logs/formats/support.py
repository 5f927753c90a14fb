"""The formats of bot frameworks and support desks."""

from convexplain.connectors.logs.engine.form import Format
from convexplain.connectors.logs.engine.picking import one_by_one

from . import botframework, botpress, chatdown, dialogflow, intercom, rasa, zendesk

SUPPORT: tuple[Format, ...] = (
    Format(
        "rasa",
        "Rasa trackers: the user's and the bot's events; a restart or a new session begins another conversation.",
        '{"sender_id": "s1", "events": [{"event": "user", "text": "Hi", "timestamp": 1714557600.0}, '
        '{"event": "bot", "text": "Hello", "data": {}, "timestamp": 1714557601.0}]}',
        rasa.is_tracker,
        rasa.drafts,
        id_key="sender_id",
    ),
    Format(
        "rasa-rows",
        "Rows of Rasa's tracker store, an event each.",
        '{"id": 1, "sender_id": "s1", "type_name": "user", "timestamp": 1714557600.0, "data": '
        '"{\\"event\\": \\"user\\", \\"text\\": \\"Hi\\"}"}\n'
        '{"id": 2, "sender_id": "s1", "type_name": "bot", "timestamp": 1714557601.0, "data": '
        '"{\\"event\\": \\"bot\\", \\"text\\": \\"Hello\\"}"}',
        rasa.is_row,
        joined=rasa.joined,
    ),
    Format(
        "botframework",
        "Bot Framework transcripts: activities, of which the messages are turns.",
        '[{"type": "message", "channelId": "test", "conversation": {"id": "c1"}, "from": {"id": "u", "role": "user"}, '
        '"text": "Hi"}, {"type": "message", "channelId": "test", "conversation": {"id": "c1"}, "from": {"id": "b", '
        '"role": "bot"}, "text": "Hello"}]',
        botframework.is_botframework,
        joined=botframework.joined,
    ),
    Format(
        "chatdown",
        "Bot Framework's .chat files: who user and bot are, then `Speaker: text` with instructions in brackets.",
        "user=Anna\nbot=Shop\n\nuser: Hi\nbot: Hello\n",
        is_text=chatdown.is_chatdown,
        of_text=chatdown.entries,
    ),
    Format(
        "botpress",
        "Botpress messages, incoming and outgoing, in the order of their times.",
        '{"messages": [{"id": "m2", "conversationId": "c1", "direction": "outgoing", "createdAt": '
        '"2024-05-01T10:00:01Z", "payload": {"type": "text", "text": "Hello"}}, {"id": "m1", "conversationId": "c1", '
        '"direction": "incoming", "createdAt": "2024-05-01T10:00:00Z", "payload": {"type": "text", "text": "Hi"}}]}',
        botpress.is_botpress,
        joined=botpress.joined,
    ),
    Format(
        "dialogflow-cx",
        "Dialogflow CX's BigQuery export: rows with a request and a response, in the order of turn_position.",
        '{"conversation_name": "c1", "turn_position": 1, "request": {"queryInput": {"text": {"text": "Hi"}}}, '
        '"response": {"queryResult": {"responseMessages": [{"text": {"text": ["Hello"]}}]}}}',
        dialogflow.is_dialogflow,
        joined=dialogflow.joined,
    ),
    Format(
        "intercom",
        "Intercom conversations with their parts; bots and people of the company are the assistant, notes left out.",
        '{"type": "conversation", "id": "1", "source": {"body": "<p>Hi</p>", "author": {"type": "user", "name": '
        '"Anna"}}, "conversation_parts": {"conversation_parts": [{"part_type": "comment", "body": "<p>Hello</p>", '
        '"author": {"type": "admin", "name": "Ben"}}]}}',
        intercom.is_intercom,
        intercom.drafts,
    ),
    Format(
        "zendesk",
        "Zendesk tickets with their comments (and users); who asked is the user, private comments are left out.",
        '{"id": 1, "subject": "Help", "requester_id": 7, "comments": [{"id": 1, "author_id": 7, "public": true, '
        '"body": "Hi"}, {"id": 2, "author_id": 8, "public": true, "body": "Hello"}]}',
        zendesk.is_zendesk,
        joined=one_by_one(zendesk.tickets),
    ),
)
