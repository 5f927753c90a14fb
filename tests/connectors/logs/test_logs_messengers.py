"""Slack, Telegram, WhatsApp and Signal: who says what, what is no text, and what the program says itself."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.formats.slack import display_text

from .reading import HI_SAID, read, said, told

USERS = [
    {"id": "U1", "name": "anna", "profile": {"display_name": "Anna B", "real_name": "Anna Berg"}},
    {"id": "U2", "name": "ben", "real_name": "Ben", "profile": {"display_name": ""}},
    {"id": "U9", "name": "helper", "is_bot": True, "profile": {"real_name": "Helper"}},
]


def message(ts, text="", **more):
    return {"type": "message", "ts": f"17145576{ts:02}.000100", "text": text, **more}


def slack_zip(days, users=USERS, root=""):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{root}users.json", json.dumps(users))
        archive.writestr(f"{root}channels.json", json.dumps([{"id": "C1", "name": "help"}]))
        archive.writestr(f"{root}integration_logs.json", "[]")
        for name, content in days.items():
            archive.writestr(root + name, content if isinstance(content, str) else json.dumps(content))
    return made.getvalue()


@pytest.mark.parametrize("root", ["", "Export May/"])
def test_slack_export(tmp_path, root):
    days = {
        "help/2024-05-01.json": [
            message(0, "<@U1> has joined the channel", user="U1", subtype="channel_join"),
            message(2, "Hi <@U2>", user="U1"),
            message(1, "Is <#C1|help> open? &lt;b&gt;", user="U2", reactions=[{"name": "eyes", "count": 2}]),
            message(3, "Who can help?", user="U1", thread_ts="1714557603.000100"),
        ],
        "help/2024-05-02.json": [
            message(5, "I can.", bot_id="B1", thread_ts="1714557603.000100", bot_profile={"name": "Aid"}),
            message(6, "Me too", user="U9", thread_ts="1714557603.000100", subtype="thread_broadcast"),
            message(7, "Good night", subtype="bot_message", username="Clock"),
            {"type": "other"},
        ],
        "quiet/2024-05-01.json": [message(0, "left", user="U1", subtype="channel_leave")],
        "broken/2024-05-01.json": "[",
    }
    found, problems = read(tmp_path, slack_zip(days, root=root), "export.zip")
    place = f"{tmp_path}/export.zip/{root}help"
    assert [(item.source, item.id) for item in found] == [(place, "help"), (place, "help-1714557603.000100")]
    assert [(turn.role, turn.name, turn.content) for turn in found[0].turns] == [
        ("user", "Ben", "Is #help open? <b>"),
        ("user", "Anna B", "Hi @Ben"),
        ("assistant", "Clock", "Good night"),
    ]
    assert found[0].turns[0].metadata == {"reactions": {"eyes": 2}}
    assert found[0].turns[0].at == datetime(2024, 5, 1, 10, 0, 1, 100, tzinfo=UTC)  # 1714557601.000100 s
    assert [(turn.role, turn.name, turn.content) for turn in found[1].turns] == [
        ("user", "Anna B", "Who can help?"),
        ("assistant", "Aid", "I can."),
        ("assistant", "Helper", "Me too"),
    ]
    assert found[1].metadata == {"channel": "help", "thread_ts": "1714557603.000100"}
    where = f"export.zip/{root}"
    assert told(tmp_path, problems) == [
        (f"{where}broken/2024-05-01.json:1: the file ends before its JSON is closed: it may be cut off", False),
        (f"{where}help/2024-05-02.json:4: no message of Slack", False),
        (f"{where}help: 1 messages of Slack itself are left out (1 channel_join)", True),
        (f"{where}quiet: 1 messages of Slack itself are left out (1 channel_leave)", True),
    ]
    assert dict(inspect_log(tmp_path / "export.zip").formats) == {"slack": 3}


def test_slack_people_may_be_the_assistant(tmp_path):
    days = {"help/2024-05-01.json": [message(1, "Hi", user="U1"), message(2, "Hello", user="U2")]}
    found, _ = read(tmp_path, slack_zip(days), "export.zip", assistant=["Ben"])
    assert said(found[0]) == HI_SAID


def test_one_day_of_slack(tmp_path):
    day = [
        message(1, "Hi", user="U1", user_profile={"display_name": "", "real_name": "Anna"}),
        message(2, "Hello", bot_id="B1"),
    ]
    found, problems = read(tmp_path, json.dumps(day), "2024-05-01.json")
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("2024-05-01-1", HI_SAID)]
    assert [turn.name for turn in found[0].turns] == ["Anna", "B1"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"text": "See", "files": [{"mimetype": "image/png", "name": "a.png"}]}, "See\n[image: a.png]"),
        ({"text": "", "files": [{"title": "Plan\n2", "name": "b"}, {}]}, "[file: Plan 2]\n[file]"),
        ({"text": "x", "attachments": [{"title": "A page", "text": "long"}]}, "x\n[attachment: A page]"),
        ({"text": "", "attachments": [{"pretext": "Built", "text": "<http://x.y|ok>"}]}, "Built\nok (http://x.y)"),
        ({"text": "", "attachments": [{"fallback": "New tag"}]}, "New tag"),
        ({"text": "", "attachments": [{"fields": [{"title": "State", "value": "open"}]}]}, "State: open"),
        ({"text": "", "attachments": [{}]}, "[attachment]"),
        ({"text": "", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Hi*"}}]}, "*Hi*"),
        (
            {
                "text": "",
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [
                            {"type": "rich_text_section", "elements": [{"type": "text", "text": t} for t in "ab"]},
                            {"type": "rich_text_section", "elements": [{"type": "text", "text": "c"}]},
                        ],
                    }
                ],
            },
            "ab\nc",
        ),
    ],
)
def test_what_slack_messages_show(tmp_path, more, expected):
    found, _ = read(tmp_path, json.dumps([{**message(1, user="U1"), **more}]), "2024-05-01.json")
    assert said(found[0]) == [("user", expected)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U1> &amp; <@U7|old>", "@Anna & @old"),
        ("<!here> <!subteam^S1|@ops> <!date^1^{date}|today>", "@here @ops today"),
        ("<https://a.b/c?d=1|here> <https://a.b> <mailto:x@y.z|x@y.z>", "here (https://a.b/c?d=1) https://a.b x@y.z"),
        ("a < b > c, <>", "a < b > c, <>"),
        ("<" * 5000, "<" * 5000),
    ],
)
def test_slack_marks(text, expected):
    assert display_text(text, {"U1": ("Anna", False)}) == expected


CHAT = {"name": "Anna", "type": "personal_chat", "id": 5}


def telegram(n, sender="Anna", text="Hi", **more):
    return {"id": n, "type": "message", "date_unixtime": str(1714557600 + n), "from": sender, "text": text, **more}


def test_telegram_bot_chat(tmp_path):
    messages = [
        {"id": 1, "type": "service", "actor": "Me", "action": "phone_call", "date": "2024-05-01T10:00:00", "text": ""},
        telegram(2, "Me", "Hi", from_id="user1"),
        telegram(3, "Old name", "Hello", from_id="user5", reply_to_message_id=2),
    ]
    record = {"name": "Shop bot", "type": "bot_chat", "id": 5, "messages": messages}
    found, problems = read(tmp_path, json.dumps(record, indent=1), "result.json")
    assert (found[0].id, said(found[0]), found[0].metadata) == ("5", HI_SAID, {"name": "Shop bot", "type": "bot_chat"})
    assert [(turn.name, turn.at, turn.metadata) for turn in found[0].turns] == [
        ("Me", datetime(2024, 5, 1, 10, 0, 2, tzinfo=UTC), {"id": 2}),
        ("Old name", datetime(2024, 5, 1, 10, 0, 3, tzinfo=UTC), {"id": 3, "reply_to_message_id": 2}),
    ]
    assert told(tmp_path, problems) == [
        ("result.json:1: 1 messages of Telegram itself are left out (1 phone_call)", True)
    ]


def test_telegram_people_need_to_be_told_apart(tmp_path):
    record = {**CHAT, "messages": [telegram(1), telegram(2, "Me", "Hello")]}
    found, problems = read(tmp_path, json.dumps(record), "result.json")
    assert found == []
    assert "which of the speakers 'Anna', 'Me' is the assistant" in problems[0].reason
    assert "--assistant Me" in problems[0].reason
    found, problems = read(tmp_path, json.dumps(record), "result.json", assistant=["me"])
    assert (said(found[0]), problems) == (HI_SAID, [])


def test_telegram_all_chats(tmp_path):
    chats = [
        {**CHAT, "messages": [telegram(1), telegram(2, "Me", "Hello")]},
        {**CHAT, "id": 6, "messages": []},
        {
            "name": "Other",
            "type": "personal_chat",
            "id": 7,
            "messages": [telegram(1, "Other"), telegram(2, "Me", "Hello")],
        },
        "junk",
    ]
    record = {"about": "…", "chats": {"about": "…", "list": chats}, "left_chats": {"list": []}}
    found, problems = read(tmp_path, json.dumps(record), "result.json", assistant=["Me"])
    assert [(item.id, said(item)) for item in found] == [("result-1-5", HI_SAID), ("result-1-7", HI_SAID)]
    assert told(tmp_path, problems) == [("result.json:1: 6: the conversation has no turns", False)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"text": ["See ", {"type": "bold", "text": "this"}, {"type": "link", "text": "x.y"}, 3]}, "See thisx.y"),
        ({"text": [{"type": "text_link", "text": "here", "href": "http://x.y"}]}, "here (http://x.y)"),
        ({"text": "", "text_entities": [{"type": "plain", "text": "a"}]}, "a"),
        ({"text": "look", "photo": "photos/1.jpg"}, "look\n[image]"),
        ({"text": "", "file": "a.webp", "media_type": "sticker", "sticker_emoji": "👍"}, "[sticker: 👍]"),
        ({"text": "", "file": "a.ogg", "media_type": "voice_message"}, "[audio]"),
        ({"text": "", "file": "a.mp4", "media_type": "animation"}, "[video]"),
        ({"text": "", "file": "(not included)", "file_name": "plan.pdf"}, "[file: plan.pdf]"),
        ({"text": "", "poll": {"question": "When?"}}, "[poll: When?]"),
        ({"text": "", "location_information": {"latitude": 1.0}}, "[location]"),
    ],
)
def test_what_telegram_messages_show(tmp_path, more, expected):
    record = {**CHAT, "type": "bot_chat", "messages": [telegram(1, "Me"), telegram(2, **more)]}
    found, _ = read(tmp_path, json.dumps(record), "result.json")
    assert said(found[0]) == [("user", "Hi"), ("assistant", expected)]


WHATSAPP = [
    ("Android, 24 hours", "31.12.23, 23:59 - ", "01.01.24, 00:05 - "),
    ("iPhone", "[31.12.23, 23:59:00] ", "\u200e[01.01.24, 00:05:00] "),
    ("12 hours, narrow blank", "12/31/23, 11:59\u202fPM - ", "1/1/24, 12:05\u202fAM - "),
    ("Spanish", "31/12/23, 11:59 p. m. - ", "1/1/24, 12:05 a. m. - "),
    ("French, older", "31/12/2023 à 23:59 - ", "01/01/2024 à 00:05 - "),
    ("Korean", "2023. 12. 31. 오후 11:59, ", "2024. 1. 1. 오전 12:05, "),
    ("Chinese", "2023/12/31, 下午11:59 - ", "2024/1/1, 上午12:05 - "),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in WHATSAPP], ids=[row[0] for row in WHATSAPP])
def test_whatsapp_dates(tmp_path, first, second):
    found, _ = read(tmp_path, f"{first}Anna: Hi\r\n{second}Shop: Hel: lo\r\nthere\r\n", "_chat.txt", assistant=["shop"])
    assert said(found[0]) == [("user", "Hi"), ("assistant", "Hel: lo\nthere")]
    assert [turn.at for turn in found[0].turns] == [datetime(2023, 12, 31, 23, 59), datetime(2024, 1, 1, 0, 5)]
    assert [turn.name for turn in found[0].turns] == ["Anna", "Shop"]


@pytest.mark.parametrize(
    ("days", "moments"),
    [
        # No number above 12: but as month/day/year time would run backwards (Feb 1 before Jan 2).
        (("1/2/24", "2/1/24"), [(2024, 1, 2), (2024, 2, 1)]),
        (("2/1/24", "1/2/24"), [(2024, 1, 2), (2024, 2, 1)]),
        (("1/2/24", "1/3/24", "1/13/24"), [(2024, 1, 2), (2024, 1, 3), (2024, 1, 13)]),
        (("1/2/24", "1/3/24", "13/3/24"), [(2024, 2, 1), (2024, 3, 1), (2024, 3, 13)]),
    ],
)
def test_the_order_of_day_and_month_is_told_from_the_whole_file(tmp_path, days, moments):
    content = "".join(f"{day}, 10:00 - User: x\n" for day in days)
    found, _ = read(tmp_path, content, "chat.txt")
    assert [turn.at for turn in found[0].turns] == [datetime(*moment, 10) for moment in moments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Media omitted>", "[media]"),
        ("<Medien ausgeschlossen>", "[media]"),
        ("<Multimedia omitido>", "[media]"),
        ("\u200eimage omitted", "[image]"),
        ("\u200eBild weggelassen", "[image]"),
        ("\u200eGIF omitted", "[video]"),
        ("\u200eaudio omitted", "[audio]"),
        ("\u200esticker omitted", "[sticker]"),
        ("\u200edocument omitted", "[file]"),
        ("\u200e<attached: 0001-PHOTO.jpg>", "[image: 0001-PHOTO.jpg]"),
        ("IMG-0001.jpg (file attached)\nA caption", "[image: IMG-0001.jpg]\nA caption"),
        ("PTT-0001.opus (Datei angehängt)", "[audio: PTT-0001.opus]"),
        ("plan.pdf (archivo adjunto)", "[file: plan.pdf]"),
        ("the image was omitted", "the image was omitted"),
        ("<b> omitted </b> ok", "<b> omitted </b> ok"),
    ],
)
def test_whatsapp_pictures_and_files(tmp_path, text, expected):
    found, problems = read(tmp_path, f"31.12.23, 10:00 - User: {text}\n31.12.23, 10:01 - Bot: ok\n", "chat.txt")
    assert problems == []
    assert said(found[0]) == [("user", expected), ("assistant", "ok")]


def test_what_whatsapp_says_itself_is_left_out_and_told(tmp_path):
    content = (
        "[31.12.23, 10:00:00] Our group: \u200eMessages and calls are end-to-end encrypted.\n"
        "[31.12.23, 10:00:01] \u200eYou created this group\n"
        "[31.12.23, 10:00:02] User: Hi\n"
        "[31.12.23, 10:00:03] Bot: Hello\n"
    )
    found, problems = read(tmp_path, content, "_chat.txt")
    assert said(found[0]) == HI_SAID
    assert [problem.reason for problem in problems] == ["what the chat program itself wrote was left out (lines: 2)"]


def envelope(at, text=None, sent_to=None, group=None, name="Anna", source="+49111", **more):
    inner = {"timestamp": 1714557600000 + at, "message": text, **more}
    if group:
        inner["groupInfo"] = {"groupId": group}
    if sent_to:
        inner["destinationNumber"] = sent_to
    message = {"syncMessage": {"sentMessage": inner}} if sent_to or source == "+49000" else {"dataMessage": inner}
    around = {"source": source, "sourceNumber": source, "sourceName": name, "timestamp": 1714557600000 + at}
    return {"envelope": {**around, **message}, "account": "+49000"}


def test_signal_cli(tmp_path):
    us = {"name": "Shop", "source": "+49000"}
    records = [
        envelope(1, "Hi"),
        envelope(4, "Hello", group="G1", **us),
        {"envelope": {"source": "+49111", "timestamp": 1, "receiptMessage": {"isDelivery": True}}, "account": "+49000"},
        envelope(2, "Hello", sent_to="+49111", **us),
        {"jsonrpc": "2.0", "method": "receive", "params": envelope(3, "Hi", group="G1")},
        envelope(5, None, attachments=[{"contentType": "image/jpeg", "filename": "a.jpg"}, {"contentType": "x/y"}]),
        envelope(6, None, reaction={"emoji": "👍"}),
    ]
    content = "".join(json.dumps(record) + "\n" for record in records)
    found, problems = read(tmp_path, content, "signal.jsonl", assistant=["Shop"])
    assert [(item.id, said(item)) for item in found] == [
        ("+49111", [*HI_SAID, ("user", "[image: a.jpg]\n[file]")]),
        ("G1", HI_SAID),  # in the order of their times
    ]
    assert told(tmp_path, problems) == [
        ("signal.jsonl: 2 records without a message (receipts, typing, calls) are left out", True)
    ]


def test_signal_export(tmp_path):
    rows = [
        {"date": "2024-05-01 10:00:00", "sender": "Anna", "body": "Hi", "quote": "", "sticker": "", "attachments": []},
        {
            "date": "2024-05-01 10:00:05",
            "sender": "Me",
            "body": "Hello",
            "quote": "",
            "sticker": "",
            "reactions": [],
            "attachments": [{"name": "a.png", "path": "media/a.png"}],
        },
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    found, problems = read(tmp_path, content, "data.json", assistant=["Me"])
    assert problems == []
    assert said(found[0]) == [("user", "Hi"), ("assistant", "Hello\n[file: a.png]")]
    assert found[0].turns[1].at == datetime(2024, 5, 1, 10, 0, 5)
    found, _ = read(
        tmp_path, "[2024-05-01 10:00] Anna: Hi\n[2024-05-01 10:00] Me: Hello\n", "chat.md", assistant=["Me"]
    )
    assert said(found[0]) == HI_SAID
