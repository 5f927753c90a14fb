"""Support desks, telephony, bots and messengers whose logs are described by paths."""

import json
from datetime import UTC, datetime

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.formats.messenger import repaired

from .reading import read, said, write

DAY = "Wed, 01 May 2024"
TIMES = [f"2024-05-01T10:00:0{second}Z" for second in range(6)]


def zammad(number, sender, body, **more):
    kind = {"id": number, "ticket_id": 9, "sender": sender, "internal": False, "content_type": "text/html"}
    return {**kind, "body": body, **more}


def connect(role, content=None, **more):
    return {"ParticipantRole": role, "Type": "MESSAGE", **({} if content is None else {"Content": content}), **more}


def chatwoot(number, kind, content, **more):
    return {"id": number, "content": content, "message_type": kind, "conversation_id": 4, "private": False, **more}


def hubspot(number, direction, text, **more):
    about = {"id": str(number), "conversationsThreadId": "8", "type": "MESSAGE", "createdAt": TIMES[number]}
    return {**about, **({"direction": direction} if direction else {}), "text": text, **more}


PICKER = json.dumps(
    {
        "templateType": "ListPicker",
        "data": {"content": {"title": "Which one?", "elements": [{"title": "A"}, {"title": "B"}]}},
    }
)

CASES = {
    "zendesk-chat": (
        {
            "chats": [
                {
                    "id": "c1",
                    "visitor": {"name": "Anna"},
                    "history": [
                        {"type": "chat.memberjoin", "sender_type": "Visitor"},
                        {"type": "chat.msg", "sender_type": "Visitor", "msg": "Hi"},
                        {"type": "chat.msg", "sender_type": "Trigger", "msg": "Welcome"},
                        {"type": "chat.msg", "nick": "agent:7", "msg": "Hello"},
                        {"type": "chat.file", "sender_type": "Visitor", "attachment": {"name": "a.png"}},
                        {"type": "chat.rating", "new_rating": "good"},
                    ],
                },
                {"id": "c2", "type": "offline_msg", "visitor": {"name": "Bo"}, "message": "Call me"},
            ]
        },
        [
            ("c1", ["u Hi", "a Welcome", "a Hello", "u [file: a.png]"]),
            ("c2", ["u Call me"]),
        ],
        ["left out: 1 event of members, 1 rating of the chat"],
    ),
    "hubspot": (
        {
            "results": [
                hubspot(3, "OUTGOING", "", richText="<p>Until <b>Friday</b></p>"),
                hubspot(2, None, "secret", type="COMMENT"),
                hubspot(1, "INCOMING", "Is it on?", conversationsThreadId="8"),
                hubspot(0, None, "Hello", type="WELCOME_MESSAGE"),
                hubspot(4, "INCOMING", "Other", conversationsThreadId="9"),
            ]
        },
        [("8", ["a Hello", "u Is it on?", "a Until Friday"]), ("9", ["u Other"])],
        ["left out: 1 internal comment"],
    ),
    "chatwoot": (
        {
            "meta": {"contact": {"name": "Anna"}},
            "payload": [
                chatwoot(3, 1, "note", private=True),
                chatwoot(1, 0, "Hi"),
                chatwoot(2, 2, "Assigned"),
                chatwoot(4, 1, "Hello"),
                chatwoot(5, "outgoing", None, attachments=[{"file_type": "image"}]),
            ],
        },
        [("4", ["u Hi", "a Hello", "a [image]"])],
        ["left out: 1 private note, 1 message of Chatwoot itself"],
    ),
    "zammad": (
        [
            zammad(3, "Agent", "<p>Yes</p>"),
            zammad(1, "Customer", "a < b?", content_type="text/plain"),
            zammad(2, "Agent", "secret", internal=True),
            zammad(4, "Customer", "New", ticket_id=10),
        ],
        [("9", ["u a < b?", "a Yes"]), ("10", ["u New"])],
        ["left out: 1 internal note"],
    ),
    "zammad-ticket": (
        {
            "ticket_id": 9,
            "assets": {"TicketArticle": {"1": zammad(1, "Customer", "Hi"), "2": zammad(2, "System", "Got it")}},
        },
        [("9", ["u Hi", "a Got it"])],
        [],
    ),
    "amazon-connect": (
        {
            "ContactId": "c",
            "Transcript": [
                connect("CUSTOMER", Type="EVENT"),
                connect("SYSTEM", PICKER, ContentType="application/vnd.amazonaws.connect.message.interactive"),
                connect("CUSTOMER", "A"),
                connect("AGENT", Type="ATTACHMENT", Attachments=[{"AttachmentName": "b.pdf"}]),
                connect("AGENT", "Done"),
            ],
        },
        [("c", ["a Which one?\n[buttons: A | B]", "u A", "a [file: b.pdf]", "a Done"])],
        ["left out: 1 event"],
    ),
    "contact-lens": (
        {
            "CustomerMetadata": {"ContactId": "k"},
            "Participants": [
                {"ParticipantId": "p1", "ParticipantRole": "CUSTOMER"},
                {"ParticipantId": "p2", "ParticipantRole": "AGENT"},
            ],
            "Transcript": [
                {"ParticipantId": "p2", "Content": "How can I help?"},
                {"ParticipantId": "p1", "Content": "My line is dead."},
            ],
        },
        [("k", ["a How can I help?", "u My line is dead."])],
        [],
    ),
    "contact-lens-live": (
        {
            "ContactId": "k",
            "Segments": [
                {"Transcript": {"ParticipantRole": "AGENT", "Content": "Hello"}},
                {"Categories": {}},
                {"Transcript": {"ParticipantRole": "CUSTOMER", "Content": "Hi"}},
            ],
        },
        [("k", ["a Hello", "u Hi"])],
        [],
    ),
    "dialogflow-es": (
        [
            {
                "session": "s/1",
                "queryResult": {
                    "queryText": "book",
                    "fulfillmentText": "old",
                    "fulfillmentMessages": [
                        {"text": {"text": ["Which day?"]}},
                        {"quickReplies": {"title": "Pick", "quickReplies": ["Mon", "Tue"]}},
                        {"text": {"text": ["For Slack"]}, "platform": "SLACK"},
                    ],
                },
            },
            {"session": "s/2", "query_result": {"query_text": "hi", "fulfillment_text": "hello"}},
            {"sessionId": "s/1", "result": {"resolvedQuery": "Mon", "fulfillment": {"speech": "Booked"}}},
        ],
        [
            ("s/1", ["u book", "a Which day?\nPick\n[buttons: Mon | Tue]", "u Mon", "a Booked"]),
            ("s/2", ["u hi", "a hello"]),
        ],
        [],
    ),
    "watson": (
        {
            "logs": [
                {
                    "request_timestamp": TIMES[second],
                    "session_id": "w",
                    "request": {"input": {"text": question}},
                    "response": {"output": answer},
                }
                for second, question, answer in (
                    (2, "bye", {"text": ["Bye.", ""]}),
                    (0, "", {"generic": [{"response_type": "text", "text": "Welcome"}]}),
                    (
                        1,
                        "balance",
                        {"generic": [{"response_type": "option", "title": "Which?", "options": [{"label": "A"}]}]},
                    ),
                )
            ]
        },
        [("w", ["a Welcome", "u balance", "a Which?\n[buttons: A]", "u bye", "a Bye."])],
        [],
    ),
    "lex": (
        [
            {
                "sessionId": "x",
                "timestamp": TIMES[1],
                "inputTranscript": "roses",
                "messages": [
                    {"contentType": "SSML", "content": "<speak>Ordered</speak>"},
                    {"imageResponseCard": {"title": "More?", "buttons": [{"text": "Yes", "value": "y"}]}},
                ],
            },
            {"sessionId": "x", "timestamp": TIMES[0], "inputTranscript": "flowers", "botResponse": "What kind?"},
        ],
        [("x", ["u flowers", "a What kind?", "u roses", "a Ordered\n[card: More?]\n[buttons: Yes]"])],
        [],
    ),
}


def discord(number, name, content, is_bot=False, **more):
    author = {"id": name, "name": name, "nickname": name, "isBot": is_bot}
    about = {"id": str(number), "type": "Default", "timestamp": TIMES[number], "author": author}
    return {**about, "content": content, **more}


def teams(number, content, sender, **more):
    about = {"id": str(number), "messageType": "message", "createdDateTime": TIMES[number], "from": sender}
    return {**about, "body": {"contentType": "html", "content": content}, **more}


ANNA = {"user": {"displayName": "Anna"}}
SHOP = {"application": {"displayName": "Shop"}}


def activity(role, text=None, kind="message", **more):
    return {
        "type": kind,
        "timestamp": 1714557600,
        "from": {"id": "x", "role": role},
        **({"text": text} if text else {}),
        **more,
    }


ACTIVITIES = {
    "activities": [
        activity(0, kind="trace", value={"outcome": "Resolved"}),
        activity(1, "I forgot my PIN"),
        activity(0, "Set a new one", suggestedActions={"actions": [{"title": "How?"}]}),
    ]
}
CHAT = (
    '<p align="center">Chat Started: Monday</p><p align="center">Agent Mia</p>( 12s ) Ann: Which &lt;code&gt;?<br>'
    "And why?<br>( 1m 2s ) Mia: SPRING: 24<br>"
)


def trace(kind, payload):
    return {
        "turnID": "t",
        "type": kind,
        "format": "trace",
        "payload": {"type": kind, "payload": payload},
        "startTime": TIMES[0],
    }


def request(kind, payload):
    body = {"type": kind, "payload": payload}
    return {"turnID": "t", "type": "request", "format": "request", "payload": body, "startTime": TIMES[0]}


CASES |= {
    "discord": (
        {
            "guild": {"id": "0"},
            "channel": {"id": "5"},
            "messages": [
                discord(0, "Anna", "Hi"),
                discord(
                    1,
                    "Shop",
                    "",
                    True,
                    embeds=[{"title": "Order", "description": "sent", "fields": [{"name": "On", "value": "Monday"}]}],
                ),
                discord(2, "Bo", "Look", attachments=[{"fileName": "a.png"}], stickers=[{"name": "wow"}]),
                discord(3, "Shop", "Call", True, type="Call"),
            ],
        },
        [("5", ["u Hi", "a Order\nsent\nOn: Monday", "u Look\n[image: a.png]\n[sticker: wow]"])],
        ["left out: 1 message of Discord itself"],
    ),
    "teams": (
        {
            "value": [
                teams(
                    2,
                    "",
                    SHOP,
                    chatId="c",
                    attachments=[
                        {
                            "contentType": "application/vnd.microsoft.card.adaptive",
                            "content": '{"body": [{"text": "Yes"}]}',
                        }
                    ],
                ),
                teams(1, "<p>Is it <b>on</b>?</p>", ANNA, chatId="c"),
                teams(0, "joined", None, chatId="c", messageType="systemEventMessage"),
                teams(3, "Root", ANNA, chatId=None, replyToId=None),
                teams(4, "Reply", SHOP, chatId=None, replyToId="3"),
            ]
        },
        [("c", ["u Is it on?", "a [card: Yes]"]), ("3", ["u Root", "a Reply"])],
        ["left out: 1 message of Teams itself"],
    ),
    "twilio": (
        {
            "messages": [
                {
                    "sid": "2",
                    "conversation_sid": "CH",
                    "index": 1,
                    "author": "Mia",
                    "body": "Tomorrow",
                    "participant_sid": None,
                },
                {
                    "sid": "1",
                    "conversation_sid": "CH",
                    "index": 0,
                    "author": "whatsapp:+1555",
                    "body": "When?",
                    "participant_sid": "M",
                },
                {
                    "sid": "3",
                    "conversation_sid": "CH",
                    "index": 2,
                    "author": "+1555",
                    "body": None,
                    "media": [{"content_type": "image/png"}],
                },
            ]
        },
        [("CH", ["u When?", "a Tomorrow", "u [image]"])],
        [],
    ),
    "genesys": (
        {
            "conversationId": "g",
            "transcripts": [
                {
                    "phrases": [
                        {
                            "text": "hello",
                            "decoratedText": "Hello.",
                            "participantPurpose": "internal",
                            "startTimeMs": 1714557600000,
                        }
                    ]
                },
                {
                    "phrases": [
                        {"text": "bye", "participantPurpose": "external", "startTimeMs": 1714557602000},
                        {"text": "hi", "participantPurpose": "external", "startTimeMs": 1714557599000},
                    ]
                },
            ],
        },
        [("g", ["u hi", "a Hello.", "u bye"])],
        [],
    ),
    "freshdesk": (
        {
            "id": 3,
            "subject": "Help",
            "created_at": TIMES[0],
            "description": "<p>Which?</p>",
            "conversations": [
                {"body_text": "note", "incoming": False, "private": True, "created_at": TIMES[1]},
                {"body": "<p>Thanks</p>", "incoming": True, "private": False, "created_at": TIMES[3]},
                {"body_text": "This one", "incoming": False, "private": False, "created_at": TIMES[2]},
            ],
        },
        [("3", ["u Which?", "a This one", "u Thanks"])],
        ["left out: 1 private note"],
    ),
    "freshdesk-list": (
        [
            {"ticket_id": 7, "body_text": "Hi", "incoming": True, "private": False, "created_at": TIMES[0]},
            {"ticket_id": 7, "body_text": "Hello", "incoming": False, "private": False, "created_at": TIMES[1]},
        ],
        [("7", ["u Hi", "a Hello"])],
        [],
    ),
    "salesforce": (
        [{"Id": "570", "ChatKey": "k1", "Body": CHAT}],
        [("k1", ["u Which <code>?\nAnd why?", "a SPRING: 24"])],
        ["left out: 2 events of the chat"],
    ),
    "salesforce-entries": (
        [
            {"ConversationId": "m", "ActorType": "Bot", "EntryType": "Text", "EntryTime": TIMES[1], "Message": "Hello"},
            {
                "ConversationId": "m",
                "ActorType": "EndUser",
                "EntryType": "Text",
                "EntryTime": TIMES[0],
                "Message": "Hi",
            },
            {
                "ConversationId": "m",
                "ActorType": "System",
                "EntryType": "BotEscalated",
                "EntryTime": TIMES[2],
                "Message": "",
            },
        ],
        [("m", ["u Hi", "a Hello"])],
        ["left out: 1 event"],
    ),
    "copilot-studio": (
        {"ConversationTranscriptId": "r1", "Content": ACTIVITIES},
        [("r1", ["u I forgot my PIN", "a Set a new one\n[suggestions: How?]"])],
        ["left out: 1 activity that is no message"],
    ),
    "copilot-studio-text": (
        [{"conversationtranscriptid": "r2", "content": json.dumps(ACTIVITIES)}],
        [("r2", ["u I forgot my PIN", "a Set a new one\n[suggestions: How?]"])],
        ["left out: 1 activity that is no message"],
    ),
    "voiceflow": (
        [
            request("launch", {}),
            trace("speak", {"message": "<speak>Welcome</speak>"}),
            request("intent", {"query": "Help"}),
            trace("block", {"blockID": "b"}),
            trace("text", {"message": "With what?"}),
            trace("choice", {"buttons": [{"name": "A"}, {"name": "B"}]}),
            request("text", "A"),
            request("path-1", {"label": "B"}),
        ],
        [("log-1", ["a Welcome", "u Help", "a With what?", "a [buttons: A | B]", "u A", "u B"])],
        ["left out: 2 messages without text"],
    ),
    "voiceflow-logs": (
        {
            "transcript": {
                "id": "v",
                "sessionID": "s",
                "logs": [
                    {"type": "action", "data": {"type": "text", "payload": "Hi"}, "createdAt": TIMES[0]},
                    {"type": "trace", "data": json.dumps({"type": "text", "payload": {"message": "Hello"}})},
                ],
            }
        },
        [("v", ["u Hi", "a Hello"])],
        [],
    ),
    "rasa-jsonpickle": (
        {
            "py/object": "rasa.core.conversation.Dialogue",
            "name": "anna",
            "events": [
                {"py/object": "rasa.core.events.ActionExecuted", "action_name": "action_listen"},
                {"py/object": "rasa.core.events.UserUttered", "text": "Hi", "timestamp": 1714557600},
                {"py/object": "rasa.core.events.BotUttered", "py/state": {"text": "Hello", "data": {"image": "x.png"}}},
            ],
        },
        [("anna", ["u Hi", "a Hello\n[image]"])],
        ["1 events that are no messages are left out (1 action)"],
    ),
}


def shown(conversations):
    return [(item.id, [f"{role[0]} {text}" for role, text in said(item)]) for item in conversations]


CASES |= {
    "freshchat": (
        {
            "messages": [
                {"conversation_id": "c", "actor_type": actor, "message_type": kind, "message_parts": parts}
                for actor, kind, parts in (
                    ("user", "normal", [{"text": {"content": "Hi"}}, {"image": {"url": "http://x/a.png"}}]),
                    ("agent", "private", [{"text": {"content": "psst"}}]),
                    ("bot", "normal", [{"text": {"content": "Hello"}}]),
                )
            ]
        },
        [("c", ["u Hi\n[image]", "a Hello"])],
        ["left out: 1 private message"],
    ),
    "twilio-sms": (
        {
            "messages": [
                {
                    "sid": number,
                    "direction": way,
                    "from": sender,
                    "to": to,
                    "body": body,
                    "date_sent": f"{DAY} {at} +0000",
                }
                for number, way, sender, to, body, at in (
                    ("3", "outbound-api", "+49", "+1", "Tomorrow", "10:02:00"),
                    ("2", "inbound", "+2", "+49", "Hello?", "10:01:00"),
                    ("1", "inbound", "+1", "+49", "When?", "09:59:00"),
                )
            ]
        },
        [("+1", ["u When?", "a Tomorrow"]), ("+2", ["u Hello?"])],
        [],
    ),
}
CASES["lex-cloudwatch"] = (
    {"events": [{"message": json.dumps(entry)} for entry in CASES["lex"][0]] + [{"message": "START"}]},
    CASES["lex"][1],
    ["left out: 1 events that are no entries of Lex"],
)


@pytest.mark.parametrize("case", CASES)
def test_who_says_what_and_what_is_left_out(tmp_path, case):
    log, expected, remarks = CASES[case]
    conversations, problems = read(tmp_path, json.dumps(log), "log.json")
    assert shown(conversations) == expected
    assert [(problem.reason, problem.kept) for problem in problems] == [(remark, True) for remark in remarks]


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(CASES[case][0], list) and case != "voiceflow"])
def test_records_may_be_lines(tmp_path, case):
    log, expected, _ = CASES[case]
    conversations, _ = read(tmp_path, "\n".join(map(json.dumps, log)), "log.jsonl")
    assert shown(conversations) == expected


def thread(*messages):
    about = {"participants": [{"name": "Bot"}, {"name": "Ann"}], "thread_path": "inbox/1"}
    return {**about, "messages": [{"sender_name": name, "timestamp_ms": at, **body} for name, at, body in messages]}


def test_messengers_threads_are_newest_first_and_their_letters_are_bytes(tmp_path):
    log = thread(
        ("Bot", 1714557603000, {"content": "Caf\u00c3\u00a9 \u00f0\u009f\u0098\u0080"}),
        ("Ann", 1714557602000, {"photos": [{"uri": "a/b.jpg"}], "content": "Look"}),
        ("Bot", 1714557601000, {"share": {"link": "http://x.org"}}),
        ("Ann", 1714557600000, {"content": "gone", "is_unsent": True}),
    )
    conversations, problems = read(tmp_path, json.dumps(log), "message_1.json", assistant=["Bot"])
    assert shown(conversations) == [("inbox/1", ["a http://x.org", "u Look\n[image]", "a Café 😀"])]
    assert conversations[0].turns[0].at == datetime(2024, 5, 1, 10, 0, 1, tzinfo=UTC)
    assert [problem.reason for problem in problems] == ["left out: 1 message that was taken back"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi", "Hi"),
        ("caf\u00c3\u00a9", "café"),
        ("café", "café"),
        ("日本", "日本"),
        ({"a": ["\u00c3\u00a9"]}, {"a": ["é"]}),
    ],
)
def test_texts_of_meta_exports_are_repaired(text, expected):
    assert repaired(text) == expected


def test_a_thread_asks_who_the_assistant_is(tmp_path):
    log = thread(("Bo", 1714557603000, {"content": "Hello"}), ("Ann", 1714557602000, {"content": "Hi"}))
    path = write(tmp_path, json.dumps(log), "message_1.json")
    inspection = inspect_log(path)
    assert inspection.formats == {"messenger": 1}
    assert "which of the speakers 'Ann', 'Bo' is the assistant" in inspection.problems[0].reason


def test_salesforce_and_copilot_studio_are_read_from_tables(tmp_path):
    rows = [
        (
            "ConversationTranscriptId,Content",
            "r1",
            json.dumps(ACTIVITIES),
            ["u I forgot my PIN", "a Set a new one\n[suggestions: How?]"],
        ),
        ("ChatKey,Body", "k1", CHAT, ["u Which <code>?\nAnd why?", "a SPRING: 24"]),
    ]
    for header, key, cell, expected in rows:
        quoted = cell.replace('"', '""')
        conversations, _ = read(tmp_path, f'{header}\n{key},"{quoted}"\n', "table.csv")
        assert shown(conversations) == [(key, expected)]
    assert read(tmp_path, json.dumps({"Content": ACTIVITIES}), "a.json")[0][0].metadata == {"outcome": "Resolved"}


def test_a_salesforce_chat_without_an_announced_agent_asks(tmp_path):
    log = json.dumps({"Body": "( 1s ) Ann: Hi<br>( 2s ) Mia: Hello<br>"})
    assert "'Ann', 'Mia'" in read(tmp_path, log)[1][0].reason
    assert shown(read(tmp_path, log, assistant=["Mia"])[0]) == [("log-1", ["u Hi", "a Hello"])]


def test_a_discord_chat_of_people_asks_who_the_assistant_is(tmp_path):
    log = {"guild": {}, "channel": {"id": "5"}, "messages": [discord(0, "Anna", "Hi"), discord(1, "Bo", "Hello")]}
    assert "'Anna', 'Bo'" in read(tmp_path, json.dumps(log))[1][0].reason
    assert shown(read(tmp_path, json.dumps(log), assistant=["Bo"])[0]) == [("5", ["u Hi", "a Hello"])]


def test_freshchats_messages_need_not_name_their_conversation(tmp_path):
    log = {"messages": [{"actor_type": "user", "message_parts": [{"text": {"content": "Hi"}}]}]}
    assert shown(read(tmp_path, json.dumps(log))[0]) == [("conversation-1", ["u Hi"])]
