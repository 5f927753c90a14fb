"""Every log format of the registry keeps to the same rules, and the most special one reads a log."""

import pytest

from convexplain.connectors.logs import LOG_FORMATS, inspect_log
from convexplain.connectors.logs.engine.registry import format_of

from .reading import HI, HI_SAID, read, said, write

SET_PAIRS = (
    "webgpt",
    "helpsteer-pairs",
    "llama-factory",
    "openai-preference",
    "rejected",
    "reward-bench",
    "safe-rlhf",
    "shp",
)
PAIRS = ("hh", "arena", "arena-answers", "acute-eval", *SET_PAIRS)
ANSWERS = ("stream-chunks",)
"""Formats of answers without their requests."""


@pytest.fixture(params=LOG_FORMATS.records, ids=lambda log_format: log_format.name)
def log_format(request):
    return request.param


def test_it_says_what_it_is(log_format):
    assert log_format.name.strip()
    assert log_format.description.strip()
    assert log_format.example.strip()


def test_names_are_unique():
    assert len(set(LOG_FORMATS.names)) == len(LOG_FORMATS.records)


def test_its_example_is_recognised_as_its_own_format(tmp_path, log_format):
    path = write(tmp_path, log_format.example, "log")
    by_name = inspect_log(path, format=log_format.name)
    assert by_name.turns >= 1
    if not log_format.name.endswith("-branches"):  # these read only where they are named
        inspection = inspect_log(path)
        assert inspection.formats.keys() == by_name.formats.keys() == {log_format.name}
        assert inspection.first == by_name.first


@pytest.mark.parametrize("options", [{}, {"format": True}])
def test_its_example_is_read(tmp_path, log_format, options):
    conversations, problems = read(tmp_path, log_format.example, **dict.fromkeys(options, log_format.name))
    assert [problem for problem in problems if not problem.kept] == []
    assert said(conversations[0]) == (HI_SAID[1:] if log_format.name in ANSWERS else HI_SAID)
    assert len(conversations) == (2 if log_format.name in PAIRS else 1)


@pytest.mark.parametrize("name", [name.removesuffix("-branches") for name in LOG_FORMATS.names if "-branches" in name])
def test_branches_are_read_only_where_they_are_named(tmp_path, name):
    path = write(tmp_path, LOG_FORMATS.get(f"{name}-branches").example, "log")
    assert inspect_log(path).formats.keys() == {name}
    assert inspect_log(path, format=f"{name}-branches").formats.keys() == {f"{name}-branches"}


ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
ANSWER = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
}
DUMPS = [{"type": "human", "data": {"content": "Hi"}}, {"type": "ai", "data": {"content": "Hello"}}]
TRACE = {"id": "t", "sessionId": "s", "timestamp": "2024-05-01"}


@pytest.mark.parametrize(
    ("record", "general", "special"),
    [
        ({"messages": HI, "prompt": "Hi", "chosen": HI, "rejected": HI}, "openai", "hf"),
        ({"messages": HI, "epoch": 1, "target": "x"}, "openai", "inspect"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "openai", "anthropic"),
        ({"messages": DUMPS + HI}, "openai", "langchain"),
        ({"turns": HI, "scenario": "x"}, "sharegpt", "deepeval"),
        ({"prompt": "Hi", "response": "Hello", "vars": {}, "provider": "x"}, "hf", "promptfoo"),
        ({**TRACE, "input": [ITEM]}, "openai-responses", "langfuse"),
        ({**TRACE, "input": "Hi", "output": ANSWER}, "anthropic", "langfuse"),
        ({"run_type": "llm", "inputs": {"messages": DUMPS}}, "langchain", "langsmith"),
        ({"run_type": "llm", "inputs": {}, "outputs": {}, "expectations": {}}, "langsmith", "mlflow"),
        (
            {"traceId": "t", "spanId": "s", "type": "SPAN", "input": "Hi", "attributes": {}},
            "langfuse",
            "otel",
        ),
    ],
)
def test_of_two_formats_that_fit_the_special_one_counts(record, general, special):
    assert {general, special} <= {log_format.name for log_format in LOG_FORMATS.records if log_format.is_record(record)}
    assert format_of(record).name == special
    assert format_of(record, general).name == general
