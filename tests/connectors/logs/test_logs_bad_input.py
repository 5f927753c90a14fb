"""Logs that cannot be read, in part or as a whole: problems and errors that say what and where."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.connectors.logs import LOG_FORMATS, FieldMap, read_log
from convexplain.connectors.logs.engine import json_values, log_text, turn_table
from convexplain.errors import LogError, Problem, UsageError
from convexplain.types import ROLES, Conversation

HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
GOOD = json.dumps({"messages": HI})


def write(folder, content, name="log.jsonl"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder, content, name="log.jsonl", **options):
    problems: list[Problem] = []
    found = list(read_log(write(folder, content, name), on_problem=problems.append, **options))
    return found, problems


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.jsonl", "empty"),
        (b"\n \n", "a.csv", "empty"),
        (b"\xef\xbb\xbf", "a.txt", "empty"),
        (b"\xff\xfe", "a.txt", "empty"),
        (b"\x89PNG\r\n\x1a\n", "a.json", "PNG"),
        (b"%PDF-1.7\n", "a.txt", "PDF"),
        (b"PK\x03\x04rest", "a.csv", "damaged zip"),
        (b"SQLite format 3\x00", "a.db", "SQLite"),
        (b"User: a\x00b\nBot: c", "a.txt", "NUL"),
        (b"Dear all,\nnothing: here.\n", "a.txt", "no log of a known format"),
        (b"user: root\nhost: x\n", "a.yaml", "no log of a known format"),
        (b"def f(x):\n    return 1\n", "a.py", "no log of a known format"),
        (b"[]", "a.json", "no records"),
        (b"{bad\n" * 25 + GOOD.encode(), "a.jsonl", "malformed"),  # none of the first 20
        (b"{}", "a.json", "an empty object"),
        (b"[1, 2]", "a.txt", "no log of a known format"),
        (b'["a", 2]', "a.json", "a text"),
        (b'{"mapping": {}}', "a.json", "'mapping'"),
        (b'{"messages": [{"who": "A", "seen": true}]}', "a.json", "'who', 'seen'"),
        (b'{"data": []}', "a.json", "'data'"),
        (b'{"data": [1], "items": "x"}', "a.json", "'data', 'items'"),
        (b'{"conversations": [{"uuid": "1", "posts": []}]}', "a.json", "'uuid', 'posts'"),
        (b'{"chosen": "text", "rejected": "other"}', "a.jsonl", "'chosen'"),
        (b'{"messages": [', "a.jsonl", "malformed"),
    ],
)
def test_files_that_are_refused(tmp_path, content, name, reason):
    problems = []
    with pytest.raises(LogError, match=r"a[.]") as caught:
        list(read_log(write(tmp_path, content, name), on_problem=problems.append))
    assert reason in str(caught.value)
    assert not isinstance(caught.value, Problem)
    assert caught.value.path == str(tmp_path / name)
    assert problems == []
    if "known format" in str(caught.value):
        assert "--map 'turns=…, role=…, content=…'" in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(LogError, match="no such file"):
        list(read_log(tmp_path / "none"))
    with pytest.raises(LogError, match="folder"):
        list(read_log(tmp_path))
    with pytest.raises(LogError, match="cannot be opened"):
        list(read_log("a\x00b"))


def test_options_are_checked_at_the_call(tmp_path):
    with pytest.raises(UsageError, match="log format 'xml' is not known; valid are: abcd, acute-eval, "):
        read_log(tmp_path / "x", format="xml")
    with pytest.raises(UsageError, match="map: a map of fields takes the place of a format"):
        read_log(tmp_path / "x", format="plain", map=FieldMap("a", "b", "c"))


@pytest.mark.parametrize(
    ("header", "columns", "reason"),
    [
        ("foo,bar", None, "which columns hold the speaker and the text; the file's columns are 'foo', 'bar'"),
        ("role,content,case", None, "--map 'role=role, content=content, id=case'"),
        ("session,text", None, "which columns hold the speaker"),
        ("a,b,c", FieldMap("a", "b", "x"), "no column 'x'; the file's columns are 'a', 'b', 'c'"),
        ("a,b,c", FieldMap("a", "b", "c", at="when"), "no column 'when'"),
    ],
)
def test_columns_that_cannot_be_told(tmp_path, header, columns, reason):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, header + "\n1,user,Hi\n", "a.csv", map=columns)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{bad", "malformed JSON"),
        (GOOD[:-5], "malformed JSON"),
        (GOOD + "x", "text after its end"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"messages": [{"role": "user", "content": ' + "[" * 5000 + "]" * 5000 + "}]}", "nested too deeply"),
        ('{"id": ' + "1" * 5000 + "}", "cannot be read"),
        ('{"messages": []}', "no turns"),
        ('{"conversations": []}', "no turns"),
        ('{"conversations": [{"from": "human"}]}', "no turn of the conversation has text"),
        ('{"messages": [{"role": "user", "content": " "}]}', "no turn of the conversation has text"),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"content": "b"}]}',
            "message 2 does not say who speaks",
        ),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": " ", "content": "b"}]}',
            "message 2 does not say",
        ),
        ('{"x": 1}', "an object with the keys 'x'"),
        ("3", "a number"),
        ("null", "null"),
        ('{"conversations": [{"user": "Hi", "assistant": "Hello"}]}', "begin with an object with the keys 'user'"),
        (
            '{"chosen": [{"content": "a"}], "rejected": [{"role": "user", "content": "b"}, {"content": "c"}]}',
            "message 2",
        ),
    ],
)
def test_a_bad_line_costs_only_itself(tmp_path, line, reason):
    for content in (f"{GOOD}\n{line}\n{GOOD}\n", f"{line}\n{GOOD}\n{GOOD}\n"):
        found, problems = read(tmp_path, content)
        assert len(found) == 2
        assert len(problems) == 1
        assert reason in problems[0].reason
        assert problems[0].line == content.split("\n").index(line) + 1
        assert not problems[0].kept


def test_a_bad_item_of_an_array_costs_only_itself(tmp_path):
    found, problems = read(tmp_path, f'[{GOOD}, {{"messages": oops}}, {{"x": "]"}}, {GOOD}]', "a.json")
    assert [item.id for item in found] == ["a-1", "a-4"]
    assert [problem.line for problem in problems] == [2, 3]


def test_an_array_that_is_cut_off(tmp_path):
    found, problems = read(tmp_path, f"[{GOOD}, {GOOD}, {GOOD[:30]}", "a.json")
    assert [item.id for item in found] == ["a-1", "a-2"]
    assert [problem.line for problem in problems] == [3, 4]
    assert "cut off" in problems[1].reason


def test_problems_are_logged_without_a_callback(tmp_path, caplog):
    path = write(tmp_path, f"{GOOD}\n{{bad\n")
    with caplog.at_level(logging.WARNING, logger="convexplain"):
        assert len(list(read_log(path))) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{path}:2: malformed JSON" in caplog.text


def test_a_forced_format_refuses_others(tmp_path):
    with pytest.raises(LogError, match="is not a hh log"):
        read(tmp_path, GOOD, format="hh")
    share = '{"conversations": [{"from": "human", "value": "Hi"}]}'
    found, problems = read(tmp_path, f"{GOOD}\n{share}\n", format="openai")
    assert (len(found), [problem.line for problem in problems]) == (1, [2])


@pytest.mark.parametrize(
    ("speakers", "advice"),
    [
        (("Anna", "Ben"), "Name the assistant, for example add: --assistant Ben (from Python: assistant=['Ben'])"),
        (("Anna",), "If only 'Anna' is the assistant, add: --assistant Anna (from Python: assistant=['Anna'])"),
        (("system", "Anna"), "If only 'Anna' is the assistant, add: --assistant Anna"),
        (("user", "assistant", "critic"), "If only 'assistant' is the assistant, add: --assistant assistant"),
        (("user", "Anna", "Ben"), "for example add: --assistant Ben"),
        (("Anna", "Shop Berlin", "Anna"), "for example add: --assistant 'Shop Berlin' (from Python:"),
        (("Maria", "Bot", "Maria", "Peter", "Maria", "Peter"), "If only 'Bot' is the assistant, add: --assistant Bot"),
        (("Maria", "Talbot", "Maria", "Abbot"), "for example add: --assistant Abbot"),
    ],
)
def test_roles_are_never_guessed(tmp_path, speakers, advice):
    """Two unknown speakers who talk to each other may be a customer and the bot's human colleague."""
    record = {"messages": [{"role": speaker, "content": "x"} for speaker in speakers]}
    found, problems = read(tmp_path, json.dumps(record))
    assert found == []
    assert len(problems) == 1
    assert all(repr(speaker) in problems[0].reason for speaker in speakers)
    assert advice in problems[0].reason


@pytest.mark.parametrize("bot", ["Agent", "Bot", "Support", "Advisor", "ShopBot", "shop-bot", "Shop Bot"])
def test_the_only_assistant_among_names_of_people_is_the_assistant(tmp_path, bot):
    """Anna and Peter never talk to each other, so neither is a colleague of the assistant; a remark says it."""
    speakers = ["Anna", bot, "Anna", bot, "Peter", bot]
    record = {"messages": [{"role": speaker, "content": "x"} for speaker in speakers]}
    found, problems = read(tmp_path, json.dumps(record))
    assert [turn.role for turn in found[0].turns] == ["user", "assistant"] * 3
    assert found[0].turns[4].name == "Peter"
    assert [(problem.kept, problem.reason) for problem in problems] == [
        (
            True,
            f"the speaker {bot!r} was taken for the assistant, and all others for users; if another one is an "
            "assistant too, name it: --assistant NAME",
        )
    ]


def test_a_table_without_an_id_says_how_to_name_one(tmp_path):
    found, problems = read(tmp_path, "time,who,text\n2025-03-03,Anna,Hi\n2025-03-04,Agent,Hello\n", "t.csv")
    assert len(found) == 1
    assert [(problem.kept, problem.reason) for problem in problems] == [
        (
            True,
            "no column tells conversations apart: the whole table was read as one. If it holds several, give it a "
            "column with a number or a name for each conversation, and read it with "
            "--map 'role=who, content=text, id=COLUMN, order=time, at=time'",
        )
    ]


@pytest.mark.parametrize(
    ("talks", "times"),
    [
        ([("Bo", "Ann"), ("Bo", "Mia"), ("Cem", "Bo")], " (and so in 2 further conversations)"),
        ([("Ann", "Ann", "Ann", "Bo"), ("Mia", "Bo")], " (and so in 1 further conversation)"),
        ([("Ann", "Bo", "Ann", "Bo", "Mia", "Bo")], ""),
        ([("Ann", "Bo", "Ann")], ""),
    ],
    ids=["most conversations", "before most turns", "most turns", "the user begins"],
)
def test_the_example_is_who_is_most_likely_the_assistant(tmp_path, talks, times):
    lines = [json.dumps({"messages": [{"role": name, "content": "x"} for name in talk]}) for talk in talks]
    _, problems = read(tmp_path, "\n".join(lines))
    assert f"{times}. Name the assistant, for example add: --assistant Bo (" in problems[0].reason


def test_a_name_that_nobody_has_is_said_once_for_the_file(tmp_path):
    turns = [{"role": "Berta", "content": "Hi"}, {"role": "Kunde Müller", "content": "Hello"}]
    found, problems = read(tmp_path, "\n".join([json.dumps({"messages": turns})] * 3), assistant=["Bertha"])
    assert found == []
    assert [(problem.line, problem.reason, problem.kept) for problem in problems] == [
        (
            None,
            "assistant: no speaker 'Bertha'; the speakers are: 'Berta', 'Kunde Müller'; 3 conversations cannot be read",
            False,
        )
    ]
    found, problems = read(tmp_path, "\n".join([json.dumps({"messages": turns})] * 3), assistant=["berta"])
    assert (len(found), problems) == (3, [])


def test_what_many_conversations_have_in_common_is_said_once(tmp_path):
    turns = [{"role": "Anna", "content": "Hi"}, {"role": "Ben", "content": "Hello"}]
    _, problems = read(tmp_path, "\n".join([json.dumps({"messages": turns})] * 3))
    (problem,) = problems
    assert (problem.line, problem.kept) == (1, False)
    assert "(and so in 2 further conversations). Name the assistant" in problem.reason
    missing = {"messages": [None, {"role": "user", "content": "Hi"}]}
    _, problems = read(tmp_path, "\n".join([json.dumps(missing)] * 3))
    assert [(problem.line, problem.reason, problem.kept) for problem in problems] == [
        (1, "message 1 is missing (so in 3 conversations, first here)", True)
    ]


def test_plain_speakers_are_never_guessed(tmp_path):
    for content, options in (
        ("Anna: Hi\nBen: Hello\n", {}),
        ("Anna: Hi\nBen: Hello\nNote: x\n", {"assistant": ["Anna"]}),
    ):
        found, problems = read(tmp_path, content, "a.txt", format="plain", **options)
        assert found == []
        assert "'Anna', 'Ben'" in problems[0].reason


BROKEN = """\
conversation_id,role,content
a,user,"Hi
a,assistant,Hello
b,user,"x"y
b,user,ok
b,assistant,"fine"
b,assistant,one,two
b,,who
,user,where
b,assistant,
"""


def test_messages_by_themselves_that_cannot_be_placed(tmp_path):
    rows = [{"session_id": 1, **HI[0]}, {**HI[1]}, {"session_id": True, **HI[1]}, {"session_id": 1, "content": "x"}]
    found, problems = read(tmp_path, json.dumps(rows), "a.json")
    assert [(item.id, len(item.turns)) for item in found] == [("1", 1)]
    assert [(problem.line, problem.reason.partition(": no record of a known")[0]) for problem in problems] == [
        (4, "an object with the keys 'session_id', 'content'"),
        (2, "a message without a 'session_id'"),
        (3, "a message without a 'session_id'"),
    ]


def test_positions_of_records_inside_an_object(tmp_path):
    for content in (f'{{"data": [{GOOD}, 3, {GOOD}]}}', f'{{\n"n": 3,\n"data": [\n{GOOD},\n3,\n{GOOD}]}}'):
        found, problems = read(tmp_path, content, "a.json")
        assert [item.id for item in found] == ["a-1", "a-3"]
        assert [(problem.line, problem.reason[:8]) for problem in problems] == [(2, "a number")]


def test_half_a_pair(tmp_path):
    found, problems = read(tmp_path, json.dumps({"chosen": HI, "rejected": None}))
    assert [item.id for item in found] == ["log-1-chosen"]
    assert [problem.reason for problem in problems] == ["the pair has no conversation in 'rejected'"]


def test_broken_rows_cost_only_themselves(tmp_path):
    found, problems = read(tmp_path, BROKEN, "a.csv")
    assert [(item.id, [turn.content for turn in item.turns]) for item in found] == [
        ("a", ["Hello"]),
        ("b", ["ok", "fine", ""]),
    ]
    lost = [(problem.line, problem.reason[:14]) for problem in problems if not problem.kept]
    assert lost == [
        (2, "broken quotes "),
        (4, "broken quotes "),
        (7, "the row has 4 "),
        (8, "the row has no"),
        (9, "the row has no"),
    ]
    # The remark stands at the first line of its conversation.
    assert [(problem.line, problem.reason) for problem in problems if problem.kept] == [(5, "b:2 is empty")]


def test_quotes_that_never_close_do_not_take_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(turn_table, "_RETRIES", 2)
    content = "conversation_id,role,content\n" + 'a,user,"x\n' * 5 + "a,user,ok\n"
    found, problems = read(tmp_path, content, "a.csv")
    # Each quote opens a cell that the quote of the next row ends, followed by text. The first two rows are
    # retried from the next line on; then two lines go at a time: 4 with 5, and 6 with 7, where the file ends.
    assert found == []
    assert [problem.line for problem in problems] == [2, 3, 4, 6]


@pytest.mark.parametrize(
    "line",
    [
        "=" * 200_000 + "x",
        "-" * 200_000,
        "# chat " + "# " * 100_000 + "x",
        " " * 200_000,
        "1/2/24, 10:00" + " " * 200_000,
        "10:00" + " " * 200_000,
        "Bot (" + " " * 200_000,
    ],
)
def test_long_runs_of_signs_do_not_take_for_ever(tmp_path, line):
    found, _ = read(tmp_path, f"User: Hi\nBot: Hello\n{line}\n", "a.txt", format="plain")
    assert len(found) == 1


@pytest.mark.slow
def test_bytes_that_are_no_utf8_are_replaced_and_told_once(tmp_path):
    line = '{"messages": [{"role": "user", "content": "é é é é '.encode() + b'\xff"}]}\n'
    found, problems = read(tmp_path, line * 5000)  # several chunks of 65,536 bytes
    assert len(found) == 5000
    assert found[-1].turns[0].content == "é é é é \ufffd"
    assert [(problem.line, problem.kept) for problem in problems] == [(None, True)]


def test_lone_surrogates(tmp_path):
    found, problems = read(
        tmp_path, r'{"id": "\ud800", "\ud801": 1, "messages": [{"role": "user", "content": "\ud83d"}]}'
    )
    assert problems == []
    assert found[0].turns[0].content == "\ud83d"  # the text stays as it is
    assert (found[0].id, found[0].metadata) == ("?", {"?": 1})  # ids and keys can be written anywhere


def test_numbers_that_json_cannot_hold(tmp_path):
    found, problems = read(tmp_path, GOOD[:-1] + ', "a": NaN, "b": 1e999, "c": [-Infinity], "d": [1e999], "e": 1}')
    assert problems == []
    assert found[0].metadata == {"c": [None], "e": 1}


def test_too_long_lines_and_records(tmp_path, monkeypatch):
    monkeypatch.setattr(log_text, "MAX_RECORD", 100_000)
    monkeypatch.setattr(json_values, "MAX_RECORD", 100_000)
    long = json.dumps({"messages": [{"role": "user", "content": "x" * 300_000}]})
    found, problems = read(tmp_path, f"{GOOD}\n{long}\n{GOOD}\n{long}")
    assert [item.id for item in found] == ["log-1", "log-2"]
    assert [(problem.line, "100,000 characters" in problem.reason) for problem in problems] == [
        (2, True),
        (4, True),
    ]
    found, problems = read(tmp_path, f"[{GOOD}, {long}, {GOOD}]", "a.json")
    assert [item.id for item in found] == ["a-1"]
    assert [problem.line for problem in problems] == [2]
    assert "not read" in problems[0].reason


FRAGMENTS = st.sampled_from(
    [
        *'{}[],:"\\\n\r\t;',
        "User: ",
        "Anna: ",
        "Assistant:",
        "=== x ===\n",
        "# Conversation",
        "1/2/24, 10:00 - ",
        "[10:32] ",
        " (10:32)",
        " (Agent)",
        "sep=;",
        "session,role,text\n",
        "1,user,",
        '"messages": ',
        '"conversations": ',
        '"from": "human"',
        '"role": "user"',
        '"role": ',
        '"content": ',
        '"value": ',
        '"chosen": "\\n\\nHuman: ',
        '"\\ud800"',
        "null",
        "NaN",
        "1e999",
        GOOD,
        "\ud800",
        "\u2028",
        "\x00",
        "\ufeff",
    ]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=8), max_size=30).map("".join)


def check(folder, data, name, **options):
    problems = []
    path = write(folder, data, name)
    try:
        found = list(read_log(path, on_problem=problems.append, **options))
    except LogError:
        return
    except UsageError as error:  # a table's columns are the caller's to give
        assert str(error).startswith("map: ")  # noqa: PT017 - either outcome is right
        return
    assert all(type(problem) is Problem and str(problem).startswith(str(path)) for problem in problems)
    assert len({item.id for item in found}) == len(found)
    for item in found:
        assert isinstance(item, Conversation)
        assert item.id.strip()
        assert any(turn.content.strip() for turn in item.turns)
        assert all(turn.role in ROLES for turn in item.turns)
        json.dumps([item.metadata, [turn.metadata for turn in item.turns]], allow_nan=False)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(["a.txt", "a.jsonl", "a.csv"]))
def test_any_text(tmp_path_factory, content, name):
    check(tmp_path_factory.getbasetemp(), content.encode("utf-8", "surrogatepass"), name)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from([form.name for form in LOG_FORMATS.records]))
def test_any_text_in_a_given_format(tmp_path_factory, content, form):
    check(tmp_path_factory.getbasetemp(), content.encode("utf-8", "replace"), "a.txt", format=form)


@settings(max_examples=75, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.txt", "a.jsonl", "a.csv"]))
def test_any_bytes(tmp_path_factory, data, name):
    check(tmp_path_factory.getbasetemp(), data, name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [  # the keys that the readers look at
                    "messages",
                    "conversations",
                    "role",
                    "from",
                    "content",
                    "value",
                    "text",
                    "type",
                    "chosen",
                    "id",
                    "system",
                    "tool_calls",
                    "function_call",
                    "function",
                    "name",
                    "arguments",
                    "audio",
                    "timestamp",
                    "refusal",
                    "prompt",
                    "completion",
                    "rejected",
                    "data",
                    "session_id",
                    "index",
                    "parts",
                ]
            ),
            inner | st.sampled_from(["user", "gpt", "Anna", "\n\nHuman: a\n\nAssistant: b"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_json(tmp_path_factory, value):
    folder = tmp_path_factory.getbasetemp()
    check(folder, f"{GOOD}\n{json.dumps(value)}\n".encode(), "a.jsonl")
    check(folder, json.dumps({"data": [{"messages": HI}, value]}).encode(), "a.json")
    check(folder, json.dumps([{**HI[0], "session_id": 1, "index": 1}, value]).encode(), "a.json")
    check(
        folder,
        json.dumps([{"messages": HI}, value, {"messages": [value]}, {"conversations": value}]).encode(),
        "a.json",
    )


def test_lines_of_different_encodings(tmp_path):
    """One line in UTF-8, one in Latin-1: the file is taken for UTF-8, and what does not fit is told."""
    line = json.dumps({"messages": [{"role": "user", "content": "é"}, HI[1]]}, ensure_ascii=False)
    found, problems = read(tmp_path, f"{line}\n".encode() + f"{line}\n".encode("latin-1"))
    assert [item.turns[0].content for item in found] == ["é", "\ufffd"]
    assert [(problem.line, problem.kept, problem.reason) for problem in problems] == [
        (None, True, "bytes that are no UTF-8 were replaced by U+FFFD")
    ]
