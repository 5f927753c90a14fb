"""The choice of formats by the shapes of records is the same as asking every format about every record."""

import json

import pytest

from convexplain.connectors.logs import LOG_FORMATS
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.record_shapes import FormatChoice
from convexplain.connectors.logs.engine.registry import ranked_formats

EXAMPLES = [
    json.loads(log_format.example.partition("\n")[0])
    for log_format in LOG_FORMATS.records
    if log_format.example.startswith('{"') and log_format.example.partition("\n")[0].endswith("}")
]


class Asked:
    """A test of records that notes the records it answers about."""

    def __init__(self, test):
        self.test = test
        self.answered = []

    def __call__(self, record):
        verdict = self.test(record)
        self.answered.append(id(record))
        return verdict


def choice(*tests, foreign=()):
    formats = [LogFormat(f"f{number}", "", "", test) for number, test in enumerate(tests)]
    chosen = FormatChoice(formats, foreign)
    return lambda record: getattr(chosen.format_of(record), "name", None)


def has_messages(record):
    return isinstance(record, dict) and isinstance(record.get("messages"), list)


def is_chat(record):
    return has_messages(record) and record.get("kind") == "chat"


@pytest.mark.parametrize(
    ("test", "record", "similar"),
    [
        pytest.param(is_chat, {"messages": [], "kind": "chat"}, {"messages": [], "kind": "mail"}, id="a word"),
        pytest.param(lambda r: r["n"] > 3, {"n": 5}, {"n": 2}, id="a number"),
        pytest.param(lambda r: bool(r["text"]), {"text": "Hi"}, {"text": ""}, id="an empty text"),
        pytest.param(lambda r: r["on"] is True, {"on": True}, {"on": False}, id="a truth value"),
        pytest.param(lambda r: r["a"] in {"x", "y"}, {"a": "x"}, {"a": "z"}, id="one of some words"),
        pytest.param(lambda r: float(r["a"]) == 1, {"a": "1"}, {"a": "2"}, id="a number in a text"),
        pytest.param(lambda r: r["a"].startswith("<"), {"a": "<b>"}, {"a": "b"}, id="a beginning"),
        pytest.param(lambda r: "x" in r["a"], {"a": "xy"}, {"a": "y"}, id="a part of a text"),
        pytest.param(lambda r: r["a"] in "xyz", {"a": "x"}, {"a": "b"}, id="in a text"),
        pytest.param(lambda r: json.loads(r["a"]) == [], {"a": "[]"}, {"a": "{}"}, id="JSON in a text"),
        pytest.param(lambda r: len(r["a"]) == 2, {"a": "ab"}, {"a": "abc"}, id="a length"),
        pytest.param(lambda r: f"{r['a']}" == "1", {"a": 1}, {"a": 2}, id="written out"),
        pytest.param(lambda r: r["a"] == r["b"], {"a": "x", "b": "x"}, {"a": "x", "b": "y"}, id="two that are equal"),
        pytest.param(lambda r: isinstance(r["a"], str), {"a": "x"}, {"a": 1}, id="a type"),
        pytest.param(lambda r: r.get("a") is None, {"a": None}, {"a": "x"}, id="null"),
        pytest.param(lambda r: dict(r) == {"a": 1}, {"a": 1}, {"a": 2}, id="a copy"),
        pytest.param(lambda r: {**r} == {"a": 1}, {"a": 1}, {"a": 2}, id="spread"),
        pytest.param(lambda r: json.dumps(r) == '{"a": 1}', {"a": 1}, {"a": 2}, id="written as JSON"),
        pytest.param(lambda r: r == {"a": 1}, {"a": 1}, {"a": 2}, id="the whole"),
        pytest.param(lambda r: list(r) == ["a", "b"], {"a": 1, "b": 1}, {"b": 1, "a": 1}, id="the order of keys"),
        pytest.param(lambda r: len(r["a"]) == 1, {"a": [{}]}, {"a": [{}, {}]}, id="the length of a list"),
        pytest.param(lambda r: r["a"][0]["b"] is None, {"a": [{"b": None}]}, {"a": [{"b": "x"}]}, id="null inside"),
    ],
)
def test_records_of_one_shape_are_told_apart_where_a_format_looks_at_their_values(test, record, similar):
    name = choice(test)
    for _ in range(2):  # also when the shape is known
        assert name(record) == "f0"
        assert name(similar) is None


def test_a_format_that_looks_at_keys_alone_is_asked_about_the_first_record_of_a_shape():
    by_keys, by_value = Asked(has_messages), Asked(is_chat)
    name = choice(by_value, by_keys)
    records = [{"messages": [{"role": "user", "content": text}], "kind": text} for text in ("a", "chat", "b", "c")]
    assert [name(record) for record in records] == ["f1", "f0", "f1", "f1"]
    assert by_value.answered[-4:] == [id(record) for record in records]
    assert not {id(record) for record in records} & {*by_keys.answered}


def test_a_format_of_another_package_is_asked_about_every_record():
    foreign = Asked(has_messages)
    name = choice(foreign, foreign=("f0",))
    records = [{"messages": []}, {"messages": []}]
    assert [name(record) for record in records] == ["f0", "f0"]
    assert foreign.answered == [id(record) for record in records]


def test_an_error_of_a_format_is_raised_as_before():
    with pytest.raises(KeyError, match="absent"):
        choice(lambda record: record["absent"] == "x")({"present": "x"})


@pytest.mark.parametrize("depth", [3, 2000])
def test_a_deep_record_and_a_long_one_are_chosen_too(depth):
    value = []
    for _ in range(depth):
        value = [value]
    name = choice(has_messages)
    assert name({"messages": value}) == name({"messages": [{"a": depth}] * depth}) == "f0"
    assert name({"other": value}) is None


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: ",".join(record)[:40])
def test_all_formats_choose_as_they_do_one_by_one(record):
    formats = [log_format for log_format in ranked_formats() if not log_format.only_named]
    chosen = FormatChoice(formats, ())
    changed = [record, {**record, "id": 7}, dict.fromkeys(record), dict(reversed(record.items())), record]
    for variant in changed:
        assert chosen.format_of(variant) is next((item for item in formats if item.is_record(variant)), None)
