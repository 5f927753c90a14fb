"""Calls of tools in texts: Hermes' marks, harmony's channels, and texts with the tokens of chat templates."""

import json
import time

import pytest

from convexplain.connectors.logs.engine.reasoning_marks import parts_of_marked, without_marked
from convexplain.parts import Reasoning, Text, ToolCall, ToolResult

from .reading import HI_SAID, read, said, told

CALL = '<tool_call>\n{"name": "price", "arguments": {"item": "tea"}}\n</tool_call>'
TEA = ToolCall("price", '{"item": "tea"}')


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (CALL, (TEA,)),
        (f"I look.\n{CALL}\n{CALL}\nDone.", (Text("I look."), TEA, TEA, Text("Done."))),
        (f"<think>hm</think>\n{CALL}", (Reasoning("hm"), TEA)),
        ("<tool_call>{'name': 'price', 'arguments': {'item': 'tea'}}</tool_call>", (TEA,)),
        ('<tool_call>{"name": "price", "parameters": "x"}</tool_call>', (ToolCall("price", "x"),)),
        # harmony
        ("<|channel|>final<|message|>Four.<|return|>", (Text("Four."),)),
        (
            "<|channel|>analysis<|message|>I ask.<|end|><|start|>assistant<|channel|>commentary to=functions.price "
            '<|constrain|>json<|message|>{"item": "tea"}<|call|>',
            (Reasoning("I ask."), TEA),
        ),
        (
            '<|start|>assistant to=functions.price<|channel|>commentary json<|message|>{"item": "tea"}<|call|>',
            (TEA,),
        ),
        ("<|channel|>commentary<|message|>I look.<|end|>", (Text("I look."),)),
    ],
)
def test_marked_calls(text, parts):
    assert parts_of_marked([Text(text)]) == parts


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call> is a mark of Hermes.",
        "<tool_call>{broken</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        "Write <|channel|> before it.",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert parts_of_marked([Text(text)]) is None
    assert without_marked(text) == text


@pytest.mark.parametrize(
    "text",
    ["<tool_call>{" * 20_000, "<tool_call>{" * 20_000 + "}</tool_call>", "<|start|>" * 20_000, f"{CALL}\n" * 2_000],
)
def test_many_marks_take_no_time(text):
    began = time.process_time()
    parts_of_marked([Text(text)])
    assert time.process_time() - began < 3


def test_hermes_has_calls_and_results(tmp_path):
    answers = '<tool_response>\n{"name": "price", "content": 4}\n</tool_response>'
    turns = [
        ("human", "Tea and milk?"),
        ("gpt", f"{CALL}\n{CALL}"),
        ("tool", f"{answers}\n<tool_response>\nno milk\n</tool_response>"),
        ("gpt", "Four."),
    ]
    record = {"id": "h", "conversations": [{"from": who, "value": text} for who, text in turns]}
    [conversation], problems = read(tmp_path, json.dumps(record))
    assert [turn.role for turn in conversation.turns] == ["user", "assistant", "tool", "tool", "assistant"]
    assert conversation.turns[1].parts == (TEA, TEA)
    assert [turn.parts for turn in conversation.turns[2:4]] == [
        (ToolResult('{"name": "price", "content": 4}', name="price"),),
        (),
    ]
    assert (conversation.turns[3].content, problems) == ("no milk", [])


HARMONY = (
    "<|start|>system<|message|>You are a model.<|end|><|start|>developer<|message|>Be short.<|end|>"
    "<|start|>user<|message|>Tea?<|end|><|start|>assistant<|channel|>analysis<|message|>I ask.<|end|>"
    "<|start|>assistant<|channel|>commentary to=functions.price <|constrain|>json<|message|>"
    '{"item": "tea"}<|call|><|start|>functions.price to=assistant<|channel|>commentary<|message|>4<|end|>'
    "<|start|>assistant<|channel|>final<|message|>Four.<|return|>"
)


def test_harmony_has_roles_channels_and_calls(tmp_path):
    [conversation], problems = read(tmp_path, HARMONY)
    assert said(conversation) == [
        ("system", "You are a model."),
        ("system", "Be short."),
        ("user", "Tea?"),
        ("assistant", '[tool call price({"item": "tea"})]'),
        ("tool", "4"),
        ("assistant", "Four."),
    ]
    assert conversation.turns[3].parts == (Reasoning("I ask."), TEA)
    assert conversation.turns[4].parts == (ToolResult("4", name="price"),)
    assert problems == []


def test_an_answer_in_harmony_goes_on_after_its_prompt(tmp_path):
    prompt = "<|start|>user<|message|>Hi<|end|><|start|>assistant"
    answer = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello<|return|>"
    records = [
        {"prompt": prompt, "completion": answer, "id": "a"},
        {"id": "b", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer}]},
    ]
    conversations, problems = read(tmp_path, "".join(json.dumps(record) + "\n" for record in records))
    assert [(each.id, said(each)) for each in conversations] == [("a", HI_SAID), ("b", HI_SAID)]
    assert conversations[1].turns[1].parts == (Reasoning("hm"), Text("Hello"))
    assert problems == []


CHATML = (
    "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHi\nyou<|im_end|>\n"
    "<|im_start|>assistant\nHello<|im_end|>\n"
)
LLAMA = (
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
)


def test_texts_of_chat_templates(tmp_path):
    first, second = read(tmp_path, CHATML + CHATML.replace("you", "there"))[0]
    assert said(first) == [("system", "Be short."), ("user", "Hi\nyou"), ("assistant", "Hello")]
    assert said(second)[1] == ("user", "Hi\nthere")
    conversations, problems = read(tmp_path, LLAMA + LLAMA)
    assert ([said(conversation) for conversation in conversations], problems) == ([HI_SAID, HI_SAID], [])
    [conversation], problems = read(tmp_path, json.dumps({"text": LLAMA, "source": "x"}))
    assert (said(conversation), conversation.metadata, problems) == (HI_SAID, {"source": "x"}, [])


def test_results_of_tools_in_users_turns_are_tools(tmp_path):
    text = f"<|im_start|>user\nTea?<|im_end|>\n<|im_start|>assistant\n{CALL}<|im_end|>\n"
    text += "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
    [conversation], _ = read(tmp_path, text)
    assert [(turn.role, turn.parts) for turn in conversation.turns] == [
        ("user", ()),
        ("assistant", (TEA,)),
        ("tool", ()),
    ]


SALESFORCE = """Chat Started: Thursday, May 02, 2024, 10:00:00 (+0000)
Chat Origin: Support
Agent Tom B
( 5s ) Tom B: Hello.
( 1m 2s ) Mia: My parcel is late.
Agent Tom B successfully transferred the chat to Ann
Chat Transferred From Tom B To Ann
( 1m 30s ) Ann: It arrives on Friday.
Or on Saturday.
Chat Started: Friday, May 03, 2024, 10:00:00 (+0000)
Agent Ann
( 3s ) Jo: Hi
( 9s ) Ann: Hello
"""


def test_salesforce_as_plain_text(tmp_path):
    conversations, problems = read(tmp_path, SALESFORCE, "a.txt")
    assert [said(conversation) for conversation in conversations] == [
        [
            ("assistant", "Hello."),
            ("user", "My parcel is late."),
            ("assistant", "It arrives on Friday.\nOr on Saturday."),
        ],
        HI_SAID,
    ]
    assert (conversations[0].turns[2].name, conversations[0].turns[2].metadata) == ("Ann", {"after": "1m 30s"})
    assert told(tmp_path, problems) == [
        ("a.txt:1: left out: 5 events of the chat", True),
        ("a.txt:10: left out: 2 events of the chat", True),
    ]
    [conversation], _ = read(
        tmp_path, json.dumps({"Id": "5", "Body": SALESFORCE[: SALESFORCE.index("Chat Started: Fri")]})
    )
    assert said(conversation) == said(conversations[0])


TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
OFFERS = {
    "a list": (f"Tools are between <tools> </tools>. <tools>{json.dumps([TOOL])}</tools>", [TOOL]),
    "one a line": (f"<tools>\n{json.dumps(TOOL)}\n{json.dumps(TOOL)}\n</tools>", [TOOL, TOOL]),
    "as Python writes it": (f"<tools> {[TOOL]} </tools>", [TOOL]),
    "no JSON": ("Tools are between <tools> and </tools>.", None),
}


@pytest.mark.parametrize(("text", "tools"), OFFERS.values(), ids=OFFERS.keys())
def test_the_tools_that_a_system_text_offers_are_those_of_the_conversation(tmp_path, text, tools):
    record = {"messages": [{"role": "system", "content": text}, {"role": "user", "content": "Hi"}]}
    [conversation], _ = read(tmp_path, json.dumps(record))
    assert (conversation.metadata.get("tools"), conversation.turns[0].content) == (tools, text)
    given = record | {"tools": [{"type": "web"}]}
    [conversation], _ = read(tmp_path, json.dumps(given))
    assert conversation.metadata["tools"] == [{"type": "web"}]
