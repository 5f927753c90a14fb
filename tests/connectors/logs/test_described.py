"""Formats that are described by paths."""

import json

import pytest

from convexplain.connectors.logs import DescribedFormat
from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.paths import as_word, has_key, holds, value_at, values_at

from .reading import read

RECORD = {
    "a": {"b": [{"c": 1, "d": None}, {"c": 2, "d": " "}], "e": ""},
    "f": {"x": {"g": "one"}, "y": {"g": "two"}},
    "no": False,
    "n": 3,
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("", [RECORD]),
        ("n", [3]),
        ("a.b[*].c", [1, 2]),
        ("a.b[1].c", [2]),
        ("a.b[7].c", []),
        ("a.b[*].d", [" "]),
        ("f[*].g", ["one", "two"]),
        ("missing|n", [3]),
        ("a.b.c", []),
        ("n.c[*]", []),
    ],
)
def test_values_at_a_path(path, values):
    assert values_at(RECORD, path) == values


@pytest.mark.parametrize(("path", "value"), [("a.e|n", 3), ("a.b[*].d", None), ("no", False), ("missing", None)])
def test_first_value_at_a_path_skips_nulls_and_blanks(path, value):
    assert value_at(RECORD, path) is value


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("n", True),
        ("no", False),
        ("!no", True),
        ("!n", False),
        ("!missing", False),
        ("n=3", True),
        ("n=4", False),
        ("no=false", True),
        ("n!=3", False),
        ("n!=4", True),
        ("missing!=4", True),
        ("f[*].g=two", True),
    ],
)
def test_conditions(condition, expected):
    assert holds(RECORD, condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("a.b[*].d", True), ("no", True), ("missing", False), ("n=3", True), ("n=4", False), ("a.b[*].z", False)],
)
def test_keys_of_a_record(condition, expected):
    assert has_key(RECORD, condition) is expected


def test_words_of_values():
    assert list(map(as_word, [True, False, 3, 0.5, " a ", None, [], {}])) == [
        "true",
        "false",
        "3",
        "0.5",
        "a",
        "",
        "",
        "",
    ]


@pytest.fixture
def read_described(tmp_path, monkeypatch):
    """Return a reader of records by a described format."""

    def read_records(description, *records):
        log_format = description.log_format()
        monkeypatch.setattr("convexplain.connectors.logs.engine.registry.ranked_formats", lambda: (log_format,))
        monkeypatch.setattr("convexplain.connectors.logs.engine.records.ranked_formats", lambda: (log_format,))
        return read(tmp_path, "\n".join(map(json.dumps, records)), "log.jsonl")

    return read_records


def turns(conversation):
    return [(turn.role, turn.name, turn.content) for turn in conversation.turns]


DESK = DescribedFormat(
    "desk",
    "Tickets of a desk.",
    "",
    keys=("ticket.id", "events[*].body"),
    turns="events[*]",
    role="author.staff",
    roles={"true": "assistant", "false": "user"},
    content="body",
    html=True,
    attachments="files[*]",
    speaker_name="author.name",
    at="sent",
    id="ticket.id",
    system="greeting",
    left_out={"private": "internal notes", "kind=status": "changes of status"},
    labels=(LabelField("stars", "stars", {"1": 0.0, "2": 1.0}, "helpfulness"),),
)
TICKET = {
    "ticket": {"id": 7, "subject": "Cable"},
    "greeting": "Be kind.",
    "events": [
        {"author": {"staff": False, "name": "Ann"}, "body": "<p>My cable <b>broke</b></p>", "sent": 1700000000, "x": 1},
        {"author": {"staff": True, "name": "Ben"}, "body": "an old hand", "private": True},
        {"author": {"staff": True, "name": "Ben"}, "body": "moved", "kind": "status"},
        {"author": {"staff": True, "name": "Ben"}, "body": "Sent", "files": [{"name": "a.pdf"}], "stars": 2},
        {"author": {"staff": True, "name": "Ben"}, "body": " "},
        "gone",
    ],
}


def test_a_described_record(read_described):
    (conversation,), problems = read_described(DESK, TICKET)
    assert conversation.id == "7"
    assert conversation.metadata == {"ticket": {"id": 7, "subject": "Cable"}}
    assert turns(conversation) == [
        ("system", None, "Be kind."),
        ("user", "Ann", "My cable broke"),
        ("assistant", "Ben", "Sent\n[file: a.pdf]"),
    ]
    assert conversation.turns[1].at.year == 2023
    assert conversation.turns[1].metadata == {"author": {"staff": False, "name": "Ann"}, "x": 1}
    assert conversation.turns[2].metadata["ratings"] == [
        {"name": "stars", "rubric": "helpfulness", "score": 1.0, "label": "2"}
    ]
    (remark,) = problems
    assert remark.kept
    assert remark.reason == (
        "left out: 1 internal note, 1 change of status, 1 message without text, 1 message that is no object"
    )


def test_a_record_without_the_keys_is_no_record():
    log_format = DESK.log_format()
    assert log_format.is_record(TICKET)
    assert not log_format.is_record({**TICKET, "ticket": {}})
    assert not log_format.is_record({**TICKET, "events": []})
    assert not log_format.is_record([TICKET])


def test_several_conversations_in_a_record_have_their_own_ids(read_described):
    chats = DescribedFormat(
        "chats", "Chats.", "", keys=("history",), conversations="history[*]", turns="messages[*]", content="content"
    )
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    history = [
        {"id": "a", "name": "A", "messages": messages},
        {"id": "b", "messages": messages},
        {"messages": messages},
    ]
    conversations, problems = read_described(chats, {"history": history})
    assert [conversation.id for conversation in conversations] == ["a", "b", "log-1"]
    assert conversations[0].metadata == {"name": "A"}
    assert problems == []


def test_an_exchange_is_several_turns_of_an_object(read_described):
    pairs = DescribedFormat(
        "pairs", "Pairs.", "", keys=("ask",), exchange=(("system", "how"), ("user", "ask"), ("assistant", "reply[*].v"))
    )
    (conversation,), _ = read_described(pairs, {"ask": "Q?", "how": "", "reply": [{"v": "A"}, {"v": "B"}], "n": 1})
    assert turns(conversation) == [("user", None, "Q?"), ("assistant", None, "A\nB")]
    assert conversation.metadata == {"n": 1}


def test_records_that_are_parts_of_a_conversation_are_grouped_and_ordered(read_described):
    rows = DescribedFormat(
        "rows", "Rows.", "", keys=("chat", "who"), group="chat", role="who", content="text", order="place"
    )
    conversations, problems = read_described(
        rows,
        {"chat": "a", "who": "bot", "text": "Hello", "place": 2},
        {"chat": 5, "who": "user", "text": "Hey", "place": 1},
        {"chat": "a", "who": "user", "text": "Hi", "place": 1},
        {"chat": None, "who": "user", "text": "Lost", "place": 1},
    )
    assert [(conversation.id, turns(conversation)) for conversation in conversations] == [
        ("a", [("user", None, "Hi"), ("assistant", None, "Hello")]),
        ("5", [("user", None, "Hey")]),
    ]
    assert [(problem.line, problem.reason) for problem in problems] == [(4, "a message without a 'chat'")]


def test_messages_by_themselves_are_one_conversation(read_described):
    agents = DescribedFormat(
        "agents", "Agents.", "", keys=("source", "type=TextMessage"), messages=True, turns="[*]", role="source"
    )
    message = {"type": "TextMessage", "content": "Hi"}
    (conversation,), problems = read_described(agents, {**message, "source": "user"}, {**message, "source": "bot"})
    assert turns(conversation) == [("user", None, "Hi"), ("assistant", None, "Hi")]
    assert [problem.reason for problem in problems] == [
        "no key tells conversations apart: the whole file was read as one. If it holds several conversations, name the "
        "key that tells them apart: --map 'role=…, content=content, id=KEY'"
    ]
