"""Shapes of logs without a format of their own, as public repositories have them, each written anew."""

import json

import pytest

from convexplain.errors import LogError, UsageError

from .reading import HI_SAID, read, said

BYE = [("user", "And then?"), ("assistant", "Then nothing.")]
AGENT_FIRST = [("assistant", "Hello, can I help?"), ("user", "Is it open today?"), ("assistant", "Yes, until six.")]


def voice(role, message, second):
    """A turn of a voice agent's call."""
    return {"role": role, "message": message, "tool_calls": [], "time_in_call_secs": second, "source_medium": None}


def kore(direction, text, number):
    """A message of a bot platform, with its text in components."""
    component = {"_id": f"cp{number}", "cT": "text", "data": {"text": text}, "thumbnails": []}
    stamp = f"2024-05-02T08:4{number}:25.999Z"
    return {"_id": f"m{number}", "type": direction, "createdOn": stamp, "components": [component], "sessionId": "s1"}


def desk(number, from_agent, text, *, public=True):
    """A message of a support desk, with its text in three forms."""
    names = {"sender": {"name": "Cleo" if from_agent else "Ann"}, "receiver": {"name": "Ann" if from_agent else "Cleo"}}
    texts = {"body_html": f"<div>{text}</div>", "body_text": text, "text": text}
    stamp = f"2024-02-14T21:3{number}:50+00:00"
    flags = {"from_agent": from_agent, "public": public, "ticket_id": 865, "created_datetime": stamp}
    return {"id": number, **names, **texts, **flags}


def thread(number, kind, by, text):
    """A thread of a help desk, the newest of which comes first."""
    person = {"id": len(by), "firstName": by.title(), "type": by}
    stamp = f"2012-07-23T12:3{number}:12Z"
    return {"id": number, "createdAt": stamp, "createdBy": person, "type": kind, "state": "published", "body": text}


DESK = [
    desk(1, False, "My parcel is not here."),
    desk(2, True, "Ask the neighbours first.", public=False),
    desk(3, True, "We send it once more."),
]
DESK_SAID = [("user", "My parcel is not here."), ("assistant", "We send it once more.")]
ASKED = {"role": "user", "message": "Hi"}
FLOW = [
    {
        "type": "TEXT",
        "messageData": {"msg": {"text": "Hi"}},
        "sentBy": "Consumer",
        "time": "2024-05-02 10:00:01.000+0000",
    },
    {
        "type": "TEXT",
        "messageData": {"msg": {"text": "Hello"}},
        "sentBy": "Agent",
        "time": "2024-05-02 10:00:31.000+0000",
    },
]
READ = {
    "a call of a voice agent": (
        {
            "agent_id": "a7",
            "conversation_id": "conv_31",
            "transcript": [
                voice("user" if role == "user" else "agent", text, 6 * number)
                for number, (role, text) in enumerate(AGENT_FIRST)
            ],
            "analysis": {"transcript_summary": "The caller asks when it is open."},
        },
        {"conv_31": AGENT_FIRST},
    ),
    "texts in components": (
        {"total": 2, "messages": [kore("incoming", "Can I bring it back?", 1), kore("outgoing", "Yes, you can.", 2)]},
        {"s1": [("user", "Can I bring it back?"), ("assistant", "Yes, you can.")]},
    ),
    "prompts and responses of paragraphs": (
        {
            "meta": {"title": "Bread"},
            "chats": [
                {"type": "prompt", "message": [{"type": "p", "data": "Why is it flat?"}]},
                {
                    "type": "response",
                    "message": [{"type": "p", "data": "Old yeast."}, {"type": "p", "data": "Test it."}],
                },
            ],
        },
        {"a-1": [("user", "Why is it flat?"), ("assistant", "Old yeast.\nTest it.")]},
    ),
    "a ticket that repeats its messages": (
        {"id": 865, "first_message": DESK[0], "last_message": DESK[2], "messages": DESK, "subject": "parcel"},
        {"865": DESK_SAID},
    ),
    "a desk whose users are its people": (
        {
            "id": 291938,
            "preview": "The download stops at half.",
            "threads": [
                thread(3, "message", "user", "Try the second mirror."),
                thread(2, "note", "user", "The first mirror is down."),
                thread(1, "customer", "customer", "The download stops at half."),
            ],
        },
        {"291938": [("user", "The download stops at half."), ("assistant", "Try the second mirror.")]},
    ),
    "a contact centre's records": (
        {"conversationHistoryRecords": [{"info": {"conversationId": "c-77", "csat": 4}, "messageRecords": FLOW}]},
        {"c-77": HI_SAID},
    ),
    "exchanges in messages": (
        [
            {
                "id": "u1",
                "messages": [
                    {"message": [{"role": role, "content": text} for role, text in pair], "timestamp": 1714644001000}
                    for pair in (HI_SAID, BYE)
                ],
            }
        ],
        {"u1": HI_SAID + BYE},
    ),
    "a system that answers": (
        [{"id": "c1", "history": [ASKED, {"role": "system", "message": "Hello"}]}],
        {"c1": HI_SAID},
    ),
    "turns of several texts": (
        [
            {
                "id": "4015",
                "turns": [
                    {"sender": "customer", "utterances": ["It does not charge.", "I bought it in May."]},
                    {"sender": "helpdesk", "utterances": ["Please try another cable."]},
                ],
            }
        ],
        {"4015": [("user", "It does not charge.\nI bought it in May."), ("assistant", "Please try another cable.")]},
    ),
    "a call with its words and its transcript": (
        {
            "call_id": "c769",
            "transcript": "Agent: Hello, can I help?\nUser: Is it open today?\nAgent: Yes, until six.\n",
            "transcript_object": [
                {
                    "role": "user" if role == "user" else "agent",
                    "content": text,
                    "words": [{"word": text, "start": 0.1}],
                }
                for role, text in AGENT_FIRST
            ],
        },
        {"c769": AGENT_FIRST},
    ),
    "a row a turn with truth values": (
        "Index,Role,Content,Timestamp,Agent,Voice Enabled\n1,user,Hi,2024-05-02T10:00:00Z,,Yes\n"
        "2,assistant,Hello,2024-05-02T10:00:04Z,Reader,Yes\n3,user,And then?,2024-05-02T10:01:00Z,,No\n"
        "4,assistant,Then nothing.,2024-05-02T10:01:03Z,Reader,No\n",
        {"a-1": HI_SAID + BYE},
    ),
}


@pytest.mark.parametrize(("log", "conversations"), READ.values(), ids=READ.keys())
def test_a_home_made_shape_is_read_without_a_question(tmp_path, log, conversations):
    name = "a.csv" if isinstance(log, str) else "a.json"
    found, problems = read(tmp_path, log if isinstance(log, str) else json.dumps(log), name)
    assert {conversation.id: said(conversation) for conversation in found} == conversations
    assert [problem.reason for problem in problems if not problem.kept] == []


QUESTIONS = {
    "lists of texts of two people": (
        {
            name: {"messages": [[{"text": f"I am {who} and like tea", "sender": who}] for who in ("22ab", "77cd")]}
            for name in ("8a1f", "9b2f")
        },
        "'records=entries(@), turns=value.messages[*][], role=sender, content=text, assistant=77cd, id=key'",
    ),
    "names of voices": (
        {
            "segments": [
                {"text": text, "speaker": f"SPEAKER_0{n % 2}", "start": str(n)}
                for n, text in enumerate(
                    ["Good morning, who is there?", "It is me.", "May I have your name?", "Gabriel."]
                )
            ]
        },
        "which of the speakers 'SPEAKER_00', 'SPEAKER_01' is the assistant",
    ),
    "numbers of voices": (
        [
            {"sid": str(n % 2), "text": text, "time": [n, n + 1]}
            for n, text in enumerate(
                ["Hello, this is the desk", "My screen is black", "Is the cable in place?", "Yes it is"]
            )
        ],
        "which of the speakers '0', '1' is the assistant",
    ),
    "questions about a conversation beside it": (
        {
            "sample_id": "c1",
            "conversation": {"session_1": [{"speaker": "Carla", "text": "I went to the pottery class."}]},
            "qa": [{"question": "Where did Carla go?", "answer": "To a class"}],
        },
        "1 text under 'conversation.session_1[*].text' would be in no turn",
    ),
    "an id of a person": (
        [
            {"user_id": who, "message_type": kind, "message": text, "ip_address": f"10.0.0.{who}"}
            for who in ("5a", "7b")
            for kind, text in (("user", "When does it open?"), ("ai", "At eight, I think."))
        ],
        "equal values of 'user_id' stand together: is it the id of a conversation?",
    ),
}


@pytest.mark.parametrize(("log", "question"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_what_the_structure_does_not_say_is_asked(tmp_path, log, question):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, json.dumps(log), "a.json")
    assert question in str(caught.value)


TEXTS = {
    "names in bold, with times": (
        "---\ncreated: 2024-12-08T11:55\n---\n# A trip\n\nUUID: b930\n\n---\n\n"
        "**Human** - 2024-12-08 16:13:52 UTC\n\nHi\n\n---\n\n"
        "**Assistant** - 2024-12-08 16:13:58 UTC\n\nHello\n",
        HI_SAID,
    ),
    "headings with pictures": ("## 🧑 You\n\nHi\n\n## 🤖 AI\n\nHello\n", HI_SAID),
    "numbered, with pictures": (
        "=====\nUser: user_abc12345\nThread: 5f6g\n=====\n\n1. 👤 USER\nHi\n\n2. 🤖 ASSISTANT\nHello\n",
        HI_SAID,
    ),
    "a program's name in bold": (
        "# A talk\n_Exported on 5/2/2025_\n\n---\n\n**User**\n\nHi\n\n---\n\n**Cursor**\n\nHello\n\n"
        "---\n\n**User**\n\nAnd then?\n\n"
        "---\n\n**Cursor**\n\nThen nothing.\n",
        HI_SAID + BYE,
    ),
    "times in lines of their own": (
        "[0 seconds - 12 seconds]\nAGENT (Riya): Hello, can I help?\n\n[12 seconds - 18 seconds]\n"
        "USER (Tom): Is it open today?\n\n"
        "[1 minute 18 seconds - 1 minute 20 seconds]\nAGENT (Riya): Yes, until six.\n",
        AGENT_FIRST,
    ),
    "parts of a second, and a bar": (
        "2025-03-04 10:00:01.123456 | User: Hi\n2025-03-04 10:00:01.323456 | Bot Response: Hello\n",
        HI_SAID,
    ),
}


@pytest.mark.parametrize(("text", "turns"), TEXTS.values(), ids=TEXTS.keys())
def test_speakers_and_times_may_stand_in_lines_of_their_own(tmp_path, text, turns):
    [conversation], problems = read(tmp_path, text, "a.md")
    assert said(conversation) == turns
    assert all(problem.kept for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        "# A library\n\n## Install\n\nRun the script.\n\n## Support\n\nWrite to us.\n\n## License\n\nFree.\n",
        "# Parts\n\n## Client\n\nIt asks.\n\n## Server\n\nIt answers.\n",
        "# Parts\n\n## Client\n\nIt asks.\n\n## Agent\n\nIt answers.\n\n## Paths\n\nTwo.\n\n## Limits\n\nNone.\n",
    ],
)
def test_a_document_with_headings_is_no_transcript(tmp_path, text):
    with pytest.raises(LogError):
        read(tmp_path, text, "a.txt")


def test_a_time_behind_a_speaker_does_not_take_the_text_away(tmp_path):
    text = "Customer (10:31): Hi\nAgent (10:32): Hello\nCustomer (10:33): And then?\nAgent (10:34 AM): Then nothing.\n"
    [conversation], problems = read(tmp_path, text, "a.txt")
    assert (said(conversation), problems) == (HI_SAID + BYE, [])


def test_a_kind_of_line_that_is_no_speaker_is_asked_about(tmp_path):
    line = "2025-03-04 10:00:01.223456 | Predicted Intent: greeting\n"
    found, problems = read(tmp_path, TEXTS["parts of a second, and a bar"][0] + line, "a.log")
    assert found == []
    assert "cannot tell which role 'Predicted Intent' has" in problems[0].reason
