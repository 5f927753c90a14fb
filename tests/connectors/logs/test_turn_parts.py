"""The parts of turns in the shapes of the model platforms."""

import json

import pytest

from convexplain.parts import Media, Reasoning, Text, ToolCall, ToolResult

from .reading import read

USER = {"role": "user", "content": "Weather?"}
CALL = ToolCall("f", '{"a": 1}', "c1")
FUNCTION = {"name": "f", "arguments": '{"a": 1}'}
SHOWN = '[tool call f({"a": 1})]'


def turns(tmp_path, record):
    (conversation,), problems = read(tmp_path, json.dumps(record) + "\n", "log.jsonl")
    assert [problem for problem in problems if "empty" not in str(problem)] == []
    return [(turn.role, turn.content, turn.parts) for turn in conversation.turns]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        # OpenAI's calls and results
        (
            [
                {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": FUNCTION}]},
                {"role": "tool", "tool_call_id": "c1", "content": "3"},
            ],
            [("assistant", SHOWN, (CALL,)), ("tool", "3", (ToolResult("3", "c1"),))],
        ),
        (
            [
                {"role": "assistant", "content": "I look.", "function_call": FUNCTION},
                {"role": "function", "name": "f", "content": "3"},
            ],
            [
                ("assistant", f"I look.\n{SHOWN}", (Text("I look."), ToolCall("f", '{"a": 1}'))),
                ("tool", "3", ()),
            ],
        ),
        # thoughts beside the answer
        (
            [{"role": "assistant", "content": "3", "reasoning_content": "hm", "reasoning": "hm"}],
            [("assistant", "3", (Reasoning("hm"), Text("3")))],
        ),
        (
            [{"role": "assistant", "content": "", "reasoning": "hm"}],
            [("assistant", "", (Reasoning("hm"),))],
        ),
        # OpenRouter's, and LiteLLM's: the same under two keys is there once
        (
            [
                {
                    "role": "assistant",
                    "content": "3",
                    "reasoning": "hm",
                    "reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": "x", "index": 0}],
                }
            ],
            [("assistant", "3", (Reasoning("hm"), Text("3")))],
        ),
        (
            [{"role": "assistant", "content": "3", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}],
            [("assistant", "3", (Reasoning("hm"), Text("3")))],
        ),
        ([{"role": "assistant", "content": "3", "reasoning": {"effort": "low"}}], [("assistant", "3", ())]),
        ([{"role": "assistant", "content": "<think>hm</think>3"}], [("assistant", "3", (Reasoning("hm"), Text("3")))]),
        # Anthropic's blocks: results of tools are turns of their own
        (
            [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "text", "text": "I look."},
                        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "3"}]},
                        {"type": "text", "text": "And?"},
                    ],
                },
            ],
            [
                ("assistant", f"I look.\n{SHOWN}", (Reasoning("hm"), Text("I look."), CALL)),
                ("tool", "3", (ToolResult("3", "c1"),)),
                ("user", "And?", ()),
            ],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "3"}],
                }
            ],
            [("assistant", "3", (Reasoning(""), Text("3")))],
        ),
        # LLaMA-Factory's
        (
            [
                {
                    "role": "assistant",
                    "content": [
                        {"type": "reasoning", "value": "hm"},
                        {"type": "tool_call", "value": json.dumps({"name": "f", "arguments": '{"a": 1}'})},
                    ],
                },
                {"role": "tool", "content": [{"type": "text", "value": "3"}]},
            ],
            [("assistant", SHOWN, (Reasoning("hm"), ToolCall("f", '{"a": 1}'))), ("tool", "3", ())],
        ),
        # Vercel's AI SDK
        (
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "step-start"},
                        {"type": "reasoning", "text": "hm"},
                        {
                            "type": "tool-f",
                            "toolCallId": "c1",
                            "state": "output-available",
                            "input": {"a": 1},
                            "output": {"t": 3},
                        },
                        {"type": "text", "text": "3."},
                    ],
                },
            ],
            [
                ("assistant", SHOWN, (Reasoning("hm"), CALL)),
                ("tool", '{"t": 3}', (ToolResult('{"t": 3}', "c1", "f"),)),
                ("assistant", "3.", ()),
            ],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": "3.",
                    "parts": [
                        {
                            "type": "tool-invocation",
                            "toolInvocation": {"toolCallId": "c1", "toolName": "f", "args": {"a": 1}, "result": "3"},
                        },
                        {"type": "text", "text": "3."},
                    ],
                },
            ],
            [("assistant", SHOWN, (CALL,)), ("tool", "3", (ToolResult("3", "c1", "f"),)), ("assistant", "3.", ())],
        ),
        # media
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "value": "a/b.jpg"}, {"type": "text", "value": "Who?"}],
                }
            ],
            [("user", "[image]\nWho?", (Media("image"), Text("Who?")))],
        ),
    ],
)
def test_messages(tmp_path, messages, expected):
    assert turns(tmp_path, {"messages": [USER, *messages]}) == [("user", "Weather?", ()), *expected]


def test_calls_in_a_turn_of_its_own(tmp_path):
    record = {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "3"},
            {"from": "function_call", "value": "f(a=1)"},
        ]
    }
    assert turns(tmp_path, record) == [
        ("user", "Weather?", ()),
        ("assistant", SHOWN, (ToolCall("f", '{"a": 1}'),)),
        ("tool", "3", ()),
        ("assistant", "f(a=1)", ()),
    ]


def test_items_of_the_responses_api(tmp_path):
    items = [
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "function_call",
            "id": "fc1",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"a": 1}',
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3."}]},
    ]
    assert turns(tmp_path, items) == [
        ("user", "Weather?", ()),
        ("assistant", SHOWN, (Reasoning("hm"), CALL)),
        ("tool", "3", (ToolResult("3", "c1"),)),
        ("assistant", "3.", ()),
    ]


def test_spans_of_opentelemetry_with_geminis_parts(tmp_path):
    span = {
        "traceId": "a",
        "spanId": "b",
        "attributes": {
            "gen_ai.input.messages": [{"role": "user", "parts": [{"text": "Weather?"}]}],
            "gen_ai.output.messages": [
                {
                    "role": "model",
                    "parts": [{"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {"a": 1}}}],
                }
            ],
        },
    }
    assert turns(tmp_path, span) == [
        ("user", "Weather?", ()),
        ("assistant", SHOWN, (Reasoning("hm"), ToolCall("f", '{"a": 1}'))),
    ]


def test_langchains_messages(tmp_path):
    record = [
        {"type": "human", "data": {"content": "Weather?"}},
        {
            "type": "ai",
            "data": {
                "content": "",
                "additional_kwargs": {"reasoning_content": "hm"},
                "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "c1"}],
            },
        },
        {"type": "tool", "data": {"content": "3", "tool_call_id": "c1", "name": "f"}},
    ]
    assert turns(tmp_path, record) == [
        ("user", "Weather?", ()),
        ("assistant", SHOWN, (Reasoning("hm"), CALL)),
        ("tool", "3", (ToolResult("3", "c1", "f"),)),
    ]
