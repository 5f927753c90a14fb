"""Readers of other packages: a fake distribution on the path, with good and broken ones."""

import logging

import pytest

from convexplain.connectors.logs import LOG_FORMATS
from convexplain.connectors.logs.engine.registry import ranked_formats
from convexplain.errors import LogError
from tests.connectors.logs.reading import HI_SAID, read, said

CODE = """
from convexplain.connectors.logs import LogFormat, ParsedConversation, ParsedRecord, ParsedTurn


def read_record(record):
    if record["pairs"] == "fail":
        raise KeyError("pairs")
    return [ParsedConversation([ParsedTurn(*pair) for pair in record["pairs"]])]


def is_record(value):
    if value == "explode":
        raise RuntimeError("cannot tell")
    return isinstance(value, dict) and "pairs" in value


def read_text(text, assistant, report):
    for number, line in text.lines():
        if "fail" in line:
            raise ZeroDivisionError
        if ">" in line:
            turns = [ParsedTurn("user", line.strip("> \\n")), ParsedTurn("bot", "Hello")]
            yield ParsedRecord(number, number, None, [ParsedConversation(turns)])


PAIRS = LogFormat("pairs", "Pairs.", '{"pairs": [["user", "Hi"], ["bot", "Hello"]]}', is_record, read_record)
ARROWS = LogFormat("arrows", "Arrows.", ">> Hi", is_text=lambda head: head.startswith(">>"), read_text=read_text)
TAKEN = LogFormat("openai", "Again.", "")
NOTHING = 3
"""

POINTS = """
[convexplain.log_formats]
pairs = fake_readers:PAIRS
arrows = fake_readers:ARROWS
taken = fake_readers:TAKEN
nothing = fake_readers:NOTHING
missing = fake_readers:NOT_THERE
broken = fake_broken:FORMAT
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution that registers all of these."""
    place = tmp_path / "site"
    info = place / "fake_readers-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-readers\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    (place / "fake_readers.py").write_text(CODE)
    (place / "fake_broken.py").write_text("raise SystemError('broken on purpose')\n")
    monkeypatch.syspath_prepend(str(place))
    forget()
    yield place
    monkeypatch.undo()
    forget()


def forget():
    LOG_FORMATS.forget()
    ranked_formats.cache_clear()


def test_formats_of_other_packages(tmp_path, installed, caplog):
    with caplog.at_level(logging.WARNING):
        assert LOG_FORMATS.names == (*LOG_FORMATS.built_in, "arrows", "pairs")
    told = sorted(record.getMessage() for record in caplog.records)
    assert [text.partition(" is left out: ")[0] for text in told] == [
        f"the plugin {name!r} of convexplain.log_formats" for name in ("broken", "missing", "nothing", "taken")
    ]
    assert "SystemError: broken on purpose" in told[0]
    assert "is no LogFormat but int" in told[2]
    assert "there already" in told[3]

    for format in (None, "pairs"):
        found, problems = read(tmp_path, '{"pairs": [["user", "Hi"], ["bot", "Hello"]]}\n', "a.jsonl", format=format)
        assert ([said(item) for item in found], problems) == ([HI_SAID], [])
    both = '{"pairs": [["user", "Hi"], ["bot", "Hello"]], "messages": [{"role": "user", "content": "x"}]}'
    assert [said(conversation) for conversation in read(tmp_path, both, "a.json")[0]] == [HI_SAID]
    for format in (None, "arrows"):
        found, problems = read(tmp_path, ">> Hi\n", "a.txt", format=format)
        assert ([said(item) for item in found], problems) == ([HI_SAID], [])


def test_a_reader_that_fails_takes_nothing_down(tmp_path, installed, caplog):
    rows = ['{"pairs": [["user", "Hi"], ["bot", "Hello"]]}', '"explode"', '{"pairs": "fail"}', '{"pairs": 3}']
    with caplog.at_level(logging.WARNING):
        found, problems = read(tmp_path, "\n".join([*rows, rows[0]]), "a.jsonl")
    assert [item.id for item in found] == ["a-1", "a-5"]
    assert [(problem.line, problem.reason.partition(":")[0]) for problem in problems] == [
        (2, "a text"),
        (3, "the reader of the format 'pairs' failed"),
        (4, "the reader of the format 'pairs' failed"),
    ]
    assert any("cannot say whether a log is its own: RuntimeError" in record.getMessage() for record in caplog.records)
    found, problems = read(tmp_path, ">> Hi\n>> fail\n", "a.txt")
    assert [item.id for item in found] == ["a-1"]
    assert "the reader of the format 'arrows' failed: ZeroDivisionError" in problems[0].reason


def test_without_plugins_there_are_our_formats_only(tmp_path):
    assert LOG_FORMATS.foreign == {}
    with pytest.raises(LogError, match="known format"):
        read(tmp_path, '{"pairs": []}', "a.json")
