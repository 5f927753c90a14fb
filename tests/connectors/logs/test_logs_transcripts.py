"""Transcripts in plain text: headings and events between chats, speakers of many languages, LINE, WebVTT and SubRip."""

from datetime import datetime

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.formats._whatsapp import display_text
from convexplain.connectors.logs.formats.plain import event_kind, numbered_id

from .reading import read, said, write

TWO_CHATS = """Support transcripts of May
Exported by Mia

Chat started: Monday, May 06, 2024, 10:00
Agent Mia joined the chat
Visitor: My code fails
Agent: Which code?
Chat ended by visitor at 10:05

Chat started: Tuesday, May 07, 2024, 11:00
Visitor: Hello
It is me again.
Agent: Hi
"""


def shown(conversations):
    return [[f"{role[0]} {text}" for role, text in said(item)] for item in conversations]


def remarks(problems):
    assert all(problem.kept for problem in problems), problems
    return [problem.reason for problem in problems]


def test_events_and_a_preface_are_no_turns(tmp_path):
    conversations, problems = read(tmp_path, TWO_CHATS)
    assert shown(conversations) == [
        ["u My code fails", "a Which code?"],
        ["u Hello\nIt is me again.", "a Hi"],
    ]
    assert remarks(problems) == [
        "text before the first conversation was left out",
        "events of the chat were left out (lines: 3)",
        "events of the chat were left out (lines: 1)",
    ]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("2024-05-01 10:00 Chat opened\nCustomer: Is it on?\nAgent: Yes.\n", [["u Is it on?", "a Yes."]]),
        (
            "Chat with Shop\n[5/1/24, 10:00:00 AM] Anna: Hi\nIt was red: I liked it\n"
            "[5/1/24, 10:02:11 AM] Shop: Yes: six.",
            [["u Hi\nIt was red: I liked it", "a Yes: six."]],
        ),
        (
            "Agent: Mia\n10:31 User: Hi\n10:32 Agent: Hello\n10:33 User: Bye",
            [["u Hi", "a Hello", "u Bye"]],
        ),
        (
            "Conversation 1\n\nUser: Hi\nBot: Hello\n\nConversation 2\n\nUser: Yo\nBot: Hey",
            [["u Hi", "a Hello"], ["u Yo", "a Hey"]],
        ),
        (
            "Chat #1\nKunde: Hallo\nBerater: Ja\n-- Chat beendet --\n"
            "Chat #2\nKunde: Noch?\nBerater: Nein\nChat #3\nKunde: Doch",
            [["u Hallo", "a Ja"], ["u Noch?", "a Nein"], ["u Doch"]],
        ),
        (
            "10:00 AM - User: Hi\n10:01 AM - Agent: Hello\n\nMonday, May 6\n\n10:00 AM - User: Again",
            [["u Hi", "a Hello", "u Again"]],
        ),
        (
            "Customer: Ann Smith\nAgent: Mia\nDate: 2024-05-01\n\nAnn Smith: My order?\nMia: On its way.\nNote: soon\n",
            [["u My order?", "a On its way.\nNote: soon"]],
        ),
        ("User: Which one?\nTicket 42\nBot: Thanks", [["u Which one?\nTicket 42", "a Thanks"]]),
    ],
)
def test_what_decides_is_most_of_the_lines(tmp_path, log, expected):
    conversations, _ = read(tmp_path, log, assistant=["Shop"])
    assert shown(conversations) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Chat started", "start"),
        ("Conversation has been started on 2024-05-01", "start"),
        ("Chat beendet", "other"),
        ("*** Mia joined ***", "other"),
        ("--- Agent Mia left the chat ---", "other"),
        ("Chat ended by agent at 10:32", "other"),
        ("The chat ended badly", None),
        ("I left the chat", None),
        ("Chat ended because my line was dead", None),
        ("=== 3 ===", None),
        ("Mia: joined the chat", None),
        ("Chat started" + "x" * 200, None),
    ],
)
def test_events(line, kind):
    assert event_kind(line) == kind


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Conversation 12", "12"),
        ("[Chat ID: a-7]", "a-7"),
        ("Ticket #55", "55"),
        ("Session: abc", None),
        ("Chat 12 was good", None),
        ("Call 911", None),
    ],
)
def test_numbers_of_conversations(line, number):
    assert numbered_id(line) == number


@pytest.mark.parametrize(
    ("user", "assistant"),
    [
        ("Customer", "Representative"),
        ("客户", "客服"),
        ("訪客", "機器人"),
        ("Cliente", "Asesora"),
        ("العميل", "الموظف"),
        ("ग्राहक", "एजेंट"),
        ("Usuário", "Atendente"),
        ("Клиент", "Оператор"),
        ("お客様", "オペレーター"),
        ("Kundin", "Mitarbeiter"),
        ("Client", "Conseillère"),
        ("Utente", "Operatore"),
        ("고객", "상담원"),
        ("Müşteri", "Temsilci"),
        ("Pelanggan", "Petugas"),
        ("Klant", "Medewerker"),
        ("Klient", "Konsultant"),
        ("Khách hàng", "Nhân viên"),
        ("ลูกค้า", "พนักงาน"),
        ("গ্রাহক", "এজেন্ট"),
        ("مشتری", "پشتیبان"),
    ],
)
def test_speakers_of_many_languages(tmp_path, user, assistant):
    conversations, problems = read(tmp_path, f"=== 1 ===\n{user}: A\n{assistant}: B\n")
    assert (shown(conversations), problems) == ([["u A", "a B"]], [])


@pytest.mark.parametrize(
    "log", ["Notes\nhost: localhost\nport: 80\nname: value\n", "Dear all,\nNote: this is no chat.\nRegards: Mia\n"]
)
def test_settings_and_letters_are_no_transcripts(tmp_path, log):
    assert inspect_log(write(tmp_path, log)).conversations == 0


def test_arabic_whatsapp(tmp_path):
    mark = "\u200f"
    log = (
        f"{mark}٣١{mark}/٥{mark}/٢٠٢٤، ٩:١٧ م - أحمد: مرحبا\n"
        f"{mark}٣١{mark}/٥{mark}/٢٠٢٤، ٩:١٨ م - متجر: <تم استبعاد الوسائط>\n"
        f"{mark}١{mark}/٦{mark}/٢٠٢٤، ١٠:٠٥ ص - متجر: أهلا\n"
    )
    conversations, problems = read(tmp_path, log, assistant=["متجر"])
    assert (shown(conversations), problems) == ([["u مرحبا", "a [media]", "a أهلا"]], [])
    assert [turn.at for turn in conversations[0].turns] == [
        datetime(2024, 5, 31, 21, 17),
        datetime(2024, 5, 31, 21, 18),
        datetime(2024, 6, 1, 10, 5),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Без медиафайлов>", "[media]"),
        ("<メディアは含まれていません>", "[media]"),
        ("a.pdf (الملف مرفق)", "[file: a.pdf]"),
        ("Без медиафайлов", "Без медиафайлов"),
    ],
)
def test_media_of_whatsapp(text, expected):
    assert display_text(text) == expected


def test_line(tmp_path):
    log = (
        "\ufeff[LINE] 花子とのトーク履歴\r\n保存日時：2024/01/24 00:00\r\n\r\n2024/1/23(火)\r\n"
        '午後1:02\t花子\t"一行目\r\n二行目"\r\n13:03\tお店\tはい\r\n13:05\t花子がグループに参加しました\r\n\r\n2024/1/24(水)\r\n09:00\t花子\t[写真]\r\n'
    )
    conversations, problems = read(tmp_path, log, assistant=["お店"])
    assert shown(conversations) == [["u 一行目\n二行目", "a はい", "u [写真]"]]
    assert [turn.at for turn in conversations[0].turns] == [
        datetime(2024, 1, 23, 13, 2),
        datetime(2024, 1, 23, 13, 3),
        datetime(2024, 1, 24, 9, 0),
    ]
    assert remarks(problems) == ["what the chat program itself wrote was left out (lines: 1)"]


def test_line_in_english(tmp_path):
    header = "[LINE] Chat history with Shop\nSaved on: 05/20/2024, 09:00\n\n"
    log = f"{header}Wed, 05/15/2024\n9:30AM\tAnna\tHi\n9:31PM\tShop\tHello\n"
    conversations, problems = read(tmp_path, log, assistant=["Shop"])
    assert (shown(conversations), problems) == ([["u Hi", "a Hello"]], [])
    assert conversations[0].turns[1].at == datetime(2024, 5, 15, 21, 31)


def test_line_with_blanks(tmp_path):
    header = "[LINE] お店とのトーク\n保存日時：2024/01/24 00:00\n\n"
    log = f"{header}2024.01.23 火曜日\n13:02 花子 こんにちは\n13:03 お店 はい\n続き\n"
    conversations, problems = read(tmp_path, log, assistant=["お店"])
    assert (shown(conversations), problems) == ([["u こんにちは", "a はい\n続き"]], [])
    assert conversations[0].turns[0].at == datetime(2024, 1, 23, 13, 2)


def test_cues_of_one_speaker_are_one_turn(tmp_path):
    log = (
        "WEBVTT - call 7\nKind: captions\n\nNOTE made by a program\n\nSTYLE\n::cue { color: red }\n\n"
        "1\n00:01.000 --> 00:02.000 align:start\n<v Customer>My line\nis <i>dead</i>.</v>\n\n"
        "00:02.500 --> 00:03.000\n<v.loud Customer>Since &lt;Monday&gt;.\n\n"
        "00:04.000 --> 00:05.000\n<v Agent>I see.</v><v Customer>Good.\n"
    )
    conversations, problems = read(tmp_path, log, "call.vtt")
    assert shown(conversations) == [["u My line is dead. Since <Monday>.", "a I see.", "u Good."]]
    assert [turn.metadata for turn in conversations[0].turns] == [{"start": "00:01.000"}, *2 * [{"start": "00:04.000"}]]
    assert remarks(problems) == ["what is no cue is left out (1 note, 1 style)"]


def test_subrip_with_speakers_before_colons(tmp_path):
    log = (
        "1\n00:00:01,000 --> 00:00:02,000\nAgent: Hello,\nhow are you?\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\nMr Smith: Fine\n\n"
        "3\n00:00:05,000 --> 00:00:06,000\n<i>thanks</i>\n"
    )
    conversations, _ = read(tmp_path, log, "call.srt")
    assert shown(conversations) == [["a Hello, how are you?", "u Fine thanks"]]


def test_cues_without_speakers_are_refused(tmp_path):
    conversations, problems = read(tmp_path, "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "call.vtt")
    assert conversations == []
    assert problems[0].reason == "message 1 does not say who speaks"
