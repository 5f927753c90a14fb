"""Maps of fields: their text form, and how records of any shape are read by one."""

import json

import pytest

from convexplain.connectors.logs import FieldMap, read_log
from convexplain.connectors.logs.engine.field_map import field_path, path_text
from convexplain.errors import LogError, UsageError

from .reading import HI_SAID, read, said

PAIR = "user=q, assistant=a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("role=who, content=msg", FieldMap("who", "msg")),
        ("conversation=chat,role=who,content=msg", FieldMap("who", "msg", "chat")),
        (" turns = t[*] , role= a.b ,content=c", FieldMap("a.b", "c", turns="t[*]")),
        ("question=q, answer=a", FieldMap(user=("q",), assistant=("a",))),
        ("role=r, content=c, assistant=A, assistant=B", FieldMap("r", "c", assistant=("A", "B"))),
        ("turns=[a, b][], role=r, content=c", FieldMap("r", "c", turns="[a, b][]")),
        ('role="who, said", content=c', FieldMap('"who, said"', "c")),
        ("role=who's, content=c", FieldMap("who's", "c")),
        ("records=items[?kind=='chat']", FieldMap(records="items[?kind=='chat']")),
        ("turns=said, content=@, first=user", FieldMap(content="@", turns="said", first="user")),
    ],
)
def test_text_form(text, expected):
    assert FieldMap.parse(text) == expected
    assert FieldMap.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid at ''"),
        ("role", "not valid at 'role'"),
        ("role=", "not valid at 'role='"),
        ("rolle=a, content=b", "the parts are table, records, turns, role, content, user,"),
        ("role=a,b, content=c", "not valid at 'b'"),
        ("role=a, role=b, content=c", "role=… stands there twice"),
        ("role=a", "it needs content=…, the text"),
        ("content=a", "it needs role=…, the speaker"),
        ("id=a", "write role=… and content=…, or user=… and assistant=…"),
        ("user=a", "it needs one user=… and one assistant=…"),
        ("user=a, user=b, assistant=c", "it needs one user=… and one assistant=…"),
        ("role=a, content=b, first=user", "first=… is for turns that alternate"),
        ("turns=a, content=b, first=bot", "first=bot is no side"),
        ("content=b, first=user", "first=… needs turns=…"),
    ],
)
def test_maps_that_are_not_valid(text, reason):
    with pytest.raises(UsageError) as caught:
        FieldMap.parse(text)
    assert reason in str(caught.value)


CHAT = [{"who": "client", "words": "Hi"}, {"who": "bot", "words": "Hello"}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"log": CHAT}, "turns=log, role=who, content=words"),
        ({"log": CHAT}, "turns=log[*], role=who, content=words"),
        ({"log": json.dumps(CHAT)}, "turns=log, role=who, content=words"),
        ({"log": {"m1": CHAT[0], "m2": CHAT[1]}}, "turns=log.*, role=who, content=words"),
        ({"a": {"b": [{"log": CHAT}]}}, "records=a.b, turns=log, role=who, content=words"),
        ({"a": {"log": CHAT}}, "records=a, turns=log, role=who, content=words"),
        ({"x": CHAT}, "records=entries(@), turns=value, role=who, content=words, id=key"),
        (CHAT, "role=who, content=words"),
        (
            {"log": [{"m": {"by": "user", "t": "Hi"}}, {"m": {"by": "ai", "t": "Hello"}}]},
            "turns=log, role=m.by, content=m.t",
        ),
        (
            {"log": [{"by": 7, "t": "Hi"}, {"by": 9, "t": "Hello"}]},
            "turns=log, role=by, content=t, user=7, assistant=9",
        ),
        (
            {"log": [{"bot": False, "t": "Hi"}, {"bot": True, "t": "Hello"}]},
            "turns=log, role=bot, content=t, assistant=true",
        ),
        ({"log": [{"by": "AGENT 1", "t": "Hello"}, {"by": "x", "t": "Hi"}], "n": 1}, None),
        ({"log": [["user", "Hi"], ["bot", "Hello"]]}, "turns=log, role=[0], content=[1]"),
        ({"log": "User: Hi\nBot: Hello"}, "turns=log"),
        ({"log": json.dumps({"parts": CHAT})}, "turns=log.parts, role=who, content=words"),
        ({"log": [{"m": json.dumps(turn)} for turn in CHAT]}, "turns=log, role=m.who, content=m.words"),
        ({"q": "Hi", "a": "Hello"}, PAIR),
        ({"log": [{"q": "Hi", "a": "Hello"}]}, f"turns=log, {PAIR}"),
        ({"log": [["Hi", "Hello"]]}, "turns=log, user=[0], assistant=[1]"),
        ({"q": ["Hi"], "a": ["Hello"]}, PAIR),
        ({"by": ["user", "bot"], "t": ["Hi", "Hello"]}, "turns=@, role=by, content=t"),
        ({"log": ["Hi", "Hello"]}, "turns=log, content=@, first=user"),
        (
            {
                "log": {
                    "L": [
                        {"M": {"who": {"S": "user"}, "t": {"S": "Hi"}}},
                        {"M": {"who": {"S": "bot"}, "t": {"S": "Hello"}}},
                    ]
                }
            },
            "turns=log, role=who, content=t",
        ),
        (
            {"e": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}},
            "records=e",
        ),
    ],
)
def test_a_record_by_a_map(tmp_path, value, text):
    if text is None:
        text, expected = "turns=log, role=by, content=t, assistant=AGENT 1", [("assistant", "Hello"), ("user", "Hi")]
    else:
        expected = HI_SAID
    found, problems = read(tmp_path, json.dumps(value), "a.json", map=text)
    assert [said(conversation) for conversation in found] == [expected]
    assert problems == []


def test_ids_times_order_names_and_what_remains(tmp_path):
    record = {
        "meta": {"call": 7, "shop": "B"},
        "log": [
            {"who": "bot", "t": "Hello", "ts": "2024-05-01T10:01:00", "by": "Mia", "mood": "good"},
            {"who": "client", "t": "Hi", "ts": "2024-05-01T10:00:00", "by": ""},
        ],
    }
    text = "turns=log, role=who, content=t, id=meta.call, at=ts, order=ts, name=by"
    (conversation,), problems = read(tmp_path, json.dumps(record), "a.json", map=text)
    assert (conversation.id, conversation.metadata) == ("7", {"meta": {"shop": "B"}})
    assert [(turn.name, turn.at.minute, turn.metadata) for turn in conversation.turns] == [
        (None, 0, {}),
        ("Mia", 1, {"mood": "good"}),
    ]
    assert problems == []


def test_rows_of_one_id_are_a_conversation(tmp_path):
    rows = [
        {"c": "x", "who": "user", "t": "Hi", "n": 2},
        {"c": "y", "who": "user", "t": "Yes"},
        {"c": "x", "who": "system", "t": "Be kind.", "n": 1},
        {"c": "x", "who": "bot", "t": "Hello", "n": 3},
        {"who": "bot", "t": "lost"},
        {"c": "y", "t": "nobody"},
    ]
    content = "\n".join(map(json.dumps, rows))
    found, problems = read(tmp_path, content, "a.jsonl", map="id=c, role=who, content=t, order=n")
    assert [(conversation.id, said(conversation)) for conversation in found] == [
        ("x", [("system", "Be kind."), *HI_SAID]),
        ("y", [("user", "Yes")]),
    ]
    assert [(problem.line, problem.reason) for problem in problems][:2] == [
        (5, "the record has no 'c'; there are 'who', 't'"),
        (6, "the record has no 'who'; there are 'c', 't'"),
    ]


def test_questions_of_one_id_and_a_system_text(tmp_path):
    rows = [
        {"s": 1, "q": "Hi", "a": "Hello", "sys": "Be kind."},
        {"s": 1, "q": "Well?", "a": "Yes.", "sys": "Be kind."},
    ]
    content = "\n".join(map(json.dumps, rows))
    (conversation,), problems = read(tmp_path, content, "a.jsonl", map=f"{PAIR}, id=s, system=sys")
    assert said(conversation) == [("system", "Be kind."), *HI_SAID, ("user", "Well?"), ("assistant", "Yes.")]
    assert problems == []


@pytest.mark.parametrize(
    ("value", "text", "reason"),
    [
        ({"log": CHAT}, "turns=messages, role=who, content=words", "the record has no 'messages'; there are 'log'"),
        ({"log": CHAT}, "turns=log, role=role, content=words", "the turn has no 'role'; there are 'who', 'words'"),
        ({"log": CHAT}, "records=nowhere, turns=log, role=who, content=words", "the value has no 'nowhere'"),
        (["text", "text"], "turns=log, role=who, content=words", "the record has no 'log': it is no object"),
        ({"q": ["a", "b", "c"], "a": ["d"]}, PAIR, "'q' holds 3 texts and 'a' 1: it is not known which answer"),
        ({"q": ["a"], "a": ["d", "e"]}, PAIR, "'q' holds 1 text and 'a' 2"),
        ({"w": ["user", "bot"], "t": ["a"]}, "turns=@, role=w, content=t", "'w' holds 2 speakers and 't' 1 text"),
        ({"log": CHAT}, "turns=log, role=who, content=text", "the turn has no 'text'; there are 'who', 'words'"),
        ({"log": CHAT}, "turns=log, role=sum(who), content=words", "no 'sum(who)'"),
        ({"log": CHAT}, "turns=log, role=w h o, content=words", "no 'w h o'"),
    ],
)
def test_a_map_that_matches_nothing(tmp_path, value, text, reason):
    with pytest.raises(UsageError, match="map ") as caught:
        read(tmp_path, json.dumps(value), "a.json", map=text)
    assert "matches nothing here" in str(caught.value)
    assert reason in str(caught.value)


def test_records_that_the_map_does_not_fit_are_reported(tmp_path):
    content = "\n".join(map(json.dumps, [{"kind": "start"}, {"log": CHAT}, {"q": ["a", "b", "c"]}, {"log": []}]))
    found, problems = read(tmp_path, content + "\n{bad", "a.jsonl", map="turns=log, role=who, content=words")
    assert [said(conversation) for conversation in found] == [HI_SAID]
    assert [(problem.line, problem.reason.partition(":")[0]) for problem in problems] == [
        (1, "the record has no 'log'; there are 'kind'"),
        (3, "the record has no 'log'; there are 'q'"),
        (4, "the conversation has no turns"),
        (5, "malformed JSON"),
    ]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("chat;who is it;msg\n1;client;Hi\n1;bot;Hello\n", "id=chat, role=who is it, content=msg"),
        ("q,a\nHi,Hello\n", PAIR),
        (
            'id,chat\n1,"[{""w"": ""user"", ""t"": ""Hi""}, {""w"": ""bot"", ""t"": ""Hello""}]"\n',
            "turns=chat, role=w, content=t",
        ),
        (
            'id,m\n1,"{""w"": ""user"", ""t"": ""Hi""}"\n1,"{""w"": ""bot"", ""t"": ""Hello""}"\n',
            "id=id, role=m.w, content=m.t",
        ),
    ],
)
def test_a_table_by_a_map(tmp_path, table, text):
    found, problems = read(tmp_path, table, "t.csv", map=text)
    assert [said(conversation) for conversation in found] == [HI_SAID]
    assert problems == []


def test_a_map_is_checked_before_the_file_is_opened(tmp_path):
    with pytest.raises(UsageError, match="takes the place of a format"):
        read_log(tmp_path / "none", map="role=a, content=b", format="openai")
    with pytest.raises(LogError, match="no such file"):
        list(read_log(tmp_path / "none", map="records=a", format="openai"))


def test_a_name_with_control_characters_is_quoted_as_json():
    text = path_text("a b", "\x01")
    assert text == '"a b"."\\u0001"'
    assert field_path(text)({"a b": {"\x01": 3}}) == 3
