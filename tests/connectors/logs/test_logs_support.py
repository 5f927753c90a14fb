"""Bot frameworks and support desks: who says what, what is no text, and what is left out and told."""

import json
from datetime import UTC, datetime

import pytest

from convexplain.connectors.logs.engine.html_text import html_to_text, is_html
from convexplain.connectors.logs.formats.chatdown import is_chatdown

from .reading import HI, HI_SAID, read, said, told


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def reasons(problems, *, kept=True):
    return [problem.reason for problem in problems if problem.kept == kept]


def names(conversation):
    return [turn.name for turn in conversation.turns]


def event(kind, text=None, at=0, **more):
    return {"event": kind, "timestamp": 1714557600.5 - at, **({} if text is None else {"text": text}), **more}


def test_rasa_tracker(tmp_path):
    events = [
        event("action", name="action_session_start"),
        event("session_started"),
        event("user", "Hi", 1, parse_data={"intent": {"name": "greet"}}, input_channel="rest"),
        event("slot", name="name", value="Anna"),
        event("bot", "Hello", 2, data={"buttons": None}, metadata={"utter_action": "utter_greet"}),
        event("restart"),
        event("session_started"),
        event("user", "Again", 3),
        event("bot", at=4, data={"image": "http://x/y.png", "buttons": [{"title": "Yes"}, {"payload": "/no"}]}),
        event("bot", "See", at=5, data={"attachment": {"type": "video", "payload": {"title": "Tour"}}}),
        event("bot", at=6, data={"elements": [{"title": "Card"}], "custom": {"x": 1}}),
        "junk",
    ]
    record = {"sender_id": "s", "events": events, "slots": {}, "latest_input_channel": "rest"}
    found, problems = read(tmp_path, json.dumps(record, indent=1), "tracker.json")
    assert [(item.id, said(item)) for item in found] == [
        ("s-1", HI_SAID),
        (
            "s-2",
            [
                ("user", "Again"),
                ("assistant", "[image]\n[buttons: Yes | /no]"),
                ("assistant", "See\n[video: Tour]"),
                ("assistant", "[card: Card]\n[custom]"),
            ],
        ),
    ]
    # Clocks that run backwards do not reorder what the tracker orders itself.
    assert [turn.at for turn in found[0].turns] == [
        datetime(2024, 5, 1, 9, 59, second, 500000, tzinfo=UTC) for second in (59, 58)
    ]
    assert found[0].turns[0].metadata == {"input_channel": "rest", "intent": "greet"}
    assert found[0].turns[1].metadata == {"metadata": {"utter_action": "utter_greet"}}
    assert reasons(problems) == [
        "6 events that are no messages are left out (2 session_started, 1 action, 1 slot, 1 restart, 1 without a name)"
    ]


def test_a_rasa_tracker_without_the_bots_texts_says_so(tmp_path):
    events = [event("user", "Hi"), event("action", name="utter_greet"), event("action", name="action_listen")]
    found, problems = read(tmp_path, json.dumps({"sender_id": "s", "events": events}))
    assert said(found[0]) == [("user", "Hi"), ("assistant", "[action utter_greet]")]
    assert reasons(problems) == [
        "1 events that are no messages are left out (1 action)",
        "the log has no texts of the bot's, only the names of its actions (1 utter_greet)",
    ]


def row(own, sender, kind, **data):
    return {"id": own, "sender_id": sender, "type_name": kind, "timestamp": 1714557600.5, "data": json.dumps(data)}


def test_rasa_rows(tmp_path):
    rows = [
        row(3, "a", "bot", event="bot", text="Hello"),
        row(1, "a", "user", text="Hi"),
        row(2, "a", "slot", event="slot", name="x"),
        row(4, "b", "user", event="user", text="Hi"),
        {**row(5, "b", "bot"), "data": "{broken"},
        row(6, "b", "bot", event="bot", text="Hello"),
    ]
    found, problems = read(tmp_path, lines(*rows))
    assert [(item.id, said(item)) for item in found] == [("a", HI_SAID), ("b", HI_SAID)]
    assert found[0].turns[0].at == datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)
    assert told(tmp_path, problems) == [
        ("log.txt:5: the row's 'data' is no JSON object", False),
        ("log.txt:1: 1 events that are no messages are left out (1 slot)", True),
    ]
    table = 'id,sender_id,type_name,data\n1,a,user,"{""event"": ""user"", ""text"": ""Hi""}"\n'
    found, problems = read(tmp_path, table + '2,a,bot,"{""event"": ""bot"", ""text"": ""Hello""}"\n', "events.csv")
    assert [(item.id, said(item), problems) for item in found] == [("a", HI_SAID, [])]


USER, BOT = {"id": "u", "name": "Anna", "role": "user"}, {"id": "b", "name": "Shop", "role": "bot"}


def activity(text=None, by=None, to=None, kind="message", talk="c", **more):
    found = {"type": kind, "channelId": "x", "conversation": {"id": talk}, "from": by, "recipient": to, "text": text}
    return {key: value for key, value in {**found, **more}.items() if value is not None}


def test_botframework(tmp_path):
    transcript = [
        activity(kind="conversationUpdate", membersAdded=[BOT]),
        activity("Hi", USER, BOT, timestamp="2024-05-01T10:00:00.100Z"),
        activity(kind="typing", by=BOT),
        activity("Hello", {"id": "b", "name": "Shop"}, USER, value={"x": 1}),
        activity("Hello", {"id": "z"}, {"id": "u"}, talk="d"),
        activity("who?", talk="d"),
    ]
    found, problems = read(tmp_path, json.dumps(transcript), "a.transcript")
    assert [(item.id, said(item), names(item)) for item in found] == [
        ("c", HI_SAID, ["Anna", "Shop"]),
        ("d", [("assistant", "Hello")], [None]),
    ]
    assert found[0].turns[0].at == datetime(2024, 5, 1, 10, 0, 0, 100000, tzinfo=UTC)
    assert found[0].turns[1].metadata == {"value": {"x": 1}, "channel": "x"}
    assert told(tmp_path, problems) == [
        ("a.transcript:6: a message that does not say who speaks", False),
        (
            "a.transcript: 2 activities that are no messages are left out (1 conversationUpdate, 1 typing)",
            True,
        ),
    ]
    direct_line = {"activities": transcript[1:4:2], "watermark": "1"}
    found, _ = read(tmp_path, json.dumps(direct_line, indent=1))
    assert said(found[0]) == HI_SAID


def test_botframework_accounts_without_roles_need_to_be_told_apart(tmp_path):
    transcript = [activity("Hi", {"id": "1", "name": "Anna"}), activity("Hello", {"id": "2", "name": "Shop"})]
    found, problems = read(tmp_path, json.dumps(transcript))
    assert found == []
    assert "which of the speakers 'Anna', 'Shop' is the assistant" in problems[0].reason
    found, _ = read(tmp_path, json.dumps(transcript), assistant=["Shop"])
    assert said(found[0]) == HI_SAID


ADAPTIVE = {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "Pick\none"}], "actions": [{"title": "Go"}]}
CARD = "application/vnd.microsoft.card"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"attachments": [{"contentType": "image/png", "name": "a.png"}]}, "[image: a.png]"),
        ({"text": "See", "attachments": [{"contentType": "application/pdf"}, 3]}, "See\n[file]"),
        ({"attachments": [{"contentType": f"{CARD}.adaptive", "content": ADAPTIVE}]}, "[card: Pick one | Go]"),
        (
            {"attachments": [{"contentType": f"{CARD}.hero", "content": {"title": "Tea", "text": "hot"}}]},
            "[card: Tea | hot]",
        ),
        ({"attachments": [{"contentType": f"{CARD}.hero", "content": None}]}, "[card]"),
        ({"text": "?", "suggestedActions": {"actions": [{"title": "A"}, {"value": "B"}]}}, "?\n[suggestions: A | B]"),
        ({"speak": "Hello"}, "Hello"),
        ({"value": {"size": "L"}}, "[value]"),
    ],
)
def test_what_activities_show(tmp_path, more, expected):
    found, _ = read(tmp_path, json.dumps([activity(by=BOT, **more)]))
    assert said(found[0]) == [("assistant", expected)]


CHAT = """> A good day
user=Anna
bot=Shop

[ConversationUpdate=
   MembersAdded=Anna]
user: Hi
  second: line
Shop: [Typing][Delay=3000]
Hello
* list
[Suggestions=Yes|No]
bot:
[Typing]
anna -> shop: See [Attachment=docs\\plan.pdf] [Attachment=http://x/y.png image/png]
bot: Here [HeroCard=
  Title=Tea
  Text=hot: very
]
"""


def test_chatdown(tmp_path):
    found, problems = read(tmp_path, CHAT.replace("\n", "\r\n"), "a.chat")
    assert said(found[0]) == [
        ("user", "Hi\n  second: line"),
        ("assistant", "Hello\n* list\n[suggestions: Yes | No]"),
        ("user", "See [file: docs\\plan.pdf] [image: http://x/y.png]"),
        ("assistant", "Here [card: Tea | hot: very]"),
    ]
    assert names(found[0]) == ["Anna", "Shop", "Anna", "Shop"]
    assert found[0].turns[2].metadata == {"to": "shop"}
    assert told(tmp_path, problems) == [
        ("a.chat: what nobody says is left out (2 typing, 1 comment, 1 conversationupdate, 1 delay)", True)
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("bot=Shop\nuser: Hi\n", True),
        ("> a comment\n\nusers=Anna,Ben\n bot = Shop\nAnna: Hi\n", True),
        ("user: Hi\nbot: Hello\n", False),  # a plain transcript
        ("name=x\nbot=y\nz=1\n", False),
        ("user=x\nAnna: Hi\n", False),
        ("bot=Shop\n", False),
        ("", False),
    ],
)
def test_a_chat_file_says_who_the_bot_is(head, expected):
    assert is_chatdown(head) == expected


def botpress(own, direction, payload, at=None, talk="c", **more):
    return {"id": own, "conversationId": talk, "direction": direction, "payload": payload, "createdAt": at, **more}


def test_botpress(tmp_path):
    messages = [
        botpress("2", "outgoing", {"type": "text", "text": "Hello"}, "2024-05-01T10:00:01Z", userId="bot"),
        botpress("1", "incoming", {"type": "text", "text": "Hi"}, "2024-05-01T10:00:00.000Z", userId="u"),
        botpress("3", "sideways", {"text": "?"}),
        botpress("4", "incoming", {"text": "Hi"}, talk="d"),
        botpress("5", "outgoing", '{"text": "Hello"}', talk="d"),
    ]
    found, problems = read(tmp_path, json.dumps({"messages": messages, "meta": {"nextToken": "x"}}))
    assert [(item.id, said(item)) for item in found] == [("c", HI_SAID), ("d", HI_SAID)]
    assert found[0].turns[0].metadata == {"id": "1", "user_id": "u"}
    assert told(tmp_path, problems) == [
        ("log.txt:1: a message without a direction, or with one that is neither incoming nor outgoing", False),
        ("log.txt:1: not all messages have a time: they are in the order of the file", True),
    ]
    found, _ = read(tmp_path, lines(*messages[:2]))
    assert [(item.id, said(item)) for item in found] == [("c", HI_SAID)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"type": "image", "imageUrl": "http://x/y/cat.png"}, "[image: cat.png]"),
        ({"type": "file", "fileUrl": "http://x/plan.pdf", "title": "Plan"}, "[file: Plan]"),
        ({"type": "choice", "text": "Size?", "options": [{"label": "L"}, {"value": "M"}]}, "Size?\n[buttons: L | M]"),
        ({"type": "card", "title": "Tea", "subtitle": "hot", "actions": [{"label": "Buy"}]}, "[card: Tea | hot | Buy]"),
        ({"type": "carousel", "items": [{"title": "A"}, {"title": "B"}]}, "[card: A]\n[card: B]"),
        ({"type": "bloc", "items": [{"type": "text", "payload": {"text": "x"}}]}, "x"),
        ({"type": "location", "title": "Home", "latitude": 1}, "[location: Home]"),
        ({"type": "custom", "data": {}}, "[custom]"),
        (None, "[message]"),
    ],
)
def test_what_botpress_messages_show(tmp_path, payload, expected):
    found, _ = read(tmp_path, lines(botpress("1", "outgoing", payload)))
    assert said(found[0]) == [("assistant", expected)]


def turn(position, query, answers, talk="projects/p/c1", **more):
    result = {"responseMessages": answers, "currentPage": {"displayName": "Start"}}
    return {
        "conversation_name": talk,
        "turn_position": position,
        "request_time": "2024-05-01T10:00:00Z",
        "request": json.dumps({"queryInput": query}),
        "response": {"queryResult": result},
        **more,
    }


def test_dialogflow(tmp_path):
    hi = {"text": {"text": "Hi"}}
    hello = [{"text": {"text": ["Hello"]}}, {"endInteraction": {}}]
    more = [{"text": {"text": ["One", "two"]}}, {"payload": {"a": 1}}, {"liveAgentHandoff": {}}]
    rows = [
        turn(2, {"dtmf": {"digits": "12#"}}, more, language_code="en"),
        turn(1, hi, hello),
        turn(1, hi, hello),
        turn(1, {"event": {"event": "WELCOME"}}, hello, "c2"),
        turn("x", hi, [], "c2", response="{broken"),
    ]
    found, problems = read(tmp_path, lines(*rows))
    assert [(item.id, said(item)) for item in found] == [
        (
            "projects/p/c1",
            [*HI_SAID, ("user", "[digits: 12#]"), ("assistant", "One\ntwo\n[payload]\n[handoff to a person]")],
        ),
        ("c2", [("user", "[event: WELCOME]"), ("assistant", "Hello"), ("user", "Hi")]),
    ]
    assert found[0].turns[1].metadata == {"page": "Start"}
    assert found[0].turns[2].metadata == {"language_code": "en"}
    assert told(tmp_path, problems) == [
        ("log.txt:1: 1 rows are there twice and count once", True),
        ("log.txt:4: not all rows have a 'turn_position': they are in the order of the file", True),
        ("log.txt:4: a 'response' is no JSON and is left out", True),
    ]


def test_dialogflow_with_underscores(tmp_path):
    result = {"transcript": "Hi", "response_messages": [{"output_audio_text": {"text": "Hello"}}]}
    record = {"conversation_name": "c", "turn_position": 1, "request": {}, "response": {"query_result": result}}
    found, problems = read(tmp_path, lines(record))
    assert (said(found[0]), problems) == (HI_SAID, [])


def part(kind, body, author, name=None, **more):
    return {"part_type": kind, "body": body, "author": {"type": author, "id": 1, "name": name}, **more}


def test_intercom(tmp_path):
    parts = [
        part("comment", "<p>Hello</p>", "bot", "Fin", created_at=1714557601, is_ai_answer=True),
        part("note", "<p>He is angry</p>", "admin", "Ben"),
        part("assignment", None, "admin", "Ben"),
        part("comment", '<p>See <a href="http://x.y">this</a></p><script>alert(1)</script>', "admin", "Ben"),
        part("comment", "", "user", "Anna", attachments=[{"name": "a.png", "content_type": "image/png"}]),
        part("comment", None, "user", "Anna", redacted=True),
        part("close", "<p>Bye</p>", "team"),
    ]
    record = {
        "type": "conversation",
        "id": "42",
        "created_at": 1714557600,
        "state": "closed",
        "source": {"subject": "<p>Refund</p>", "body": "<p>Hi</p>", "author": {"type": "lead", "name": "Anna"}},
        "conversation_parts": {"conversation_parts": parts, "total_count": 9},
    }
    found, problems = read(tmp_path, json.dumps({"type": "conversation.list", "conversations": [record]}))
    assert (found[0].id, found[0].metadata) == ("42", {"state": "closed", "subject": "Refund"})
    assert said(found[0]) == [
        *HI_SAID,
        ("assistant", "See this (http://x.y)"),
        ("user", "[image: a.png]"),
        ("user", "[redacted]"),
        ("assistant", "Bye"),
    ]
    assert names(found[0]) == ["Anna", "Fin", "Ben", "Anna", "Anna", None]
    kinds = [one.metadata["author_type"] for one in found[0].turns]
    assert kinds == ["lead", "bot", "admin", "user", "user", "team"]
    assert found[0].turns[0].at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert found[0].turns[1].metadata["is_ai_answer"] is True
    assert reasons(problems) == [
        "1 internal notes are left out",
        "1 parts without a text are left out (1 assignment)",
        "the conversation has 9 parts, but 7 are in the log",
    ]


def test_intercom_of_a_list_has_only_what_a_conversation_begins_with(tmp_path):
    record = {"type": "conversation", "id": "1", "source": {"body": "Hi", "author": {"type": "user"}}}
    found, problems = read(tmp_path, lines(record))
    assert said(found[0]) == [("user", "Hi")]
    assert reasons(problems) == ["the conversation has no 'conversation_parts', only what it begins with"]


def comment(author, body, public=True, **more):
    return {"id": 1, "type": "Comment", "author_id": author, "public": public, "body": body, **more}


COMMENTS = [comment(7, "Hi"), comment(8, "angry!", public=False), comment(8, "Hello")]
TICKET = {"id": 5, "subject": "Refund", "requester_id": 7, "description": "Hi"}
USERS = [{"id": 7, "name": "Anna", "role": "end-user"}, {"id": 8, "name": "Ben", "role": "agent"}]


@pytest.mark.parametrize(
    ("record", "own", "who"),
    [
        ({**TICKET, "comments": COMMENTS}, "5", [None, None]),
        ({"ticket": TICKET, "comments": COMMENTS, "users": USERS}, "5", ["Anna", "Ben"]),
        ({"tickets": [{**TICKET, "comments": {"comments": COMMENTS}}], "users": USERS}, "5", ["Anna", "Ben"]),
        ({"comments": COMMENTS, "users": USERS, "count": 3}, "log-1", ["Anna", "Ben"]),
    ],
)
def test_zendesk(tmp_path, record, own, who):
    found, problems = read(tmp_path, json.dumps(record))
    assert [(item.id, said(item), names(item)) for item in found] == [(own, HI_SAID, who)]
    assert reasons(problems) == ["1 private comments are left out"]
    kinds = [one.metadata.get("author_type") for one in found[0].turns]
    assert kinds == (["end-user", "agent"] if who[0] else [None, None])


def test_zendesk_comments_alone_do_not_tell_who_asked(tmp_path):
    content = json.dumps({"comments": COMMENTS})
    found, problems = read(tmp_path, content)
    assert found == []
    assert "which of the speakers '7', '8' is the assistant" in reasons(problems, kept=False)[0]
    found, _ = read(tmp_path, content, assistant=["8"])
    assert said(found[0]) == HI_SAID


def test_zendesk_tickets_without_comments_are_told(tmp_path):
    found, problems = read(tmp_path, lines(TICKET, {**TICKET, "id": 6, "description": None}))
    assert [(item.id, said(item)) for item in found] == [("5", [("user", "Hi")])]
    assert told(tmp_path, problems) == [
        ("log.txt:2: a ticket without comments: they are exported by themselves (tickets/ID/comments)", False),
        (
            "log.txt:1: the ticket has no comments, only its description: they are exported by themselves",
            True,
        ),
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"html_body": "<div>Hi<br>you</div>"}, "Hi\nyou"),
        ({"body": "<p>Hi</p><p>you</p>"}, "Hi\n\nyou"),
        ({"body": "a < b"}, "a < b"),
        ({"body": None, "plain_body": "Hi"}, "Hi"),
        ({"attachments": [{"file_name": "plan.pdf", "content_type": "application/pdf"}]}, "x\n[file: plan.pdf]"),
        (
            {
                "html_body": 'See <img src="http://z/cat.png">',
                "attachments": [{"file_name": "cat.png", "content_type": "image/png", "inline": True}],
            },
            "See [image: cat.png]",
        ),
    ],
)
def test_what_zendesk_comments_show(tmp_path, more, expected):
    record = {**TICKET, "comments": [{**comment(7, "x"), **more}, comment(8, "Hello")]}
    found, _ = read(tmp_path, json.dumps(record))
    assert said(found[0]) == [("user", expected), ("assistant", "Hello")]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hi &amp; bye<br>there</p>\n<p>x</p>", "Hi & bye\nthere\n\nx"),
        ("<ul><li>a</li><li><p>b</p></li></ul>end", "- a\n- b\n\nend"),
        ("a<script>if (1 < 2) {'</p>'}</script><style>p {}</style>b", "ab"),
        ("<!-- <p>no</p> -->x<!DOCTYPE html><title>t</title>", "x"),
        ("<a href='http://x.y'>http://x.y</a> <a href='http://x.y'>q</a>", "http://x.y q (http://x.y)"),
        ("<a href='javascript:x'>q</a> <a href=mailto:a@b.c>a@b.c</a>", "q a@b.c"),
        ("<img alt='Plan  B'><img src='http://x/c.png?z=1'><img>", "[image: Plan B][image: c.png][image]"),
        ("<pre>a\n  b</pre> c  d\ne", "a\n  b\n\nc d e"),
        ("x < y, &lt;b&gt; and <a b", "x < y, <b> and <a b"),
        ('<p title="a > b">c</p></div></a>', "c"),
        ("", ""),
    ],
)
def test_html(html, expected):
    assert html_to_text(html) == expected


@pytest.mark.parametrize("piece", ["<", "<a ", "<a href='", "<!--", "<![CDATA[", "</", "<p>", "<a href=x>", "&"])
def test_broken_html_takes_no_time(piece):
    assert isinstance(html_to_text(piece * 20_000 + ">"), str)
    assert is_html("<b>x</b>")


SHAPES = [
    {"events": [{"event": "user", "text": {"a": []}}, {"event": ["bot"]}, None], "sender_id": {}},
    {"sender_id": [], "type_name": 3, "data": [1]},
    {"type": "message", "conversation": {"id": []}, "from": {"role": 1, "id": {}}, "text": 3, "attachments": {}},
    {"direction": "incoming", "conversationId": {}, "payload": [[]], "createdAt": {}},
    {"conversation_name": "c", "turn_position": -1, "request": 3, "response": [{}]},
    {"source": {"body": 7, "author": []}, "conversation_parts": {"conversation_parts": {"x": 1}}},
    {"requester_id": {}, "comments": [{"author_id": None, "public": None, "body": {}}], "users": 3},
    {"prompt": {"message_id": [], "text": "", "role": ""}, "message_tree_id": None},
    {"question_id": None, "turns": [None, "x"], "choices": {}},
    {"conversation_a": [{"role": "user", "content": 1}], "conversation_b": [{"role": "", "content": ""}], "winner": []},
    {"convo_id": [], "original": {}, "delexed": [[], None]},
    {"turns": [{"speaker": None, "utterance": None, "annotations": {"breakdown": "O"}}], "dialogue-id": {}},
]


@pytest.mark.parametrize("record", SHAPES, ids=lambda record: next(iter(record)))
def test_wrong_types_cost_the_record_only(tmp_path, record):
    found, problems = read(tmp_path, lines({"messages": HI}, record, {"messages": HI}))
    assert len(found) >= 2
    assert all(problem.reason for problem in problems)


def test_an_id_that_comes_again_gets_another(tmp_path):
    records = [{**TICKET, "comments": COMMENTS}] * 2
    found, problems = read(tmp_path, lines(*records))
    assert [item.id for item in found] == ["5", "5#2"]
    assert "the id '5' was there before; this one is '5#2'" in reasons(problems)


DEEP = "[" * 600 + "]" * 600


@pytest.mark.parametrize(
    "record",
    [
        {"sender_id": "s", "events": [{"event": "user", "text": "DEEP"}, {"event": "bot", "text": "Hello"}]},
        row(1, "s", "user", text="DEEP"),
        activity("DEEP", USER),
        turn(1, {"text": {"text": "Hi"}}, [{"text": {"text": "DEEP"}}]),
        botpress("1", "incoming", "DEEP"),
        {"question_id": 1, "turns": ["x", "DEEP"]},
        {"content": [{"agent": "a", "message": "DEEP"}]},
        {**TICKET, "comments": "DEEP"},
    ],
    ids=lambda record: next(iter(record)),
)
def test_what_is_nested_too_deeply_costs_itself_only(tmp_path, record):
    content = json.dumps(record).replace('\\"DEEP\\"', DEEP).replace('"DEEP"', DEEP)
    found, _ = read(tmp_path, f"{lines({'messages': HI})}{content}\n{lines({'messages': HI})}")
    assert [said(item) for item in found].count(HI_SAID) == 2
