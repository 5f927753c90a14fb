"""Logs that can be read: every format, its layouts, roles, ids and metadata. Expected values by hand."""

import codecs
import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from inspect import isgenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.connectors import logs
from convexplain.connectors.logs import FieldMap, read_log
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.errors import Problem
from convexplain.types import Conversation, Turn


def write(folder, content, name="log.txt", encoding="utf-8"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(folder, content, name="log.txt", encoding="utf-8", **options):
    """The conversations and the problems of a log with this content."""
    problems: list[Problem] = []
    path = write(folder, content, name, encoding)
    return list(read_log(path, on_problem=problems.append, **options)), problems


def said(conversation):
    return [(turn.role, turn.content) for turn in conversation.turns]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
HI_SAID = [("user", "Hi"), ("assistant", "Hello")]
SHARE = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]


def test_public_surface():
    assert sorted(logs.__all__) == [
        *("DescribedFormat", "FieldMap", "JointRecords", "LOG_FORMATS", "LogFormat", "LogInspection", "MapProposal"),
        *("ParsedConversation", "ParsedRecord", "ParsedTurn", "UnreadableError", "check_reading", "inspect_log"),
        "read_log",
    ]


def test_is_lazy(tmp_path):
    path = write(tmp_path, lines({"messages": HI}) + "{broken\n")
    problems = []
    found = read_log(path, on_problem=problems.append)
    assert isgenerator(found)
    assert said(next(found)) == HI_SAID
    assert problems == []
    assert list(found) == []
    assert [problem.line for problem in problems] == [2]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        pytest.param(lines({"messages": HI}, {"messages": HI}), 2, id="jsonl"),
        pytest.param(lines({"messages": HI}).replace("\n", "\r\n\r\n"), 1, id="jsonl CRLF, blank lines"),
        pytest.param(json.dumps([{"messages": HI}] * 3), 3, id="array in one line"),
        pytest.param(json.dumps([{"messages": HI}] * 3, indent=2), 3, id="array indented"),
        pytest.param("[\n" + ",\n".join([json.dumps({"messages": HI})] * 2) + "\n]\n", 2, id="array, item a line"),
        pytest.param("[\n" + json.dumps({"messages": HI}) + ",\n]", 1, id="array with a comma too many"),
        pytest.param(json.dumps({"messages": HI}), 1, id="one object"),
        pytest.param(json.dumps({"messages": HI}, indent=4), 1, id="one object indented"),
        pytest.param(json.dumps({"messages": HI}, indent=4) * 2, 2, id="objects one after the other"),
        pytest.param(json.dumps(HI), 1, id="bare messages"),
        pytest.param(json.dumps(HI, indent=1), 1, id="bare messages indented"),
        pytest.param(lines(HI, HI), 2, id="bare messages a line"),
        pytest.param(json.dumps([HI, HI]), 2, id="array of bare messages"),
        pytest.param(json.dumps({"conversations": SHARE}), 1, id="sharegpt object"),
        pytest.param(json.dumps([{"conversations": SHARE}] * 2, indent=1), 2, id="sharegpt array"),
        pytest.param(json.dumps(SHARE), 1, id="sharegpt bare"),
        pytest.param(lines({"conversation": HI}), 1, id="conversation with role/content"),
        pytest.param(lines({"conversations": HI}), 1, id="conversations with role/content"),
        pytest.param(lines({"messages": SHARE}), 1, id="messages with from/value"),
        pytest.param(lines({"conversations": [{"role": "human", "value": "Hi"}, HI[1]]}), 1, id="a mixture"),
        pytest.param(lines({"turns": [{"speaker": "Customer", "text": "Hi"}, HI[1]]}), 1, id="turns with speaker/text"),
        pytest.param(lines({"messages": HI}, {"messages": HI}).replace("\n", ",\n"), 2, id="jsonl with commas"),
        pytest.param(json.dumps({"n": 2, "data": [{"messages": HI}] * 2}), 2, id="inside an object"),
        pytest.param(json.dumps({"conversations": [{"messages": HI}]}, indent=1), 1, id="inside conversations"),
        pytest.param(json.dumps({"data": [HI, SHARE]}), 2, id="bare messages inside an object"),
        pytest.param(json.dumps({"object": "list", "data": HI}), 1, id="one conversation inside an object"),
        pytest.param(lines({"data": [{"messages": HI}] * 2}, {"data": [HI]}), 3, id="pages of an API a line"),
        pytest.param(lines({"prompt": "Hi", "completion": "Hello"}), 1, id="prompt and completion"),
        pytest.param(lines({"prompt": HI[:1], "completion": HI[1:]}), 1, id="prompt and completion, messages"),
        pytest.param(lines({"prompt": "Hi", "response": "Hello"}), 1, id="prompt and response"),
    ],
)
def test_json_layouts(tmp_path, content, count):
    found, problems = read(tmp_path, content, "some.json")
    assert problems == []
    assert [said(item) for item in found] == [HI_SAID] * count
    assert [item.id for item in found] == [f"some-{number}" for number in range(1, count + 1)]
    assert {item.source for item in found} == {str(tmp_path / "some.json")}


def test_lines_of_different_shapes(tmp_path):
    pair = {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}
    found, problems = read(tmp_path, lines({"messages": HI}, {"conversations": SHARE}, pair), "mix.jsonl")
    assert problems == []
    assert [item.id for item in found] == ["mix-1", "mix-2", "mix-3-chosen", "mix-3-rejected"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": "a"}, ("user", "a")),
        ({"role": "developer", "content": "a"}, ("system", "a")),
        ({"role": "function", "name": "f", "content": "a"}, ("tool", "a")),
        ({"role": "tool", "content": "a", "tool_call_id": "c"}, ("tool", "a")),
        ({"role": "user", "content": [{"type": "text", "text": "a"}]}, ("user", "a")),
        ({"role": "user", "content": [{"type": "text", "value": "a"}]}, ("user", "a")),
        ({"role": "user", "content": [{"type": "text", "text": {"value": "a"}}]}, ("user", "a")),
        ({"role": "user", "content": ["a", {"type": "input_text", "text": "b"}]}, ("user", "a\nb")),
        (
            {
                "role": "user",
                "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {}}],
            },
            ("user", "See\n[image]"),
        ),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, ("user", "[audio]")),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, ("user", "[file]")),
        ({"role": "user", "content": [{"type": "hologram"}]}, ("user", "[hologram]")),
        ({"role": "user", "content": 42}, ("user", "42")),
        ({"role": "user", "content": {"content_type": "text", "parts": ["a", {"text": "b"}]}}, ("user", "a\nb")),
        ({"role": "user", "content": {"type": "text", "text": "a"}}, ("user", "a")),
        ({"role": "tool", "content": {"degrees": 20}}, ("tool", '{"degrees": 20}')),
        ({"role": "tool", "content": [{"type": "text", "content": "a"}, ["b"]]}, ("tool", "a\nb")),
        ({"role": "user", "content": None, "text": "a"}, ("user", "a")),
        ({"role": "assistant", "content": None, "refusal": "No."}, ("assistant", "No.")),
        ({"role": "assistant", "content": None, "audio": {"transcript": "la"}}, ("assistant", "la")),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                    {"id": "2", "type": "function", "function": {"name": "g", "arguments": {}}},
                ],
            },
            ("assistant", '[tool call f({"a": 1})]\n[tool call g({})]'),
        ),
        (
            {"role": "assistant", "content": "Wait.", "function_call": {"name": "f", "arguments": "{}"}},
            ("assistant", "Wait.\n[tool call f({})]"),
        ),
        (
            {"role": "tool", "content": [{"type": "tool_result", "content": [{"text": "a"}, 1]}]},
            ("tool", "a\n1"),
        ),
        ({"role": "assistant", "content": "", "tool_calls": ["f"]}, ("assistant", "[tool call]")),
        (
            {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}, {}]},
            ("assistant", "[tool call f()]\n[tool call ?()]"),
        ),
        (
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}]},
            ("assistant", '[tool call f({"a": 1})]'),
        ),
    ],
)
def test_openai_messages(tmp_path, message, expected):
    found, problems = read(tmp_path, lines({"messages": [message, *HI]}))
    assert problems == []
    assert said(found[0]) == [expected, *HI_SAID]


def test_openai_messages_that_are_missing_or_empty(tmp_path):
    messages = [None, {"content": ""}, {"role": "user", "content": None}, *HI]
    found, problems = read(tmp_path, lines({"messages": messages}))
    assert said(found[0]) == [("user", ""), *HI_SAID]
    assert [problem.reason for problem in problems] == [
        "log-1:0 is empty",
        "message 1 is missing",
        "message 2 is missing",
    ]


def test_names_moments_and_metadata_of_turns(tmp_path):
    messages = [
        {"role": "user", "name": "anna", "content": "Hi", "created_at": "2024-05-01T10:00:00Z", "weight": 0},
        {"role": "assistant", "content": "Hello", "timestamp": 1714557600, "time": "later"},
        {"role": "user", "content": "And?", "timestamp": "soon", "nothing": None},
    ]
    found, _ = read(tmp_path, lines({"messages": messages}))
    assert found[0].turns == (
        Turn("user", "Hi", "anna", datetime(2024, 5, 1, 10, tzinfo=UTC), {"weight": 0}),
        # 1714557600 s = 19844 days (2024-05-01) and 36000 s (10:00)
        Turn("assistant", "Hello", None, datetime(2024, 5, 1, 10, tzinfo=UTC), {"time": "later"}),
        Turn("user", "And?", None, None, {"timestamp": "soon"}),
    )


def test_metadata_of_records(tmp_path):
    record = {
        "id": 7,
        "messages": HI,
        "model": "m",
        "tags": ["a"],
        "tools": [{"name": "f" * 2000}],
        "steps": [{"name": "f" * 2000}],
        "long": "x" * 3000,
        "none": None,
        "session_id": "s",
    }
    found, problems = read(tmp_path, lines(record))
    assert problems == []
    assert found[0].id == "7"
    # The list of steps is more than 2,000 characters of JSON; tools and scalars may be longer.
    long = {"tools": record["tools"], "long": "x" * 3000}
    assert found[0].metadata == {"model": "m", "tags": ["a"], **long, "session_id": "s"}


@pytest.mark.parametrize("key", ["id", "conversation_id", "dialogue_id", "uuid", "session_id"])
def test_own_ids(tmp_path, key):
    found, _ = read(tmp_path, lines({key: "x1", "messages": HI}))
    assert (found[0].id, found[0].metadata) == ("x1", {})


def test_ids_that_come_again(tmp_path):
    pair = {
        "id": "a",
        "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
        "rejected": "\n\nHuman: Hi\n\nAssistant: No",
    }
    records = [
        {"id": "a", "messages": HI},
        {"id": "a", "messages": HI},
        pair,
        pair,
        {"id": "a", "messages": HI},
    ]
    found, problems = read(tmp_path, lines(*records))
    # The pair's own ids (a-chosen, a-rejected) are new the first time.
    expected = ["a", "a#2", "a-chosen", "a-rejected", "a#3-chosen", "a#3-rejected", "a#4"]
    assert [item.id for item in found] == expected
    assert found[4].metadata == {"pair": "a#3", "preferred": True}
    assert [(problem.line, problem.kept) for problem in problems] == [(2, True), (4, True), (5, True)]


@pytest.mark.parametrize(
    ("speaker", "role", "name"),
    [
        ("human", "user", None),
        ("Human", "user", None),
        ("gpt", "assistant", None),
        ("chatgpt", "assistant", "chatgpt"),
        ("bing", "assistant", "bing"),
        ("bard", "assistant", "bard"),
        ("system", "system", None),
        ("observation", "tool", None),
        ("function_call", "assistant", None),
        ("tool", "tool", None),
        ("end-user", "user", None),
    ],
)
def test_sharegpt_speakers(tmp_path, speaker, role, name):
    found, problems = read(tmp_path, lines({"conversations": [{"from": speaker, "value": "x"}, *SHARE]}))
    assert problems == []
    assert (found[0].turns[0].role, found[0].turns[0].name) == (role, name)


def test_sharegpt_system_and_tools(tmp_path):
    turns = [
        *SHARE,
        {"from": "function_call", "value": '{"name": "f"}'},
        {"from": "observation", "value": "1"},
    ]
    found, problems = read(tmp_path, lines({"system": "Be nice.", "tools": "[]", "conversations": turns}))
    assert problems == []
    assert [turn.role for turn in found[0].turns] == ["system", "user", "assistant", "assistant", "tool"]
    assert found[0].turns[0].content == "Be nice."
    assert found[0].turns[3].metadata == {"from": "function_call"}
    assert found[0].metadata == {"tools": "[]"}


def test_system_of_the_record_does_not_double_that_of_the_turns(tmp_path):
    turns = [{"from": "system", "value": "Be kind."}, *SHARE]
    found, _ = read(tmp_path, lines({"system": "Be nice.", "conversations": turns}))
    assert [turn.content for turn in found[0].turns] == ["Be kind.", "Hi", "Hello"]
    assert found[0].metadata == {"system": "Be nice."}


def test_sharegpt_missing_turns_are_told_and_kept(tmp_path):
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": ""}, None, {"from": "gpt"}, *SHARE]
    found, problems = read(tmp_path, lines({"conversations": turns}))
    assert [turn.content for turn in found[0].turns] == ["Hi", "", "", "Hi", "Hello"]
    assert [problem.reason for problem in problems] == [
        "log-1:1, log-1:2 are empty",
        "message 3 is missing",
    ]
    assert all(problem.kept and problem.line == 1 for problem in problems)


def test_hh(tmp_path):
    record = {
        "chosen": "\n\nHuman: Why?\nTell me. Human: no mark\n\nAssistant: Because\n\n1. of  "
        "\n\nHuman: Ah\n\nAssistant:",
        "rejected": "\n\nHuman: Why?\n\nAssistant:  Dunno",
        "source": "s",
    }
    found, problems = read(tmp_path, lines(record), "p.jsonl")
    assert said(found[0]) == [
        ("user", "Why?\nTell me. Human: no mark"),
        ("assistant", "Because\n\n1. of  "),
        ("user", "Ah"),
        ("assistant", ""),
    ]
    assert said(found[1]) == [("user", "Why?"), ("assistant", " Dunno")]
    assert [item.metadata for item in found] == [
        {"source": "s", "pair": "p-1", "preferred": True},
        {"source": "s", "pair": "p-1", "preferred": False},
    ]
    assert [problem.reason for problem in problems] == ["p-1-chosen:3 is empty"]


def test_hh_red_team_transcript(tmp_path):
    found, problems = read(tmp_path, lines({"transcript": "\n\nHuman: Hi\n\nAssistant: Hello", "rating": 4.0}), "r")
    assert problems == []
    assert (found[0].id, said(found[0]), found[0].metadata) == ("r-1", HI_SAID, {"rating": 4.0})


NO = {"role": "assistant", "content": "No"}
CHOSEN = [("user", "Hi"), ("assistant", "Hello")]
REJECTED = [("user", "Hi"), ("assistant", "No")]


@pytest.mark.parametrize(
    "record",
    [
        {"chosen": HI, "rejected": [HI[0], NO]},
        {"prompt": HI[:1], "chosen": HI[1:], "rejected": [NO]},
        {"prompt": "Hi", "chosen": HI, "rejected": [HI[0], NO]},  # the prompt is there twice
        {"prompt": "Hi", "chosen": HI, "rejected": [HI[0], NO], "messages": HI},
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        {"prompt": "\n\nHuman: Hi\n\nAssistant:", "chosen": " Hello", "rejected": " No"},
        {"chosen": SHARE, "rejected": [SHARE[0], {"from": "gpt", "value": "No"}]},
    ],
)
def test_preference_pairs(tmp_path, record):
    found, problems = read(tmp_path, lines({**record, "score": 2}), "p.jsonl")
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("p-1-chosen", CHOSEN), ("p-1-rejected", REJECTED)]
    assert found[1].metadata["preferred"] is False
    assert found[1].metadata["score"] == 2


def test_a_system_text_goes_before_a_prompt(tmp_path):
    found, _ = read(tmp_path, lines({"system": "Be nice.", "prompt": "Hi", "completion": "Hello"}))
    assert said(found[0]) == [("system", "Be nice."), *HI_SAID]


ROWS = [
    {"conversation_id": "a", "turn": 2, "role": "assistant", "content": "Hello", "model": "m"},
    {"conversation_id": 2, "turn": 1, "role": "user", "content": "Hi"},
    {"conversation_id": "a", "turn": 1, "role": "user", "content": "Hi"},
    {"conversation_id": 2, "turn": 2, "role": "assistant", "content": None, "tool_calls": [{"name": "f"}]},
    {"conversation_id": "a", "turn": 3, "role": "user", "content": " "},
]


@pytest.mark.parametrize(
    "content", [lines(*ROWS), json.dumps(ROWS), json.dumps(ROWS, indent=1), json.dumps({"data": ROWS}), lines(ROWS)]
)
def test_messages_by_themselves(tmp_path, content):
    found, problems = read(tmp_path, content, "m.jsonl")
    assert [(item.id, said(item)) for item in found] == [
        ("a", [*HI_SAID, ("user", " ")]),
        ("2", [("user", "Hi"), ("assistant", "[tool call f()]")]),
    ]
    assert found[0].turns[1].metadata == {"model": "m"}
    assert [problem.kept for problem in problems] == [True]
    assert "is empty" in problems[0].reason


def test_messages_by_themselves_that_are_one_conversation(tmp_path):
    found, problems = read(tmp_path, lines(*HI), "one.jsonl")
    assert [(item.id, said(item)) for item in found] == [("one-1", HI_SAID)]
    assert [(problem.kept, "read as one" in problem.reason) for problem in problems] == [(True, True)]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize(
    "header",
    [
        ("conversation_id", "turn", "role", "content"),
        ("dialogue_id", "turn_index", "speaker", "utterance"),
        ("Session", "Position", "Sender", "Message"),
        ("thread_id", "index", "author", "text"),
    ],
)
def test_table_columns_by_their_usual_names(tmp_path, header, delimiter):
    rows = [
        header,
        ("b", "2", "bot", "Hello"),
        ("a", "1", "user", "Hi"),
        ("b", "1", "user", "Hi"),
        ("a", "2", "AI", "Hello"),
    ]
    found, problems = read(tmp_path, "\n".join(map(delimiter.join, rows)), "t.csv")
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("b", HI_SAID), ("a", HI_SAID)]


def test_table_cells(tmp_path):
    content = (
        "conversation_id,role,speaker,content,created_at,score\r\n"
        '1,user,Anna,"Hi, ""you""\nthere",2024-05-01T10:00:00,3\r\n'
        "\r\n"
        "1,assistant,,Hello,someday,\r\n"
        "1,user,Anna\r\n"
    )
    found, problems = read(tmp_path, content, "t.csv")
    assert found == [
        Conversation(
            "1",
            (
                Turn("user", 'Hi, "you"\nthere', "Anna", datetime(2024, 5, 1, 10), {"score": "3"}),
                Turn("assistant", "Hello", None, None, {"created_at": "someday"}),
                Turn("user", "", "Anna"),
            ),
            str(tmp_path / "t.csv"),
        )
    ]
    # The row after the quoted line end is line 5: 1 names, 2-3 first row, 4 blank, 5 Hello, 6 the short row.
    assert [problem.reason for problem in problems] == [
        "1 of 2 values of 'created_at' were not read as times (the first is 'someday'): they are metadata of their "
        "turns. Times are read as 2025-12-31 14:05, 31.12.2025 14:05, or seconds since 1970. If another field holds "
        "the times, write at=FIELD in the --map",
        "1:2 is empty",
        "the column 'created_at' does not order its rows (not all are numbers or moments); "
        "they are in the order of the file",
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("10", "9"), ["second", "first"]),
        (("1.5", "1.25"), ["second", "first"]),
        (("1", "1"), ["first", "second"]),
        (("2024-05-01T10:00:00Z", "2024-05-01T11:59:00+02:00"), ["second", "first"]),  # 10:00 and 9:59 UTC
        (("2024-05-02", "2024-05-01"), ["second", "first"]),
        (("1714557600", "1714557599000"), ["first", "second"]),  # numbers are not looked at as moments
    ],
)
def test_table_order(tmp_path, cells, expected):
    content = f"session,timestamp,role,text\n1,{cells[0]},user,first\n1,{cells[1]},user,second\n"
    found, problems = read(tmp_path, content, "t.csv")
    assert problems == []
    assert [turn.content for turn in found[0].turns] == expected


def test_table_with_given_columns(tmp_path):
    content = "chat;who said;what;no;called;when\nx;p1;Hello;2;Bo;2024-05-01\nx;p2;Hi;1;Anna;\n"
    columns = FieldMap("who said", "what", "chat", order="no", name="called", at="when")
    found, problems = read(tmp_path, content, map=columns, assistant=["bo"])
    assert problems == []
    assert found[0].turns == (
        Turn("user", "Hi", "Anna"),
        Turn("assistant", "Hello", "Bo", datetime(2024, 5, 1)),
    )
    with pytest.raises(FrozenInstanceError):
        columns.role = "x"


def test_table_that_is_one_conversation(tmp_path):
    columns = FieldMap("role", "content")
    found, problems = read(tmp_path, "role,content\nuser,Hi\nassistant,Hello\n", "one.csv", map=columns)
    assert problems == []
    assert (found[0].id, said(found[0])) == ("one-1", HI_SAID)


def test_table_without_a_column_for_the_conversation(tmp_path):
    content = "sender,text,timestamp\nAgent,Hello,2024-05-01 10:01\nAnna,Hi,2024-05-01 10:00\n"
    found, problems = read(tmp_path, content, "one.csv")
    assert [(item.id, said(item)) for item in found] == [("one-1", HI_SAID)]
    assert [(problem.kept, "read as one" in problem.reason) for problem in problems] == [(True, True)]


def test_table_of_excel(tmp_path):
    content = 'sep=;\r\nSession;Role;Text\r\n1;user;"Hi; ""you"",\nthere"\r\n1;agent;für Sie\r\n'
    found, problems = read(tmp_path, content, "t.csv", encoding="cp1252")
    assert said(found[0]) == [("user", 'Hi; "you",\nthere'), ("assistant", "für Sie")]
    assert [problem.reason for problem in problems] == ["is not UTF-8; read as cp1252, which is a guess"]


PLAIN = """\
=== first ===
User: Hi
there

friend
---
Assistant: Hello
--- number two ---
**Human:** Why?
**Assistant:** So.
# Conversation 3
用户：你好
助手：您好
"""


def test_plain(tmp_path):
    found, problems = read(tmp_path, PLAIN)
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [
        ("first", [("user", "Hi\nthere\n\nfriend"), ("assistant", "Hello")]),
        ("number two", [("user", "Why?"), ("assistant", "So.")]),
        ("3", [("user", "你好"), ("assistant", "您好")]),
    ]


def test_plain_keeps_rules_and_other_words_inside_a_turn(tmp_path):
    content = "User:\nHow?\nAssistant: Thus:\n---\nNote: it helps\nHere is why: x\n\nUser: see http://x.y\n"
    found, problems = read(tmp_path, content)
    assert said(found[0]) == [
        ("user", "How?"),
        ("assistant", "Thus:\n---\nNote: it helps\nHere is why: x"),
        ("user", "see http://x.y"),
    ]
    assert [(problem.reason, problem.kept) for problem in problems] == [
        ("lines that begin with 'Note', 'Here is why' and a colon were read as text of the turn before", True)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("User: Hi\nAnna: Hello\n", [("user", "Hi"), ("assistant", "Hello")]),
        ("=== x ===\nUser: Hi\n", [("user", "Hi")]),
        ("[User]: Hi\n[Bot]: Hello\n", HI_SAID),
        ("User:Hi\nBot :Hello\n", HI_SAID),
        ("**User:** Hi\n\n**Assistant**: Hello\n", HI_SAID),
        ("### User:\nHi\n\n### Assistant:\n\nHello\n", HI_SAID),
        ("Kunde: Hi\nBerater: Hello\n", HI_SAID),
        ("Anna (Customer): Hi\nBen (Agent): Hello\n", HI_SAID),
        ("Customer (Anna): Hi\nAgent (Ben): Hello\n", HI_SAID),
        ("[10:31] **User:** Hi\n[10:32] **Agent**: Hello\n", HI_SAID),
        ("User: " + "long text\n" * 10_000 + "Bot: Hello\n", None),
    ],
)
def test_plain_is_recognised(tmp_path, content, expected):
    found, problems = read(tmp_path, content)
    assert problems == []
    assert [role for role, _ in said(found[0])] == [role for role, _ in expected or HI_SAID]
    assert expected is None or said(found[0]) == expected


def test_plain_turns_without_text(tmp_path):
    found, problems = read(tmp_path, "User: Hi\nBot:\n\n---\nUser: Hm\n")
    assert said(found[0]) == [("user", "Hi"), ("assistant", ""), ("user", "Hm")]
    assert [problem.reason for problem in problems] == ["log-1:1 is empty"]


def test_plain_text_before_the_first_speaker_is_told(tmp_path):
    found, problems = read(tmp_path, "# Chat\nOn Monday.\nUser: Hi\nAssistant: Hello\n")
    assert said(found[0]) == HI_SAID
    assert [problem.reason for problem in problems] == ["text before the first speaker was left out (lines: 1)"]


@pytest.mark.parametrize(
    ("stamps", "moments"),
    [
        (("[31.12.23, 23:59:01]", "[01.01.24, 00:00:00]"), ((2023, 12, 31, 23, 59, 1), (2024, 1, 1))),
        (("12/31/23, 11:59 PM -", "1/1/24, 12:00 AM -"), ((2023, 12, 31, 23, 59), (2024, 1, 1))),
        (
            ("31/12/2023, 11:59 p. m. -", "01/01/2024, 12:30 p. m. -"),
            ((2023, 12, 31, 23, 59), (2024, 1, 1, 12, 30)),
        ),
        (("2023-12-31 23:59:01", "2024-01-01 00:00:00"), ((2023, 12, 31, 23, 59, 1), (2024, 1, 1))),
        (("\u200e[31.12.23, 23:59:01]", "[01.01.24, 00:00:00]"), ((2023, 12, 31, 23, 59, 1), (2024, 1, 1))),
        (("1/2/24, 10:00 -", "3/4/24, 10:00 -"), None),
        (("1/2/24, 10:00 -", "31/31/24, 10:00 -"), None),
    ],
)
def test_dated_lines(tmp_path, stamps, moments):
    content = f'{stamps[0]} Anna: Hi: you\nthere: too\n{stamps[1]} Anna changed it to "a: b"\n{stamps[1]} Bot: Hello\n'
    found, problems = read(tmp_path, content)
    assert [problem.reason for problem in problems] == ["what the chat program itself wrote was left out (lines: 1)"]
    turns = found[0].turns
    assert said(found[0]) == [("user", "Hi: you\nthere: too"), ("assistant", "Hello")]
    assert turns[0].name == "Anna"
    if moments is None:  # day and month cannot be told apart
        assert [turn.at for turn in turns] == [None, None]
        assert turns[0].metadata == {"at": "1/2/24 10:00"}
    else:
        assert [turn.at for turn in turns] == [datetime(*parse_timestamp) for parse_timestamp in moments]


@pytest.mark.parametrize(
    "content",
    [
        "Customer (10:31): Hi: 9:30\n10:30 suits me: yes\nAgent (10:32): Hello\n",
        "[10:31] Customer: Hi: 9:30\n10:30 suits me: yes\n\n[10:32] Agent: Hello\n",
        "10:31 Customer: Hi: 9:30\n[10:30] suits me: yes\n10:32 Agent: Hello\n",
    ],
)
def test_times_without_a_date(tmp_path, content):
    found, problems = read(tmp_path, content)
    assert problems == []
    assert [turn.role for turn in found[0].turns] == ["user", "assistant"]
    assert found[0].turns[0].content.startswith("Hi: 9:30\n")
    assert [(turn.at, turn.metadata) for turn in found[0].turns] == [(None, {"at": "10:31"}), (None, {"at": "10:32"})]


def test_moments_after_the_speaker(tmp_path):
    found, _ = read(tmp_path, "User [2024-05-01 10:31]: Hi\nMaria (2024-05-01 10:32): Hello\n")
    assert [(turn.role, turn.at) for turn in found[0].turns] == [
        ("user", datetime(2024, 5, 1, 10, 31)),
        ("assistant", datetime(2024, 5, 1, 10, 32)),
    ]


def test_a_date_that_is_none_stays_text(tmp_path):
    found, problems = read(tmp_path, "31.02.24, 10:00 - User: Hi\n01.03.24, 10:00 - Bot: Hello\n")
    assert problems == []
    assert found[0].turns == (
        Turn("user", "Hi", None, None, {"at": "31.02.24 10:00"}),
        Turn("assistant", "Hello", None, datetime(2024, 3, 1, 10)),
    )


@pytest.mark.parametrize(
    ("speakers", "assistant", "expected"),
    [
        (("user", "Anna"), (), ("user", "assistant")),
        (("Anna", "assistant"), (), ("user", "assistant")),
        (("system", "user", "Anna"), (), ("system", "user", "assistant")),
        (("Anna", "Ben"), ("anna",), ("assistant", "user")),
        (("Anna", "Ben"), "Anna", ("assistant", "user")),
        (("Anna", "Ben", "Cleo"), ("Anna",), ("assistant", "user", "user")),
        (("Anna", "user", "Ben"), ("Anna", "BEN"), ("assistant", "user", "assistant")),
        (("user", "critic"), ("user",), ("assistant", "user")),  # what the caller says goes before the table
        (("Anna",), ("Anna",), ("assistant",)),
        (("user",), (), ("user",)),
    ],
)
def test_roles_of_unknown_speakers(tmp_path, speakers, assistant, expected):
    record = {"messages": [{"role": speaker, "content": "x"} for speaker in speakers]}
    found, problems = read(tmp_path, lines(record), assistant=assistant)
    assert problems == []
    assert tuple(turn.role for turn in found[0].turns) == expected
    names = tuple(None if speaker in ("user", "assistant", "system") else speaker for speaker in speakers)
    assert tuple(turn.name for turn in found[0].turns) == names


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_encodings(tmp_path, encoding, mark, name):
    content = {
        "a.csv": "session,role,text\n1,user,Grüße 🎈\n1,bot,ok\n",
        "a.jsonl": '{"messages": [{"role": "user", "content": "Grüße 🎈"}, {"role": "bot", "content": "ok"}]}\n',
        "a.txt": "User: Grüße 🎈\nBot: ok\n",
    }[name]
    for text in (content, content.replace("\n", "\r\n"), content.replace("\n", "\r")):
        found, problems = read(tmp_path, mark + text.encode(encoding), name)
        assert problems == []
        assert [said(item) for item in found] == [[("user", "Grüße 🎈"), ("assistant", "ok")]]


def test_another_encoding_is_guessed_and_told(tmp_path):
    text = "Вы можете вернуть товар в течение четырнадцати дней после покупки. " * 5
    found, problems = read(tmp_path, f"User: Что?\nAssistant: {text}\n", encoding="cp1251")
    assert found[0].turns[1].content.strip() == text.strip()
    assert [(problem.line, problem.kept) for problem in problems] == [(None, True)]
    assert "cp1251" in problems[0].reason


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Kunde: Das ist ärgerlich, wo bleibt es?\nBerater: Ich prüfe das für Sie.\n", "cp1252"),
        ("User: J’ai reçu un colis abîmé à cause du transporteur.\nAgent: Désolé.\n", "cp1252"),
        ("User: Hola, ¿dónde está mi envío?\nAgent: Permítame comprobarlo, señor.\n", "cp1252"),
    ],
)
def test_short_western_texts(tmp_path, text, encoding):
    found, _ = read(tmp_path, text, encoding=encoding)
    assert [turn.content for turn in found[0].turns] == [line.partition(": ")[2] for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["big.jsonl", "big.json", "big.csv", "big.txt"])
def test_long_turns(tmp_path, name):
    # 10 MB on one line for the line format, 1 MB for the others.
    text, quote = 'x" \\ é\n' * (1_500_000 if name == "big.jsonl" else 150_000), '"'
    content = {
        "big.jsonl": lines({"messages": [{"role": "user", "content": text}, *HI]}, {"messages": HI}),
        "big.json": json.dumps([{"messages": [{"role": "user", "content": text}, *HI]}, {"messages": HI}]),
        "big.csv": f'session,role,text\n1,user,"{text.replace(quote, quote * 2)}"\n1,user,Hi\n1,bot,Hello\n2,bot,x\n',
        "big.txt": f"=== a ===\nUser: {text}User: Hi\nBot: Hello\n=== b ===\nUser: x\n",
    }[name]
    found, problems = read(tmp_path, content, name)
    assert problems == []
    assert len(found) == 2
    # The line end at the end of a plain turn is layout.
    assert found[0].turns[0].content == (text if name != "big.txt" else text.rstrip("\n"))
    assert said(found[0])[1:] == HI_SAID


@pytest.mark.slow
def test_records_across_the_chunks_of_a_document(tmp_path):
    # 4,000 records of over 100 characters are several chunks of 65,536; brackets and quotes inside strings.
    records = [
        {"id": str(n), "messages": [{"role": "user", "content": 'a "}]\\ ' * (n % 40) + str(n)}]} for n in range(4000)
    ]
    for content in (json.dumps(records), json.dumps(records, indent=1), "".join(map(json.dumps, records))):
        found, problems = read(tmp_path, content, "a.json")
        assert problems == []
        assert [item.id for item in found] == [record["id"] for record in records]
        assert all(
            item.turns[0].content == record["messages"][0]["content"]
            for item, record in zip(found, records, strict=True)
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-01", datetime(2024, 5, 1)),
        ("20240501", datetime(2024, 5, 1)),
        ("2024-05-01T10:00:00.5Z", datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        (1714557600, datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (1714557600.5, datetime(2024, 5, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("1714557600", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (1714557600000, datetime(2024, 5, 1, 10, tzinfo=UTC)),
        (3, None),
        (True, None),
        (float("nan"), None),
        (10**400, None),
        ("10:23", None),
        ("yesterday", None),
        ("\ud800", None),
        (["2024-05-01"], None),
    ],
)
def test_moments(value, expected):
    assert parse_timestamp(value) == expected


contents = st.text(st.characters(codec=None), min_size=1).filter(str.strip)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), contents), min_size=1))
def test_openai_messages_come_back(tmp_path_factory, turns):
    record = {"messages": [{"role": role, "content": content} for role, content in turns]}
    folder = tmp_path_factory.mktemp("back")
    for content in (json.dumps(record), json.dumps([record], indent=1), json.dumps(record["messages"])):
        found, problems = read(folder, content)
        assert problems == []
        assert [said(item) for item in found] == [turns]
    # Written without escapes only what UTF-8 can hold can be written.
    raw = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
    assert [said(item) for item in read(folder, raw)[0]] == [
        [(role, content.encode("utf-8", "replace").decode()) for role, content in turns]
    ]
