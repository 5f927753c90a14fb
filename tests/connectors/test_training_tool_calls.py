"""Training data of conversations with calls of tools, reasoning and media."""

import json
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn, read_log
from convexplain.connectors.training import EXPORTERS, PairExporter, card, write_conversations, write_pairs
from convexplain.connectors.training.exporters.axolotl import CALLS
from convexplain.connectors.training.exporters.llama_factory import NOT_ALTERNATING, SEVERAL_RESULTS, WORDS_AND_CALL
from convexplain.connectors.training.messages import (
    MEDIA,
    NO_OBJECT,
    TEXT_AFTER_CALL,
    UNANSWERED,
    UNCALLED,
    WRITTEN_CALL,
    openai_tools,
)
from convexplain.connectors.training.records import CALLS_IN_CELL
from convexplain.errors import UsageError
from convexplain.explain.pairs import Pair, Pairs
from convexplain.parts import Media, Reasoning, Text, ToolCall, ToolResult

FIND = ToolCall("find", '{"code": "A1"}', "c1")
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
USER = Turn("user", "where is my parcel?")
CALLING = Turn.of_parts("assistant", [Reasoning("look it up"), FIND])
RESULT = Turn.of_parts("tool", [ToolResult("Oslo", "c1", "find")], "find")
HISTORY = (USER, CALLING, RESULT)
WRITTEN = '[tool call find({"code": "A1"})]'


def pair(chosen="in Oslo.", rejected="no idea.", prompt=HISTORY, tools=""):
    forms = [turn if isinstance(turn, Turn) else Turn("assistant", turn) for turn in (chosen, rejected)]
    return Pair(
        prompt,
        *forms,
        score_chosen=0.9,
        score_rejected=0.25,
        rubric="helpfulness",
        question="revise",
        conversation_id="c1",
        turn=len(prompt),
        provenance={"judge": "scripted", "infiller": "fake", "edits": [["a", "b"]], "review": None},
        tools=tools,
    )


def write(folder, form, *pairs):
    """The first record that is written, and what is left out."""
    made = Pairs(pairs, {}, len(pairs))
    try:
        written = write_pairs(made, EXPORTERS.get(form), folder, card(made, form, 1, "0"))
    except UsageError as error:
        return None, str(error)
    text = written.files[0].read_text(encoding="utf-8")
    return (json.loads(text)[0] if form == "llama-factory" else json.loads(text.split("\n")[0])), written.left_out


def called(arguments):
    return {"id": "c1", "type": "function", "function": {"name": "find", "arguments": arguments}}


def prompt(arguments):
    return [
        {"role": "user", "content": "where is my parcel?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [called(arguments)],
            "reasoning_content": "look it up",
        },
        {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "Oslo"},
    ]


GOOD, BAD = {"role": "assistant", "content": "in Oslo."}, {"role": "assistant", "content": "no idea."}


@pytest.mark.parametrize("form", ["trl-dpo", "trl-reward", "trl-kto", "trl-sft"])
def test_trl_gets_calls_with_objects_as_arguments_and_the_tools_as_json(tmp_path, form):
    record, _ = write(tmp_path, form, pair(tools=json.dumps(TOOLS)))
    assert record["prompt"] == prompt({"code": "A1"})
    assert json.loads(record["tools"]) == TOOLS
    assert record.get("chosen", record.get("completion")) == [GOOD]


def test_jsonl_gets_calls_with_json_as_arguments(tmp_path):
    record, _ = write(tmp_path, "jsonl", pair())
    assert (record["prompt"], record["chosen"], record["rejected"]) == (prompt('{"code": "A1"}'), [GOOD], [BAD])
    assert "tools" not in record


def test_openai_gets_calls_and_tools(tmp_path):
    record, _ = write(tmp_path, "openai-preference", pair(tools=json.dumps(TOOLS)))
    asked, calling, result = prompt('{"code": "A1"}')
    del calling["reasoning_content"], result["name"]
    assert record["input"]["tools"] == TOOLS
    assert [{k: v for k, v in part.items() if k != "name"} for part in record["input"]["messages"]] == [
        asked,
        calling,
        result,
    ]


def test_the_messages_are_those_of_openais_schema(tmp_path):
    chat = pytest.importorskip("openai.types.chat")
    pydantic = pytest.importorskip("pydantic")
    strict = pydantic.ConfigDict(extra="forbid")
    assert strict
    messages = pydantic.TypeAdapter(list[chat.ChatCompletionMessageParam])
    tools = pydantic.TypeAdapter(list[chat.ChatCompletionToolParam])
    answers = pydantic.TypeAdapter(list[chat.ChatCompletionAssistantMessageParam])
    calling = Turn.of_parts("assistant", [Text("I look again."), replace(FIND, id="c2")])
    record, _ = write(tmp_path, "openai-preference", pair(calling, tools=json.dumps(TOOLS)))
    messages.validate_python(record["input"]["messages"])
    tools.validate_python(record["input"]["tools"])
    answers.validate_python(record["preferred_output"] + record["non_preferred_output"])
    conversation = Conversation("c", (*HISTORY, Turn("assistant", "in Oslo.")))
    path = write_conversations([conversation], EXPORTERS.get("openai"), tmp_path / "chats").files[0]
    messages.validate_python(json.loads(path.read_text())["messages"])


def test_llama_factory_gets_its_own_roles_for_calls_and_results(tmp_path):
    record, _ = write(tmp_path, "llama-factory", pair(tools=json.dumps(TOOLS)))
    assert record["conversations"] == [
        {"from": "human", "value": "where is my parcel?"},
        {
            "from": "function_call",
            "value": '<think>\nlook it up\n</think>\n\n{"name": "find", "arguments": {"code": "A1"}}',
        },
        {"from": "observation", "value": "Oslo"},
    ]
    assert json.loads(record["tools"]) == [TOOLS[0]["function"]]


def test_a_call_is_what_the_answer_differs_in(tmp_path):
    calling = Turn.of_parts("assistant", [Text("I look."), FIND])
    record, _ = write(tmp_path, "trl-dpo", pair(calling, "no idea.", (USER,)))
    assert record["chosen"] == [{"role": "assistant", "content": "I look.", "tool_calls": [called({"code": "A1"})]}]
    record, _ = write(tmp_path / "lf", "llama-factory", pair(replace(calling, content=WRITTEN), "no idea.", (USER,)))
    assert record["chosen"] == {"from": "function_call", "value": '{"name": "find", "arguments": {"code": "A1"}}'}


def test_calls_without_ids_get_them_and_results_answer_in_order(tmp_path):
    calls = [replace(FIND, id=""), ToolCall("price", "", "")]
    results = [Turn.of_parts("tool", [ToolResult(text)]) for text in ("Oslo", "3 €")]
    record, _ = write(tmp_path, "openai-preference", pair(prompt=(USER, Turn.of_parts("assistant", calls), *results)))
    _, calling, first, second = record["input"]["messages"]
    assert [call["id"] for call in calling["tool_calls"]] == ["call_1_0", "call_1_1"]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("call_1_0", "call_1_1")


def test_the_reasoning_of_an_answer_is_not_written_and_counted(tmp_path):
    chosen = Turn.of_parts("assistant", [Reasoning("hm"), Text("in Oslo.")])
    record, _ = write(tmp_path, "trl-dpo", pair(chosen))
    assert record["chosen"] == [GOOD]
    assert "- pairs without the reasoning that the log has of their turn: 1" in (tmp_path / "README.md").read_text()


BROKEN = Turn.of_parts("assistant", [replace(FIND, arguments="A1")])
SECOND = replace(RESULT, parts=(ToolResult("Bergen", "c9"),), content="Bergen")


@pytest.mark.parametrize(
    ("form", "made", "reason"),
    [
        ("axolotl", pair(), CALLS),
        ("csv", pair(CALLING), CALLS_IN_CELL),
        ("trl-dpo", pair(Turn("assistant", f"I look.\n{WRITTEN}")), WRITTEN_CALL),
        ("jsonl", pair(prompt=(USER, Turn("assistant", WRITTEN))), WRITTEN_CALL),
        ("trl-dpo", pair(Turn.of_parts("assistant", [FIND, Text("Wait.")])), TEXT_AFTER_CALL),
        ("trl-dpo", pair(prompt=(USER, BROKEN, RESULT)), NO_OBJECT),
        ("llama-factory", pair(prompt=(USER, BROKEN, RESULT)), NO_OBJECT),
        ("openai-preference", pair(prompt=(USER, CALLING, USER)), UNANSWERED),
        ("openai-preference", pair(prompt=(USER, CALLING, RESULT, SECOND)), UNCALLED),
        ("llama-factory", pair(prompt=(USER, CALLING, RESULT, SECOND)), SEVERAL_RESULTS),
        ("llama-factory", pair(prompt=(USER, CALLING, USER, CALLING, CALLING)), NOT_ALTERNATING),
        ("llama-factory", pair(Turn.of_parts("assistant", [Text("I look."), FIND])), WORDS_AND_CALL),
        ("jsonl", pair(Turn.of_parts("assistant", [Text("See"), Media("image")])), MEDIA),
    ],
)
def test_what_a_format_cannot_hold_is_left_out_and_counted(tmp_path, form, made, reason):
    record, problem = write(tmp_path / "alone", form, made)
    assert record is None
    assert reason in problem
    if form != "csv":
        record, left_out = write(tmp_path, form, made, pair(prompt=(USER,)))
        assert record is not None
        assert left_out == {reason: 1}


def test_a_conversation_that_no_message_holds_is_left_out_and_counted(tmp_path):
    odd = Conversation("a", (USER, Turn.of_parts("assistant", [FIND, Text("Wait.")])))
    written = write_conversations([odd, Conversation("b", HISTORY)], EXPORTERS.get("openai"), tmp_path)
    assert (written.records, written.left_out) == (1, {TEXT_AFTER_CALL: 1})


def test_conversations_with_calls_and_reasoning_come_back(tmp_path):
    turns = (*HISTORY, Turn.of_parts("assistant", [Reasoning("found"), Text("in Oslo.")]))
    talk = Conversation("c", turns, "", {"tools": TOOLS * 60})
    path = write_conversations([talk], EXPORTERS.get("openai"), tmp_path).files[0]
    assert [replace(back, source="") for back in read_log(path)] == [talk]


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("", []),
        ("no JSON", []),
        ('{"a": 1}', []),
        (json.dumps(TOOLS), TOOLS),
        (
            '[{"name": "f", "description": "d", "input_schema": {"type": "object"}}, 7, {"type": "web_search"}]',
            [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        ),
        ('[{"name": "f"}]', [{"type": "function", "function": {"name": "f", "parameters": {}}}]),
    ],
)
def test_the_tools_of_a_log(tools, expected):
    assert openai_tools(tools) == expected


@pytest.mark.slow
def test_objects_of_different_calls_come_back_from_datasets(tmp_path):
    from datasets import load_dataset

    other = Turn.of_parts("assistant", [ToolCall("price", '{"of": 7}', "c1")])
    write(tmp_path, "trl-dpo", pair(), pair(prompt=(USER, other, RESULT)))
    data = load_dataset("json", data_files=str(tmp_path / "train.jsonl"), split="train", cache_dir=str(tmp_path / "c"))
    arguments = [row["prompt"][1]["tool_calls"][0]["function"]["arguments"] for row in data]
    assert [{k: v for k, v in each.items() if v is not None} for each in arguments] == [{"code": "A1"}, {"of": 7}]


def test_every_pair_exporter_writes_calls_or_counts_them(tmp_path):
    for exporter in EXPORTERS.records:
        if not isinstance(exporter, PairExporter) or exporter.name in ("parquet", "hf-dataset"):
            continue
        folder = tmp_path / exporter.name
        made = Pairs((pair(), pair(prompt=(USER,))), {}, 2)
        written = write_pairs(made, exporter, folder, card(made, exporter.name, 1, "0"))
        assert "[tool call" not in written.files[0].read_text(encoding="utf-8-sig")
        assert ("find" in written.files[0].read_text(encoding="utf-8-sig")) != bool(written.left_out)


@pytest.mark.parametrize(
    ("calls", "results", "written"),
    [
        # OpenAI's earlier form, which has no ids
        (
            [ToolCall("find", "{}")],
            [ToolResult("Oslo", "", "find")],
            [
                {"role": "assistant", "content": "", "function_call": {"name": "find", "arguments": "{}"}},
                {"role": "function", "content": "Oslo", "name": "find"},
            ],
        ),
        # a result that does not say whose it is
        (
            [ToolCall("find", "{}")],
            [ToolResult("Oslo")],
            [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {"id": "call_1_0", "type": "function", "function": {"name": "find", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "content": "Oslo", "tool_call_id": "call_1_0"},
            ],
        ),
        # a result without a call
        ([], [ToolResult("Oslo")], [{"role": "assistant", "content": "hm"}, {"role": "tool", "content": "Oslo"}]),
    ],
)
def test_conversations_whose_calls_have_no_ids(tmp_path, calls, results, written):
    calling = Turn.of_parts("assistant", calls or [Text("hm")])
    turns = (USER, calling, *(Turn.of_parts("tool", [result], result.name or None) for result in results))
    path = write_conversations([Conversation("c", turns)], EXPORTERS.get("openai"), tmp_path).files[0]
    assert json.loads(path.read_text())["messages"][1:] == written
    (back,) = read_log(path)
    assert [(turn.role, turn.content, turn.name) for turn in back.turns] == [
        (turn.role, turn.content, turn.name) for turn in turns
    ]


@pytest.mark.parametrize(
    "form", ["jsonl", "csv", "parquet", "trl-dpo", "trl-reward", "trl-kto", "llama-factory", "openai-preference"]
)
def test_calls_of_tools_read_back(tmp_path, form):
    made = Pairs((pair(),), {}, 1)
    written = write_pairs(made, EXPORTERS.get(form), tmp_path, card(made, form, 1, "0"))
    conversations = list(read_log(written.files[0]))
    history = [("user", "where is my parcel?"), ("assistant", WRITTEN), ("tool", "Oslo")]
    assert [[(turn.role, turn.content) for turn in one.turns] for one in conversations] == [
        [*history, ("assistant", "in Oslo.")],
        [*history, ("assistant", "no idea.")],
    ]
    for conversation in conversations:
        *thoughts, call = conversation.turns[1].parts
        assert (call.name, call.arguments) == ("find", '{"code": "A1"}')
        # OpenAI's form has no place for reasoning, LLaMA-Factory's none for ids
        assert thoughts == ([] if form == "openai-preference" else [Reasoning("look it up")])
        assert call.id == ("" if form == "llama-factory" else "c1")
