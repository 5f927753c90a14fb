"""Lines of texts that are no JSON, and messages of whole exports, are in a turn, put aside, or counted."""

import io
import json
import zipfile

import pytest

from convexplain.connectors.logs import LOG_FORMATS
from convexplain.connectors.logs.engine import line_audit

from .balance import counted, in_place, read_with_asides
from .reading import read, write

LOST = "Planted sentence number 0 stands here."  # 38 characters
SAID = "Planted sentence number 1 stands here."
HEADER = "Mia Marie Smith of the night shift"
READ = {
    "plain": f"User: {SAID}\nBot: Hello\n",
    "plain, with a header": f"Agent: {HEADER}\nUser: {SAID}\n{HEADER}: Hello\n",
    "whatsapp": f"[31.12.23, 23:59:01] Anna Maria of the shop: {SAID}\n[31.12.23, 23:59:02] Bot: Hello\n",
    "signal": f"2024-05-01 10:00 - User: {SAID}\n2024-05-01 10:01 - Bot: Hello\n",
    "line": "[LINE] Chat history with the Bot of the shop\nSaved on: 2024/05/02 09:00\n\n2024/05/01(Wed)\n"
    f'10:00\tUser\t{SAID}\n10:01\tBot\t"Hello\n{SAID}"\n10:02\tBot of the shop joined the group\n',
    "line, with blanks": f"[LINE] Chat\n\n2024.05.01 Wednesday\n10:00 User {SAID}\n10:01 Bot Hello\n",
    "webvtt": f"WEBVTT - a call of the night shift\n\nNOTE {LOST}\n\n00:01.000 --> 00:02.000\n"
    "<v User of the shop>Planted sentence number 1\nstands here.</v>\n\n"
    "00:03.000 --> 00:04.000\n<v Assistant>Hello</v>\n",
    "subrip": f"1\n00:00:01,000 --> 00:00:02,000\nUser: {SAID}\n\n"
    "2\n00:00:03,000 --> 00:00:04,000\nBot: <i>Hello</i>\n",
    "aider": f"# aider chat started at 2024-05-01 10:00:00\n\n> {LOST}  \n\n"
    f"# aider chat started at 2024-05-01 11:00:00\n\n#### /run {LOST}\n\n> {LOST}\n\n#### {SAID}\n\nHello\n",
    "chatdown": f"user=Anna\nbot=Shop\n\n> {LOST}\nuser: {SAID}\nbot: [Typing] Hello\n",
    "salesforce-text": "Chat Started: Thursday, May 02, 2024, 10:00:00 (+0000)\nChat Origin: Support of the shop\n"
    f"Agent Mia\n( 12s ) Ann: {SAID}\n( 40s ) Mia: Hello\n",
    "chat-template": f"<|im_start|>user\n{SAID}<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n",
    "uss": f"USER\t{SAID}\tGREET\t\nSYSTEM\tHello\tOFFER\t\nUSER\tOVERALL\t\t3,4\tIt was of no help.\n",
    "server-sent-events": f'data: {{"messages": [{{"role": "user", "content": "{SAID}"}}]}}\n\n'
    'data: {"id": "c1", "object": "chat.completion.chunk", '
    '"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n',
}
NOT_READ = {
    "webvtt, before a time": (
        f"WEBVTT\n\n{LOST}\n00:01.000 --> 00:02.000\n<v User>Hi</v>\n\n00:03.000 --> 00:04.000\n<v Bot>Hello</v>\n",
        3,
    ),
    "between the turns of a template": (
        f"<|im_start|>user\nHi<|im_end|>\n{LOST}\n<|im_start|>assistant\nHello<|im_end|>\n",
        3,
    ),
    "behind a line of the program": (
        f"[31.12.23, 23:59:00] Anna joined\n{LOST}\n[31.12.23, 23:59:01] User: Hi\n[31.12.23, 23:59:02] Bot: Hello\n",
        2,
    ),
}


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
def test_no_line_is_counted_that_is_read_or_put_aside(tmp_path, text):
    path = write(tmp_path, text)
    conversations, problems, asides = read_with_asides(path)
    assert counted(problems) == (0, 0)
    assert SAID in in_place(conversations, ())
    assert (LOST in text) == (LOST in in_place((), asides))


@pytest.mark.parametrize(("text", "line"), NOT_READ.values(), ids=NOT_READ.keys())
def test_a_line_that_no_turn_holds_is_counted(tmp_path, text, line):
    _, problems = read(tmp_path, text)
    places = [(x.line, x.kept) for x in problems if x.reason == "1 line of 38 characters is in no turn"]
    assert places == [(line, True)]


def test_all_formats_of_texts_are_among_the_cases():
    formats = {form.name for form in LOG_FORMATS.records if form.read_text is not None}
    assert formats - {name.partition(",")[0] for name in READ} == set()


def test_what_is_lost_in_an_event_of_a_stream_is_counted_by_its_place(tmp_path):
    events = [
        {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}], "x": LOST}
    ]
    _, problems = read(tmp_path, "".join(f"data: {json.dumps(event)}\n\n" for event in events))
    assert "1 text of 38 characters is in no turn and no metadata: 'x' (38)" in [x.reason for x in problems]


def test_the_lines_of_two_conversations_are_looked_for_in_both(tmp_path):
    second = "Planted sentence number 2 stands here."
    text = f"=== 1 ===\nUser: {SAID}\nBot: Hello\n=== {second} ===\nUser: {LOST}\nBot: Bye\n"
    conversations, problems = read(tmp_path, text)
    assert [x.id for x in conversations] == ["1", second]
    assert counted(problems) == (0, 0)


def test_a_long_transcript_is_searched_in_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr(line_audit, "_MAX_SEARCHED", 200)  # letters that may be searched again
    lines = [f"{('User', 'Bot')[number % 2]}: This is the turn with number {number}." for number in range(300)]
    _, problems = read(tmp_path, "\n".join([*lines, "=== 2 ===", f"User: {SAID}", "Bot: Hi"]))
    assert problems == []


def slack_zip(messages):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("users.json", '[{"id": "U1", "name": "Anna"}]')
        archive.writestr("channels.json", "[]")
        archive.writestr("shop/2024-05-01.json", json.dumps(messages))
    return content.getvalue()


def test_a_whole_slack_export_is_audited(tmp_path):
    messages = [
        {"type": "message", "user": "U1", "text": "Hi", "ts": "1714557600.000100", "note": LOST},
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": SAID, "ts": "1714557600.000200"},
        {"type": "message", "bot_id": "B1", "text": "Hello", "ts": "1714557601.000200"},
    ]
    _, problems = read(tmp_path, slack_zip(messages), "slack.zip")
    assert [(x.path.rpartition("/")[2], x.line, x.reason) for x in problems] == [
        ("shop", None, "1 messages of Slack itself are left out (1 channel_join)"),
        ("shop", 1, "1 text of 38 characters is in no turn and no metadata: 'note' (38)"),
    ]


def test_what_telegram_itself_wrote_is_put_aside_and_the_rest_is_audited(tmp_path):
    message = {"type": "message", "date": "2024-05-01T10:00:00", "from": "Anna", "from_id": "user1", "text": "Hi"}
    bot = message | {"from": "Bot", "from_id": "user7", "text": "Hello", "poll": {"question": "Q", "answers": [LOST]}}
    service = {
        "type": "service",
        "action": "create_group",
        "date": "2024-05-01T10:00:00",
        "actor": "Anna",
        "title": SAID,
    }
    chat = {"name": "Bot", "type": "bot_chat", "id": 7, "messages": [service, message, bot]}
    _, problems = read(tmp_path, json.dumps(chat))
    assert [x.reason for x in problems] == [
        "1 messages of Telegram itself are left out (1 create_group)",
        "1 text under 'messages[*].poll.answers' is in no turn",
    ]
